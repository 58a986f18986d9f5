"""The routes beside the images: health, counters, the page, and the description of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from rmexif.errors import RmexifError
from rmexif.service import answers, openapi, page
from rmexif.service.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from starlette.requests import Request

    from rmexif.service.authorisation import BearerTokens
    from rmexif.service.metrics import Metrics
    from rmexif.service.readiness import Readiness
    from rmexif.service.refusals import Refusals
    from rmexif.service.settings import Settings

__all__ = ["Pages"]


class Pages:
    """Answers ``GET`` requests.

    Args:
        settings: what the descriptions say.
        tokens: who may see the counters.
        readiness: whether a canary comes out clean.
        refusals: makes answers of errors.
        metrics: the counters.
    """

    def __init__(
        self, settings: Settings, tokens: BearerTokens, readiness: Readiness, refusals: Refusals, metrics: Metrics
    ) -> None:
        self._settings, self._tokens, self._readiness = settings, tokens, readiness
        self._refusals, self._metrics = refusals, metrics
        self._files = page.load()

    async def alive(self, request: Request) -> Response:
        """Whether the process answers."""
        return answers.json_response({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """Whether a canary image comes out clean."""
        try:
            await self._readiness.check()
        except RmexifError as error:
            return self._refusals.not_ready(error)
        return answers.json_response({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """The counters."""
        try:
            self._tokens.check(request)
        except HTTPException as error:
            return self._refusals.of(error, body_pending=False)
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def openapi(self, request: Request) -> Response:
        """The description of the API for machines."""
        return answers.json_response(openapi.document(self._settings))

    async def manual(self, request: Request) -> Response:
        """The description of the API for people."""
        html, policy = openapi.manual(self._settings)
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    async def page(self, request: Request) -> Response:
        """The page for people with pictures."""
        return self._file(page.INDEX)

    async def page_file(self, request: Request) -> Response:
        """One of the files that the page is made of."""
        name = request.path_params["name"]
        if name not in self._files:
            return self._refusals.of(HTTPException(404), body_pending=False)
        return self._file(name)

    def _file(self, name: str) -> Response:
        data, kind = self._files[name]
        return Response(data, headers={"Content-Type": kind, "Content-Security-Policy": page.POLICY})

    async def unroutable(self, request: Request, error: Exception) -> Response:
        """No such path, or no such method."""
        failure = error if isinstance(error, HTTPException) else HTTPException(500)
        return self._refusals.of(failure, body_pending=True)
