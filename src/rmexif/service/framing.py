"""Where the body of a request ends must be said once: two readers that took it differently would see two requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from rmexif.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rmexif.service.refusals import Refusals

__all__ = ["AmbiguousLength", "OneLength"]


class AmbiguousLength(InputError):
    """The head states the length of the body twice, or in two ways."""

    code = "ambiguous_length"
    status_hint = 400


class OneLength:
    """Refuses what a proxy in front could read as another request (RFC 9112, 6.1 and 11.2), and closes the connection.

    Args:
        app: the application behind.
        refusals: makes answers of errors.
    """

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app, self._refusals = app, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it before its body is read."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if len(headers.getlist("content-length")) + len(headers.getlist("transfer-encoding")) > 1:
                error = AmbiguousLength("Content-Length or Transfer-Encoding must be stated once, and not both")
                await self._refusals.of(error, body_pending=True)(scope, receive, send)
                return
        await self._app(scope, receive, send)
