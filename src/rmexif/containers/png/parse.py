"""PNG and APNG (W3C PNG third edition): chunks on an allow-list, written afresh; picture data copied or redone.

What stays: IHDR, PLTE and tRNS cut to the entries in use, the colour chunks that win (see png_colour), eXIf with one
tag, acTL, fcTL, the picture data, IEND. bKGD, sBIT, pHYs and all else go: a viewer draws the same picture without.
Picture data is copied up to the end of its zlib stream. It is inflated, cleared and deflated again only where it
holds what no viewer shows: rows beyond the picture, colour under alpha 0, padding bits, twin palette entries.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.containers.png import chunks as png_chunks
from rmexif.containers.png import scanlines
from rmexif.containers.png.chunks import SIGNATURE, Animation, Chunk, Frame, written
from rmexif.containers.png.colour import KINDS, colour_chunks
from rmexif.containers.png.scanlines import Layout, Survey, blank, holds, inflate, mend, survey
from rmexif.errors import MalformedImage
from rmexif.types import Container, Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rmexif.types import Limits

__all__ = ["matches", "parse", "rewrite", "top"]

SAME = bytes(range(256))  # a palette that stays as it is
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
    **dict.fromkeys((b"gdAT", b"IDAT", b"fdAT", b"fcTL"), PayloadKind.PICTURE),
}


@dataclass(frozen=True, slots=True)
class _Tree:
    """What rewrite() writes."""

    head: tuple[tuple[bytes, bytes], ...]  # chunks before the first picture: type and content
    pictures: tuple[tuple[Frame, Survey], ...]
    indices: bytes  # a palette's new index for every old one
    cover: bytes = b""  # zlib stream of an empty default picture, where the first frame cannot be the default


def matches(head: bytes) -> bool:
    """Whether ``head`` starts a PNG file (5.2)."""
    return head[:8] == SIGNATURE


def parse(view: memoryview, limits: Limits) -> Container[Any]:
    """Say what every byte of a PNG file is; inflates every picture once.

    Raises:
        MalformedImage: a critical chunk, the animation or picture data is broken or cut short.
        UnsupportedFeature: an unknown critical chunk.
        LimitExceeded: too many pixels, frames, chunks, or rows with filters.
    """
    chunks = png_chunks.walk(view, limits)
    layout = png_chunks.header(bytes(chunks[0].data(view)))
    limits.check("max_pixels", layout.width * layout.height)
    animation = png_chunks.animation(view, chunks, layout, limits)
    found = _first_of_each(view, chunks)
    if layout.looked_into or b"tRNS" in found:
        limits.check("max_parts", sum(frame.layout.diagonals for frame in animation.frames) // DIAGONALS_PER_PART)
    content = {kind: bytes(chunk.data(view)) for kind, chunk in found.items()}
    surveys = [
        survey(png_chunks.joined(view, frame.chunks), frame.layout, f"png: picture {number}")
        for number, frame in enumerate(animation.frames)
    ]
    pictures = tuple(zip(animation.frames, surveys, strict=True))
    palette, indices = _palette(content, layout, pictures)
    if indices != SAME:
        surveys = [replace(row, fault=row.fault or "palette-twins") for row in surveys]
    colours, colour = colour_chunks(content, layout.colour)
    turn = orientation(content.get(b"eXIf", b""))
    head = [(b"IHDR", content[b"IHDR"]), *colours, *palette]
    if turn != 1:
        head.append((b"eXIf", orientation_only(turn)))
    if animation.plays is not None:
        head.append((b"acTL", struct.pack(">II", len(animation.frames), animation.plays)))
    cover = _cover(view, animation)
    pictures = tuple(zip(animation.frames, surveys, strict=True))  # as they leave
    tree = _Tree(tuple(head), pictures, indices, cover)
    parts = _merged(_parts(view, chunks, found, animation, tree))
    frames = len(animation.frames)
    return Container("png", layout.width, layout.height, tuple(parts), frames, turn, colour, tree=tree)


def rewrite(view: memoryview, container: Container[Any]) -> list[bytes | memoryview]:
    """The lossless clean file: one chunk per picture (several above 1 GiB), frames numbered from 0."""
    del view  # the surveys hold what is copied
    tree: _Tree = container.tree
    out: list[bytes | memoryview] = [SIGNATURE]
    for kind, data in tree.head:
        out += written(kind, data)
    if tree.cover:
        out += _data_chunks(tree.cover, 0, numbered=False)[0]
    sequence, first = 0, not tree.cover
    for frame, found in tree.pictures:
        if frame.control:
            out += written(b"fcTL", sequence.to_bytes(4, "big") + frame.control)
            sequence += 1
        stream = _clean_stream(frame, found, tree.indices)
        chunks, sequence = _data_chunks(stream, sequence, numbered=not first)
        out += chunks
        first = False
    out += written(b"IEND")
    return out


def top(view: memoryview, container: Container[Any], rows: int) -> bytes:
    """A file with the first rows of the picture, where they can be had without the rest; else the whole file.

    Args:
        view: a clean file.
        container: what parse() said about it.
        rows: px, how many are wanted.
    """
    tree: _Tree = container.tree
    (frame, found), *others = tree.pictures
    if others or frame.layout.interlaced or found.fault:
        return bytes(view)
    layout, stream = scanlines.top(found.stream, frame.layout, rows)
    header = dict(tree.head)[b"IHDR"]
    head = {**dict(tree.head), b"IHDR": header[:4] + layout.height.to_bytes(4, "big") + header[8:]}
    chunks = [*head.items(), (b"IDAT", stream), (b"IEND", b"")]
    return b"".join([SIGNATURE, *(piece for kind, data in chunks for piece in written(kind, data))])


def _clean_stream(frame: Frame, found: Survey, indices: bytes) -> bytes | memoryview:
    """A picture's zlib stream as it leaves."""
    return mend(found.stream, frame.layout, indices, "png: picture") if found.fault else found.stream


def _data_chunks(stream: bytes | memoryview, sequence: int, *, numbered: bool) -> tuple[list[bytes | memoryview], int]:
    """IDAT chunks, or fdAT chunks that are ``numbered`` from ``sequence`` on; and the next number."""
    out = list[bytes | memoryview]()
    for start in range(0, len(stream), png_chunks.MAX_CHUNK):
        piece = memoryview(stream)[start : start + png_chunks.MAX_CHUNK]
        if numbered:
            out += written(b"fdAT", sequence.to_bytes(4, "big"), piece)
            sequence += 1
        else:
            out += written(b"IDAT", piece)
    return out, sequence


def _first_of_each(view: memoryview, chunks: Sequence[Chunk]) -> dict[bytes, Chunk]:
    """The chunk that decoders follow, of every kind that may stay: the first intact one before the picture."""
    found = dict[bytes, Chunk]()
    before = True
    for chunk in chunks:
        before = before and chunk.kind != b"IDAT"
        if chunk.kind not in ROLES or not (before or chunk.kind == b"eXIf"):
            continue
        if chunk.kind == b"PLTE" and b"PLTE" in found:
            raise MalformedImage(f"png: a second PLTE at byte {chunk.offset}")
        if chunk.kind not in found and chunk.intact(view):
            found[chunk.kind] = chunk
    return found


def _palette(
    content: Mapping[bytes, bytes], layout: Layout, pictures: Sequence[tuple[Frame, Survey]]
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """PLTE and tRNS (11.2.2, 11.3.1.1) as they stay, and the new index for every old one.

    Entries out of use are blackened or cut off, entries of the same colour (all clear ones are) become one:
    a choice between twins could draw a second picture.
    """
    alphas = content.get(b"tRNS", b"")
    if layout.colour != 3:
        size = {0: 2, 2: 6}.get(layout.colour, 0)
        if not size or len(alphas) < size:
            return [], SAME
        alphas = alphas[:size]
        key = [value & (1 << layout.depth) - 1 for value in struct.unpack(f">{len(alphas) // 2}H", alphas)]
        if not any(holds(row.stream, frame.layout, key) for frame, row in pictures):
            return [], SAME  # a colour that no pixel has: free bytes
        return [(b"tRNS", struct.pack(f">{len(key)}H", *key))], SAME
    colours = content.get(b"PLTE", b"")
    used = [index for index in range(256) if any(row.used[index] for _, row in pictures)]
    if len(colours) % 3 or len(colours) <= 3 * max(used):
        raise MalformedImage(f"png: PLTE of {len(colours)} bytes for indices up to {max(used)}")
    first, indices = dict[bytes, int](), bytearray(SAME)
    alphas = alphas[:256].ljust(256, b"\xff")
    for index in used:
        entry = colours[3 * index : 3 * index + 3] + alphas[index : index + 1] if alphas[index] else bytes(4)
        indices[index] = first.setdefault(entry, index)
    entries = {index: entry for entry, index in first.items()}
    rows = [entries.get(index, b"\0\0\0\xff") for index in range(max(entries) + 1)]
    alphas = b"".join(row[3:] for row in rows).rstrip(b"\xff")
    chunks = [(b"PLTE", b"".join(row[:3] for row in rows)), (b"tRNS", alphas)]
    return [chunk for chunk in chunks if chunk[1]], bytes(indices)


def _cover(view: memoryview, animation: Animation) -> bytes:
    """An empty default picture, where it is no frame and the first frame is too small to be it; else nothing."""
    hidden = animation.hidden
    if hidden is None or animation.frames[0].layout == hidden.layout:
        return b""
    stream = png_chunks.joined(view, hidden.chunks)
    try:
        raw, last, end, fault = inflate(stream, hidden.layout.size, "png: default picture")
    except MalformedImage:  # it does not stay, so it may be broken
        return blank(hidden.layout)
    return blank(hidden.layout) if fault or (raw + last).strip(b"\0") else bytes(stream[:end])


def _parts(
    view: memoryview, chunks: Sequence[Chunk], found: Mapping[bytes, Chunk], animation: Animation, tree: _Tree
) -> Iterator[Part]:
    """Every byte of the file, in order."""
    head, frames = dict(tree.head), len(animation.frames)
    pictures = {part.offset: part for pair in tree.pictures for part in _picture_parts(*pair, animation.misnumbered)}
    if animation.hidden and png_chunks.joined(view, animation.hidden.chunks) == tree.cover:
        pictures |= {
            c.offset: Part("IDAT", Role.STRUCTURE, c.offset, c.end - c.offset) for c in animation.hidden.chunks
        }
    yield Part("signature", Role.STRUCTURE, 0, len(SIGNATURE))
    for chunk in chunks:
        name, length = chunk.kind.decode("ascii", "replace"), chunk.end - chunk.offset
        controls = animation.plays is not None and chunk.kind == b"fcTL" and frames > 0
        frames -= controls
        if chunk.offset in pictures:
            part = pictures[chunk.offset]
            yield part
            if part.end < chunk.end:
                yield Part(
                    f"{name}/surplus",
                    Role.GAP,
                    part.end,
                    chunk.end - part.end,
                    PayloadKind.UNKNOWN,
                    0,
                    chunk.end - 4 - part.end,
                )
        elif controls and chunk.length == 26 and chunk.offset not in animation.misnumbered:
            yield Part("fcTL", Role.ANIMATION, chunk.offset, length)
        elif chunk.kind == b"IEND" and not chunk.length:
            yield Part("IEND", Role.STRUCTURE, chunk.offset, length)
        elif found.get(chunk.kind) is chunk and head.get(chunk.kind) == bytes(chunk.data(view)):
            yield Part(name, ROLES[chunk.kind], chunk.offset, length)
        else:
            yield _dropped(chunk, chunk.data(view), name)
    if chunks[-1].end < len(view):
        yield Part("trailer", Role.TRAILER, chunks[-1].end, len(view) - chunks[-1].end, PayloadKind.UNKNOWN)


def _picture_parts(frame: Frame, found: Survey, misnumbered: frozenset[int]) -> Iterator[Part]:
    """The chunks of a picture, each up to where the zlib stream ends."""
    left = len(found.stream)
    for chunk in frame.chunks:
        fault = found.fault or ("sequence" if chunk.offset in misnumbered else "")
        name = chunk.kind.decode() + (f"/{fault}" if fault else "")
        held = chunk.length - chunk.skip
        length = chunk.end - chunk.offset if left >= held else 8 + chunk.skip + left
        if left > 0 or not held:
            role, payload = (Role.UNKNOWN, PayloadKind.UNKNOWN) if fault else (Role.PIXELS, None)
            yield Part(name, role, chunk.offset, length, payload, 8 + chunk.skip if fault else 0)
        else:
            yield Part(
                f"{chunk.kind.decode()}/surplus",
                Role.GAP,
                chunk.offset,
                chunk.end - chunk.offset,
                PayloadKind.UNKNOWN,
                8,
            )
        left = max(0, left - held)


def _dropped(chunk: Chunk, data: memoryview, name: str) -> Part:
    """A chunk that does not stay, or not as it is."""
    payload = PAYLOADS.get(chunk.kind, PayloadKind.UNKNOWN)
    role = (
        Role.AUXILIARY
        if payload == PayloadKind.PICTURE
        else Role.UNKNOWN
        if payload == PayloadKind.UNKNOWN
        else Role.METADATA
    )
    name = name if name.isascii() and name.isalnum() else "chunk"
    return Part(
        name,
        role,
        chunk.offset,
        chunk.end - chunk.offset,
        payload,
        8 + chunk.skip,
        chunk.length - chunk.skip,
    )


def _merged(parts: Iterable[Part]) -> Iterator[Part]:
    """Neighbours that hold one picture's data as one part: an encoder's chunk size says nothing."""
    last: Part | None = None
    for part in parts:
        if last and (last.label, last.role) == (part.label, part.role) and part.label[:4] in ("IDAT", "fdAT"):
            last = replace(last, length=last.length + part.length, body_length=None)
            continue
        if last:
            yield last
        last = part
    if last:
        yield last
