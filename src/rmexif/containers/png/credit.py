"""A clean PNG with a credit: eXIf and XMP in iTXt (PNG, third edition, 11.3.3.4 and 11.3.4.6), behind IHDR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.credit import exif_block
from rmexif.containers.png.chunks import serialise, walk_chunks

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.png.parse import PngTree
    from rmexif.types import Container

__all__ = ["with_credit"]

XMP_HEAD = b"XML:com.adobe.xmp\0\0\0\0\0"  # keyword, no compression, no language, no translated keyword


def with_credit(view: memoryview, container: Container[PngTree], blocks: CreditBlocks) -> list[bytes | memoryview]:
    """The file with the chunks of a credit; its eXIf takes the orientation over."""
    added = list[bytes | memoryview]()
    if exif := exif_block(blocks, container.orientation):
        added += serialise(b"eXIf", exif)
    if blocks.xmp:
        added += serialise(b"iTXt", XMP_HEAD, blocks.xmp)
    start, out = 0, list[bytes | memoryview]()
    for chunk in walk_chunks(view):
        if chunk.kind == b"IHDR":
            out += [view[: chunk.end], *added]
            start = chunk.end
        elif chunk.kind == b"eXIf":
            out.append(view[start : chunk.offset])
            start = chunk.end
        elif chunk.kind == b"IDAT":
            break
    return [*out, view[start:]]
