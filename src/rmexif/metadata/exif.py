"""The Exif block (Exif 2.32; TIFF 6.0): the orientation it states, and what else it says."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.common.orientation import first_ifd
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.metadata import tags
from rmexif.metadata.findings import MAX_TEXT, text_of
from rmexif.types import Category, PayloadKind

if TYPE_CHECKING:
    from rmexif.cursor import ByteOrder
    from rmexif.metadata.findings import FindingsBuilder
    from rmexif.metadata.tags import Row
    from rmexif.types import TiffEntry

__all__ = ["read", "read_value"]

SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # bytes of a value, by field type (TIFF 6.0, section 2)
CODES = ("", "B", "", "H", "I", "II", "b", "", "h", "i", "ii", "f", "d", "I")  # struct code by field type
MAX_ENTRIES = 2_000  # of one block
MAX_DEPTH = 8  # IFDs below IFDs
MAX_NUMBERS = 16  # of one entry that are shown
IFDS = {34665: "Exif", 34853: "GPS", 40965: "Interop", 330: "SubIFD"}
TABLES: dict[str, dict[int, Row | None]] = {
    "Exif": tags.EXIF,
    "GPS": tags.GPS,
    "Interop": tags.INTEROP,
    "MPF": tags.MPF,
}
_Entry = tuple[int, memoryview, int]  # field type, value as far as it is there, bytes that it claims
WRAPPED = {
    700: PayloadKind.XMP,
    33723: PayloadKind.IPTC,
    34377: PayloadKind.IPTC,
    34675: PayloadKind.ICC,
}  # tags that hold another vocabulary
CHARSETS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp", bytes(8): "utf-8"}


def read(notes: FindingsBuilder, block: bytes, where: str, first: str = "IFD0") -> None:
    """Note what every entry of every IFD says, and how many bytes no entry refers to.

    Args:
        notes: takes the findings.
        block: a TIFF block, with or without its prefix.
        where: path of the block.
        first: name of the first IFD: "IFD0", or "MPF".
    """
    walk = _Walk(notes, first_ifd(block), where)
    walk.chain(first)
    lost = walk.unreferenced()
    if lost:
        notes.add(f"{where}/unreferenced bytes", Category.UNKNOWN, lost)


def read_value(notes: FindingsBuilder, entry: TiffEntry, payload: bytes, where: str) -> None:
    """Note what the value of one entry says, where an entry comes without its block.

    Args:
        notes: takes the findings.
        entry: where the value stands, and how it is written.
        payload: the value.
        where: path of the entry.
    """
    name = IFDS.get(entry.pointer, "IFD0")
    order: ByteOrder = "little" if entry.order == "<" else "big"
    _entry(notes, (name, entry.tag, entry.field_type, order), memoryview(payload), len(payload), where)


def _entry(notes: FindingsBuilder, entry: tuple[str, int, int, str], data: memoryview, size: int, path: str) -> None:
    """Note one entry: (name of its IFD, tag, field type, byte order)."""
    name, tag, kind, order = entry
    row = TABLES.get(name, tags.IFD0).get(tag, (f"tag 0x{tag:04X}", Category.UNKNOWN))
    if row is None:
        return
    label, category = row
    if tag in WRAPPED and name not in TABLES:
        notes.nest(WRAPPED[tag], data, f"{path}/{label}")
    elif label == "MakerNote":
        maker = next((maker for prefix, maker in tags.MAKERS if data[: len(prefix)] == prefix), "unknown maker")
        notes.add(f"{path}/MakerNote", category, size, maker)
    else:
        notes.add(f"{path}/{label}", category, size, _show(label, kind, data, order))


def _show(label: str, kind: int, data: memoryview, order: str) -> str:
    """The value of an entry, for a reader."""
    if label.startswith("XP"):
        return str(data[:MAX_TEXT], "utf-16-le", "replace").rstrip("\0")
    if (
        kind == 7
        and bytes(data[:8]) in CHARSETS
        and label in ("UserComment", "GPSProcessingMethod", "GPSAreaInformation")
    ):
        charset = CHARSETS[bytes(data[:8])]
        if charset == "utf-16":
            charset = "utf-16-le" if order == "little" else "utf-16-be"
        return str(data[8:MAX_TEXT], charset, "replace").rstrip("\0 ")
    if kind in (2, 7) or not (kind < len(CODES) and CODES[kind]):
        return text_of(data)
    return ", ".join(f"{value:.10g}" for value in _numbers(kind, data, order))


def _numbers(kind: int, data: memoryview, order: str) -> list[float]:
    """The first numbers of an entry; a fraction with denominator 0 is 0."""
    if not (kind < len(CODES) and CODES[kind]):
        return []
    code = ("<" if order == "little" else ">") + CODES[kind]
    whole = len(data) - len(data) % struct.calcsize(code)
    rows = list(struct.iter_unpack(code, data[: min(whole, MAX_NUMBERS * struct.calcsize(code))]))
    return [row[0] / row[1] if len(row) == 2 and row[1] else float(row[0]) if len(row) == 1 else 0.0 for row in rows]


class _Walk:
    """One reading of a block: every IFD once, a bounded number of entries."""

    def __init__(self, notes: FindingsBuilder, start: Cursor, where: str) -> None:
        self.notes = notes
        self.view = start.view
        self.order = start.order
        self.first = start.offset
        self.where = where
        self.entries = 0
        self.depth = 0
        self.seen: set[int] = set()
        self.used: list[tuple[int, int]] = [(0, 8)]

    def at(self, offset: int) -> Cursor:
        """A cursor anywhere in the block."""
        return Cursor(self.view, "exif", min(offset, len(self.view)), order=self.order)

    def chain(self, name: str) -> None:
        """The first IFD and those that follow it: IFD1 describes the thumbnail (4.5.8)."""
        offset, number = self.first, 0
        while offset:
            offset = self.ifd(offset, name if number == 0 or name != "IFD0" else f"IFD{min(number, 9)}")
            number += 1

    def ifd(self, offset: int, name: str) -> int:
        """One IFD; gives the offset of the next."""
        if offset in self.seen or self.depth >= MAX_DEPTH:
            return 0
        self.seen.add(offset)
        cursor = self.at(offset)
        found: dict[int, _Entry] = {}
        for _ in range(cursor.u16()):
            self.entries += 1
            if self.entries > MAX_ENTRIES:
                raise MalformedImage("exif: too many entries")
            tag, kind, count = cursor.u16(), cursor.u16(), cursor.u32()
            size = count * SIZES[kind] if kind < len(SIZES) else 4
            data = cursor.child(4, "exif entry") if size <= 4 else self.at(cursor.u32())
            start = data.offset
            found.setdefault(tag, (kind, data.take(min(size, data.left)), size))
            self.used.append((start, data.offset))
        following = cursor.u32() if cursor.left >= 4 else 0
        self.used.append((offset, cursor.offset))
        self.report(found, name)
        return following

    def report(self, found: dict[int, _Entry], name: str) -> None:
        """Note the entries of one IFD."""
        path = self.where if self.where.endswith(name) and name != "Exif" else f"{self.where}/{name}"
        if name == "GPS":
            self.position(found, path)
        picture = [int.from_bytes(found[tag][1], self.order) for tag in (513, 514) if tag in found]
        if len(picture) == 2:
            self.notes.add(f"{path}/ThumbnailImage", Category.EMBEDDED_IMAGE, picture[1])
            self.used.append((picture[0], picture[0] + picture[1]))
        elif name not in IFDS.values() and name not in ("IFD0", "MPF") and {273, 324} & found.keys():
            self.notes.add(f"{path}/picture", Category.EMBEDDED_IMAGE, self.strips(found))
        for tag, (kind, data, size) in found.items():
            if tag in IFDS and name in ("IFD0", "IFD1", "Exif", "SubIFD"):
                for (child,) in struct.iter_unpack("<I" if self.order == "little" else ">I", data[: len(data) & ~3]):
                    self.depth += 1
                    self.ifd(child, IFDS[tag])
                    self.depth -= 1
            elif tag not in (513, 514):
                _entry(self.notes, (name, tag, kind, self.order), data, size, path)

    def position(self, found: dict[int, _Entry], path: str) -> None:
        """Latitude and longitude as one finding, in degrees (4.6.6)."""
        if not {2, 4} <= found.keys():
            return
        parts = []
        for tag in (2, 4):
            degrees, minutes, seconds = (*_numbers(*found[tag][:2], self.order), 0.0, 0.0, 0.0)[:3]
            value = degrees + minutes / 60 + seconds / 3600
            parts.append(
                -value if found.get(tag - 1, (2, memoryview(b""), 0))[1].tobytes()[:1] in (b"S", b"W") else value
            )
        size = sum(found.pop(tag)[2] for tag in (1, 2, 3, 4) if tag in found)
        self.notes.add(f"{path}/GPSPosition", Category.LOCATION, size, f"{parts[0]:.6f}, {parts[1]:.6f}")

    def strips(self, found: dict[int, _Entry]) -> int:
        """Bytes of a picture in strips or tiles."""
        total = 0
        for at, sizes in ((273, 279), (324, 325)):
            if at in found and sizes in found:
                starts, lengths = (_numbers(*found[part][:2], self.order) for part in (at, sizes))
                self.used += [(int(start), int(start + length)) for start, length in zip(starts, lengths, strict=False)]
                total += int(sum(lengths))
        return total

    def unreferenced(self) -> int:
        """Bytes of the block that nothing refers to; single padding zeros do not count."""
        lost, last = 0, 0
        for start, end in [*sorted(self.used), (len(self.view), len(self.view))]:
            if start > last and any(self.view[last:start]):
                lost += min(start, len(self.view)) - last
            last = max(last, end)
        return lost
