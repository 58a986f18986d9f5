"""The code of the information budget: one colour as a few bits of luma and a few bits of skin tone.

Chroma is read along one line only, from neutral grey to strong skin (Cb, Cr of BT.601), because that is where the
colours of faces lie; what lies off the line is drawn in by the surroundings, or not at all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["colour", "measure", "muted"]

LUMA = (0.2, 0.8)  # 0-1, the range that is told apart
SKIN = (-0.09, 0.10)  # Cb, Cr of the strongest tone, -0.5 to 0.5; the weakest is grey
KR, KG, KB = 0.299, 0.587, 0.114  # BT.601


def measure(mean: NDArray[Any], luma_bits: int, tone_bits: int) -> tuple[int, int]:
    """The two indices that stand for a colour.

    Args:
        mean: 0-1, one grey or three RGB values.
        luma_bits: size of the first index, in bits.
        tone_bits: size of the second index, in bits.
    """
    red, green, blue = (float(mean[0]), float(mean[-1]), float(mean[-1])) if len(mean) < 3 else map(float, mean)
    luma = KR * red + KG * green + KB * blue
    cb, cr = (blue - luma) / (2 - 2 * KB), (red - luma) / (2 - 2 * KR)
    along = (cb * SKIN[0] + cr * SKIN[1]) / (SKIN[0] ** 2 + SKIN[1] ** 2)
    return _index((luma - LUMA[0]) / (LUMA[1] - LUMA[0]), luma_bits), _index(along, tone_bits)


def colour(code: tuple[int, int], luma_bits: int, tone_bits: int, count: int) -> NDArray[np.float32]:
    """The colour that a code stands for.

    Args:
        code: what ``measure`` said.
        luma_bits: size of the first index, in bits.
        tone_bits: size of the second index, in bits.
        count: colour channels, 1 or 3.
    """
    luma = LUMA[0] + (LUMA[1] - LUMA[0]) * _value(code[0], luma_bits)
    if count == 1:
        return np.array([luma], np.float32)
    along = _value(code[1], tone_bits)
    red, blue = luma + (2 - 2 * KR) * SKIN[1] * along, luma + (2 - 2 * KB) * SKIN[0] * along
    green = (luma - KR * red - KB * blue) / KG
    return np.clip(np.array([red, green, blue], np.float32), 0, 1)


def muted(values: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """One colour with ``share`` (0-1) of its chroma and all of its luma."""
    if len(values) == 1:
        return values
    luma = values @ np.array([KR, KG, KB], np.float32)
    return np.asarray(luma + share * (values - luma), np.float32)


def _index(value: float, bits: int) -> int:
    levels = 1 << bits
    return min(levels - 1, max(0, math.floor(value * levels)))


def _value(index: int, bits: int) -> float:
    """The middle of the range that an index stands for."""
    return (index + 0.5) / (1 << bits)
