"""Compressed payloads (RFC 1950, RFC 7932): unpacked up to a bound, one payload's and one file's."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from rmexif.types import Packing

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["MAX_UNPACKED", "ReadBudget", "unpack"]

MAX_UNPACKED = 8 << 20  # byte; what lies behind is not read, so that a bomb costs no more than an honest payload


class ReadBudget:
    """What all readers of one file's metadata may still take: reading XMP takes 60 to 85 ms a MiB (measured).

    Args:
        limits: of the file.

    Attributes:
        packed: bytes that compressed payloads may still unpack to.
        plain: bytes that may still be read.
        tags: tags and attributes of XMP that may still be read, 3 us each (measured).
    """

    def __init__(self, limits: Limits) -> None:
        self.packed = limits.max_unpacked_bytes
        self.plain = limits.max_metadata_bytes
        self.tags = limits.max_metadata_tags


def unpack(packing: Packing, payload: bytes, most: int = MAX_UNPACKED) -> bytes | None:
    """The first ``most`` bytes of a payload, at least one; None where it is no such stream.

    Without the package brotli that is every stream of Brotli.
    """
    return _inflate(payload, most) if packing is Packing.ZLIB else _unbrotli(payload, most)


def _inflate(payload: bytes, most: int) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(payload, most)
    except zlib.error:
        return None


def _unbrotli(payload: bytes, most: int) -> bytes | None:
    try:
        import brotli
    except ModuleNotFoundError:  # the core alone: found, and gone, all the same
        return None
    try:
        out = bytes(brotli.Decompressor().process(payload, output_buffer_limit=most))
    except brotli.error:
        return None
    return out[:most]
