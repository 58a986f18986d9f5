"""zlib streams as they are written: with one header for all, because the level that it states is for nobody."""

from __future__ import annotations

import zlib

__all__ = ["HEADER", "compressed_well"]

HEADER = b"\x78\x9c"  # a window of 32 KiB, which suits every stream, and the default level (RFC 1950, 2.2)


def compressed_well(content: bytes | bytearray | memoryview) -> bytes:
    """A stream coded with effort, which makes drawings that repeat themselves a fifth smaller."""
    return HEADER + zlib.compress(content, zlib.Z_BEST_COMPRESSION)[len(HEADER) :]
