"""How large a picture says it is, from the head of its file: to plan by, never to decode by."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["declared_pixels"]

HEAD = 1 << 16  # bytes that are looked at
# T.81, table B.1: frame headers, without tables (C4), extensions (C8) and arithmetic conditions (CC).
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def declared_pixels(head: bytes) -> int:
    """Width times height as the first header says; 0 where it stands elsewhere.

    Args:
        head: the first bytes of the file.
    """
    head = bytes(head[:HEAD])
    for signature, at, read in READERS:
        if head.startswith(signature, at):
            try:
                return read(head)
            except (struct.error, IndexError):
                return 0
    return 0


def _png(head: bytes) -> int:
    width, height = struct.unpack_from(">II", head, 16)
    return int(width) * int(height)


def _gif(head: bytes) -> int:
    width, height = struct.unpack_from("<HH", head, 6)
    return int(width) * int(height)


def _bmp(head: bytes) -> int:
    width, height = struct.unpack_from("<ii", head, 18)
    return abs(int(width) * int(height))


def _webp(head: bytes) -> int:
    if head.startswith(b"VP8X", 12):
        return (1 + int.from_bytes(head[24:27], "little")) * (1 + int.from_bytes(head[27:30], "little"))
    if head.startswith(b"VP8L", 12):
        (bits,) = struct.unpack_from("<I", head, 21)
        return int((1 + (bits & 0x3FFF)) * (1 + (bits >> 14 & 0x3FFF)))
    width, height = struct.unpack_from("<HH", head, 26)
    return int(width & 0x3FFF) * int(height & 0x3FFF)


def _jpeg(head: bytes) -> int:
    at = 2
    while head[at] == 0xFF:
        marker, length = struct.unpack_from(">xBH", head, at)
        if marker in FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return int(width) * int(height)
        at += 2 + length
    return 0


def _isobmff(head: bytes) -> int:
    """The largest of the spatial extents (ISO 23008-12, 6.5.3)."""
    most, at = 0, head.find(b"ispe")
    while 0 <= at <= len(head) - 16:
        width, height = struct.unpack_from(">II", head, at + 8)
        most, at = max(most, width * height), head.find(b"ispe", at + 4)
    return most


READERS: tuple[tuple[bytes, int, Callable[[bytes], int]], ...] = (
    (b"\x89PNG", 0, _png),
    (b"GIF8", 0, _gif),
    (b"BM", 0, _bmp),
    (b"WEBP", 8, _webp),
    (b"\xff\xd8", 0, _jpeg),
    (b"ftyp", 4, _isobmff),
)
