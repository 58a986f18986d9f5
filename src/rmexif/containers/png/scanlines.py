"""PNG image data: inflated with a bound, what no decoder shows found and cleared.

W3C PNG (third edition): clause 7.2 scanlines, 8 interlacing, 10 compression.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from rmexif.containers.common.palette import packed_table, used_values
from rmexif.containers.png.filters import LAST_FILTER, refilter, strip_rows, unfilter
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

__all__ = [
    "Fault",
    "Layout",
    "Survey",
    "blank",
    "clear_invisible",
    "contains_colour",
    "crop_rows",
    "deflate",
    "inflate",
    "read_header",
    "survey",
]

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type (11.2.1)
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type (table 11.1)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # 8.1
MAX_SIDE = (1 << 31) - 1  # px (11.2.1)
MAX_END = 16  # byte: what a deflate stream may spend after the last pixel; more would be blocks that say nothing
BLOCK = 1 << 16  # byte: streams are compared in pieces of this size, which stay in the cache
DATA = "png image data"  # for messages


class Fault(StrEnum):
    """Why image data cannot stay as it is."""

    ROWS_BEYOND = "rows-beyond"  # it goes on after the last row
    STREAM_END = "stream-end"  # deflate blocks without data, or no last block
    CHECKSUM = "checksum"
    COLOUR_UNDER_ALPHA = "colour-under-alpha"
    PADDING_BITS = "padding-bits"
    PALETTE_TWINS = "palette-twins"
    SEQUENCE = "sequence"  # fdAT: the number is not the next one


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of one picture are laid out."""

    width: int  # px
    height: int  # px
    depth: int  # bit
    colour: int  # colour type
    interlaced: bool

    @property
    def bpp(self) -> int:
        """Bytes between a byte and its left neighbour (9.2)."""
        return max(1, SAMPLES[self.colour] * self.depth // 8)

    @property
    def alpha(self) -> int:
        """Bytes of colour before the alpha of a pixel; 0 where there is no alpha channel."""
        return self.bpp - self.depth // 8 if self.colour in (4, 6) else 0

    @property
    def is_packed(self) -> bool:
        """Whether the samples of a row are indices, or do not fill bytes."""
        return self.colour == 3 or self.depth < 8

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
    def may_hide_data(self) -> bool:
        """Whether pixels have room for it: under alpha 0, in a palette's spare entries, in padding bits."""
        return self.alpha > 0 or self.is_packed

    @property
    def diagonals(self) -> int:
        """What undoing the filters costs, in rounds of the recurrence."""
        total = 0
        for _, rows, row in self.passes:
            strip = strip_rows(row // self.bpp, self.bpp)
            total += rows + -(-rows // strip) * (row // self.bpp)
        return total


@dataclass(frozen=True, slots=True)
class Survey:
    """What one compressed picture turned out to be."""

    stream: memoryview  # zlib, up to where it ends
    fault: Fault | None  # why it has to be encoded again; None: it can be passed through
    used: frozenset[int] = frozenset()  # palette: the indices that pixels have


def read_header(data: bytes, offset: int) -> Layout:
    """The layout that IHDR (11.2.1) describes.

    Raises:
        MalformedImage: a field has a value that the format does not know.
    """

    def refused(problem: str) -> MalformedImage:
        return MalformedImage(problem, structure="png chunk IHDR", offset=offset)

    if len(data) != 13:
        raise refused(f"{len(data)} bytes, 13 expected")
    width, height, depth, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", data)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise refused(f"{width} x {height} px, 1 to {MAX_SIDE} a side are allowed")
    if depth not in DEPTHS.get(colour, ()):
        raise refused(f"colour type {colour} with {depth} bits a sample is not defined")
    if compression or filters or interlace > 1:
        raise refused("compression, filter or interlace method is not defined")
    return Layout(width, height, depth, colour, interlace == 1)


def inflate(data: memoryview, size: int, offset: int) -> tuple[bytes, bytes, int, Fault | None]:
    """The first ``size`` bytes of a zlib stream, where the stream ends, and what is wrong with that end.

    The last byte comes by itself: putting it behind the others would copy the picture.

    Args:
        data: the stream, and what follows it.
        size: bytes of the picture.
        offset: of its first chunk, for messages.

    Raises:
        MalformedImage: no zlib stream (RFC 1950), broken, or shorter than the picture.
    """
    if len(data) < 2 or data[0] & 15 != 8 or data[0] >> 4 > 7 or data[1] & 32 or (data[0] << 8 | data[1]) % 31:
        raise MalformedImage("no zlib header", structure=DATA, offset=offset)
    # Read without its envelope: a wrong checksum then costs the check, not the picture.
    reader = zlib.decompressobj(-15)
    try:
        raw = reader.decompress(data[2:], size - 1)
        tail = len(reader.unconsumed_tail)
        last = reader.decompress(reader.unconsumed_tail, 2)
    except zlib.error as error:
        raise MalformedImage("the deflate stream is broken", structure=DATA, offset=offset) from error
    if len(raw) + len(last) < size:
        found = len(raw) + len(last)
        raise MalformedImage(f"it inflates to {found} bytes, {size} expected", structure=DATA, offset=offset)
    at = len(data) - len(reader.unused_data)
    if len(last) > 1:
        return raw, last[:1], len(data), Fault.ROWS_BEYOND
    if not reader.eof or tail - len(reader.unused_data) > MAX_END:
        return raw, last, len(data), Fault.STREAM_END
    if bytes(data[at : at + 4]) != zlib.adler32(last, zlib.adler32(raw)).to_bytes(4, "big"):
        return raw, last, min(len(data), at + 4), Fault.CHECKSUM
    return raw, last, at + 4, None


def crop_rows(data: memoryview, layout: Layout, rows: int) -> tuple[Layout, bytes]:
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


def survey(data: memoryview, layout: Layout, offset: int, known: Survey | None = None) -> Survey:
    """Inflate a picture and look for what no decoder shows.

    Args:
        data: the zlib stream, and what follows it.
        layout: of the picture.
        offset: of its first chunk, for messages.
        known: of a picture of this layout; where the stream is the same, byte for byte, nothing is inflated again.

    Raises:
        MalformedImage: the stream is broken or short, or names a filter that does not exist (9.2).
    """
    if known and not known.fault and _equal(known.stream, data):
        return replace(known, stream=data)
    raw, last, end, fault = inflate(data, layout.size, offset)
    if any(kinds.max() > LAST_FILTER for kinds in _filters(raw, layout)):
        raise MalformedImage(f"a row has a filter above {LAST_FILTER}", structure=DATA, offset=offset)
    used = frozenset[int]()
    for lines, width in _passes(raw + last, layout) if layout.may_hide_data else ():
        if layout.alpha and _has_colour_under_alpha(lines, layout):
            fault = fault or Fault.COLOUR_UNDER_ALPHA
        if layout.is_packed:
            values, is_padded = _packed_samples(lines, width, layout)
            used |= values
            fault = Fault.PADDING_BITS if is_padded else fault
    return Survey(data[:end], fault, used)


def contains_colour(data: memoryview, layout: Layout, colour: Sequence[int], offset: int) -> bool:
    """Whether a grey or RGB picture that survey() has seen has a pixel with these samples."""
    raw, last, _, _ = inflate(data, layout.size, offset)
    size = max(1, layout.depth // 8)
    pixel = np.frombuffer(b"".join(sample.to_bytes(size, "big") for sample in colour), np.uint8)
    for lines, width in _passes(raw + last, layout):
        if layout.is_packed:
            if colour[0] in _packed_samples(lines, width, layout)[0]:
                return True
        elif any((plain == pixel).all(axis=2).any() for plain in unfilter(lines, layout.bpp, 0, layout.bpp)):
            return True
    return False


def clear_invisible(data: memoryview, layout: Layout, indices: bytes, offset: int) -> bytes:
    """The picture encoded again, with its own filters: no colour under alpha 0, no bits in the padding.

    Args:
        data: the zlib stream.
        layout: of the picture.
        indices: a palette's new index for every old one, 256 bytes.
        offset: of the first chunk, for messages.
    """
    raw, last, _, _ = inflate(data, layout.size, offset)
    return deflate(_cleared(raw + last, layout, packed_table(indices, min(layout.depth, 8))))


def _cleared(raw: bytes, layout: Layout, table: Bytes) -> Iterator[bytes]:
    """Filtered rows, strip by strip."""
    for lines, width in _passes(raw, layout):
        above, start = np.zeros((1, lines.shape[1] - 1), np.uint8), 0
        for plain in unfilter(lines, layout.bpp, 0, layout.bpp):
            pixels = plain.copy()
            if layout.alpha:
                pixels[~pixels[..., layout.alpha :].any(axis=2)] = 0
            if layout.colour == 3:
                pixels = table[pixels]
            flat = pixels.reshape(len(pixels), -1)
            flat[:, -1] &= 255 - _padding(width, layout)
            yield refilter(lines[start : start + len(flat), 0], flat, above, layout.bpp)
            above, start = flat[-1:], start + len(flat)


def _equal(old: memoryview, new: memoryview) -> bool:
    """Whether two stretches of memory are equal; compared a cache-full at a time."""
    if len(old) != len(new):
        return False
    a, b = np.frombuffer(old, np.uint8), np.frombuffer(new, np.uint8)
    return all(np.array_equal(a[at : at + BLOCK], b[at : at + BLOCK]) for at in range(0, len(a), BLOCK))


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


def _has_colour_under_alpha(lines: Bytes, layout: Layout) -> bool:
    """Whether a fully transparent pixel has a colour; alpha is undone alone first, it is most often opaque."""
    if all(alpha.any(axis=2).all() for alpha in unfilter(lines, layout.bpp, layout.alpha, layout.bpp)):
        return False
    for plain in unfilter(lines, layout.bpp, 0, layout.bpp):
        clear = ~plain[..., layout.alpha :].any(axis=2)
        if plain[..., : layout.alpha][clear].any():
            return True
    return False


def _packed_samples(lines: Bytes, width: int, layout: Layout) -> tuple[frozenset[int], bool]:
    """The samples in use, and whether a row's last byte has more than pixels."""
    padding, values, is_padded = _padding(width, layout), frozenset[int](), False
    for plain in unfilter(lines, 1, 0, 1):
        values |= used_values(plain[:, :, 0], width, layout.depth)
        is_padded = is_padded or bool((plain[:, -1, 0] & padding).any())
    return values, is_padded
