"""PNG chunks, and which of them make up the still picture or the frames of an animation.

W3C PNG (third edition): 5 chunk layout, 11.3.6 animation (acTL, fcTL, fdAT).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING

from rmexif.containers.png.scanlines import DEPTHS, Layout
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.types import Limits

__all__ = ["SIGNATURE", "Animation", "Chunk", "Frame", "animation", "header", "joined", "walk", "written"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
CHECKED = CRITICAL | {b"acTL", b"fcTL", b"fdAT"}  # a wrong CRC here is a broken picture; elsewhere the chunk goes
NOT_CRITICAL = frozenset({b"C2PA", b"C2CI", b"C2CS"})  # metadata, whatever the case of the first letter says
CONTROL = struct.Struct(">IIIIHHBB")  # fcTL after its sequence number: size, place, delay, dispose, blend
MAX_CHUNK = 1 << 30  # byte; the format allows 2^31 - 1
MAX_PLAYS = 65_535  # what plays more often plays for ever


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies."""

    kind: bytes
    offset: int  # byte: of its length field
    length: int  # byte: of its content

    @property
    def end(self) -> int:
        """First byte after the chunk."""
        return self.offset + 12 + self.length

    @property
    def skip(self) -> int:
        """Bytes before the picture data in the content: the sequence number of fdAT."""
        return 4 if self.kind == b"fdAT" else 0

    def data(self, view: memoryview) -> memoryview:
        """The content."""
        return view[self.offset + 8 : self.end - 4]

    def intact(self, view: memoryview) -> bool:
        """Whether the CRC (5.5) fits."""
        return zlib.crc32(view[self.offset + 4 : self.end - 4]).to_bytes(4, "big") == view[self.end - 4 : self.end]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: its zlib stream lies in ``chunks``."""

    layout: Layout
    chunks: tuple[Chunk, ...]
    control: bytes = b""  # fcTL without its sequence number, in lowest terms; empty: a still picture


@dataclass(frozen=True, slots=True)
class Animation:
    """The pictures that a viewer shows, in order; a still picture is one frame without control."""

    frames: tuple[Frame, ...]
    plays: int | None = None  # 0 = for ever; None: a still picture
    hidden: Frame | None = None  # a default picture that is no frame
    misnumbered: frozenset[int] = frozenset()  # offsets of chunks whose sequence number is wrong


def joined(view: memoryview, chunks: Sequence[Chunk]) -> memoryview:
    """The picture data of consecutive IDAT or fdAT chunks; a copy only where there are several."""
    pieces = [chunk.data(view)[chunk.skip :] for chunk in chunks]
    return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))


def written(kind: bytes, *data: bytes | memoryview) -> list[bytes | memoryview]:
    """A chunk, in pieces."""
    check = zlib.crc32(kind)
    for piece in data:
        check = zlib.crc32(piece, check)
    return [struct.pack(">I", sum(map(len, data))), kind, *data, struct.pack(">I", check)]


def walk(view: memoryview, limits: Limits) -> list[Chunk]:
    """All chunks from IHDR to IEND.

    Raises:
        MalformedImage: a chunk runs past the end, the order is broken, or what a decoder needs has a wrong CRC.
        UnsupportedFeature: a critical chunk that is not known.
        LimitExceeded: more chunks than max_parts.
    """
    cursor, chunks = Cursor(view, "png: chunk", len(SIGNATURE)), list[Chunk]()
    while not chunks or chunks[-1].kind != b"IEND":
        limits.check("max_parts", len(chunks) + 1)
        chunk = Chunk(offset=cursor.offset, length=cursor.u32(), kind=cursor.bytes(4))
        cursor.skip(chunk.length + 4)
        if not chunks and chunk.kind == b"CgBI":
            raise UnsupportedFeature("png: Apple's CgBI variant is no PNG picture")
        if (not chunks) != (chunk.kind == b"IHDR"):
            raise MalformedImage(f"png: IHDR missing or out of place at byte {chunk.offset}")
        if chunk.kind not in CRITICAL | NOT_CRITICAL and not chunk.kind[0] & 0x20:
            raise UnsupportedFeature(f"png: an unknown critical chunk at byte {chunk.offset}")
        if chunk.kind in CHECKED and not chunk.intact(view):
            raise MalformedImage(f"png: wrong CRC in the chunk at byte {chunk.offset}")
        chunks.append(chunk)
    return chunks


def header(data: bytes) -> Layout:
    """What IHDR (11.2.1) says.

    Raises:
        MalformedImage: a field has a value that the format does not know.
    """
    if len(data) != 13:
        raise MalformedImage(f"png: IHDR of {len(data)} bytes")
    width, height, depth, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", data)
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise MalformedImage(f"png: IHDR says {width} x {height} pixels")
    if depth not in DEPTHS.get(colour, ()) or compression or filters or interlace > 1:
        raise MalformedImage("png: IHDR has an unknown depth, colour type, compression, filter or interlace method")
    return Layout(width, height, depth, colour, interlace == 1)


def animation(view: memoryview, chunks: Sequence[Chunk], layout: Layout, limits: Limits) -> Animation:
    """The pictures of a file.

    Raises:
        MalformedImage: no picture data, or an animation with a frame missing, broken or out of the canvas.
        LimitExceeded: more frames than max_frames, or more px in all of them than max_pixels.
    """
    first = next((number for number, chunk in enumerate(chunks) if chunk.kind == b"IDAT"), None)
    if first is None:
        raise MalformedImage("png: no IDAT")
    last = next(number for number in range(first, len(chunks)) if chunks[number].kind != b"IDAT")
    default = Frame(layout, tuple(chunks[first:last]))
    declared, plays = _declared(view, chunks[:first])
    if not declared or not any(chunk.kind == b"fcTL" for chunk in chunks):
        return Animation((default,))
    limits.check("max_frames", declared)
    limits.check("max_pixels", layout.width * layout.height * declared)
    frames = _frames(view, chunks, default, declared)
    if declared == 1 and frames[0].layout == default.layout:  # nothing moves: no times, no other picture
        return Animation((replace(frames[0], control=b""),))
    hidden = None if frames[0].chunks == default.chunks else default
    return Animation(tuple(frames), plays, hidden, _misnumbered(view, chunks))


def _declared(view: memoryview, chunks: Sequence[Chunk]) -> tuple[int, int | None]:
    """Frames and plays that the acTL (11.3.6.1) before the picture says; 0 frames where there is none of use."""
    for chunk in chunks:
        if chunk.kind == b"acTL" and chunk.length >= 8:
            count, plays = struct.unpack_from(">II", chunk.data(view))
            return count, plays if plays <= MAX_PLAYS else 0
    return 0, None


def _frames(view: memoryview, chunks: Sequence[Chunk], default: Frame, declared: int) -> list[Frame]:
    """The declared frames; what follows them no viewer shows."""
    frames, held, shows_default = list[Frame](), list[list[Chunk]](), None
    for chunk in chunks:
        if chunk.kind == b"fcTL":
            if len(frames) == declared:
                break
            frames.append(_controlled(chunk, chunk.data(view), default.layout))
            held.append([])
        elif chunk is default.chunks[0]:
            shows_default = len(frames) == 1
            if shows_default:
                held[0] += default.chunks
        elif chunk.kind == b"fdAT":
            if not frames or shows_default is None or (shows_default and len(frames) == 1) or chunk.length < 4:
                raise MalformedImage(f"png: fdAT out of place or too short at byte {chunk.offset}")
            held[-1].append(chunk)
    frames = [replace(frame, chunks=tuple(its)) for frame, its in zip(frames, held, strict=True)]
    if len(frames) < declared or not all(frame.chunks for frame in frames):
        raise MalformedImage(f"png: acTL says {declared} frames, but not all of them have a picture")
    if shows_default and frames[0].layout != default.layout:
        raise MalformedImage("png: the default picture is a frame, but not as large as the canvas")
    return frames


def _controlled(chunk: Chunk, data: memoryview, canvas: Layout) -> Frame:
    """A frame without picture data, as its fcTL (11.3.6.2) says."""
    where = f"png: fcTL at byte {chunk.offset}"
    if chunk.length < 26:
        raise MalformedImage(f"{where} has {chunk.length} bytes")
    width, height, x, y, number, per, dispose, blend = CONTROL.unpack(data[4:26])
    if not (width and height and x + width <= canvas.width and y + height <= canvas.height):
        raise MalformedImage(f"{where}: {width} x {height} pixels at {x}, {y} do not lie on the canvas")
    if dispose > 2 or blend > 1:
        raise MalformedImage(f"{where}: unknown dispose or blend operation")
    per = per or 100
    part = gcd(number, per)
    control = CONTROL.pack(width, height, x, y, number // part, per // part, dispose, blend)
    return Frame(replace(canvas, width=width, height=height), (), control)


def _misnumbered(view: memoryview, chunks: Sequence[Chunk]) -> frozenset[int]:
    """Offsets of fcTL and fdAT chunks whose sequence number is not the next one."""
    numbered = [chunk for chunk in chunks if chunk.kind in (b"fcTL", b"fdAT") and chunk.length >= 4]
    return frozenset(
        chunk.offset for number, chunk in enumerate(numbered) if chunk.data(view)[:4] != number.to_bytes(4, "big")
    )
