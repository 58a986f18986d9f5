"""How a TIFF file is known by its first bytes."""

from __future__ import annotations

__all__ = ["SIGNATURES", "matches"]

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF 6.0, page 13; BigTIFF


def matches(head: bytes) -> bool:
    """Byte order and 42, or 43 for BigTIFF."""
    return head[:4] in SIGNATURES
