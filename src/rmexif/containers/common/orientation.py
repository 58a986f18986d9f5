"""The orientation that an Exif block or an XMP packet states (Exif 2.32, tag 274), and the least block that does."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.cursor import ByteOrder

__all__ = ["BYTE_ORDERS", "EXIF_PREFIX", "first_ifd", "orientation", "orientation_only", "xmp_orientation"]

EXIF_PREFIX = b"Exif\0\0"  # Exif 2.32, 4.7.2: identifier of the APP1 segment
ORIENTATION = 274
SIZES = {3: 2, 4: 4}  # bytes of a value, by field type: SHORT, LONG (TIFF 6.0, section 2)
BYTE_ORDERS: dict[bytes, ByteOrder] = {b"II*\0": "little", b"MM\0*": "big"}
XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])\D")  # as attribute, and as element


def orientation(tiff_block: bytes) -> int:
    r"""The orientation (tag 274 of the first IFD), 1-8; 1 where it is absent or broken.

    Args:
        tiff_block: a TIFF block, with or without ``Exif\0\0`` before it.
    """
    try:
        ifd = first_ifd(tiff_block)
        for _ in range(ifd.u16()):
            tag, field_type, count = ifd.u16(), ifd.u16(), ifd.u32()
            field = ifd.child(4, "exif entry")
            if tag == ORIENTATION and field_type in SIZES and count:
                value = field.uint(SIZES[field_type])
                return value if 1 <= value <= 8 else 1
    except MalformedImage:  # viewers show a picture with a broken Exif block as it is stored
        return 1
    return 1


def xmp_orientation(packet: bytes | memoryview) -> int:
    """The property ``tiff:Orientation`` of an XMP packet, 1-8; 0 where it is absent."""
    found = XMP_ORIENTATION.search(packet)
    return int(found[1]) if found else 0


def orientation_only(value: int) -> bytes:
    """The least TIFF block that states an orientation: big-endian, one IFD, one entry (26 bytes).

    Args:
        value: 1-8, as in Exif 2.32, 4.6.4 A.
    """
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, value, 0, 0)


def first_ifd(block: bytes | memoryview) -> Cursor:
    r"""A cursor on the first IFD of a TIFF block, with or without ``Exif\0\0`` before it (TIFF 6.0, section 2).

    Raises:
        MalformedImage: no TIFF header.
    """
    view = memoryview(block)
    view = view[len(EXIF_PREFIX) :] if view[: len(EXIF_PREFIX)] == EXIF_PREFIX else view
    order = BYTE_ORDERS.get(bytes(view[:4]))
    if order is None:
        raise MalformedImage("expected a byte order and the number 42", structure="exif header", offset=0)
    at = Cursor(view, "exif header", 4, order=order).u32()
    return Cursor(view, "exif IFD", min(at, len(view)), order=order)
