"""How far a run is: done of what the listing knows, how fast, how long it will take, and what was refused."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rmexif.batch.manifest import escaped
from rmexif.batch.rows import GONE, OK, SKIPPED, Codes
from rmexif.batch.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

__all__ = ["Progress", "Total"]


class Total:
    """Counts a listing in a thread of its own, beside the run; nothing of it is kept.

    Args:
        entries: the listing.
    """

    def __init__(self, entries: Iterable[Any]) -> None:
        self.listed, self.is_complete = 0, False
        self._entries = entries
        threading.Thread(target=self._count, name="rmexif-total", daemon=True).start()

    def _count(self) -> None:
        try:
            for _ in self._entries:
                self.listed += 1
        except (OSError, StoreUnavailable):
            return  # the total stays unknown; the run's own listing says what is wrong
        self.is_complete = True


@dataclass(slots=True)
class Progress:
    """What a callback is given with every chunk that is done."""

    total: Total
    done: int = 0
    worked: int = 0  # of these in this run
    refused: int = 0
    last_refused: str | None = None
    codes: Counter[str] = field(default_factory=Codes)  # of this chunk
    _started: float = field(default_factory=time.monotonic)

    def advance(self, codes: Counter[str]) -> None:
        """Count a chunk."""
        self.codes = codes
        self.done += codes.total() - codes[GONE]
        self.worked += codes.total() - codes[GONE] - codes[SKIPPED]
        self.refused += sum(count for code, count in codes.items() if code not in (OK, SKIPPED, GONE))
        name = getattr(codes, "last_refused", None)
        self.last_refused = self.last_refused if name is None else escaped(name)

    @property
    def rate(self) -> float:
        """Objects scrubbed in a second."""
        return self.worked / max(time.monotonic() - self._started, 1e-9)

    @property
    def eta(self) -> float | None:
        """S that the rest will take; None while the listing is not complete or nothing is done."""
        if not self.total.is_complete or not self.worked:
            return None
        return max(0, self.total.listed - self.done) / self.rate

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form."""
        return {
            "done": self.done,
            "listed": self.total.listed,
            "total": self.total.listed if self.total.is_complete else None,
            "rate": round(self.rate, 3),
            "eta": None if self.eta is None else round(self.eta, 1),
            "refused": self.refused,
            "last_refused": self.last_refused,
        }
