"""The orientation that an Exif block states (Exif 2.32, tag 274), and the least block that states one."""

from __future__ import annotations

import struct

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

__all__ = ["orientation", "orientation_only"]

PREFIX = b"Exif\0\0"
ORIENTATION = 274
SIZES = {3: 2, 4: 4}  # bytes of a value, by field type: SHORT, LONG (TIFF 6.0, section 2)


def orientation(tiff_block: bytes) -> int:
    r"""The orientation (tag 274 of the first IFD), 1-8; 1 where it is absent or broken.

    Args:
        tiff_block: a TIFF block, with or without ``Exif\0\0`` before it.
    """
    try:
        ifd = _first_ifd(tiff_block)
        for _ in range(ifd.u16()):
            tag, kind, count = ifd.u16(), ifd.u16(), ifd.u32()
            field = ifd.child(4, "exif entry")
            if tag == ORIENTATION and kind in (3, 4) and count:
                value = field.uint(SIZES[kind])
                return value if 1 <= value <= 8 else 1
    except MalformedImage:
        return 1
    return 1


def orientation_only(value: int) -> bytes:
    """The least block that says an orientation: big-endian, one IFD, one entry (26 bytes).

    Args:
        value: 1-8, as in Exif 2.32, 4.6.4 A.
    """
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, value, 0, 0)


def _first_ifd(block: bytes) -> Cursor:
    """A cursor on the first IFD (TIFF 6.0, section 2: image file header)."""
    view = memoryview(block)
    view = view[6:] if view[:6] == PREFIX else view
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(bytes(view[:4]))
    if order is None:
        raise MalformedImage("exif: no TIFF header")
    cursor = Cursor(view, "exif", 4, order=order)
    at = cursor.u32()
    return Cursor(view, "exif", min(at, len(view)), order=order)
