"""Compressed payloads (RFC 1950, RFC 7932): unpacked up to a bound."""

from __future__ import annotations

import zlib

from rmexif.types import Packing

__all__ = ["MAX_UNPACKED", "inflate", "unpack"]

MAX_UNPACKED = 8 << 20  # byte; what lies behind is not read, so that a bomb costs no more than an honest payload


def unpack(packing: Packing, payload: bytes) -> bytes | None:
    """The first MAX_UNPACKED bytes of a payload; None where it is no such stream."""
    return inflate(payload) if packing is Packing.ZLIB else _unbrotli(payload)


def inflate(payload: bytes) -> bytes | None:
    """The first MAX_UNPACKED bytes of a zlib stream; None where it is none."""
    try:
        return zlib.decompressobj().decompress(payload, MAX_UNPACKED)
    except zlib.error:
        return None


def _unbrotli(payload: bytes) -> bytes | None:
    import brotli

    try:
        out = bytes(brotli.Decompressor().process(payload, output_buffer_limit=MAX_UNPACKED))
    except brotli.error:
        return None
    return out[:MAX_UNPACKED]
