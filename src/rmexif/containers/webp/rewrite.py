"""The clean WebP file of what ``parse`` found.

Coded pictures are serialised as ``picture`` has them: cut behind the last code, fields at 0 that no decoder reads. What
takes a codec goes with one, which the caller lends as functions: VP8L that hides something is encoded again. Where the
compiled core is missing, pictures that were not walked are too, and VP8 and ALPH are cut behind the last byte that
decoding needs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rmexif.containers.webp.chunks import Piece, RiffChunk, serialise
from rmexif.containers.webp.parse import ALPHA, ANIMATED, EXIF, ICC, WebpTree, parse
from rmexif.containers.webp.picture import CodedChunk, uses_alpha
from rmexif.containers.webp.vp8l import with_alpha_hint
from rmexif.errors import EncodeError, MalformedImage
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rmexif.containers.webp.picture import Flaw, WebpPicture
    from rmexif.types import Container

    Decode = Callable[[bytes], bytes | None]

__all__ = ["CodedPicture", "needs_codec", "pictures", "rewrite", "with_pictures", "without_slack"]

READ_AHEAD = 4  # byte: an encoder's flush may leave as much behind what a decoder needs
SMALL = 128 << 10  # byte: unwalked lossy pictures of files up to here are cut by decoding them again and again
MOST_SEARCHED = 1 << 24  # px of a file, for the same: some 20 times as many are decoded where bytes are to be cut


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One picture as a file of its own."""

    file: bytes
    offset: int  # byte: of its chunk in the file that it is from
    is_lossless: bool  # VP8L
    is_walked: bool
    keeps_colour: bool  # nothing can lie under alpha 0 that viewers do not show
    flaw: Flaw | None


def rewrite(view: memoryview, container: Container[WebpTree]) -> list[Piece]:
    """The lossless clean file, in pieces."""
    return _file(container.tree)


def pictures(container: Container[WebpTree]) -> tuple[CodedPicture, ...]:
    """Every coded picture as a file of its own: for a codec, which sees more than the container does."""
    tree, found = container.tree, list[CodedPicture]()
    for picture in tree.pictures:
        shows = tree.shows_alpha if not tree.animation else True
        still = replace(picture, control=b"", coded=_with_hint(picture.coded, shows and picture.is_translucent))
        file = b"".join(_file(WebpTree(picture.width, picture.height, (still,), bool(picture.alpha))))
        keeps_colour = bool(tree.animation) and not tree.shows_alpha
        found.append(
            CodedPicture(
                file, picture.coded.at.offset, picture.is_lossless, picture.is_walked, keeps_colour, picture.flaw
            )
        )
    return tuple(found)


def with_pictures(container: Container[WebpTree], fresh: Sequence[bytes]) -> list[Piece]:
    """The lossless clean file with other data for its pictures, in pieces.

    Args:
        container: what parse() gave for the file.
        fresh: the files that pictures() gave, with VP8L encoded again without loss, or with ALPH and VP8 cut.

    Raises:
        EncodeError: a picture in ``fresh`` is missing, of another size, or not made of the same bytes.
    """
    tree = container.tree
    if len(fresh) != len(tree.pictures):
        raise EncodeError(f"webp: {len(fresh)} pictures, {len(tree.pictures)} expected")
    renewed = tuple(_renewed(old, memoryview(new)) for old, new in zip(tree.pictures, fresh, strict=True))
    shows_alpha = tree.shows_alpha and uses_alpha(renewed, tree.width, tree.height)
    return _file(replace(tree, pictures=renewed, shows_alpha=shows_alpha))


def needs_codec(container: Container[WebpTree], size: int) -> bool:
    """Whether a file of ``size`` bytes has to be decoded: a flaw to take out, or pictures that could not be walked."""
    found = container.tree.pictures
    searches = size <= SMALL and sum(picture.width * picture.height for picture in found) <= MOST_SEARCHED
    return any(picture.flaw or (not picture.is_walked and (picture.is_lossless or searches)) for picture in found)


def without_slack(picture: CodedPicture, decode: Decode) -> bytes:
    """A file with one lossy picture, and nothing behind its data.

    Args:
        picture: of pictures().
        decode: the pixels of a WebP file with one picture, None where it cannot be read.

    Raises:
        MalformedImage: it cannot be decoded.
    """
    file = picture.file
    pixels = decode(file)
    if pixels is None:
        raise MalformedImage("the coded picture cannot be decoded", structure="webp chunk VP8", offset=picture.offset)
    found = parse(memoryview(file), Limits()).tree.pictures[0]
    for coded in (found.coded, found.alpha):  # the last one first: the other keeps its place
        if coded:
            file = _shortest(file, coded.at, lambda cut: decode(cut) == pixels)
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


def _renewed(old: WebpPicture, file: memoryview) -> WebpPicture:
    """``old`` with the picture data of ``file``."""
    new = parse(file, Limits()).tree.pictures[0]
    is_same = (new.width, new.height) == (old.width, old.height)
    for before, after in ((old.coded, new.coded), (old.alpha, new.alpha)):
        is_same = is_same and (before and before.kind) == (after and after.kind)
        if before and after and is_same and not old.is_lossless:
            is_same = b"".join(before.content).startswith(b"".join(after.content))
    if not is_same:
        problem = f"{new.width} x {new.height} px came back for {old.width} x {old.height} px, or other chunks"
        raise EncodeError(f"webp chunk at byte {old.coded.at.offset}: {problem}")
    has_alpha = old.has_alpha and new.has_alpha
    coded = _with_hint(new.coded, has_alpha)
    return replace(old, coded=coded, alpha=new.alpha, has_alpha=has_alpha, is_translucent=new.is_translucent)


def _with_hint(coded: CodedChunk, has_alpha: bool) -> CodedChunk:
    """VP8L with its alpha hint; VP8 as it is."""
    if coded.kind != b"VP8L":
        return coded
    return replace(coded, content=(with_alpha_hint(bytes(coded.content[0]), has_alpha), *coded.content[1:]))


def _file(tree: WebpTree) -> list[Piece]:
    """The file in canonical order; without VP8X where nothing needs it (RFC 9649, 2.5 and 2.6)."""
    flags = ICC * bool(tree.profile) | EXIF * bool(tree.exif) | ANIMATED * bool(tree.animation)
    out = list[Piece]()
    if flags or tree.pictures[0].alpha:
        sides = [(side - 1).to_bytes(3, "little") for side in (tree.width, tree.height)]
        out += serialise(b"VP8X", bytes([flags | ALPHA * tree.shows_alpha, 0, 0, 0]), *sides)
    if tree.profile:
        out += serialise(b"ICCP", tree.profile)
    if tree.animation:
        out += serialise(b"ANIM", tree.animation)
    for picture in tree.pictures:
        chunks = [coded for coded in (picture.alpha, picture.coded) if coded]
        content = [piece for coded in chunks for piece in serialise(coded.kind, *coded.content)]
        out += serialise(b"ANMF", picture.control, *content) if picture.control else content
    if tree.exif:
        out += serialise(b"EXIF", tree.exif)
    return [b"RIFF", struct.pack("<I", 4 + sum(map(len, out))), b"WEBP", *out]
