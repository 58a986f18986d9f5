"""Fax codes of bilevel pictures: ITU-T T.4 (Group 3), T.6 (Group 4), and the modified Huffman codes of TIFF 6.0.

A bitmap has one bit a pixel, the highest first, 1 for black, and every row starts with a byte. Extensions (uncompressed
mode) are bad codes. FillOrder 2 is up to the caller: reverse the bits of every byte.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

from rmexif.native.ccitt_codes import RUNS, WORDS
from rmexif.native.library import twin
from rmexif.native.status import Status

__all__ = ["Coding", "Decoded", "decode", "encode"]

Buffer = bytes | bytearray | memoryview

WIDEST = 1 << 24  # px of a row
FACTS = 2  # CCITT_FACTS of c/ccitt.h
EOL = "000000000001"
PASS, HORIZONTAL = "0001", "001"
VERTICAL = {-3: "0000010", -2: "000010", -1: "010", 0: "1", 1: "011", 2: "000011", 3: "0000011"}
DISTANCES = {word: distance for distance, word in VERTICAL.items()}


class Coding(IntEnum):
    """How rows are coded."""

    HUFFMAN = 0  # each for itself, up to a byte (TIFF 6.0, section 10: compression 2)
    GROUP3 = 1  # behind EOL, each for itself (T.4, 4.1)
    GROUP3_2D = 2  # behind EOL and a bit that tells whether a row refers to the one before (T.4, 4.2)
    GROUP4 = 3  # each refers to the one before (T.6)


class Decoded(NamedTuple):
    """What a stream holds.

    Attributes:
        status: OK; ENDS_EARLY: the data, or the page by its own end code, ends before the last row; BAD_CODE: bits
            that are no code there; BAD_VALUE: a run that leaves the row, or goes back; BAD_ARGUMENT: a row without
            pixels or wider than 2 ** 24.
        bitmap: the rows; white behind the last whole one.
        rows: how many are whole.
        consumed: bytes up to the last code of the last row; Group 4: up to the end code of the page, if that is next.
    """

    status: Status
    bitmap: bytearray
    rows: int
    consumed: int


def _decode(core: ctypes.CDLL, data: Buffer, width: int, rows: int, coding: Coding) -> Decoded:
    if not _is_picture(width, rows):
        return Decoded(Status.BAD_ARGUMENT, bytearray(), 0, 0)
    bitmap, scratch = bytearray((width + 7) // 8 * rows), bytearray(core.rmexif_ccitt_scratch(width))
    facts = (ctypes.c_uint64 * FACTS)()
    status = core.rmexif_ccitt_decode(
        *(data, len(data), coding, width, rows, bitmap, len(bitmap), scratch, len(scratch), facts)
    )
    return Decoded(Status(status), bitmap, *facts)


def _is_picture(width: int, rows: int) -> bool:
    return 0 < width <= WIDEST and 0 <= rows < 1 << 32


@twin(_decode)
def decode(data: Buffer, width: int, rows: int, coding: Coding) -> Decoded:
    """Decode rows into a bitmap.

    Args:
        data: the strip or tile.
        width: px of a row.
        rows: how many are wanted; what follows the last one is not looked at.
        coding: of the rows.
    """
    if not _is_picture(width, rows):
        return Decoded(Status.BAD_ARGUMENT, bytearray(), 0, 0)
    reader = _Reader(data, width, coding)
    stride, bitmap, above, consumed = (width + 7) // 8, bytearray(), list[int](), 0
    status = Status.OK
    for _ in range(rows):
        try:
            above = reader.row(above)
        except _Stop as stop:
            status = stop.status
            break
        bitmap += _pack(above, width)
        consumed = (reader.at + 7) // 8
    complete = len(bitmap) // stride
    if coding == Coding.GROUP4 and status is Status.OK and reader.bits.startswith(EOL * 2, reader.at):
        consumed = (reader.at + 2 * len(EOL) + 7) // 8
    return Decoded(status, bitmap.ljust(stride * rows, b"\0"), complete, consumed)


def _pack(changes: list[int], width: int) -> bytes:
    """A row of a bitmap from the pixels where its colour changes."""
    edges = [0, *changes, width]
    row = "".join("01"[n % 2] * (end - start) for n, (start, end) in enumerate(pairwise(edges)))
    return int(row.ljust((width + 7) // 8 * 8, "0"), 2).to_bytes((width + 7) // 8, "big")


class _Stop(Exception):
    """A row that cannot be decoded."""

    def __init__(self, status: Status) -> None:
        self.status = status


class _Reader:
    """Rows as the pixels where their colour changes, from white on."""

    def __init__(self, data: Buffer, width: int, coding: Coding) -> None:
        self.bits = _digits(data) + "0" * 2 * len(EOL)  # what a reader past the end sees
        self.size, self.width, self.coding = 8 * len(data), width, coding
        self.at = 0  # bit

    def row(self, above: list[int]) -> list[int]:
        """The next row."""
        if self.coding == Coding.GROUP4:
            return self.row_2d(above)
        if self.coding == Coding.HUFFMAN:
            self.at += -self.at % 8
            return self.row_1d()
        self.take_eol()
        refers = self.coding == Coding.GROUP3_2D and self.take(1) == "0"
        if self.bits.startswith(EOL, self.at):  # T.4: the page ends with several of them
            raise _Stop(Status.ENDS_EARLY)
        return self.row_2d(above) if refers else self.row_1d()

    def take(self, count: int) -> str:
        """The next bits."""
        self.at += count
        if self.at > self.size:
            raise _Stop(Status.ENDS_EARLY)
        return self.bits[self.at - count : self.at]

    def take_eol(self) -> None:
        """Zeros, and the one that ends a line."""
        if "1" in self.bits[self.at : self.at + len(EOL) - 1]:
            raise _Stop(Status.BAD_CODE)
        end = self.bits.find("1", self.at + len(EOL) - 1)
        self.take((end if end >= 0 else len(self.bits)) + 1 - self.at)

    def no_code(self, *, may_end: bool) -> _Stop:
        """What it means that the next bits are no code."""
        ended = self.at + len(EOL) > self.size or (may_end and self.bits.startswith(EOL, self.at))
        return _Stop(Status.ENDS_EARLY if ended else Status.BAD_CODE)

    def run(self, colour: int) -> int:
        """Pixels of a run, with its make-up codes."""
        run = 0
        while True:
            word = next((w for n in range(2, 14) if (w := self.bits[self.at : self.at + n]) in RUNS[colour]), None)
            if word is None:
                raise self.no_code(may_end=False)
            self.take(len(word))
            pixels = RUNS[colour][word]
            run += pixels
            if run > self.width:
                raise _Stop(Status.BAD_VALUE)
            if pixels < 64:
                return run

    def row_1d(self) -> list[int]:
        """Runs by turns, from white on."""
        changes, at, colour = list[int](), 0, 0
        while at < self.width:
            at += self.run(colour)
            self.change(changes, at)
            colour ^= 1
        return changes

    def change(self, changes: list[int], at: int) -> None:
        """Let the colour change at a pixel; twice at the same one is not at all."""
        if at > self.width:
            raise _Stop(Status.BAD_VALUE)
        if changes and changes[-1] == at:
            changes.pop()
        elif at < self.width:
            changes.append(at)

    def row_2d(self, above: list[int]) -> list[int]:
        """Modes of T.6, 2.2.3."""
        changes, at, colour = list[int](), -1, 0
        while at < self.width:
            word = next((w for n in range(1, 8) if (w := self.bits[self.at : self.at + n]) in _MODES), None)
            if word is None:
                raise self.no_code(may_end=at < 0)
            self.take(len(word))
            first, second = _next_above(above, at, colour, self.width)
            if word == PASS:
                at = second
            elif word == HORIZONTAL:
                for turn in (colour, colour ^ 1):
                    at = max(at, 0) + self.run(turn)
                    self.change(changes, at)
            else:
                before, at = at, first + DISTANCES[word]
                if at <= before:
                    raise _Stop(Status.BAD_VALUE)
                self.change(changes, at)
                colour ^= 1
        return changes


_MODES = {PASS, HORIZONTAL, *DISTANCES}


def _encode(
    core: ctypes.CDLL, bitmap: Buffer, width: int, rows: int, coding: Coding, *, aligned: bool = False
) -> bytes:
    out, written = bytearray(width * rows + 4 * rows + 16), (ctypes.c_uint64 * 1)()
    scratch = bytearray(core.rmexif_ccitt_scratch(max(0, min(width, WIDEST))))
    inputs = bitmap, len(bitmap), coding, aligned, width, rows
    if not _is_picture(width, rows) or core.rmexif_ccitt_encode(*inputs, out, len(out), scratch, len(scratch), written):
        raise ValueError("ccitt: a bitmap that does not go with the size of the picture")
    return bytes(memoryview(out)[: written[0]])


@twin(_encode)
def encode(bitmap: Buffer, width: int, rows: int, coding: Coding, *, aligned: bool = False) -> bytes:
    """Encode a bitmap canonically, as libtiff does: no end of the page follows but that of Group 4.

    T.6 and the codes of one dimension leave no choice. In Group 3 of two dimensions a row refers to the one before
    where that takes fewer bits.

    Args:
        bitmap: the rows; bits behind their last pixel are not looked at.
        width: px of a row.
        rows: how many.
        coding: of the rows.
        aligned: Group 3: zeros before EOL, so that it ends with a byte (T4Options 4).

    Raises:
        ValueError: a bitmap of another size.
    """
    stride = (width + 7) // 8
    if not _is_picture(width, rows) or len(bitmap) != stride * rows:
        raise ValueError("ccitt: a bitmap that does not go with the size of the picture")
    out, above = list[str](), list[int]()
    size = 0
    for y in range(rows):
        row = _changes(_digits(bitmap[y * stride : (y + 1) * stride])[:width])
        piece = _row(row, above, width, coding, y == 0)
        if coding == Coding.HUFFMAN:
            piece += "0" * (-len(piece) % 8)
        elif coding != Coding.GROUP4:
            piece = "0" * (-(size + len(EOL)) % 8 if aligned else 0) + EOL + piece
        out.append(piece)
        size += len(piece)
        above = row
    digits = "".join(out) + (EOL * 2 if coding == Coding.GROUP4 else "")
    count = (len(digits) + 7) // 8
    return int(digits.ljust(8 * count, "0") or "0", 2).to_bytes(count, "big")


def _changes(row: str) -> list[int]:
    """The pixels where the colour changes, from white on."""
    changes, at = list[int](), row.find("1")
    while at >= 0:
        changes.append(at)
        at = row.find("01"[len(changes) % 2 == 0], at)
    return changes


def _row(row: list[int], above: list[int], width: int, coding: Coding, first: bool) -> str:
    """The codes of one row."""
    if coding == Coding.GROUP4:
        return _row_2d(row, above, width)
    edges = [0, *row, width]
    alone = "".join(_run(n % 2, end - start) for n, (start, end) in enumerate(pairwise(edges)))
    if coding != Coding.GROUP3_2D:
        return alone
    together = _row_2d(row, above, width)
    return "1" + alone if first or len(alone) <= len(together) else "0" + together


def _run(colour: int, run: int) -> str:
    """The words of a run."""
    words = ""
    while run >= 2560 + 64:
        words += WORDS[colour][2560]
        run -= 2560
    return words + (WORDS[colour][run & ~63] if run >= 64 else "") + WORDS[colour][run & 63]


def _row_2d(row: list[int], above: list[int], width: int) -> str:
    """The modes of a row (T.6, 2.2.5)."""
    words, at, colour, n = list[str](), -1, 0, 0
    ends = [*row, width, width]
    while at < width:
        first, second = _next_above(above, at, colour, width)
        distance = ends[n] - first
        if second < ends[n]:
            words.append(PASS)
            at = second
        elif distance in VERTICAL:
            words.append(VERTICAL[distance])
            at, colour, n = ends[n], colour ^ 1, n + 1
        else:
            runs = _run(colour, ends[n] - max(at, 0)) + _run(colour ^ 1, ends[n + 1] - ends[n])
            words.append(HORIZONTAL + runs)
            at, n = ends[n + 1], n + 2
    return "".join(words)


def _digits(data: Buffer) -> str:
    """The bits of the data, a character each."""
    return f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if len(data) else ""


def _next_above(above: list[int], at: int, colour: int, width: int) -> tuple[int, int]:
    """The first change above to the right of a pixel that ends a colour, and the next one (b1 and b2 of T.6)."""
    n = bisect_right(above, at)
    n += n % 2 != colour
    return (above[n] if n < len(above) else width), (above[n + 1] if n + 1 < len(above) else width)
