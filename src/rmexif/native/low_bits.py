"""One bit of samples in pixels, packed into bytes: what somebody may have written a text with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rmexif.native.library import twin

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Sequence

__all__ = ["MOST_CHANNELS", "Channel", "pack"]

Buffer = bytes | bytearray | memoryview

MOST_CHANNELS = 4
DIGITS = b"01" * 128


class Channel(NamedTuple):
    """A channel of a pixel.

    Attributes:
        place: of its byte in the pixel.
        table: 256 bytes: the lowest bit of entry n stands for a byte n.
    """

    place: int
    table: bytes


def _size(samples: Buffer, pixel: int, channels: Sequence[Channel], width: int, columns: int) -> tuple[int, int]:
    """The rows, and the bits of the columns that are asked for.

    Raises:
        ValueError: an argument outside its range.
    """
    if not (width > 0 <= columns and 1 <= len(channels) <= MOST_CHANNELS):
        raise ValueError("low bits: 1 to 4 channels of rows of 1 px or more are needed")
    if any(not 0 <= channel.place < min(pixel, 256) or len(channel.table) != 256 for channel in channels):
        raise ValueError("low bits: a channel outside the pixel, or a table without 256 entries")
    rows = len(samples) // pixel // width
    return rows, rows * min(columns or width, width) * len(channels)


def _pack(
    core: ctypes.CDLL, samples: Buffer, pixel: int, channels: Sequence[Channel], width: int, columns: int = 0
) -> bytes:
    _, bits = _size(samples, pixel, channels, width, columns)
    out = bytearray((bits + 7) // 8)
    places, tables = bytes(channel.place for channel in channels), b"".join(channel.table for channel in channels)
    inputs = (samples, len(samples), pixel, places, tables, len(channels), width, columns)
    if core.rmexif_low_bits_pack(*inputs, out, len(out)):
        raise ValueError("low bits: the core refuses what is offered")
    return bytes(out)


@twin(_pack)
def pack(samples: Buffer, pixel: int, channels: Sequence[Channel], width: int, columns: int = 0) -> bytes:
    """A bit of each channel of each pixel, the first one highest; zeros fill the last byte.

    Args:
        samples: dense rows of pixels; what is behind the last whole row is left out.
        pixel: bytes of one.
        channels: 1 to 4.
        width: pixels of a row.
        columns: 0: row by row; else of so many columns at most, from the left, column by column.

    Raises:
        ValueError: an argument outside its range.
    """
    rows, count = _size(samples, pixel, channels, width, columns)
    flat = bytes(samples[: rows * width * pixel])
    planes = [flat[channel.place :: pixel].translate(channel.table) for channel in channels]
    if columns:
        planes = [b"".join(plane[column::width] for column in range(min(width, columns))) for plane in planes]
    bits = bytearray(count)
    for number, plane in enumerate(planes):
        bits[number :: len(planes)] = plane
    digits = bits.translate(DIGITS) or b"0"  # a base that is a power of two takes linear time
    return (int(digits, 2) << -count % 8).to_bytes((count + 7) // 8, "big")
