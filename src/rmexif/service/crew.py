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

from rmexif.errors import DeadlineExceeded, ProcessingError, RmexifError, WorkerLost
from rmexif.policy import Policy
from rmexif.service import jobs
from rmexif.types import Limits
from rmexif.workers import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.service.jobs import Answer
    from rmexif.service.metrics import Metrics
    from rmexif.service.settings import Settings

__all__ = ["Busy", "ClientLeft", "Crew"]

BROKEN = (RuntimeError, OSError, EOFError)  # what pebble raises for a pool without its process
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


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class Crew:
    """The worker processes and the queue in front of them."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._room = settings.crew + settings.queue
        self._held = 0
        self._idle: asyncio.Queue[ProcessPool | None] = asyncio.Queue()
        self._pools: set[ProcessPool] = set()
        self._open = False
        self._proved = -FRESH
        self._proving = asyncio.Lock()

    def start(self) -> None:
        """Open the doors; a process starts with its first job.

        Each has a pool of its own, so that one that dies in the middle of a message takes nobody's channel with it.
        """
        self._open = True
        for _ in range(self._settings.crew):
            self._idle.put_nowait(None)

    async def stop(self) -> None:
        """Finish what is under way, then end the processes."""
        self._open = False
        until = time.monotonic() + self._settings.shutdown_seconds
        while self._held and time.monotonic() < until:
            await asyncio.sleep(0.05)
        for pool in tuple(self._pools):
            await self._drop(pool)

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

    async def run(
        self, name: str, raw: bytes | bytearray, *arguments: Any, left: asyncio.Future[Any] | None = None
    ) -> Answer:
        """Have a worker do a job of ``jobs``.

        Args:
            name: of the job.
            raw: the image.
            arguments: what else the job takes.
            left: done as soon as the client has gone; what still waits for a worker then is given up. What a worker
                has begun is finished: ending the worker would cost the others more.

        Raises:
            ClientLeft: the client has gone.
            DeadlineExceeded: no worker was free in time, or the image took too long.
            WorkerLost: the worker died.
            RmexifError: what the job raised.
        """
        if not self._open:
            raise DeadlineExceeded("the service is stopping")
        settings = self._settings
        pool = await self._free(left)
        try:
            pool = pool or self._hire()
            future = pool.schedule(jobs.run, args=(name, raw, *arguments), timeout=settings.deadline_seconds)
            result = await asyncio.wrap_future(future)
        except LateError as error:  # before the next: it is an OSError
            raise DeadlineExceeded(f"the image took longer than {settings.deadline_seconds:g} s") from error
        except (ProcessExpired, *BROKEN) as error:
            self._metrics.lost.inc()
            if pool is not None and not isinstance(error, ProcessExpired):
                await self._drop(pool)
                pool = None
            raise WorkerLost("the process that worked on the image ended; nothing came out") from error
        finally:
            self._idle.put_nowait(pool)
        if isinstance(result, RmexifError):
            raise result
        answer: Answer = result
        return answer

    async def _free(self, left: asyncio.Future[Any] | None) -> ProcessPool | None:
        """The next worker without a job; None where one has to be hired."""
        turn = asyncio.ensure_future(self._idle.get())
        waiting = {turn, left} if left else {turn}
        try:
            await asyncio.wait(waiting, timeout=self._settings.queue_seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            turn.add_done_callback(self._turned_down)
            turn.cancel()
            raise
        if turn.done():
            return turn.result()
        turn.cancel()
        if left and left.done():
            raise ClientLeft
        raise DeadlineExceeded(f"no worker was free for {self._settings.queue_seconds:g} s")

    def _turned_down(self, turn: asyncio.Future[ProcessPool | None]) -> None:
        """Put a worker back that nobody waits for any more."""
        if not turn.cancelled():
            self._idle.put_nowait(turn.result())

    def _hire(self) -> ProcessPool:
        settings = self._settings
        arguments = (settings.worker_memory, settings.fence)
        spawn: Any = multiprocessing.get_context("spawn")
        pool = ProcessPool(1, settings.worker_images, _prepare, arguments, spawn)
        self._pools.add(pool)
        return pool

    async def _drop(self, pool: ProcessPool) -> None:
        self._pools.discard(pool)
        pool.stop()  # type: ignore[no-untyped-call]
        await asyncio.to_thread(pool.join)

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


def _prepare(memory: int, fence: bool) -> None:
    """Make a fresh process ready: the terminal's Ctrl-C is the server's affair, memory is bounded, doors are shut."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    import cv2

    cv2.setNumThreads(1)  # the processes are the threads
    landlock = sandbox.no_new_files() if fence else 0
    jobs.run("scrub", CANARY, Policy())  # codecs and model are there before the doors shut
    if fence:
        sandbox.close(landlock)
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
