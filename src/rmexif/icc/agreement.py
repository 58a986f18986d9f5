"""Whether a colour table shows what a matrix and three curves show: then a picture does not need the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rmexif.errors import MalformedImage
from rmexif.icc import elements, tables
from rmexif.icc.colorimetry import encoded
from rmexif.icc.spaces import known_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rmexif.icc.tables import ColourTable

    Numbers = NDArray[np.float64]

__all__ = ["shows_the_same"]

DISPLAYS = ("srgb", "rec2020")  # where colours are compared: the usual display, and one as wide as any
TOLERANCE = 1  # 8-bit code, in every channel of every colour compared
STEP = 11  # codes between neighbours: the points of common grids (9, 17, 33) have no such distance, so that the
# colours compared lie at every place of a cell, on points and between them; 25 a side cost 20 ms
CODES = np.append(np.arange(0, 255, STEP), 255)


def _colours() -> Numbers:
    """Device RGB, 0-1: a grid of 8-bit codes, and every code of grey, red, green, blue and their complements."""
    grid = np.stack(np.meshgrid(*[CODES] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    ramp = np.arange(256)[:, None]
    ramps = [np.where(mask, ramp, ground) for mask in np.ndindex(2, 2, 2) if any(mask) for ground in (0, 255)]
    return np.concatenate([grid, *ramps]) / 255


def shows_the_same(found: Sequence[ColourTable], pcs: bytes, matrix: Numbers, curves: Sequence[bytes]) -> bool:
    """Whether every table gives the colours of the matrix model, to one 8-bit code, in sRGB and in Rec. 2020.

    Both ways of interpolation count: LittleCMS has one, Skia (Chromium, Android) the other.

    Args:
        found: tables with three inputs.
        pcs: what the tables give, ``b"XYZ "`` or ``b"Lab "``.
        matrix: linear device RGB to PCSXYZ, 3 x 3 (F.3).
        curves: three canonical tone curves.
    """
    device = _colours()
    try:
        linear = np.stack([elements.sample(curve, device[:, i]) for i, curve in enumerate(curves)], axis=1)
        wanted = _codes(linear @ matrix.T)
        for table in set(found):
            for interpolation in (tables.simplex, tables.multilinear):
                shown = tables.to_xyz(tables.evaluate(table, device, interpolation), table.kind, pcs)
                if np.abs(_codes(shown) - wanted).max() > TOLERANCE:
                    return False
    except MalformedImage:  # a curve without a value somewhere: such a table shows nothing of the kind
        return False
    return True


def _codes(xyz: Numbers) -> Numbers:
    """8-bit codes on each display, out-of-gamut colours clipped."""
    linear = [xyz @ np.linalg.inv(known_matrix(name)).T for name in DISPLAYS]
    return np.round(255 * encoded(np.clip(np.concatenate(linear), 0, 1)))
