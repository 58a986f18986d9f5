"""The chunk layer of PNG (W3C PNG third edition, clause 5): what lies where, and chunks as bytes."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.png.signature import SIGNATURE, signature_offset
from rmexif.cursor import Cursor
from rmexif.errors import REPAIR, MalformedImage, UnsupportedFeature
from rmexif.native.buffers import join

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rmexif.types import Limits

__all__ = [
    "PngChunk",
    "image_data",
    "join_data",
    "pixels_only",
    "read_chunks",
    "serialise",
    "walk_chunks",
]

CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})  # 11.2
FOR_PICTURES = CRITICAL | {b"acTL", b"fcTL", b"fdAT"}
CHECKED = FOR_PICTURES - {b"IEND"}  # a wrong CRC here is a broken picture; elsewhere the chunk goes
NOT_CRITICAL = frozenset({b"C2PA", b"C2CI", b"C2CS"})  # metadata, whatever the case of the first letter says (5.4)
FOR_PIXELS = FOR_PICTURES | {b"tRNS"}  # all that a decoder needs to draw
OVERHEAD = 12  # byte: length, type and CRC of a chunk (5.3)


@dataclass(frozen=True, slots=True)
class PngChunk:
    """Where a chunk lies."""

    kind: bytes
    offset: int  # byte: of its length field
    length: int  # byte: of its content
    is_missing: bool = False  # an IEND that should be there

    @property
    def end(self) -> int:
        """First byte after the chunk."""
        return self.offset + OVERHEAD + self.length

    @property
    def skip(self) -> int:
        """Bytes before the image data in the content: the sequence number of fdAT (11.3.6.3)."""
        return 4 if self.kind == b"fdAT" else 0

    def data(self, view: memoryview) -> memoryview:
        """The content."""
        return view[self.offset + 8 : self.end - 4]

    def crc_matches(self, view: memoryview) -> bool:
        """Whether the CRC (5.5) is that of type and content."""
        return zlib.crc32(view[self.offset + 4 : self.end - 4]).to_bytes(4, "big") == view[self.end - 4 : self.end]


def read_chunks(view: memoryview, limits: Limits) -> list[PngChunk]:
    """All chunks from IHDR to IEND.

    Where the file ends behind image data without an IEND, one is added at the end of the last complete chunk. Whether
    all pixels are there is for others to see.

    Raises:
        MalformedImage: a chunk runs past the end, the order is broken, or what a decoder needs has a wrong CRC.
        UnsupportedFeature: a critical chunk that is not known.
        LimitExceeded: more chunks than max_parts.
    """
    chunks = list[PngChunk]()
    for chunk in walk_chunks(view, open_end=True):
        limits.check("max_parts", len(chunks) + 1)
        _check(view, chunk, is_first=not chunks)
        chunks.append(chunk)
        if chunk.kind == b"IEND":
            return chunks
    if any(chunk.kind == b"IDAT" for chunk in chunks):
        return [*chunks, PngChunk(b"IEND", chunks[-1].end, 0, is_missing=True)]
    raise MalformedImage("the file ends before an IDAT", structure="png", offset=len(view))


def pixels_only(view: memoryview) -> tuple[bytes, dict[bytes, bytes]]:
    """The file without what no pixel needs, so that a broken or huge text cannot stop a decoder; contents by type.

    Raises:
        MalformedImage: IHDR, IDAT or IEND is missing, or a chunk runs past the end: OpenCV spins for seconds on those.
    """
    kept, found = [SIGNATURE], dict[bytes, bytes]()
    last = None
    for chunk in walk_chunks(view):
        if chunk.kind in FOR_PIXELS:
            kept.append(bytes(view[chunk.offset : chunk.end]))
            found.setdefault(chunk.kind, kept[-1][8:-4])
            last = chunk
    if last is None or last.kind != b"IEND" or kept[1][4:8] != b"IHDR" or b"IDAT" not in found:
        raise MalformedImage("a chunk IHDR, IDAT or IEND is missing", structure="png", offset=len(SIGNATURE))
    return b"".join(kept), found


def image_data(view: memoryview) -> Iterator[bytes]:
    """The contents of the IDAT chunks of a still picture."""
    return (bytes(chunk.data(view)) for chunk in walk_chunks(view) if chunk.kind == b"IDAT")


def join_data(view: memoryview, chunks: Sequence[PngChunk]) -> memoryview:
    """The image data of consecutive IDAT or fdAT chunks; a copy only where there are several."""
    pieces = [chunk.data(view)[chunk.skip :] for chunk in chunks]
    return pieces[0] if len(pieces) == 1 else memoryview(join(pieces))


def serialise(kind: bytes, *data: bytes | memoryview) -> list[bytes | memoryview]:
    """A chunk of this type and content, in pieces."""
    check = zlib.crc32(kind)
    for piece in data:
        check = zlib.crc32(piece, check)
    return [struct.pack(">I", sum(map(len, data))), kind, *data, struct.pack(">I", check)]


def walk_chunks(view: memoryview, *, open_end: bool = False) -> Iterator[PngChunk]:
    """Every chunk of the file (5.3); what follows IEND is none.

    Args:
        view: the file.
        open_end: whether a chunk that is cut off ends the file, unless it is image data.

    Raises:
        MalformedImage: a chunk runs past the end.
    """
    start = signature_offset(bytes(view[:16])) or 0
    cursor = Cursor(view, "png chunk", min(start + len(SIGNATURE), len(view)))
    while cursor.remaining:
        if open_end and _is_cut_off(view[cursor.offset :]):
            return
        chunk = PngChunk(offset=cursor.offset, length=cursor.u32(), kind=cursor.bytes(4))
        if chunk.kind == b"IDAT" and chunk.length + 4 > cursor.remaining:
            problem = f"{chunk.length + 4} bytes expected, {cursor.remaining} remain before its end; {REPAIR}"
            raise MalformedImage(problem, structure="png chunk IDAT", offset=chunk.offset)
        cursor.skip(chunk.length + 4)
        yield chunk
        if chunk.kind == b"IEND":
            return


def _is_cut_off(rest: memoryview) -> bool:
    """Whether what is left of a file is less than a chunk, and no image data."""
    length, kind = int.from_bytes(rest[:4], "big"), bytes(rest[4:8])
    return len(rest) < OVERHEAD + length and kind not in (b"IDAT", b"fdAT")


def _check(view: memoryview, chunk: PngChunk, *, is_first: bool) -> None:
    """Refuse a chunk that is out of place, unknown but critical, or damaged."""
    if is_first and chunk.kind == b"CgBI":
        raise UnsupportedFeature("Apple's CgBI variant is no PNG", structure="png chunk CgBI", offset=chunk.offset)
    if is_first != (chunk.kind == b"IHDR"):
        raise MalformedImage("IHDR must be the first chunk, and only that", structure="png chunk", offset=chunk.offset)
    if chunk.kind not in CRITICAL | NOT_CRITICAL and not chunk.kind[0] & 0x20:
        raise UnsupportedFeature("a critical chunk of unknown type", structure="png chunk", offset=chunk.offset)
    if chunk.kind in CHECKED and not chunk.crc_matches(view):
        name = chunk.kind.decode()
        raise MalformedImage("the CRC does not match", structure=f"png chunk {name}", offset=chunk.offset)
