"""WebP (RFC 9649): simple, extended and animated files.

What stays: VP8X with the flags that hold, ICCP cleaned, ANIM, ANMF, ALPH, VP8 and VP8L, EXIF with one tag. Coded
pictures are walked up to their last code (``picture``): what no decoder reads goes. Colour under alpha 0 in VP8L, and
values of its codes that nothing uses, take an encoder: see ``rewrite``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.choices import with_choices
from rmexif.containers.common.common_exif import is_common_exif
from rmexif.containers.common.edge import area_beyond
from rmexif.containers.common.fourcc import name_of
from rmexif.containers.common.memory import common_length
from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.webp.chunks import HEADER, PICTURES, RiffChunk, read_chunks
from rmexif.containers.webp.picture import Shown, WebpPicture, read_picture, uses_alpha
from rmexif.cursor import Cursor
from rmexif.errors import REPAIR, MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Colour, Container, Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.webp.picture import CodedChunk
    from rmexif.types import Limits

__all__ = ["ALPHA", "ANIMATED", "EXIF", "ICC", "XMP", "WebpTree", "parse"]

ANIMATED, XMP, EXIF, ALPHA, ICC = 0x02, 0x04, 0x08, 0x10, 0x20  # flags of VP8X (2.7)
RESERVED = 0xFF & ~(ANIMATED | XMP | EXIF | ALPHA | ICC)
BACKGROUND = bytes(4)  # of ANIM, B, G, R, A; viewers draw on nothing, so do we
OPAQUE = 255
ONCE = b"\1\0"  # loops
LEVELS_REDUCED = 0x10  # ALPH: the encoder left out levels, which a decoder may smooth (2.7.1.2); nobody does
MACROBLOCK = 16  # px: what VP8 codes whole (RFC 6386, 9)
CONTROL = 16  # byte: the head of ANMF (2.7.1.1)
PAYLOADS = {
    b"EXIF": PayloadKind.EXIF,
    b"ICCP": PayloadKind.ICC,
    b"C2PA": PayloadKind.JUMBF,
    b"XMP ": PayloadKind.XMP,
    b"XMP\0": PayloadKind.XMP,
    **dict.fromkeys(PICTURES, PayloadKind.PICTURE),
}
ROLES = {PayloadKind.PICTURE: Role.AUXILIARY, PayloadKind.UNKNOWN: Role.UNKNOWN}  # of what goes; else metadata


@dataclass(frozen=True, slots=True)
class WebpTree:
    """What rewrite() serialises."""

    width: int  # px
    height: int  # px
    pictures: tuple[WebpPicture, ...]
    shows_alpha: bool  # the flag of VP8X in canonical form; a VP8L picture without VP8X: its hint
    profile: bytes = b""
    exif: bytes = b""
    animation: bytes = b""  # content of ANIM


def parse(view: memoryview, limits: Limits) -> Container[WebpTree]:
    """The structure of a WebP file, every byte of it.

    Raises:
        MalformedImage: no picture, one that does not fit its frame or canvas, or a picture chunk that is cut short.
        UnsupportedFeature: a version of a bitstream that is not defined.
        LimitExceeded: too many pixels, frames or chunks.
    """
    head = Cursor(view, "webp header", order="little")
    head.skip(4)
    size = 8 + head.u32()
    head.skip(4)
    end = min(len(view), size)
    chunks = read_chunks(view, HEADER, max(HEADER, end), limits)
    if not chunks:
        raise MalformedImage("no chunk", structure="webp", offset=HEADER)
    inner = dict[int, list[RiffChunk]]()
    if chunks[0].kind == b"VP8X":
        tree = _extended(view, chunks, inner, limits)
        if tree.animation and end < size:
            raise MalformedImage(f"an animation of {size} bytes is cut short; {REPAIR}", structure="webp", offset=end)
    else:
        picture = read_picture(view, chunks[:1], chunks[0].offset, Shown())
        limits.check("max_pixels", picture.width * picture.height)
        tree = WebpTree(picture.width, picture.height, (picture,), picture.has_alpha)
    limits.check("max_parts", len(chunks) + sum(map(len, inner.values())))
    residuals, tables = _residuals(tree), icc.residual_bytes([tree.profile])
    container = Container(
        "webp",
        tree.width,
        tree.height,
        _parts(view, end, chunks, inner, tree, limits),
        len(tree.pictures),
        orientation(tree.exif),
        Colour(icc=tree.profile or None),
        (*residuals, *tables),
        {code: count for code, count in residuals.items() if count is not None} | tables,
        tree=tree,
    )
    return with_choices(container, is_recoded=all(picture.is_lossless for picture in tree.pictures))


def _extended(
    view: memoryview, chunks: Sequence[RiffChunk], inner: dict[int, list[RiffChunk]], limits: Limits
) -> WebpTree:
    """A file with VP8X (2.7); ``inner`` takes the chunks in each ANMF that is shown, by its offset."""
    head = Cursor(view, "webp chunk VP8X", chunks[0].start, chunks[0].start + chunks[0].length, order="little")
    flags = head.u8()
    head.skip(3)
    width, height = 1 + head.uint(3), 1 + head.uint(3)
    limits.check("max_pixels", width * height)
    first = {chunk.kind: chunk.data(view) for chunk in reversed(chunks)}
    profile = icc.clean(bytes(first.get(b"ICCP", b""))) if flags & ICC else None  # nobody looks for one else
    rotation = orientation(bytes(first.get(b"EXIF", b"")))
    tree = WebpTree(
        width,
        height,
        (),
        bool(flags & ALPHA),
        profile if profile and profile[16:20] == b"RGB " else b"",
        orientation_only(rotation) if rotation != 1 else b"",
    )
    if flags & ANIMATED:
        return _animated(view, chunks, tree, inner, limits)
    picture = read_picture(view, chunks, chunks[0].offset, Shown(tree.shows_alpha))
    if (picture.width, picture.height) != (width, height):
        problem = f"{picture.width} x {picture.height} px on a canvas of {width} x {height} px"
        raise MalformedImage(problem, structure="webp", offset=picture.coded.at.offset)
    return replace(tree, pictures=(picture,), shows_alpha=tree.shows_alpha and uses_alpha((picture,), width, height))


def _animated(
    view: memoryview, chunks: Sequence[RiffChunk], tree: WebpTree, inner: dict[int, list[RiffChunk]], limits: Limits
) -> WebpTree:
    """The frames (2.7.1.1) behind ANIM; fills ``inner``."""
    head = next((chunk for chunk in chunks if chunk.kind == b"ANIM"), None)
    if head is None or head.length < 6:
        offset = head.offset if head else chunks[0].offset
        raise MalformedImage("an animation without six bytes of ANIM", structure="webp", offset=offset)
    frames = [chunk for chunk in chunks if chunk.kind == b"ANMF" and chunk.offset > head.offset]
    if not frames:
        raise MalformedImage("an animation without frames behind ANIM", structure="webp", offset=head.offset)
    limits.check("max_frames", len(frames))
    pictures, pixels = list[WebpPicture](), 0
    for frame in frames:
        shown = Shown(tree.shows_alpha, is_animated=True, earlier_pixels=pixels)
        picture, inner[frame.offset] = _frame(view, frame, tree, shown, limits)
        pixels += picture.width * picture.height
        limits.check("max_total_pixels", pixels)
        if len(frames) == 1:  # nothing follows: nobody waits
            picture = replace(picture, control=picture.control[:12] + bytes(3) + picture.control[15:])
        pictures.append(picture)
    loops = bytes(head.data(view)[4:6]) if len(frames) > 1 else bytes(2)
    shows_alpha = tree.shows_alpha and uses_alpha(pictures, tree.width, tree.height)
    return replace(tree, pictures=tuple(pictures), shows_alpha=shows_alpha, animation=BACKGROUND + loops)


def _frame(
    view: memoryview, frame: RiffChunk, tree: WebpTree, shown: Shown, limits: Limits
) -> tuple[WebpPicture, list[RiffChunk]]:
    """The picture of an ANMF, and the chunks in it."""
    control = bytes(Cursor(view, "webp chunk ANMF", frame.start, frame.start + frame.length).take(CONTROL))
    chunks = read_chunks(view, frame.start + CONTROL, frame.start + frame.length, limits)
    picture = read_picture(view, chunks, frame.offset, shown)
    x, y, width, height = (int.from_bytes(control[at : at + 3], "little") for at in (0, 3, 6, 9))
    if (picture.width, picture.height) != (width + 1, height + 1):
        problem = f"{picture.width} x {picture.height} px in a frame of {width + 1} x {height + 1} px"
        raise MalformedImage(problem, structure="webp chunk ANMF", offset=frame.offset)
    if 2 * x + width + 1 > tree.width or 2 * y + height + 1 > tree.height:
        problem = f"the frame does not lie on the canvas of {tree.width} x {tree.height} px"
        raise MalformedImage(problem, structure="webp chunk ANMF", offset=frame.offset)
    return replace(picture, control=control[:15] + bytes([control[15] & 3])), chunks


def _residuals(tree: WebpTree) -> dict[Residual, int | None]:
    """What stays in the coded pictures, and where it is known how many bytes of a hostile writer that is."""
    codes = dict[Residual, int | None]()
    if unused := sum(picture.unused_symbols for picture in tree.pictures):
        codes[Residual.WEBP_UNUSED_CODES] = 2 * unused  # which of up to 2,328 symbols, and one of 15 code lengths
    if probabilities := sum(picture.probabilities for picture in tree.pictures):
        codes[Residual.WEBP_TOKEN_PROBABILITIES] = probabilities
    lossy = (picture for picture in tree.pictures if not picture.is_lossless)
    if edge := sum(area_beyond(picture.width, picture.height, MACROBLOCK) for picture in lossy):
        codes[Residual.CODED_EDGE] = -(-edge * 3 // 2)  # 4:2:0
    for picture in tree.pictures:
        if not picture.is_walked:
            codes[Residual.WEBP_ENTROPY_SLACK] = None
        if picture.is_lossless:
            codes[Residual.WEBP_CODE_CHOICE] = None
            if (picture.flaw and picture.flaw.name == "colour under alpha") or _may_hide_colour(picture, tree):
                codes[Residual.COLOUR_UNDER_ALPHA] = None
        elif picture.alpha:
            head, *plane = map(bytes, picture.alpha.content)
            if head != b"\0" or b"\0" in b"".join(plane):
                codes[Residual.LOSSY_COLOUR_UNDER_ALPHA] = None
    return dict(sorted(codes.items()))


def _may_hide_colour(picture: WebpPicture, tree: WebpTree) -> bool:
    """A lossless picture with alpha that is not walked, or that VP8X denies and frames are blended by all the same."""
    return picture.is_translucent and (not picture.is_walked or bool(tree.animation and not tree.shows_alpha))


def _parts(
    view: memoryview,
    end: int,
    chunks: Sequence[RiffChunk],
    inner: dict[int, list[RiffChunk]],
    tree: WebpTree,
    limits: Limits,
) -> tuple[Part, ...]:
    """Every byte of the file, in order."""
    parts = PartBuilder(len(view), limits)
    is_complete = 8 + int.from_bytes(view[4:8], "little") <= len(view)
    parts.add("RIFF", Role.ENCODING if is_complete else Role.UNKNOWN, 0, HEADER)
    kept = {coded.at.offset: coded for p in tree.pictures for coded in (p.coded, p.alpha) if coded}
    ordinary = frozenset(picture.coded.at.offset for picture in tree.pictures if picture.is_ordinary)
    clean = {b"ICCP": tree.profile, b"EXIF": tree.exif, b"ANIM": tree.animation}
    exif = next((chunk for chunk in chunks if chunk.kind == b"EXIF"), None)
    has_common_exif = exif is not None and is_common_exif(exif.data(view), (tree.width, tree.height))
    for chunk in chunks:
        if chunk.offset in inner:
            _claim_frame(parts, view, chunk, inner[chunk.offset], kept, ordinary)
        elif chunk.offset in kept:
            _claim_picture(parts, view, kept[chunk.offset], "", is_ordinary=chunk.offset in ordinary)
        elif chunk is chunks[0]:
            data = chunk.data(view)
            is_plain = chunk.length == 10 and not data[0] & RESERVED and not any(data[1:4])
            parts.add("VP8X", Role.ENCODING if is_plain else Role.UNKNOWN, chunk.offset, chunk.end)
        elif chunk is exif and has_common_exif and not any(view[chunk.start + chunk.length : chunk.end]):
            parts.add("EXIF", Role.ENCODING, chunk.offset, chunk.end)
        else:
            content = clean.pop(chunk.kind, None)
            is_still = len(tree.pictures) == 1
            _claim_other(parts, view, chunk, content or b"", "", is_first=content is not None, is_still=is_still)
    parts.add("RIFF/surplus", Role.GAP, chunks[-1].end, end, PayloadKind.UNKNOWN)
    return parts.tile()


def _claim_frame(
    parts: PartBuilder,
    view: memoryview,
    frame: RiffChunk,
    inner: Sequence[RiffChunk],
    kept: dict[int, CodedChunk],
    ordinary: frozenset[int],
) -> None:
    """A frame: its head, its chunks, and what lies behind them."""
    role = Role.UNKNOWN if frame.data(view)[CONTROL - 1] & ~3 else Role.ANIMATION
    parts.add("ANMF", Role.ENCODING, frame.offset, frame.start)  # the size follows from what is in it
    parts.add("ANMF", role, frame.start, frame.start + CONTROL)
    for chunk in inner:
        if chunk.offset in kept:
            _claim_picture(parts, view, kept[chunk.offset], "ANMF/", is_ordinary=chunk.offset in ordinary)
        else:
            _claim_other(parts, view, chunk, b"", "ANMF/")
    parts.add("ANMF/surplus", Role.GAP, inner[-1].end, frame.end, PayloadKind.UNKNOWN)


def _claim_picture(parts: PartBuilder, view: memoryview, coded: CodedChunk, path: str, *, is_ordinary: bool) -> None:
    """A coded picture; apart from it a head with fields that are cleared, and bytes that no decoder reads."""
    chunk, data, clean = coded.at, bytes(coded.at.data(view)), b"".join(coded.content)
    name, start = path + chunk.kind.decode().strip(), chunk.offset
    before, after = coded.heads
    if is_ordinary and data != clean and not any(view[chunk.start + chunk.length : chunk.end]):
        parts.add(name, Role.ENCODING, start, chunk.end)
        return
    if data[:before] != clean[:after]:
        is_reduced = chunk.kind == b"ALPH" and not path and bytes([data[0] & ~LEVELS_REDUCED]) == clean[:after]
        role = Role.ENCODING if is_reduced else Role.UNKNOWN
        parts.add(f"{name}/head", role, start, chunk.start + before, PayloadKind.UNKNOWN, 8)
        start = chunk.start + before
    alike = common_length(data[before:], clean[after:])
    stop = chunk.start + before + alike
    is_padded = stop == chunk.end - 1 == chunk.start + chunk.length and not view[stop]
    parts.add(name, Role.PIXELS, start, stop + is_padded)
    parts.add(f"{name}/surplus", Role.GAP, stop + is_padded, chunk.end, PayloadKind.UNKNOWN)


def _claim_other(
    parts: PartBuilder,
    view: memoryview,
    chunk: RiffChunk,
    clean: bytes,
    path: str,
    *,
    is_first: bool = False,
    is_still: bool = False,
) -> None:
    """A chunk that is no picture; it is clean where it has the bytes that rewrite() would write.

    Args:
        parts: takes the claim.
        view: the file.
        chunk: in it.
        clean: what rewrite() would write as its content.
        path: of what holds it.
        is_first: whether it is the one of its kind that viewers look for.
        is_still: whether there is one picture, which is shown once whatever ANIM says.
    """
    data = chunk.data(view)
    stays = bool(clean) and data == clean and not any(view[chunk.start + chunk.length : chunk.end])
    if chunk.kind == b"ANIM" and clean:
        is_plain = data[:4] == BACKGROUND or data[3] == OPAQUE  # gif2webp takes that of the GIF
        is_common = is_plain and (data[4:] == clean[4:] or (is_still and data[4:] == ONCE))
        if not stays and is_common:
            parts.add("ANIM", Role.ENCODING, chunk.offset, chunk.end)
            return
    if stays:
        role = {b"ICCP": Role.COLOUR, b"EXIF": Role.ORIENTATION}.get(chunk.kind, Role.ANIMATION)
        parts.add(chunk.kind.decode(), role, chunk.offset, chunk.end)
        return
    name = name_of(chunk.kind)
    payload = PAYLOADS.get(chunk.kind, PayloadKind.UNKNOWN)
    role = ROLES.get(payload, Role.METADATA)
    if is_first and payload is PayloadKind.ICC and icc.is_published(data):
        role = Role.ENCODING
    parts.add(path + name, role, chunk.offset, chunk.end, payload, 8, body_length=chunk.length)
