"""Colorimetry of display spaces: chromaticities, matrices and chromatic adaptation (ICC.1:2022, annexes E and F)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.icc import matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.icc.matrix import Matrix, Vector

__all__ = ["D50", "PRIMARIES", "adaptation", "encoded", "rgb_to_xyz", "xyz"]

D50 = (63190 / 65536, 1.0, 54061 / 65536)  # XYZ of the PCS illuminant (7.2.16)
BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))  # annex E
# xy of white, red, green, blue
PRIMARIES: dict[str, tuple[float, ...]] = {
    "srgb": (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),  # IEC 61966-2-1, BT.709
    "display-p3": (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # SMPTE EG 432-1
    "adobe-rgb": (0.3127, 0.3290, 0.640, 0.330, 0.210, 0.710, 0.150, 0.060),  # Adobe RGB (1998), 4.3.1
    "rec2020": (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020, table 3
    "prophoto": (0.3457, 0.3585, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001),  # ISO 22028-2 (ROMM)
    "dci-p3": (0.3140, 0.3510, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # SMPTE RP 431-2
    "acescg": (0.32168, 0.33767, 0.713, 0.293, 0.165, 0.830, 0.128, 0.044),  # S-2014-004 (AP1)
    "apple-rgb": (0.3127, 0.3290, 0.625, 0.340, 0.280, 0.595, 0.155, 0.070),
}


def xyz(xy: Sequence[float]) -> Vector:
    """XYZ with Y = 1 of a chromaticity."""
    return xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]


def rgb_to_xyz(primaries: Sequence[float]) -> Matrix:
    """Linear RGB to XYZ, not adapted; ``primaries`` are xy of white, red, green, blue."""
    white, *corners = [xyz(primaries[at : at + 2]) for at in (0, 2, 4, 6)]
    scales = matrix.apply(matrix.inverse(matrix.from_columns(corners)), white)
    return matrix.from_columns(
        [[number * scale for number in corner] for corner, scale in zip(corners, scales, strict=True)]
    )


def adaptation(white: Sequence[float], target: Sequence[float]) -> Matrix:
    """The linear Bradford transform from ``white`` (xy) to ``target`` (XYZ)."""
    cones = zip(matrix.apply(BRADFORD, target), matrix.apply(BRADFORD, xyz(white)), strict=True)
    scaled = [[wanted / given * number for number in row] for (wanted, given), row in zip(cones, BRADFORD, strict=True)]
    return matrix.multiply(matrix.inverse(BRADFORD), matrix.from_rows([number for row in scaled for number in row]))


def encoded(light: float) -> float:
    """Linear light as an sRGB code value (IEC 61966-2-1): an error is about as visible in the dark as in the bright."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
