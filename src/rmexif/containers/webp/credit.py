"""A clean WebP with a credit: VP8X announces Exif and XMP behind the pictures (RFC 9649, 2.7.1.4 and 2.7.1.5)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.common.credit import exif_block
from rmexif.containers.webp.chunks import HEADER, read_chunks, serialise
from rmexif.containers.webp.parse import ALPHA, EXIF, XMP
from rmexif.types import Limits

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.webp.chunks import Piece
    from rmexif.containers.webp.parse import WebpTree
    from rmexif.types import Container

__all__ = ["with_credit"]


def with_credit(view: memoryview, container: Container[WebpTree], blocks: CreditBlocks) -> list[Piece]:
    """The file with the chunks of a credit; its EXIF takes the orientation over."""
    tree = container.tree
    chunks = read_chunks(view, HEADER, len(view), Limits(max_parts=len(view)))
    exif = exif_block(blocks, container.orientation)
    flags = EXIF * bool(exif) | XMP * bool(blocks.xmp)
    if chunks[0].kind == b"VP8X":
        flags |= view[chunks[0].start] & ~EXIF
        chunks = chunks[1:]
    else:
        flags |= ALPHA * tree.shows_alpha
    sides = [(side - 1).to_bytes(3, "little") for side in (tree.width, tree.height)]
    out = serialise(b"VP8X", bytes([flags, 0, 0, 0]), *sides)
    out += [view[chunk.offset : chunk.end] for chunk in chunks if chunk.kind != b"EXIF"]
    if exif:
        out += serialise(b"EXIF", exif)
    if blocks.xmp:
        out += serialise(b"XMP ", blocks.xmp)
    return [b"RIFF", struct.pack("<I", 4 + sum(map(len, out))), b"WEBP", *out]
