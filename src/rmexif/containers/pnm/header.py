"""The headers of the Netpbm formats: pbm(5), pgm(5), ppm(5), pam(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BITMAP", "COLOUR", "COMMENT", "GREY", "PAM", "PnmHeader", "is_common", "read_header", "serialise"]

BITMAP, GREY, COLOUR, PAM = 4, 5, 6, 7  # the digit of the signature; plain forms are 1 to 3
PLAIN = 3  # from a plain form to the binary one
MAX_VALUE = 65535
MAX_DIGITS = 10
MAX_HEADER = 1 << 16  # byte: comments included
WHITE = b" \t\n\v\f\r"
TUPLE_TYPES = {1: b"GRAYSCALE", 2: b"GRAYSCALE_ALPHA", 3: b"RGB", 4: b"RGB_ALPHA"}  # by the channels
BITMAP_TYPES = {1: b"BLACKANDWHITE", 2: b"BLACKANDWHITE_ALPHA"}
LINE_ENDS_AS_SPACE = bytes.maketrans(b"\n", b" ")
COMMENT = re.compile(rb"#[^\r\n]*")


@dataclass(frozen=True, slots=True)
class PnmHeader:
    """What a header says."""

    kind: int  # 4 to 7: the digit of the binary form
    width: int  # px
    height: int  # px
    channels: int = 1
    most: int = 1  # largest value of a sample
    plain: bool = False  # samples are decimal numbers
    end: int = 0  # byte: first one of the samples
    comments: tuple[tuple[int, int], ...] = field(default=(), compare=False)  # first byte, and the one after

    @property
    def depth(self) -> int:
        """Bytes of a sample."""
        return 1 if self.most < 256 else 2

    @property
    def stride(self) -> int:
        """Bytes of a row in the binary form."""
        return (self.width + 7) // 8 if self.kind == BITMAP else self.width * self.channels * self.depth

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return self.channels in (2, 4)


def read_header(view: memoryview) -> PnmHeader:
    """Read the header of the first picture.

    Raises:
        MalformedImage: a field is missing, no number, or out of its range.
        UnsupportedFeature: a PAM of more channels than a picture has.
    """
    cursor = Cursor(view, "pnm header", 2, min(len(view), MAX_HEADER))
    digit = view[1] - ord("0")
    if digit == PAM:
        return _read_pam(cursor)
    kind = digit + PLAIN if digit <= PLAIN else digit
    comments: list[tuple[int, int]] = []
    width, height = _number(cursor, comments), _number(cursor, comments)
    most = 1 if kind == BITMAP else _number(cursor, comments)
    header = PnmHeader(kind, width, height, 3 if kind == COLOUR else 1, most, digit <= PLAIN)
    return _checked(replace(header, end=cursor.offset, comments=tuple(comments)))


def _number(cursor: Cursor, comments: list[tuple[int, int]]) -> int:
    """The next number and the one byte of white space behind it."""
    digits = bytearray()
    while True:
        byte = cursor.bytes(1)
        if byte == b"#":
            comments.append(_comment(cursor))
            byte = b"\n"
        if byte.isdigit() and len(digits) < MAX_DIGITS:
            digits += byte
        elif byte in WHITE and digits:
            return int(digits)
        elif byte not in WHITE:
            raise MalformedImage("a decimal number expected", structure="pnm header", offset=cursor.offset - 1)


def _comment(cursor: Cursor) -> tuple[int, int]:
    """A comment whose sign has been read, up to its line end, and that end."""
    start = cursor.offset - 1
    while cursor.remaining and cursor.view[cursor.offset] not in b"\r\n":
        cursor.skip(1)
    end = cursor.offset
    if cursor.remaining:
        cursor.skip(1)
    return start, end


def _read_pam(cursor: Cursor) -> PnmHeader:
    """Lines of a name and a value up to ENDHDR; of the tuple type nothing but the channels counts."""
    values: dict[bytes, int] = {}
    comments: list[tuple[int, int]] = []
    for start, line in _lines(cursor):
        name, _, value = line.strip().partition(b" ")
        if name == b"ENDHDR":
            break
        if line.lstrip().startswith(b"#"):
            comments.append((start, start + len(line)))
        elif name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"):
            if not value.strip().isdigit() or len(value.strip()) > MAX_DIGITS:
                raise MalformedImage(f"{name.decode()} must be a number", structure="pnm header", offset=start)
            values[name] = int(value)
        elif name not in (b"TUPLTYPE", b""):
            raise MalformedImage("a line that pam(5) does not know", structure="pnm header", offset=start)
    if len(values) < 4:
        raise MalformedImage("WIDTH, HEIGHT, DEPTH and MAXVAL are required", structure="pnm header", offset=2)
    width, height, channels, most = (values[name] for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    if channels not in TUPLE_TYPES:
        raise UnsupportedFeature(f"{channels} channels, 1 to 4 are handled", structure="pnm header", offset=2)
    return _checked(PnmHeader(PAM, width, height, channels, most, False, cursor.offset, tuple(comments)))


def _lines(cursor: Cursor) -> Iterator[tuple[int, bytes]]:
    """First byte and text of each line."""
    while True:
        start = cursor.offset
        while cursor.bytes(1) != b"\n":
            pass
        yield start, bytes(cursor.view[start : cursor.offset - 1])


def _checked(header: PnmHeader) -> PnmHeader:
    if not (header.width and header.height and 1 <= header.most <= MAX_VALUE):
        problem = f"{header.width} x {header.height} px of values up to {header.most}; 1 to {MAX_VALUE} expected"
        raise MalformedImage(problem, structure="pnm header", offset=2)
    return header


def serialise(header: PnmHeader) -> bytes:
    """The one form in which a header is written."""
    size = f"{header.width} {header.height}\n"
    if header.kind == PAM:
        kind = (BITMAP_TYPES if header.most == 1 else TUPLE_TYPES).get(header.channels) or TUPLE_TYPES[header.channels]
        fields = f"WIDTH {header.width}\nHEIGHT {header.height}\nDEPTH {header.channels}\nMAXVAL {header.most}\n"
        return b"P7\n" + fields.encode() + b"TUPLTYPE " + kind + b"\nENDHDR\n"
    most = "" if header.kind == BITMAP else f"{header.most}\n"
    return f"P{header.kind}\n{size}{most}".encode()


def is_common(text: bytes, header: PnmHeader) -> bool:
    """Whether a header without its comments is written as programs write it: one space or line end between two fields.

    Args:
        text: the header, up to the samples.
        header: what it says.
    """
    clean = serialise(header)
    if header.kind == PAM:
        kind = clean[clean.index(b"TUPLTYPE") : clean.index(b"ENDHDR")]
        return text in (clean.replace(kind, b""), clean)
    clean = clean.replace(b"P%d" % header.kind, b"P%d" % (header.kind - PLAIN * header.plain), 1)
    return text.translate(LINE_ENDS_AS_SPACE) == clean.translate(LINE_ENDS_AS_SPACE)
