"""The orientation that an Exif block states (Exif 2.32, tag 274), and the least block that does."""

from __future__ import annotations

import struct

from rmexif.containers.common.exif_block import entries, first_ifd
from rmexif.errors import MalformedImage

__all__ = ["ORIENTATION", "orientation", "orientation_only"]

ORIENTATION = 274


def orientation(tiff_block: bytes) -> int:
    r"""The orientation (tag 274 of the first IFD), 1-8; 1 where it is absent or broken.

    Exif asks for SHORT; numbers of other types, and digits, are read as ExifTool and exiv2 read them.

    Args:
        tiff_block: a TIFF block, with or without ``Exif\0\0`` before it.
    """
    try:
        for entry in entries(first_ifd(tiff_block), ORIENTATION):
            value = entry.number()
            if value is not None:
                return value if 1 <= value <= 8 else 1
    except MalformedImage:  # viewers show a picture with a broken Exif block as it is stored
        return 1
    return 1


def orientation_only(value: int) -> bytes:
    """The least TIFF block that states an orientation: big-endian, one IFD, one entry (26 bytes).

    Args:
        value: 1-8, as in Exif 2.32, 4.6.4 A.
    """
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, value, 0, 0)
