"""Samples packed in rows, as BMP and TIFF store them, and palettes in which one colour has several numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["SAME", "packed_table", "twins", "used_values"]

SAME = bytes(range(256))  # a palette whose entries stay where they are


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


def twins(palette: Sequence[Hashable], used: Iterable[int]) -> bytes:
    """The number to write for every palette index: a choice between entries of one colour could draw another picture.

    Args:
        palette: the colours.
        used: indices that pixels have; only these are looked at.
    """
    first: dict[Hashable, int] = {}
    table = bytearray(SAME)
    for index in sorted(used):
        if index < len(palette):
            table[index] = first.setdefault(palette[index], index)
    return bytes(table)


def packed_table(table: bytes, bits: int) -> NDArray[np.uint8]:
    """A table for single samples of ``bits`` (1, 2, 4 or 8) as a table for bytes that hold several of them."""
    values, one = np.arange(256), np.frombuffer(table, np.uint8)
    packed = np.zeros(256, np.uint8)
    for shift in range(0, 8, bits):
        packed |= one[values >> shift & (1 << bits) - 1] << shift
    return packed
