"""How a GIF file is known by its first bytes (GIF89a, 17)."""

from __future__ import annotations

__all__ = ["matches"]


def matches(head: bytes) -> bool:
    """GIF89a, 17.c: signature and version."""
    return head[:6] in (b"GIF87a", b"GIF89a")
