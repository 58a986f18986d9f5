"""How a BMP file is known by its first bytes ([MS-WMF] 2.2.2)."""

from __future__ import annotations

__all__ = ["CORE", "INFO", "MASKED_INFO", "OS2", "SIZES", "V4", "V5", "matches"]

CORE, INFO, OS2, V4, V5 = 12, 40, 64, 108, 124  # byte, by which a header is known
MASKED_INFO = (52, 56)  # BITMAPV2INFOHEADER, BITMAPV3INFOHEADER: BITMAPINFOHEADER and masks
SIZES = frozenset({CORE, *range(16, OS2 + 1, 4), V4, V5})  # OS/2 2.x: any part of 64 bytes from the depth on


def matches(head: bytes) -> bool:
    """``BM`` and a known header size, or the start of them."""
    return head[:2] == b"BM" and (len(head) < 18 or int.from_bytes(head[14:18], "little") in SIZES)
