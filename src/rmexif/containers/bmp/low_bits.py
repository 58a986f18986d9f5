"""The lowest bits of the first rows of a BMP ([MS-WMF] 2.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.bmp.header import RLE4, RUN_LENGTHS, STANDARD_MASKS
from rmexif.containers.common.low_bits import LowBits, bit_table, unpacked
from rmexif.native import rle
from rmexif.native.buffers import join
from rmexif.native.low_bits import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.bmp.header import BmpHeader
    from rmexif.containers.bmp.parse import BmpTree
    from rmexif.types import Container

__all__ = ["low_bits"]


def low_bits(container: Container[BmpTree], most_rows: int) -> Iterator[LowBits]:
    """The lowest bits of the first rows of a clean file."""
    header, palette = container.tree.header, container.tree.palette
    count = min(header.rows, most_rows)
    if header.bits > 8:
        size = header.bits // 8
        pixels = join(_top_rows(container.tree.rows, header, header.stride, count, size * header.width))
        *colours, alpha = (_channel(mask) if mask else None for mask in header.masks or STANDARD_MASKS)
        yield LowBits(header.width, pixels, size, [channel for channel in colours if channel], alpha)
        return
    if header.compression in RUN_LENGTHS:
        painted = rle.decode_bmp(container.tree.rows, header.width, header.rows, nibbles=header.compression == RLE4)
        indices = join(_top_rows(painted.pixels, header, header.width, count))
    else:
        rows = join(_top_rows(container.tree.rows, header, header.stride, count))
        indices = unpacked(rows, header.stride, header.width, header.bits)
    bits = bit_table()
    tables = [palette[channel::4].translate(bits).ljust(256, b"\0") for channel in (2, 1, 0)]
    yield LowBits(header.width, indices, 1, [Channel(0, table) for table in tables])


def _top_rows(
    rows: bytes | bytearray | memoryview, header: BmpHeader, stride: int, count: int, used: int | None = None
) -> list[memoryview]:
    """The first rows of the picture, of which the last one may come first in the file, or the bytes used of each."""
    view, size = memoryview(rows), stride if used is None else used
    order = range(header.rows - 1, -1, -1) if header.height > 0 else range(header.rows)
    return [view[row * stride : row * stride + size] for row in order[:count]]


def _channel(mask: int) -> Channel:
    """A channel of a pixel of 16, 24 or 32 bits."""
    lowest = (mask & -mask).bit_length() - 1
    return Channel(lowest // 8, bit_table(lowest % 8))
