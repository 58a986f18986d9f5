"""ICC tag types that describe colour, read and re-serialised in one canonical form (ICC.1:2022, clause 10).

Every function takes the bytes of one tag and gives the bytes of the same tag with its reserved fields and
padding zero and nothing behind it, or raises MalformedImage.
"""

from __future__ import annotations

import struct
import sys
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "GRID",
    "curve",
    "entries",
    "fixed",
    "gamma_tag",
    "interpolated",
    "numbers",
    "para_tag",
    "read_curve",
    "rising",
    "sample",
]

ONE = 65536  # 1.0 as s15Fixed16Number (4.6)
GRID = [place / 1020 for place in range(255 * 4 + 1)]  # where curves are compared: every 8-bit code and three between
MAX_DIP = 655  # of 65535: 1 %, less than two of 255 steps; a measured curve is noisy, a falling one is no tone curve
MAX_ENTRIES = 0x7FFF  # of a curve; LittleCMS reads no longer one (cmstypes.c), the longest of real ones have 4096
PARAMETERS = (1, 3, 4, 5, 7)  # of parametricCurveType functions 0 to 4 (10.18, table 68)


def fixed(values: Sequence[float]) -> bytes:
    """Numbers as s15Fixed16Number, big-endian."""
    return struct.pack(f">{len(values)}i", *(round(value * ONE) for value in values))


def numbers(tag: bytes, kind: bytes, count: int) -> tuple[float, ...]:
    """The ``count`` s15Fixed16Numbers of an ``XYZ `` (10.31) or ``sf32`` (10.22) tag."""
    cursor = _open(tag, kind)
    return tuple(value / ONE for value in struct.unpack(f">{count}i", cursor.take(4 * count)))


def gamma_tag(gamma: float) -> bytes:
    """A power curve as ``curv`` with one u8Fixed8Number (10.6): the form that every reader knows."""
    return (
        struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) if gamma != 1 else struct.pack(">4sII", b"curv", 0, 0)
    )


def para_tag(*parameters: float) -> bytes:
    """A parametric curve (10.18); the number of parameters decides which function it is."""
    return struct.pack(">4sIHH", b"para", 0, PARAMETERS.index(len(parameters)), 0) + fixed(parameters)


def curve(tag: bytes) -> bytes:
    """A ``curv`` or ``para`` tag in canonical form."""
    return read_curve(Cursor(memoryview(tag), "icc curve"))


def sample(tag: bytes, at: Sequence[float] = GRID) -> list[float]:
    """The values of a canonical curve at the places ``at`` (0-1), clipped to 0-1.

    Raises:
        MalformedImage: a parametric curve has no value at one of them.
    """
    if tag[:4] == b"para":
        values = _parametric(struct.unpack(f">{(len(tag) - 12) // 4}i", tag[12:]), at)
    else:
        table = entries(tag[12:], 2)
        if len(table) == 0:
            return list(at)
        values = _powers(at, table[0] / 256) if len(table) == 1 else interpolated(table, at, 65535)
    return [0.0 if value < 0 else min(value, 1.0) for value in values]


def entries(data: bytes, width: int) -> array[int]:
    """Big-endian numbers of ``width`` bytes, 1 or 2."""
    table = array("BH"[width - 1], data)
    if sys.byteorder == "little":
        table.byteswap()
    return table


def interpolated(table: Sequence[int], at: Iterable[float], top: int) -> list[float]:
    """A table of at least two entries from 0 to ``top`` between its entries, at the places ``at`` (0-1), as 0-1."""
    last, values = len(table) - 1, []
    for place in at:
        scaled = place * last
        first = min(int(scaled), last - 1)
        values.append((table[first] + (table[first + 1] - table[first]) * (scaled - first)) / top)
    return values


def rising(tag: bytes) -> bytes:
    """A canonical curve whose table never falls: dips of measured ones are filled, up to MAX_DIP."""
    if tag[:4] != b"curv" or len(tag) <= 14:
        return tag
    table = entries(tag[12:], 2)
    filled = list(accumulate(table, max))
    if any(high - low > MAX_DIP for high, low in zip(filled, table, strict=True)):
        raise MalformedImage(f"it falls by more than {MAX_DIP} of 65535", structure="icc curve", offset=12)
    return tag[:12] + struct.pack(f">{len(filled)}H", *filled)


def _powers(at: Sequence[float], gamma: float) -> list[float]:
    """Each place to the power of ``gamma``."""
    try:
        return [place**gamma for place in at]
    except ArithmeticError:
        raise MalformedImage("no value on part of 0 to 1", structure="icc curve", offset=12) from None


def _parametric(raw: tuple[int, ...], at: Sequence[float]) -> list[float]:
    """Functions 0 to 4 of 10.18 at the places ``at``."""
    gamma, a, b, c, d, e, f = (*(value / ONE for value in raw), *[0.0] * (7 - len(raw)))
    if len(raw) == 1:
        return _powers(at, gamma)
    if len(raw) <= 4:  # functions 1 and 2: flat below -b/a
        curved, flat, offset = [a * place + b >= 0 for place in at], [c] * len(at), c
    else:
        curved, flat, offset = [d <= place for place in at], [c * place + f for place in at], e
    powers = iter(
        _powers([max(a * place + b, 0.0) for place, is_curved in zip(at, curved, strict=True) if is_curved], gamma)
    )
    return [next(powers) + offset if is_curved else value for is_curved, value in zip(curved, flat, strict=True)]


def _open(tag: bytes, kind: bytes) -> Cursor:
    """A cursor behind the type signature and the reserved field (10.1)."""
    cursor = Cursor(memoryview(tag), "icc tag")
    if cursor.bytes(4) != kind:
        raise MalformedImage(f"expected the type {kind.decode().strip()}", structure="icc tag", offset=0)
    cursor.skip(4)
    return cursor


def read_curve(cursor: Cursor) -> bytes:
    """The next curve (10.6, 10.18), canonical: a parameter that the function never uses is zero."""
    kind = cursor.bytes(4)
    cursor.skip(4)
    if kind == b"curv":
        count = cursor.u32()
        if count > MAX_ENTRIES:
            problem = f"{count} entries, at most {MAX_ENTRIES} expected"
            raise MalformedImage(problem, structure="icc curve", offset=cursor.offset - 4)
        return struct.pack(">4sII", kind, 0, count) + cursor.bytes(2 * count)
    if kind != b"para":
        raise MalformedImage("expected the type curv or para", structure="icc curve", offset=cursor.offset - 8)
    function = cursor.u16()
    cursor.skip(2)
    if function >= len(PARAMETERS):
        problem = f"function {function}, expected 0 to {len(PARAMETERS) - 1}"
        raise MalformedImage(problem, structure="icc curve", offset=cursor.offset - 4)
    raw = list(struct.unpack(f">{PARAMETERS[function]}i", cursor.take(4 * PARAMETERS[function])))
    if function >= 3 and raw[4] <= 0:  # the linear part below d is never reached
        raw[3], raw[4] = 0, 0
        raw[6:] = [0] * len(raw[6:])
    return struct.pack(f">4sIHH{len(raw)}i", kind, 0, function, 0, *raw)
