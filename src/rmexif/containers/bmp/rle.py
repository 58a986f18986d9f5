"""The run-length codes of BMP ([MS-WMF] 3.1.6): read into rows, and serialised again in one way.

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

    Bytes = NDArray[np.uint8]

__all__ = ["Painted", "read_rle", "write_rle"]

END_OF_LINE, END_OF_BITMAP, DELTA = 0, 1, 2  # second byte of an escape
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
        is_complete: whether the codes go on to the end of the last row.
    """

    pixels: Bytes
    spans: tuple[tuple[int, int, int], ...]
    used: frozenset[int]
    length: int
    is_complete: bool


class _Canvas:
    """The picture while it is painted."""

    __slots__ = ("painted", "pixels", "spans", "used")

    def __init__(self, width: int, height: int) -> None:
        self.pixels = np.zeros((height, width), np.uint8)
        self.spans: list[tuple[int, int, int]] = []
        self.used = np.zeros(256, np.bool_)
        self.painted = 0  # px

    def paint(self, x: int, y: int, run: Bytes) -> int:
        """Put samples side by side; the place behind the last one."""
        end = x + len(run)
        self.pixels[y, x:end] = run
        self.used[run] = True
        self.painted += len(run)
        start = self.spans.pop()[1] if self.spans and self.spans[-1][::2] == (y, x) else x
        self.spans.append((y, start, end))
        return end

    def finished(self, length: int, is_complete: bool) -> Painted:
        """What has been painted by ``length`` bytes."""
        self.used[0] |= self.painted < self.pixels.size
        used = frozenset(np.flatnonzero(self.used).tolist())
        return Painted(self.pixels, tuple(self.spans), used, length, is_complete)


def read_rle(data: bytes, width: int, height: int, start: int, *, nibbles: bool) -> Painted:
    """Follow the codes up to the end of the picture.

    Args:
        data: from the first code to the end of the file.
        width: px of a row.
        height: rows.
        start: byte of the file that ``data`` starts at, for messages.
        nibbles: two pixels a byte (RLE4).

    Raises:
        MalformedImage: a run that leaves the picture, or no end.
    """
    canvas = _Canvas(width, height)
    x = y = at = 0
    while y < height:
        count, value = _pair_at(data, at, start)
        at += 2
        if count:
            x = canvas.paint(x, y, _repeated(value, min(count, width - x), nibbles)) if x < width else x
        elif value == END_OF_LINE:
            x, y = 0, y + 1
            continue
        elif value == END_OF_BITMAP:
            return canvas.finished(at, is_complete=False)
        elif value == DELTA:
            right, down = _pair_at(data, at, start)
            if x + right > width or y + down >= height:
                problem = f"a jump leaves the picture of {width} x {height} px in row {y}"
                raise MalformedImage(problem, structure="bmp run-length codes", offset=start + at)
            x, y, at = x + right, y + down, at + 2
        else:
            if x + value > width:
                problem = f"{value} px from px {x} of a row of {width}"
                raise MalformedImage(problem, structure="bmp run-length codes", offset=start + at)
            run, length = _literal_at(data, at, start, value, nibbles)
            x = canvas.paint(x, y, run)
            at += length
        if x == width and y == height - 1:
            y = height
    at += 2 * (data[at : at + 2] == b"\0\0" and x == width)
    at += 2 * (data[at : at + 2] == b"\0\1")
    return canvas.finished(at, is_complete=True)


def _pair_at(data: bytes, at: int, start: int) -> tuple[int, int]:
    """The two bytes of a code."""
    if at + 2 > len(data):
        problem = "they end before the last row does"
        raise MalformedImage(problem, structure="bmp run-length codes", offset=start + at)
    return data[at], data[at + 1]


def _repeated(value: int, count: int, nibbles: bool) -> Bytes:
    """A run of one sample, or of two that alternate."""
    run = np.full(count, value, np.uint8)
    if nibbles:
        run[::2], run[1::2] = value >> 4, value & 15
    return run


def _literal_at(data: bytes, at: int, start: int, count: int, nibbles: bool) -> tuple[Bytes, int]:
    """Samples that are stored one by one, and how many bytes they take: an even number."""
    length = (count + 1) // 2 if nibbles else count
    run = np.frombuffer(data[at : at + length], np.uint8)
    if len(run) < length:
        problem = f"{len(run)} bytes of a run of {length}"
        raise MalformedImage(problem, structure="bmp run-length codes", offset=start + at)
    if nibbles:
        run = np.stack((run >> 4, run & 15), axis=1).ravel()[:count]
    return run, length + (length & 1)


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
    if painted.is_complete and (y, x) != (height - 1, width):
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
            per_byte = 2 if nibbles else 1
            for at in range(0, len(piece), per_byte):
                run = piece[at : at + per_byte]
                out += bytes((len(run), _pair(run, nibbles)))
            continue
        packed = bytes(_pair(piece[at : at + 2], True) for at in range(0, len(piece), 2)) if nibbles else piece
        out += bytes((0, len(piece))) + packed + bytes(len(packed) & 1)


def _pair(pixels: bytes, nibbles: bool) -> int:
    """The byte that one or two pixels share."""
    if not nibbles:
        return pixels[0]
    return pixels[0] << 4 | (pixels[1] if len(pixels) > 1 else 0)
