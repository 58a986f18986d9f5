"""ICC tag types that describe colour, read and re-serialised in one canonical form (ICC.1:2022, clause 10).

Every function takes the bytes of one tag and gives the bytes of the same tag with its reserved fields and
padding zero and nothing behind it, or raises MalformedImage.
"""

from __future__ import annotations

import struct
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["curve", "fixed", "gamma_tag", "lut", "numbers", "para_tag", "rising", "sample"]

ONE = 65536  # 1.0 as s15Fixed16Number (4.6)
GRID = np.linspace(0.0, 1.0, 255 * 4 + 1)  # where curves are compared: every 8-bit code and three between
MAX_CLUT = 8 << 20  # entries of one colour table; what profile.MAX_BYTES has room for, at two bytes each
MAX_DIP = 655  # of 65535: 1 %, less than two of 255 steps; a measured curve is noisy, a falling one is no tone curve
PARAMETERS = (1, 3, 4, 5, 7)  # of parametricCurveType functions 0 to 4 (10.18, table 68)
IDENTITY = (ONE, 0, 0, 0, ONE, 0, 0, 0, ONE)


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
    return _curve(Cursor(memoryview(tag), "icc curve"))


def sample(tag: bytes) -> NDArray[np.float64]:
    """The values of a canonical curve on ``GRID``, clipped to 0-1."""
    if tag[:4] == b"para":
        values = _parametric(struct.unpack(f">{(len(tag) - 12) // 4}i", tag[12:]))
    else:
        table = np.frombuffer(tag, ">u2", offset=12)
        if len(table) == 0:
            return GRID
        if len(table) == 1:
            values = GRID ** (float(table[0]) / 256)
        else:
            values = np.interp(GRID, np.linspace(0.0, 1.0, len(table)), table / 65535)
    if not np.isfinite(values).all():
        raise MalformedImage("no value on part of 0 to 1", structure="icc curve", offset=12)
    return np.clip(values, 0.0, 1.0)


def rising(tag: bytes) -> bytes:
    """A canonical curve whose table never falls: dips of measured ones are filled, up to MAX_DIP."""
    if tag[:4] != b"curv" or len(tag) <= 14:
        return tag
    table = np.frombuffer(tag, ">u2", offset=12)
    filled = np.maximum.accumulate(table)
    if (filled.astype(int) - table > MAX_DIP).any():
        raise MalformedImage(f"it falls by more than {MAX_DIP} of 65535", structure="icc curve", offset=12)
    return tag[:12] + filled.astype(">u2").tobytes()


def _parametric(raw: tuple[int, ...]) -> NDArray[np.float64]:
    """Functions 0 to 4 of 10.18 on GRID."""
    gamma, a, b, c, d, e, f = (*(value / ONE for value in raw), *[0.0] * (7 - len(raw)))
    with np.errstate(all="ignore"):
        if len(raw) == 1:
            return GRID**gamma
        power = np.maximum(a * GRID + b, 0.0) ** gamma
        if len(raw) <= 4:  # functions 1 and 2: flat below -b/a
            return np.where(a * GRID + b >= 0, power + c, c)
        return np.where(d <= GRID, power + e, c * GRID + f)


def lut(tag: bytes, inputs: int, outputs: int) -> bytes:
    """An ``mft1``, ``mft2``, ``mAB `` or ``mBA `` tag in canonical form (10.10 to 10.13).

    Args:
        tag: the tag's bytes.
        inputs: channels that the table must take.
        outputs: channels that it must give.
    """
    kind = tag[:4]
    if kind not in (b"mft1", b"mft2", b"mAB ", b"mBA "):
        problem = "expected the type mft1, mft2, mAB or mBA"
        raise MalformedImage(problem, structure="icc colour table", offset=0)
    cursor = _open(tag, kind)
    found = cursor.u8(), cursor.u8()
    if found != (inputs, outputs):
        problem = f"{found[0]} channels to {found[1]}, expected {inputs} to {outputs}"
        raise MalformedImage(problem, structure="icc colour table", offset=8)
    write = _mft if kind in (b"mft1", b"mft2") else _mab
    return write(cursor, kind, inputs, outputs)


def _open(tag: bytes, kind: bytes) -> Cursor:
    """A cursor behind the type signature and the reserved field (10.1)."""
    cursor = Cursor(memoryview(tag), "icc tag")
    if cursor.bytes(4) != kind:
        raise MalformedImage(f"expected the type {kind.decode().strip()}", structure="icc tag", offset=0)
    cursor.skip(4)
    return cursor


def _mft(cursor: Cursor, kind: bytes, inputs: int, outputs: int) -> bytes:
    """lut8Type (10.11) and lut16Type (10.10) behind their channel counts."""
    points = cursor.u8()
    cursor.skip(1)
    matrix = struct.unpack(">9i", cursor.take(36))
    if inputs != 3:  # readers apply it to three channels only
        matrix = IDENTITY
    head = struct.pack(">4sIBBBx9i", kind, 0, inputs, outputs, points, *matrix)
    width, first, last = 1, 256, 256
    if kind == b"mft2":
        width, first, last = 2, cursor.u16(), cursor.u16()
        head += struct.pack(">HH", first, last)
    if points < 2 or not (2 <= first <= 4096 and 2 <= last <= 4096) or points**inputs * outputs > MAX_CLUT:
        problem = f"a grid of {points} points a channel and curves of {first} and {last} entries"
        raise MalformedImage(problem, structure="icc colour table", offset=10)
    return head + cursor.bytes(width * (first * inputs + points**inputs * outputs + last * outputs))


def _mab(cursor: Cursor, kind: bytes, inputs: int, outputs: int) -> bytes:
    """The lutAToBType (10.12) and lutBToAType (10.13) behind their channel counts."""
    cursor.skip(2)
    b_at, matrix_at, m_at, clut_at, a_at = (cursor.u32() for _ in range(5))
    pcs_side, device_side = (outputs, inputs) if kind == b"mAB " else (inputs, outputs)
    if not b_at or bool(matrix_at) != bool(m_at) or bool(clut_at) != bool(a_at) or (not clut_at and inputs != outputs):
        problem = "its offsets leave out a curve, a matrix or a grid that another one needs"
        raise MalformedImage(problem, structure="icc colour table", offset=12)
    head, body = struct.pack(">4sIBBxx", kind, 0, inputs, outputs), b""
    offsets = []
    for at, write in (
        (b_at, lambda place: _curves(place, pcs_side)),
        (matrix_at, lambda place: place.bytes(48)),
        (m_at, lambda place: _curves(place, pcs_side)),
        (clut_at, lambda place: _clut(place, inputs, outputs)),
        (a_at, lambda place: _curves(place, device_side)),
    ):
        offsets.append(32 + len(body) if at else 0)
        if at:
            body += write(Cursor(cursor.view, "icc tag", min(at, cursor.end)))
    return head + struct.pack(">5I", *offsets) + body


def _curves(cursor: Cursor, count: int) -> bytes:
    """``count`` curves, each on a border of four bytes."""
    out = b""
    for _ in range(count):
        start = cursor.offset
        item = _curve(cursor)
        out += item + bytes(-len(item) % 4)
        cursor.skip(min(-(cursor.offset - start) % 4, cursor.remaining))
    return out


def _clut(cursor: Cursor, inputs: int, outputs: int) -> bytes:
    """The multi-dimensional table of 10.12.4: points per input, width of an entry, entries."""
    points = cursor.bytes(16)[:inputs]
    width = cursor.u8()
    cursor.skip(3)
    count = prod(points) * outputs
    if min(points) < 2 or width not in (1, 2) or count > MAX_CLUT:
        problem = f"{count} entries of {width} bytes, at most {MAX_CLUT} of 1 or 2 fit"
        raise MalformedImage(problem, structure="icc colour table", offset=cursor.offset)
    out = points.ljust(16, b"\0") + struct.pack(">Bxxx", width) + cursor.bytes(count * width)
    return out + bytes(-len(out) % 4)


def _curve(cursor: Cursor) -> bytes:
    """The next curve (10.6, 10.18), canonical: a parameter that the function never uses is zero."""
    kind = cursor.bytes(4)
    cursor.skip(4)
    if kind == b"curv":
        count = cursor.u32()
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
