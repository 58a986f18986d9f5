"""Bytes in one piece that lie in several stretches of a file, and the way back to their places."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Gathered", "Ranges"]

Ranges = tuple[tuple[int, int], ...]  # byte ranges of the file: (start, end)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The bytes of an item, a sample or a codestream."""

    data: memoryview  # in one piece
    ranges: Ranges  # where it lies in the file
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)  # of each range, in ``data``

    def __post_init__(self) -> None:
        """Index the ranges."""
        lengths = (end - start for start, end in self.ranges)
        object.__setattr__(self, "_starts", tuple(accumulate(lengths, initial=0)))

    @classmethod
    def of(cls, view: memoryview, ranges: Ranges | None = None) -> Gathered:
        """The bytes of ``view`` at ``ranges``, or all of them; no copy where there is one range."""
        ranges = ((0, len(view)),) if ranges is None else ranges
        if len(ranges) == 1:
            return cls(view[ranges[0][0] : ranges[0][1]], ranges)
        return cls(memoryview(b"".join(view[start:end] for start, end in ranges)), ranges)

    def offset(self, position: int) -> int:
        """The byte of the file at which byte ``position`` of the data lies; its end for what lies behind."""
        if not self.ranges:
            return 0
        index = min(bisect_right(self._starts, position), len(self.ranges)) - 1
        start, end = self.ranges[index]
        return min(start + position - self._starts[index], end)

    def locator(self, start: int) -> Callable[[int], int]:
        """The byte of the file as a function of the byte behind byte ``start`` of the data."""
        return lambda byte: self.offset(start + byte)

    def places(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Ranges of the file in which the bytes ``[start, stop)`` of the data lie."""
        index = bisect_right(self._starts, start) - 1
        while start < stop and index < len(self.ranges):
            first = self.ranges[index][0]
            until = min(stop, self._starts[index + 1])
            if start < until:
                begin = first + start - self._starts[index]
                yield begin, begin + until - start
                start = until
            index += 1
