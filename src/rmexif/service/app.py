"""The application: its parts, put together from the settings."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from rmexif.errors import RmexifError
from rmexif.service.admission import Admission
from rmexif.service.answers import REPORT, SecurityHeaders
from rmexif.service.authorisation import BearerTokens
from rmexif.service.framing import OneLength
from rmexif.service.images import ImageRoutes
from rmexif.service.jobs import JOBS
from rmexif.service.metrics import Metrics
from rmexif.service.origins import KnownOrigins
from rmexif.service.pages import Pages
from rmexif.service.readiness import Readiness
from rmexif.service.refusals import Refusals
from rmexif.service.workers import Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rmexif.service.settings import Settings

__all__ = ["build"]

LOG = logging.getLogger("rmexif.service")


def build(settings: Settings) -> Starlette:
    """The ASGI application for these settings."""
    metrics = Metrics()
    admission = Admission(settings.places, settings.places_per_client, metrics.waiting)
    workers = Workers(settings, admission, metrics)
    readiness = Readiness(workers)
    tokens, refusals = BearerTokens(settings.secrets()), Refusals(metrics)
    images = ImageRoutes(settings, tokens, admission, workers, refusals, metrics)
    pages = Pages(settings, tokens, readiness, refusals, metrics)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        """Start the workers before the first request, end them after the last."""
        warm = asyncio.create_task(_warm_up(readiness, settings.worker_count))
        try:
            yield
        finally:
            warm.cancel()
            await workers.stop()

    app = Starlette(
        routes=_routes(settings, images, pages),
        middleware=_middleware(settings, refusals),
        lifespan=lifespan,
        exception_handlers={HTTPException: pages.unroutable},
    )
    app.router.redirect_slashes = False  # a client would send its image again, to wherever Host said
    return app


def _middleware(settings: Settings, refusals: Refusals) -> list[Middleware]:
    origins = settings.listed("allowed_origins")
    cors = Middleware(CORSMiddleware, origins, ("POST",), ("Authorization",), expose_headers=(REPORT,))
    known = Middleware(KnownOrigins, refusals, settings)
    return [Middleware(SecurityHeaders), Middleware(OneLength, refusals), *([cors] if origins else []), known]


def _routes(settings: Settings, images: ImageRoutes, pages: Pages) -> list[Route]:
    routes = [
        *(Route(f"/v1/{name}", images.handle, methods=["POST"], name=name) for name in JOBS),
        Route("/healthz", pages.alive),
        Route("/readyz", pages.ready),
        Route("/openapi.json", pages.openapi),
        Route("/docs", pages.manual),
    ]
    if settings.metrics:
        routes.append(Route("/metrics", pages.metrics))
    if settings.page:
        routes += [Route("/", pages.page), Route("/page/{name}", pages.page_file)]
    return routes


async def _warm_up(readiness: Readiness, workers: int) -> None:
    """Have every worker clean the canary, so that no request waits for a process to start."""
    try:
        await asyncio.gather(*(readiness.clean_canary() for _ in range(workers)))
    except RmexifError as error:
        LOG.warning("the canary failed at the start: %s", error.code)
