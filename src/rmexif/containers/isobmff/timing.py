"""When the pictures of a sequence are shown: read from the sample tables, and brought to one canonical form.

Edits, composition shifts and time scales can mean the same in many ways, most of which no player tells apart. What
stays is the order, how long each picture is shown, and how often all of them are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import gcd

from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = ["ENDLESS", "Edits", "Timing", "canonical"]

ENDLESS = 0xFFFFFFFFFFFFFFFF  # 8.3.2: a duration that is not known; the sequence repeats for ever
MAX_PLAYS = 65_535  # what plays more often plays for ever: GIF and WebP count up to here
MAX_DELTA = 0xFFFFFFFF  # 8.6.1: 32 bits
RATE_OF_1 = 0x10000  # 8.6.6: media_rate_integer and media_rate_fraction

Edits = tuple[int, list[tuple[int, int, int]]]  # flags (1: repeats); duration, media time, rate


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a track in canonical form, all in its own time scale."""

    timescale: int  # units per second
    deltas: list[int]  # per sample
    shifts: list[int]  # per sample, 0 or more; none where pictures come in the order in which they are shown
    repeats: bool | None  # None: there is no edit list
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
        """The edit list (8.6.6)."""
        return None if self.repeats is None else (int(self.repeats), [(self.length, self.start, RATE_OF_1)])


def canonical(
    timescale: int,
    deltas: list[int],
    shifts: list[int],
    edits: Edits | None,
    duration: int,
    *,
    offset: int | None = None,
) -> Timing:
    """The same times in their shortest form.

    Args:
        timescale: units per second.
        deltas: time from each sample to the next one in the order of decoding.
        shifts: per sample, from decoding to showing; or none.
        edits: the edit list, in the time scale of the movie.
        duration: of the track, in the time scale of the movie.
        offset: byte of the file at which the track lies, for errors.

    Raises:
        MalformedImage: two pictures at one time, or too far apart, or a loop of no length.
        UnsupportedFeature: a sequence that is edited out of several parts.
    """
    deltas, shifts = _shown(deltas, shifts, offset) if any(shifts) else (deltas, [])
    common = gcd(timescale, *deltas, *shifts)
    timescale, deltas, shifts = timescale // common, [n // common for n in deltas], [n // common for n in shifts]
    start = min((clock + shift for clock, shift in zip(accumulate([0, *deltas]), shifts, strict=False)), default=0)
    parts = [row for row in edits[1] if row[1] >= 0] if edits else []
    if len(parts) > 1:
        problem = f"{len(parts)} parts of the sequence, one is allowed"
        raise UnsupportedFeature(problem, structure="isobmff elst", offset=offset)
    repeats, plays = (bool(edits[0]) if edits and parts else None), 1
    if repeats:
        if not parts[0][0] and duration != ENDLESS:
            problem = "a part of no length is repeated"
            raise MalformedImage(problem, structure="isobmff elst", offset=offset)
        plays = 0 if duration == ENDLESS else max(1, -(-duration // parts[0][0]))
        plays = 0 if plays > MAX_PLAYS else plays
    return Timing(timescale, deltas, shifts, repeats, plays, start)


def _shown(deltas: list[int], shifts: list[int], offset: int | None) -> tuple[list[int], list[int]]:
    """Times of decoding on the grid of the times of showing, and the shifts that are left between them."""
    clock, shown = 0, []
    for delta, shift in zip(deltas, shifts, strict=True):
        shown.append(clock + shift)
        clock += delta
    order = sorted(shown)
    distances = [later - sooner for sooner, later in pairwise(order)]
    if 0 in distances:
        raise MalformedImage("two pictures are shown at one time", structure="isobmff ctts", offset=offset)
    last = deltas[shown.index(order[-1])]
    regular = [*distances, last]
    clock, remaining = 0, []
    for delta, time in zip(regular, shown, strict=True):
        remaining.append(time - order[0] - clock)
        clock += delta
    low = min(remaining)
    farthest = max(*regular, max(remaining) - low)
    if farthest > MAX_DELTA:
        problem = f"pictures are {farthest} units of time apart, at most {MAX_DELTA} fit"
        raise MalformedImage(problem, structure="isobmff ctts", offset=offset)
    return regular, [shift - low for shift in remaining] if any(remaining) else []
