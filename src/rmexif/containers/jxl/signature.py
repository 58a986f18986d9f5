"""How a JPEG XL file is known by its first bytes."""

from __future__ import annotations

__all__ = ["BOXED", "SIGNATURE", "matches"]

SIGNATURE = b"\xff\x0a"  # of a bare codestream (ISO/IEC 18181-1, D.1)
BOXED = b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"  # 18181-2, 9.1


def matches(head: bytes) -> bool:
    """A bare codestream, or the signature box."""
    return head.startswith((SIGNATURE, BOXED))
