"""Coded pictures of WebP, read up to the last code: what of each is needed, and what could hide in it.

VP8L and ALPH are cut at the last symbol, VP8 is written in canonical form (``rmexif.native``). Without the compiled
core VP8 is passed through unwalked, and so is VP8L beyond what its twin can read in time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from rmexif import native
from rmexif.containers.webp.vp8 import read_alpha, read_vp8
from rmexif.containers.webp.vp8l import HEAD, read_vp8l, with_alpha_hint
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.native import Status, vp8, vp8l

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.webp.chunks import Piece, RiffChunk

__all__ = ["SAMPLE_ROWS", "CodedChunk", "Flaw", "Shown", "WebpPicture", "read_picture", "uses_alpha"]

FLUSHED = 1  # byte that libwebp's boolean encoder may leave at the end of the partitions
VERSION = 8  # header flag: another version than that of the filter in use
SAMPLE_ROWS = 256  # px: the rows of a lossless picture that are kept, for a look at their lowest bits
MOST_SAMPLED = 1 << 22  # px of earlier pictures of a file up to which that is done: bounds the memory
MOST_PIXELS = {"native": vp8l.MOST_PIXELS, "python": 1 << 19}  # px of a file: the twin reads 100,000 or more a second
MOST_RAW_ALPHA = 1 << 24  # px: planes up to here are stored uncompressed where their codes could hold a message


@dataclass(frozen=True, slots=True)
class CodedChunk:
    """A coded picture or alpha plane."""

    at: RiffChunk  # in the file
    content: tuple[Piece, ...]  # in canonical form
    heads: tuple[int, int]  # byte: the part in front that may differ by more than a cut, in the file and in ``content``

    @property
    def kind(self) -> bytes:
        """FourCC."""
        return self.at.kind


class Flaw(NamedTuple):
    """Something in a lossless picture that only an encoder can take out, or in a lossy one that nothing can."""

    name: str
    length: int  # byte: that could lie there
    can_recode: bool = True


class Shown(NamedTuple):
    """What a file says around a picture."""

    declares_alpha: bool | None = None  # flag of VP8X; None without VP8X
    is_animated: bool = False
    earlier_pixels: int = 0  # px of pictures before this one


@dataclass(frozen=True, slots=True)
class WebpPicture:
    """A still picture or a frame."""

    coded: CodedChunk
    width: int  # px
    height: int  # px
    has_alpha: bool = False  # VP8L: its alpha hint in canonical form
    is_translucent: bool = False  # VP8L: a pixel is, or could be
    is_walked: bool = True  # up to the last code
    alpha: CodedChunk | None = None
    control: bytes = b""  # of ANMF
    flaw: Flaw | None = None
    unused_symbols: int = 0  # of prefix codes
    probabilities: int = 0  # of tokens: that the frame replaces and uses
    is_ordinary: bool = False  # VP8: as libwebp writes it, although the canonical form is another one
    rows: bytes = b""  # VP8L: the first rows, R, G, B, A a byte each

    @property
    def is_lossless(self) -> bool:
        """Whether it is VP8L."""
        return self.coded.kind == b"VP8L"


def read_picture(view: memoryview, chunks: Sequence[RiffChunk], offset: int, shown: Shown) -> WebpPicture:
    """The first coded picture among ``chunks``, with the ALPH before it where that is shown.

    Args:
        view: the file.
        chunks: of a still file or of ANMF.
        offset: of what holds them, for messages.
        shown: what the file says around them.

    Raises:
        MalformedImage: no picture, or one that no decoder reads.
        UnsupportedFeature: a version of a bitstream that is not defined.
        LimitExceeded: reading it takes more memory than allowed.
    """
    alpha = None
    for chunk in chunks:
        if chunk.kind == b"ALPH" and (shown.declares_alpha or shown.is_animated):
            alpha = alpha or chunk  # frames are blended by it, whatever VP8X says
        elif chunk.kind == b"VP8L":
            return _lossless(view, chunk, shown)
        elif chunk.kind == b"VP8 ":
            picture = _lossy(view, chunk)
            return _with_alpha(view, alpha, picture, shown) if alpha else picture
    raise MalformedImage("no VP8 or VP8L picture", structure="webp", offset=offset)


def uses_alpha(pictures: Sequence[WebpPicture], width: int, height: int) -> bool:
    """Whether the flag of VP8X means anything: a pixel is translucent, or no frame need reach it.

    Args:
        pictures: of the file.
        width: of the canvas, px.
        height: of the canvas, px.
    """
    return any(
        picture.alpha or picture.is_translucent or (picture.width, picture.height) != (width, height)
        for picture in pictures
    )


def _most_pixels(shown: Shown) -> int:
    """How many pixels of VP8L may still be walked."""
    return max(0, MOST_PIXELS[native.engine()] - shown.earlier_pixels)


def _refuse(status: Status, chunk: RiffChunk) -> None:
    """Raise where a walk did not come to the last code."""
    structure = f"webp chunk {chunk.kind.decode().strip()}"
    if status is Status.LIMIT:
        raise LimitExceeded(f"{structure} at byte {chunk.offset}: its prefix codes take more than 1 GiB")
    problem = "a code, or the value of one, that no decoder reads"
    if status is Status.ENDS_EARLY:
        problem = f"{chunk.length} bytes end before the last code of the picture"
    if status is not Status.OK:
        raise MalformedImage(problem, structure=structure, offset=chunk.offset)


def _lossless(view: memoryview, chunk: RiffChunk, shown: Shown) -> WebpPicture:
    """VP8L, cut at its last symbol; the hint as viewers have it (RFC 9649, 3.4: a hint, which some obey).

    In a still picture the flag of VP8X decides where there is one. In an animation a hint of 0 has a decoder draw the
    frame over the canvas without blending: it stays.
    """
    data = chunk.data(view)
    head = read_vp8l(data, chunk.offset)
    sees_alpha = head.uses_alpha if shown.is_animated or shown.declares_alpha is None else shown.declares_alpha
    rows = SAMPLE_ROWS if shown.earlier_pixels < MOST_SAMPLED else 0
    found = vp8l.walk(data, most_pixels=_most_pixels(shown), rows=rows)
    if found.status is Status.LIMIT and native.engine() == "python":
        coded = CodedChunk(chunk, (with_alpha_hint(head.head, sees_alpha), data[HEAD:]), (HEAD, HEAD))
        return WebpPicture(coded, head.width, head.height, sees_alpha, is_translucent=sees_alpha, is_walked=False)
    _refuse(found.status, chunk)
    has_alpha = sees_alpha and found.translucent > 0
    content = with_alpha_hint(head.head, has_alpha), *_cut(data[HEAD:], found.bits - 8 * HEAD)
    return WebpPicture(
        CodedChunk(chunk, content, (HEAD, HEAD)),
        head.width,
        head.height,
        has_alpha,
        is_translucent=has_alpha or (shown.is_animated and found.translucent > 0),
        flaw=_flaw(found, shown, has_alpha),
        unused_symbols=found.unused_symbols,
        rows=found.rows,
    )


def _flaw(found: vp8l.Walk, shown: Shown, has_alpha: bool) -> Flaw | None:
    """What a lossless picture hides. A value or a group counts as four bytes, a colour as its samples."""
    if count := found.unused_groups + found.unused_colours + found.free_values:
        return Flaw("free values", 4 * count)
    if found.translucent and not has_alpha and not shown.is_animated:
        return Flaw("alpha that is not shown", found.translucent)
    if found.hidden_coded and (shown.declares_alpha if shown.is_animated else has_alpha):
        return Flaw("colour under alpha", 3 * found.hidden_coded)
    return None


def _cut(data: memoryview, bits: int) -> tuple[Piece, ...]:
    """As many bits, the lowest of each byte first, and zeros behind them (RFC 9649, 3.1)."""
    last, rest = (bits - 1) // 8, -bits % 8
    return data[:last], bytes([data[last] & 0xFF >> rest])


def _lossy(view: memoryview, chunk: RiffChunk) -> WebpPicture:
    """VP8 in canonical form; of an even length, as libwebp pads it and counts that."""
    data = chunk.data(view)
    head = read_vp8(data, chunk.offset)
    found = vp8.rewrite(data)
    if found is None:
        coded = CodedChunk(chunk, (head.head, data[len(head.head) :]), (len(head.head), len(head.head)))
        return WebpPicture(coded, head.width, head.height, is_walked=False)
    _refuse(found.status, chunk)
    clean, before = found.data, bytes(data)
    if clean != before:
        clean += b"\0" * (len(clean) & 1)
    heads = tuple(len(head.head) + (int.from_bytes(content[:3], "little") >> 5) for content in (before, clean))
    return WebpPicture(
        CodedChunk(chunk, (clean,) if clean != before else (data,), (heads[0], heads[1])),
        head.width,
        head.height,
        flaw=Flaw("zeros that are coded", -(-found.redundant_blocks // 8), False) if found.redundant_blocks else None,
        probabilities=found.probabilities - found.unused_probabilities,
        is_ordinary=not found.unused_probabilities and found.free <= FLUSHED and not found.header_flags & ~VERSION,
    )


def _with_alpha(view: memoryview, chunk: RiffChunk, picture: WebpPicture, shown: Shown) -> WebpPicture:
    """``picture`` with its alpha plane (RFC 9649, 2.7.1.2), cut at the last sample or symbol."""
    data = chunk.data(view)
    head, length = read_alpha(data, picture.width, picture.height, chunk.offset)
    if head[0] & 3 == 0:
        return replace(picture, alpha=CodedChunk(chunk, (head, data[1:length]), (1, 1)))
    sides, most_pixels = (picture.width, picture.height), _most_pixels(shown)
    found = vp8l.walk(data[1:], *sides, most_pixels=most_pixels)
    if found.status is Status.LIMIT and native.engine() == "python":
        return replace(picture, alpha=CodedChunk(chunk, (head, data[1:]), (1, 1)), is_walked=False)
    _refuse(found.status, chunk)
    content: tuple[Piece, ...] = head, *_cut(data[1:], found.bits)
    if found.unused_groups or found.unused_colours or found.free_values:
        if sides[0] * sides[1] > MOST_RAW_ALPHA:
            raise UnsupportedFeature("free values in its codes", structure="webp chunk ALPH", offset=chunk.offset)
        plane = vp8l.walk(data[1:], *sides, most_pixels=most_pixels, rows=sides[1]).rows[1::4]
        content = bytes([head[0] & ~3]), plane
        found = vp8l.Walk(Status.OK)
    unused_symbols = picture.unused_symbols + found.unused_symbols
    return replace(picture, alpha=CodedChunk(chunk, content, (1, 1)), unused_symbols=unused_symbols)
