"""Who may send images: bearer tokens (RFC 6750), compared in constant time."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["BearerTokens"]


class BearerTokens:
    """The tokens that open the service.

    Args:
        tokens: none opens it to all.
    """

    def __init__(self, tokens: tuple[bytes, ...]) -> None:
        self._tokens = tokens

    def check(self, request: Request) -> None:
        """Let a request through.

        Raises:
            HTTPException: 401, it carries none of the tokens.
        """
        if not self._tokens:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "replace")
        matches = [hmac.compare_digest(given, known) for known in self._tokens]  # all of them, always
        if scheme.lower() != "bearer" or not any(matches):
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
