"""What a metadata payload says, for inspect: read, never obeyed; any bytes in, findings out."""

from __future__ import annotations

import struct

from rmexif.types import Category, Finding

__all__ = ["explain", "orientation", "orientation_only"]


def orientation(tiff_block: bytes) -> int:
    """The Exif orientation (tag 274 of IFD0), 1-8; 1 where it is absent or broken.

    Args:
        tiff_block: a TIFF block, with or without ``Exif\\0\\0`` before it.
    """
    block = bytes(tiff_block[: 1 << 20]).removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return 1
    (at,) = struct.unpack_from(order + "I", block, 4)
    if at + 2 > len(block):
        return 1
    (count,) = struct.unpack_from(order + "H", block, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", block, entry)
        if tag == 274 and number >= 1:
            value = struct.unpack_from(order + ("I" if kind == 4 else "H"), block, entry + 8)[0]
            return value if 1 <= value <= 8 else 1
    return 1


def orientation_only(value: int) -> bytes:
    """The least Exif block that says an orientation: big-endian, one IFD, one entry, 26 bytes (Exif 2.32, 4.6.2)."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 274, 3, 1, value, 0, 0)


def explain(kind: str, payload: bytes, where: str, values: bool = False) -> list[Finding]:
    """What a payload gives away; at least one finding."""
    return [Finding(f"{where}/{kind}", Category.UNKNOWN, len(payload))]
