"""When the pictures of a sequence are shown: read from the sample tables, and brought to one form.

Edits, composition shifts and time scales can say the same in many ways, most of which no player tells apart. What stays
is the order, how long each picture is shown, and how often all of them are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import gcd

from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = ["ENDLESS", "Edits", "Times", "canonical"]

ENDLESS = 0xFFFFFFFFFFFFFFFF  # a duration that is not known: the sequence repeats for ever
MAX_PLAYS = 65_535  # what plays more often plays for ever
MAX_STEP = 0xFFFFFFFF  # in 32 bits
WHOLE = 0x10000  # a rate of 1

Edits = tuple[int, list[tuple[int, int, int]]]  # flags (1: repeats); duration, media time, rate


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a track in canonical form, all in its own time scale."""

    timescale: int  # units per second
    deltas: list[int]  # per sample
    shifts: list[int]  # per sample, 0 or more; none where pictures come in the order in which they are shown
    repeats: bool | None  # None: nothing is said about it
    plays: int  # 0: for ever
    start: int  # shift of the first picture that is shown

    @property
    def length(self) -> int:
        """One time through."""
        return sum(self.deltas)

    @property
    def duration(self) -> int:
        """All times through."""
        return self.length * self.plays if self.plays else ENDLESS

    @property
    def edits(self) -> Edits | None:
        """The edit list that says so (8.6.6)."""
        return None if self.repeats is None else (int(self.repeats), [(self.length, self.start, WHOLE)])


def canonical(timescale: int, deltas: list[int], shifts: list[int], edits: Edits | None, duration: int) -> Times:
    """The same times, said shortest.

    Args:
        timescale: units per second.
        deltas: time from each sample to the next one in the order of decoding.
        shifts: per sample, from decoding to showing; or none.
        edits: the edit list, in the time scale of the movie.
        duration: of the track, in the time scale of the movie.

    Raises:
        MalformedImage: two pictures at one time, or a loop of no length.
        UnsupportedFeature: a sequence that is cut into parts.
    """
    deltas, shifts = _shown(deltas, shifts) if any(shifts) else (deltas, [])
    common = gcd(timescale, *deltas, *shifts)
    timescale, deltas, shifts = timescale // common, [n // common for n in deltas], [n // common for n in shifts]
    start = min((clock + shift for clock, shift in zip(accumulate([0, *deltas]), shifts, strict=False)), default=0)
    parts = [row for row in edits[1] if row[1] >= 0] if edits else []
    if len(parts) > 1:
        raise UnsupportedFeature("isobmff: a sequence that is edited out of several parts is refused")
    repeats, plays = (bool(edits[0]) if edits and parts else None), 1
    if repeats:
        if not parts[0][0] and duration != ENDLESS:
            raise MalformedImage("isobmff: a sequence that repeats a part of no length")
        plays = 0 if duration == ENDLESS else max(1, -(-duration // parts[0][0]))
        plays = 0 if plays > MAX_PLAYS else plays
    return Times(timescale, deltas, shifts, repeats, plays, start)


def _shown(deltas: list[int], shifts: list[int]) -> tuple[list[int], list[int]]:
    """Times of decoding on the grid of the times of showing, and the shifts that are left between them."""
    clock, shown = 0, []
    for delta, shift in zip(deltas, shifts, strict=True):
        shown.append(clock + shift)
        clock += delta
    order = sorted(shown)
    steps = [later - sooner for sooner, later in pairwise(order)]
    if 0 in steps:
        raise MalformedImage("isobmff: two pictures of a sequence at one time")
    last = deltas[shown.index(order[-1])]
    fresh = [*steps, last]
    clock, left = 0, []
    for step, time in zip(fresh, shown, strict=True):
        left.append(time - order[0] - clock)
        clock += step
    low = min(left)
    if max(*fresh, max(left) - low) > MAX_STEP:
        raise MalformedImage("isobmff: pictures of a sequence too far apart")
    return fresh, [shift - low for shift in left] if any(left) else []
