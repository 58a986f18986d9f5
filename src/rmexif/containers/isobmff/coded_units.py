"""The tile groups of AV1 and the slices of HEVC as units that can be cut, each seen in a file of its own.

An item is shown alone, without crop, rotation and alpha, and an HEVC picture without its conformance window: all that
is coded has to be seen, or data that other viewers need would seem to be needed by nobody. A sample is seen in its
track, because later ones are predicted from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from rmexif.containers.common.coded_units import CodedUnit, CodedUnits
from rmexif.containers.common.fourcc import name_of
from rmexif.containers.common.gathered import Gathered
from rmexif.containers.isobmff.av1 import FRAME, FRAME_HEADER, FRAMES, TILE_GROUP, leb128, read_obu
from rmexif.containers.isobmff.av1_tiles import TileLayout, tile_layout, tiles_of
from rmexif.containers.isobmff.boxes import box
from rmexif.containers.isobmff.brands import required_brands
from rmexif.containers.isobmff.coded_data import FilteredData
from rmexif.containers.isobmff.hevc import SLICES, without_windows
from rmexif.containers.isobmff.hevc_slice import SliceSegment, read_slice_segment
from rmexif.containers.isobmff.items import Item
from rmexif.containers.isobmff.parse import IsobmffTree
from rmexif.containers.isobmff.properties import Property, ispe, value_of, with_size
from rmexif.containers.isobmff.rewrite import rewrite
from rmexif.containers.isobmff.still import KeptItem, Still
from rmexif.residuals import Residual
from rmexif.types import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rmexif.containers.isobmff.hevc import HevcConfig
    from rmexif.containers.isobmff.movie import Movie, TrackContent
    from rmexif.types import Container

__all__ = ["IsobmffUnits"]

AV1_SLACK = 4  # byte: dav1d refuses a tile cut before the end of its codes (AV1 8.2.4), and needs all that aom writes
HEVC_SLACK = 16  # byte: libde265 takes zeros for what is missing, which at the end of a slice often is the same picture
HEADER_MARGIN = 1  # byte: trailing bits of a frame header (AV1 5.3.4), which its reader does not need
SLICE_MARGIN = 2  # byte: the last code of CABAC and rbsp_slice_segment_trailing_bits (H.265 9.3.2.5, 7.3.2.10)
MAX_TILES = 4096  # of a frame (AV1 3: MAX_TILE_COLS, MAX_TILE_ROWS)
LEAST_TILE = 64  # px: side of a superblock
NAL_HEADER = 2  # byte (H.265 7.3.1.2)
SHOWN = frozenset(("ispe", "pixi", "av1C", "hvcC", "nclx"))  # properties that an item is shown with


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a unit lies in its stream: an OBU or a NAL unit, or a tile or a row of blocks in it."""

    position: int  # byte: of the header, which holds the length of what is behind it
    start: int  # byte: behind the header
    end: int
    unit_end: int
    size_at: int = 0  # byte: of the tile's own size
    size_bytes: int = 0
    size: int = 0  # byte: of the tile
    segment: SliceSegment | None = None  # of HEVC, which holds several streams
    number: int = 0  # of this one


@dataclass(frozen=True, slots=True)
class _Stream:
    """The coded data of an item or a sample; several may have the same."""

    data: bytes
    alone: Callable[[bytes], IsobmffTree]  # the file that shows it, with other data in its place


class IsobmffUnits(CodedUnits):
    """The units of all items and samples; equal data counts once."""

    def __init__(self, container: Container[IsobmffTree]) -> None:
        self._container = container
        self._streams: dict[bytes, int] = {}
        self._alone: list[_Stream] = []
        self._places: list[tuple[int, _Place]] = []  # stream, place in it
        self._found: list[CodedUnit] = []
        self._is_avif = self.is_av1 = container.format == "avif"
        self.unbounded = Residual.AV1_CODED_SLACK if self._is_avif else Residual.HEVC_CODED_SLACK
        tree = container.tree
        if tree.movie:
            self._add_movie(tree.movie)
        for kept in tree.still.items if tree.still else ():
            if kept.is_coded:
                self._add_item(kept)
        self.units = tuple(self._found)

    def trial(self, number: int, cut: int, filler: bytes = b"") -> bytes:
        """A file of one item, or of one track."""
        at, _ = self._places[number]
        tree = self._alone[at].alone(self._shortened(at, {number: cut}, filler))
        return b"".join(rewrite(memoryview(b""), replace(self._container, tree=tree)))

    def without(self, cuts: Mapping[int, int]) -> bytes:
        """The file with shorter units."""
        by_stream: dict[int, dict[int, int]] = {}
        for number, cut in cuts.items():
            by_stream.setdefault(self._places[number][0], {})[number] = cut

        def fresh(old: FilteredData) -> FilteredData:
            at = self._streams[old.bytes()]
            return FilteredData([memoryview(self._shortened(at, by_stream[at]))]) if at in by_stream else old

        tree = self._container.tree
        movie, still = tree.movie, tree.still
        if movie:
            contents = [replace(track.content, data=tuple(map(fresh, track.content.data))) for track in movie.tracks]
            pairs = zip(movie.tracks, contents, strict=True)
            movie = replace(movie, tracks=tuple(replace(track, content=content) for track, content in pairs))
        if still:
            items = [replace(kept, data=fresh(kept.data)) if kept.is_coded else kept for kept in still.items]
            still = replace(still, items=tuple(items))
        tree = replace(tree, movie=movie, still=still)
        return b"".join(rewrite(memoryview(b""), replace(self._container, tree=tree)))

    # -- what is there ----------------------------------------------------------------------------------------------

    def _add_movie(self, movie: Movie) -> None:
        """Add the samples of all tracks: of AVIF each seen in its track, of HEIC as a still, where it is one."""
        for number, track in enumerate(movie.tracks):
            content = track.content
            for index, sample in enumerate(content.data):
                if self._is_avif:
                    alone, picture = partial(self._track_with, movie, number, index), number
                else:  # the decoder shows no track
                    still = KeptItem(Item(1, content.entry), False, False, _sized(content), (), ())
                    alone, picture = partial(self._item_with, still), -1 - len(self._streams)
                is_shown = self._is_avif or content.syncs is None or index + 1 in content.syncs
                self._add("mdat/sample", sample, content.properties, alone, picture, is_shown)

    def _track_with(self, movie: Movie, number: int, index: int, data: bytes) -> IsobmffTree:
        """The file of one track, with ``data`` as one of its samples."""
        track = movie.tracks[number]
        samples = list(track.content.data)
        samples[index] = FilteredData([memoryview(data)])
        shown = replace(track, content=replace(track.content, data=tuple(samples)))
        brands = required_brands(self._container.format, main=True, still=False, sequence=True)
        return IsobmffTree(brands, None, replace(movie, tracks=(shown,), premultiplied=False))

    def _add_item(self, kept: KeptItem) -> None:
        """Add a coded item, seen alone."""
        where = f"mdat/item:{name_of(kept.item.type)}"
        alone = partial(self._item_with, kept)
        self._add(where, kept.data, kept.properties, alone, -1 - len(self._streams), is_shown=True)

    def _item_with(self, kept: KeptItem, data: bytes) -> IsobmffTree:
        """The file of one item, with ``data`` as its own."""
        coded = FilteredData([memoryview(data)])
        item = replace(kept, alpha=False, hidden=False, alpha_of=(), properties=_shown(kept), data=coded)
        brands = required_brands(self._container.format, main=True, still=True, sequence=False)
        return IsobmffTree(brands, Still((item,), ()), None)

    def _add(
        self,
        where: str,
        filtered: FilteredData,
        properties: tuple[Property, ...],
        alone: Callable[[bytes], IsobmffTree],
        picture: int,
        is_shown: bool,
    ) -> None:
        data = filtered.bytes()
        if data in self._streams:
            return
        stream = self._streams[data] = len(self._alone)
        self._alone.append(_Stream(data, alone))
        found = _tile_groups(where, filtered, data) if self._is_avif else _slices(where, properties, data)
        for place, unit in found:
            self._places.append((stream, place))
            self._found.append(replace(unit, picture=picture, is_visible=unit.is_visible and is_shown))

    # -- what is written --------------------------------------------------------------------------------------------

    def _shortened(self, stream: int, cuts: Mapping[int, int], filler: bytes = b"") -> bytes:
        """The data of a stream with ``filler`` instead of so many bytes at the end of units."""
        data = self._alone[stream].data
        edits: list[tuple[int, int, bytes]] = []
        lengths: dict[tuple[int, int], int] = {}  # of each OBU or NAL unit, by where its header starts and ends
        segments: dict[int, tuple[SliceSegment, list[int]]] = {}  # by where the unit starts; the lengths of its streams
        for number, cut in cuts.items():
            place = self._places[number][1]
            edits.append((place.unit_end - cut, place.unit_end, filler))
            less, key = cut - len(filler), (place.position, place.start)
            lengths[key] = lengths.get(key, place.end - place.start) - less
            if place.size_bytes:
                size = (place.size - less - 1).to_bytes(place.size_bytes, "little")  # tile_size_minus_1
                edits.append((place.size_at, place.size_at + place.size_bytes, size))
            if place.segment:
                segments.setdefault(place.start, (place.segment, place.segment.lengths))[1][place.number] -= less
        for start, (segment, streams) in segments.items():
            head = segment.head(streams)
            edits.append((start + NAL_HEADER, start + segment.bounds[0], head))
            key = next(key for key in lengths if key[1] == start)
            lengths[key] += len(head) - (segment.bounds[0] - NAL_HEADER)
        edits += [(start, end, self._head(data[start:end], length)) for (start, end), length in lengths.items()]
        out, done = [], 0
        for start, end, new in sorted(edits):
            out += [data[done:start], new]
            done = end
        return b"".join((*out, data[done:]))

    def _head(self, head: bytes, length: int) -> bytes:
        """What stands before a unit of ``length`` bytes instead of ``head``."""
        if not self._is_avif:
            return length.to_bytes(len(head), "big")
        bare = 1 + (head[0] >> 2 & 1)  # obu_extension_flag
        return head[:bare] + (leb128(length) if head[0] & 2 else b"")  # obu_has_size_field


def _tile_groups(where: str, filtered: FilteredData, data: bytes) -> Iterator[tuple[_Place, CodedUnit]]:
    """Tiles and frame headers of AV1.

    The decoder hands out 8 bits of whatever depth; that is enough, since it refuses a tile that is cut before its end.
    """
    sequence, view = filtered.sequence, memoryview(data)
    coded = Gathered.of(view)
    is_visible = sequence is not None and not sequence.layered
    across, down = (-(-side // LEAST_TILE) for side in filtered.size)
    most = min(MAX_TILES, max(1, across * down))
    layout, position = None, 0
    while position < len(data):
        obu = read_obu(coded, position)
        body = view[obu.start : obu.end]
        if sequence and obu.kind in (FRAME, FRAME_HEADER):
            layout = tile_layout(body, sequence)
        if obu.kind == FRAME_HEADER:
            unit = CodedUnit(where, body, 0, is_visible, True, AV1_SLACK, HEADER_MARGIN)
            yield _Place(position, obu.start, obu.end, obu.end), unit
        elif obu.kind in FRAMES:
            first = TileLayout(layout.count, layout.size_bytes, 0) if layout and obu.kind == TILE_GROUP else layout
            tiles = tiles_of(body, first) if first and first.count > 1 else None
            is_single = tiles is not None or (layout is not None and layout.count == 1)
            for start, end in tiles or [(0, len(body))]:
                unit = CodedUnit(where, body[start:end], 0, is_visible, is_single, AV1_SLACK, streams=most)
                has_size = end < len(body) and first is not None
                width = first.size_bytes if first and has_size else 0
                at = obu.start + start - width
                yield _Place(position, obu.start, obu.end, obu.start + end, at, width, end - start), unit
        position = obu.end


def _slices(where: str, properties: tuple[Property, ...], data: bytes) -> Iterator[tuple[_Place, CodedUnit]]:
    """Slices of HEVC; parameter sets between them would have windows that stay."""
    config = value_of(properties, "hvcC")
    view, position, places = memoryview(data), 0, []
    while position < len(data):
        start = position + config.length_size
        end = start + int.from_bytes(data[position:start], "big")
        places.append(_Place(position, start, end, end))
        position = end
    are_slices = [data[place.start] >> 1 in SLICES for place in places]
    is_visible = all(are_slices) and bool(config.size[0])
    for place, is_slice in zip(places, are_slices, strict=True):
        if is_slice:
            yield from _streams(where, place, view[place.start : place.end], config, is_visible)


def _streams(
    where: str, place: _Place, nal: memoryview, config: HevcConfig, is_visible: bool
) -> Iterator[tuple[_Place, CodedUnit]]:
    """The slice as a whole, or the streams in it where its header says where they are."""
    is_single = not any(picture.has_substreams for picture in config.pictures)
    segment = None if is_single else read_slice_segment(nal, config)
    if segment is None or len(segment.lengths) == 1:
        is_single |= segment is not None
        yield place, CodedUnit(where, nal, 0, is_visible, is_single, HEVC_SLACK, SLICE_MARGIN)
        return
    for number, (start, end) in enumerate(pairwise(segment.bounds)):
        unit = CodedUnit(where, nal[start:end], 0, is_visible, True, HEVC_SLACK, SLICE_MARGIN)
        yield replace(place, unit_end=place.start + end, segment=segment, number=number), unit


def _sized(content: TrackContent) -> tuple[Property, ...]:
    """The properties of a still of a track's size."""
    return (*(prop for prop in content.properties if prop.kind != "ispe"), ispe(content.size))


def _shown(kept: KeptItem) -> tuple[Property, ...]:
    """What an item is shown with where all that is coded is to be seen."""
    properties = tuple(prop for prop in kept.properties if prop.kind in SHOWN)
    config = value_of(properties, "hvcC")
    if config is None or not config.size[0]:
        return properties
    uncropped = Property("hvcC", box(b"hvcC", without_windows(config)), Role.STRUCTURE, config)
    return with_size(tuple(uncropped if prop.kind == "hvcC" else prop for prop in properties), config.size)
