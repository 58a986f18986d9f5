"""How a JPEG file is known by its first bytes (T.81, annex B)."""

from __future__ import annotations

__all__ = ["matches"]


def matches(head: bytes) -> bool:
    """SOI and the first byte of a marker (T.81, B.1.1.3)."""
    return head[:3] == b"\xff\xd8\xff"
