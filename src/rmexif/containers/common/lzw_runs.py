"""LZW codes run by run: all codes between two clear codes at once, because their widths do not depend on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_WIDTH", "RUN", "TABLE", "Codes", "code_widths", "runs"]

MAX_WIDTH = 12  # bit of a code, in both formats
TABLE = 1 << MAX_WIDTH  # codes at most
RUN = 1 << 16  # codes looked at together, at most: bounds what one round holds
SPARE_RUNS = 16  # runs that may be short
MIN_RUN = 2048  # bit of a run, on average, behind those; a shorter one costs more at once than code by code

Codes = NDArray[Any]


def runs(data: bytes, bits: int, tiff: bool) -> Iterator[tuple[Codes, Codes, int, int]]:
    """The codes of each run, how many samples each stands for, the bit where it starts, and the code that ends it.

    That code is -1 where the data ended. Stops at a code that the table does not hold yet, and where clear codes are so
    frequent that a run is not worth its while.
    """
    clear, end = 1 << bits, (1 << bits) + 1
    widths, ends = code_widths(bits, tiff)
    source = np.frombuffer(data + bytes(3), np.uint8)
    base = number = 0
    following = clear
    while following == clear and (number <= SPARE_RUNS or base >= number * MIN_RUN):
        available = int(np.searchsorted(ends, 8 * len(data) - base, "right"))
        for count in (min(TABLE, available), available):  # few runs are longer than the table
            codes = _unpack(source, base + ends[:count] - widths[:count], widths[:count], tiff)
            stops = np.flatnonzero((codes == clear) | (codes == end))
            if len(stops):
                break
        length = int(stops[0]) if len(stops) else count
        following = int(codes[length]) if len(stops) else -1
        lengths = _lengths(codes[:length], clear)
        if lengths is None:
            return
        yield codes[:length], lengths, base, following
        base += int(ends[min(length, RUN - 1)])
        number += 1


@cache
def code_widths(bits: int, tiff: bool) -> tuple[Codes, Codes]:
    """Bits of each code of a run, and where it ends."""
    known = np.minimum((1 << bits) + 2 + np.maximum(np.arange(RUN) - 1, 0), TABLE)  # table as code n is read
    widths = np.clip(np.frexp(known + int(tiff))[1], bits + 1, MAX_WIDTH).astype(np.int64)
    return widths, np.cumsum(widths)


def _unpack(source: Codes, starts: Codes, widths: Codes, tiff: bool) -> Codes:
    """The codes at ``starts`` (bit) of ``widths`` (bit)."""
    at, shift = starts >> 3, starts & 7
    a, b, c = (source[at + n].astype(np.int64) for n in range(3))
    codes: Codes = (a << 16 | b << 8 | c) >> (24 - shift - widths) if tiff else (a | b << 8 | c << 16) >> shift
    codes &= (1 << widths) - 1
    return codes


def _lengths(codes: Codes, clear: int) -> Codes | None:
    """Samples that each code of a run stands for, or None where a code is not in the table yet.

    Code n > 0 adds the string of code n - 1, and one sample more, to the table. So a code above the roots is as long
    as the code that its entry grew from, plus one; following these links by doubling takes as many rounds as the
    longest string has bits.
    """
    order = np.arange(len(codes))
    parents = np.where(codes < clear, -1, codes - clear - 2)
    added = np.minimum(order, TABLE - clear - 2)  # entries there, with the one that this code itself completes
    if (parents >= added).any() or (codes[:1] >= clear).any():
        return None
    lengths = np.ones(len(codes), np.int64)
    while (linked := parents >= 0).any():
        lengths[linked] += lengths[parents[linked]]
        parents[linked] = parents[parents[linked]]
    return lengths
