"""Known colour spaces: tone curves, names and matrices, from the numbers in their specifications."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rmexif.icc import matrix
from rmexif.icc.colorimetry import D50, PRIMARIES, adaptation, rgb_to_xyz
from rmexif.icc.elements import gamma_tag, para_tag

if TYPE_CHECKING:
    from rmexif.icc.matrix import Matrix

__all__ = ["CURVES", "NATIVE", "TITLES", "WHITES", "known_inverse", "known_matrix"]

WHITES = ((0.3457, 0.3585), *{row[:2] for row in PRIMARIES.values() if row[0] != 0.3457})
# transfer: curve tag. Function 3 of 10.18 is (ax + b)^g from d on, cx below.
CURVES: dict[str, bytes] = {
    "linear": gamma_tag(1),
    "gamma-1.8": gamma_tag(1.8),
    "gamma-2.2": gamma_tag(2.2),  # 563/256, as Adobe RGB (1998) has it
    "gamma-2.4": gamma_tag(2.4),
    "gamma-2.6": gamma_tag(2.6),
    "srgb": para_tag(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),  # IEC 61966-2-1
    "rec709": para_tag(1 / 0.45, 1 / 1.099297, 0.099297 / 1.099297, 1 / 4.5, 0.081243),  # BT.709, BT.2020
    "romm": para_tag(1.8, 1.0, 0.0, 1 / 16, 1 / 32),  # ISO 22028-2
    "lstar": para_tag(3.0, 1 / 1.16, 0.16 / 1.16, 27 / 243.89, 0.08),  # CIE lightness
}
# The curve that comes with a space's own name; any other is spelled out: "rec2020-linear".
NATIVE = {
    "srgb": "srgb",
    "display-p3": "srgb",
    "adobe-rgb": "gamma-2.2",
    "rec2020": "rec709",
    "prophoto": "gamma-1.8",
    "dci-p3": "gamma-2.6",
    "acescg": "linear",
    "apple-rgb": "gamma-1.8",
}
TITLES = {"srgb": "sRGB", "display-p3": "Display P3", "adobe-rgb": "Adobe RGB (1998)", "rec2020": "Rec. 2020"}


@cache
def known_matrix(name: str) -> Matrix:
    """Linear RGB to XYZ under D50, of known primaries."""
    return matrix.multiply(adaptation(PRIMARIES[name][:2], D50), rgb_to_xyz(PRIMARIES[name]))


@cache
def known_inverse(name: str) -> Matrix:
    """XYZ under D50 to linear RGB of known primaries."""
    return matrix.inverse(known_matrix(name))
