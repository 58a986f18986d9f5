"""The image sequence of a file: its colour track and the alpha track that goes with it.

Kept are sample data, timing, loop count and colour. Thumbnail and other tracks, times of making, names, user data
and hints go. Clauses: ISO 14496-12 8.2 to 8.7, 12.1; ISO 23008-12 7.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.common.gathered import Gathered
from rmexif.containers.isobmff.av1 import filter_av1
from rmexif.containers.isobmff.boxes import Boxes, first_of_each, flags_of, malformed, unsupported, walk
from rmexif.containers.isobmff.coded_data import FilteredData, area
from rmexif.containers.isobmff.hevc import filter_hevc
from rmexif.containers.isobmff.properties import (
    Property,
    choose,
    read_property,
    value_of,
    with_sequence_header,
    with_used_hevc_sets,
)
from rmexif.containers.isobmff.sample_table import read_places, read_runs, read_sizes, read_syncs
from rmexif.containers.isobmff.timing import ENDLESS, Edits, Timing, canonical

if TYPE_CHECKING:
    from rmexif.containers.common.boxes import BoxAt
    from rmexif.containers.isobmff.av1_sequence import Av1SequenceHeader
    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.cursor import Cursor

__all__ = ["ENTRY", "UNITY", "Movie", "Track", "TrackContent", "read_movie"]

ENTRIES = {b"av01": "av1C", b"hvc1": "hvcC", b"hev1": "hvcC"}  # sample entries, and the box that configures a decoder
UNIT = 0x10000  # 1.0 as 16.16 (8.3.2)
UNITY = struct.pack(">9i", UNIT, 0, 0, 0, UNIT, 0, 0, 0, 0x40000000)  # 8.2.2
UNKNOWN_DURATION = 0xFFFFFFFF  # of version 0 (8.3.2)
ENTRY = struct.Struct(">6xH16xHHII4xH32xHh")  # VisualSampleEntry, 12.1.3
DROPPED = frozenset(("a1op", "lsel", "ispe", "pixi", "auxC"))  # properties of items, not of tracks


@dataclass(frozen=True, slots=True)
class TrackOutline:
    """What tells tracks apart."""

    at: BoxAt
    number: int
    handler: bytes
    duration: int  # in the movie's time scale
    matrix: bytes
    display: tuple[int, int]  # px
    references: dict[bytes, list[int]]


@dataclass(frozen=True, slots=True)
class TrackContent:
    """The samples of a track, filtered, and what its boxes say about them."""

    entry: bytes  # type of the sample entry
    size: tuple[int, int]  # px, of the sample entry
    properties: tuple[Property, ...]
    coded: tuple[Gathered, ...]  # samples as they lie in the file
    data: tuple[FilteredData, ...]  # of each sample
    syncs: tuple[int, ...] | None  # 1-based; None: all samples
    timescale: int  # units per second
    deltas: list[int]  # per sample, in units of the time scale
    shifts: list[int]  # per sample, or none
    edits: Edits | None
    matrix: bytes

    @property
    def length(self) -> int:
        """Bytes of all samples."""
        return sum(sample.length for sample in self.data)


@dataclass(frozen=True, slots=True)
class Track:
    """A track of coded pictures; alpha has timing, matrix and display of its colours."""

    outline: TrackOutline
    content: TrackContent
    timing: Timing
    matrix: bytes
    display: tuple[int, int]  # px


@dataclass(frozen=True, slots=True)
class Movie:
    """The image sequence."""

    at: BoxAt
    tracks: tuple[Track, ...]  # colour, then alpha where there is one
    premultiplied: bool


def find(view: memoryview, at: BoxAt, tally: Tally) -> Boxes:
    """The first box of each type in a container box."""
    return first_of_each(walk(view, at.body, at.end, tally))


def need(found: Boxes, kind: bytes, parent: BoxAt) -> BoxAt:
    """The box of a type that must be there."""
    if kind not in found:
        raise malformed(parent, f"a {kind.decode()} box is required in it")
    return found[kind]


def read_movie(view: memoryview, at: BoxAt, tally: Tally) -> Movie:
    """Read the colour track of a ``moov`` box, and the alpha track that goes with it.

    Raises:
        MalformedImage: a box that is needed is missing or broken, or samples are.
        UnsupportedFeature: there is no picture track, or one in a coding or with a matrix that is refused.
        LimitExceeded: more pixels, frames or structures than allowed.
    """
    boxes = walk(view, at.body, at.end, tally)
    mvhd = need(first_of_each(boxes), b"mvhd", at)
    _timescale(view, mvhd)
    outlines = [_outline(view, trak, tally) for trak in boxes if trak.type == b"trak"]
    first = next(
        (
            outline
            for outline in outlines
            if outline.handler == b"pict" and not outline.references.keys() & {b"auxl", b"thmb"}
        ),
        None,
    )
    if first is None:
        raise unsupported(at, "a track with the handler pict is required")
    content = _content(view, first, tally)
    largest = max(area(content.size), *(area(sample.size) for sample in content.data))
    tally.limits.check("max_pixels", largest)
    tally.limits.check("max_total_pixels", len(content.coded) * largest)
    timing = canonical(
        content.timescale, content.deltas, content.shifts, content.edits, first.duration, offset=first.at.offset
    )
    colour = Track(first, content, timing, content.matrix, first.display)
    alpha = _alpha(view, outlines, colour, tally)
    premultiplied = alpha is not None and alpha.outline.number in first.references.get(b"prem", [])
    return Movie(at, (colour, alpha) if alpha else (colour,), premultiplied)


def _alpha(view: memoryview, outlines: list[TrackOutline], colour: Track, tally: Tally) -> Track | None:
    """The first alpha track of the colour track, which is shown when and where its colours are."""
    number = colour.outline.number
    for outline in outlines:
        if outline.number == number or number not in outline.references.get(b"auxl", []):
            continue
        content = _content(view, outline, tally)
        if value_of(content.properties, "auxi") is False:
            continue
        if len(content.coded) != len(colour.content.coded):
            problem = f"{len(content.coded)} alpha pictures for {len(colour.content.coded)} colour pictures"
            raise malformed(outline.at, problem)
        return Track(outline, content, colour.timing, colour.matrix, colour.display)
    return None


def _timescale(view: memoryview, at: BoxAt) -> int:
    """Time scale of ``mvhd`` or ``mdhd``; the times of making are stepped over, a duration adds nothing."""
    cursor = at.cursor(view)
    version, _ = flags_of(cursor)
    cursor.skip(16 if version else 8)
    scale = cursor.u32()
    if not scale:
        raise malformed(at, "a time scale of 0, 1 or more is required")
    return scale


def _duration(cursor: Cursor, version: int) -> int:
    value = cursor.u64() if version else cursor.u32()
    return ENDLESS if not version and value == UNKNOWN_DURATION else value


def _outline(view: memoryview, at: BoxAt, tally: Tally) -> TrackOutline:
    """Number, handler and references of a track: enough to choose among tracks."""
    found = find(view, at, tally)
    cursor = need(found, b"tkhd", at).cursor(view)
    version, _ = flags_of(cursor)
    cursor.skip(16 if version else 8)
    number = cursor.u32()
    cursor.skip(4)
    duration = _duration(cursor, version)
    cursor.skip(16)
    matrix = cursor.bytes(36)
    display = cursor.u32() >> 16, cursor.u32() >> 16  # whole px
    mdia = need(found, b"mdia", at)
    handler = need(find(view, mdia, tally), b"hdlr", mdia).cursor(view)
    handler.skip(8)
    kind = handler.bytes(4)
    references: dict[bytes, list[int]] = {}
    if b"tref" in found:
        for reference in walk(view, found[b"tref"].body, found[b"tref"].end, tally):
            numbers = reference.cursor(view)
            count = (reference.end - reference.body) // 4
            tally.add(count)
            references.setdefault(reference.type, []).extend(numbers.u32() for _ in range(count))
    return TrackOutline(at, number, kind, duration, matrix, display, references)


def _content(view: memoryview, outline: TrackOutline, tally: Tally) -> TrackContent:
    """Read all that is kept of a track, and filter its samples; what they say goes before what boxes say about them."""
    found = find(view, outline.at, tally)
    mdia = need(found, b"mdia", outline.at)
    media = find(view, mdia, tally)
    minf = need(media, b"minf", mdia)
    table = need(find(view, minf, tally), b"stbl", minf)
    stbl = find(view, table, tally)
    timescale = _timescale(view, need(media, b"mdhd", mdia))
    matrix = _orientation_matrix(outline)
    elst = find(view, found[b"edts"], tally).get(b"elst") if b"edts" in found else None
    edits = _edits(elst.cursor(view), tally) if elst else None
    entry, size, properties = _entry(view, need(stbl, b"stsd", table), tally)
    sizes = read_sizes(view, need(stbl, b"stsz", table), tally)
    offsets = need(stbl, b"co64" if b"co64" in stbl else b"stco", table)
    places = read_places(view, need(stbl, b"stsc", table), offsets, sizes, tally)
    deltas = read_runs(view, need(stbl, b"stts", table), len(sizes), tally)
    shifts = read_runs(view, stbl[b"ctts"], len(sizes), tally) if b"ctts" in stbl else []
    syncs = read_syncs(view, stbl[b"stss"], len(sizes), tally) if b"stss" in stbl else None
    coded = tuple(Gathered.of(view, (place,)) for place in places)
    data = _filtered(coded, entry, properties, tally)
    first = data[0]
    if not area(first.size):
        raise malformed(outline.at, "the first sample or the configuration must hold a sequence header")
    if first.sequence:
        size = first.size
        shifts = []  # pictures are coded in the order in which they are shown
        syncs = [number for number, sample in enumerate(data, 1) if sample.sync]
        properties = with_sequence_header(properties, first.sequence)
    properties = with_used_hevc_sets(properties, frozenset().union(*(sample.pps_ids for sample in data)))
    every = syncs is None or len(syncs) == len(data)
    return TrackContent(
        entry, size, properties, coded, data, None if every else tuple(syncs or ()),
        timescale, deltas, shifts, edits, matrix,
    )  # fmt: skip


def _filtered(
    samples: tuple[Gathered, ...], entry: bytes, properties: tuple[Property, ...], tally: Tally
) -> tuple[FilteredData, ...]:
    """The samples' data; an AV1 sequence header holds for the samples behind it."""
    config = value_of(properties, "hvcC")
    sequence: Av1SequenceHeader | None = None
    out: list[FilteredData] = []
    for coded in samples:
        if entry == b"av01":
            out.append(filter_av1(coded, tally, still=False, sequence=sequence))
            sequence = out[-1].sequence
        else:
            out.append(filter_hevc(coded, config, tally, still=False))
    return tuple(out)


def _orientation_matrix(outline: TrackOutline) -> bytes:
    """A rotation by quarters, or a mirror, with the shift that brings the picture back to where it was (8.3.2)."""
    a, b, u, c, d, v, _, _, w = struct.unpack(">9i", outline.matrix)
    upright = (abs(a), abs(d)) == (UNIT, UNIT) and not (b or c)
    across = (abs(b), abs(c)) == (UNIT, UNIT) and not (a or d)
    if not (upright or across) or u or v or w != 0x40000000:
        raise unsupported(outline.at, "a matrix other than rotations by 90 degrees and mirrors is refused")
    width, height = outline.display
    x, y = -min(0, a * width, c * height), -min(0, b * width, d * height)
    if max(x, y) >= 1 << 31:
        raise malformed(outline.at, f"a display of {width} x {height} px, the matrix reaches 32767 px")
    return struct.pack(">9i", a, b, 0, c, d, 0, x, y, w)


def _edits(cursor: Cursor, tally: Tally) -> Edits:
    """The edit list (8.6.6); bit 0 of its flags says that it repeats."""
    version, flags = flags_of(cursor)
    size = 8 if version else 4
    rows = []
    for _ in range(cursor.u32()):
        tally.add()
        duration = _duration(cursor, version)
        time = int.from_bytes(cursor.bytes(size), "big", signed=True)
        rows.append((duration, time, cursor.u32()))
    return flags & 1, rows


def _entry(view: memoryview, stsd: BoxAt, tally: Tally) -> tuple[bytes, tuple[int, int], tuple[Property, ...]]:
    """Type, size in px and properties of the first sample entry; any other must stay unused."""
    entries = walk(view, stsd.body + 8, stsd.end, tally) if stsd.end - stsd.body >= 8 else []
    if not entries or entries[0].type not in ENTRIES:
        raise unsupported(stsd, "a sample entry av01, hvc1 or hev1 is required")
    at = entries[0]
    fields = ENTRY.unpack(at.cursor(view).take(ENTRY.size))
    config = ENTRIES[at.type]
    found = [read_property(view, inner, tally) for inner in walk(view, at.body + ENTRY.size, at.end, tally)]
    known = [prop for prop in found if prop and prop.kind not in DROPPED]
    if value_of(known, config) is None:
        raise malformed(at, f"a {config} box is required in it")
    chosen = choose(prop for prop in known if prop.kind not in ("av1C", "hvcC") or prop.kind == config)
    others = [prop for prop in known if prop.kind == "auxi" and not prop.box]
    return at.type, (fields[1], fields[2]), (*chosen, *others)
