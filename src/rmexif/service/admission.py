"""The queue in front of the workers: how many requests may hold an image, and how long one waits for a worker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from rmexif.errors import DeadlineExceeded, RmexifError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from prometheus_client import Gauge

__all__ = ["Admission", "Busy", "ClientLeft"]

POLL = 0.05  # s between two looks at whether all requests are answered, at the end


class Busy(RmexifError):
    """As many requests as may wait are waiting."""

    code = "busy"
    status_hint = 429


class ClientLeft(Exception):
    """The client closed its connection."""


class Admission:
    """Places for requests, and turns at the workers.

    Args:
        workers: images that are worked on at once.
        queue: requests that may wait beside them.
        seconds: s that a request waits for its turn.
        gauge: shows how many places are taken.
    """

    def __init__(self, workers: int, queue: int, seconds: float, gauge: Gauge) -> None:
        self._places, self._seconds, self._gauge = workers + queue, seconds, gauge
        self._taken = 0
        self._turns = asyncio.Semaphore(workers)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for one image, from before its body is read until it is answered.

        Raises:
            Busy: there is none.
        """
        if self._taken >= self._places:
            raise Busy("the queue is full; try again")
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    @asynccontextmanager
    async def turn(self, client_left: asyncio.Future[None] | None = None) -> AsyncIterator[None]:
        """Wait for a free worker, and hold it for the time of a block.

        Args:
            client_left: done as soon as the client has gone; a request that still waits then is given up. What a
                worker has begun is finished: to end the worker would cost the others more.

        Raises:
            ClientLeft: the client has gone.
            DeadlineExceeded: no worker was free in time.
        """
        turn = asyncio.ensure_future(self._turns.acquire())
        try:
            waiting: set[asyncio.Future[Any]] = {turn, client_left} if client_left else {turn}
            await asyncio.wait(waiting, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                if client_left and client_left.done():
                    raise ClientLeft
                raise DeadlineExceeded(f"no worker was free for {self._seconds:g} s")
            yield
        finally:
            if not turn.cancel():  # cancelled while it waited, it never had its turn
                self._turns.release()

    async def drain(self, seconds: float) -> None:
        """Wait until every request is answered, for so long at the most."""
        until = asyncio.get_running_loop().time() + seconds
        while self._taken and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(POLL)

    def _count(self, change: int) -> None:
        self._taken += change
        self._gauge.set(self._taken)
