"""Whether the lowest bits of the pixels read as a text: part of the picture, so it is found, not removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif import containers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rmexif.containers.common.low_bits import LowBits
    from rmexif.types import Container

__all__ = ["has_text", "of_file", "reads_as_text"]

SAMPLE = 256  # px: rows, and columns of them, that are enough for the head of a hidden text
MARK = b"stealth_"  # of SD WebUI and NovelAI
MARKS = tuple(MARK + kind for kind in (b"pnginfo", b"pngcomp", b"rgbinfo", b"rgbcomp"))
PRINTABLE = bytes(1 if 0x20 <= code <= 0x7E else 0 for code in range(256))
DIGITS = b"01".ljust(256, b"1")
MAX_RUNS = 1000  # candidates that are looked at: bounds the time for a picture made of runs
RUN = b"\1" * 24  # printable bytes in a row; random bits give such a run once in 10^10 bytes
MIN_LETTERS = 8  # different bytes in a run: a flat or dithered picture repeats a few for ever, a text does not


def of_file(container: Container[Any]) -> Iterable[LowBits]:
    """The lowest bits of the first rows of a clean PNG, BMP or lossless WebP file; nothing of other files."""
    read = containers.by_name(container.format).load().low_bits
    return read(container, SAMPLE) if read else ()


def has_text(pictures: Iterable[LowBits]) -> bool:
    """Whether the lowest bits of a picture read as a text."""
    for found in pictures:
        if reads_as_text(found.colours, found.width) or (found.alpha and reads_as_text([found.alpha], found.width)):
            return True
    return False


def reads_as_text(planes: Sequence[bytes], width: int) -> bool:
    """Whether bits read as a text, row by row or in the first columns.

    Args:
        planes: a byte of 0 or 1 a pixel for every channel; a pixel's channels follow each other.
        width: px.
    """
    if all(b"\1" not in plane or b"\0" not in plane for plane in planes):
        return False
    columns = [b"".join(plane[column::width] for column in range(min(width, SAMPLE))) for plane in planes]
    return any(_is_text(packed) for order in (planes, columns) for packed in _packed(order))


def _packed(planes: Sequence[bytes]) -> Iterator[bytes]:
    """Bits as bytes, from each of the first eight bits on, zeros behind them; nothing where no text can be there."""
    bits = bytearray(len(planes) * len(planes[0]))
    for number, plane in enumerate(planes):
        bits[number :: len(planes)] = plane
    size = len(bits) // 8 + 1
    number = int(bits.translate(DIGITS), 2) << 8 * size - len(bits)  # a base that is a power of two takes linear time
    if not _may_be_text(number):
        return
    every = (1 << 8 * size) - 1
    for shift in range(8):
        yield (number << shift & every).to_bytes(size, "big")


def _may_be_text(bits: int) -> bool:
    """Whether the shortest mark or a run could stand in bits, from any bit on.

    Letters start with the bits 01, printable bytes with 01 or 001: in noise no such row of bytes is as long. The
    answer is no where a search could find nothing, in a tenth of its time.
    """
    second, third = bits << 1, bits << 2
    return _has_row(~bits & second, min(map(len, MARKS))) or _has_row(~bits & (second | third), len(RUN))


def _has_row(flags: int, length: int) -> bool:
    """Whether one of the eight bits is set in ``length`` neighbouring bytes."""
    done = 1
    while done < length:
        step = min(done, length - done)
        flags &= flags << 8 * step
        done += step
    return flags != 0


def _is_text(data: bytes) -> bool:
    """Whether a known mark, or a run of many different printable bytes, stands in ``data``."""
    if MARK in data and any(mark in data for mark in MARKS):  # one search where there is none
        return True
    printable = data.translate(PRINTABLE)
    at = printable.find(RUN)
    for _ in range(MAX_RUNS):
        if at < 0:
            break
        if len(set(data[at : at + len(RUN)])) > MIN_LETTERS:
            return True
        at = printable.find(RUN, at + len(RUN))
    return False
