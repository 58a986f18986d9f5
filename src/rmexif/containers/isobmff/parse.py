"""HEIF and AVIF (ISO 14496-12, ISO 23008-12, AV1 in AVIF): one still picture, an image sequence, or both.

A file is read into the picture and the sequence that it shows, and written again from those: canonical boxes
without names, times and free space, item and sample data packed behind them. The rows of the format table are
``avif`` and ``heic``; which of the two a file is, its coding decides.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif import icc
from rmexif.containers.isobmff import part_layout
from rmexif.containers.isobmff.boxes import BoxAt, Tally, box, part, read_header, tile
from rmexif.containers.isobmff.items import Meta, read_meta
from rmexif.containers.isobmff.movie import Movie, read_movie, write_moov
from rmexif.containers.isobmff.properties import colour_of, sized, value_of
from rmexif.containers.isobmff.still import Still, read_still, write_meta
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Colour, Container, Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.isobmff.filtered_units import Filtered
    from rmexif.types import Limits

__all__ = ["brands_of", "coding_of", "parse_avif", "parse_heic", "rewrite"]

AVIF_BRANDS = frozenset((b"avif", b"avis"))
HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"))
CODINGS = re.compile(rb"av01|hvc1|hev1")  # item and sample types
MAX_MEDIA = 0xF0000000  # byte; the boxes before it stay below the rest
SEQUENCES = frozenset((b"avis", b"hevc", b"hevx", b"msf1"))
# Brands that say how a file is coded, not who made it: the registered ones of MIAF, HEIF and AVIF.
PLAIN_BRANDS = (
    AVIF_BRANDS | HEIC_BRANDS | {b"miaf", b"MA1A", b"MA1B", b"avio", b"mif2", b"iso8", b"iso4", b"av01", b"tmap"}
)


@dataclass(frozen=True, slots=True)
class Tree:
    """What is written again."""

    brands: tuple[bytes, ...]  # major first
    still: Still | None
    movie: Movie | None


@dataclass(slots=True)
class Top:
    """The top level of a file."""

    boxes: list[BoxAt]
    end: int  # byte; a trailer begins here
    brands: tuple[bytes, ...]
    meta: BoxAt | None
    moov: BoxAt | None


def brands_of(data: bytes) -> tuple[bytes, ...]:
    """Major and compatible brands of the ``ftyp`` box that ``data`` starts with, as far as ``data`` goes."""
    if data[4:8] != b"ftyp" or len(data) < 12:
        return ()
    end = min(int.from_bytes(data[:4], "big"), len(data))
    return (data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4)))


def coding_of(head: bytes) -> str | None:
    """Name the row, "avif" or "heic", by the first sample or item type behind the brands, else by the brands.

    Some writers name only the brands of HEIF (ISO 23008-12), so that the coding has to be looked at.
    """
    brands = brands_of(head)
    if AVIF_BRANDS.isdisjoint(brands) and HEIC_BRANDS.isdisjoint(brands):
        return None
    coding = CODINGS.search(head, int.from_bytes(head[:4], "big"))
    if coding:
        return "avif" if coding[0] == b"av01" else "heic"
    return "heic" if AVIF_BRANDS.isdisjoint(brands) else "avif"


def parse_avif(view: memoryview, limits: Limits) -> Container[Tree]:
    """Say what every byte of an AVIF file is; see ``_parse``."""
    return _parse("avif", view, limits)


def parse_heic(view: memoryview, limits: Limits) -> Container[Tree]:
    """Say what every byte of a HEIC file is; see ``_parse``."""
    return _parse("heic", view, limits)


def _parse(name: str, view: memoryview, limits: Limits) -> Container[Tree]:
    """Say what every byte of the file is.

    Args:
        name: of the row that was asked, "avif" or "heic".
        view: the whole file.
        limits: what one image may cost.

    Raises:
        MalformedImage: a box or an item is broken.
        UnsupportedFeature: another coding than that of the row, or something that is refused.
        LimitExceeded: more pixels, frames or boxes than allowed.
    """
    limits.check("max_bytes", len(view))
    tally = Tally(limits)
    top = _top(view, tally)
    meta = read_meta(view, top.meta, tally) if top.meta else None
    movie = None
    if top.moov and (meta is None or top.brands[0] in SEQUENCES) and SEQUENCES & set(top.brands):
        movie = read_movie(view, top.moov, tally)
    still = read_still(meta) if meta else None
    brands = _brands(name, still, movie)
    if name == "avif" and still and movie and not _is_first(still, movie):
        still = None  # players show the sequence: another picture beside it is seen by nobody
        brands = _brands(name, still, movie)
    if name == "avif" and still and movie:
        for one, track in zip(still.kept, movie.tracks, strict=False):
            one.properties = sized(one.properties, track.entry_size)
    loose = [
        *(part_layout.item_parts(meta, still) if meta and still else ()),
        *(part_layout.sample_parts(movie) if movie else ()),
    ]
    tally.add(len(loose))
    parts = tile(list(_fixed(view, top, brands, meta, still, movie, tally)), loose)
    width, height = still.kept[0].size if still else _size(movie)
    shown = movie if movie and (name == "avif" or still is None) else None  # a decoder of HEIC shows the still
    frames = len(shown.tracks[0].samples) if shown else 1
    return Container(
        name,
        width,
        height,
        parts,
        frames=frames,
        colour=_colour(still, movie),
        residuals=_residuals(still, movie),
        tree=Tree(brands, still, movie),
    )


def _is_first(still: Still, movie: Movie) -> bool:
    """Whether the still, and its alpha, are the first picture of the sequence."""
    firsts = [track.data[0].bytes() for track in movie.tracks]
    return len(still.kept) <= len(firsts) and all(
        one.data.bytes() == first for one, first in zip(still.kept, firsts, strict=False)
    )


def _size(movie: Movie | None) -> tuple[int, int]:
    if movie is None:
        raise MalformedImage("isobmff: neither a picture nor an image sequence")
    return movie.tracks[0].entry_size


def _colour(still: Still | None, movie: Movie | None) -> Colour:
    if still:  # a grid may leave the colours to its tiles
        first = (still.kept[0], *(still.kept[number - 1] for number in still.kept[0].parts[:1]))
        found = [colour_of(one.properties) for one in first]
        return next((colour for colour in found if colour != Colour()), found[0])
    return colour_of(movie.tracks[0].properties) if movie else Colour()


def _residuals(still: Still | None, movie: Movie | None) -> tuple[Residual, ...]:
    """A clean aperture only hides what lies outside it, an overlay what lies below it."""
    laid = any(kept.item.type == b"iovl" for kept in (still.kept if still else ()))
    holders = [*(still.kept if still else ()), *(movie.tracks if movie else ())]
    cut = any(one.kind == "clap" for holder in holders for one in holder.properties)
    codes = {Residual.HEIF_AREA_OUTSIDE_CROP: cut, Residual.HEIF_AREA_BELOW_OVERLAY: laid}
    profiles = icc.residuals(colour_of(holder.properties).icc for holder in holders)
    return (*(code for code, holds in codes.items() if holds), *profiles)


def _top(view: memoryview, tally: Tally) -> Top:
    """Walk the top level up to where it is no longer boxes, or another file begins."""
    boxes: list[BoxAt] = []
    start = 0
    while len(view) - start >= 8:
        tally.add()
        one = read_header(view, start, len(view))
        if one is None and bytes(view[start + 4 : start + 8]) == b"mdat":  # cut short: items may still be whole
            one = BoxAt(b"mdat", start, start + 8, len(view))
        if one is None or (boxes and one.type == b"ftyp"):
            break
        boxes.append(one)
        start = one.end
    brands = brands_of(bytes(view[: boxes[0].end])) if boxes else ()
    if not (AVIF_BRANDS | HEIC_BRANDS) & set(brands):
        raise UnsupportedFeature("isobmff: no brand of a still picture or an image sequence")
    first: dict[bytes, BoxAt] = {}
    for one in boxes:
        first.setdefault(one.type, one)
    if b"meta" not in first and b"moov" not in first:
        raise MalformedImage("isobmff: neither a picture nor an image sequence")
    return Top(boxes, start, brands, first.get(b"meta"), first.get(b"moov"))


def _brands(name: str, still: Still | None, movie: Movie | None) -> tuple[bytes, ...]:
    """The brands that the kept parts of a file of the row ``name`` need."""
    coded: list[tuple[bytes, object]] = []
    if still:
        coded += [
            (k.item.type, value_of(k.properties, "hvcC")) for k in still.kept if k.item.type in (b"av01", b"hvc1")
        ]
    if movie:
        coded += [(t.entry, value_of(t.properties, "hvcC")) for t in movie.tracks]
    if len({kind == b"av01" for kind, _ in coded}) != 1:
        raise UnsupportedFeature("isobmff: a picture in no known coding, or in two")
    if (coded[0][0] == b"av01") != (name == "avif"):
        raise UnsupportedFeature(
            f"isobmff: the first picture says that this is {name}, the one shown is coded otherwise"
        )
    if name == "avif":
        stills, moving = (b"avif", b"mif1", b"miaf"), (b"avis", b"msf1", b"iso8")
    else:
        main = all(getattr(config, "main", False) for _, config in coded)
        stills = (b"heic" if main else b"heix", b"mif1", b"miaf")
        moving = (b"hevc" if main else b"hevx", b"msf1", b"iso8")
    listed = (*(moving if movie else ()), *(stills if still else ()))
    return tuple(dict.fromkeys(listed))


def _fixed(
    view: memoryview,
    top: Top,
    brands: tuple[bytes, ...],
    meta: Meta | None,
    still: Still | None,
    movie: Movie | None,
    tally: Tally,
) -> Iterator[Part]:
    """Parts that tile the file, with the media data as gaps to be painted on."""
    for at in top.boxes:
        if at.offset == 0:
            plain = top.brands == brands or not set(top.brands) - PLAIN_BRANDS
            plain = plain and not any(view[at.body + 4 : at.body + 8]) and (at.end - at.body) % 4 == 0
            yield part(at, "ftyp", Role.STRUCTURE if plain else Role.METADATA)
        elif meta and still and at is top.meta:
            yield from part_layout.meta_parts(meta, still)
        elif movie and at is top.moov:
            yield from part_layout.movie_parts(view, movie, tally)
        elif at.type == b"mdat":
            yield Part("mdat", Role.STRUCTURE, at.offset, at.body - at.offset)
            yield Part("mdat", Role.GAP, at.body, at.end - at.body, PayloadKind.UNKNOWN)
        else:
            yield part_layout.top_part(view, at)
    if top.end < len(view):
        yield Part("trailer", Role.TRAILER, top.end, len(view) - top.end, PayloadKind.TRAILER)


def rewrite(view: memoryview, container: Container[Any]) -> list[bytes | memoryview]:
    """The lossless clean file: ftyp, meta, moov, mdat.

    Args:
        view: the file; not read again, because the tree holds views of what is copied.
        container: what ``parse`` said about it.

    Raises:
        LimitExceeded: its offsets would need more than 32 bits.
    """
    tree: Tree = container.tree
    ftyp = box(b"ftyp", tree.brands[0], bytes(4), *tree.brands)
    chunks, tracks, items = _media(tree)
    size = sum(len(chunk) for chunk in chunks)
    if size > MAX_MEDIA:
        raise LimitExceeded(
            f"max_bytes: the rewritten file would have {size} bytes, more than its 32-bit offsets reach"
        )
    start = 8 + len(ftyp) + len(_index(tree, 0, tracks, items))
    mdat = struct.pack(">I4s", 8 + size, b"mdat")
    return [ftyp, _index(tree, start, tracks, items), mdat, *chunks]


def _media(tree: Tree) -> tuple[list[memoryview], list[int], dict[int, int]]:
    """Pieces of the media data, and where in it each track and each item (by number) starts."""
    chunks: list[memoryview] = []
    tracks: list[int] = []
    items: dict[int, int] = {}
    places: dict[int, int] = {}  # by identity of the data: items may share theirs
    position = 0
    for track in tree.movie.tracks if tree.movie else ():
        tracks.append(position)
        for sample in track.data:
            chunks += sample.chunks
        position += track.length
    for number, one in enumerate(tree.still.kept if tree.still else (), 1):
        if not one.data.length:
            continue
        if id(one.data) not in places:
            shared = _sample(tree.movie, tracks, one.data)
            if shared is None:
                chunks += one.data.chunks
                shared, position = position, position + one.data.length
            places[id(one.data)] = shared
        items[number] = places[id(one.data)]
    return chunks, tracks, items


def _sample(movie: Movie | None, starts: list[int], data: Filtered) -> int | None:
    """Where the first sample of a track is the same data: a still is often the first frame."""
    for track, start in zip(movie.tracks if movie else (), starts, strict=True):
        if track.data[0].length == data.length and track.data[0].bytes() == data.bytes():
            return start
    return None


def _index(tree: Tree, start: int, tracks: list[int], items: dict[int, int]) -> bytes:
    """``meta`` and ``moov`` for media data that begins at byte ``start``; their size does not depend on it."""
    meta = write_meta(tree.still, {number: start + at for number, at in items.items()}) if tree.still else b""
    moov = write_moov(tree.movie, [start + at for at in tracks]) if tree.movie else b""
    return meta + moov
