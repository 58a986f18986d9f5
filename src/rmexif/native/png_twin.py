"""The specification of ``c/png*.c``: rows of PNG without their filters, and what hides in them.

Undoing a filter is a recurrence: a byte needs its left neighbour and the row above. Bytes whose column and row add
up to the same number do not need each other, so a strip of rows is solved one anti-diagonal at a time, in an array
that is skewed so that a diagonal is a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rmexif.native.png_layout import KINDS, strip_rows
from rmexif.native.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rmexif.native.png_layout import Layout

    Bytes = NDArray[np.uint8]

__all__ = ["Look", "cleared", "filtered", "has_unknown_kind", "look", "unfiltered"]

Buffer = bytes | bytearray | memoryview


class Look(NamedTuple):
    """As Survey."""

    rows: int
    unknown_kind: bool
    invisible: bool
    padding: int
    keyed: bool
    used: bytes


class _Pass(NamedTuple):
    """Filtered rows of a pass, each behind its filter; of the last one only the first ``known`` bytes are there."""

    lines: Bytes
    width: int  # px
    known: int


def _passes(raw: Buffer, layout: Layout) -> Iterator[_Pass]:
    """What there is of every pass, up to a row with a filter that does not exist."""
    offset, data = 0, np.frombuffer(raw, np.uint8)
    for width, rows, row in layout.passes:
        piece = data[offset : offset + rows * (1 + row)]
        offset += rows * (1 + row)
        rest, known = len(piece) % (1 + row), row
        if rest:
            piece, known = np.concatenate([piece, np.zeros(1 + row - rest, np.uint8)]), rest - 1
        lines = piece.reshape(-1, 1 + row)
        bad = np.flatnonzero(lines[:, 0] >= KINDS)
        if len(bad):
            yield _Pass(lines[: bad[0]], width, row)
            return
        yield _Pass(lines, width, known)


def has_unknown_kind(raw: Buffer, layout: Layout) -> bool:
    """Whether a row has a filter that does not exist, also a row that is cut short."""
    offset, data = 0, np.frombuffer(raw, np.uint8)
    for _, rows, row in layout.passes:
        if (data[offset : offset + rows * (1 + row) : 1 + row] >= KINDS).any():
            return True
        offset += rows * (1 + row)
    return False


def look(raw: Buffer, layout: Layout, key: bytes | None) -> Look:
    """What pixels hold that no decoder shows."""
    used, rows, padding, invisible, keyed = np.zeros(256, np.bool_), 0, 0, False, False
    counts = layout.depth < 8 or layout.colour == 3
    for lines, width, known in _passes(raw, layout):
        size = lines.shape[1] - 1
        complete_rows = len(lines) - (known < size)
        rows += complete_rows
        plain = np.concatenate([*_strips(lines, layout.step), np.zeros((0, size), np.uint8)])
        pixels = known - known % layout.step
        for part in (plain[:complete_rows], plain[complete_rows:, :pixels]):
            if counts:
                padding += _count_samples(part, width, layout, used)
            elif part.size:
                pixel = part.reshape(-1, layout.step)
                clear = ~pixel[:, layout.colour_size :].any(axis=1)
                invisible |= bool(layout.colour_size) and bool(pixel[clear].any())
                keyed |= key is not None and bool((pixel == np.frombuffer(key, np.uint8)).all(axis=1).any())
    if key is not None and counts:
        keyed = bool(used[key[0] & (1 << layout.depth) - 1]) if layout.depth < 8 else bool(used[key[0]])
    return Look(rows, has_unknown_kind(raw, layout), invisible, padding, keyed, used.astype(np.uint8).tobytes())


def _count_samples(rows: Bytes, width: int, layout: Layout, used: NDArray[np.bool_]) -> int:
    """Mark the samples of at most 8 bits that occur; rows with bits behind the last pixel."""
    complete, mask = width * layout.depth // 8, (1 << layout.depth) - 1
    shifts = range(8 - layout.depth, -1, -layout.depth)
    last = rows[:, complete:]
    for values, its in ((rows[:, :complete], shifts), (last, shifts[: width % len(shifts)])):
        seen = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
        for shift in its:
            used[seen >> shift & mask] = True
    return int((last & _padding(width, layout)).any(axis=1).sum())


def _padding(width: int, layout: Layout) -> int:
    """Mask of the bits after the last pixel in a row's last byte (7.2)."""
    return (1 << -width * layout.bits % 8) - 1


def cleared(raw: Buffer, layout: Layout, table: bytes) -> bytes:
    """A complete picture, filtered as it was, without what no decoder shows."""
    out = list[bytes]()
    for lines, width, _ in _passes(raw, layout):
        above, start = np.zeros((1, lines.shape[1] - 1), np.uint8), 0
        for plain in _strips(lines, layout.step):
            rows = plain.copy()
            if layout.colour_size:
                pixels = rows.reshape(len(rows), -1, layout.step)
                pixels[~pixels[..., layout.colour_size :].any(axis=2)] = 0
            elif layout.colour == 3:
                rows = np.frombuffer(table, np.uint8)[rows]
            rows[:, -1] &= 255 - _padding(width, layout)
            out.append(_filtered(lines[start : start + len(rows), 0], rows, above, layout.step).tobytes())
            above, start = rows[-1:], start + len(rows)
    return b"".join(out)


def unfiltered(raw: Buffer, layout: Layout) -> tuple[Status, memoryview, bytes]:
    """Status, rows of all passes, their filters."""
    pixels, kinds = list[bytes](), list[bytes]()
    status = Status.OK
    for lines, _, known in _passes(raw, layout):
        complete = lines[: len(lines) - (known < lines.shape[1] - 1)]
        pixels += [plain.tobytes() for plain in _strips(complete, layout.step)]
        kinds.append(complete[:, 0].tobytes())
    found = b"".join(kinds)
    if len(found) < layout.rows:
        at = layout.pixels_before(len(found)) + len(found)
        end = layout.pixels_before(len(found) + 1) + len(found) + 1
        status = Status.BAD_VALUE if end <= len(raw) and raw[at] >= KINDS else Status.ENDS_EARLY
    return status, memoryview(b"".join(pixels)), found


def filtered(pixels: Buffer, layout: Layout, kinds: bytes | None) -> tuple[memoryview, bytes]:
    """Rows behind their filters, and those filters."""
    out, chosen, offset, data = list[bytes](), list[bytes](), 0, np.frombuffer(pixels, np.uint8)
    for _, rows, row in layout.passes:
        plain = data[offset : offset + rows * row].reshape(rows, row)
        offset += rows * row
        above = np.zeros((1, row), np.uint8)
        if kinds is None:
            its = _lightest(plain, above, layout)
        else:
            start = sum(map(len, chosen))
            its = np.frombuffer(kinds, np.uint8)[start : start + rows]
        chosen.append(its.tobytes())
        out.append(_filtered(its, plain, above, layout.step).tobytes())
    return memoryview(b"".join(out)), b"".join(chosen)


def _lightest(plain: Bytes, above: Bytes, layout: Layout) -> Bytes:
    """For every row the filter whose bytes weigh least as signed numbers (12.8)."""
    if layout.colour == 3 or layout.depth < 8:
        return np.zeros(len(plain), np.uint8)
    weights = []
    for kind in range(KINDS):
        lines = _filtered(np.full(len(plain), kind, np.uint8), plain, above, layout.step)[:, 1:].astype(np.int64)
        weights.append(np.minimum(lines, 256 - lines).sum(axis=1))
    best: Bytes = np.argmin(weights, axis=0).astype(np.uint8)
    return best


def _strips(lines: Bytes, step: int) -> Iterator[Bytes]:
    """Rows without filters (9.3), not to be changed, a strip of them at a time."""
    rows, size = len(lines), lines.shape[1] - 1
    coded = lines[:, 1:].reshape(rows, size // step, step)
    above = np.zeros((size // step, step), np.uint8)
    height = strip_rows(size // step, step)
    for start in range(0, rows, height):
        kinds, block = lines[start : start + height, 0], coded[start : start + height]
        highest = kinds.max()
        if highest == 0:
            plain = block
        elif highest <= 2:
            plain = _row_by_row(block, kinds, above)
        else:
            plain = _by_diagonals(block, kinds, above)
        above = plain[-1]
        yield plain.reshape(len(plain), size)


def _row_by_row(block: Bytes, kinds: Bytes, above: Bytes) -> Bytes:
    """Undo the filters None, Sub and Up."""
    plain = block.copy()
    for row, kind in zip(plain, kinds.tolist(), strict=True):
        if kind == 1:
            np.cumsum(row, axis=0, dtype=np.uint8, out=row)
        elif kind == 2:
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
    paeth = np.repeat(kinds == 4, k)
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


def _filtered(kinds: Bytes, plain: Bytes, above: Bytes, step: int) -> Bytes:
    """Rows behind their filters (9.2)."""
    out = np.zeros((len(plain), 1 + plain.shape[1]), np.uint8)
    out[:, 0] = kinds
    out[:, 1:] = plain
    up = np.concatenate([above, plain[:-1]])
    left, corner = np.zeros_like(plain), np.zeros_like(plain)
    left[:, step:], corner[:, step:] = plain[:, :-step], up[:, :-step]
    for kind in range(1, KINDS):
        (rows,) = np.nonzero(kinds == kind)
        for some in np.array_split(rows, -(-rows.size * plain.shape[1] // (1 << 20))) if rows.size else ():
            a, b = left[some].astype(np.int16), up[some].astype(np.int16)
            guess = {1: a, 2: b, 3: (a + b) >> 1}.get(kind)
            if guess is None:
                guess = _paeth(a, b, corner[some].astype(np.int16))
            out[some, 1:] -= guess.astype(np.uint8)
    return out
