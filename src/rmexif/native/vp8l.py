"""VP8L, the lossless bitstream of WebP (RFC 9649, 3), alone and inside an ALPH chunk (2.7.1.2)."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from rmexif.native.library import twin
from rmexif.native.status import Status

__all__ = ["Walk", "walk"]

Buffer = bytes | memoryview

FACTS = 17  # VP8L_FACTS of c/vp8l.h
SCRATCH = 16  # VP8L_SCRATCH
MOST_SCRATCH = 1 << 30  # byte
MOST_PIXELS = 1 << 28  # of 16384 x 16384 pixels, the most that a header can declare
LARGEST_SIDE = 1 << 14  # px


class Walk(NamedTuple):
    """What a stream holds. On any other status than OK the rest says nothing.

    Attributes:
        bits: from the first byte to the end of the last symbol; what follows is free.
        width: of the picture, px.
        height: of the picture, px.
        alpha_hint: the header's alpha_is_used bit.
        transforms: one bit for each that is there, 1 << type (3.5).
        groups: prefix code groups of the picture itself.
        unused_groups: those that code no pixel: free for a message.
        symbols: with a code length, in all prefix codes of groups that are used.
        unused_symbols: those that never occur.
        colours: entries of the colour table, 0 without one.
        unused_colours: those that no pixel names; only where ``decoded``.
        free_values: values that decoders ignore, in sub-images and in indices of colours, and that vary.
        decoded: whether the facts on pixels are known.
        translucent: pixels with alpha below 255; only where ``decoded``.
        hidden: pixels with alpha 0 and a colour other than 0; only where ``decoded``.
        hidden_coded: those of them whose colour is not just predicted from pixels around, as libwebp leaves it.
        rows: the first rows, R, G, B, A a byte each.
    """

    status: Status
    bits: int = 0
    width: int = 0
    height: int = 0
    alpha_hint: bool = False
    transforms: int = 0
    groups: int = 0
    unused_groups: int = 0
    symbols: int = 0
    unused_symbols: int = 0
    colours: int = 0
    unused_colours: int = 0
    free_values: int = 0
    decoded: bool = False
    translucent: int = 0
    hidden: int = 0
    hidden_coded: int = 0
    rows: bytes = b""


def _walk(
    core: ctypes.CDLL,
    data: Buffer,
    width: int = 0,
    height: int = 0,
    *,
    most_pixels: int = MOST_PIXELS,
    decode: bool = True,
    rows: int = 0,
) -> Walk:
    sides = (width, height) if width or height else _sides(data)
    if not (0 <= width <= LARGEST_SIDE and 0 <= height <= LARGEST_SIDE):
        return Walk(Status.BAD_ARGUMENT)
    fits = sides[0] * sides[1] <= most_pixels
    out = bytearray(4 * sides[0] * min(rows, sides[1]) * fits)
    facts, needed = (ctypes.c_uint64 * FACTS)(), core.rmexif_vp8l_scratch(*sides, len(data))
    while needed <= MOST_SCRATCH:
        scratch = bytearray(needed)
        room = out, len(out), scratch, needed
        status = Status(core.rmexif_vp8l_walk(data, len(data), width, height, most_pixels, decode, *room, facts))
        if status is not Status.LIMIT or not facts[SCRATCH]:
            break
        needed = max(facts[SCRATCH] + 16 * sides[0] + 64, 2 * needed)  # the rows may be all that is still to come
    else:
        return Walk(Status.LIMIT)
    if status is not Status.OK:
        return Walk(status)
    hint, decoded = bool(facts[3]), bool(facts[12])
    return Walk._make((status, *facts[:3], hint, *facts[4:12], decoded, *facts[13:SCRATCH], bytes(out)))


def _sides(data: Buffer) -> tuple[int, int]:
    """What a header declares, px."""
    bits = int.from_bytes(data[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


@twin(_walk)
def walk(
    data: Buffer,
    width: int = 0,
    height: int = 0,
    *,
    most_pixels: int = MOST_PIXELS,
    decode: bool = True,
    rows: int = 0,
) -> Walk:
    """Read a stream up to its last symbol.

    Args:
        data: the content of a VP8L chunk, or what follows the first byte of an ALPH chunk.
        width: of the picture, px; 0 where the data starts with its own header.
        height: of the picture, px; 0 where the data starts with its own header.
        most_pixels: LIMIT where the picture has more. The core reads 25 million in a second or
            more, its twin 100,000 to 400,000.
        decode: whether to learn about every pixel; one that only counts bits is faster.
        rows: how many rows of pixels to hand out, in ALPH before its filter is undone.

    Statuses: ENDS_EARLY; BAD_CODE or BAD_VALUE where no decoder reads the data; BAD_ARGUMENT for sides that are
    given and not between 1 and 16384; LIMIT also where the core would need more than 1 GiB.
    """
    from rmexif.native import vp8l_twin  # where there is no core

    try:
        facts = vp8l_twin.read(data, width, height, most_pixels, decode=decode, rows=rows)
    except vp8l_twin.Stop as stop:
        return Walk(stop.status)
    return Walk._make((Status.OK, *facts))
