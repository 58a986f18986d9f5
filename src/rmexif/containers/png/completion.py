"""A PNG whose image data is cut off, its last rows filled with grey."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from rmexif.containers.common.row import Completed, require_half
from rmexif.containers.png.chunks import serialise
from rmexif.containers.png.scanlines import read_header
from rmexif.containers.png.signature import SIGNATURE, signature_offset
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.native.png_layout import Layout
    from rmexif.types import Limits

__all__ = ["complete"]

GREY = 0x80  # of colour samples, byte for byte
PALETTE = 3  # colour type
ALPHA = (4, 6)


def complete(view: memoryview, limits: Limits) -> Completed:
    """The chunks before the image data, and data of as many rows as IHDR says.

    Raises:
        MalformedImage: there is no IHDR, no image data, or fewer than half of the rows.
        UnsupportedFeature: an interlaced picture, whose rows stand in seven passes.
    """
    head, coded = _walk(view)
    layout = read_header(bytes(view[head[0][0] + 8 : head[0][0] + 21]), head[0][0])
    if layout.interlaced:
        raise UnsupportedFeature("interlaced rows are not completed", structure="png chunk IHDR", offset=head[0][0])
    limits.check("max_pixels", layout.width * layout.height)
    stride = 1 + (layout.width * layout.bits + 7) // 8
    rows = _inflated(coded, stride * layout.height)
    kept = len(rows) // stride
    require_half(kept, layout.height, len(view))
    filled = rows[: kept * stride] + (b"\0" + _grey_row(layout, stride - 1)) * (layout.height - kept)
    pieces = [SIGNATURE, *(bytes(view[start:end]) for start, end in head)]
    data = b"".join([*pieces, *serialise(b"IDAT", zlib.compress(filled)), *serialise(b"IEND")])
    return Completed(data, layout.height, kept)


def _walk(view: memoryview) -> tuple[list[tuple[int, int]], bytes]:
    """Where the chunks before the first IDAT are, without those of an animation; and the image data that is there."""
    start = signature_offset(bytes(view[:16])) or 0
    cursor = Cursor(view, "png", start + len(SIGNATURE))
    head: list[tuple[int, int]] = []
    coded = bytearray()
    while cursor.remaining >= 8:
        at = cursor.offset
        length, kind = struct.unpack(">I4s", cursor.bytes(8))
        if kind == b"IDAT":
            coded += cursor.take(min(length, cursor.remaining))
            cursor.skip(min(4, cursor.remaining))
        elif coded or length + 4 > cursor.remaining:
            break
        else:
            cursor.skip(length + 4)
            if kind not in (b"acTL", b"fcTL"):
                head.append((at, cursor.offset))
    if not head or not coded:
        raise MalformedImage("IHDR and image data expected", structure="png", offset=len(view))
    return head, bytes(coded)


def _inflated(coded: bytes, size: int) -> bytes:
    """What decodes of a zlib stream, at most so many bytes."""
    stream, found = zlib.decompressobj(), bytearray()
    for start in range(0, len(coded), 1024):
        try:
            found += stream.decompress(coded[start : start + 1024], max(1, size - len(found)))
        except zlib.error:  # damage: what came before it counts
            break
        if len(found) >= size:
            break
    return bytes(memoryview(found)[:size])


def _grey_row(layout: Layout, size: int) -> bytes:
    """Samples of a row without filter: grey, opaque; the first entry of a palette, and black below 8 bits."""
    if layout.colour == PALETTE or layout.depth < 8:
        return bytes(size)
    sample = layout.depth // 8
    colours = layout.bits // layout.depth - (layout.colour in ALPHA)
    pixel = bytes([GREY]) * (sample * colours) + b"\xff" * (sample if layout.colour in ALPHA else 0)
    return pixel * layout.width
