"""Boxes of ISO 14496-12, 4.2, which HEIF, AVIF and JPEG XL (ISO/IEC 18181-2) share: where each one lies."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.common.fourcc import name_of
from rmexif.cursor import Cursor

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["BoxAt", "box_at", "tiff_offset"]

TIFF_SIGNATURES = (b"II*\0", b"MM\0*")  # TIFF 6.0, section 2
EXIF_PREFIX = b"Exif\0\0"


@dataclass(frozen=True, slots=True)
class BoxAt:
    """Where a box lies in the file, in bytes from its start."""

    type: bytes
    offset: int
    body: int  # after the header (8, or 16 with a 64-bit size; ``uuid`` counts its 16 bytes as body)
    end: int

    def cursor(self, view: memoryview, prefix: Literal["isobmff", "jxl"] = "isobmff") -> Cursor:
        """A reader over the body, whose errors name the box."""
        return Cursor(view, f"{prefix} {name_of(self.type)}", self.body, self.end)

    def bytes(self, view: memoryview) -> memoryview:
        """The whole box with its header."""
        return view[self.offset : self.end]


def box_at(view: memoryview, start: int, end: int) -> BoxAt | None:
    """The box at ``start``, or None where none fits before ``end`` (4.2.2: size 1 = 64 bit, 0 = to the end)."""
    if end - start < 8:
        return None
    size, kind = struct.unpack_from(">I4s", view, start)
    body = start + 8
    if size == 1:
        if end - start < 16:
            return None
        size = int.from_bytes(view[start + 8 : start + 16], "big")
        body = start + 16
    elif size == 0:
        size = end - start
    if size < body - start or size > end - start:
        return None
    return BoxAt(kind, start, body, start + size)


def tiff_offset(body: memoryview) -> int:
    """Bytes before the TIFF block of an Exif item or box.

    ISO 23008-12, A.2.1 and ISO/IEC 18181-2 put a four-byte offset first. Some writers leave it out.
    """
    if body[:4] in TIFF_SIGNATURES:
        return 0
    if body[:6] == EXIF_PREFIX:
        return 6
    skip = 4 + int.from_bytes(body[:4], "big")
    return skip if skip < len(body) else min(4, len(body))
