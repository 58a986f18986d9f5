"""Whether a colour table shows what a matrix and three curves show: then a picture does not need the table."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from rmexif.errors import MalformedImage
from rmexif.icc import elements, matrix, tables
from rmexif.icc.colorimetry import encoded
from rmexif.icc.spaces import known_inverse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.icc.matrix import Matrix, Vector
    from rmexif.icc.tables import ColourTable

__all__ = ["shows_the_same"]

DISPLAYS = ("srgb", "rec2020")  # where colours are compared: the usual display, and one as wide as any
TOLERANCE = 1  # 8-bit code, in every channel of every colour compared
STEP = 23  # codes between neighbours: the points of common grids (9, 17, 33) have no such distance, so that the
# colours compared lie at every place of a cell, on points and between them
CODES = (*range(0, 255, STEP), 255)
RAMP = range(0, 256, 5)
SAMPLE = 41  # every so many colours first: it bounds what a table costs that shows something else


def _colours() -> list[Vector]:
    """Device RGB, 0-1: a grid of 8-bit codes, and ramps of grey, red, green, blue and their complements."""
    found = list(product(CODES, repeat=3))
    for first, second, third in product((False, True), repeat=3):
        for ground in (0, 255):
            found += [
                (code if first else ground, code if second else ground, code if third else ground) for code in RAMP
            ]
    return [(red / 255, green / 255, blue / 255) for red, green, blue in dict.fromkeys(found)]


def shows_the_same(found: Sequence[ColourTable], pcs: bytes, colorants: Matrix, curves: Sequence[bytes]) -> bool:
    """Whether every table gives the colours of the matrix model, to one 8-bit code, in sRGB and in Rec. 2020.

    Both ways of interpolation count: LittleCMS has one, Skia (Chromium, Android) the other.

    Args:
        found: tables with three inputs.
        pcs: what the tables give, ``b"XYZ "`` or ``b"Lab "``.
        colorants: linear device RGB to PCSXYZ (F.3).
        curves: three canonical tone curves.
    """
    every = _colours()
    try:
        for device in (every[::SAMPLE], every):  # most tables differ from the model nearly everywhere
            linear = [
                elements.sample(curve, column) for curve, column in zip(curves, zip(*device, strict=True), strict=True)
            ]
            wanted = [_codes(matrix.apply(colorants, colour)) for colour in zip(*linear, strict=True)]
            for table in set(found):
                for interpolation in (tables.simplex, tables.multilinear):
                    shown = tables.to_xyz(tables.evaluate(table, device, interpolation), table.kind, pcs)
                    if any(map(_differ, map(_codes, shown), wanted)):
                        return False
    except MalformedImage:  # a curve without a value somewhere: such a table shows nothing of the kind
        return False
    return True


def _differ(shown: Sequence[int], wanted: Sequence[int]) -> bool:
    return any(abs(left - right) > TOLERANCE for left, right in zip(shown, wanted, strict=True))


def _codes(xyz: Vector) -> list[int]:
    """8-bit codes on each display, out-of-gamut colours clipped."""
    linear = [light for name in DISPLAYS for light in matrix.apply(known_inverse(name), xyz)]
    return [round(255 * encoded(min(max(light, 0.0), 1.0))) for light in linear]
