"""How a WebP file is known by its first bytes (RFC 9649, 2.4)."""

from __future__ import annotations

__all__ = ["matches"]


def matches(head: bytes) -> bool:
    """Whether ``head`` starts a WebP file (2.4)."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"
