"""The application: one route in for every image, and the few pages around it."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from rmexif.errors import InvalidPolicy, RmexifError
from rmexif.service import answers, bodies, openapi, page
from rmexif.service.crew import Busy, ClientLeft, Crew
from rmexif.service.metrics import CONTENT_TYPE, Metrics
from rmexif.service.options import policy_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rmexif.service.settings import Settings

__all__ = ["build"]

LOG = logging.getLogger("rmexif.service")
CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed"}
TRUE, FALSE = ("true", "1"), ("false", "0")


def build(settings: Settings) -> Starlette:
    """The ASGI application for these settings."""
    service = Service(settings)
    gate = [Middleware(answers.Guard)]
    routes = [
        *(Route(f"/v1/{name}", service.handle, methods=["POST"], name=name) for name in service.jobs),
        Route("/healthz", service.alive),
        Route("/readyz", service.ready),
        Route("/openapi.json", service.openapi),
        Route("/docs", service.manual),
    ]
    if settings.metrics:
        routes.append(Route("/metrics", service.expose))
    if settings.page:
        routes.append(Route("/", service.page))
    return Starlette(
        routes=routes, middleware=gate, lifespan=service.life, exception_handlers={HTTPException: service.unroutable}
    )


class Service:
    """The routes and what they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._metrics = settings, Metrics()
        self._crew = Crew(settings, self._metrics)
        self._tokens = settings.secrets()
        self._page, self._page_policy = page.assemble()
        self.jobs: dict[str, Callable[[list[tuple[str, str]]], tuple[Any, ...]]] = {
            "scrub": self._for_scrub,
            "strip": self._for_strip,
            "inspect": self._for_inspect,
            "verify": self._for_strip,
            "preview": self._for_preview,
        }

    @asynccontextmanager
    async def life(self, app: Starlette) -> AsyncIterator[None]:
        """Start the workers before the first request, end them after the last."""
        self._crew.start()
        warm = asyncio.create_task(self._warm())
        try:
            yield
        finally:
            warm.cancel()
            await self._crew.stop()

    async def handle(self, request: Request) -> Response:
        """Take one image in, and answer it."""
        started, unread = time.monotonic(), True
        try:
            self._authorise(request)
            job = request.url.path.rsplit("/", 1)[1]
            self.jobs[job](list(request.query_params.multi_items()))  # a wrong option is known before the body
            bodies.check_head(request, self._settings)
            with self._crew.admit():
                body = await bodies.read(request, self._settings)
                unread = False
                arguments = self.jobs[job]([*request.query_params.multi_items(), *body.fields])
                self._metrics.size.observe(len(body.data))
                left = asyncio.ensure_future(bodies.client_left(request))
                try:
                    data, stats = await self._crew.run(job, body.data, *arguments, left=left)
                finally:
                    left.cancel()
            self._metrics.seconds.observe(time.monotonic() - started)
            self._metrics.images.labels(stats.get("format", "any")).inc()
            return self._answer(request, data, stats)
        except (ClientDisconnect, ClientLeft):
            self._metrics.errors.labels("client_left").inc()
            return Response(status_code=400)
        except (RmexifError, HTTPException) as error:
            return self._refuse(error, unread)
        except Exception as error:
            LOG.exception("internal_error: %s", type(error).__name__, exc_info=False)
            return self._refuse(RmexifError("an internal step failed"), unread)

    async def alive(self, request: Request) -> Response:
        """Whether the process answers."""
        return answers.said({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """Whether a canary image comes out clean."""
        try:
            await self._crew.prove()
        except RmexifError as error:
            return answers.Refusal(error.code, str(error), 503, unread=False, Retry_After="5")
        return answers.said({"status": "ready"})

    async def expose(self, request: Request) -> Response:
        """The counters."""
        try:
            self._authorise(request)
        except HTTPException as error:
            return self._refuse(error, unread=False)
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def openapi(self, request: Request) -> Response:
        """The description of the API for machines."""
        return answers.said(openapi.document(self._settings))

    async def manual(self, request: Request) -> Response:
        """The description of the API for people."""
        html, policy = openapi.manual(self._settings)
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    async def page(self, request: Request) -> Response:
        """The page for people with pictures."""
        return HTMLResponse(self._page, headers={"Content-Security-Policy": self._page_policy})

    async def unroutable(self, request: Request, error: Exception) -> Response:
        """No such path, or no such method."""
        return self._refuse(error if isinstance(error, HTTPException) else HTTPException(500), unread=True)

    async def _warm(self) -> None:
        try:
            await asyncio.gather(*(self._crew.warm() for _ in range(self._settings.crew)))
        except RmexifError as error:
            LOG.warning("the canary failed at the start: %s", error.code)

    def _authorise(self, request: Request) -> None:
        if not self._tokens:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "replace")
        right = [hmac.compare_digest(given, known) for known in self._tokens]  # all of them, always
        if scheme.lower() != "bearer" or not any(right):
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})

    def _for_scrub(self, said: list[tuple[str, str]]) -> tuple[Any, ...]:
        return (policy_from(said, self._settings.limits),)

    def _for_preview(self, said: list[tuple[str, str]]) -> tuple[Any, ...]:
        policy = [(name, text) for name, text in said if name != "picture"]
        pictures = [_flag(name, text) for name, text in said if name == "picture"]
        return policy_from(policy, self._settings.limits), all(pictures)

    def _for_strip(self, said: list[tuple[str, str]]) -> tuple[Any, ...]:
        if said:
            raise InvalidPolicy("there are no options here")
        return (self._settings.limits,)

    def _for_inspect(self, said: list[tuple[str, str]]) -> tuple[Any, ...]:
        if any(name != "values" for name, _ in said):
            raise InvalidPolicy("the only option here is values")
        return self._settings.limits, any(_flag(name, text) for name, text in said)

    def _answer(self, request: Request, data: bytes | None, stats: dict[str, Any]) -> Response:
        if data is None:
            return answers.said(stats)
        form = answers.form_of(request.headers.get("accept", ""))
        return answers.image(data, stats, form, self._settings.report_bytes)

    def _refuse(self, error: RmexifError | HTTPException, unread: bool) -> Response:
        headers: dict[str, str] = {}
        if isinstance(error, HTTPException):
            status, code = error.status_code, CODES.get(error.status_code, "error")
            message = code.replace("_", " ") if status in (404, 405) else error.detail
            headers = dict(error.headers or {})
        else:
            status, code, message = error.status_hint, error.code, str(error)
        if isinstance(error, Busy) or status == 503:
            headers["Retry-After"] = "1" if isinstance(error, Busy) else "5"
        self._metrics.errors.labels(code).inc()
        LOG.log(logging.WARNING if status >= 500 else logging.INFO, "%d %s", status, code)
        return answers.Refusal(code, message, status, unread=unread, **headers)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in (*TRUE, *FALSE):
        raise InvalidPolicy(f"{name}: it is true or false")
    return text.lower() in TRUE
