"""The ``meta`` box of a still picture: which items there are, what they are made of, where their bytes lie.

Clauses: ISO 14496-12 8.11 (meta, iloc, pitm, iinf, iref), ISO 23008-12 9.3 (iprp).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rmexif.containers.common.fourcc import name_of
from rmexif.containers.isobmff.boxes import first_of_each, flags_of, full, malformed, unsupported, walk
from rmexif.containers.isobmff.properties import read_property
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.common.boxes import BoxAt
    from rmexif.containers.common.gathered import Ranges
    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.containers.isobmff.properties import Property
    from rmexif.cursor import Cursor

__all__ = ["PICTURES", "XMP", "Item", "Meta", "read_meta"]

PICTURES = frozenset(
    (b"av01", b"hvc1", b"grid", b"iovl", b"iden", b"tmap", b"jpeg", b"j2k1", b"vvc1", b"unci", b"avc1")
)
XMP = b"application/rdf+xml"
SELF_REFERENCE = full(b"dref", 0, 0, b"\0\0\0\1", full(b"url ", 0, 1))
MAX_NAME = 4096  # byte that are read of an item's name and content type, to be shown
METHODS = FILE, IDAT, ITEM = range(3)  # construction_method (8.11.3)
WIDTHS = (0, 4, 8)  # byte, of the fields of iloc (8.11.3)


@dataclass(slots=True)
class Item:
    """One entry of ``iinf`` and what other boxes say about it."""

    id: int
    type: bytes = b""
    at: BoxAt | None = None
    name_at: int = 0  # byte in the file
    name: bytes = b""
    content_type: bytes = b""
    properties: list[int] = field(default_factory=list)  # 1-based, in ``ipco``
    method: int = FILE
    outside: bool = False  # its bytes are in another file
    extents: tuple[tuple[int, int, int], ...] = ()  # offset, length (0 = to the end), index

    def malformed(self, problem: str) -> MalformedImage:
        """The error of a broken item, at its ``infe`` box."""
        return MalformedImage(problem, structure=f"isobmff item {name_of(self.type)}", offset=self._offset)

    def unsupported(self, problem: str) -> UnsupportedFeature:
        """The error of an item that is understood and refused."""
        return UnsupportedFeature(problem, structure=f"isobmff item {name_of(self.type)}", offset=self._offset)

    @property
    def _offset(self) -> int | None:
        return self.at.offset if self.at else None


@dataclass(slots=True)
class Meta:
    """A ``meta`` box, read."""

    view: memoryview
    at: BoxAt
    tally: Tally
    boxes: list[BoxAt] = field(default_factory=list)
    items: dict[int, Item] = field(default_factory=dict)
    references: dict[bytes, dict[int, list[int]]] = field(default_factory=dict)  # type -> from -> to
    property_boxes: list[BoxAt] = field(default_factory=list)
    primary: int = 0
    idat: BoxAt | None = None
    read: set[int] = field(default_factory=set)  # offsets of the boxes that were understood
    _properties: dict[int, Property | None] = field(default_factory=dict)

    def item(self, number: int) -> Item:
        """The item with this id, a new one where no box has named it yet."""
        if number not in self.items:
            self.items[number] = Item(number)
        return self.items[number]

    def to(self, kind: bytes, number: int) -> list[int]:
        """Ids that item ``number`` refers to by references of type ``kind``."""
        return self.references.get(kind, {}).get(number, [])

    def property(self, index: int) -> Property | None:
        """Property ``index`` (1-based) in canonical form, read once."""
        if not 1 <= index <= len(self.property_boxes):
            return None
        if index not in self._properties:
            self._properties[index] = read_property(self.view, self.property_boxes[index - 1], self.tally)
        return self._properties[index]

    def properties_of(self, item: Item) -> list[Property]:
        """The known properties of an item, in the order in which it lists them."""
        return [found for index in item.properties if (found := self.property(index))]

    def is_alpha(self, item: Item) -> bool:
        """Whether an item says of itself that it is alpha; its other properties are not looked at."""
        for index in item.properties:
            if 1 <= index <= len(self.property_boxes) and self.property_boxes[index - 1].type == b"auxC":
                found = self.property(index)
                return bool(found and found.value)
        return False

    def ranges(self, item: Item, depth: int = 0) -> Ranges:
        """Where an item's bytes lie in the file.

        Raises:
            MalformedImage: an extent leaves the file, ``idat`` or the item that it is cut from.
            UnsupportedFeature: the bytes are in another file.
            LimitExceeded: items are made of items too deeply, or too many bytes are named.
        """
        self.tally.limits.check("max_depth", depth)
        self.tally.add(1 + len(item.extents))
        if item.outside:
            raise item.unsupported("its bytes lie in another file or are encrypted")
        if item.method == ITEM:
            return self._ranges_in_items(item, depth)
        start, end = 0, len(self.view)
        if item.method == IDAT:
            if self.idat is None:
                raise item.malformed("it lies in idat, but there is no idat box")
            start, end = self.idat.body, self.idat.end
        out = []
        for offset, length, _ in item.extents:
            first = start + offset
            last = first + length if length else end
            if not start <= first <= last <= end:
                raise item.malformed(f"an extent of {length} bytes at byte {first} must lie in bytes {start} to {end}")
            out.append((first, last))
        return tuple(out)

    def _ranges_in_items(self, item: Item, depth: int) -> Ranges:
        """Construction method 2: extents count inside the items that ``iloc`` references name (8.11.3)."""
        sources = self.to(b"iloc", item.id)
        out: list[tuple[int, int]] = []
        for offset, length, index in item.extents:
            if not 1 <= (index or 1) <= len(sources) or sources[(index or 1) - 1] not in self.items:
                raise item.malformed(
                    f"an extent names iloc reference {index or 1} of {len(sources)}, or an unknown item"
                )
            position, remaining = 0, length or self.tally.limits.max_bytes
            for start, end in self.ranges(self.items[sources[(index or 1) - 1]], depth + 1):
                self.tally.add()
                first = start + max(0, offset - position)
                last = min(end, first + remaining)
                if first < last:
                    out.append((first, last))
                    remaining -= last - first
                position += end - start
            if length and remaining:
                raise item.malformed(f"an extent of {length} bytes runs {remaining} bytes past the end of its item")
        return tuple(out)


def read_meta(view: memoryview, at: BoxAt, tally: Tally) -> Meta:
    """Read a ``meta`` box; the first box of each type counts.

    Raises:
        MalformedImage: a box ends early or runs past its end, or two items have one number.
        UnsupportedFeature: the handler is not that of pictures, or items lie where nobody can say.
        LimitExceeded: more structures than allowed.
    """
    meta = Meta(view, at, tally)
    if at.end - at.body < 4:
        raise malformed(at, f"a body of {at.end - at.body} bytes, version and flags take 4")
    meta.boxes = walk(view, at.body + 4, at.end, tally)
    first = first_of_each(meta.boxes)
    meta.read = {found.offset for found in first.values()}
    if b"hdlr" not in first or bytes(view[first[b"hdlr"].body + 8 : first[b"hdlr"].body + 12]) != b"pict":
        raise unsupported(at, "a handler of type pict is required")
    meta.idat = first.get(b"idat")
    for kind, reader in READERS.items():
        if kind in first:
            reader(meta, first[kind])
    return meta


def _read_pitm(meta: Meta, at: BoxAt) -> None:
    cursor = at.cursor(meta.view)
    version, _ = flags_of(cursor)
    meta.primary = cursor.u32() if version else cursor.u16()


def _read_iinf(meta: Meta, at: BoxAt) -> None:
    cursor = at.cursor(meta.view)
    version, _ = flags_of(cursor)
    cursor.skip(4 if version else 2)  # the boxes themselves say how many there are
    for entry in walk(meta.view, cursor.offset, at.end, meta.tally):
        if entry.type == b"infe":
            _read_infe(meta, entry)


def _read_infe(meta: Meta, at: BoxAt) -> None:
    """ItemInfoEntry of version 2 or 3 (8.11.6); older ones say nothing about the type."""
    cursor = at.cursor(meta.view)
    version, _ = flags_of(cursor)
    if version not in (2, 3):
        return
    number = cursor.u32() if version == 3 else cursor.u16()
    outside = cursor.u16()  # item_protection_index
    if number in meta.items:
        raise malformed(at, f"item {number} is listed twice")
    item = meta.item(number)
    item.type, item.at, item.name_at = cursor.bytes(4), at, cursor.offset
    item.outside = bool(outside)
    item.name, _, rest = bytes(meta.view[item.name_at : min(at.end, item.name_at + MAX_NAME)]).partition(b"\0")
    item.content_type = rest.partition(b"\0")[0]


def _read_iref(meta: Meta, at: BoxAt) -> None:
    cursor = at.cursor(meta.view)
    size = 4 if flags_of(cursor)[0] else 2
    for reference in walk(meta.view, cursor.offset, at.end, meta.tally):
        inner = reference.cursor(meta.view)
        number, count = inner.uint(size), inner.u16()
        meta.tally.add(count)
        table = meta.references.setdefault(reference.type, {})
        table.setdefault(number, []).extend(inner.uint(size) for _ in range(count))


def _read_iprp(meta: Meta, at: BoxAt) -> None:
    boxes = walk(meta.view, at.body, at.end, meta.tally)
    ipco = next((found for found in boxes if found.type == b"ipco"), None)
    if ipco:
        meta.property_boxes = walk(meta.view, ipco.body, ipco.end, meta.tally)
    for found in boxes:
        if found.type == b"ipma":
            _read_ipma(meta, found)


def _read_ipma(meta: Meta, at: BoxAt) -> None:
    cursor = at.cursor(meta.view)
    version, flags = flags_of(cursor)
    for _ in range(cursor.u32()):
        meta.tally.add()
        item = meta.item(cursor.u32() if version else cursor.u16())
        count = cursor.u8()
        meta.tally.add(count)
        wide = flags & 1
        item.properties += [cursor.u16() & 0x7FFF if wide else cursor.u8() & 0x7F for _ in range(count)]


def _read_iloc(meta: Meta, at: BoxAt) -> None:
    """Item locations of version 0, 1 or 2 (8.11.3)."""
    cursor = at.cursor(meta.view)
    version, _ = flags_of(cursor)
    sizes, more = cursor.u8(), cursor.u8()
    widths = sizes >> 4, sizes & 15, more >> 4, more & 15 if version else 0
    if version > 2 or any(width not in WIDTHS for width in widths):
        raise malformed(at, f"version {version} with fields of {widths} bytes, 0 to 2 with 0, 4 or 8 are allowed")
    for _ in range(cursor.u32() if version == 2 else cursor.u16()):
        meta.tally.add()
        item = meta.item(cursor.u32() if version == 2 else cursor.u16())
        method = cursor.u16() & 15 if version else 0
        reference, base = cursor.u16(), cursor.uint(widths[2])
        if method not in METHODS:
            raise unsupported(at, f"construction method {method}, 0 to 2 are known")
        extents = _read_extents(cursor, meta.tally, widths, base)
        if not item.extents:
            item.method, item.extents = method, extents
            item.outside = item.outside or bool(reference and method == FILE)


def _read_extents(
    cursor: Cursor, tally: Tally, widths: tuple[int, int, int, int], base: int
) -> tuple[tuple[int, int, int], ...]:
    out = []
    for _ in range(cursor.u16()):
        tally.add()
        index = cursor.uint(widths[3])
        offset = base + cursor.uint(widths[0])
        out.append((offset, cursor.uint(widths[1]), index))
    return tuple(out)


READERS = {
    b"pitm": _read_pitm,
    b"iinf": _read_iinf,
    b"iref": _read_iref,
    b"iprp": _read_iprp,
    b"iloc": _read_iloc,
}
