"""The shape of a pixel, which stays where the resolution that it was read from goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["SQUARE", "aspect"]

MAX_ASPECT = 100  # of the sides of a pixel, and of the numbers that say it: bounds what they can carry
SQUARE = (1, 1)


def aspect(across: int | Fraction, down: int | Fraction) -> tuple[int, int]:
    """Horizontal to vertical density in the smallest numbers; (1, 1) where a pixel is square, or this is no shape.

    Args:
        across: pixels per unit of length.
        down: likewise.
    """
    if across <= 0 or down <= 0 or max(across, down) > MAX_ASPECT * min(across, down):
        return SQUARE
    if across == down:
        return SQUARE
    from fractions import Fraction

    ratio = (Fraction(across) / Fraction(down)).limit_denominator(MAX_ASPECT)
    return ratio.numerator, ratio.denominator
