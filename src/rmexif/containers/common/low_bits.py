"""The lowest bit of every sample in the first rows of a picture, as raw samples give it, without a codec."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.native.low_bits import Channel

__all__ = ["LowBits", "bit_table", "unpacked"]


class LowBits(NamedTuple):
    """Where the lowest bits of a picture are.

    Attributes:
        width: px.
        samples: dense rows of pixels, from the top.
        pixel: bytes of one.
        colours: red, green and blue, or grey alone.
        alpha: None where there is none.
    """

    width: int
    samples: bytes
    pixel: int
    colours: Sequence[Channel]
    alpha: Channel | None = None


def bit_table(bit: int = 0) -> bytes:
    """A table for ``bytes.translate`` that keeps one bit of each byte, 0 being the lowest."""
    return bytes(value >> bit & 1 for value in range(256))


def unpacked(rows: bytes | memoryview, stride: int, width: int, bits: int) -> bytes:
    """One byte a sample of rows that hold several samples a byte, the first in the highest bits.

    Args:
        rows: samples, packed.
        stride: bytes of a row.
        width: samples of a row.
        bits: of a sample: 1, 2 or 4; 8 passes.
    """
    each = 8 // bits
    spread = bytearray(len(rows) * each)
    for place in range(each):
        shift = 8 - bits * (place + 1)
        spread[place::each] = bytes(rows).translate(bytes(value >> shift & (1 << bits) - 1 for value in range(256)))
    row = stride * each
    if row == width:
        return bytes(spread)
    return b"".join(spread[start : start + width] for start in range(0, len(spread), row))
