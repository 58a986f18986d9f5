"""Palettes in which one colour has several numbers, and samples packed in rows, as PNG, GIF, BMP and TIFF store them.

A choice between entries of one colour could draw a second picture that no viewer shows, and entries that no pixel
uses are free bytes: the first of equal entries stands for all of them, the others are black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["SAME", "clear_unused", "packed_table", "twins", "used_values"]

SAME = bytes(range(256))  # a table that leaves every sample as it is
BLOCK = 1 << 20  # byte: samples that are counted together; bincount makes eight bytes of each


def used_values(rows: NDArray[np.uint8], width: int, bits: int) -> frozenset[int]:
    """Every sample value in ``rows``, packed from the highest bit down.

    Args:
        rows: H x bytes of a row.
        width: samples of a row; what lies behind them is not looked at.
        bits: of a sample: 1, 2, 4 or 8.
    """
    per_byte, mask = 8 // bits, (1 << bits) - 1
    full, rest = divmod(width, per_byte)
    inner, last = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for block in np.array_split(rows, max(1, -(-rows.size // BLOCK))):
        inner += np.bincount(block[:, :full].ravel(), minlength=256)
        if rest:
            last += np.bincount(block[:, full], minlength=256)
    shifts = range(8 - bits, -1, -bits)  # of the samples of a byte, the first one first
    values = {byte >> shift & mask for byte in np.flatnonzero(inner).tolist() for shift in shifts}
    return frozenset(
        values | {byte >> shift & mask for byte in np.flatnonzero(last).tolist() for shift in shifts[:rest]}
    )


def twins(palette: Sequence[Hashable], used: Iterable[int]) -> bytes:
    """The number to write for every palette index: that of the first entry in use that has the same colour.

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


def clear_unused(palette: Sequence[bytes], used: Collection[int], ramp_step: int = 1) -> list[bytes]:
    """The palette with black for every entry that is not in use; a grey ramp carries no information, and stays.

    Args:
        palette: the colours, three bytes each.
        used: indices that pixels show.
        ramp_step: between neighbours of a grey ramp; decoders show a picture with one in a mode of its own.
    """
    if all(colour == bytes([ramp_step * index & 255] * 3) for index, colour in enumerate(palette)):
        return list(palette)
    return [colour if index in used else bytes(3) for index, colour in enumerate(palette)]


def packed_table(table: bytes, bits: int) -> NDArray[np.uint8]:
    """A table for single samples of ``bits`` (1, 2, 4 or 8) as a table for bytes that hold several of them."""
    values, single = np.arange(256), np.frombuffer(table, np.uint8)
    packed = np.zeros(256, np.uint8)
    for shift in range(0, 8, bits):
        packed |= single[values >> shift & (1 << bits) - 1] << shift
    return packed
