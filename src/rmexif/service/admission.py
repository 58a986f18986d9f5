"""Places for requests that hold an image: how many, how many of one client, and which gives way."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.errors import RmexifError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Gauge

__all__ = ["Admission", "Busy", "Place"]

POLL = 0.05  # s between two looks at whether all requests are answered, at the end
GRACE = 1.0  # s that a body may take, whoever else waits


class Busy(RmexifError):
    """As many requests as may wait are waiting."""

    code = "busy"
    status_hint = 429


@dataclass(eq=False, slots=True)
class Place:
    """One request that holds an image.

    Attributes:
        client: whose it is.
        since: time of the loop, s.
        clock: ends the reading of its body; None before and after.
    """

    client: str
    since: float
    clock: asyncio.Timeout | None = None


class Admission:
    """The places.

    Args:
        places: of all requests together.
        per_client: of one client.
        gauge: shows how many are taken.
    """

    def __init__(self, places: int, per_client: int, gauge: Gauge) -> None:
        self._most, self._per_client, self._gauge = places, per_client, gauge
        self._taken: dict[Place, None] = {}  # in the order of their coming
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, client: str = "") -> Iterator[Place]:
        """Hold a place for one image, from before its body is read until it is answered.

        Where all are taken, a body that comes slowly gives way.

        Args:
            client: whose image it is.

        Raises:
            Busy: there is none, or the client has as many as it may have.
        """
        if self._held[client] >= self._per_client:
            raise Busy(f"{self._per_client} requests of this client are under way, no more are taken; try again")
        if len(self._taken) >= self._most and not self._evict_slow_body():
            raise Busy("the queue is full; try again")
        place = Place(client, asyncio.get_running_loop().time())
        self._taken[place] = None
        self._held[client] += 1
        self._gauge.set(len(self._taken))
        try:
            yield place
        finally:
            self._leave(place)

    async def drain(self, seconds: float) -> None:
        """Wait until every request is answered, for so long at the most."""
        until = asyncio.get_running_loop().time() + seconds
        while self._taken and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(POLL)

    def _evict_slow_body(self) -> bool:
        """Take the place of the client that has most of those whose bodies are slow; whether there is one."""
        now = asyncio.get_running_loop().time()
        slow = [place for place in self._taken if place.clock and now - place.since > GRACE]
        if not slow:
            return False
        last = max(slow, key=lambda place: self._held[place.client])
        assert last.clock is not None
        last.clock.reschedule(now)
        last.clock = None
        self._leave(last)
        return True

    def _leave(self, place: Place) -> None:
        if place not in self._taken:
            return  # it had to give way
        del self._taken[place]
        self._held[place.client] -= 1
        self._held += Counter()  # without those that hold none
        self._gauge.set(len(self._taken))
