"""WebP (RFC 9649): simple, extended and animated files, written afresh.

What stays: VP8X with the flags that hold, ICCP cleaned, ANIM, ANMF, ALPH, VP8 and VP8L, EXIF with one tag. Coded
pictures are copied; only fields that no decoder reads are cleared in them. What they hold beyond that (colour under
alpha 0, bytes after the last that a decoder reads) takes a codec: pictures() hands them out, rewrite() takes their
new form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rmexif import icc
from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.containers.webp.pictures import alpha_head, picture_head, with_alpha_hint
from rmexif.errors import EncodeError, MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Colour, Container, Limits, Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["is_lossless", "matches", "parse", "pictures", "rewrite"]

ANIMATED, XMP, EXIF, ALPHA, ICC = 0x02, 0x04, 0x08, 0x10, 0x20  # flags of VP8X (2.7)
RESERVED = 0xFF & ~(ANIMATED | XMP | EXIF | ALPHA | ICC)
BACKGROUNDS = (b"\0\0\0\0", b"\xff\xff\xff\xff")  # what encoders write into ANIM; viewers draw on nothing, so do we
PAYLOADS = {
    b"EXIF": PayloadKind.EXIF,
    b"ICCP": PayloadKind.ICC,
    b"C2PA": PayloadKind.JUMBF,
    b"XMP ": PayloadKind.XMP,
    b"XMP\0": PayloadKind.XMP,
}
CODED = (b"VP8 ", b"VP8L")
PICTURES = frozenset({*CODED, b"ALPH", b"ANMF"})
CONTROL = 16  # byte: what ANMF says before its chunks

Piece = bytes | memoryview


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Where a chunk lies."""

    kind: bytes
    offset: int  # byte: of its FourCC
    length: int  # byte: of its content
    end: int  # byte: after its padding

    def data(self, view: memoryview) -> memoryview:
        """The content."""
        return view[self.offset + 8 : self.offset + 8 + self.length]


@dataclass(frozen=True, slots=True)
class _Picture:
    """A still picture or a frame: heads that are written afresh, and chunks that are copied behind them."""

    coded: _Chunk
    width: int  # px
    height: int  # px
    head: bytes
    sees_through: bool  # VP8L says that it uses alpha
    alpha: _Chunk | None = None
    alpha_head: bytes = b""
    alpha_length: int = 0  # byte
    control: bytes = b""  # of ANMF
    fresh: tuple[tuple[bytes, bytes], ...] = ()  # chunks to be written in place of those in the file

    @property
    def is_lossless(self) -> bool:
        """Whether it is VP8L."""
        return self.coded.kind == b"VP8L"


@dataclass(frozen=True, slots=True)
class _Tree:
    """What rewrite() writes."""

    width: int  # px
    height: int  # px
    pictures: tuple[_Picture, ...]
    shows_alpha: bool  # what VP8X says; one VP8L picture: what that says, as decoders have it
    profile: bytes = b""
    exif: bytes = b""
    animation: bytes = b""  # content of ANIM


def matches(head: bytes) -> bool:
    """Whether ``head`` starts a WebP file (2.4)."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def parse(view: memoryview, limits: Limits) -> Container[Any]:
    """Say what every byte of a WebP file is.

    Raises:
        MalformedImage: no picture, one that does not fit its frame or canvas, or a picture chunk that is cut short.
        UnsupportedFeature: a version of a bitstream that is not defined.
        LimitExceeded: too many pixels, frames or chunks.
    """
    if len(view) < 12:
        raise MalformedImage(f"webp: {len(view)} bytes")
    end = min(len(view), 8 + int.from_bytes(view[4:8], "little"))
    chunks = _walk(view, 12, end, "webp", limits)
    if not chunks:
        raise MalformedImage("webp: no chunk")
    if chunks[0].kind == b"VP8X":
        tree, inner = _extended(view, chunks, limits)
        if tree.animation and end < 8 + int.from_bytes(view[4:8], "little"):
            raise MalformedImage(f"webp: an animation that is cut short at byte {end}")
    else:
        picture = _picture(view, chunks[:1], "webp")
        limits.check("max_pixels", picture.width * picture.height)
        tree, inner = _Tree(picture.width, picture.height, (picture,), picture.sees_through), {}
    limits.check("max_parts", len(chunks) + sum(map(len, inner.values())))
    return Container(
        "webp",
        tree.width,
        tree.height,
        tuple(_parts(view, end, chunks, inner, tree)),
        len(tree.pictures),
        orientation(tree.exif),
        Colour(icc=tree.profile or None),
        (*_residuals(view, tree), *icc.residuals([tree.profile])),
        tree=tree,
    )


def pictures(view: memoryview, container: Container[Any]) -> tuple[bytes, ...]:
    """Every coded picture as a file of its own: for a codec, which sees more than the container does."""
    tree: _Tree = container.tree
    files = list[bytes]()
    for picture in tree.pictures:
        head = with_alpha_hint(picture.head, tree.shows_alpha) if picture.is_lossless else picture.head
        alone = replace(picture, control=b"", head=head, sees_through=tree.shows_alpha)
        files.append(b"".join(_file(view, _Tree(picture.width, picture.height, (alone,), tree.shows_alpha))))
    return tuple(files)


def is_lossless(file: memoryview) -> bool:
    """Whether a file that pictures() gave is VP8L."""
    tree: _Tree = parse(file, Limits()).tree
    return tree.pictures[0].is_lossless


def rewrite(view: memoryview, container: Container[Any], fresh: Sequence[bytes] = ()) -> list[Piece]:
    """The lossless clean file, in pieces.

    Args:
        view: the file.
        container: what parse() said about it.
        fresh: the files that pictures() gave, with VP8L coded again without loss, or with ALPH and VP8 cut where a
            decoder stops to read; none: everything is copied.

    Raises:
        EncodeError: a picture in ``fresh`` is missing, of another size, or not made of the same bytes.
    """
    tree: _Tree = container.tree
    if not fresh:
        return _file(view, tree)
    if len(fresh) != len(tree.pictures):
        raise EncodeError(f"webp: {len(fresh)} pictures for {len(tree.pictures)}")
    renewed = tuple(_renewed(view, old, memoryview(new)) for old, new in zip(tree.pictures, fresh, strict=True))
    shows = tree.shows_alpha and any(picture.alpha or picture.sees_through for picture in renewed)
    return _file(view, replace(tree, pictures=renewed, shows_alpha=shows))


def _renewed(view: memoryview, old: _Picture, file: memoryview) -> _Picture:
    """``old`` with the picture data of ``file``."""
    new: _Picture = parse(file, Limits()).tree.pictures[0]
    before, after = ([(kind, b"".join(data)) for kind, data in _coded(*known)] for known in ((view, old), (file, new)))
    same = (new.width, new.height) == (old.width, old.height) and len(before) == len(after)
    for (kind, data), (new_kind, new_data) in zip(before, after, strict=False):
        same = same and kind == new_kind and (old.is_lossless or data.startswith(new_data))
    if not same:
        raise EncodeError("webp: a picture came back as another one")
    return replace(old, fresh=tuple(after), sees_through=new.sees_through)


def _walk(view: memoryview, start: int, end: int, where: str, limits: Limits) -> list[_Chunk]:
    """The chunks (2.3) between ``start`` and ``end``, up to one that is cut short and holds no picture."""
    chunks = list[_Chunk]()
    while end - start >= 8:
        kind, length = bytes(view[start : start + 4]), int.from_bytes(view[start + 4 : start + 8], "little")
        stop = start + 8 + length
        if stop > end:
            if kind in PICTURES or not chunks:
                raise MalformedImage(f"{where}: the chunk at byte {start} runs past the end at {end}")
            break
        limits.check("max_parts", len(chunks) + 1)
        chunks.append(_Chunk(kind, start, length, min(end, stop + (length & 1))))
        start = chunks[-1].end
    return chunks


def _picture(view: memoryview, chunks: Sequence[_Chunk], where: str, shows_alpha: bool = False) -> _Picture:
    """The first coded picture among ``chunks``, with the ALPH before it where that is shown."""
    alpha = None
    for chunk in chunks:
        if chunk.kind == b"ALPH" and shows_alpha:
            alpha = alpha or chunk
        elif chunk.kind in CODED:
            found = picture_head(chunk.kind, chunk.data(view), f"{where}: chunk at byte {chunk.offset}")
            picture = _Picture(chunk, found.width, found.height, found.head, found.sees_through)
            if alpha is None or picture.is_lossless:
                return picture
            first, length = alpha_head(alpha.data(view), found.width, found.height, where)
            return replace(picture, alpha=alpha, alpha_head=first, alpha_length=length)
    raise MalformedImage(f"{where}: no VP8 or VP8L picture")


def _extended(view: memoryview, chunks: Sequence[_Chunk], limits: Limits) -> tuple[_Tree, dict[int, list[_Chunk]]]:
    """A file with VP8X (2.7), and the chunks in each ANMF that is shown, by its offset."""
    data = chunks[0].data(view)
    if len(data) < 10:
        raise MalformedImage(f"webp: VP8X of {len(data)} bytes")
    flags, width, height = data[0], 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    limits.check("max_pixels", width * height)
    first = {chunk.kind: chunk.data(view) for chunk in reversed(chunks)}
    profile = icc.clean(bytes(first.get(b"ICCP", b"")))
    turn = orientation(bytes(first.get(b"EXIF", b"")))
    tree = _Tree(
        width,
        height,
        (),
        bool(flags & ALPHA),
        profile if profile and profile[16:20] == b"RGB " else b"",
        orientation_only(turn) if turn != 1 else b"",
    )
    inner = dict[int, list[_Chunk]]()
    if flags & ANIMATED:
        return _animated(view, chunks, tree, inner, limits), inner
    picture = _picture(view, chunks, "webp", tree.shows_alpha)
    if (picture.width, picture.height) != (width, height):
        raise MalformedImage(f"webp: a picture of {picture.width} x {picture.height} on {width} x {height} pixels")
    shows_alpha = picture.sees_through if picture.is_lossless else tree.shows_alpha
    return replace(tree, pictures=(picture,), shows_alpha=shows_alpha), inner


def _animated(
    view: memoryview, chunks: Sequence[_Chunk], tree: _Tree, inner: dict[int, list[_Chunk]], limits: Limits
) -> _Tree:
    """The frames (2.7.1.1) behind ANIM; fills ``inner``."""
    kinds = [chunk.kind for chunk in chunks]
    if b"ANIM" not in kinds or b"ANMF" not in kinds[kinds.index(b"ANIM") :]:
        raise MalformedImage("webp: an animation without ANIM or frames behind it")
    head = chunks[kinds.index(b"ANIM")]
    frames = [chunk for chunk in chunks if chunk.kind == b"ANMF" and chunk.offset > head.offset]
    if head.length < 6:
        raise MalformedImage(f"webp: ANIM of {head.length} bytes")
    limits.check("max_frames", len(frames))
    limits.check("max_pixels", tree.width * tree.height * len(frames))
    pictures = list[_Picture]()
    for frame in frames:
        where, control = f"webp: ANMF at byte {frame.offset}", bytes(frame.data(view)[:CONTROL])
        if len(control) < CONTROL:
            raise MalformedImage(f"{where} has {len(control)} bytes")
        start = frame.offset + 8
        inner[frame.offset] = _walk(view, start + CONTROL, start + frame.length, where, limits)
        picture = _picture(view, inner[frame.offset], where, tree.shows_alpha)
        x, y, width, height = (int.from_bytes(control[at : at + 3], "little") for at in (0, 3, 6, 9))
        if (picture.width, picture.height) != (width + 1, height + 1):
            raise MalformedImage(f"{where}: a picture of {picture.width} x {picture.height} in another frame")
        if 2 * x + width + 1 > tree.width or 2 * y + height + 1 > tree.height:
            raise MalformedImage(f"{where} does not lie on the canvas")
        times = control[12:15] if len(frames) > 1 else bytes(3)  # nothing follows: nobody waits
        pictures.append(replace(picture, control=control[:12] + times + bytes([control[15] & 3])))
    loops = bytes(head.data(view)[4:6]) if len(frames) > 1 else bytes(2)
    return replace(tree, pictures=tuple(pictures), animation=BACKGROUNDS[0] + loops)


def _residuals(view: memoryview, tree: _Tree) -> tuple[Residual, ...]:
    """What is left in the coded pictures: the colour of pixels that are fully transparent, or could be."""
    codes = set[Residual]()
    for picture in tree.pictures:
        if picture.is_lossless and tree.shows_alpha:
            codes.add(Residual.COLOUR_UNDER_ALPHA)
        elif picture.alpha:
            raw = picture.alpha.data(view)[1 : picture.alpha_length]
            if picture.alpha_head != b"\0" or b"\0" in bytes(raw):
                codes.add(Residual.LOSSY_COLOUR_UNDER_ALPHA)
    return tuple(sorted(codes))


def _file(view: memoryview, tree: _Tree) -> list[Piece]:
    """The file in canonical order; without VP8X where nothing needs it (2.5, 2.6)."""
    one = tree.pictures[0]
    uses_alpha = tree.shows_alpha and any(picture.alpha or picture.is_lossless for picture in tree.pictures)
    flags = ICC * bool(tree.profile) | EXIF * bool(tree.exif) | ANIMATED * bool(tree.animation) | ALPHA * uses_alpha
    out = list[Piece]()
    if flags & ~ALPHA or one.alpha:
        sides = [(side - 1).to_bytes(3, "little") for side in (tree.width, tree.height)]
        out += _chunk(b"VP8X", bytes([flags, 0, 0, 0]), *sides)
    if tree.profile:
        out += _chunk(b"ICCP", tree.profile)
    if tree.animation:
        out += _chunk(b"ANIM", tree.animation)
    for picture in tree.pictures:
        content = [piece for kind, data in _coded(view, picture) for piece in _chunk(kind, *data)]
        out += _chunk(b"ANMF", picture.control, *content) if picture.control else content
    if tree.exif:
        out += _chunk(b"EXIF", tree.exif)
    return [b"RIFF", struct.pack("<I", 4 + sum(map(len, out))), b"WEBP", *out]


def _coded(view: memoryview, picture: _Picture) -> list[tuple[bytes, list[Piece]]]:
    """ALPH and VP8, or VP8L: kind and content."""
    if picture.fresh:
        return [(kind, [data]) for kind, data in picture.fresh]
    data: list[Piece] = [picture.head, picture.coded.data(view)[len(picture.head) :]]
    if not picture.alpha:
        return [(picture.coded.kind, data)]
    alpha: list[Piece] = [picture.alpha_head, picture.alpha.data(view)[1 : picture.alpha_length]]
    return [(b"ALPH", alpha), (picture.coded.kind, data)]


def _chunk(kind: bytes, *data: Piece) -> list[Piece]:
    """A chunk in pieces."""
    length = sum(map(len, data))
    return [kind, struct.pack("<I", length), *data, b"\0" * (length & 1)]


def _parts(
    view: memoryview, end: int, chunks: Sequence[_Chunk], inner: dict[int, list[_Chunk]], tree: _Tree
) -> Iterator[Part]:
    """Every byte of the file, in order."""
    right_size = 8 + int.from_bytes(view[4:8], "little") <= len(view)
    yield Part("RIFF", Role.STRUCTURE if right_size else Role.UNKNOWN, 0, 12)
    kept = {p.coded.offset: (p.head, p.coded.length) for p in tree.pictures}
    kept |= {p.alpha.offset: (p.alpha_head, p.alpha_length) for p in tree.pictures if p.alpha}
    clean = {b"ICCP": tree.profile, b"EXIF": tree.exif, b"ANIM": tree.animation}
    for chunk in chunks:
        if chunk.offset in inner:
            yield from _frame_parts(view, chunk, inner[chunk.offset], kept)
        elif chunk.offset in kept:
            yield from _picture_parts(view, chunk, *kept[chunk.offset], "")
        elif chunk is chunks[0]:
            data = chunk.data(view)
            plain = chunk.length == 10 and not data[0] & RESERVED and not any(data[1:4])
            yield Part("VP8X", Role.STRUCTURE if plain else Role.UNKNOWN, chunk.offset, chunk.end - chunk.offset)
        else:
            yield from _other_parts(view, chunk, clean.pop(chunk.kind, b""), "")
    last = chunks[-1].end
    if last < end:
        yield Part("RIFF/surplus", Role.GAP, last, end - last, PayloadKind.UNKNOWN)
    if end < len(view):
        yield Part("trailer", Role.TRAILER, end, len(view) - end, PayloadKind.UNKNOWN)


def _frame_parts(
    view: memoryview, frame: _Chunk, inner: Sequence[_Chunk], kept: dict[int, tuple[bytes, int]]
) -> Iterator[Part]:
    """A frame: what it says, its chunks, and what is left behind them."""
    role = Role.UNKNOWN if frame.data(view)[CONTROL - 1] & ~3 else Role.ANIMATION
    yield Part("ANMF", role, frame.offset, 8 + CONTROL)
    for chunk in inner:
        if chunk.offset in kept:
            yield from _picture_parts(view, chunk, *kept[chunk.offset], "ANMF/")
        else:
            yield from _other_parts(view, chunk, b"", "ANMF/")
    last = inner[-1].end
    if last < frame.end:
        yield Part("ANMF/surplus", Role.GAP, last, frame.end - last, PayloadKind.UNKNOWN)


def _picture_parts(view: memoryview, chunk: _Chunk, head: bytes, length: int, path: str) -> Iterator[Part]:
    """A coded picture; apart from it a head with bits that are cleared, and bytes that no decoder reads."""
    name, start, stop = path + chunk.kind.decode().strip(), chunk.offset, chunk.offset + 8 + length
    if chunk.data(view)[: len(head)] != head:
        yield Part(f"{name}/head", Role.UNKNOWN, start, 8 + len(head), PayloadKind.UNKNOWN, 8)
        start += 8 + len(head)
    padded = stop == chunk.end - 1 and not view[stop]
    yield Part(name, Role.PIXELS, start, stop + padded - start)
    if not padded and stop < chunk.end:
        yield Part(f"{name}/surplus", Role.GAP, stop, chunk.end - stop, PayloadKind.UNKNOWN)


def _other_parts(view: memoryview, chunk: _Chunk, clean: bytes, path: str) -> Iterator[Part]:
    """A chunk that is no picture; it is clean where it says what rewrite() would."""
    data, size = chunk.data(view), chunk.end - chunk.offset
    stays = bool(clean) and data == clean and not any(view[chunk.offset + 8 + chunk.length : chunk.end])
    if chunk.kind == b"ANIM" and clean:
        stays = data[4:] == clean[4:] and data[:4] in BACKGROUNDS
    if stays:
        role = {b"ICCP": Role.COLOUR, b"EXIF": Role.ORIENTATION}.get(chunk.kind, Role.ANIMATION)
        yield Part(chunk.kind.decode(), role, chunk.offset, size)
        return
    name = chunk.kind.decode("ascii", "replace").strip(" \0")
    name = name if name.isascii() and name.isalnum() else "chunk"
    payload = PayloadKind.PICTURE if chunk.kind in PICTURES else PAYLOADS.get(chunk.kind, PayloadKind.UNKNOWN)
    role = {PayloadKind.PICTURE: Role.AUXILIARY, PayloadKind.UNKNOWN: Role.UNKNOWN}.get(payload, Role.METADATA)
    yield Part(path + name, role, chunk.offset, size, payload, 8, chunk.length)
