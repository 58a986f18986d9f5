"""PNG row filters undone and redone (W3C PNG third edition, clause 9).

Undoing a filter is a recurrence: a byte needs its left neighbour and the row above. Bytes whose column and row add
up to the same number do not need each other, so a strip of rows is solved one anti-diagonal at a time, in an array
that is skewed so that a diagonal is a row. The channels of a pixel never mix, so alpha can be looked at alone.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

__all__ = ["LAST_FILTER", "refilter", "strip_rows", "unfilter"]

SUB, UP, PAETH = 1, 2, 4  # table 9.1; 0 is None, 3 Average
LAST_FILTER = PAETH
STRIP = 1 << 25  # cells of the skewed array, two bytes each: bounds its memory to 64 MiB
BLOCK = 1 << 20  # byte: rows that are filtered together; their 16-bit copies stay in the cache


def strip_rows(columns: int, channels: int, cells: int = STRIP) -> int:
    """Rows r of a strip, so that its skewed array of (columns + r) x r x channels stays within ``cells``."""
    return max(1, (isqrt(columns * columns + 4 * cells // channels) - columns) // 2)


def unfilter(lines: Bytes, bpp: int, low: int, high: int, cells: int = STRIP) -> Iterator[Bytes]:
    """Bytes ``low`` to ``high`` of every pixel without filters, strip by strip: rows x columns x channels, read-only.

    Args:
        lines: rows that start with their filter byte.
        bpp: bytes between a byte and its left neighbour (9.2).
        low: first byte of a pixel.
        high: first byte of a pixel that is not wanted.
        cells: how large a strip may be.
    """
    rows, columns = len(lines), (lines.shape[1] - 1) // bpp
    coded = lines[:, 1:].reshape(rows, columns, bpp)[:, :, low:high]
    above = np.zeros((columns, high - low), np.uint8)
    height = strip_rows(columns, high - low, cells)
    for start in range(0, rows, height):
        kinds, block = lines[start : start + height, 0], coded[start : start + height]
        highest = kinds.max()
        if highest == 0:
            plain = block
        elif highest <= UP:
            plain = _row_by_row(block, kinds, above)
        else:
            plain = _by_diagonals(block, kinds, above)
        above = plain[-1]
        yield plain


def refilter(kinds: Bytes, plain: Bytes, above: Bytes, bpp: int) -> bytes:
    """Rows with their filter bytes (9.2).

    Args:
        kinds: the filter of each row.
        plain: rows x bytes.
        above: the row before the first one, 1 x bytes.
        bpp: bytes between a byte and its left neighbour.
    """
    out = np.zeros((len(plain), 1 + plain.shape[1]), np.uint8)
    out[:, 0] = kinds
    out[:, 1:] = plain
    up = np.concatenate([above, plain[:-1]])
    left, corner = np.zeros_like(plain), np.zeros_like(plain)
    left[:, bpp:], corner[:, bpp:] = plain[:, :-bpp], up[:, :-bpp]
    for kind in range(SUB, LAST_FILTER + 1):
        (rows,) = np.nonzero(kinds == kind)
        for some in np.array_split(rows, -(-rows.size * plain.shape[1] // BLOCK)) if rows.size else ():
            a, b = left[some].astype(np.int16), up[some].astype(np.int16)
            guess = {SUB: a, UP: b, 3: (a + b) >> 1}.get(kind)
            if guess is None:
                guess = _paeth(a, b, corner[some].astype(np.int16))
            out[some, 1:] -= guess.astype(np.uint8)
    return out.tobytes()


def _row_by_row(block: Bytes, kinds: Bytes, above: Bytes) -> Bytes:
    """Undo the filters None, Sub and Up."""
    plain = block.copy()
    for row, kind in zip(plain, kinds.tolist(), strict=True):
        if kind == SUB:
            np.cumsum(row, axis=0, dtype=np.uint8, out=row)
        elif kind == UP:
            row += above
        above = row
    return plain


def _by_diagonals(block: Bytes, kinds: Bytes, above: Bytes) -> Bytes:
    """Undo any filters; row d + 2 of ``field`` holds the pixels whose column and row add up to d."""
    rows, columns, k = block.shape
    field = np.zeros((rows + columns + 1, (rows + 1) * k), np.int16)
    down, right = field.strides
    skewed = np.lib.stride_tricks.as_strided(field[2:, k:], block.shape, (down + k * right, down, right))
    skewed[...] = block
    field[1 : columns + 1, :k] = above
    halves_left = np.repeat(np.array([0, 2, 0, 1, 0], np.int16)[kinds], k)
    halves_up = np.repeat(np.array([0, 0, 2, 1, 0], np.int16)[kinds], k)
    paeth = np.repeat(kinds == PAETH, k)
    for d in range(rows + columns - 1):
        low, high = max(0, d - columns + 1) * k, min(rows, d + 1) * k
        left, up, corner = field[d + 1, low + k : high + k], field[d + 1, low:high], field[d, low:high]
        guess = left * halves_left[low:high]
        guess += up * halves_up[low:high]
        guess >>= 1
        np.copyto(guess, _paeth(left, up, corner), where=paeth[low:high])
        here = field[d + 2, low + k : high + k]
        here += guess
        here &= 255
    return skewed.astype(np.uint8)


def _paeth(left: NDArray[np.int16], up: NDArray[np.int16], corner: NDArray[np.int16]) -> NDArray[np.int16]:
    """The neighbour nearest to left + up - corner (9.4)."""
    by_left, by_up = up - corner, left - corner
    by_corner = np.abs(by_left + by_up)
    by_left, by_up = np.abs(by_left), np.abs(by_up)
    guess = np.where(by_up <= by_corner, up, corner)
    np.copyto(guess, left, where=by_left <= np.minimum(by_up, by_corner))
    return guess
