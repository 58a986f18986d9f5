"""The lowest bits of the first rows of a PNG (W3C PNG, third edition, clauses 7.2 and 8)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from rmexif.containers.common.low_bits import LowBits, bit_table, unpacked
from rmexif.native import png
from rmexif.native.low_bits import Channel
from rmexif.native.png_layout import ADAM7

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.png.parse import PngTree
    from rmexif.native.png import Layout
    from rmexif.types import Container

__all__ = ["low_bits"]


def low_bits(container: Container[PngTree], most_rows: int) -> Iterator[LowBits]:
    """The lowest bits of the first rows of a clean file's first picture."""
    frame, image = container.tree.pictures[0]
    layout = (
        frame.layout if frame.layout.interlaced else frame.layout._replace(height=min(frame.layout.height, most_rows))
    )
    stored = zlib.decompressobj().decompress(image.clean, layout.size)
    rows = bytes(png.unfilter(stored, layout).pixels)
    samples = _deinterlaced(rows, layout, most_rows) if layout.interlaced else _samples(rows, layout)
    bits = bit_table()
    if layout.colour == 3:
        palette = dict(container.tree.head)[b"PLTE"]
        tables = [palette[channel::3].translate(bits).ljust(256, b"\0") for channel in range(3)]
        yield LowBits(layout.width, samples, 1, [Channel(0, table) for table in tables])
        return
    size = layout.step
    first = layout.depth // 8 - 1 if layout.depth > 8 else 0  # the low byte of 16 bits
    channels = [Channel(at, bits) for at in range(first, size, max(1, layout.depth // 8))]
    alpha = channels.pop() if layout.colour_size else None
    yield LowBits(layout.width, samples, size, channels, alpha)


def _samples(rows: bytes, layout: Layout) -> bytes:
    """Rows without the filters, at least a byte a sample."""
    if layout.depth >= 8:
        return rows
    return unpacked(rows, (layout.width * layout.bits + 7) // 8, layout.width, layout.depth)


def _deinterlaced(rows: bytes, layout: Layout, most_rows: int) -> bytes:
    """The first rows of all seven passes put together (8.1)."""
    size, row = layout.step, layout.step * layout.width
    picture = bytearray(min(layout.height, most_rows) * row)
    for x, y, across, down in ADAM7:
        width, height = -((x - layout.width) // across), -((y - layout.height) // down)
        if width <= 0 or height <= 0:
            continue
        part = layout._replace(width=width, height=height, interlaced=False)
        samples, rows = _samples(rows[: part.pixels_size], part), rows[part.pixels_size :]
        for number, start in enumerate(range(y * row, len(picture), down * row)):
            line = samples[number * width * size : (number + 1) * width * size]
            for byte in range(size):
                picture[start + x * size + byte : start + row : across * size] = line[byte::size]
    return bytes(picture)
