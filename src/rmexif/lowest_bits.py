"""Whether the lowest bits of the pixels read as a text: part of the picture, so it is found, not removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif import containers
from rmexif.native import low_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rmexif.containers.common.low_bits import LowBits
    from rmexif.native.low_bits import Channel
    from rmexif.types import Container

__all__ = ["has_text", "of_file", "reads_as_text"]

SAMPLE = 256  # px: rows, and columns of them, that are enough for the head of a hidden text
MARK = b"stealth_"  # of SD WebUI and NovelAI
MARKS = tuple(MARK + kind for kind in (b"pnginfo", b"pngcomp", b"rgbinfo", b"rgbcomp"))
PRINTABLE = bytes(1 if 0x20 <= code <= 0x7E else 0 for code in range(256))
MAX_RUNS = 1000  # candidates that are looked at: bounds the time for a picture made of runs
RUN = b"\1" * 24  # printable bytes in a row; random bits give such a run once in 10^10 bytes
MIN_LETTERS = 8  # different bytes in a run: a flat or dithered picture repeats a few for ever, a text does not


def of_file(container: Container[Any]) -> Iterable[LowBits]:
    """The lowest bits of the first rows of a clean PNG, BMP or lossless WebP file; nothing of other files."""
    read = containers.by_name(container.format).load().low_bits
    return read(container, SAMPLE) if read else ()


def has_text(pictures: Iterable[LowBits]) -> bool:
    """Whether the lowest bits of a picture read as a text: those of its colours, or of its alpha."""
    return any(
        reads_as_text(found, channels)
        for found in pictures
        for channels in (found.colours, [found.alpha] if found.alpha else [])
        if channels
    )


def reads_as_text(found: LowBits, channels: Sequence[Channel]) -> bool:
    """Whether the bits of channels, which follow each other pixel by pixel, read as a text, by rows or by columns."""
    for columns in (0, SAMPLE):
        bits = low_bits.pack(found.samples, found.pixel, channels, found.width, columns)
        period = len(channels)  # bytes of 8 pixels
        if bits[period:-1].startswith(bits[: -1 - period]):  # they repeat, and so few different bytes are no text
            continue
        if any(map(_is_text, _shifted(int.from_bytes(bits, "big"), len(bits)))):
            return True
    return False


def _shifted(bits: int, size: int) -> Iterator[bytes]:
    """Bits from each of the first eight bits on, zeros behind them; nothing where no text can be there."""
    if not _may_be_text(bits):
        return
    every = (1 << 8 * size) - 1
    for shift in range(8):
        yield (bits << shift & every).to_bytes(size, "big")


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
