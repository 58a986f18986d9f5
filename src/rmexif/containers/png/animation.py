"""Which chunks of a PNG make up the still picture or the frames of an animation (W3C PNG third edition, 11.3.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING

from rmexif.containers.png.chunks import PngChunk
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.native.png import Layout
    from rmexif.types import Limits

__all__ = ["PngAnimation", "PngFrame", "read_animation"]

CONTROL = struct.Struct(">IIIIHHBB")  # fcTL after its sequence number: size, place, delay, dispose, blend (11.3.6.2)
FCTL_LENGTH = 26  # byte
MAX_PLAYS = 65_535  # as far as GIF and WebP count; what plays more often plays for ever


@dataclass(frozen=True, slots=True)
class PngFrame:
    """One picture: its zlib stream lies in ``chunks``."""

    layout: Layout
    chunks: tuple[PngChunk, ...]
    control: bytes = b""  # fcTL without its sequence number, in lowest terms; empty: a still picture


@dataclass(frozen=True, slots=True)
class PngAnimation:
    """The pictures that a viewer shows, in order; a still picture is one frame without control."""

    frames: tuple[PngFrame, ...]
    plays: int | None = None  # 0 = for ever; None: a still picture
    hidden: PngFrame | None = None  # a default picture that is no frame
    misnumbered: frozenset[int] = frozenset()  # offsets of chunks whose sequence number is wrong


def read_animation(view: memoryview, chunks: Sequence[PngChunk], layout: Layout, limits: Limits) -> PngAnimation:
    """The pictures of a file.

    Args:
        view: the file.
        chunks: from IHDR to IEND.
        layout: of the canvas.
        limits: ``max_frames`` and ``max_total_pixels`` are checked; a frame is no larger than the canvas.

    Raises:
        MalformedImage: no image data, or an animation with a frame missing, broken or out of the canvas.
        LimitExceeded: more frames than max_frames, or more px in all of them than max_total_pixels.
    """
    first = next((number for number, chunk in enumerate(chunks) if chunk.kind == b"IDAT"), None)
    if first is None:
        raise MalformedImage("no IDAT before IEND", structure="png", offset=chunks[-1].offset)
    last = next(number for number in range(first, len(chunks)) if chunks[number].kind != b"IDAT")
    default = PngFrame(layout, tuple(chunks[first:last]))
    count, plays = _read_actl(view, chunks[:first])
    if not count or not any(chunk.kind == b"fcTL" for chunk in chunks):
        return PngAnimation((default,))
    limits.check("max_frames", count)
    frames = _frames(view, chunks, default, count)
    limits.check("max_total_pixels", sum(frame.layout.width * frame.layout.height for frame in frames))
    if count == 1 and frames[0].layout == default.layout:  # nothing moves: no times, no other picture
        return PngAnimation((replace(frames[0], control=b""),))
    hidden = None if frames[0].chunks == default.chunks else default
    return PngAnimation(tuple(frames), plays, hidden, _misnumbered(view, chunks))


def _read_actl(view: memoryview, chunks: Sequence[PngChunk]) -> tuple[int, int | None]:
    """Frames and plays that the acTL (11.3.6.1) before the picture names; 0 frames where there is none of use."""
    for chunk in chunks:
        if chunk.kind == b"acTL" and chunk.length >= 8:
            count, plays = struct.unpack_from(">II", chunk.data(view))
            return count, plays if plays <= MAX_PLAYS else 0
    return 0, None


def _frames(view: memoryview, chunks: Sequence[PngChunk], default: PngFrame, count: int) -> list[PngFrame]:
    """The first ``count`` frames, as acTL announces them; what follows them no viewer shows."""
    frames, data, shows_default = list[PngFrame](), list[list[PngChunk]](), None
    for chunk in chunks:
        if chunk.kind == b"fcTL":
            if len(frames) == count:
                break
            frames.append(_read_fctl(chunk, chunk.data(view), default.layout))
            data.append([])
        elif chunk is default.chunks[0]:
            shows_default = len(frames) == 1
            if shows_default:
                data[0] += default.chunks
        elif chunk.kind == b"fdAT":
            if not frames or shows_default is None or (shows_default and len(frames) == 1) or chunk.length < 4:
                problem = "fdAT belongs to no frame, or is shorter than its sequence number"
                raise MalformedImage(problem, structure="png chunk fdAT", offset=chunk.offset)
            data[-1].append(chunk)
    frames = [replace(frame, chunks=tuple(its)) for frame, its in zip(frames, data, strict=True)]
    if len(frames) < count or not all(frame.chunks for frame in frames):
        complete = sum(bool(frame.chunks) for frame in frames)
        problem = f"{count} frames announced, {complete} have image data"
        raise MalformedImage(problem, structure="png chunk acTL", offset=_offset(chunks, b"acTL"))
    if shows_default and frames[0].layout != default.layout:
        problem = "the first frame is the default picture, but not as large as the canvas"
        raise MalformedImage(problem, structure="png chunk fcTL", offset=_offset(chunks, b"fcTL"))
    return frames


def _read_fctl(chunk: PngChunk, data: memoryview, canvas: Layout) -> PngFrame:
    """A frame without image data, as its fcTL (11.3.6.2) describes it."""

    def refused(problem: str) -> MalformedImage:
        return MalformedImage(problem, structure="png chunk fcTL", offset=chunk.offset)

    if chunk.length < FCTL_LENGTH:
        raise refused(f"{chunk.length} bytes, {FCTL_LENGTH} expected")
    width, height, x, y, number, per, dispose, blend = CONTROL.unpack(data[4:FCTL_LENGTH])
    if not (width and height and x + width <= canvas.width and y + height <= canvas.height):
        raise refused(f"{width} x {height} px at {x}, {y} do not lie on {canvas.width} x {canvas.height} px")
    if dispose > 2 or blend > 1:
        raise refused(f"dispose {dispose} and blend {blend}, at most 2 and 1 are defined")
    per = per or 100  # a denominator of 0 means hundredths
    part = gcd(number, per)
    control = CONTROL.pack(width, height, x, y, number // part, per // part, dispose, blend)
    return PngFrame(canvas._replace(width=width, height=height), (), control)


def _offset(chunks: Sequence[PngChunk], kind: bytes) -> int:
    """Where the first chunk of a type lies."""
    return next(chunk.offset for chunk in chunks if chunk.kind == kind)


def _misnumbered(view: memoryview, chunks: Sequence[PngChunk]) -> frozenset[int]:
    """Offsets of fcTL and fdAT chunks whose sequence number (4.9) is not the next one."""
    numbered = [chunk for chunk in chunks if chunk.kind in (b"fcTL", b"fdAT") and chunk.length >= 4]
    return frozenset(
        chunk.offset for number, chunk in enumerate(numbered) if chunk.data(view)[:4] != number.to_bytes(4, "big")
    )
