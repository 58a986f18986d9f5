"""The run-length codes of BMP ([MS-WMF] 3.1.6): read into rows, and written again in the one way that we write them.

How an encoder cuts a row into runs, and how it moves over what it does not paint, are free choices: runs of one colour
could spell a text by their lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Painted", "read_rle", "write_rle"]

END_OF_LINE, END_OF_BITMAP, DELTA = 0, 1, 2
LONGEST = 255  # px of a run
LITERAL = 3  # px: shorter ones have no code of their own


@dataclass(frozen=True, slots=True)
class Painted:
    """What the codes paint.

    Attributes:
        pixels: rows x px, in the order of the file; 0 where nothing is painted.
        spans: row, first px, px after the last of what is painted, neighbours joined.
        used: palette entries that show; what no run has painted shows entry 0.
        length: bytes of the codes.
        whole: whether the codes go on to the end of the last row.
    """

    pixels: NDArray[np.uint8]
    spans: tuple[tuple[int, int, int], ...]
    used: frozenset[int]
    length: int
    whole: bool


def read_rle(data: bytes, width: int, height: int, *, nibbles: bool) -> Painted:
    """Follow the codes up to the end of the picture.

    Args:
        data: from the first code to the end of the file.
        width: px of a row.
        height: rows.
        nibbles: two pixels a byte (RLE4).

    Raises:
        MalformedImage: a run that leaves the picture, or no end.
    """
    pixels = np.zeros((height, width), np.uint8)
    spans: list[tuple[int, int, int]] = []
    used = np.zeros(256, np.bool_)
    x = y = at = painted = 0
    while y < height:
        pair = data[at : at + 2]
        if len(pair) < 2:
            raise MalformedImage(f"bmp: the run-length codes end in row {y} of {height}")
        count, value = pair
        at += 2
        if count:
            run = np.full(LONGEST + 1, value, np.uint8)
            if nibbles:
                run[::2], run[1::2] = value >> 4, value & 15
            run = run[: min(count, width - x)]
        elif value == END_OF_LINE:
            x, y = 0, y + 1
            continue
        elif value == END_OF_BITMAP:
            break
        elif value == DELTA:
            step = data[at : at + 2]
            if len(step) < 2 or x + step[0] > width or y + step[1] >= height:
                raise MalformedImage(f"bmp: a jump leaves the picture in row {y}")
            x, y, at, run = x + step[0], y + step[1], at + 2, pixels[0, :0]
        else:
            length = (value + 1) // 2 if nibbles else value
            run = np.frombuffer(data[at : at + length], np.uint8)
            if x + value > width or len(run) < length:
                raise MalformedImage(f"bmp: a run of {value} px leaves row {y}")
            if nibbles:
                run = np.stack((run >> 4, run & 15), axis=1).ravel()[:value]
            at += length + (length & 1)
        if len(run):
            pixels[y, x : x + len(run)] = run
            used[run] = True
            painted += len(run)
            start = spans.pop()[1] if spans and spans[-1][::2] == (y, x) else x
            x += len(run)
            spans.append((y, start, x))
        if x == width and y == height - 1:
            y = height
    else:
        at += 2 * (data[at : at + 2] == b"\0\0" and x == width)
        at += 2 * (data[at : at + 2] == b"\0\1")
    used[0] |= painted < width * height
    return Painted(pixels, tuple(spans), frozenset(np.flatnonzero(used).tolist()), at, y == height)


def write_rle(painted: Painted, table: bytes, *, nibbles: bool) -> bytes:
    """The codes of what is painted: longest runs, literals between them, one way over everything else.

    Args:
        painted: what was read.
        table: the palette entry to write for every one, 256 bytes.
        nibbles: two pixels a byte (RLE4).
    """
    out = bytearray()
    x = y = 0
    for row, start, end in painted.spans:
        if row > y:
            _down(out, x, row - y)
            x, y = 0, row
        _along(out, start - x)
        _write_span(out, painted.pixels[row, start:end].tobytes().translate(table), nibbles)
        x = end
    height, width = painted.pixels.shape
    if painted.whole and (y, x) != (height - 1, width):
        if y + 1 < height:
            _down(out, x, height - 1 - y)
            x = 0
        if x:
            out += bytes((0, END_OF_LINE))
        else:
            _along(out, width)
    return bytes(out) + bytes((0, END_OF_BITMAP))


def _along(out: bytearray, pixels: int) -> None:
    """Over pixels of a row that are not painted."""
    for start in range(0, pixels, LONGEST):
        out += bytes((0, DELTA, min(LONGEST, pixels - start), 0))


def _down(out: bytearray, x: int, rows: int) -> None:
    """To the start of a row further on; some decoders read an end of line in an empty row as nothing, so we jump."""
    if x:
        out += bytes((0, END_OF_LINE))
        rows -= 1
    for start in range(0, rows, LONGEST):
        out += bytes((0, DELTA, 0, min(LONGEST, rows - start)))


def _write_span(out: bytearray, pixels: bytes, nibbles: bool) -> None:
    """Pixels side by side."""
    period = 2 if nibbles else 1
    samples = np.frombuffer(pixels, np.uint8)
    breaks = [*(np.flatnonzero(samples[period:] != samples[:-period]) + period).tolist(), len(pixels)]
    literal = at = following = 0
    while at < len(pixels):
        while breaks[following] < min(at + period, len(pixels)):
            following += 1
        run = min(breaks[following] - at, LONGEST)
        if run > LITERAL:
            _write_literal(out, pixels[literal:at], nibbles)
            out += bytes((run, _pair(pixels[at : at + 2], nibbles)))
            literal = at + run
        at += run if run > LITERAL else 1
    _write_literal(out, pixels[literal:], nibbles)


def _write_literal(out: bytearray, pixels: bytes, nibbles: bool) -> None:
    """Pixels that no run repeats; too few of them are runs again."""
    for start in range(0, len(pixels), LONGEST):
        piece = pixels[start : start + LONGEST]
        if len(piece) < LITERAL:
            step = 2 if nibbles else 1
            for at in range(0, len(piece), step):
                some = piece[at : at + step]
                out += bytes((len(some), _pair(some, nibbles)))
            continue
        packed = bytes(_pair(piece[at : at + 2], True) for at in range(0, len(piece), 2)) if nibbles else piece
        out += bytes((0, len(piece))) + packed + bytes(len(packed) & 1)


def _pair(pixels: bytes, nibbles: bool) -> int:
    """The byte that one or two pixels share."""
    if not nibbles:
        return pixels[0]
    return pixels[0] << 4 | (pixels[1] if len(pixels) > 1 else 0)
