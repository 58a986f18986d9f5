"""The head of a lossless picture (RFC 9649, 3.4)."""

from __future__ import annotations

from typing import NamedTuple

from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = ["HEAD", "Vp8lHead", "read_vp8l", "with_alpha_hint"]

SIGNATURE = 0x2F
ALPHA_IS_USED = 0x10  # in the fifth byte
HEAD = 5  # byte: signature, 14 bits each of width and height less one, alpha hint, version


class Vp8lHead(NamedTuple):
    """The fields of the head."""

    width: int  # px
    height: int  # px
    head: bytes
    uses_alpha: bool


def read_vp8l(data: memoryview, offset: int) -> Vp8lHead:
    """Signature, size, alpha hint and version.

    Args:
        data: content of the VP8L chunk.
        offset: of the chunk, for messages.

    Raises:
        MalformedImage: no picture.
        UnsupportedFeature: a version that RFC 9649 does not define.
    """
    if len(data) <= HEAD or data[0] != SIGNATURE:
        raise MalformedImage("no VP8L signature", structure="webp chunk VP8L", offset=offset)
    bits = int.from_bytes(data[1:HEAD], "little")
    if bits >> 29:
        raise UnsupportedFeature(f"version {bits >> 29}, 0 expected", structure="webp chunk VP8L", offset=offset)
    return Vp8lHead((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bytes(data[:HEAD]), bool(bits >> 28 & 1))


def with_alpha_hint(data: bytes, uses_alpha: bool) -> bytes:
    """VP8L data, or its head, with this alpha hint."""
    return data[:4] + bytes([data[4] & ~ALPHA_IS_USED | ALPHA_IS_USED * uses_alpha]) + data[5:]
