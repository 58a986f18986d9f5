"""Heads of the coded pictures in a WebP file: VP8 (RFC 6386), VP8L (RFC 9649, 3) and ALPH (RFC 9649, 2.7.1.2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Head", "alpha_head", "picture_head", "with_alpha_hint"]

VP8_HEAD = 10  # byte: frame tag, start code, size
FEATURES = ((4, 7), (4, 6))  # values and bits each: quantiser and loop filter of a segment


class Head(NamedTuple):
    """What the start of a coded picture says."""

    width: int  # px
    height: int  # px
    head: bytes  # the same start with the fields at 0 that no decoder reads
    sees_through: bool  # VP8L: alpha is used


def picture_head(kind: bytes, data: memoryview, where: str) -> Head:
    """The head of a VP8 or VP8L chunk.

    Raises:
        MalformedImage: no key frame, no picture, or partitions beyond the chunk.
        UnsupportedFeature: a version that RFC 6386 or RFC 9649 does not define.
    """
    return _vp8l(data, where) if kind == b"VP8L" else _vp8(data, where)


def alpha_head(data: memoryview, width: int, height: int, where: str) -> tuple[bytes, int]:
    """The first byte of an ALPH chunk without reserved and advisory bits, and the bytes of the chunk that are read.

    Raises:
        MalformedImage: shorter than the picture needs.
        UnsupportedFeature: a compression or preprocessing that RFC 9649 does not define.
    """
    if len(data) < 2:
        raise MalformedImage(f"{where}: ALPH of {len(data)} bytes")
    compression, preprocessing = data[0] & 3, data[0] >> 4 & 3
    if compression > 1 or preprocessing > 1:
        raise UnsupportedFeature(f"{where}: ALPH with an unknown compression or preprocessing")
    length = len(data) if compression else 1 + width * height
    if length > len(data):
        raise MalformedImage(f"{where}: ALPH of {len(data)} bytes for {width} x {height} pixels")
    return bytes([data[0] & 15]), length


def with_alpha_hint(head: bytes, shows: bool) -> bytes:
    """A VP8L head that says whether alpha is used: in an animation VP8X says it, in a still picture this bit does."""
    return head[:4] + bytes([head[4] & ~0x10 | 0x10 * shows]) + head[5:]


def _vp8l(data: memoryview, where: str) -> Head:
    """Signature, size, alpha hint and version (RFC 9649, 3.4)."""
    if len(data) < 6 or data[0] != 0x2F:
        raise MalformedImage(f"{where}: no VP8L signature")
    bits = int.from_bytes(data[1:5], "little")
    if bits >> 29:
        raise UnsupportedFeature(f"{where}: VP8L of an unknown version")
    return Head((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bytes(data[:5]), bool(bits >> 28 & 1))


def _vp8(data: memoryview, where: str) -> Head:
    """Frame tag, start code and size (RFC 6386, 9.1), and whether the partitions (9.5) lie in the chunk."""
    if len(data) <= VP8_HEAD or bytes(data[3:6]) != b"\x9d\x01\x2a":
        raise MalformedImage(f"{where}: no VP8 start code")
    tag = int.from_bytes(data[:3], "little")
    if tag & 1 or not tag & 16:
        raise MalformedImage(f"{where}: VP8 data is no visible key frame")
    if tag >> 1 & 7 > 3:
        raise UnsupportedFeature(f"{where}: VP8 of an unknown version")
    width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 6))
    second = VP8_HEAD + (tag >> 5)
    if not (width and height) or second >= len(data):
        raise MalformedImage(f"{where}: VP8 picture of {width} x {height} pixels, first partition up to byte {second}")
    table = 3 * (_token_partitions(data[VP8_HEAD:second]) - 1)
    sizes = data[second : second + table]
    need = second + table + sum(int.from_bytes(sizes[at : at + 3], "little") for at in range(0, len(sizes), 3))
    if len(sizes) < table or need >= len(data):
        raise MalformedImage(f"{where}: VP8 partitions need {need + 1} bytes, the chunk has {len(data)}")
    # The upper two bits of each side ask a viewer to enlarge the picture; none does.
    return Head(width, height, bytes(data[:6]) + struct.pack("<HH", width, height), False)


def _token_partitions(first: memoryview) -> int:
    """How many partitions follow the first one: 1, 2, 4 or 8 (RFC 6386, 9.2 to 9.5 and 19.2)."""
    bits = _even_bits(first)

    def read(count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | next(bits)
        return value

    def skip(values: int, size: int) -> None:
        for _ in range(values):
            if read(1):
                read(size)

    read(2)  # colour space, clamping
    if read(1):  # segments
        has_map, has_features = read(1), read(1)
        if has_features:
            read(1)
            for values, size in FEATURES:
                skip(values, size + 1)
        if has_map:
            skip(3, 8)
    read(10)  # loop filter: type, level, sharpness
    if read(1) and read(1):  # loop filter deltas
        skip(8, 7)
    return 1 << read(2)


def _even_bits(data: memoryview) -> Iterator[int]:
    """Bits of the boolean decoder at even odds (RFC 6386, 7.3); zeros follow the data."""
    position, value, span, spare = 2, int.from_bytes(bytes(data[:2]).ljust(2, b"\0"), "big"), 255, 8
    while True:
        split = 1 + ((span - 1) >> 1)
        bit = value >= split << 8
        value, span = (value - (split << 8), span - split) if bit else (value, split)
        while span < 128:
            value, span, spare = value << 1, span << 1, spare - 1
            if spare == 0:
                value, spare, position = value | (data[position] if position < len(data) else 0), 8, position + 1
        yield int(bit)
