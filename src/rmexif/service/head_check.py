"""What the head of a request decides: it is refused before its body is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from rmexif.errors import RmexifError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rmexif.service.refusals import Refusals

__all__ = ["HeadCheck"]


class HeadCheck(ABC):
    """Passes a request on, or answers with the error that its head raises.

    Args:
        app: the application behind.
        refusals: makes answers of errors.
    """

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app, self._refusals = app, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                self.check(scope["method"], Headers(scope=scope))
            except RmexifError as error:
                await self._refusals.of(error, body_pending=True)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    @abstractmethod
    def check(self, method: str, headers: Headers) -> None:
        """Raise an RmexifError where the request is refused.

        Args:
            method: of the request, in capitals.
            headers: all of them.
        """
