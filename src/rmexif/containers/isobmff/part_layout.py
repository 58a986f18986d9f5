"""What every byte of an ISOBMFF file is: parts for boxes, items, samples, and all that nothing refers to."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from rmexif.containers.common.boxes import BoxAt, tiff_offset
from rmexif.containers.common.fourcc import name_of
from rmexif.containers.isobmff.boxes import blank, hdlr, walk
from rmexif.containers.isobmff.common_boxes import (
    HANDLERS,
    CommonLayout,
    associates_kept,
    names_kept,
)
from rmexif.containers.isobmff.items import PICTURES, SELF_REFERENCE, XMP
from rmexif.containers.isobmff.rewrite import write_stsd
from rmexif.errors import InputError
from rmexif.types import PayloadKind, Role

if TYPE_CHECKING:
    from rmexif.containers.common.gathered import Gathered, Ranges
    from rmexif.containers.common.parts import PartBuilder
    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.containers.isobmff.coded_data import FilteredData
    from rmexif.containers.isobmff.items import Item, Meta
    from rmexif.containers.isobmff.movie import Movie, Track
    from rmexif.containers.isobmff.still import Still
    from rmexif.types import Part

__all__ = ["PartLayout"]

EMPTY = frozenset((b"free", b"skip", b"wide"))
OTHER_PICTURES = frozenset((b"mpvd", b"moov", b"moof", b"sidx"))  # motion video, a sequence that is not shown
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA 2.1, A.5.1
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP part 3, 1.1.4
READ_META = frozenset((b"hdlr", b"iinf", b"iref", b"iprp", b"pitm", b"iloc", b"idat", b"dinf"))
NESTED = {b"trak": (b"mdia", b"edts"), b"mdia": (b"minf",), b"minf": (b"stbl",)}
TIMED = frozenset((b"mvhd", b"tkhd", b"mdhd"))
TABLES = frozenset((b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"stss", b"elst"))
DELIMITER = b"\x12\0"  # an AV1 temporal delimiter (5.6): type and an empty body
KEPT_REFERENCES = frozenset((b"dimg", b"auxl", b"prem", b"iloc"))
NEUTRAL_LANGUAGES = (0, 0x55C4)  # 8.4.2: none, and "und"


class PartLayout:
    """Claims the bytes of a file for its boxes, then those of the media data for items and samples.

    Args:
        view: the file.
        parts: takes the claims.
        tally: counts the boxes that are walked.
    """

    def __init__(self, view: memoryview, parts: PartBuilder, tally: Tally) -> None:
        self.view = view
        self.parts = parts
        self.tally = tally
        self.media: list[tuple[int, int]] = []  # bodies of mdat and idat boxes, where items and samples may lie
        self.common = CommonLayout()
        self.claimed = 0  # byte: end of the last claim in one of them

    def tile(self, end: int) -> tuple[Part, ...]:
        """The parts; what lies behind byte ``end`` is the trailer, not a gap in the last media data box."""
        if self.media and self.media[-1][1] == end:
            self.parts.add("gap", Role.GAP, max(self.claimed, self.media[-1][0]), end)
        return self.parts.tile()

    def add(self, at: BoxAt, path: str, role: Role, payload: PayloadKind | None = None, skip: int = 0) -> None:
        """Claim a box; ``skip`` bytes of its body lie before the payload."""
        self.parts.add(
            path, role, at.offset, at.end, payload, min(at.body + skip, at.end) - at.offset if payload else 0
        )

    def add_head(self, at: BoxAt, path: str, end: int) -> None:
        """Claim the header of a container box, up to its first child: its size, and version 0 where it has one."""
        size = int.from_bytes(self.view[at.offset : at.offset + 4], "big")
        plain = size in (0, 1, at.end - at.offset) and not any(self.view[at.body : min(end, at.body + 4)])
        self.parts.add(path, Role.ENCODING if plain else Role.UNKNOWN, at.offset, end)

    def add_rest(self, at: BoxAt, path: str, start: int) -> None:
        """Claim what is left of a container box behind its last child."""
        self.parts.add(path, Role.UNKNOWN, start, at.end, PayloadKind.UNKNOWN)

    def add_media(self, at: BoxAt, path: str) -> None:
        """Claim the header of a box of media data; its body is open to items and samples."""
        self.add_head(at, path, at.body)
        self.media.append((at.body, at.end))

    def add_top_level(self, at: BoxAt) -> None:
        """Claim a top-level box that is dropped as a whole, or a box of media data."""
        name = name_of(at.type)
        if at.type == b"mdat" and at.end > at.body:
            self.add_media(at, name)
        elif at.type in (*EMPTY, b"mdat") and blank(self.view[at.body : at.end]):
            self.add(at, name, Role.GAP)
        elif at.type in EMPTY:
            self.add(at, name, Role.METADATA, PayloadKind.UNKNOWN)
        elif at.type == b"uuid":
            self._add_uuid(at)
        elif at.type in OTHER_PICTURES:
            self.add(at, name, Role.AUXILIARY, PayloadKind.PICTURE)
        else:
            self.add(at, name, Role.UNKNOWN, PayloadKind.UNKNOWN)

    def _add_uuid(self, at: BoxAt) -> None:
        kind = bytes(self.view[at.body : at.body + 16])
        if kind == C2PA_UUID:  # version, purpose, offset of the Merkle box, then JUMBF
            purpose = bytes(self.view[at.body + 20 : min(at.end, at.body + 84)]).find(b"\0")
            self.add(at, "uuid/c2pa", Role.METADATA, PayloadKind.JUMBF, 20 + purpose + 9)
        elif kind == XMP_UUID:
            self.add(at, "uuid/xmp", Role.METADATA, PayloadKind.XMP, 16)
        else:
            self.add(at, "uuid", Role.UNKNOWN, PayloadKind.UNKNOWN)

    def _add_hdlr(self, at: BoxAt, path: str, handler: bytes) -> None:
        """Claim a handler box, which often names the program that wrote the file."""
        bare = hdlr(handler)
        # Some writers end the box after the empty name, some before its zero, some two zeros later: all are empty.
        name = bytes(self.view[min(at.offset + 32, at.end) : at.end])
        is_bare = bytes(at.bytes(self.view)[8:32]) == bare[8:32]
        if is_bare and not any(name):
            self.add(at, path, Role.STRUCTURE)
        elif is_bare and name.endswith(b"\0") and name[:-1] in HANDLERS:
            self.add(at, path, Role.ENCODING)
        else:
            self.parts.add(path, Role.METADATA, at.offset, at.end, PayloadKind.TEXT, min(32, at.end - at.offset))

    def _add_dinf(self, at: BoxAt, path: str) -> None:
        """Claim a data reference box, which says that the data is in this file."""
        if self.view[at.body : at.end] == SELF_REFERENCE:
            self.add(at, path, Role.STRUCTURE)
        else:
            self.add(at, path, Role.METADATA, PayloadKind.TEXT)

    # -- the meta box ------------------------------------------------------------------------------------------------

    def add_meta(self, meta: Meta, still: Still) -> None:
        """Claim a ``meta`` box and what is in it."""
        end = meta.at.body + 4
        self.common = CommonLayout.read(self.view, meta, still, self.tally)
        self.add_head(meta.at, "meta", end)
        for at in meta.boxes:
            end, path = at.end, f"meta/{name_of(at.type)}"
            if at.offset not in meta.read or at.type not in READ_META:
                role = Role.METADATA if at.type == b"grpl" else Role.UNKNOWN
                self.add(at, path, role, PayloadKind.UNKNOWN)
            elif at.type == b"hdlr":
                self._add_hdlr(at, path, b"pict")
            elif at.type == b"idat":
                self.add_media(at, path)
            elif at.type == b"dinf":
                self._add_dinf(at, path)
            elif at.type == b"iinf":
                self._add_iinf(meta, at, still)
            elif at.type == b"iref":
                self._add_iref(at, still)
            elif at.type == b"iprp":
                self._add_iprp(meta, at, still)
            elif at.type == b"iloc" and names_kept(self.view, at, meta, still, self.common.exif):
                self.add(at, path, Role.ENCODING)  # every byte that it points at is claimed by itself
            elif at.type == b"pitm" and self.common.is_plain and at.bytes(self.view) in self.common.primary:
                self.add(at, path, Role.ENCODING)
            else:
                self.add(at, path, Role.STRUCTURE)
        self.add_rest(meta.at, "meta", end)

    def _add_iinf(self, meta: Meta, at: BoxAt, still: Still) -> None:
        kept_ids = {id(kept.item) for kept in still.items}
        items = {item.at.offset: item for item in meta.items.values() if item.at}
        end = at.body + (8 if self.view[at.body] else 6)
        self.add_head(at, "meta/iinf", end)
        for entry in walk(self.view, end, at.end, self.tally):
            item, end = items.get(entry.offset), entry.end
            if item is None:
                self.add(entry, f"meta/iinf/{name_of(entry.type)}", Role.UNKNOWN, PayloadKind.UNKNOWN)
            elif id(item) in kept_ids and item.name_at == entry.end - 1 and not item.name:
                is_plain = self.common.is_plain and self.common.names(self.view, entry, item)
                self.add(entry, "meta/iinf/infe", Role.ENCODING if is_plain else Role.STRUCTURE)
            elif (id(item) in kept_ids or item.id in self.common.exif) and self.common.names(self.view, entry, item):
                self.add(entry, "meta/iinf/infe", Role.ENCODING)
            else:
                payload = PayloadKind.TEXT if item.name or item.content_type else None
                self.add(entry, "meta/iinf/infe", Role.METADATA, payload, item.name_at - entry.body)
        self.add_rest(at, "meta/iinf", end)

    def _add_iref(self, at: BoxAt, still: Still) -> None:
        end, seen = at.body + 4, set[tuple[bytes, int]]()
        self.add_head(at, "meta/iref", end)
        for reference in walk(self.view, end, at.end, self.tally):
            end = reference.end
            role = Role.STRUCTURE if reference.type in KEPT_REFERENCES else Role.METADATA
            if self.common.refers(self.view, reference, still, seen):
                role = Role.ENCODING
            self.add(reference, f"meta/iref/{name_of(reference.type)}", role)
        self.add_rest(at, "meta/iref", end)

    def _add_iprp(self, meta: Meta, at: BoxAt, still: Still) -> None:
        used = {prop.box: prop.role for kept in still.items for prop in kept.properties}
        end, has_ipco = at.body, False
        self.add_head(at, "meta/iprp", end)
        for inner in walk(self.view, at.body, at.end, self.tally):
            end = inner.end
            if inner.type == b"ipco" and not has_ipco:
                has_ipco, last = True, inner.body
                self.add_head(inner, "meta/iprp/ipco", last)
                for found in meta.property_boxes:
                    last = found.end
                    self._add_property(found, used)
                self.add_rest(inner, "meta/iprp/ipco", last)
            else:
                role = Role.STRUCTURE if inner.type == b"ipma" else Role.UNKNOWN
                if inner.type == b"ipma" and associates_kept(self.view, inner, meta, still, self.common.forms):
                    role = Role.ENCODING  # properties in another order have other numbers
                self.add(inner, f"meta/iprp/{name_of(inner.type)}", role)
        self.add_rest(at, "meta/iprp", end)

    def _add_property(self, at: BoxAt, used: dict[bytes, Role]) -> None:
        path = f"meta/iprp/ipco/{name_of(at.type)}"
        role = used.get(bytes(at.bytes(self.view)))
        if role:
            self.add(at, path, Role.ENCODING if self.common.is_plain else role)
        elif at.type == b"colr" and bytes(self.view[at.body : min(at.end, at.body + 4)]) in (b"prof", b"rICC"):
            is_common = self.common.is_plain and at.offset in self.common.forms
            role = Role.ENCODING if is_common else Role.METADATA
            self.add(at, f"{path}/prof", role, PayloadKind.ICC, 4)
        elif self.common.is_plain and at.offset in self.common.forms:
            self.add(at, path, Role.ENCODING)
        else:
            payload = PayloadKind.TEXT if at.type == b"udes" else PayloadKind.UNKNOWN
            self.add(at, path, Role.METADATA, payload)

    # -- items and samples in the media data -------------------------------------------------------------------------

    def add_items(self, meta: Meta, still: Still) -> None:
        """Claim the items' bytes, those that are kept first."""
        self.media.sort()
        kept_ids = {id(kept.item) for kept in still.items}
        for kept in still.items:
            role = Role.ENCODING if self.common.is_plain and not kept.is_coded else Role.PIXELS
            self._add_filtered(f"mdat/item:{name_of(kept.item.type)}", kept.coded, kept.data, role)
        for item in meta.items.values():
            if id(item) in kept_ids or not item.extents:
                continue
            try:
                ranges = meta.ranges(item)
            except InputError:
                continue  # it is not kept, and its bytes, wherever they are, are no part of anything that is
            role, payload, skip = self._describe(item, ranges)
            for start, end in ranges:
                self._add_in_media(f"mdat/item:{name_of(item.type)}", role, start, end, payload, skip)
                payload, skip = PayloadKind.UNKNOWN, 0  # of all but the first extent

    def _describe(self, item: Item, ranges: Ranges) -> tuple[Role, PayloadKind, int]:
        """Role, payload and where it begins, of an item that is dropped."""
        if item.type in PICTURES:
            return Role.AUXILIARY, PayloadKind.PICTURE, 0
        if item.type == b"Exif" and ranges:
            return (
                Role.ENCODING if item.id in self.common.exif else Role.METADATA,
                PayloadKind.EXIF,
                tiff_offset(self.view[slice(*ranges[0])]),
            )
        if item.type == b"mime":
            return Role.METADATA, PayloadKind.XMP if item.content_type == XMP else PayloadKind.TEXT, 0
        return (Role.METADATA if item.type == b"uri " else Role.UNKNOWN), PayloadKind.UNKNOWN, 0

    def add_samples(self, movie: Movie) -> None:
        """Claim the kept tracks' samples."""
        self.media.sort()
        for track in movie.tracks:
            for coded, data in zip(track.content.coded, track.content.data, strict=True):
                self._add_filtered("mdat/sample", coded, data)

    def _add_filtered(self, path: str, coded: Gathered, data: FilteredData, role: Role = Role.PIXELS) -> None:
        """Claim coded data, in a role of its own where it says how others are put together; name what is dropped."""
        for first, last, why in data.spans:
            for start, end in coded.places(first, last):
                if bytes(self.view[start:end]) == DELIMITER and why == "delimiter":
                    self._add_in_media(f"{path}/{why}", Role.ENCODING, start, end)
                elif why:
                    self._add_in_media(f"{path}/{why}", Role.METADATA, start, end, PayloadKind.UNKNOWN)
                else:
                    self._add_in_media(path, role, start, end)

    def _add_in_media(
        self, path: str, role: Role, start: int, end: int, payload: PayloadKind | None = None, skip: int = 0
    ) -> None:
        """Claim the bytes ``[start, end)`` as far as they lie in media data; other boxes keep theirs."""
        index = max(0, bisect_right(self.media, (start, len(self.view))) - 1)
        while index < len(self.media) and self.media[index][0] < end:
            first, last = max(start, self.media[index][0]), min(end, self.media[index][1])
            if first < last:
                self.parts.add(path, role, first, last, payload if first == start else None, skip)
                self.claimed = max(self.claimed, last)
            index += 1

    # -- the moov box ------------------------------------------------------------------------------------------------

    def add_movie(self, movie: Movie) -> None:
        """Claim a ``moov`` box and what is in it."""
        tracks = {track.outline.at.offset: track for track in movie.tracks}
        end = movie.at.body
        self.add_head(movie.at, "moov", end)
        for at in walk(self.view, end, movie.at.end, self.tally):
            end, path = at.end, f"moov/{name_of(at.type)}"
            if at.type == b"mvhd":
                self._add_timed(at, path)
            elif at.offset in tracks:
                self._add_track(at, path, tracks[at.offset])
            elif at.type == b"trak":
                self.add(at, path, Role.AUXILIARY, PayloadKind.PICTURE)
            else:
                self.add(at, path, Role.METADATA, PayloadKind.UNKNOWN)
        self.add_rest(movie.at, "moov", end)

    def _add_timed(self, at: BoxAt, path: str) -> None:
        """Claim a header box with the times of its making."""
        start = at.body + 4
        dirty = any(self.view[start : start + (16 if self.view[at.body] else 8)])
        if at.type == b"mdhd":  # a language says where
            dirty |= int.from_bytes(self.view[at.end - 4 : at.end - 2], "big") not in NEUTRAL_LANGUAGES
        self.add(at, path, Role.METADATA if dirty else Role.STRUCTURE)

    def _add_track(self, at: BoxAt, path: str, track: Track) -> None:
        """Claim a box of a track, and what is in it."""
        end = at.body
        self.add_head(at, path, end)
        for inner in walk(self.view, at.body, at.end, self.tally):
            end, inner_path = inner.end, f"{path}/{name_of(inner.type)}"
            if inner.type in NESTED.get(at.type, ()):
                self._add_track(inner, inner_path, track)
            elif inner.type in TIMED:
                self._add_timed(inner, inner_path)
            elif inner.type == b"hdlr":
                self._add_hdlr(inner, inner_path, track.outline.handler)
            elif inner.type == b"dinf":
                self._add_dinf(inner, inner_path)
            elif inner.type == b"stsd" and inner.bytes(self.view) != write_stsd(track.content):
                self.parts.add(inner_path, Role.METADATA, inner.offset, inner.end, PayloadKind.UNKNOWN)
            elif inner.type in TABLES:
                self.add(inner, inner_path, Role.ANIMATION)
            elif inner.type in (b"stsd", b"vmhd", b"tref"):
                self.add(inner, inner_path, Role.STRUCTURE)
            else:
                self.add(inner, inner_path, Role.METADATA, PayloadKind.UNKNOWN)
        self.add_rest(at, path, end)
