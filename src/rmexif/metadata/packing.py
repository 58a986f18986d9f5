"""Compressed payloads (RFC 1950, RFC 7932): unpacked up to a bound, one payload's and one file's."""

from __future__ import annotations

import zlib

from rmexif.types import Packing

__all__ = ["MAX_UNPACKED", "UnpackBudget", "unpack"]

MAX_UNPACKED = 8 << 20  # byte; what lies behind is not read, so that a bomb costs no more than an honest payload
MAX_UNPACKED_PER_FILE = 24 << 20  # byte: reading XMP takes 60 to 85 ms a MiB (measured), so 2 s for a file of bombs


class UnpackBudget:
    """What all compressed payloads of one file may still unpack to.

    Attributes:
        remaining: bytes.
    """

    def __init__(self) -> None:
        self.remaining = MAX_UNPACKED_PER_FILE


def unpack(packing: Packing, payload: bytes, most: int = MAX_UNPACKED) -> bytes | None:
    """The first ``most`` bytes of a payload, at least one; None where it is no such stream."""
    return _inflate(payload, most) if packing is Packing.ZLIB else _unbrotli(payload, most)


def _inflate(payload: bytes, most: int) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(payload, most)
    except zlib.error:
        return None


def _unbrotli(payload: bytes, most: int) -> bytes | None:
    import brotli

    try:
        out = bytes(brotli.Decompressor().process(payload, output_buffer_limit=most))
    except brotli.error:
        return None
    return out[:most]
