"""Run-length codes: PackBits (TIFF 6.0, section 9), and RLE4 and RLE8 of BMP ([MS-WMF] 3.1.6).

How an encoder cuts rows into runs, and how it moves over what it does not paint, are free choices: runs of one colour
could spell a text by their lengths. So there is one canonical encoder for each.
"""

from __future__ import annotations

import ctypes
import re
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rmexif.native.library import twin
from rmexif.native.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Painted", "Unpacked", "decode_bmp", "decode_packbits", "encode_bmp", "encode_packbits"]

Buffer = bytes | bytearray | memoryview

PACKED = 128  # bytes of a PackBits run or literal; also the code that means nothing
END_OF_LINE, END_OF_BITMAP, DELTA = 0, 1, 2
RUN = 255  # px of a BMP run or literal, and of a jump
LITERAL = 3  # px of the shortest BMP literal
FACTS = 4  # BMP_RLE_FACTS of c/rle.h


class Unpacked(NamedTuple):
    """What PackBits hold.

    Attributes:
        status: OK, or ENDS_EARLY: the data ends before.
        data: bytes, as many as were wanted or as there are.
        consumed: bytes of the input.
    """

    status: Status
    data: bytearray
    consumed: int


def _decode_packbits(core: ctypes.CDLL, data: Buffer, size: int) -> Unpacked:
    out, written, consumed = bytearray(size), (ctypes.c_uint64 * 1)(), (ctypes.c_uint64 * 1)()
    status = core.rmexif_rle_decode_packbits(data, len(data), out, size, written, consumed)
    del out[written[0] :]
    return Unpacked(Status(status), out, consumed[0])


@twin(_decode_packbits)
def decode_packbits(data: Buffer, size: int) -> Unpacked:
    """Unpack ``size`` bytes; a run that goes beyond them is cut off."""
    out, at = bytearray(), 0
    while len(out) < size and at < len(data):
        code = data[at]
        if code < PACKED:
            out += data[at + 1 : at + 2 + code]
            at += 2 + code
        elif code > PACKED:
            out += bytes(data[at + 1 : at + 2]) * (257 - code)
            at += 2
        else:
            at += 1
    status = Status.ENDS_EARLY if len(out) < size else Status.OK
    del out[size:]
    return Unpacked(status, out, min(at, len(data)))


def _encode_packbits(core: ctypes.CDLL, data: Buffer, row: int) -> bytes:
    out = bytearray(len(data) * 3 // 2 + len(data) // max(row, 1) + 1)
    written = (ctypes.c_uint64 * 1)()
    if core.rmexif_rle_encode_packbits(data, len(data), row, out, len(out), written):
        raise ValueError("rle: a row of no bytes")
    return bytes(memoryview(out)[: written[0]])


@twin(_encode_packbits)
def encode_packbits(data: Buffer, row: int) -> bytes:
    """Pack rows of ``row`` bytes each on its own, as libtiff does.

    A run of two that stands between single bytes stays in their literal.

    Raises:
        ValueError: a row of no bytes.
    """
    if row < 1:
        raise ValueError("rle: a row of no bytes")
    complete = bytes(data)
    return b"".join(_pack(complete[start : start + row]) for start in range(0, len(complete), row))


def _runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Where a value that stands twice or more starts and ends."""
    return (found.span() for found in re.finditer(rb"(.)\1+", data, re.DOTALL))


def _pack(row: bytes) -> bytes:
    """PackBits of one row."""
    out, literal = bytearray(), 0
    for start, end in _runs(row):
        held = (start - literal) % PACKED
        single = end < len(row) and row[end : end + 1] != row[end + 1 : end + 2]
        if end - start == 2 and single and 0 < held < PACKED - 1:
            continue
        out += _packed_literal(row[literal:start])
        complete, rest = divmod(end - start, PACKED)
        out += bytes((257 - PACKED, row[start])) * complete
        if rest > 1:
            out += bytes((257 - rest, row[start]))
        literal = end - (rest == 1)
    return bytes(out) + _packed_literal(row[literal:])


def _packed_literal(data: bytes) -> bytes:
    """Bytes as they are, in literals."""
    pieces = (data[at : at + PACKED] for at in range(0, len(data), PACKED))
    return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)


class Painted(NamedTuple):
    """What the codes of a BMP paint.

    Attributes:
        status: OK; ENDS_EARLY: neither the last pixel nor an end code; BAD_VALUE: a jump or a literal leaves the
            picture; BAD_ARGUMENT: a picture without pixels.
        pixels: one a byte, rows in the order of the file; 0 where nothing is painted.
        spans: row, first px, px after the last of what is painted, neighbours in a row joined, one behind the other.
        consumed: bytes of the codes.
        complete: whether the codes go on to the end of the last row.
        row: where the codes ended.
    """

    status: Status
    pixels: bytearray
    spans: array[int]
    consumed: int
    complete: bool
    row: int

    @property
    def painted(self) -> int:
        """Pixels that are painted."""
        return sum(self.spans[2::3]) - sum(self.spans[1::3])


def _decode_bmp(core: ctypes.CDLL, data: Buffer, width: int, height: int, *, nibbles: bool) -> Painted:
    if not _is_picture(width, height):
        return Painted(Status.BAD_ARGUMENT, bytearray(), array("I"), 0, False, 0)
    pixels, spans = bytearray(width * height), array("I", bytes(12 * (len(data) // 2 + 1)))
    facts = (ctypes.c_uint64 * FACTS)()
    status = core.rmexif_rle_decode_bmp(
        *(data, len(data), width, height, nibbles, pixels, len(pixels), spans, len(spans) // 3, facts)
    )
    consumed, count, complete, row = facts
    del spans[3 * count :]
    return Painted(Status(status), pixels, spans, consumed, bool(complete), row)


def _is_picture(width: int, height: int) -> bool:
    return 0 < width < 1 << 32 and 0 < height < 1 << 32


@twin(_decode_bmp)
def decode_bmp(data: Buffer, width: int, height: int, *, nibbles: bool) -> Painted:
    """Follow the codes up to the end of the picture; an end code behind it belongs to them.

    Args:
        data: from the first code on.
        width: px of a row.
        height: rows.
        nibbles: RLE4, two pixels a byte; else RLE8.
    """
    if not _is_picture(width, height):
        return Painted(Status.BAD_ARGUMENT, bytearray(), array("I"), 0, False, 0)
    canvas = _Canvas(bytes(data), width, height, nibbles)
    status = canvas.follow()
    return Painted(
        *(status, canvas.pixels, canvas.spans, min(canvas.at, len(data)), canvas.y == height, canvas.y),
    )


class _Canvas:
    """A picture, and the place where the next code paints."""

    def __init__(self, data: bytes, width: int, height: int, nibbles: bool) -> None:
        self.data, self.width, self.height, self.nibbles = data, width, height, nibbles
        self.pixels, self.spans = bytearray(width * height), array("I")
        self.x = self.y = self.at = 0

    def follow(self) -> Status:
        """Follow the codes."""
        while self.y < self.height:
            pair = self.data[self.at : self.at + 2]
            if len(pair) < 2:
                return Status.ENDS_EARLY
            self.at += 2
            if pair == bytes((0, END_OF_BITMAP)):
                return Status.OK
            if pair == bytes((0, END_OF_LINE)):
                self.x, self.y = 0, self.y + 1
                continue
            status = self.run(*pair) if pair[0] else self.jump() if pair[1] == DELTA else self.literal(pair[1])
            if status:
                return status
            if self.x == self.width and self.y == self.height - 1:
                self.y = self.height
        if self.x == self.width and self.data.startswith(bytes((0, END_OF_LINE)), self.at):
            self.at += 2
        if self.data.startswith(bytes((0, END_OF_BITMAP)), self.at):
            self.at += 2
        return Status.OK

    def run(self, count: int, value: int) -> Status:
        """Pixels of one colour or, in RLE4, two; what goes beyond the row is not painted."""
        pixels = bytes((value >> 4, value & 15)) * 128 if self.nibbles else bytes([value]) * RUN
        self.paint(pixels[: min(count, self.width - self.x)])
        return Status.OK

    def jump(self) -> Status:
        """To the right and further on."""
        step = self.data[self.at : self.at + 2]
        self.at += 2
        if len(step) < 2:
            return Status.ENDS_EARLY
        if self.x + step[0] > self.width or self.y + step[1] >= self.height:
            return Status.BAD_VALUE
        self.x, self.y = self.x + step[0], self.y + step[1]
        return Status.OK

    def literal(self, count: int) -> Status:
        """Pixels one by one."""
        size = (count + 1) // 2 if self.nibbles else count
        packed = self.data[self.at : self.at + size]
        self.at += size + size % 2
        if self.x + count > self.width:
            return Status.BAD_VALUE
        if len(packed) < size:
            return Status.ENDS_EARLY
        if self.nibbles:
            packed = bytes(nibble for byte in packed for nibble in (byte >> 4, byte & 15))
        self.paint(packed[:count])
        return Status.OK

    def paint(self, pixels: bytes) -> None:
        """Paint pixels, and join them to the span that ends here."""
        if not pixels:
            return
        start = self.y * self.width + self.x
        self.pixels[start : start + len(pixels)] = pixels
        if self.spans and self.spans[-3] == self.y and self.spans[-1] == self.x:
            self.spans[-1] += len(pixels)
        else:
            self.spans.extend((self.y, self.x, self.x + len(pixels)))
        self.x += len(pixels)


def _encode_bmp(
    core: ctypes.CDLL, pixels: Buffer, width: int, height: int, spans: array[int], *, nibbles: bool, complete: bool
) -> bytes:
    painted, count = sum(spans[2::3]) - sum(spans[1::3]), len(spans) // 3
    steps = len(pixels) // RUN + width // RUN + height // RUN
    out = bytearray(max(0, 2 * painted) + 14 * count + 4 * steps + 32)
    written = (ctypes.c_uint64 * 1)()
    inputs = pixels, len(pixels), width, height, nibbles, spans, count, complete
    if not _is_picture(width, height) or core.rmexif_rle_encode_bmp(*inputs, out, len(out), written):
        raise ValueError("rle: pixels, or spans of them, that do not go with the size of the picture")
    return bytes(memoryview(out)[: written[0]])


@twin(_encode_bmp)
def encode_bmp(pixels: Buffer, width: int, height: int, spans: array[int], *, nibbles: bool, complete: bool) -> bytes:
    """Encode what is painted.

    Runs of more than three pixels, between them literals or, where they take fewer bytes, short runs, and one way
    over everything else.

    Args:
        pixels: one a byte, rows in the order of the file.
        width: px of a row.
        height: rows.
        spans: what is painted, as ``Painted`` has it.
        nibbles: RLE4, two pixels a byte; else RLE8.
        complete: go on to the end of the last row.

    Raises:
        ValueError: pixels, or spans of them, that do not go with the size of the picture.
    """
    triples = list(zip(spans[::3], spans[1::3], spans[2::3], strict=False))
    if not _fits(pixels, width, height, triples, nibbles):
        raise ValueError("rle: pixels, or spans of them, that do not go with the size of the picture")
    out, data = bytearray(), bytes(pixels)
    x = y = 0
    for row, start, end in triples:
        if row > y:
            _down(out, x, row - y)
            x, y = 0, row
        _along(out, start - x)
        _write_span(out, data[row * width + start : row * width + end], nibbles)
        x = end
    if complete and (y, x) != (height - 1, width):
        if y != height - 1:
            _down(out, x, height - 1 - y)
            x = 0
        if x:
            out += bytes((0, END_OF_LINE))
        else:
            _along(out, width)
    return bytes(out) + bytes((0, END_OF_BITMAP))


def _fits(pixels: Buffer, width: int, height: int, spans: list[tuple[int, int, int]], nibbles: bool) -> bool:
    """Whether the arguments of ``encode_bmp`` go together."""
    inside = all(row < height and start < end <= width for row, start, end in spans)
    apart = all((a[0], a[2]) < b[:2] for a, b in pairwise(spans))
    small = not nibbles or max(pixels, default=0) < 16
    return _is_picture(width, height) and len(pixels) == width * height and inside and apart and small


def _along(out: bytearray, pixels: int) -> None:
    """Over pixels of a row that are not painted."""
    for start in range(0, pixels, RUN):
        out += bytes((0, DELTA, min(RUN, pixels - start), 0))


def _down(out: bytearray, x: int, rows: int) -> None:
    """To the start of a row further on; some decoders take an end of line in an empty row for nothing, so jump."""
    if x:
        out += bytes((0, END_OF_LINE))
        rows -= 1
    for start in range(0, rows, RUN):
        out += bytes((0, DELTA, 0, min(RUN, rows - start)))


def _write_span(out: bytearray, pixels: bytes, nibbles: bool) -> None:
    """Pixels side by side."""
    literal = at = 0
    while at < len(pixels):
        run = _run_at(pixels, at, nibbles)
        if run > LITERAL:
            _write_literals(out, pixels[literal:at], nibbles)
            out += bytes((run, _pair(pixels[at : at + 2], nibbles)))
            literal = at + run
        at += run if run > LITERAL else 1
    _write_literals(out, pixels[literal:], nibbles)


def _run_at(pixels: bytes, at: int, nibbles: bool) -> int:
    """Pixels of one value, or of two by turns, from a place on."""
    period, most = 2 if nibbles else 1, min(RUN, len(pixels) - at)
    run = min(period, most)
    while run < most and pixels[at + run] == pixels[at + run - period]:
        run += 1
    return run


def _write_literals(out: bytearray, pixels: bytes, nibbles: bool) -> None:
    """Pixels without a long run: literals, or short runs where they take fewer bytes."""
    for start in range(0, len(pixels), RUN):
        piece = pixels[start : start + RUN]
        runs, at = bytearray(), 0
        while at < len(piece):
            run = _run_at(piece, at, nibbles)
            runs += bytes((run, _pair(piece[at : at + run], nibbles)))
            at += run
        packed = bytes(_pair(piece[n : n + 2], True) for n in range(0, len(piece), 2)) if nibbles else piece
        literal = bytes((0, len(piece))) + packed + bytes(len(packed) % 2)
        out += runs if len(piece) < LITERAL or len(runs) < len(literal) else literal


def _pair(pixels: bytes, nibbles: bool) -> int:
    """The byte of one pixel, or of two."""
    return pixels[0] << 4 | (pixels[1] if len(pixels) > 1 else 0) if nibbles else pixels[0]
