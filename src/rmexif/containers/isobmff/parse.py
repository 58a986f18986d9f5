"""HEIF and AVIF (ISO 14496-12, ISO 23008-12, AV1 in AVIF) to parts: one still picture, an image sequence, or both.

A file is read into the picture and the sequence that it shows. The rows of the format table are ``avif`` and ``heic``;
which of the two a file is, its coding decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.aspect import SQUARE
from rmexif.containers.common.boxes import BoxAt, box_at
from rmexif.containers.common.choices import LIGHT, with_choices
from rmexif.containers.common.edge import area_beyond
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.isobmff.boxes import Tally, first_of_each
from rmexif.containers.isobmff.brands import (
    AVIF_BRANDS,
    HEIC_BRANDS,
    PLAIN_BRANDS,
    SEQUENCE_BRANDS,
    brands_of,
    required_brands,
)
from rmexif.containers.isobmff.coded_data import area
from rmexif.containers.isobmff.items import read_meta
from rmexif.containers.isobmff.movie import Movie, TrackContent, read_movie
from rmexif.containers.isobmff.part_layout import PartLayout
from rmexif.containers.isobmff.properties import colour_of, value_of
from rmexif.containers.isobmff.still import KeptItem, Still, read_still
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Colour, Container, Role

if TYPE_CHECKING:
    from rmexif.containers.isobmff.hevc import HevcConfig
    from rmexif.containers.isobmff.items import Meta
    from rmexif.containers.isobmff.properties import Property
    from rmexif.types import Limits, Part

__all__ = ["IsobmffTree", "parse_avif", "parse_heic"]

NUMBERS = {"clli": LIGHT, "mdcv": LIGHT, "pasp": 3}  # bytes of the numbers in a property, as they are rounded
SIZE = 8  # byte of a width and a height in ispe
AV1_BLOCK = 64  # px: side of the largest transform


@dataclass(frozen=True, slots=True)
class IsobmffTree:
    """What is written again."""

    brands: tuple[bytes, ...]  # major first
    still: Still | None
    movie: Movie | None


@dataclass(frozen=True, slots=True)
class _TopLevel:
    """The top level of a file."""

    boxes: list[BoxAt]
    end: int  # byte; a trailer begins here
    brands: tuple[bytes, ...]
    meta: BoxAt | None
    moov: BoxAt | None


def parse_avif(view: memoryview, limits: Limits) -> Container[IsobmffTree]:
    """Say what every byte of an AVIF file is; see ``_parse``."""
    return _parse("avif", view, limits)


def parse_heic(view: memoryview, limits: Limits) -> Container[IsobmffTree]:
    """Say what every byte of a HEIC file is; see ``_parse``."""
    return _parse("heic", view, limits)


def _parse(name: str, view: memoryview, limits: Limits) -> Container[IsobmffTree]:
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
    top = _top_level(view, tally)
    meta = read_meta(view, top.meta, tally) if top.meta else None
    movie = None
    is_sequence = not SEQUENCE_BRANDS.isdisjoint(top.brands)
    if top.moov and is_sequence and (meta is None or top.brands[0] in SEQUENCE_BRANDS):
        movie = read_movie(view, top.moov, tally)
    still = read_still(meta) if meta else None
    _check_coding(name, still, movie)
    still = _beside(still, movie) if name == "avif" else still
    tree = IsobmffTree(_brands(name, still, movie), still, movie)
    first = still.items[0] if still else movie.tracks[0].content if movie else None
    if first is None:
        raise UnsupportedFeature("no picture, and no image sequence of a known brand", structure="isobmff", offset=0)
    bounds = icc.residual_bytes(colour_of(found).icc for found in _properties(still, movie))
    if edge := _edge(name, still, movie):
        bounds |= {Residual.CODED_EDGE: edge}
    if scaling := _scaling(still, movie):
        bounds |= {Residual.HEVC_SCALING_LISTS: scaling}
    is_moving = movie is not None and (name == "avif" or still is None)  # a decoder of HEIC shows the still
    container = Container(
        name,
        *first.size,
        _parts(view, top, tree, meta, tally),
        frames=len(movie.tracks[0].content.coded) if movie and is_moving else 1,
        colour=_colour(first, still),
        residuals=(*_residuals(name, still, movie), *bounds),
        residual_bytes=bounds,
        samples=first.size[0] * first.size[1] * (4 if _has_alpha(still, movie) else 3),
        sample_bytes=2 if _depth(still, movie) > 8 else 1,
        tree=tree,
    )
    numbers = _number_bytes(_properties(still, movie)) + _scaled_bytes(still)
    return with_choices(container, numbers=numbers, is_recoded=False)


def _number_bytes(found: list[tuple[Property, ...]]) -> int:
    """Bytes of the numbers in all properties, of equal ones once; square pixels say nothing."""
    boxes = {prop.box: prop for properties in found for prop in properties if prop.value != SQUARE}
    return sum(NUMBERS.get(prop.kind, 0) for prop in boxes.values())


def _scaled_bytes(still: Still | None) -> int:
    """Bytes of the sizes that AV1 pictures are scaled to (libavif does it), where they are not those coded."""
    sizes = [(kept.size, kept.data.size) for kept in (still.items if still else ()) if kept.item.type == b"av01"]
    return SIZE * len({shown for shown, coded in sizes if coded not in (shown, (0, 0))})


def _depth(still: Still | None, movie: Movie | None) -> int:
    """Bits of a sample, at most; of a sequence those of AV1, whose samples need not be alike."""
    units = [data.sequence for track in movie.tracks for data in track.content.data] if movie else []
    depths = [sequence.depth for sequence in units if sequence]
    return max([*depths, still.depth if still else 0])


def _has_alpha(still: Still | None, movie: Movie | None) -> bool:
    """Whether an alpha picture or track belongs to what is shown."""
    return bool(still and any(kept.alpha for kept in still.items)) or bool(movie and len(movie.tracks) > 1)


def _beside(still: Still | None, movie: Movie | None) -> Still | None:
    """The still of a file with a sequence: players show the sequence, so that another picture is seen by nobody."""
    if still is None or movie is None:
        return still
    firsts = [track.content.data[0].bytes() for track in movie.tracks]
    pairs = zip(still.items, firsts, strict=False)
    if len(still.items) > len(firsts) or not all(kept.data.bytes() == first for kept, first in pairs):
        return None
    return still.with_sizes([track.content.size for track in movie.tracks])


def _colour(first: KeptItem | TrackContent, still: Still | None) -> Colour:
    """The colours of the picture that is shown; a grid may leave them to its tiles."""
    colour = colour_of(first.properties)
    if colour == Colour() and still and still.items[0].inputs:
        return colour_of(still.items[still.items[0].inputs[0] - 1].properties)
    return colour


def _properties(still: Still | None, movie: Movie | None) -> list[tuple[Property, ...]]:
    """The properties of every item and of every track that leaves."""
    items = still.items if still else ()
    tracks = movie.tracks if movie else ()
    return [*(kept.properties for kept in items), *(track.content.properties for track in tracks)]


def _residuals(name: str, still: Still | None, movie: Movie | None) -> tuple[Residual, ...]:
    """Coded data is passed through; a clean aperture only hides what lies outside it, an overlay what lies below it."""
    codes = [Residual.AV1_CODED_SLACK if name == "avif" else Residual.HEVC_CODED_SLACK]
    if any(prop.kind == "clap" for found in _properties(still, movie) for prop in found):
        codes.append(Residual.HEIF_AREA_OUTSIDE_CROP)
    if still and any(kept.item.type == b"iovl" for kept in still.items):
        codes.append(Residual.HEIF_AREA_BELOW_OVERLAY)
    return tuple(codes)


def _edge(name: str, still: Still | None, movie: Movie | None) -> int:
    """Bytes of the samples coded beyond the edge of each picture, at most: three a pixel, of two bytes each."""
    items = still.items if still else ()
    pictures = [(kept.data, kept.size) for kept in items if kept.is_coded]
    grids = [kept for kept in items if kept.item.type == b"grid"]
    beyond = sum(sum(area(items[tile - 1].size) for tile in grid.inputs) - area(grid.size) for grid in grids)
    for track in movie.tracks if movie else ():
        pictures += [(sample, track.content.size) for sample in track.content.data]
    if name == "avif":  # a block that begins in the picture is coded whole (AV1 5.11.4)
        return 6 * (beyond + sum(area_beyond(*size, AV1_BLOCK) for _, size in pictures))
    hidden = sum(max(0, area(data.size) - area(size)) for data, size in pictures if data.size != (0, 0))
    return 6 * (beyond + hidden)


def _scaling(still: Still | None, movie: Movie | None) -> int:
    """Bytes of the scaling lists in the HEVC parameter sets that stay, each counted once."""
    configs: set[HevcConfig] = {
        config for found in _properties(still, movie) if (config := value_of(found, "hvcC")) is not None
    }
    sequences = {sequence for config in configs for sequence in config.sequences}
    pictures = {picture for config in configs for picture in config.pictures}
    bits = sum(sequence.scaling for sequence in sequences) + sum(picture.scaling for picture in pictures)
    return -(-bits // 8)


def _top_level(view: memoryview, tally: Tally) -> _TopLevel:
    """Walk the top level up to where it is no longer boxes, or another file begins."""
    boxes: list[BoxAt] = []
    start = 0
    while len(view) - start >= 8:
        tally.add()
        at = box_at(view, start, len(view))
        if at is None and bytes(view[start + 4 : start + 8]) == b"mdat":  # cut short: items may still be complete
            at = BoxAt(b"mdat", start, start + 8, len(view))
        if at is None or (boxes and (at.type == b"ftyp" or not any(at.type))):
            break
        boxes.append(at)
        start = at.end
    brands = brands_of(bytes(view[: boxes[0].end])) if boxes else ()
    if not (AVIF_BRANDS | HEIC_BRANDS) & set(brands):
        problem = "a brand of a still picture or an image sequence is required"
        raise UnsupportedFeature(problem, structure="isobmff ftyp", offset=0)
    first = first_of_each(boxes)
    if b"meta" not in first and b"moov" not in first:
        raise MalformedImage("a meta or a moov box is required", structure="isobmff", offset=0)
    return _TopLevel(boxes, start, brands, first.get(b"meta"), first.get(b"moov"))


def _check_coding(name: str, still: Still | None, movie: Movie | None) -> None:
    """Check that all coded data of a file is in the coding of the row ``name``.

    Raises:
        UnsupportedFeature: it is in another coding, in two, or there is none.
    """
    kinds = [kept.item.type for kept in still.items if kept.is_coded] if still else []
    kinds += [track.content.entry for track in movie.tracks] if movie else []
    codings = {"avif" if kind == b"av01" else "heic" for kind in kinds}
    if codings != {name}:
        found = " and ".join(sorted(codings)) or "no known coding"
        raise UnsupportedFeature(f"pictures in {found}, {name} is required", structure="isobmff", offset=0)


def _brands(name: str, still: Still | None, movie: Movie | None) -> tuple[bytes, ...]:
    """The brands that the kept parts of a file need."""
    configs = [value_of(kept.properties, "hvcC") for kept in still.items if kept.is_coded] if still else []
    configs += [value_of(track.content.properties, "hvcC") for track in movie.tracks] if movie else []
    main = all(config is not None and config.main for config in configs)
    return required_brands(name, main=main, still=still is not None, sequence=movie is not None)


def _parts(view: memoryview, top: _TopLevel, tree: IsobmffTree, meta: Meta | None, tally: Tally) -> tuple[Part, ...]:
    """Claim every box, then the items and samples in the media data."""
    layout = PartLayout(view, PartBuilder(len(view), tally.limits), tally)
    for at in top.boxes:
        if at.offset == 0:
            plain = top.brands == tree.brands or not set(top.brands) - PLAIN_BRANDS
            plain = plain and not any(view[at.body + 4 : at.body + 8]) and (at.end - at.body) % 4 == 0
            plain = plain and len(set(top.brands[1:])) == len(top.brands[1:])
            layout.add(at, "ftyp", Role.ENCODING if plain else Role.METADATA)
        elif meta and tree.still and at is top.meta:
            layout.add_meta(meta, tree.still)
        elif tree.movie and at is top.moov:
            layout.add_movie(tree.movie)
        else:
            layout.add_top_level(at)
    if meta and tree.still:
        layout.add_items(meta, tree.still)
    if tree.movie:
        layout.add_samples(tree.movie)
    return layout.tile(top.end)
