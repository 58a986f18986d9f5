"""A clean JPEG XL file with a credit: Exif and XMP in boxes before the codestream (ISO/IEC 18181-2, 9.3 and 9.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.credit import exif_block
from rmexif.containers.jxl.rewrite import boxed, codestream_pieces

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.jxl.parse import JxlTree
    from rmexif.types import Container

__all__ = ["with_credit"]

TIFF_OFFSET = bytes(4)  # the TIFF header follows at once


def with_credit(view: memoryview, container: Container[JxlTree], blocks: CreditBlocks) -> list[bytes | memoryview]:
    """The file with the boxes of a credit; orientation is the codestream's."""
    del view  # the tree holds what is passed through
    added = b""
    if exif := exif_block(blocks):
        added += _box(b"Exif", TIFF_OFFSET + exif)
    if blocks.xmp:
        added += _box(b"xml ", blocks.xmp)
    return boxed(container.tree.level, codestream_pieces(container.tree), added)


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body
