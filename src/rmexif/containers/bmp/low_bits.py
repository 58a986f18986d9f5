"""The lowest bits of the first rows of a BMP ([MS-WMF] 2.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.bmp.header import RLE4, RUN_LENGTHS, STANDARD_MASKS
from rmexif.containers.common.low_bits import LowBits, bit_table, unpacked
from rmexif.native import rle

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
        yield _of_channels(_top_rows(container.tree.rows, header, header.stride, count), header)
        return
    if header.compression in RUN_LENGTHS:
        painted = rle.decode_bmp(container.tree.rows, header.width, header.rows, nibbles=header.compression == RLE4)
        indices = b"".join(_top_rows(painted.pixels, header, header.width, count))
    else:
        rows = b"".join(_top_rows(container.tree.rows, header, header.stride, count))
        indices = unpacked(rows, header.stride, header.width, header.bits)
    bits = bit_table()
    yield LowBits(
        header.width,
        [indices.translate(palette[channel::4].translate(bits).ljust(256, b"\0")) for channel in (2, 1, 0)],
    )


def _top_rows(rows: bytes | bytearray | memoryview, header: BmpHeader, stride: int, count: int) -> list[bytes]:
    """The first rows of the picture, of which the last one may come first in the file."""
    order = range(header.rows - 1, -1, -1) if header.height > 0 else range(header.rows)
    return [bytes(rows[row * stride : (row + 1) * stride]) for row in order[:count]]


def _of_channels(rows: list[bytes], header: BmpHeader) -> LowBits:
    """Of pixels of 16, 24 or 32 bits, whose channels are named by masks."""
    size = header.bits // 8
    pixels = b"".join(row[: size * header.width] for row in rows)

    def channel(mask: int) -> bytes:
        lowest = (mask & -mask).bit_length() - 1
        return pixels[lowest // 8 :: size].translate(bit_table(lowest % 8))

    *colours, alpha = header.masks or STANDARD_MASKS
    return LowBits(header.width, [channel(mask) for mask in colours if mask], channel(alpha) if alpha else None)
