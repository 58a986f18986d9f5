"""Samples packed in rows, as BMP and TIFF store them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["used_values"]


def used_values(rows: NDArray[np.uint8], width: int, bits: int) -> frozenset[int]:
    """Every sample value in ``rows``, packed from the highest bit down.

    Args:
        rows: H x bytes of a row.
        width: samples of a row; what lies behind them is not looked at.
        bits: of a sample: 1, 2, 4 or 8.
    """
    if bits == 8:
        counts = np.bincount(rows[:, :width].ravel(), minlength=256)
        return frozenset(np.flatnonzero(counts).tolist())
    each = 8 // bits
    whole, rest = divmod(width, each)
    counts = np.bincount(rows[:, :whole].ravel(), minlength=256)
    tail = np.bincount(rows[:, whole], minlength=256) if rest else np.zeros(256, np.int64)
    mask = (1 << bits) - 1
    values = {byte >> shift & mask for byte in np.flatnonzero(counts).tolist() for shift in range(0, 8, bits)}
    values |= {byte >> (8 - bits * (n + 1)) & mask for byte in np.flatnonzero(tail).tolist() for n in range(rest)}
    return frozenset(values)
