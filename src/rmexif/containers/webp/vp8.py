"""The head of a lossy picture (RFC 6386, 9.1 and 19.2), and that of its alpha plane (RFC 9649, 2.7.1.2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Vp8Head", "read_alpha", "read_vp8"]

HEAD = 10  # byte: frame tag, start code, size
START_CODE = b"\x9d\x01\x2a"
FEATURES = ((4, 7), (4, 6))  # values and bits each: quantiser and loop filter of a segment


class Vp8Head(NamedTuple):
    """The fields of the head."""

    width: int  # px
    height: int  # px
    head: bytes  # the same start with the fields at 0 that no decoder reads


def read_alpha(data: memoryview, width: int, height: int, offset: int) -> tuple[bytes, int]:
    """The first byte of an ALPH chunk without reserved and advisory bits, and the bytes of the chunk that are read.

    Args:
        data: content of the chunk.
        width: px of the picture.
        height: px of the picture.
        offset: of the chunk, for messages.

    Raises:
        MalformedImage: shorter than the picture needs.
        UnsupportedFeature: a compression or preprocessing that RFC 9649 does not define.
    """
    compression, preprocessing = (data[0] & 3, data[0] >> 4 & 3) if data else (0, 0)
    if compression > 1 or preprocessing > 1:
        problem = f"compression {compression} and preprocessing {preprocessing}, at most 1 each is defined"
        raise UnsupportedFeature(problem, structure="webp chunk ALPH", offset=offset)
    need = 2 if compression else max(2, 1 + width * height)
    if len(data) < need:
        problem = f"{len(data)} bytes, {need} expected for {width} x {height} px"
        raise MalformedImage(problem, structure="webp chunk ALPH", offset=offset)
    return bytes([data[0] & 15]), len(data) if compression else 1 + width * height


def read_vp8(data: memoryview, offset: int) -> Vp8Head:
    """Frame tag, start code and size (9.1), and whether the partitions (9.5) lie in the chunk.

    Args:
        data: content of the VP8 chunk.
        offset: of the chunk, for messages.

    Raises:
        MalformedImage: no key frame, no picture, or partitions beyond the chunk.
        UnsupportedFeature: a version that RFC 6386 does not define.
    """

    def refused(problem: str) -> MalformedImage:
        return MalformedImage(problem, structure="webp chunk VP8", offset=offset)

    if len(data) <= HEAD or bytes(data[3:6]) != START_CODE:
        raise refused("no VP8 start code")
    tag = int.from_bytes(data[:3], "little")
    if tag & 1 or not tag & 16:
        raise refused("no key frame that is shown")
    if tag >> 1 & 7 > 3:
        problem = f"version {tag >> 1 & 7}, 0 to 3 are defined"
        raise UnsupportedFeature(problem, structure="webp chunk VP8", offset=offset)
    width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 6))
    if not (width and height):
        raise refused(f"{width} x {height} px, at least one each expected")
    second = HEAD + (tag >> 5)
    if second >= len(data):
        raise refused(f"the first partition ends at byte {second} of {len(data)}")
    table = 3 * (_token_partitions(data[HEAD:second]) - 1)
    sizes = data[second : second + table]
    need = second + table + sum(int.from_bytes(sizes[at : at + 3], "little") for at in range(0, len(sizes), 3))
    if len(sizes) < table or need >= len(data):
        raise refused(f"its partitions need {need + 1} bytes, {len(data)} found")
    # The upper two bits of each side ask a viewer to enlarge the picture; none does.
    return Vp8Head(width, height, bytes(data[:6]) + struct.pack("<HH", width, height))


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
