"""Turns at the workers, by what images say that they cost, and what they then take.

There are more workers than are used at once: the surplus is the background. An image that says that it is large
starts there. One that has taken longer than its size explains goes there when another one waits for its turn, as in a
multilevel feedback queue: whoever lies about its cost costs itself. Where all is taken by such, the one that is
furthest beyond its share is ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rmexif.containers.declared import declared_pixels
from rmexif.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["ClientLeft", "Cost", "Turn", "Turns"]

LARGE_PIXELS = 32_000_000  # above the pictures of most cameras
BASE_SECONDS, SECONDS_PER_MP, SECONDS_PER_MB = 0.4, 0.1, 0.1  # a scrub on one core takes half of that (benchmarks)
LOOK_AGAIN = 0.05  # s between two looks at who has gone beyond its share
PATIENCE = 4.0  # shares, after which an image may be ended for others that wait


class ClientLeft(Exception):
    """The client closed its connection."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an image says of its cost."""

    seconds: float  # its share of a worker's time
    is_large: bool

    @classmethod
    def of(cls, raw: bytes | bytearray | memoryview) -> Cost:
        """From its length, and from the size that its header declares."""
        pixels = declared_pixels(bytes(raw[: 1 << 16]))
        seconds = BASE_SECONDS + pixels / 1e6 * SECONDS_PER_MP + len(raw) / 1e6 * SECONDS_PER_MB
        return cls(seconds, pixels > LARGE_PIXELS)


@dataclass(eq=False, slots=True)
class Turn:
    """One image at a worker, or waiting for one.

    Attributes:
        end: ends the worker that has the image.
        is_ended: whether that was done.
    """

    client: str
    cost: Cost
    granted: asyncio.Future[None]
    started: float = 0.0
    end: Callable[[], None] | None = None
    is_ended: bool = field(default=False)

    def begin(self, end: Callable[[], None]) -> None:
        """A worker is ready for it; called by the thread that waits for its answer."""
        self.started, self.end = time.monotonic(), end

    def overrun(self) -> float:
        """How many of its shares it has taken."""
        return (time.monotonic() - self.started) / self.cost.seconds if self.end else 0.0


class Turns:
    """Who may use a worker, and which goes into the background.

    Args:
        workers: images that are worked on at once.
        background: images beyond those.
        seconds: s that a request waits for its turn.
    """

    def __init__(self, workers: int, background: int, seconds: float) -> None:
        self._most, self._most_background, self._seconds = workers, background, seconds
        self._foreground: list[Turn] = []
        self._background: list[Turn] = []
        self._waiting: list[Turn] = []
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(
        self, cost: Cost, client: str = "", client_left: asyncio.Future[None] | None = None
    ) -> AsyncIterator[Turn]:
        """Wait for a worker, and hold it for the time of a block.

        Args:
            cost: of the image.
            client: whose it is.
            client_left: done as soon as the client has gone; a request that still waits then is given up. What a
                worker has begun is finished: to end the worker would cost the others more.

        Raises:
            ClientLeft: the client has gone.
            DeadlineExceeded: no worker was free in time.
        """
        turn = Turn(client, cost, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        self._grant()
        try:
            waiting: set[asyncio.Future[Any]] = {turn.granted, client_left} if client_left else {turn.granted}
            await asyncio.wait(waiting, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if not turn.granted.done():
                if client_left and client_left.done():
                    raise ClientLeft
                raise DeadlineExceeded(f"no worker was free for {self._seconds:g} s")
            yield turn
        finally:
            for turns in (self._waiting, self._foreground, self._background):
                if turn in turns:
                    turns.remove(turn)
            self._grant()

    def _grant(self) -> None:
        """Start what may start, and see to it that this is asked again when that may change by itself."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for turn in (turn for turn in self._in_order() if turn.cost.is_large):
            if len(self._background) < self._most_background:
                self._start(turn, self._background)
        for turn in (turn for turn in self._in_order() if not turn.cost.is_large):
            if len(self._foreground) >= self._most and not self._make_room():
                break
            self._start(turn, self._foreground)

    def _in_order(self) -> list[Turn]:
        """Those that wait: of clients with the fewest turns first, then as they came."""
        held = Counter(turn.client for turn in (*self._foreground, *self._background))
        return sorted(self._waiting, key=lambda turn: held[turn.client])

    def _start(self, turn: Turn, turns: list[Turn]) -> None:
        self._waiting.remove(turn)
        turns.append(turn)
        turn.granted.set_result(None)

    def _make_room(self) -> bool:
        """Whether an image could be put into the background; else one that is far beyond its share is ended."""
        overrun = {turn: turn.overrun() for turn in (*self._foreground, *self._background)}
        slowest = max(self._foreground, key=overrun.__getitem__)
        if overrun[slowest] > 1 and len(self._background) < self._most_background:
            self._foreground.remove(slowest)
            self._background.append(slowest)
            return True
        last = max(overrun, key=overrun.__getitem__)
        if overrun[slowest] > 1 and overrun[last] > PATIENCE and not any(turn.is_ended for turn in overrun):
            if last.end is not None:
                last.is_ended = True
                asyncio.get_running_loop().run_in_executor(None, last.end)
        else:
            self._timer = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._grant)
        return False
