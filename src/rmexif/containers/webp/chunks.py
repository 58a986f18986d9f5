"""The chunk layer of WebP (RFC 9649, 2.3): what lies where in a RIFF file, and chunks as bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from rmexif.cursor import Cursor
from rmexif.errors import REPAIR, MalformedImage
from rmexif.types import Limits

__all__ = [
    "CODED",
    "HEADER",
    "PICTURES",
    "Piece",
    "RiffChunk",
    "canvas_size",
    "coded_chunks",
    "may_show_canvas",
    "read_chunks",
    "serialise",
]

HEADER = 12  # byte: RIFF, size, WEBP (2.4)
CODED = (b"VP8 ", b"VP8L")
PICTURES = frozenset({*CODED, b"ALPH", b"ANMF"})

Piece = bytes | memoryview


@dataclass(frozen=True, slots=True)
class RiffChunk:
    """Where a chunk lies."""

    kind: bytes
    offset: int  # byte: of its FourCC
    length: int  # byte: of its content
    end: int  # byte: after its padding

    @property
    def start(self) -> int:
        """First byte of the content."""
        return self.offset + 8

    def data(self, view: memoryview) -> memoryview:
        """The content."""
        return view[self.start : self.start + self.length]


def read_chunks(view: memoryview, start: int, end: int, limits: Limits) -> list[RiffChunk]:
    """The chunks between ``start`` and ``end``, up to one that is cut short and holds no picture.

    Raises:
        MalformedImage: the first chunk, or one that holds a picture, runs past the end.
        LimitExceeded: more chunks than max_parts.
    """
    cursor, chunks = Cursor(view, "webp chunk", start, end, order="little"), list[RiffChunk]()
    while cursor.remaining >= 8:
        offset, kind, length = cursor.offset, cursor.bytes(4), cursor.u32()
        if length > cursor.remaining:
            if kind in PICTURES or not chunks:
                problem = f"{length} bytes of content, {cursor.remaining} remain"
                problem += f"; {REPAIR}" if kind == b"ANMF" else ""
                raise MalformedImage(problem, structure="webp chunk", offset=offset)
            break
        limits.check("max_parts", len(chunks) + 1)
        cursor.skip(min(cursor.remaining, length + (length & 1)))
        chunks.append(RiffChunk(kind, offset, length, cursor.offset))
    return chunks


def canvas_size(view: memoryview) -> tuple[int, int] | None:
    """Width and height (px) that VP8X (2.7) names; None where the file does not start with it, or ends in it."""
    if bytes(view[HEADER : HEADER + 4]) != b"VP8X" or len(view) < HEADER + 18:
        return None
    cursor = Cursor(view, "webp chunk VP8X", HEADER + 12, order="little")
    return 1 + cursor.uint(3), 1 + cursor.uint(3)


def may_show_canvas(view: memoryview) -> bool:
    """Whether a frame of an animation (2.7.1.1) is smaller than the canvas, or has alpha."""
    frames = [chunk.data(view) for chunk in read_chunks(view, HEADER, len(view), Limits()) if chunk.kind == b"ANMF"]
    canvas = view[HEADER + 12 : HEADER + 18]
    return any(frame[6:12] != canvas or bytes(frame[16:20]) in (b"ALPH", b"VP8L") for frame in frames)


def serialise(kind: bytes, *data: Piece) -> list[Piece]:
    """A chunk of this FourCC and content, in pieces, padded to an even length."""
    length = sum(map(len, data))
    return [kind, struct.pack("<I", length), *data, b"\0" * (length & 1)]


def coded_chunks(view: memoryview) -> list[Piece]:
    """The chunks of a still picture that a frame of an animation holds: ALPH and VP8, or VP8L (2.7.1.1)."""
    chunks = read_chunks(view, HEADER, len(view), Limits())
    return [view[chunk.offset : chunk.end] for chunk in chunks if chunk.kind in PICTURES]
