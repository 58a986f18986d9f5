"""The image sequence of a file: its colour track and alpha track, and a ``moov`` box for just those.

Kept are sample data, timing, loop count and colour. Thumbnail and other tracks, times of making, names, user data
and hints go. Clauses: ISO 14496-12 8.2 to 8.7, 12.1; ISO 23008-12 7.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from rmexif.containers.isobmff.av1 import filter_av1
from rmexif.containers.isobmff.boxes import BoxAt, Tally, box, flags_of, full, hdlr, walk
from rmexif.containers.isobmff.filtered_units import Filtered, area
from rmexif.containers.isobmff.hevc import filter_hevc
from rmexif.containers.isobmff.properties import Property, choose, read_property, settled, value_of
from rmexif.containers.isobmff.timing import ENDLESS, Edits, Times, canonical
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.isobmff.av1_sequence import Sequence as Av1Sequence
    from rmexif.cursor import Cursor

__all__ = ["Movie", "Track", "find", "read_movie", "write_moov"]

ENTRIES = {b"av01": "av1C", b"hvc1": "hvcC", b"hev1": "hvcC"}
UNIT = 0x10000
UNITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
UNDETERMINED = 0x55C4  # language "und"
ENTRY = struct.Struct(">6xH16xHHII4xH32xHh")  # VisualSampleEntry, 12.1.3
DROPPED = frozenset(("a1op", "lsel", "ispe", "pixi", "auxC"))  # properties of items, not of tracks


@dataclass(slots=True)
class Track:
    """A track of coded pictures."""

    at: BoxAt
    number: int = 0
    handler: bytes = b""
    duration: int = 0  # in the movie's time scale, as read
    times: Times | None = None  # canonical
    matrix: bytes = UNITY
    display: tuple[int, int] = (0, 0)  # px
    references: dict[bytes, list[int]] = field(default_factory=dict)
    timescale: int = 0  # units per second
    edits: Edits | None = None
    entry: bytes = b""  # type of the sample entry
    entry_size: tuple[int, int] = (0, 0)  # px
    properties: list[Property] = field(default_factory=list)
    samples: list[tuple[int, int]] = field(default_factory=list)  # start, end in the file
    deltas: list[int] = field(default_factory=list)  # per sample, in units of the time scale
    shifts: list[int] = field(default_factory=list)  # per sample, or none
    syncs: list[int] | None = None  # 1-based
    data: list[Filtered] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Bytes of all samples."""
        return sum(one.length for one in self.data)


@dataclass(slots=True)
class Movie:
    """The image sequence."""

    at: BoxAt
    tracks: list[Track]  # colour, then alpha where there is one
    premultiplied: bool


Boxes = dict[bytes, BoxAt]


def find(view: memoryview, at: BoxAt, tally: Tally) -> Boxes:
    """The first box of each type in a container box."""
    found: Boxes = {}
    for one in walk(view, at.body, at.end, tally):
        found.setdefault(one.type, one)
    return found


def need(found: Boxes, kind: bytes) -> BoxAt:
    """The box of a type that must be there."""
    if kind not in found:
        raise MalformedImage(f"isobmff: a picture track without {kind.decode()}")
    return found[kind]


def read_movie(view: memoryview, at: BoxAt, tally: Tally) -> Movie:
    """Read the colour track of a ``moov`` box, and the alpha track that goes with it.

    Raises:
        MalformedImage, UnsupportedFeature, LimitExceeded: see the errors' own words.
    """
    boxes = walk(view, at.body, at.end, tally)
    mvhd = next((one for one in boxes if one.type == b"mvhd"), None)
    if mvhd is None:
        raise MalformedImage("isobmff: moov without mvhd")
    _header(mvhd.cursor(view))
    tracks = [_outline(view, one, tally) for one in boxes if one.type == b"trak"]
    colour = next((t for t in tracks if t.handler == b"pict" and not t.references.keys() & {b"auxl", b"thmb"}), None)
    if colour is None:
        raise UnsupportedFeature("isobmff: an image sequence without a picture track")
    _fill(view, colour, tally)
    limits = tally.limits
    limits.check("max_pixels", len(colour.samples) * max(area(one.size) for one in colour.data))
    limits.check("max_pixels", len(colour.samples) * area(colour.entry_size))
    colour.times = canonical(colour.timescale, colour.deltas, colour.shifts, colour.edits, colour.duration)
    kept = [colour]
    for track in tracks:
        if track.number != colour.number and colour.number in track.references.get(b"auxl", []):
            _fill(view, track, tally)
            if value_of(track.properties, "auxi") is not False:
                _join(track, colour)
                kept.append(track)
                break
    premultiplied = len(kept) > 1 and kept[1].number in colour.references.get(b"prem", [])
    return Movie(at, kept, premultiplied)


def _join(alpha: Track, colour: Track) -> None:
    """Alpha is shown when and where its colours are."""
    if len(alpha.samples) != len(colour.samples):
        raise MalformedImage(f"isobmff: {len(alpha.samples)} alpha pictures for {len(colour.samples)}")
    alpha.times, alpha.matrix, alpha.display = colour.times, colour.matrix, colour.display


def _header(cursor: Cursor) -> int:
    """Time scale of ``mvhd`` or ``mdhd``; the times of making are stepped over, a duration adds nothing."""
    version, _ = flags_of(cursor)
    cursor.skip(16 if version else 8)
    scale = cursor.u32()
    if not scale:
        raise MalformedImage("isobmff: a time scale of 0")
    return scale


def _duration(cursor: Cursor, version: int) -> int:
    value = cursor.u64() if version else cursor.u32()
    return ENDLESS if not version and value == 0xFFFFFFFF else value


def _outline(view: memoryview, at: BoxAt, tally: Tally) -> Track:
    """Number, handler and references of a track: enough to choose among tracks."""
    found = find(view, at, tally)
    track = Track(at)
    cursor = need(found, b"tkhd").cursor(view)
    version, _ = flags_of(cursor)
    cursor.skip(16 if version else 8)
    track.number = cursor.u32()
    cursor.skip(4)
    track.duration = _duration(cursor, version)
    cursor.skip(16)
    track.matrix = cursor.bytes(36)
    track.display = cursor.u32() >> 16, cursor.u32() >> 16  # whole px
    handler = need(find(view, need(found, b"mdia"), tally), b"hdlr").cursor(view)
    handler.skip(8)
    track.handler = handler.bytes(4)
    if b"tref" in found:
        for one in walk(view, found[b"tref"].body, found[b"tref"].end, tally):
            numbers = one.cursor(view)
            tally.add(numbers.left // 4)
            track.references.setdefault(one.type, []).extend(numbers.u32() for _ in range(numbers.left // 4))
    return track


def _fill(view: memoryview, track: Track, tally: Tally) -> None:
    """Read all that is kept of a track, and filter its samples."""
    found = find(view, track.at, tally)
    mdia = find(view, need(found, b"mdia"), tally)
    stbl = find(view, need(find(view, need(mdia, b"minf"), tally), b"stbl"), tally)
    track.timescale = _header(need(mdia, b"mdhd").cursor(view))
    track.matrix = _turn(track.matrix, track.display)
    if b"edts" in found:
        elst = find(view, found[b"edts"], tally).get(b"elst")
        track.edits = _edits(elst.cursor(view), tally) if elst else None
    _entry(view, track, need(stbl, b"stsd"), tally)
    sizes = _sizes(need(stbl, b"stsz").cursor(view), tally)
    track.samples = _places(view, stbl, sizes, tally)
    count = len(sizes)
    track.deltas = _runs(need(stbl, b"stts").cursor(view), count, tally)
    if b"ctts" in stbl:
        track.shifts = _runs(stbl[b"ctts"].cursor(view), count, tally)
    if b"stss" in stbl:
        cursor = stbl[b"stss"].cursor(view)
        cursor.skip(4)
        listed = cursor.u32()
        tally.add(listed)
        track.syncs = sorted({number for number in (cursor.u32() for _ in range(listed)) if 1 <= number <= count})
    _samples(view, track, tally)


def _samples(view: memoryview, track: Track, tally: Tally) -> None:
    """Filter the samples; what they say goes before what boxes say about them."""
    config = value_of(track.properties, "hvcC")
    sequence: Av1Sequence | None = None
    for start, end in track.samples:
        data = view[start:end]
        if track.entry == b"av01":
            track.data.append(filter_av1(data, tally, still=False, sequence=sequence))
            sequence = track.data[-1].sequence
        else:
            track.data.append(filter_hevc(data, config, tally, still=False))
    first = track.data[0]
    if not area(first.size):
        raise MalformedImage("isobmff: a sequence that starts without a sequence header")
    if first.sequence:
        track.entry_size = first.size
        track.shifts = []  # pictures are coded in the order in which they are shown
        track.syncs = [number for number, one in enumerate(track.data, 1) if one.sync]
        track.properties = settled(track.properties, first.sequence)
    if track.syncs is not None and len(track.syncs) == len(track.data):
        track.syncs = None


def _turn(matrix: bytes, display: tuple[int, int]) -> bytes:
    """A turn by quarters, or a mirror, with the shift that brings the picture back to where it was (8.3.2)."""
    a, b, u, c, d, v, _, _, w = struct.unpack(">9i", matrix)
    straight, across = (abs(a), abs(d)) == (UNIT, UNIT) and not (b or c), (abs(b), abs(c)) == (UNIT, UNIT)
    if not (straight or (across and not (a or d))) or u or v or w != 0x40000000:
        raise UnsupportedFeature("isobmff: a track that is distorted on display")
    width, height = display
    x, y = -min(0, a * width, c * height), -min(0, b * width, d * height)
    if max(x, y) >= 1 << 31:
        raise MalformedImage("isobmff: a track that is shown too large")
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


def _entry(view: memoryview, track: Track, stsd: BoxAt, tally: Tally) -> None:
    """The first sample entry; any other must stay unused."""
    at = next(iter(walk(view, stsd.body + 8, stsd.end, tally)), None) if stsd.end - stsd.body >= 8 else None
    if at is None or at.type not in ENTRIES:
        raise UnsupportedFeature("isobmff: an image sequence in a coding that is not handled")
    fields = ENTRY.unpack(at.cursor(view).take(ENTRY.size))
    track.entry, track.entry_size = at.type, (fields[1], fields[2])
    config = ENTRIES[at.type]
    found = [read_property(view, one, tally) for one in walk(view, at.body + ENTRY.size, at.end, tally)]
    known = [one for one in found if one and one.kind not in DROPPED]
    if value_of(known, config) is None:
        raise MalformedImage(f"isobmff: a sample entry without {config}")
    track.properties = choose(one for one in known if one.kind not in ("av1C", "hvcC") or one.kind == config)
    track.properties += [one for one in known if one.kind == "auxi" and not one.box]


def _sizes(cursor: Cursor, tally: Tally) -> list[int]:
    cursor.skip(4)
    size, count = cursor.u32(), cursor.u32()
    tally.limits.check("max_frames", count)
    if not count:
        raise MalformedImage("isobmff: an image sequence without samples")
    return [size] * count if size else [cursor.u32() for _ in range(count)]


def _runs(cursor: Cursor, count: int, tally: Tally) -> list[int]:
    """The numbers of ``stts`` or ``ctts``, one per sample; version 1 of ``ctts`` is signed."""
    version, _ = flags_of(cursor)
    out: list[int] = []
    for _ in range(cursor.u32()):
        tally.add()
        repeat = cursor.u32()
        value = int.from_bytes(cursor.bytes(4), "big", signed=version == 1)
        out += [value] * min(repeat, count - len(out))
    if len(out) != count:
        raise MalformedImage("isobmff: samples without a time")
    return out


def _places(view: memoryview, stbl: Boxes, sizes: list[int], tally: Tally) -> list[tuple[int, int]]:
    """Where each sample lies: chunks of ``stsc`` at offsets of ``stco`` or ``co64`` (8.7)."""
    wide = b"co64" in stbl
    chunks = need(stbl, b"co64" if wide else b"stco").cursor(view)
    runs = need(stbl, b"stsc").cursor(view)
    runs.skip(4)
    left = runs.u32()
    chunks.skip(4)
    following, per_chunk = 1, 0
    out: list[tuple[int, int]] = []
    room = 2 * len(view)
    for chunk in range(1, chunks.u32() + 1):
        tally.add()
        while left and following <= chunk:
            tally.add()
            following, per_chunk, entry = runs.u32(), runs.u32(), runs.u32()
            if entry != 1:
                raise UnsupportedFeature("isobmff: an image sequence with several sample entries")
            left -= 1
            following_at = runs.offset
            following = runs.u32() if left else 1 << 32
            runs.offset = following_at
        at = chunks.u64() if wide else chunks.u32()
        for size in sizes[len(out) : len(out) + per_chunk]:
            out.append((at, at + size))
            at += size
            room -= size
        if at > len(view) or room < 0:
            raise MalformedImage(f"isobmff: samples of chunk {chunk} leave the file")
    if len(out) != len(sizes):
        raise MalformedImage("isobmff: samples without a place")
    return out


# ---------------------------------------------------------------------------- writing


def write_moov(movie: Movie, offsets: Sequence[int]) -> bytes:
    """A ``moov`` box for the kept tracks.

    Args:
        movie: the sequence.
        offsets: byte in the file where each track's samples start.
    """
    times = _times(movie.tracks[0])
    mvhd = full(
        b"mvhd",
        1,
        0,
        struct.pack(">QQIQIH10x", 0, 0, times.timescale, times.duration, 0x10000, 0x100),
        UNITY,
        struct.pack(">24xI", len(movie.tracks) + 1),
    )
    traks = [_trak(movie, number, offset) for number, offset in enumerate(offsets, 1)]
    return box(b"moov", mvhd, *traks)


def _trak(movie: Movie, number: int, offset: int) -> bytes:
    track = movie.tracks[number - 1]
    times = _times(track)
    head = struct.pack(">QQIIQ16x", 0, 0, number, 0, times.duration)
    sides = struct.pack(">II", *(side << 16 for side in track.display))
    chunks = [full(b"tkhd", 1, 3, head, track.matrix, sides)]
    link = (b"auxl", 1) if number == 2 else (b"prem", 2) if movie.premultiplied else None
    if link:
        chunks.append(box(b"tref", box(link[0], struct.pack(">I", link[1]))))
    if times.edits:
        flags, rows = times.edits
        packed = b"".join(struct.pack(">QqI", *row) for row in rows)
        chunks.append(box(b"edts", full(b"elst", 1, flags, struct.pack(">I", len(rows)), packed)))
    mdhd = full(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, times.timescale, times.length, UNDETERMINED, 0))
    dinf = box(b"dinf", full(b"dref", 0, 0, b"\0\0\0\1", full(b"url ", 0, 1)))
    minf = box(b"minf", full(b"vmhd", 0, 1, bytes(8)), dinf, _stbl(track, offset))
    return box(b"trak", *chunks, box(b"mdia", mdhd, hdlr(b"auxv" if number == 2 else b"pict"), minf))


def _times(track: Track) -> Times:
    """The times of a track that was read whole."""
    if track.times is None:
        raise MalformedImage("isobmff: a track without times")
    return track.times


def write_stsd(track: Track) -> bytes:
    """The sample description: one entry without the compressor's name."""
    fields = ENTRY.pack(1, *track.entry_size, 0x480000, 0x480000, 1, 24, -1)
    return full(b"stsd", 0, 0, b"\0\0\0\1", box(track.entry, fields, *(one.box for one in track.properties)))


def _stbl(track: Track, offset: int) -> bytes:
    """The sample table: all samples lie in one chunk."""
    count = len(track.data)
    times = _times(track)
    chunks = [write_stsd(track), _table(b"stts", times.deltas)]
    if times.shifts:
        chunks.append(_table(b"ctts", times.shifts))
    chunks.append(full(b"stsc", 0, 0, struct.pack(">4I", 1, 1, count, 1)))
    chunks.append(full(b"stsz", 0, 0, struct.pack(f">II{count}I", 0, count, *(one.length for one in track.data))))
    chunks.append(full(b"stco", 0, 0, struct.pack(">II", 1, offset)))
    if track.syncs is not None:
        chunks.append(full(b"stss", 0, 0, struct.pack(f">I{len(track.syncs)}I", len(track.syncs), *track.syncs)))
    return box(b"stbl", *chunks)


def _table(kind: bytes, values: list[int]) -> bytes:
    """``stts`` or ``ctts`` with equal neighbours joined."""
    runs = [(len(list(group)), value) for value, group in groupby(values)]
    return full(kind, 0, 0, struct.pack(">I", len(runs)), *(struct.pack(">II", *run) for run in runs))
