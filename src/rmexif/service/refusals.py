"""Every error as an answer: ``{"code": ..., "message": ...}``, a status, a count and a line without a name in it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from rmexif.service.admission import Busy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from rmexif.errors import RmexifError
    from rmexif.service.metrics import Metrics

__all__ = ["Refusal", "Refusals"]

LOG = logging.getLogger("rmexif.service")
CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed"}
DRAIN_BYTES, DRAIN_SECONDS = 4 << 20, 1.0  # of a body that is read after its refusal: what fills a few sockets' buffers
RETRY_BUSY, RETRY_LATER = "1", "5"  # s


class Refusal(JSONResponse):
    """``{"code": ..., "message": ...}``; sent at once, then the rest of the body is read for a moment.

    A client that is still sending would otherwise meet a closed connection before it reads why.

    Args:
        answer: ``code`` for scripts, ``message`` for people, and the place in an image that is at fault.
        status: of the answer.
        body_pending: whether the client may still be sending.
        headers: with ``_`` for ``-``.
    """

    def __init__(self, answer: Mapping[str, Any], status: int, *, body_pending: bool, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if body_pending:
            names["Connection"] = "close"
        super().__init__(answer, status, names)
        self._body_pending = body_pending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, and read a bounded rest of the question."""
        if not self._body_pending:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Refusals:
    """Makes answers of errors.

    Args:
        metrics: counts them by code.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def of(self, error: RmexifError | HTTPException, *, body_pending: bool) -> Refusal:
        """The answer to a request that failed with ``error``."""
        headers: dict[str, str] = {}
        if isinstance(error, HTTPException):
            status, code = error.status_code, CODES.get(error.status_code, "error")
            message = code.replace("_", " ") if status in (404, 405) else error.detail
            answer: dict[str, Any] = {"code": code, "message": message}
            headers = dict(error.headers or {})
        else:
            status, code, answer = error.status_hint, error.code, error.as_dict()
        if isinstance(error, Busy):
            headers["Retry-After"] = RETRY_BUSY
        elif status == 503:
            headers["Retry-After"] = RETRY_LATER
        self._metrics.errors.labels(code).inc()
        LOG.log(logging.WARNING if status >= 500 else logging.INFO, "%d %s", status, code)
        return Refusal(answer, status, body_pending=body_pending, **headers)

    def not_ready(self, error: RmexifError) -> Refusal:
        """The answer of a probe; probes are not counted."""
        return Refusal(error.as_dict(), 503, body_pending=False, Retry_After=RETRY_LATER)


async def _drain(receive: Receive) -> None:
    remaining = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while remaining > 0:
                message = await receive()
                remaining -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return  # long enough; whoever still sends has had its answer
