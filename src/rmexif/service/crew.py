"""Who does the work: a bounded number of requests, worker processes that can be killed, and a time for everything."""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import signal
import time
from concurrent.futures import TimeoutError as LateError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired, ProcessPool

from rmexif.errors import DeadlineExceeded, ProcessingError, RmexifError
from rmexif.service import jobs
from rmexif.types import Limits, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.service.jobs import Answer
    from rmexif.service.metrics import Metrics
    from rmexif.service.settings import Settings

__all__ = ["Busy", "Crew", "WorkerLost"]

FRESH = 10.0  # s: how long one answer of the canary is believed
MARK = b"canary"
# A grey JPEG of 16 x 16 px, with an Exif artist, a comment and a trailer that say "canary".
CANARY = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/4QApRXhpZgAASUkqAAgAAAABADsBAgAHAAAAGgAAAAAAAABjYW5hcnkA//4ACGNhbmFyef/bAEMAAwICAw"
    "ICAwMDAwQDAwQFCAUFBAQFCgcHBggMCgwMCwoLCw0OEhANDhEOCwsQFhARExQVFRUMDxcYFhQYEhQVFP/AAAsIABAAEAEBEQD/xAAfAAABBQEB"
    "AQEBAQAAAAAAAAAAAQIDBAUGBwgJCgv/xAC1EAACAQMDAgQDBQUEBAAAAX0BAgMABBEFEiExQQYTUWEHInEUMoGRoQgjQrHBFVLR8CQzYnKCCQ"
    "oWFxgZGiUmJygpKjQ1Njc4OTpDREVGR0hJSlNUVVZXWFlaY2RlZmdoaWpzdHV2d3h5eoOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3"
    "uLm6wsPExcbHyMnK0tPU1dbX2Nna4eLj5OXm5+jp6vHy8/T19vf4+fr/2gAIAQEAAD8AKKKK/9ljYW5hcnk="
)


class Busy(RmexifError):
    """As many requests as may wait are waiting."""

    code = "busy"
    status_hint = 429


class WorkerLost(ProcessingError):
    """The process that worked on this image died; nothing came out."""

    code = "worker_lost"
    status_hint = 503


class Crew:
    """The worker processes and the queue in front of them."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._room = settings.crew + settings.queue
        self._held = 0
        self._pool: Any = None
        self._proved = -FRESH
        self._proving = asyncio.Lock()

    def start(self) -> None:
        """Make the pool; its processes start with the first job."""
        self._pool = ProcessPool(
            max_workers=self._settings.crew,
            max_tasks=self._settings.worker_images,
            initializer=_prepare,
            initargs=(self._settings.worker_memory,),
            context=multiprocessing.get_context("spawn"),
        )

    async def stop(self) -> None:
        """Finish what is under way, then end the processes."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        pool.close()
        try:
            await asyncio.to_thread(pool.join, self._settings.shutdown_seconds)
        except LateError:
            pool.stop()
            await asyncio.to_thread(pool.join)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for one image, from before its body is read until it is answered.

        Raises:
            Busy: there is none.
        """
        if self._held >= self._room:
            raise Busy("the queue is full; try again")
        self._held += 1
        self._metrics.waiting.set(self._held)
        try:
            yield
        finally:
            self._held -= 1
            self._metrics.waiting.set(self._held)

    async def run(self, name: str, raw: bytes | bytearray, *arguments: Any) -> Answer:
        """Have a worker do a job of ``jobs``.

        Raises:
            DeadlineExceeded: no worker was free in time, or the image took too long.
            WorkerLost: the worker died.
            RmexifError: what the job raised.
        """
        if self._pool is None:
            raise DeadlineExceeded("the service is stopping")
        settings = self._settings
        future = self._pool.schedule(jobs.run, args=(name, raw, *arguments), timeout=settings.deadline_seconds)
        try:
            async with asyncio.timeout(settings.queue_seconds + settings.deadline_seconds):
                result = await asyncio.wrap_future(future)
        except ProcessExpired as error:
            self._metrics.lost.inc()
            raise WorkerLost("the process that worked on the image ended; nothing came out") from error
        except (TimeoutError, LateError) as error:
            raise DeadlineExceeded(f"the image took longer than {settings.deadline_seconds:g} s") from error
        if isinstance(result, RmexifError):
            raise result
        answer: Answer = result
        return answer

    async def prove(self) -> None:
        """Clean the canary for real: codecs, model and check work, in a worker.

        Raises:
            RmexifError: they do not.
        """
        async with self._proving:
            if time.monotonic() - self._proved < FRESH:
                return
            await self.warm()

    async def warm(self) -> None:
        """Clean the canary in any one worker, which loads codecs and the model there."""
        data, stats = await self.run("scrub", CANARY, Policy(limits=Limits()))
        if data is None or MARK in data or stats["metadata_removed"] is not True or not stats["search"]:
            raise ProcessingError("the canary image did not come out clean")
        self._proved = time.monotonic()


def _prepare(memory: int) -> None:
    """Make a fresh process ready: the terminal's Ctrl-C is the server's affair, memory is bounded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
