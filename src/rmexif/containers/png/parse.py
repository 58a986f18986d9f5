"""PNG and APNG (W3C PNG third edition): chunks on an allow-list.

What stays: IHDR, PLTE and tRNS cut to the entries in use, the colour chunks that win (see ``colour``), eXIf with one
tag, the shape of a pixel, acTL, fcTL, the image data, IEND. bKGD, sBIT and all else go: a viewer draws the same picture
without.
Image data is passed through up to the end of its zlib stream, behind a canonical header. It is coded again, with its
own filters and matches, only where it holds what no viewer shows: rows beyond the picture, colour under alpha 0,
padding bits, twin palette entries, deflate blocks that no encoder writes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.aspect import SQUARE, aspect
from rmexif.containers.common.choices import with_choices
from rmexif.containers.common.fourcc import name_of
from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.containers.common.palette import SAME
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.common.zlib_stream import HEADER
from rmexif.containers.png.animation import PngAnimation, PngFrame, read_animation
from rmexif.containers.png.chunks import PngChunk, join_data, read_chunks
from rmexif.containers.png.colour import KINDS, colour_chunks
from rmexif.containers.png.common_chunks import is_common, is_common_palette, number_bytes
from rmexif.containers.png.palette import PngChunks, clean_colour_key, clean_palette
from rmexif.containers.png.scanlines import (
    Fault,
    ImageData,
    blank,
    check_cost,
    cleaned,
    is_recompressed,
    read_header,
    survey,
)
from rmexif.containers.png.signature import SIGNATURE
from rmexif.errors import MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Container, Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rmexif.native.png import Layout
    from rmexif.types import Limits

__all__ = ["PngTree", "parse", "parse_again"]

PHYS = 9  # byte of pHYs (11.3.4.3)
ROLES = {
    **dict.fromkeys(KINDS, Role.COLOUR),
    b"IHDR": Role.STRUCTURE,
    b"PLTE": Role.PIXELS,
    b"tRNS": Role.PIXELS,
    b"eXIf": Role.ORIENTATION,
    b"pHYs": Role.STRUCTURE,
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
CRC = 4  # byte (5.3)
DELAY_UNIT = slice(22, 24)  # byte of fcTL: delay_den (11.3.6.2)
PICTURES = frozenset({b"gdAT", b"IDAT", b"fdAT", b"fcTL"})  # of another picture, where they are not of this one


@dataclass(frozen=True, slots=True)
class PngTree:
    """What rewrite() serialises."""

    head: tuple[tuple[bytes, bytes], ...]  # chunks before the first picture: type and content
    pictures: tuple[tuple[PngFrame, ImageData], ...]
    cover: bytes = b""  # zlib stream of an empty default picture, where the first frame cannot be the default


def parse(view: memoryview, limits: Limits) -> Container[PngTree]:
    """The structure of a PNG file, every byte of it; inflates every picture once.

    Raises:
        MalformedImage: a critical chunk, the animation or image data is broken or cut short.
        UnsupportedFeature: an unknown critical chunk.
        LimitExceeded: too many pixels, frames, chunks, or rows with filters.
    """
    return _parse(view, limits, ())


def parse_again(view: memoryview, limits: Limits, earlier: Container[PngTree]) -> Container[PngTree]:
    """``parse`` of what a rewrite of ``earlier`` gave: image data that is the same is not inflated again."""
    return _parse(view, limits, earlier.tree.pictures)


def _parse(view: memoryview, limits: Limits, known: Sequence[tuple[PngFrame, ImageData]]) -> Container[PngTree]:
    chunks = read_chunks(view, limits)
    layout = read_header(bytes(chunks[0].data(view)), chunks[0].offset)
    limits.check("max_pixels", layout.width * layout.height)
    animation = read_animation(view, chunks, layout, limits)
    check_cost([frame.layout for frame in animation.frames], limits)
    found = _first_of_each(view, chunks)
    content = {kind: bytes(chunk.data(view)) for kind, chunk in found.items()}
    key = clean_colour_key(content.get(b"tRNS", b""), layout.colour, layout.depth)
    pictures, palette = _cleaned(_surveyed(view, animation.frames, key, layout, known), content, found)
    if key and any(image.keyed for _, image in pictures):  # one that no pixel has: free bytes
        palette = [(b"tRNS", struct.pack(f">{len(key)}H", *key))]
    colours, colour = colour_chunks(content, layout.colour)
    rotation = orientation(content.get(b"eXIf", b""))
    head = [(b"IHDR", content[b"IHDR"]), *colours, *palette]
    if rotation != 1:
        head.append((b"eXIf", orientation_only(rotation)))
    shape = _shape(content.get(b"pHYs", b""))
    head += [(b"pHYs", struct.pack(">IIB", *shape, 0))] if shape != SQUARE else []
    if animation.plays is not None:
        head.append((b"acTL", struct.pack(">II", len(animation.frames), animation.plays)))
    tree = PngTree(tuple(head), tuple(pictures), _cover(animation))
    parts = _parts(view, chunks, found, animation, tree, limits)
    sizes = icc.residual_bytes([colour.icc]) | _filter_choices(pictures)
    residuals = (*sizes, Residual.PNG_CODE_CHOICE) if _has_code_choices(pictures) else tuple(sizes)
    container = Container(
        "png",
        layout.width,
        layout.height,
        parts,
        frames=len(animation.frames),
        orientation=rotation,
        colour=colour,
        residuals=residuals,
        residual_bytes=sizes,
        samples=_channels(layout, b"tRNS" in content, len(animation.frames)) * layout.width * layout.height,
        pixel_shape=shape,
        sample_bytes=2 if layout.depth > 8 else 1,
        tree=tree,
    )
    return with_choices(container, palettes=[_entries(palette)], numbers=number_bytes(tree.head))


def _channels(layout: Layout, has_key: bool, frames: int) -> int:
    """Of the decoded picture, at most: a palette has colours, an animation is composed on a transparent canvas."""
    colours = 3 if layout.colour in (2, 3, 6) else 1
    return colours + (layout.colour in (4, 6) or has_key or frames > 1)


def _entries(palette: PngChunks) -> list[bytes]:
    """Colour and alpha of each entry of PLTE and tRNS; opaque ones as three bytes."""
    colours, alphas = (dict(palette).get(kind, b"") for kind in (b"PLTE", b"tRNS"))
    return [colours[3 * at : 3 * at + 3] + alphas[at : at + 1].strip(b"\xff") for at in range(len(colours) // 3)]


def _shape(density: bytes) -> tuple[int, int]:
    """The shape of a pixel, which is all that is left of a pHYs (11.3.4.3)."""
    return aspect(*struct.unpack_from(">II", density)) if len(density) == PHYS else SQUARE


def _surveyed(
    view: memoryview,
    frames: Sequence[PngFrame],
    key: tuple[int, ...],
    layout: Layout,
    known: Sequence[tuple[PngFrame, ImageData]],
) -> list[tuple[PngFrame, memoryview, ImageData]]:
    """Every frame with its zlib stream and what that turned out to be."""
    samples = b"".join(value.to_bytes(max(1, layout.depth // 8), "big") for value in key) or None
    pictures = []
    for number, frame in enumerate(frames):
        old, earlier = known[number] if number < len(known) else (None, None)
        earlier = earlier if old and old.layout == frame.layout else None
        data = join_data(view, frame.chunks)
        pictures.append((frame, data, survey(data, frame.layout, frame.chunks[0].offset, samples, earlier)))
    return pictures


def _cleaned(
    surveyed: Sequence[tuple[PngFrame, memoryview, ImageData]],
    content: Mapping[bytes, bytes],
    found: Mapping[bytes, PngChunk],
) -> tuple[list[tuple[PngFrame, ImageData]], PngChunks]:
    """Every frame with its clean image data, and PLTE and tRNS of a palette as they stay."""
    palette, indices = PngChunks(), SAME
    if surveyed[0][0].layout.colour == 3:
        used = frozenset[int]().union(*(image.used for _, _, image in surveyed))
        offset = found[b"PLTE"].offset if b"PLTE" in found else surveyed[0][0].chunks[0].offset
        palette, indices = clean_palette(content.get(b"PLTE", b""), content.get(b"tRNS", b""), used, offset)
    pictures = [
        (frame, cleaned(image, data, frame.layout, indices, frame.chunks[0].offset)) for frame, data, image in surveyed
    ]
    return pictures, palette


def _filter_choices(pictures: Sequence[tuple[PngFrame, ImageData]]) -> dict[Residual, int]:
    """What the filters of all rows can say, in bytes: each is one of five."""
    rows = sum(frame.layout.rows for frame, _ in pictures)
    return {Residual.PNG_FILTER_CHOICE: ceil(rows * log2(5) / 8)}


def _has_code_choices(pictures: Sequence[tuple[PngFrame, ImageData]]) -> bool:
    """Whether a stream has the matches and blocks of its encoder, and not those of zlib."""
    return not all(is_recompressed(image.clean, frame.layout) for frame, image in pictures)


def _first_of_each(view: memoryview, chunks: Sequence[PngChunk]) -> dict[bytes, PngChunk]:
    """The chunk that decoders follow, of every kind that may stay: the first intact one before the picture."""
    found = dict[bytes, PngChunk]()
    is_before = True
    for chunk in chunks:
        is_before = is_before and chunk.kind != b"IDAT"
        if chunk.kind not in ROLES or not is_before:
            continue
        if chunk.kind == b"PLTE" and b"PLTE" in found:
            raise MalformedImage("a second palette", structure="png chunk PLTE", offset=chunk.offset)
        if chunk.kind not in found and chunk.crc_matches(view):
            found[chunk.kind] = chunk
    return found


def _cover(animation: PngAnimation) -> bytes:
    """An empty default picture, where it is no frame and the first frame is too small to be it; else nothing."""
    hidden = animation.hidden
    return b"" if hidden is None or animation.frames[0].layout == hidden.layout else blank(hidden.layout)


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
    _claim_signature(parts, chunks[0].offset)
    image_data = set[int]()
    is_even = _is_even([frame for frame, _ in tree.pictures])
    level = Role.ENCODING if _has_one_level(view, tree.pictures) else Role.UNKNOWN
    for frame, image in _with_one_fill(tree.pictures):
        _claim_picture(parts, frame, image, animation.misnumbered, level, is_even=is_even)
        image_data.update(chunk.offset for chunk in frame.chunks)
    if animation.hidden and join_data(view, animation.hidden.chunks) == tree.cover:
        for chunk in animation.hidden.chunks:
            parts.add("IDAT", Role.STRUCTURE, chunk.offset, chunk.end)
            image_data.add(chunk.offset)
    frames = len(animation.frames) if animation.plays is not None else 0
    head, layout = dict(tree.head), read_header(dict(tree.head)[b"IHDR"], chunks[0].offset)
    common = _common_palette(view, found, tree) | _common_chunks(view, chunks, found, layout)
    seen, control = set[bytes](), _control_role(view, chunks)
    for chunk in chunks:
        is_control = chunk.kind == b"fcTL" and frames > 0
        frames -= is_control
        if chunk.offset in image_data:
            continue
        if is_control and chunk.length == 26 and chunk.offset not in animation.misnumbered:
            parts.add("fcTL", control, chunk.offset, chunk.end)
        elif chunk.kind == b"IEND" and not chunk.length:
            if chunk.is_missing:
                return _marked(parts.tile())
            label, role = ("IEND", Role.STRUCTURE) if chunk.crc_matches(view) else ("IEND/checksum", Role.UNKNOWN)
            parts.add(label, role, chunk.offset, chunk.end)
        elif found.get(chunk.kind) is chunk and head.get(chunk.kind) == bytes(chunk.data(view)):
            parts.add(chunk.kind.decode(), ROLES[chunk.kind], chunk.offset, chunk.end)
        elif (
            chunk.offset in common and chunk.kind not in seen and (chunk.kind != b"eXIf" or found.get(b"eXIf") is chunk)
        ):
            seen.add(chunk.kind)
            parts.add(chunk.kind.decode(), Role.ENCODING, chunk.offset, chunk.end)
        else:
            _claim_dropped(parts, chunk)
    return parts.tile()


def _control_role(view: memoryview, chunks: Sequence[PngChunk]) -> Role:
    """That of all fcTL: an encoder counts all delays in the same unit, which others shorten one by one."""
    units = {bytes(chunk.data(view)[DELAY_UNIT]) for chunk in chunks if chunk.kind == b"fcTL"}
    return Role.ENCODING if len(units) == 1 else Role.ANIMATION


def _with_one_fill(pictures: Sequence[tuple[PngFrame, ImageData]]) -> Sequence[tuple[PngFrame, ImageData]]:
    """The pictures, without the colour of invisible pixels where it is not the same in all of them."""
    fills = {image.fill for _, image in pictures if image.fault is Fault.COLOUR_UNDER_ALPHA}
    return pictures if len(fills) <= 1 else [(frame, replace(image, fill=b"")) for frame, image in pictures]


def _claim_signature(parts: PartBuilder, end: int) -> None:
    """The signature, and what stands before it."""
    start = end - len(SIGNATURE)
    parts.add("before the signature", Role.GAP, 0, start)
    parts.add("signature", Role.STRUCTURE, start, end)


def _common_palette(view: memoryview, found: Mapping[bytes, PngChunk], tree: PngTree) -> set[int]:
    """Offsets of PLTE and tRNS, where they hold no more than colours in use."""
    chunks = [found[kind] for kind in (b"PLTE", b"tRNS") if kind in found]
    used = frozenset[int]().union(*(image.used for _, image in tree.pictures))
    if b"PLTE" not in found or not used:
        return set()
    content = {chunk.kind: bytes(chunk.data(view)) for chunk in chunks}
    is_ordinary = is_common_palette(content[b"PLTE"], content.get(b"tRNS", b""), used)
    return {chunk.offset for chunk in chunks} if is_ordinary else set()


def _common_chunks(
    view: memoryview, chunks: Sequence[PngChunk], found: Mapping[bytes, PngChunk], layout: Layout
) -> set[int]:
    """Offsets of chunks in which common encoders write nothing of their own."""
    return {
        chunk.offset
        for chunk in chunks
        if is_common(chunk.kind, bytes(chunk.data(view)), layout)
        and chunk.crc_matches(view)
        and (chunk.kind != b"eXIf" or found.get(b"eXIf") is chunk)  # behind the picture nobody turns it
    }


def _marked(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts of a file without an IEND: the last CRC before it is where one is missed."""
    last = max(number for number, part in enumerate(parts) if part.role is not Role.TRAILER)
    part = parts[last]
    mark = Part("IEND/missing end", Role.UNKNOWN, part.end - CRC, CRC)
    kept = [replace(part, length=part.length - CRC)] if part.length > CRC else []
    return (*parts[:last], *kept, mark, *parts[last + 1 :])


def _is_even(frames: Sequence[PngFrame]) -> bool:
    """Whether all chunks but the last of each frame are of one size, as of a buffer: others could spell.

    A single frame may end in two of others: what was left in a buffer, and what its encoder flushed (Chromium).
    """
    rest = -1 if len(frames) > 1 else -2
    return any(
        len({chunk.length - chunk.skip for frame in frames for chunk in frame.chunks[:at]}) <= 1 for at in (-1, rest)
    )


def _has_one_level(view: memoryview, pictures: Sequence[tuple[PngFrame, ImageData]]) -> bool:
    """Whether all frames ask for the level of one encoder in the first bytes of their streams."""
    chunks = [frame.chunks[0] for frame, _ in pictures]
    return len({bytes(chunk.data(view)[chunk.skip :][: len(HEADER)]) for chunk in chunks}) <= 1


def _claim_picture(
    parts: PartBuilder, frame: PngFrame, image: ImageData, misnumbered: frozenset[int], level: Role, *, is_even: bool
) -> None:
    """The chunks of a picture, each up to where the zlib stream ends; a header that asks for a level has its role."""
    remaining = image.consumed
    for chunk in frame.chunks:
        name, fault = chunk.kind.decode(), image.fault or (Fault.SEQUENCE if chunk.offset in misnumbered else None)
        held, start, body = chunk.length - chunk.skip, chunk.offset, chunk.offset + 8 + chunk.skip
        end = chunk.end
        if remaining < held:  # the stream ends in this chunk, or has ended before it
            end = body + remaining if remaining else chunk.offset
        label, role, frame_role = name, Role.PIXELS, Role.ENCODING if is_even else Role.UNKNOWN
        if fault:
            says_nothing = {Fault.COLOUR_UNDER_ALPHA: bool(image.fill), Fault.DEFLATE_BLOCKS: image.optimised}
            role = Role.ENCODING if is_even and says_nothing.get(fault) else Role.UNKNOWN
            label, frame_role = (f"{name}/{fault}", role)
        header = min(held, max(0, len(HEADER) - (image.consumed - remaining)))
        stop = max(body, min(end, chunk.end - CRC))
        if end > start:
            parts.add(label, frame_role, start, body)
            parts.add(label, role if fault or image.header else level, body, body + header)
            parts.add(label, role, body + header, stop)
            parts.add(label, frame_role, stop, end)
        skip = 0 if end > chunk.offset else 8
        length = chunk.end - 4 - end - skip
        parts.add(f"{name}/surplus", Role.GAP, end, chunk.end, PayloadKind.UNKNOWN, skip, body_length=length)
        remaining = max(0, remaining - held)


def _claim_dropped(parts: PartBuilder, chunk: PngChunk) -> None:
    """A chunk that does not stay, or not as it is."""
    name = name_of(chunk.kind)
    if chunk.kind in PICTURES:
        parts.add(name, Role.AUXILIARY, chunk.offset, chunk.end)
        return
    payload = PAYLOADS.get(chunk.kind, PayloadKind.UNKNOWN)
    role = Role.UNKNOWN if payload == PayloadKind.UNKNOWN else Role.METADATA
    parts.add(name, role, chunk.offset, chunk.end, payload, 8, body_length=chunk.length)
