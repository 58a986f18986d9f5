"""Colour tables of ICC profiles, device to PCS: parsed, evaluated, re-serialised (ICC.1:2022, 10.10 to 10.12).

A table is a chain of elements. lut8Type and lut16Type: matrix, input curves, grid (CLUT), output curves.
lutAToBType: A curves, grid, M curves, matrix, B curves, each but the last optional.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.icc import elements, matrix
from rmexif.icc.colorimetry import D50

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Sequence

    from rmexif.icc.matrix import Vector

    Colours = Sequence[Sequence[float]]
    Interpolation = Callable[["Grid", Colours], list[tuple[float, ...]]]

__all__ = ["ColourTable", "Grid", "evaluate", "multilinear", "parse", "serialise", "simplex", "to_xyz"]

STRUCTURE = "icc colour table"
MAX_CLUT = 8 << 20  # entries of a grid; 4 inks at 33 points have 3.6 million
MAX_CURVE = 4096  # entries of an input or output table (10.10, tables 42 and 43)
IDENTITY = (elements.ONE, 0, 0, 0, elements.ONE, 0, 0, 0, elements.ONE)
PCS_CHANNELS = 3
XYZ_SCALE = 65535 / 32768  # of PCSXYZ: u1Fixed15Number (6.3.4.2)
LEGACY_LAB_SCALE = 65535 / 65280  # of PCSLAB in lut16Type: 0xFF00 is L* = 100 (10.10, annex A)
LAB_EPSILON = 6 / 29  # of the cube root that CIELAB is made of (CIE 15, 8.2.1)


@dataclass(frozen=True, slots=True)
class Grid:
    """A multi-dimensional table; the last input varies fastest.

    Args:
        points: per input.
        width: bytes of an entry, 1 or 2.
        entries: numbers as they are stored, outputs together.
    """

    points: tuple[int, ...]
    width: int
    entries: bytes

    def values(self) -> array[int]:
        """The entries as numbers up to ``top``."""
        return elements.entries(self.entries, self.width)

    @property
    def top(self) -> int:
        """The entry that stands for 1."""
        return int(256**self.width) - 1

    def strides(self) -> list[int]:
        """Entries from one point to the next, per input."""
        return [PCS_CHANNELS * prod(self.points[axis + 1 :]) for axis in range(len(self.points))]


@dataclass(frozen=True, slots=True)
class ColourTable:
    """An ``mft1``, ``mft2`` or ``mAB `` tag.

    Args:
        kind: the type signature.
        inputs: channels of the device.
        device: a curve per input: a canonical curve tag in lutAToBType, else the bare entries.
        grid: None where lutAToBType has none.
        m: the M curves, or nothing.
        matrix: s15Fixed16Numbers: 9 of lut8Type and lut16Type, 12 of lutAToBType, or none.
        pcs: a curve per output, as ``device``.
    """

    kind: bytes
    inputs: int
    device: tuple[bytes, ...]
    grid: Grid | None
    m: tuple[bytes, ...]
    matrix: tuple[int, ...]
    pcs: tuple[bytes, ...]


def parse(tag: bytes, inputs: int) -> ColourTable:
    """The table that an ``A2B`` tag holds.

    Args:
        tag: the tag's bytes.
        inputs: channels that the table must take.

    Raises:
        MalformedImage: another type, other channels, an element missing, or more entries than bytes.
    """
    cursor = Cursor(memoryview(tag), STRUCTURE)
    kind = cursor.bytes(4)
    if kind not in (b"mft1", b"mft2", b"mAB "):
        raise MalformedImage("type mft1, mft2 or mAB expected", structure=STRUCTURE, offset=0)
    cursor.skip(4)
    channels = cursor.u8(), cursor.u8()
    if channels != (inputs, PCS_CHANNELS):
        problem = f"{channels[0]} to {channels[1]} channels, {inputs} to {PCS_CHANNELS} expected"
        raise MalformedImage(problem, structure=STRUCTURE, offset=8)
    return _parse_elements(cursor, inputs) if kind == b"mAB " else _parse_lut(cursor, kind, inputs)


def _parse_lut(cursor: Cursor, kind: bytes, inputs: int) -> ColourTable:
    """The fields of lut8Type (10.11) and lut16Type (10.10) behind their channel counts."""
    points = cursor.u8()
    cursor.skip(1)
    matrix = struct.unpack(">9i", cursor.take(36))
    width, first, last = (1, 256, 256) if kind == b"mft1" else (2, cursor.u16(), cursor.u16())
    if not (2 <= first <= MAX_CURVE and 2 <= last <= MAX_CURVE):
        problem = f"curves of {first} and {last} entries, 2 to {MAX_CURVE} expected"
        raise MalformedImage(problem, structure=STRUCTURE, offset=48)
    device = tuple(cursor.bytes(width * first) for _ in range(inputs))
    grid = _parse_grid(cursor, (points,) * inputs, width)
    pcs = tuple(cursor.bytes(width * last) for _ in range(PCS_CHANNELS))
    # Readers apply the matrix where there are three inputs, though 10.10 has it for PCSXYZ alone.
    return ColourTable(kind, inputs, device, grid, (), matrix if inputs == PCS_CHANNELS else IDENTITY, pcs)


def _parse_grid(cursor: Cursor, points: tuple[int, ...], width: int) -> Grid:
    """The entries of a grid, sizes checked before they are read."""
    count = prod(points) * PCS_CHANNELS
    if min(points) < 2 or width not in (1, 2) or count > MAX_CLUT:
        problem = f"a grid of {count} entries of {width} bytes; 2 points, {MAX_CLUT} entries at most expected"
        raise MalformedImage(problem, structure=STRUCTURE, offset=cursor.offset)
    return Grid(points, width, cursor.bytes(count * width))


def _parse_elements(cursor: Cursor, inputs: int) -> ColourTable:
    """The elements of lutAToBType (10.12) behind its channel counts."""
    cursor.skip(2)
    b_at, matrix_at, m_at, grid_at, a_at = (cursor.u32() for _ in range(5))
    if not b_at or bool(matrix_at) != bool(m_at) or bool(grid_at) != bool(a_at):
        problem = "B curves, M curves with a matrix, A curves with a grid expected"
        raise MalformedImage(problem, structure=STRUCTURE, offset=12)
    if not grid_at and inputs != PCS_CHANNELS:
        raise MalformedImage(f"{inputs} inputs, a grid expected", structure=STRUCTURE, offset=24)

    def element(at: int) -> Cursor:
        return Cursor(cursor.view, STRUCTURE, min(at, cursor.end))

    grid = None
    if grid_at:
        place = element(grid_at)
        points, width = tuple(place.bytes(16)[:inputs]), place.u8()
        place.skip(3)
        grid = _parse_grid(place, points, width)
    return ColourTable(
        b"mAB ",
        inputs,
        _parse_curves(element(a_at), inputs) if a_at else (),
        grid,
        _parse_curves(element(m_at), PCS_CHANNELS) if m_at else (),
        struct.unpack(">12i", element(matrix_at).take(48)) if matrix_at else (),
        _parse_curves(element(b_at), PCS_CHANNELS),
    )


def _parse_curves(cursor: Cursor, count: int) -> tuple[bytes, ...]:
    """``count`` curves, each on a border of four bytes (10.12.2)."""
    curves = []
    for _ in range(count):
        start = cursor.offset
        curves.append(elements.read_curve(cursor))
        cursor.skip(min(-(cursor.offset - start) % 4, cursor.remaining))
    return tuple(curves)


def serialise(table: ColourTable) -> bytes:
    """The tag in canonical form: elements in one order, equal ones stored once, nothing between or behind them."""
    grid = table.grid
    if table.kind != b"mAB ":
        assert grid is not None
        head = struct.pack(">4sIBBBx9i", table.kind, 0, table.inputs, PCS_CHANNELS, grid.points[0], *table.matrix)
        if table.kind == b"mft2":
            head += struct.pack(">HH", len(table.device[0]) // 2, len(table.pcs[0]) // 2)
        return head + b"".join((*table.device, grid.entries, *table.pcs))
    stored = b"" if grid is None else bytes(grid.points).ljust(16, b"\0") + struct.pack(">Bxxx", grid.width)
    parts = (
        b"".join(map(_padded, table.pcs)),
        struct.pack(f">{len(table.matrix)}i", *table.matrix),
        b"".join(map(_padded, table.m)),
        _padded(stored + grid.entries) if grid else b"",
        b"".join(map(_padded, table.device)),
    )
    body, places = b"", {b"": 0}
    for part in parts:
        if part not in places:
            places[part] = 32 + len(body)
            body += part
    return struct.pack(">4sIBBxx5I", b"mAB ", 0, table.inputs, PCS_CHANNELS, *(places[part] for part in parts)) + body


def _padded(data: bytes) -> bytes:
    """``data`` up to a border of four bytes."""
    return data + bytes(-len(data) % 4)


def evaluate(table: ColourTable, device: Colours, interpolation: Interpolation) -> list[tuple[float, ...]]:
    """PCS numbers, encoded as 0-1, of device numbers 0-1; one row per colour.

    Raises:
        MalformedImage: a parametric curve has no value on part of 0 to 1.
    """
    values: Colours = device
    if table.kind == b"mAB ":
        values = _through(table.device, values) if table.device else values
        values = interpolation(table.grid, values) if table.grid else values
        if table.matrix:
            scaled = [number / elements.ONE for number in table.matrix]
            values = _mapped(scaled[:9], scaled[9:], _through(table.m, values))
        return _through(table.pcs, values)
    assert table.grid is not None
    if table.inputs == PCS_CHANNELS:
        values = _mapped([number / elements.ONE for number in table.matrix], (0.0,) * PCS_CHANNELS, values)
    values = interpolation(table.grid, _interpolated(table.device, values, table.grid))
    return _interpolated(table.pcs, values, table.grid)


def _through(curves: tuple[bytes, ...], colours: Colours) -> list[tuple[float, ...]]:
    """Each channel through its canonical curve."""
    columns = zip(curves, zip(*colours, strict=True), strict=True)
    return list(zip(*(elements.sample(curve, column) for curve, column in columns), strict=True))


def _interpolated(tables: tuple[bytes, ...], colours: Colours, grid: Grid) -> list[tuple[float, ...]]:
    """Each channel through its table, whose entries are as wide as those of the grid."""
    columns = zip((elements.entries(table, grid.width) for table in tables), zip(*colours, strict=True), strict=True)
    return list(zip(*(elements.interpolated(table, column, grid.top) for table, column in columns), strict=True))


def _mapped(numbers: Sequence[float], offsets: Sequence[float], colours: Colours) -> list[tuple[float, ...]]:
    """Each colour through a matrix and an offset, clipped to 0-1."""
    rows = matrix.from_rows(numbers)
    return [
        tuple(_clipped(value + offset) for value, offset in zip(matrix.apply(rows, colour), offsets, strict=True))
        for colour in colours
    ]


def _clipped(value: float) -> float:
    return 0.0 if value < 0 else min(value, 1.0)


def _cells(grid: Grid, colours: Colours) -> Iterable[tuple[int, list[float]]]:
    """The entry of the first corner of the cell that each colour lies in, and how far into the cell it lies."""
    axes = [(points - 1, stride) for points, stride in zip(grid.points, grid.strides(), strict=True)]
    for colour in colours:
        entry, inside = 0, []
        for value, (last, stride) in zip(colour, axes, strict=True):
            scaled = _clipped(value) * last
            corner = min(int(scaled), last - 1)
            entry += corner * stride
            inside.append(scaled - corner)
        yield entry, inside


def multilinear(grid: Grid, colours: Colours) -> list[tuple[float, ...]]:
    """The grid between its points as Skia interpolates it: over all corners of a cell."""
    entries, strides, top = grid.values(), grid.strides(), grid.top
    corners = [
        (sum(step for step, far in zip(strides, sides, strict=True) if far), sides)
        for sides in product((False, True), repeat=len(grid.points))
    ]
    shown = []
    for first, inside in _cells(grid, colours):
        totals = [0.0] * PCS_CHANNELS
        for step, sides in corners:
            weight = prod(part if far else 1 - part for part, far in zip(inside, sides, strict=True))
            if weight:
                _add(totals, weight, entries, first + step)
        shown.append(tuple(total / top for total in totals))
    return shown


def simplex(grid: Grid, colours: Colours) -> list[tuple[float, ...]]:
    """The grid between its points as LittleCMS interpolates it: over a tetrahedron (or its kin) of a cell."""
    entries, strides, top = grid.values(), grid.strides(), grid.top
    shown = []
    for first, inside in _cells(grid, colours):
        order = sorted(range(len(inside)), key=lambda axis: -inside[axis])
        edges = [1.0, *(inside[axis] for axis in order), 0.0]
        entry, totals = first, [0.0] * PCS_CHANNELS
        _add(totals, edges[0] - edges[1], entries, entry)
        for axis, near, far in zip(order, edges[1:], edges[2:], strict=False):
            entry += strides[axis]
            _add(totals, near - far, entries, entry)
        shown.append(tuple(total / top for total in totals))
    return shown


def _add(totals: list[float], weight: float, entries: array[int], first: int) -> None:
    """Add a point of the grid by its weight."""
    totals[0] += weight * entries[first]
    totals[1] += weight * entries[first + 1]
    totals[2] += weight * entries[first + 2]


def to_xyz(colours: Colours, kind: bytes, pcs: bytes) -> list[Vector]:
    """XYZ of PCS numbers, as a table of type ``kind`` encodes them.

    Args:
        colours: 0-1, one row per colour.
        kind: the table's type signature.
        pcs: ``b"XYZ "`` or ``b"Lab "``.
    """
    if pcs == b"XYZ ":
        return [(x * XYZ_SCALE, y * XYZ_SCALE, z * XYZ_SCALE) for x, y, z in colours]
    scale = LEGACY_LAB_SCALE if kind == b"mft2" else 1.0
    return [
        _lab_to_xyz(lightness * scale * 100, a * scale * 255 - 128, b * scale * 255 - 128)
        for lightness, a, b in colours
    ]


def _lab_to_xyz(lightness: float, a: float, b: float) -> Vector:
    """CIELAB under D50 (CIE 15, 8.2.1)."""
    middle = (lightness + 16) / 116
    x, y, z = (
        white * (root**3 if root > LAB_EPSILON else 3 * LAB_EPSILON**2 * (root - 4 / 29))
        for white, root in zip(D50, (middle + a / 500, middle, middle - b / 200), strict=True)
    )
    return x, y, z
