"""The clean WebP file of what ``parse`` found.

Without a codec coded pictures are passed through. With one, which the caller lends as functions, what only a decoder
sees goes too: VP8L is coded again, ALPH and VP8 are cut behind the last byte that a decoder needs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rmexif.containers.webp.chunks import Piece, RiffChunk, serialise
from rmexif.containers.webp.parse import ALPHA, ANIMATED, EXIF, ICC, WebpPicture, WebpTree, parse
from rmexif.containers.webp.vp8l import with_alpha_hint
from rmexif.errors import EncodeError, MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rmexif.types import Container

    Decode = Callable[[bytes], bytes | None]
    Encode = Callable[[bytes], bytes]

__all__ = ["CodedPicture", "needs_rewrite", "pictures", "recode", "rewrite", "slack_bytes", "with_pictures"]

READ_AHEAD = 4  # byte: an encoder's flush may leave as much behind what a decoder needs
SMALL = 128 << 10  # byte: files up to here are always recoded; above, that would cost a multiple of the rewrite


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One picture as a file of its own."""

    file: bytes
    is_lossless: bool  # VP8L


def rewrite(view: memoryview, container: Container[WebpTree]) -> list[Piece]:
    """The lossless clean file, in pieces; coded pictures are passed through."""
    return _file(view, container.tree)


def pictures(view: memoryview, container: Container[WebpTree]) -> tuple[CodedPicture, ...]:
    """Every coded picture as a file of its own: for a codec, which sees more than the container does."""
    tree = container.tree
    found = list[CodedPicture]()
    for picture in tree.pictures:
        head = with_alpha_hint(picture.head, tree.shows_alpha) if picture.is_lossless else picture.head
        still = replace(picture, control=b"", head=head, uses_alpha=tree.shows_alpha)
        file = b"".join(_file(view, WebpTree(picture.width, picture.height, (still,), tree.shows_alpha)))
        found.append(CodedPicture(file, picture.is_lossless))
    return tuple(found)


def with_pictures(view: memoryview, container: Container[WebpTree], fresh: Sequence[bytes]) -> list[Piece]:
    """The lossless clean file with other data for its pictures, in pieces.

    Args:
        view: the file.
        container: what parse() gave for it.
        fresh: the files that pictures() gave, with VP8L coded again without loss, or with ALPH and VP8 cut.

    Raises:
        EncodeError: a picture in ``fresh`` is missing, of another size, or not made of the same bytes.
    """
    tree = container.tree
    if len(fresh) != len(tree.pictures):
        raise EncodeError(f"webp: {len(fresh)} pictures, {len(tree.pictures)} expected")
    renewed = tuple(_renewed(view, old, memoryview(new)) for old, new in zip(tree.pictures, fresh, strict=True))
    shows = tree.shows_alpha and any(picture.alpha or picture.uses_alpha for picture in renewed)
    if shows:  # as in a parsed file
        renewed = tuple(_with_hint(picture) if picture.is_lossless else picture for picture in renewed)
    return _file(view, replace(tree, pictures=renewed, shows_alpha=shows))


def needs_rewrite(container: Container[WebpTree], size: int) -> bool:
    """Whether a clean file of ``size`` bytes has to be recoded: it is small, or may have colour under alpha 0."""
    return Residual.COLOUR_UNDER_ALPHA in container.residuals or size <= SMALL


def recode(view: memoryview, container: Container[WebpTree], decode: Decode, encode: Encode) -> bytes:
    """The lossless clean file; VP8L coded again, ALPH and VP8 cut behind the last byte that a decoder needs.

    Args:
        view: the file.
        container: what parse() gave for it.
        decode: the pixels of a WebP file with one picture, None where it cannot be read.
        encode: such a file with the same pixels as VP8L; the colour under alpha 0 cleared.

    Raises:
        MalformedImage: a picture cannot be decoded.
        EncodeError: ``encode`` gave something else.
    """
    fresh = [
        encode(picture.file) if picture.is_lossless else _without_slack(picture.file, offset, decode)
        for picture, offset in zip(pictures(view, container), _offsets(container), strict=True)
    ]
    return b"".join(with_pictures(view, container, fresh))


def slack_bytes(view: memoryview, container: Container[WebpTree], decode: Decode, encode: Encode) -> int:
    """How many bytes of a clean file ``recode`` would change or take away."""
    clean = recode(view, container, decode, encode)
    return 0 if clean == view else max(1, len(view) - len(clean))


def _offsets(container: Container[WebpTree]) -> list[int]:
    """Where the coded pictures lie, for messages."""
    return [picture.coded.offset for picture in container.tree.pictures]


def _renewed(view: memoryview, old: WebpPicture, file: memoryview) -> WebpPicture:
    """``old`` with the picture data of ``file``."""
    new = parse(file, Limits()).tree.pictures[0]
    before, after = ([(kind, b"".join(data)) for kind, data in _coded(*known)] for known in ((view, old), (file, new)))
    is_same = (new.width, new.height) == (old.width, old.height) and len(before) == len(after)
    for (kind, data), (new_kind, new_data) in zip(before, after, strict=False):
        is_same = is_same and kind == new_kind and (old.is_lossless or data.startswith(new_data))
    if not is_same:
        problem = f"{new.width} x {new.height} px came back for {old.width} x {old.height} px, or other chunks"
        raise EncodeError(f"webp chunk at byte {old.coded.offset}: {problem}")
    return replace(old, fresh=tuple(after), uses_alpha=new.uses_alpha)


def _with_hint(picture: WebpPicture) -> WebpPicture:
    """A VP8L picture in fresh data, with its alpha hint set."""
    return replace(picture, fresh=tuple((kind, with_alpha_hint(data, True)) for kind, data in picture.fresh))


def _without_slack(file: bytes, offset: int, decode: Decode) -> bytes:
    """A file with one lossy picture and nothing behind its data."""
    pixels = decode(file)
    if pixels is None:
        raise MalformedImage("the coded picture cannot be decoded", structure="webp chunk VP8", offset=offset)
    picture = parse(memoryview(file), Limits()).tree.pictures[0]
    for chunk in (picture.coded, picture.alpha):  # the last one first: the other keeps its place
        if chunk:
            file = _shortest(file, chunk, lambda cut: decode(cut) == pixels)
    return file


def _shortest(file: bytes, chunk: RiffChunk, is_same: Callable[[bytes], bool]) -> bytes:
    """``file`` with the least bytes in one chunk that give the same picture; most often one try is enough."""
    good = chunk.length
    bad, middle = 0, good - READ_AHEAD
    while bad + 1 < good and middle > 0:
        if is_same(_cut(file, chunk, middle)):
            good = middle
        elif good - middle == READ_AHEAD:
            break
        else:
            bad = middle
        middle = max(bad + 1, (bad + good) // 2)
    return _cut(file, chunk, good)


def _cut(file: bytes, chunk: RiffChunk, length: int) -> bytes:
    """``file`` with ``length`` bytes in one chunk."""
    body = file[8 : chunk.offset] + b"".join(serialise(chunk.kind, file[chunk.start : chunk.start + length]))
    body += file[chunk.end :]
    return file[:4] + struct.pack("<I", len(body)) + body


def _file(view: memoryview, tree: WebpTree) -> list[Piece]:
    """The file in canonical order; without VP8X where nothing needs it (RFC 9649, 2.5 and 2.6)."""
    uses_alpha = tree.shows_alpha and any(picture.alpha or picture.is_lossless for picture in tree.pictures)
    flags = ICC * bool(tree.profile) | EXIF * bool(tree.exif) | ANIMATED * bool(tree.animation) | ALPHA * uses_alpha
    out = list[Piece]()
    if flags & ~ALPHA or tree.pictures[0].alpha:
        sides = [(side - 1).to_bytes(3, "little") for side in (tree.width, tree.height)]
        out += serialise(b"VP8X", bytes([flags, 0, 0, 0]), *sides)
    if tree.profile:
        out += serialise(b"ICCP", tree.profile)
    if tree.animation:
        out += serialise(b"ANIM", tree.animation)
    for picture in tree.pictures:
        content = [piece for kind, data in _coded(view, picture) for piece in serialise(kind, *data)]
        out += serialise(b"ANMF", picture.control, *content) if picture.control else content
    if tree.exif:
        out += serialise(b"EXIF", tree.exif)
    return [b"RIFF", struct.pack("<I", 4 + sum(map(len, out))), b"WEBP", *out]


def _coded(view: memoryview, picture: WebpPicture) -> list[tuple[bytes, list[Piece]]]:
    """ALPH and VP8, or VP8L: kind and content."""
    if picture.fresh:
        return [(kind, [data]) for kind, data in picture.fresh]
    data: list[Piece] = [picture.head, picture.coded.data(view)[len(picture.head) :]]
    if not picture.alpha:
        return [(picture.coded.kind, data)]
    alpha: list[Piece] = [picture.alpha_head, picture.alpha.data(view)[1 : picture.alpha_length]]
    return [(b"ALPH", alpha), (picture.coded.kind, data)]
