"""What pixels of opacity 0 are filled with: one colour says nothing, several could be a second picture."""

from __future__ import annotations

from functools import reduce
from operator import or_

from rmexif.native import samples

__all__ = ["fill_colour"]

Buffer = bytes | bytearray | memoryview


def fill_colour(pixels: Buffer, channels: int, alpha: int, depth: int = 1) -> bytes | None:
    """The samples that every pixel of opacity 0 has; None where they differ, or where there is no such pixel.

    Args:
        pixels: side by side.
        channels: samples of a pixel.
        alpha: the one that is opacity, from 0.
        depth: bytes of a sample: 1 or 2.
    """
    size = channels * depth
    data = bytes(pixels[: len(pixels) // size * size])
    count = len(data) // size
    planes = (int.from_bytes(data[byte::size], "big") for byte in range(alpha * depth, (alpha + 1) * depth))
    opacity = reduce(or_, planes).to_bytes(count, "big")
    first = opacity.find(0)
    if first < 0:
        return None
    cleared = bytearray(data)
    samples.clear_hidden(cleared, channels, alpha, depth)
    invisible, colour = opacity.count(0), data[first * size : (first + 1) * size]
    for byte, value in enumerate(colour):
        old, new = (int.from_bytes(content[byte::size], "big") for content in (data, cleared))
        hidden = (old ^ new).to_bytes(count, "big")  # the samples of invisible pixels alone
        if hidden.count(value) != (invisible if value else count):
            return None
    return colour
