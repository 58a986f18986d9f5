"""The clean HEIF or AVIF file: canonical boxes without names, times and free space, item and sample data behind them.

Clauses: ISO 14496-12 8.2 to 8.7, 8.11, 12.1; ISO 23008-12 9.3.
"""

from __future__ import annotations

import struct
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.isobmff.boxes import box, full, hdlr
from rmexif.containers.isobmff.movie import ENTRY, UNITY
from rmexif.errors import LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rmexif.containers.isobmff.coded_data import FilteredData
    from rmexif.containers.isobmff.movie import Movie, TrackContent
    from rmexif.containers.isobmff.parse import IsobmffTree
    from rmexif.containers.isobmff.still import KeptItem, Still
    from rmexif.types import Container

__all__ = ["DescriptiveItem", "rewrite", "serialised", "write_stsd"]

MAX_MEDIA = 0xF0000000  # byte of media data that 32-bit offsets reach; the boxes before it stay below the rest
UNDETERMINED = 0x55C4  # 8.4.2: language "und"
DPI_72 = 0x480000  # 12.1.3: horizresolution and vertresolution
DEPTH = 0x18  # 12.1.3: images are in colour with no alpha
MAX_REFERENCES = 0xFFFF  # 8.11.12: reference_count
MAX_NARROW_INDEX, MAX_INDEX = 0x7F, 0x7FFF  # ISO 23008-12 9.3.1: property_index


class DescriptiveItem(NamedTuple):
    """An item that describes the primary one (ISO 23008-12, 6.5.3 and annex A)."""

    type: bytes
    content_type: bytes  # of type "mime" (8.11.6.2), each part with its NUL; empty for others
    data: bytes


def rewrite(view: memoryview, container: Container[IsobmffTree]) -> list[bytes | memoryview]:
    """The lossless clean file: ftyp, meta, moov, mdat.

    Args:
        view: the file; not read again, because the tree holds views of what is passed through.
        container: what ``parse`` said about it.

    Raises:
        LimitExceeded: its offsets would need more than 32 bits.
    """
    return serialised(container.tree)


def serialised(tree: IsobmffTree, added: Sequence[DescriptiveItem] = ()) -> list[bytes | memoryview]:
    """The file of a tree, in pieces.

    Args:
        tree: with a still picture, where something is added.
        added: items that describe it; their data follows that of the others.

    Raises:
        LimitExceeded: its offsets would need more than 32 bits.
    """
    ftyp = box(b"ftyp", tree.brands[0], bytes(4), *tree.brands)
    chunks, tracks, items = _media(tree)
    position = sum(len(chunk) for chunk in chunks)
    for number, item in enumerate(added, len(tree.still.items) + 1 if tree.still else 1):
        items[number] = position
        position += len(item.data)
        chunks.append(memoryview(item.data))
    size = sum(len(chunk) for chunk in chunks)
    if size > MAX_MEDIA:
        raise LimitExceeded(
            f"max_bytes: the rewritten file would have {size} bytes, more than its 32-bit offsets reach"
        )
    start = 8 + len(ftyp) + len(_index(tree, 0, tracks, items, added))
    mdat = struct.pack(">I4s", 8 + size, b"mdat")
    return [ftyp, _index(tree, start, tracks, items, added), mdat, *chunks]


def _media(tree: IsobmffTree) -> tuple[list[memoryview], list[int], dict[int, int]]:
    """Pieces of the media data, and where in it each track and each item (by number) starts."""
    chunks: list[memoryview] = []
    tracks: list[int] = []
    items: dict[int, int] = {}
    places: dict[int, int] = {}  # by identity of the data: items may share theirs
    position = 0
    for track in tree.movie.tracks if tree.movie else ():
        tracks.append(position)
        for sample in track.content.data:
            chunks += sample.chunks
        position += track.content.length
    for number, kept in enumerate(tree.still.items if tree.still else (), 1):
        if not kept.data.length:
            continue
        if id(kept.data) not in places:
            shared = _first_sample(tree.movie, tracks, kept.data)
            if shared is None:
                chunks += kept.data.chunks
                shared, position = position, position + kept.data.length
            places[id(kept.data)] = shared
        items[number] = places[id(kept.data)]
    return chunks, tracks, items


def _first_sample(movie: Movie | None, starts: list[int], data: FilteredData) -> int | None:
    """Where the first sample of a track is the same data: a still is often the first frame."""
    for track, start in zip(movie.tracks if movie else (), starts, strict=True):
        first = track.content.data[0]
        if first.length == data.length and first.bytes() == data.bytes():
            return start
    return None


def _index(
    tree: IsobmffTree, start: int, tracks: list[int], items: dict[int, int], added: Sequence[DescriptiveItem]
) -> bytes:
    """``meta`` and ``moov`` for media data that begins at byte ``start``; their size does not depend on it."""
    offsets = {number: start + at for number, at in items.items()}
    meta = _meta(tree.still, offsets, added) if tree.still else b""
    moov = _moov(tree.movie, [start + at for at in tracks]) if tree.movie else b""
    return meta + moov


def _meta(still: Still, offsets: Mapping[int, int], added: Sequence[DescriptiveItem]) -> bytes:
    """A ``meta`` box for the kept items.

    Args:
        still: the picture.
        offsets: byte in the file of each item's data, by item number; items without data have none.
        added: items behind them that describe the first one.
    """
    numbered = list(enumerate(still.items, 1))
    described = list(enumerate(added, len(numbered) + 1))
    lengths = {number: kept.data.length for number, kept in numbered} | {n: len(item.data) for n, item in described}
    located = [(number, offsets[number], length) for number, length in lengths.items() if number in offsets]
    iloc = b"".join(struct.pack(">HHHII", number, 0, 1, offset, length) for number, offset, length in located)
    infe = [
        full(b"infe", 2, int(kept.hidden), struct.pack(">HH", number, 0), kept.item.type, b"\0")
        for number, kept in numbered
    ]
    infe += [
        full(b"infe", 2, 0, struct.pack(">HH", number, 0), item.type, b"\0", item.content_type)
        for number, item in described
    ]
    chunks = [
        hdlr(b"pict"),
        full(b"pitm", 0, 0, b"\0\1"),
        full(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(located)), iloc),
        full(b"iinf", 0, 0, struct.pack(">H", len(infe)), *infe),
    ]
    references = [_reference(b"dimg", number, kept.inputs) for number, kept in numbered if kept.inputs]
    references += [_reference(b"auxl", number, kept.alpha_of) for number, kept in numbered if kept.alpha_of]
    references += [_reference(b"prem", source, [alpha]) for source, alpha in still.premultiplied]
    references += [_reference(b"cdsc", number, [1]) for number, _ in described]
    if references:
        chunks.append(full(b"iref", 0, 0, *references))
    return full(b"meta", 0, 0, *chunks, _iprp(still.items))


def _reference(kind: bytes, source: int, targets: Sequence[int]) -> bytes:
    if len(targets) > MAX_REFERENCES:
        raise LimitExceeded(f"max_parts: {len(targets)} references of one item, at most {MAX_REFERENCES} fit")
    return box(kind, struct.pack(f">{2 + len(targets)}H", source, len(targets), *targets))


def _iprp(items: Sequence[KeptItem]) -> bytes:
    """Properties without repetitions, and which item has which."""
    index: dict[bytes, int] = {}
    for kept in items:
        for prop in kept.properties:
            index.setdefault(prop.box, len(index) + 1)
    if len(index) > MAX_INDEX:
        raise LimitExceeded(f"max_parts: {len(index)} properties, at most {MAX_INDEX} fit")
    wide = len(index) > MAX_NARROW_INDEX
    rows = []
    for number, kept in enumerate(items, 1):
        links = [index[prop.box] | prop.essential << (15 if wide else 7) for prop in kept.properties]
        rows.append(
            struct.pack(">HB", number, len(links)) + struct.pack(f">{len(links)}{'H' if wide else 'B'}", *links)
        )
    ipma = full(b"ipma", 0, int(wide), struct.pack(">I", len(rows)), *rows)
    return box(b"iprp", box(b"ipco", *index), ipma)


def _moov(movie: Movie, offsets: Sequence[int]) -> bytes:
    """A ``moov`` box for the kept tracks.

    Args:
        movie: the sequence.
        offsets: byte in the file where each track's samples start.
    """
    timing = movie.tracks[0].timing
    mvhd = full(
        b"mvhd",
        1,
        0,
        struct.pack(">QQIQIH10x", 0, 0, timing.timescale, timing.duration, 0x10000, 0x100),
        UNITY,
        struct.pack(">24xI", len(movie.tracks) + 1),
    )
    traks = [_trak(movie, number, offset) for number, offset in enumerate(offsets, 1)]
    return box(b"moov", mvhd, *traks)


def _trak(movie: Movie, number: int, offset: int) -> bytes:
    track = movie.tracks[number - 1]
    timing = track.timing
    head = struct.pack(">QQIIQ16x", 0, 0, number, 0, timing.duration)
    sides = struct.pack(">II", *(side << 16 for side in track.display))
    chunks = [full(b"tkhd", 1, 3, head, track.matrix, sides)]
    link = (b"auxl", 1) if number == 2 else (b"prem", 2) if movie.premultiplied else None
    if link:
        chunks.append(box(b"tref", box(link[0], struct.pack(">I", link[1]))))
    if timing.edits:
        flags, rows = timing.edits
        packed = b"".join(struct.pack(">QqI", *row) for row in rows)
        chunks.append(box(b"edts", full(b"elst", 1, flags, struct.pack(">I", len(rows)), packed)))
    mdhd = full(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, timing.timescale, timing.length, UNDETERMINED, 0))
    dinf = box(b"dinf", full(b"dref", 0, 0, b"\0\0\0\1", full(b"url ", 0, 1)))
    stbl = _stbl(track.content, timing.deltas, timing.shifts, offset)
    minf = box(b"minf", full(b"vmhd", 0, 1, bytes(8)), dinf, stbl)
    return box(b"trak", *chunks, box(b"mdia", mdhd, hdlr(b"auxv" if number == 2 else b"pict"), minf))


def write_stsd(content: TrackContent) -> bytes:
    """The sample description: one entry without the compressor's name."""
    fields = ENTRY.pack(1, *content.size, DPI_72, DPI_72, 1, DEPTH, -1)
    entry = box(content.entry, fields, *(prop.box for prop in content.properties))
    return full(b"stsd", 0, 0, b"\0\0\0\1", entry)


def _stbl(content: TrackContent, deltas: list[int], shifts: list[int], offset: int) -> bytes:
    """The sample table: all samples lie in one chunk."""
    sizes = [sample.length for sample in content.data]
    chunks = [write_stsd(content), _runs(b"stts", deltas)]
    if shifts:
        chunks.append(_runs(b"ctts", shifts))
    chunks.append(full(b"stsc", 0, 0, struct.pack(">4I", 1, 1, len(sizes), 1)))
    chunks.append(full(b"stsz", 0, 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)))
    chunks.append(full(b"stco", 0, 0, struct.pack(">II", 1, offset)))
    if content.syncs is not None:
        syncs = struct.pack(f">I{len(content.syncs)}I", len(content.syncs), *content.syncs)
        chunks.append(full(b"stss", 0, 0, syncs))
    return box(b"stbl", *chunks)


def _runs(kind: bytes, values: list[int]) -> bytes:
    """``stts`` or ``ctts`` with equal neighbours joined."""
    runs = [(len(list(group)), value) for value, group in groupby(values)]
    return full(kind, 0, 0, struct.pack(">I", len(runs)), *(struct.pack(">II", *run) for run in runs))
