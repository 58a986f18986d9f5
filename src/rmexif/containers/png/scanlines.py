"""PNG picture data: inflated with a bound, row filters undone and redone, what no decoder shows found and cleared.

W3C PNG (third edition): clause 7.2 scanlines, 8 interlacing, 9 filtering, 10 compression.

Undoing a filter is a recurrence: a byte needs its left neighbour and the row above. Bytes whose column and row add
up to the same number do not need each other, so a strip of rows is solved one anti-diagonal at a time, in an array
that is skewed so that a diagonal is a row. The channels of a pixel never mix, so alpha can be looked at alone.
"""

from __future__ import annotations

import threading
import weakref
import zlib
from dataclasses import dataclass, replace
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

from rmexif.containers.common.palette import packed_table
from rmexif.errors import MalformedImage
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

__all__ = ["Layout", "Survey", "blank", "deflate", "holds", "inflate", "mend", "survey", "top"]

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type (11.2.1)
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
STRIP = 1 << 25  # cells of the skewed array, two bytes each
LARGE = 1 << 16  # byte: streams from here on are not inflated twice; they are compared in pieces of this size
LOOSE_END = 16  # byte: what a deflate stream may spend after the last pixel; more would be blocks that say nothing


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of one picture are laid out."""

    width: int  # px
    height: int  # px
    depth: int  # bit
    colour: int  # colour type
    interlaced: bool

    @property
    def step(self) -> int:
        """Bytes between a byte and its left neighbour (9.2)."""
        return max(1, SAMPLES[self.colour] * self.depth // 8)

    @property
    def alpha(self) -> int:
        """Bytes of colour before the alpha of a pixel; 0 where there is no alpha channel."""
        return self.step - self.depth // 8 if self.colour in (4, 6) else 0

    @property
    def passes(self) -> list[tuple[int, int, int]]:
        """Px per row, rows, and bytes per row (without the filter byte) of every pass that is not empty."""
        sizes = [(self.width, self.height)]
        if self.interlaced:
            sizes = [(-((x - self.width) // dx), -((y - self.height) // dy)) for x, y, dx, dy in ADAM7]
        bits = SAMPLES[self.colour] * self.depth
        return [(w, h, (w * bits + 7) // 8) for w, h in sizes if w > 0 and h > 0]

    @property
    def size(self) -> int:
        """Bytes that the stream inflates to."""
        return sum(rows * (1 + row) for _, rows, row in self.passes)

    @property
    def looked_into(self) -> bool:
        """Whether something can hide in the pixels: under alpha 0, in a palette's spare entries, in padding bits."""
        return self.alpha > 0 or self.colour == 3 or self.depth < 8

    @property
    def diagonals(self) -> int:
        """What undoing the filters costs, in steps of the recurrence."""
        total = 0
        for _, rows, row in self.passes:
            strip = _strip_rows(row // self.step, self.step)
            total += rows + -(-rows // strip) * (row // self.step)
        return total


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Survey:
    """What one compressed picture turned out to be."""

    stream: memoryview  # zlib, up to where it ends
    fault: str  # "" if the stream can stay as it is, else why it has to be written again
    used: bytes = b""  # palette: one byte per index, 1 = in use


def inflate(data: memoryview, size: int, where: str) -> tuple[bytes, bytes, int, str]:
    """The first ``size`` bytes of a zlib stream, where the stream ends, and what is wrong with that end.

    The last byte comes by itself: putting it behind the others would copy the picture.

    Raises:
        MalformedImage: no zlib stream (RFC 1950), broken, or shorter than the picture.
    """
    if len(data) < 2 or data[0] & 15 != 8 or data[0] >> 4 > 7 or data[1] & 32 or (data[0] << 8 | data[1]) % 31:
        raise MalformedImage(f"{where}: no zlib header")
    # Read without its envelope: a wrong checksum then costs the check, not the picture.
    reader = zlib.decompressobj(-15)
    try:
        raw = reader.decompress(data[2:], size - 1)
        tail = len(reader.unconsumed_tail)
        last = reader.decompress(reader.unconsumed_tail, 2)
    except zlib.error as error:
        raise MalformedImage(f"{where}: the deflate stream is broken") from error
    if len(raw) + len(last) < size:
        raise MalformedImage(f"{where}: {len(raw) + len(last)} of {size} bytes of picture data")
    at = len(data) - len(reader.unused_data)
    if len(last) > 1:
        return raw, last[:1], len(data), "rows-beyond"
    if not reader.eof or tail - len(reader.unused_data) > LOOSE_END:
        return raw, last, len(data), "stream-end"
    if bytes(data[at : at + 4]) != zlib.adler32(last, zlib.adler32(raw)).to_bytes(4, "big"):
        return raw, last, min(len(data), at + 4), "checksum"
    return raw, last, at + 4, ""


def top(data: memoryview, layout: Layout, rows: int) -> tuple[Layout, bytes]:
    """The first rows of a picture that survey() has seen and that is not interlaced: layout and zlib stream."""
    short = replace(layout, height=min(layout.height, rows))
    return short, zlib.compress(zlib.decompressobj().decompress(data, short.size), 0)


def deflate(pieces: Iterator[bytes]) -> bytes:
    """A zlib stream with fixed settings: on photographs faster than the default, and smaller."""
    writer = zlib.compressobj(4, strategy=zlib.Z_FILTERED)
    return b"".join([*map(writer.compress, pieces), writer.flush()])


def blank(layout: Layout) -> bytes:
    """A picture of zeros: transparent black, black, or the first palette entry."""
    size, piece = layout.size, bytes(1 << 20)
    return deflate(piece[: size - start] for start in range(0, size, len(piece)))


class _Last(threading.local):
    """The last large picture of this thread, for as long as someone holds it: a rewrite has the same stream again."""

    survey: Callable[[], Survey | None] = staticmethod(lambda: None)
    layout: Layout | None = None


_last = _Last()


def survey(data: memoryview, layout: Layout, where: str) -> Survey:
    """Inflate a picture and look for what no decoder shows.

    Raises:
        MalformedImage: the stream is broken or short, or names a filter that does not exist (9.2).
    """
    if len(data) < LARGE:
        return _survey(data, layout, where)
    known = _last.survey()
    if known and layout == _last.layout and _same(known.stream, data):
        return known
    found = _survey(data, layout, where)
    _last.survey, _last.layout = weakref.ref(found), layout
    return found


def _same(one: memoryview, other: memoryview) -> bool:
    """Whether two stretches of memory are equal; compared a cache-full at a time."""
    if len(one) != len(other):
        return False
    ours, theirs = np.frombuffer(one, np.uint8), np.frombuffer(other, np.uint8)
    return all(np.array_equal(ours[at : at + LARGE], theirs[at : at + LARGE]) for at in range(0, len(ours), LARGE))


def _survey(data: memoryview, layout: Layout, where: str) -> Survey:
    raw, last, end, fault = inflate(data, layout.size, where)
    used = np.zeros(256, np.bool_)
    if any(kinds.max() > 4 for kinds in _filters(raw, layout)):
        raise MalformedImage(f"{where}: a row has a filter that does not exist")
    for lines, width in _passes(raw + last, layout) if layout.looked_into else ():
        if layout.alpha and _coloured_under_alpha(lines, layout):
            fault = fault or Residual.COLOUR_UNDER_ALPHA
        if layout.depth < 8 or layout.colour == 3:
            fault = _packed(lines, width, layout, used) or fault
    return Survey(data[:end], fault, used.astype(np.uint8).tobytes() if layout.colour == 3 else b"")


def holds(data: memoryview, layout: Layout, key: Sequence[int]) -> bool:
    """Whether a grey or RGB picture that survey() has seen has a pixel with these samples."""
    raw, last, _, _ = inflate(data, layout.size, "png: picture")
    size = max(1, layout.depth // 8)
    pixel = np.frombuffer(b"".join(sample.to_bytes(size, "big") for sample in key), np.uint8)
    used = np.zeros(256, np.bool_)
    for lines, width in _passes(raw + last, layout):
        if layout.depth < 8:
            _packed(lines, width, layout, used)
        elif any((plain == pixel).all(axis=2).any() for plain in _strips(lines, layout.step, 0, layout.step)):
            return True
    return layout.depth < 8 and bool(used[key[0]])


def mend(data: memoryview, layout: Layout, indices: bytes, where: str) -> bytes:
    """The picture written again, with its own filters: no colour under alpha 0, no bits in the padding.

    Args:
        data: the zlib stream.
        layout: of the picture.
        indices: a palette's new index for every old one, 256 bytes.
        where: for messages.
    """
    raw, last, _, _ = inflate(data, layout.size, where)
    return deflate(_mended(raw + last, layout, packed_table(indices, min(layout.depth, 8))))


def _mended(raw: bytes, layout: Layout, table: Bytes) -> Iterator[bytes]:
    """Filtered rows, strip by strip."""
    for lines, width in _passes(raw, layout):
        above, start = np.zeros((1, lines.shape[1] - 1), np.uint8), 0
        for plain in _strips(lines, layout.step, 0, layout.step):
            pixels = plain.copy()
            if layout.alpha:
                pixels[~pixels[..., layout.alpha :].any(axis=2)] = 0
            if layout.colour == 3:
                pixels = table[pixels]
            flat = pixels.reshape(len(pixels), -1)
            flat[:, -1] &= 255 - _padding(width, layout)
            yield _filtered(lines[start : start + len(flat), 0], flat, above, layout.step)
            above, start = flat[-1:], start + len(flat)


def _passes(raw: bytes, layout: Layout) -> Iterator[tuple[Bytes, int]]:
    """Every pass as rows that start with their filter byte, and its width in px."""
    offset = 0
    for width, rows, row in layout.passes:
        yield np.frombuffer(raw, np.uint8, rows * (1 + row), offset).reshape(rows, 1 + row), width
        offset += rows * (1 + row)


def _filters(raw: bytes, layout: Layout) -> Iterator[Bytes]:
    """The filter bytes of every pass; no row ends with one, so that the picture's last byte is not needed."""
    offset, data = 0, np.frombuffer(raw, np.uint8)
    for _, rows, row in layout.passes:
        yield data[offset : offset + rows * (1 + row) : 1 + row]
        offset += rows * (1 + row)


def _padding(width: int, layout: Layout) -> int:
    """Mask of the bits after the last pixel in a row's last byte (7.2)."""
    return (1 << -width * SAMPLES[layout.colour] * layout.depth % 8) - 1


def _coloured_under_alpha(lines: Bytes, layout: Layout) -> bool:
    """Whether a fully transparent pixel has a colour; alpha is undone alone first, it is most often opaque."""
    if all(alpha.any(axis=2).all() for alpha in _strips(lines, layout.step, layout.alpha, layout.step)):
        return False
    for plain in _strips(lines, layout.step, 0, layout.step):
        clear = ~plain[..., layout.alpha :].any(axis=2)
        if plain[..., : layout.alpha][clear].any():
            return True
    return False


def _packed(lines: Bytes, width: int, layout: Layout, used: NDArray[np.bool_]) -> str:
    """Mark the palette indices in use; "padding-bits" where a row's last byte has more than pixels."""
    padding = _padding(width, layout)
    whole = width * layout.depth // 8
    full, last = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for plain in _strips(lines, 1 if layout.depth < 8 else layout.step, 0, 1):
        for rows in np.array_split(plain[:, :, 0], -(-plain.size // (1 << 20))):
            full += np.bincount(rows[:, :whole].ravel(), minlength=256)
            last += np.bincount(rows[:, whole:].ravel(), minlength=256)
    shifts = range(8 - layout.depth, -1, -layout.depth)
    for seen, pixels in ((full, len(shifts)), (last, width % len(shifts))):
        for shift in shifts[:pixels]:
            used[np.flatnonzero(seen) >> shift & (1 << layout.depth) - 1] = True
    return "padding-bits" if (np.flatnonzero(last) & padding).any() else ""


def _strip_rows(columns: int, channels: int) -> int:
    """Rows r of a strip, so that its skewed array of (columns + r) x r x channels stays within STRIP cells."""
    return max(1, (isqrt(columns * columns + 4 * STRIP // channels) - columns) // 2)


def _strips(lines: Bytes, step: int, low: int, high: int) -> Iterator[Bytes]:
    """Bytes ``low`` to ``high`` of every pixel without filters (9.3): rows x columns x channels, not to be changed."""
    rows, columns = len(lines), (lines.shape[1] - 1) // step
    coded = lines[:, 1:].reshape(rows, columns, step)[:, :, low:high]
    above = np.zeros((columns, high - low), np.uint8)
    height = _strip_rows(columns, high - low)
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
        yield plain


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


def _filtered(kinds: Bytes, plain: Bytes, above: Bytes, step: int) -> bytes:
    """Rows with their filter bytes (9.2)."""
    out = np.zeros((len(plain), 1 + plain.shape[1]), np.uint8)
    out[:, 0] = kinds
    out[:, 1:] = plain
    up = np.concatenate([above, plain[:-1]])
    left, corner = np.zeros_like(plain), np.zeros_like(plain)
    left[:, step:], corner[:, step:] = plain[:, :-step], up[:, :-step]
    for kind in range(1, 5):
        (rows,) = np.nonzero(kinds == kind)
        for some in np.array_split(rows, -(-rows.size * plain.shape[1] // (1 << 20))) if rows.size else ():
            a, b = left[some].astype(np.int16), up[some].astype(np.int16)
            guess = {1: a, 2: b, 3: (a + b) >> 1}.get(kind)
            if guess is None:
                guess = _paeth(a, b, corner[some].astype(np.int16))
            out[some, 1:] -= guess.astype(np.uint8)
    return out.tobytes()
