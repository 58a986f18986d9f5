"""What every byte of an ISOBMFF file is: parts for boxes, items, samples, and all that nothing refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.isobmff.boxes import BoxAt, Tally, blank, hdlr_part, label, part, walk
from rmexif.containers.isobmff.items import PICTURES, SELF_REFERENCE, XMP, Item, Meta, Ranges
from rmexif.containers.isobmff.movie import write_stsd
from rmexif.errors import InputError
from rmexif.types import Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.isobmff.filtered_units import Filtered
    from rmexif.containers.isobmff.movie import Movie, Track
    from rmexif.containers.isobmff.still import Still

__all__ = ["item_parts", "meta_parts", "movie_parts", "sample_parts", "top_part"]

EMPTY = frozenset((b"free", b"skip", b"wide"))
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
NESTED = {b"trak": (b"mdia", b"edts"), b"mdia": (b"minf",), b"minf": (b"stbl",)}
TIMED = frozenset((b"mvhd", b"tkhd", b"mdhd"))
TABLES = frozenset((b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"stss", b"elst"))


def top_part(view: memoryview, at: BoxAt) -> Part:
    """The part of a top-level box that is dropped as a whole."""
    if at.type in EMPTY:
        empty = blank(view[at.body : at.end])
        return part(
            at,
            label(at.type),
            Role.GAP if empty else Role.METADATA,
            None if empty else PayloadKind.UNKNOWN,
            at.body - at.offset,
        )
    if at.type == b"uuid":
        kind = bytes(view[at.body : at.body + 16])
        if kind == C2PA_UUID:  # C2PA 2.1 A.5.1: version, purpose, offset of the Merkle box, then JUMBF
            purpose = bytes(view[at.body + 20 : min(at.end, at.body + 84)]).find(b"\0")
            return part(
                at, "uuid/c2pa", Role.METADATA, PayloadKind.JUMBF, min(at.body + 20 + purpose + 9, at.end) - at.offset
            )
        if kind == XMP_UUID:
            return part(at, "uuid/xmp", Role.METADATA, PayloadKind.XMP, at.body + 16 - at.offset)
        return part(at, "uuid", Role.UNKNOWN, PayloadKind.UNKNOWN, at.body - at.offset)
    if at.type in (b"mpvd", b"moov", b"moof", b"sidx"):
        return part(at, label(at.type), Role.AUXILIARY, PayloadKind.PICTURE, at.body - at.offset)
    return part(at, label(at.type), Role.UNKNOWN, PayloadKind.UNKNOWN, at.body - at.offset)


def head(at: BoxAt, kind: str, end: int) -> Part:
    """The header of a container box, up to its first child."""
    return Part(kind, Role.STRUCTURE, at.offset, end - at.offset)


def rest(at: BoxAt, kind: str, start: int) -> Iterator[Part]:
    """What is left of a container box behind its last child."""
    if start < at.end:
        yield Part(kind, Role.UNKNOWN, start, at.end - start, PayloadKind.UNKNOWN)


def meta_parts(meta: Meta, still: Still) -> Iterator[Part]:
    """The parts of a ``meta`` box, in order; ``idat`` is a gap for items to be painted on."""
    view, kept = meta.view, {id(one.item) for one in still.kept}
    end = meta.at.body + 4
    yield head(meta.at, "meta", end)
    for at in meta.boxes:
        end = at.end
        if at.offset not in meta.read or at.type not in (
            b"hdlr",
            b"iinf",
            b"iref",
            b"iprp",
            b"pitm",
            b"iloc",
            b"idat",
            b"dinf",
        ):
            role = Role.METADATA if at.type == b"grpl" else Role.UNKNOWN
            yield part(at, f"meta/{label(at.type)}", role, PayloadKind.UNKNOWN, at.body - at.offset)
        elif at.type == b"hdlr":
            yield hdlr_part(view, at, "meta/hdlr", b"pict")
        elif at.type == b"idat":
            yield head(at, "meta/idat", at.body)
            yield Part("meta/idat", Role.GAP, at.body, at.end - at.body)
        elif at.type == b"dinf":
            yield _dinf(view, at, "meta/dinf")
        elif at.type == b"iinf":
            yield from _iinf(meta, at, kept)
        elif at.type == b"iref":
            yield from _iref(meta, at)
        elif at.type == b"iprp":
            yield from _iprp(meta, at, still)
        else:
            yield part(at, f"meta/{label(at.type)}", Role.STRUCTURE)
    yield from rest(meta.at, "meta", end)


def _dinf(view: memoryview, at: BoxAt, kind: str) -> Part:
    """A data reference box, which says that the data is in this file."""
    if view[at.body : at.end] == SELF_REFERENCE:
        return part(at, kind, Role.STRUCTURE)
    return part(at, kind, Role.METADATA, PayloadKind.TEXT, at.body - at.offset)


def _iinf(meta: Meta, at: BoxAt, kept: set[int]) -> Iterator[Part]:
    items = {item.at.offset: item for item in meta.items.values() if item.at}
    end = at.body + (8 if meta.view[at.body] else 6)
    yield head(at, "meta/iinf", end)
    for one in walk(meta.view, end, at.end, meta.tally):
        item = items.get(one.offset)
        end = one.end
        if item and id(item) in kept and item.name_at == one.end - 1 and not item.name:
            yield part(one, "meta/iinf/infe", Role.STRUCTURE)
        elif item:
            payload = PayloadKind.TEXT if item.name or item.content_type else None
            yield part(one, "meta/iinf/infe", Role.METADATA, payload, item.name_at - one.offset)
        else:
            yield part(one, f"meta/iinf/{label(one.type)}", Role.UNKNOWN, PayloadKind.UNKNOWN)
    yield from rest(at, "meta/iinf", end)


def _iref(meta: Meta, at: BoxAt) -> Iterator[Part]:
    end = at.body + 4
    yield head(at, "meta/iref", end)
    for one in walk(meta.view, end, at.end, meta.tally):
        end = one.end
        role = Role.STRUCTURE if one.type in (b"dimg", b"auxl", b"prem", b"iloc") else Role.METADATA
        yield part(one, f"meta/iref/{label(one.type)}", role)
    yield from rest(at, "meta/iref", end)


def _iprp(meta: Meta, at: BoxAt, still: Still) -> Iterator[Part]:
    used = {one.box: one.role for kept in still.kept for one in kept.properties}
    end = at.body
    yield head(at, "meta/iprp", end)
    first = True
    for one in walk(meta.view, at.body, at.end, meta.tally):
        end = one.end
        if one.type == b"ipco" and first:
            first = False
            last = one.body
            yield head(one, "meta/iprp/ipco", last)
            for inner in meta.property_boxes:
                last = inner.end
                yield _property(meta.view, inner, used)
            yield from rest(one, "meta/iprp/ipco", last)
        else:
            role = Role.STRUCTURE if one.type == b"ipma" else Role.UNKNOWN
            yield part(one, f"meta/iprp/{label(one.type)}", role)
    yield from rest(at, "meta/iprp", end)


def _property(view: memoryview, at: BoxAt, used: dict[bytes, Role]) -> Part:
    kind = f"meta/iprp/ipco/{label(at.type)}"
    role = used.get(bytes(at.bytes(view)))
    if role:
        return part(at, kind, role)
    if at.type == b"colr" and bytes(view[at.body : min(at.end, at.body + 4)]) in (b"prof", b"rICC"):
        return part(at, f"{kind}/prof", Role.METADATA, PayloadKind.ICC, at.body + 4 - at.offset)
    payload = PayloadKind.TEXT if at.type == b"udes" else PayloadKind.UNKNOWN
    return part(at, kind, Role.METADATA, payload, at.body - at.offset)


def item_parts(meta: Meta, still: Still) -> Iterator[Part]:
    """Where the items' bytes lie, kept or not."""
    kept = {id(one.item) for one in still.kept}
    for one in still.kept:
        yield from spans(f"mdat/item:{label(one.item.type)}", one.ranges, one.data)
    for item in meta.items.values():
        if id(item) in kept or not item.extents:
            continue
        try:
            ranges = meta.ranges(item)
        except InputError:
            continue  # it is not kept, and its bytes, wherever they are, are no part of anything that is
        role, payload, skip = _describe(meta.view, item, ranges)
        for index, (start, end) in enumerate(ranges):
            first = index == 0
            yield Part(
                f"mdat/item:{label(item.type)}",
                role,
                start,
                end - start,
                payload if first else PayloadKind.UNKNOWN,
                skip if first else 0,
            )


def _describe(view: memoryview, item: Item, ranges: Ranges) -> tuple[Role, PayloadKind, int]:
    """Role, payload and where it begins, of an item that is dropped."""
    if item.type in PICTURES:
        return Role.AUXILIARY, PayloadKind.PICTURE, 0
    if item.type == b"Exif" and ranges:  # ISO 23008-12 A.2.1: offset of the TIFF header, then the block
        start, end = ranges[0]
        skip = 4 + int.from_bytes(view[start : min(end, start + 4)], "big")
        return Role.METADATA, PayloadKind.EXIF, skip if skip < end - start else min(4, end - start)
    if item.type == b"mime":
        return Role.METADATA, PayloadKind.XMP if item.content_type == XMP else PayloadKind.TEXT, 0
    return (Role.METADATA if item.type == b"uri " else Role.UNKNOWN), PayloadKind.UNKNOWN, 0


def spans(kind: str, ranges: Ranges, data: Filtered) -> Iterator[Part]:
    """What filtered data was, mapped back to the file."""
    todo = list(reversed(ranges))
    position = 0  # of the range's start, in the data
    for first, last, why in data.spans:
        while first < last and todo:
            start, end = todo[-1]
            stop = min(last, position + end - start)
            if first < stop:
                where = f"{kind}/{why}" if why else kind
                role = Role.METADATA if why else Role.PIXELS
                yield Part(where, role, start + first - position, stop - first, PayloadKind.UNKNOWN if why else None)
                first = stop
            if stop == position + end - start:
                position = stop
                todo.pop()


def sample_parts(movie: Movie) -> Iterator[Part]:
    """Where the kept tracks' samples lie."""
    for track in movie.tracks:
        for place, data in zip(track.samples, track.data, strict=True):
            yield from spans("mdat/sample", (place,), data)


def movie_parts(view: memoryview, movie: Movie, tally: Tally) -> Iterator[Part]:
    """The parts of a ``moov`` box, in order."""
    tracks = {track.at.offset: track for track in movie.tracks}
    yield head(movie.at, "moov", movie.at.body)
    end = movie.at.body
    for at in walk(view, movie.at.body, movie.at.end, tally):
        end = at.end
        if at.type == b"mvhd":
            yield _timed(view, at, "moov/mvhd")
        elif at.offset in tracks:
            yield from _track(view, at, "moov/trak", tracks[at.offset], tally)
        elif at.type == b"trak":
            yield part(at, "moov/trak", Role.AUXILIARY, PayloadKind.PICTURE, at.body - at.offset)
        else:
            yield part(at, f"moov/{label(at.type)}", Role.METADATA, PayloadKind.UNKNOWN, at.body - at.offset)
    yield from rest(movie.at, "moov", end)


def _timed(view: memoryview, at: BoxAt, kind: str) -> Part:
    """A header box with the times of its making."""
    wide = view[at.body] != 0
    start = at.body + 4
    dirty = any(view[start : start + (16 if wide else 8)])
    if at.type == b"mdhd":
        dirty |= int.from_bytes(view[at.end - 4 : at.end - 2], "big") not in (0, 0x55C4)  # a language says where
    return part(at, kind, Role.METADATA if dirty else Role.STRUCTURE)


def _track(view: memoryview, at: BoxAt, kind: str, track: Track, tally: Tally) -> Iterator[Part]:
    yield head(at, kind, at.body)
    end = at.body
    for one in walk(view, at.body, at.end, tally):
        end, where = one.end, f"{kind}/{label(one.type)}"
        if one.type in NESTED.get(at.type, ()):
            yield from _track(view, one, where, track, tally)
        elif one.type in TIMED:
            yield _timed(view, one, where)
        elif one.type == b"hdlr":
            yield hdlr_part(view, one, where, track.handler)
        elif one.type == b"dinf":
            yield _dinf(view, one, where)
        elif one.type == b"stsd":
            clean = one.bytes(view) == write_stsd(track)
            yield part(one, where, Role.STRUCTURE if clean else Role.METADATA, None if clean else PayloadKind.UNKNOWN)
        elif one.type in TABLES:
            yield part(one, where, Role.ANIMATION)
        elif one.type in (b"vmhd", b"tref"):
            yield part(one, where, Role.STRUCTURE)
        else:
            yield part(one, where, Role.METADATA, PayloadKind.UNKNOWN, one.body - one.offset)
    yield from rest(at, kind, end)
