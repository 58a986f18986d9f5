"""Known colour spaces: primaries, tone curves and matrices, from the numbers in their specifications."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rmexif.icc.elements import gamma_tag, para_tag
from rmexif.icc.tables import D50

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CURVES", "NATIVE", "PRIMARIES", "TITLES", "WHITES", "adaptation", "known_matrix"]

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


def adaptation(white: tuple[float, ...]) -> NDArray[np.float64]:
    """The linear Bradford transform from ``white`` (xy) to D50 (annex E)."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = (bradford @ D50) / (bradford @ xyz(white))
    return np.asarray(np.linalg.solve(bradford, scale[:, None] * bradford))


def xyz(xy: tuple[float, ...]) -> NDArray[np.float64]:
    """XYZ with Y = 1 of a chromaticity."""
    return np.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]])


@cache
def known_matrix(name: str) -> NDArray[np.float64]:
    """Linear RGB to XYZ under D50, of known primaries."""
    white, *corners = [xyz(PRIMARIES[name][i : i + 2]) for i in (0, 2, 4, 6)]
    rgb = np.stack(corners, axis=1)
    return adaptation(PRIMARIES[name][:2]) @ (rgb * np.linalg.solve(rgb, white))
