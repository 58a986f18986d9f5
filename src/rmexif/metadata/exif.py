"""The Exif block (Exif 2.32; TIFF 6.0): what the entries of its IFDs say, and what nothing refers to."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.common.exif_block import BYTE_ORDERS, EXIF_PREFIX, first_ifd
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

__all__ = ["read", "read_mpf", "read_value"]

SIZES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)  # bytes of a value, by field type (TIFF 6.0, section 2)
CODES = ("", "B", "", "H", "I", "II", "b", "", "h", "i", "ii", "f", "d", "I")  # struct code by field type
ASCII, UNDEFINED = 2, 7  # field types
MAX_ENTRIES = 2_000  # of one block
MAX_DEPTH = 8  # IFDs below IFDs
MAX_NUMBERS = 16  # of one entry that are shown
LAST_IFD = 9  # in the names of a chain: later ones share it
IFDS = {34665: "Exif", 34853: "GPS", 40965: "Interop", 330: "SubIFD"}
THUMBNAIL, THUMBNAIL_BYTES = 513, 514  # JPEGInterchangeFormat and its length (Exif 2.32, 4.6.4 C)
PICTURES = ((273, 279), (324, 325))  # offsets and byte counts of strips, and of tiles (TIFF 6.0)
TABLES: dict[str, dict[int, Row | None]] = {
    "Exif": tags.EXIF,
    "GPS": tags.GPS,
    "Interop": tags.INTEROP,
    "MPF": tags.MPF,
}
WRAPPED = {  # tags that hold a payload of another standard
    700: PayloadKind.XMP,
    33723: PayloadKind.IPTC,
    34377: PayloadKind.IPTC,
    34675: PayloadKind.ICC,
}
COMMENTS = frozenset({"UserComment", "GPSProcessingMethod", "GPSAreaInformation"})
CHARSETS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp", bytes(8): "utf-8"}


@dataclass(frozen=True, slots=True)
class _Value:
    """The value of an entry."""

    field_type: int
    data: memoryview  # as far as it is there
    size: int  # byte that it claims
    order: ByteOrder


def read(findings: FindingsBuilder, block: bytes, where: str) -> None:
    """Add what every entry of every IFD says, and how many bytes no entry refers to.

    Args:
        findings: takes the findings.
        block: a TIFF block; before it ``Exif`` and two zeros, or the offset that HEIF and JPEG XL put first, or both.
        where: path of the block.

    Raises:
        MalformedImage: no TIFF block, or an IFD runs past its end.
    """
    _read_block(findings, _tiff_block(block), where, "IFD0")


def read_mpf(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Add what a Multi-Picture index says (CIPA DC-007); as ``read``."""
    _read_block(findings, payload.removeprefix(b"MPF\0"), where, "MPF")


def read_value(findings: FindingsBuilder, entry: TiffEntry, payload: bytes, where: str) -> None:
    """Add what the value of one entry says, where an entry comes without its block.

    Args:
        findings: takes the findings.
        entry: where the value stands, and how it is written.
        payload: the value.
        where: path of the entry.
    """
    order: ByteOrder = "little" if entry.order == "<" else "big"
    value = _Value(entry.field_type, memoryview(payload), len(payload), order)
    _add_entry(findings, IFDS.get(entry.pointer, "IFD0"), entry.tag, value, where)


def _tiff_block(block: bytes) -> bytes:
    """The block behind the offset to its TIFF header (ISO 23008-12, A.2.1; ISO 18181-2), where there is one."""
    offset = int.from_bytes(block[:4], "big")
    if block[:4] in BYTE_ORDERS:
        return block
    if block[4 + offset : 8 + offset] in BYTE_ORDERS:
        return block[4 + offset :]
    return block[4:] if block.startswith(EXIF_PREFIX, 4) else block


def _read_block(findings: FindingsBuilder, block: bytes, where: str, first: str) -> None:
    """All IFDs of a block; ``first`` is the name of the first one."""
    reading = _BlockReading(findings, first_ifd(block), where)
    reading.chain(first)
    if lost := reading.unreferenced():
        findings.add(f"{where}/unreferenced bytes", Category.UNKNOWN, lost)


def _add_entry(findings: FindingsBuilder, ifd: str, tag: int, value: _Value, path: str) -> None:
    """What one entry says."""
    row = TABLES.get(ifd, tags.IFD0).get(tag, (f"tag 0x{tag:04X}", Category.UNKNOWN))
    if row is None:
        return
    label, category = row
    if tag in WRAPPED and ifd not in TABLES:
        findings.nest(WRAPPED[tag], value.data, f"{path}/{label}")
    elif label == "MakerNote":
        maker = next((maker for prefix, maker in tags.MAKERS if value.data[: len(prefix)] == prefix), "unknown maker")
        findings.add(f"{path}/MakerNote", category, value.size, maker)
    else:
        findings.add(f"{path}/{label}", category, value.size, _show(label, value))


def _show(label: str, value: _Value) -> str:
    """The value of an entry, for a reader."""
    data, prefix = value.data, bytes(value.data[:8])
    if label.startswith("XP"):
        return str(data[:MAX_TEXT], "utf-16-le", "replace").rstrip("\0")
    if value.field_type == UNDEFINED and label in COMMENTS and prefix in CHARSETS:
        charset = CHARSETS[prefix]
        if charset == "utf-16":
            charset = "utf-16-le" if value.order == "little" else "utf-16-be"
        return str(data[8:MAX_TEXT], charset, "replace").rstrip("\0 ")
    if value.field_type in (ASCII, UNDEFINED) or not _code(value.field_type):
        return text_of(data)
    return ", ".join(f"{number:.10g}" for number in _numbers(value))


def _code(field_type: int) -> str:
    """The struct code of a type of numbers; empty for others."""
    return CODES[field_type] if field_type < len(CODES) else ""


def _numbers(value: _Value) -> list[float]:
    """The first numbers of an entry; a fraction with denominator 0 is 0."""
    code = _code(value.field_type)
    if not code:
        return []
    number = struct.Struct(("<" if value.order == "little" else ">") + code)
    size = min(len(value.data) // number.size, MAX_NUMBERS) * number.size
    return [
        float(terms[0]) if len(terms) == 1 else terms[0] / terms[1] if terms[1] else 0.0
        for terms in number.iter_unpack(value.data[:size])
    ]


class _BlockReading:
    """One reading of a block: every IFD once, a bounded number of entries."""

    def __init__(self, findings: FindingsBuilder, start: Cursor, where: str) -> None:
        self.findings, self.where = findings, where
        self.view, self.order = start.view, start.order
        self.first = start.offset
        self.entries = 0
        self.depth = 0
        self.seen: set[int] = set()
        self.used: list[tuple[int, int]] = [(0, 8)]  # the header; first byte, first byte after

    def at(self, offset: int) -> Cursor:
        """A cursor anywhere in the block."""
        return Cursor(self.view, "exif IFD", min(offset, len(self.view)), order=self.order)

    def chain(self, name: str) -> None:
        """The first IFD and those that follow it: IFD1 describes the thumbnail (4.5.8)."""
        offset, number = self.first, 0
        while offset:
            offset = self.ifd(offset, name if number == 0 or name != "IFD0" else f"IFD{min(number, LAST_IFD)}")
            number += 1

    def ifd(self, offset: int, name: str) -> int:
        """Read one IFD, and give the offset of the next."""
        if offset in self.seen or self.depth >= MAX_DEPTH:
            return 0
        self.seen.add(offset)
        cursor = self.at(offset)
        found: dict[int, _Value] = {}
        for _ in range(cursor.u16()):
            self.entries += 1
            if self.entries > MAX_ENTRIES:
                problem = f"more than {MAX_ENTRIES} entries in all IFDs"
                raise MalformedImage(problem, structure="exif IFD", offset=offset)
            tag, value = self.entry(cursor)
            found.setdefault(tag, value)
        following = cursor.u32() if cursor.remaining >= 4 else 0
        self.used.append((offset, cursor.offset))
        self.report(found, name)
        return following

    def entry(self, cursor: Cursor) -> tuple[int, _Value]:
        """The next entry: its tag and its value, which is inline up to 4 bytes."""
        tag, field_type, count = cursor.u16(), cursor.u16(), cursor.u32()
        size = count * SIZES[field_type] if field_type < len(SIZES) else 4
        data = cursor.child(4, "exif IFD entry") if size <= 4 else self.at(cursor.u32())
        start = data.offset
        value = _Value(field_type, data.take(min(size, data.remaining)), size, self.order)
        self.used.append((start, data.offset))
        return tag, value

    def report(self, found: dict[int, _Value], name: str) -> None:
        """Add what the entries of one IFD say, and read the IFDs that they point at."""
        path = self.where if self.where.endswith(name) and name != "Exif" else f"{self.where}/{name}"
        if name == "GPS":
            self.position(found, path)
        self.picture(found, name, path)
        for tag, value in found.items():
            if tag in IFDS and name in ("IFD0", "IFD1", "Exif", "SubIFD"):
                for at in range(0, len(value.data) & ~3, 4):
                    self.depth += 1
                    self.ifd(int.from_bytes(value.data[at : at + 4], self.order), IFDS[tag])
                    self.depth -= 1
            elif tag not in (THUMBNAIL, THUMBNAIL_BYTES):
                _add_entry(self.findings, name, tag, value, path)

    def picture(self, found: dict[int, _Value], name: str, path: str) -> None:
        """The thumbnail of an IFD, or another picture in it."""
        if THUMBNAIL in found and THUMBNAIL_BYTES in found:
            start, size = (int.from_bytes(found[tag].data, self.order) for tag in (THUMBNAIL, THUMBNAIL_BYTES))
            self.findings.add(f"{path}/ThumbnailImage", Category.EMBEDDED_IMAGE, size)
            self.used.append((start, start + size))
        elif name not in IFDS.values() and name not in ("IFD0", "MPF") and any(at in found for at, _ in PICTURES):
            self.findings.add(f"{path}/picture", Category.EMBEDDED_IMAGE, self.strips(found))

    def position(self, found: dict[int, _Value], path: str) -> None:
        """Latitude and longitude as one finding, in degrees (4.6.6)."""
        if not {2, 4} <= found.keys():
            return
        degrees = [self.degrees(found, tag) for tag in (2, 4)]
        size = sum(found.pop(tag).size for tag in (1, 2, 3, 4) if tag in found)
        self.findings.add(f"{path}/GPSPosition", Category.LOCATION, size, f"{degrees[0]:.6f}, {degrees[1]:.6f}")

    @staticmethod
    def degrees(found: dict[int, _Value], tag: int) -> float:
        """One coordinate; the tag before it is its reference: N, S, E or W."""
        degrees, minutes, seconds = (*_numbers(found[tag]), 0.0, 0.0, 0.0)[:3]
        number = degrees + minutes / 60 + seconds / 3600
        reference = bytes(found[tag - 1].data[:1]) if tag - 1 in found else b""
        return -number if reference in (b"S", b"W") else number

    def strips(self, found: dict[int, _Value]) -> int:
        """Bytes of a picture in strips or tiles."""
        total = 0
        for offsets, counts in PICTURES:
            if offsets in found and counts in found:
                starts, lengths = _numbers(found[offsets]), _numbers(found[counts])
                self.used += [(int(start), int(start + length)) for start, length in zip(starts, lengths, strict=False)]
                total += int(sum(lengths))
        return total

    def unreferenced(self) -> int:
        """Bytes of the block that nothing refers to; stretches of zeros do not count."""
        lost, last = 0, 0
        for start, end in [*sorted(self.used), (len(self.view), len(self.view))]:
            if start > last and any(self.view[last:start]):
                lost += min(start, len(self.view)) - last
            last = max(last, end)
        return lost
