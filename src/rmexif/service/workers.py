"""The service's worker processes, behind its admission queue."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from rmexif.errors import DeadlineExceeded, WorkerLost
from rmexif.policy import Policy
from rmexif.service import jobs
from rmexif.service.turns import Cost, Turns
from rmexif.workers.limits import WorkerLimits
from rmexif.workers.pool import WorkerPool

if TYPE_CHECKING:
    from rmexif.service.admission import Admission
    from rmexif.service.metrics import Metrics
    from rmexif.service.settings import Settings
    from rmexif.workers.process import Answer

__all__ = ["Workers", "worker_limits"]


def worker_limits(settings: Settings) -> WorkerLimits:
    """What the settings say about every worker process."""
    return WorkerLimits(
        deadline=settings.deadline_seconds,
        memory=settings.worker_memory or None,
        recycle=settings.worker_images or None,
        sandbox=settings.sandbox,
    )


class Workers:
    """A ``WorkerPool`` for an event loop: one thread per process waits for its answer.

    Args:
        settings: how many, and what each may cost.
        admission: the requests that are finished before the end.
        metrics: counts the processes that died.
    """

    def __init__(self, settings: Settings, admission: Admission, metrics: Metrics) -> None:
        self._admission, self._metrics = admission, metrics
        self._seconds = settings.shutdown_seconds
        self._turns = Turns(settings.worker_count, settings.background, settings.queue_seconds)
        count = settings.worker_count + settings.background
        ready = Policy(**settings.operator_options)  # type: ignore[arg-type]
        self._pool = WorkerPool(jobs.run, count, worker_limits(settings), warm_up=ready)
        self._threads = ThreadPoolExecutor(count, "rmexif-worker")
        self._is_open = True

    async def run(
        self,
        job: str,
        raw: bytes | bytearray,
        *arguments: Any,
        client: str = "",
        client_left: asyncio.Future[None] | None = None,
    ) -> Answer:
        """Have a worker do a job of ``jobs``.

        Args:
            job: its name.
            raw: the image.
            arguments: what else the job takes.
            client: whose image it is.
            client_left: done as soon as the client has gone.

        Raises:
            ClientLeft: the client has gone before a worker was free.
            DeadlineExceeded: no worker was free in time, the image took too long, also while others waited, or the
                service is stopping.
            WorkerLost: the worker died.
            RmexifError: what the job raised.
        """
        if not self._is_open:
            raise DeadlineExceeded("the service is stopping")
        async with self._turns.turn(Cost.of(raw), client, client_left) as turn:
            loop = asyncio.get_running_loop()
            try:
                expected = jobs.JOBS[job].expected(*arguments)
                work = partial(self._pool.run, raw, expected, job, *arguments, on_start=turn.begin)
                return await loop.run_in_executor(self._threads, work)
            except WorkerLost as error:
                if turn.is_ended:
                    raise DeadlineExceeded(
                        "the image took far longer than its size explains, and others waited"
                    ) from error
                self._metrics.lost.inc()
                raise

    async def stop(self) -> None:
        """Finish what is under way, then end the processes."""
        self._is_open = False
        await self._admission.drain(self._seconds)
        await asyncio.to_thread(self._pool.close)
        self._threads.shutdown(wait=False)
