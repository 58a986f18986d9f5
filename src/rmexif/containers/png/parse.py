"""PNG and APNG (W3C PNG third edition): chunks on an allow-list.

What stays: IHDR, PLTE and tRNS cut to the entries in use, the colour chunks that win (see ``colour``), eXIf with one
tag, acTL, fcTL, the image data, IEND. bKGD, sBIT, pHYs and all else go: a viewer draws the same picture without.
Image data is passed through up to the end of its zlib stream. It is encoded again only where it holds what no viewer
shows: rows beyond the picture, colour under alpha 0, padding bits, twin palette entries.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.containers.common.palette import SAME
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.png.animation import PngAnimation, PngFrame, read_animation
from rmexif.containers.png.chunks import SIGNATURE, PngChunk, join_data, read_chunks
from rmexif.containers.png.colour import KINDS, colour_chunks
from rmexif.containers.png.palette import PngChunks, clean_colour_key, clean_palette
from rmexif.containers.png.scanlines import (
    Fault,
    Layout,
    Survey,
    blank,
    contains_colour,
    inflate,
    read_header,
    survey,
)
from rmexif.errors import MalformedImage
from rmexif.types import Container, Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rmexif.types import Limits

__all__ = ["PngTree", "matches", "parse", "parse_again"]

DIAGONALS_PER_PART = 10  # undoing one diagonal of filtered pixels costs about a tenth of reading a chunk

ROLES = {
    **dict.fromkeys(KINDS, Role.COLOUR),
    b"IHDR": Role.STRUCTURE,
    b"PLTE": Role.PIXELS,
    b"tRNS": Role.PIXELS,
    b"eXIf": Role.ORIENTATION,
    b"acTL": Role.ANIMATION,
}
PAYLOADS = {
    b"eXIf": PayloadKind.EXIF,
    b"iCCP": PayloadKind.PNG_ICCP,
    b"iTXt": PayloadKind.PNG_ITXT,
    b"tEXt": PayloadKind.TEXT,
    b"zTXt": PayloadKind.PNG_ZTXT,
    b"tXMP": PayloadKind.XMP,
    **dict.fromkeys((b"caBX", b"C2PA", b"C2CI", b"C2CS"), PayloadKind.JUMBF),
}
PICTURES = frozenset({b"gdAT", b"IDAT", b"fdAT", b"fcTL"})  # of another picture, where they are not of this one


@dataclass(frozen=True, slots=True)
class PngTree:
    """What rewrite() serialises."""

    head: tuple[tuple[bytes, bytes], ...]  # chunks before the first picture: type and content
    pictures: tuple[tuple[PngFrame, Survey], ...]
    indices: bytes  # a palette's new index for every old one
    cover: bytes = b""  # zlib stream of an empty default picture, where the first frame cannot be the default


def matches(head: bytes) -> bool:
    """Whether ``head`` starts a PNG file (5.2)."""
    return head[:8] == SIGNATURE


def parse(view: memoryview, limits: Limits) -> Container[PngTree]:
    """The structure of a PNG file, every byte of it; inflates every picture once.

    Raises:
        MalformedImage: a critical chunk, the animation or image data is broken or cut short.
        UnsupportedFeature: an unknown critical chunk.
        LimitExceeded: too many pixels, frames, chunks, or rows with filters.
    """
    return _parse(view, limits, ())


def parse_again(view: memoryview, limits: Limits, earlier: Container[PngTree]) -> Container[PngTree]:
    """``parse`` of what a rewrite of ``earlier`` gave: image data that was passed through is not inflated again."""
    return _parse(view, limits, earlier.tree.pictures)


def _parse(view: memoryview, limits: Limits, known: Sequence[tuple[PngFrame, Survey]]) -> Container[PngTree]:
    chunks = read_chunks(view, limits)
    layout = read_header(bytes(chunks[0].data(view)), chunks[0].offset)
    limits.check("max_pixels", layout.width * layout.height)
    animation = read_animation(view, chunks, layout, limits)
    found = _first_of_each(view, chunks)
    if layout.may_hide_data or b"tRNS" in found:
        limits.check("max_parts", sum(frame.layout.diagonals for frame in animation.frames) // DIAGONALS_PER_PART)
    content = {kind: bytes(chunk.data(view)) for kind, chunk in found.items()}
    pictures = _surveyed(view, animation.frames, known)
    palette, indices = _palette(content, layout, pictures, found)
    if indices != SAME:
        pictures = [(frame, replace(row, fault=row.fault or Fault.PALETTE_TWINS)) for frame, row in pictures]
    colours, colour = colour_chunks(content, layout.colour)
    rotation = orientation(content.get(b"eXIf", b""))
    head = [(b"IHDR", content[b"IHDR"]), *colours, *palette]
    if rotation != 1:
        head.append((b"eXIf", orientation_only(rotation)))
    if animation.plays is not None:
        head.append((b"acTL", struct.pack(">II", len(animation.frames), animation.plays)))
    tree = PngTree(tuple(head), tuple(pictures), indices, _cover(view, animation))
    parts = _parts(view, chunks, found, animation, tree, limits)
    tables = icc.residual_bytes([colour.icc])
    return Container(
        "png",
        layout.width,
        layout.height,
        parts,
        len(animation.frames),
        rotation,
        colour,
        tuple(tables),
        tables,
        tree=tree,
    )


def _surveyed(
    view: memoryview, frames: Sequence[PngFrame], known: Sequence[tuple[PngFrame, Survey]]
) -> list[tuple[PngFrame, Survey]]:
    """Every frame with what its image data turned out to be."""
    pictures = []
    for number, frame in enumerate(frames):
        old, earlier = known[number] if number < len(known) else (None, None)
        earlier = earlier if old and old.layout == frame.layout else None
        data = join_data(view, frame.chunks)
        pictures.append((frame, survey(data, frame.layout, frame.chunks[0].offset, earlier)))
    return pictures


def _first_of_each(view: memoryview, chunks: Sequence[PngChunk]) -> dict[bytes, PngChunk]:
    """The chunk that decoders follow, of every kind that may stay: the first intact one before the picture."""
    found = dict[bytes, PngChunk]()
    is_before = True
    for chunk in chunks:
        is_before = is_before and chunk.kind != b"IDAT"
        if chunk.kind not in ROLES or not (is_before or chunk.kind == b"eXIf"):
            continue
        if chunk.kind == b"PLTE" and b"PLTE" in found:
            raise MalformedImage("a second palette", structure="png chunk PLTE", offset=chunk.offset)
        if chunk.kind not in found and chunk.crc_matches(view):
            found[chunk.kind] = chunk
    return found


def _palette(
    content: Mapping[bytes, bytes],
    layout: Layout,
    pictures: Sequence[tuple[PngFrame, Survey]],
    found: Mapping[bytes, PngChunk],
) -> tuple[PngChunks, bytes]:
    """PLTE and tRNS as they stay, and the new index for every old one."""
    if layout.colour == 3:
        used = frozenset[int]().union(*(row.used for _, row in pictures))
        offset = found[b"PLTE"].offset if b"PLTE" in found else pictures[0][0].chunks[0].offset
        return clean_palette(content.get(b"PLTE", b""), content.get(b"tRNS", b""), used, offset)
    key = clean_colour_key(content.get(b"tRNS", b""), layout.colour, layout.depth)
    for frame, row in pictures if key else ():
        if contains_colour(row.stream, frame.layout, key, frame.chunks[0].offset):
            return [(b"tRNS", struct.pack(f">{len(key)}H", *key))], SAME
    return [], SAME  # no key, or a colour that no pixel has: free bytes


def _cover(view: memoryview, animation: PngAnimation) -> bytes:
    """An empty default picture, where it is no frame and the first frame is too small to be it; else nothing."""
    hidden = animation.hidden
    if hidden is None or animation.frames[0].layout == hidden.layout:
        return b""
    stream = join_data(view, hidden.chunks)
    try:
        raw, last, end, fault = inflate(stream, hidden.layout.size, hidden.chunks[0].offset)
    except MalformedImage:  # it does not stay, so it may be broken
        return blank(hidden.layout)
    return blank(hidden.layout) if fault or (raw + last).strip(b"\0") else bytes(stream[:end])


def _parts(
    view: memoryview,
    chunks: Sequence[PngChunk],
    found: Mapping[bytes, PngChunk],
    animation: PngAnimation,
    tree: PngTree,
    limits: Limits,
) -> tuple[Part, ...]:
    """Every byte of the file, in order."""
    parts = PartBuilder(len(view), limits)
    parts.add("signature", Role.STRUCTURE, 0, len(SIGNATURE))
    image_data = set[int]()
    for frame, row in tree.pictures:
        _claim_picture(parts, frame, row, animation.misnumbered)
        image_data.update(chunk.offset for chunk in frame.chunks)
    if animation.hidden and join_data(view, animation.hidden.chunks) == tree.cover:
        for chunk in animation.hidden.chunks:
            parts.add("IDAT", Role.STRUCTURE, chunk.offset, chunk.end)
            image_data.add(chunk.offset)
    frames = len(animation.frames) if animation.plays is not None else 0
    head = dict(tree.head)
    for chunk in chunks:
        is_control = chunk.kind == b"fcTL" and frames > 0
        frames -= is_control
        if chunk.offset in image_data:
            continue
        if is_control and chunk.length == 26 and chunk.offset not in animation.misnumbered:
            parts.add("fcTL", Role.ANIMATION, chunk.offset, chunk.end)
        elif chunk.kind == b"IEND" and not chunk.length:
            parts.add("IEND", Role.STRUCTURE, chunk.offset, chunk.end)
        elif found.get(chunk.kind) is chunk and head.get(chunk.kind) == bytes(chunk.data(view)):
            parts.add(chunk.kind.decode(), ROLES[chunk.kind], chunk.offset, chunk.end)
        else:
            _claim_dropped(parts, chunk)
    return parts.tile()


def _claim_picture(parts: PartBuilder, frame: PngFrame, found: Survey, misnumbered: frozenset[int]) -> None:
    """The chunks of a picture, each up to where the zlib stream ends."""
    remaining = len(found.stream)
    for chunk in frame.chunks:
        name, fault = chunk.kind.decode(), found.fault or (Fault.SEQUENCE if chunk.offset in misnumbered else None)
        held = chunk.length - chunk.skip
        end = chunk.end
        if remaining < held:  # the stream ends in this chunk, or has ended before it
            end = chunk.offset + 8 + chunk.skip + remaining if remaining else chunk.offset
        parts.add(f"{name}/{fault}" if fault else name, Role.UNKNOWN if fault else Role.PIXELS, chunk.offset, end)
        skip = 0 if end > chunk.offset else 8
        length = chunk.end - 4 - end - skip
        parts.add(f"{name}/surplus", Role.GAP, end, chunk.end, PayloadKind.UNKNOWN, skip, body_length=length)
        remaining = max(0, remaining - held)


def _claim_dropped(parts: PartBuilder, chunk: PngChunk) -> None:
    """A chunk that does not stay, or not as it is."""
    name = chunk.kind.decode("ascii", "replace")
    name = name if name.isascii() and name.isalnum() else "chunk"
    if chunk.kind in PICTURES:
        parts.add(name, Role.AUXILIARY, chunk.offset, chunk.end)
        return
    payload = PAYLOADS.get(chunk.kind, PayloadKind.UNKNOWN)
    role = Role.UNKNOWN if payload == PayloadKind.UNKNOWN else Role.METADATA
    parts.add(name, role, chunk.offset, chunk.end, payload, 8, body_length=chunk.length)
