"""The routes of images: one request in, one image through a worker, one answer out."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from rmexif.errors import RmexifError
from rmexif.service import answers, bodies
from rmexif.service.clients import client_of
from rmexif.service.jobs import JOBS
from rmexif.service.options import OptionReader, request_options
from rmexif.service.turns import ClientLeft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from rmexif.service.admission import Admission
    from rmexif.service.authorisation import BearerTokens
    from rmexif.service.metrics import Metrics
    from rmexif.service.refusals import Refusals
    from rmexif.service.settings import Settings
    from rmexif.service.workers import Workers

__all__ = ["ImageRoutes"]

LOG = logging.getLogger("rmexif.service")


class ImageRoutes:
    """Answers ``POST /v1/{job}``.

    Args:
        settings: what one image may cost, and how long a body may take.
        tokens: who may ask.
        admission: the queue.
        workers: who does the job.
        refusals: makes answers of errors.
        metrics: counts the others.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: BearerTokens,
        admission: Admission,
        workers: Workers,
        refusals: Refusals,
        metrics: Metrics,
    ) -> None:
        self._settings, self._tokens, self._admission = settings, tokens, admission
        self._workers, self._refusals, self._metrics = workers, refusals, metrics

    async def handle(self, request: Request) -> Response:
        """Take one image in, and answer it or say why not."""
        progress = _Progress()
        try:
            return await self._answer(request, progress)
        except (ClientDisconnect, ClientLeft):
            self._metrics.errors.labels("client_left").inc()
            return Response(status_code=400)
        except (RmexifError, HTTPException) as error:
            return self._refusals.of(error, body_pending=progress.body_pending)
        except Exception as error:
            LOG.exception("internal_error: %s", type(error).__name__, exc_info=False)
            failure = RmexifError("an internal step failed")
            return self._refusals.of(failure, body_pending=progress.body_pending)

    async def _answer(self, request: Request, progress: _Progress) -> Response:
        """Check what the head says, read the body, and have a worker do the job."""
        started = time.monotonic()
        self._tokens.check(request)
        job = request.url.path.rsplit("/", 1)[1]
        options = OptionReader(request_options(job))
        options.add(request.query_params.multi_items())  # a wrong option is refused before the body is read
        bodies.check_head(request, self._settings)
        with self._admission.place(client_of(request.client)) as place:
            body = await bodies.read(request, self._settings, place)
            progress.body_pending = False
            options.add(body.fields)
            values = options.values() | self._settings.operator_options
            arguments = JOBS[job].arguments(values, self._settings.limits)
            self._metrics.size.observe(len(body.data))
            data, stats = await self._work(request, job, body.data, arguments)
        self._metrics.seconds.observe(time.monotonic() - started)
        self._metrics.images.labels(stats.get("format", "any")).inc()
        if data is None:
            return answers.json_response(stats)
        form = answers.negotiate(request.headers.get("accept", ""))
        return answers.image_response(data, stats, form, self._settings.report_bytes)

    async def _work(
        self, request: Request, job: str, raw: bytearray, arguments: tuple[Any, ...]
    ) -> tuple[bytes | None, Mapping[str, Any]]:
        client_left = asyncio.ensure_future(bodies.client_left(request))
        try:
            client = client_of(request.client)
            return await self._workers.run(job, raw, *arguments, client=client, client_left=client_left)
        finally:
            client_left.cancel()


class _Progress:
    """How far a request has come: an answer before the end of its body closes the connection."""

    body_pending = True
