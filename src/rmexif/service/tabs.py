"""The service for one person: on this machine only, behind a fresh token, for as long as a tab shows its page."""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rmexif.service import create_app, server_options
from rmexif.service.authorisation import BearerTokens
from rmexif.service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Tabs", "serve_tabs"]

PATH = "/open"
GRACE_SECONDS = 4.0  # from the last tab's end to the service's: a tab that loads anew comes back before
TOKEN_BYTES = 24


class Tabs:
    """Counts the tabs that show the page: each holds one answer open.

    Args:
        app: the service.
        tokens: who may hold one.
        ended: is called when the last one has been gone for a while.
    """

    def __init__(self, app: ASGIApp, tokens: BearerTokens, ended: Callable[[], None]) -> None:
        self._app, self._tokens, self._ended = app, tokens, ended
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a tab's answer, or pass a request on."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        try:
            self._tokens.check(Request(scope))
        except HTTPException as error:
            await Response(status_code=error.status_code)(scope, receive, send)
            return
        await self._hold(receive, send)

    async def _hold(self, receive: Receive, send: Send) -> None:
        self._count += 1
        try:
            headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"\n", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                continue
        finally:
            self._count -= 1
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self._end_if_none)

    def _end_if_none(self) -> None:
        if self._count == 0:
            self._ended()


def serve_tabs(port: int, opened: Callable[[str], Any]) -> None:
    """Serve on localhost until the last tab has gone.

    Args:
        port: to listen on; 0 takes a free one.
        opened: is called with the address, token and all, once it answers.

    Raises:
        MissingDependency: the extra is not installed.
        OSError: the port cannot be had.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    listener = socket.create_server(("127.0.0.1", port))
    settings = Settings.from_environment(
        host="127.0.0.1", port=listener.getsockname()[1], tokens=token, tokens_file="", page=True, metrics=False
    )
    app = create_app(settings)
    import uvicorn

    def end() -> None:
        server.should_exit = True

    tabs = Tabs(app, BearerTokens(settings.secrets()), end)
    server = uvicorn.Server(uvicorn.Config(tabs, **server_options(settings)))
    opened(f"http://127.0.0.1:{settings.port}/#token={token}&stay")
    server.run(sockets=[listener])
