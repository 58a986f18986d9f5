"""Image file directories (TIFF 6.0, section 2; BigTIFF): read with every bound checked, written in one fixed order."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rmexif.cursor import Cursor
from rmexif.errors import LimitExceeded, MalformedImage

if TYPE_CHECKING:
    from rmexif.cursor import ByteOrder

__all__ = ["Directory", "Entry", "Reader", "Value", "write"]

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
# Type -> bytes of one value, letter for struct (TIFF 6.0, page 15; BigTIFF adds 16 to 18; 13 is an IFD offset).
TYPES: dict[int, tuple[int, str]] = {
    BYTE: (1, "B"),
    ASCII: (1, "B"),
    SHORT: (2, "H"),
    LONG: (4, "I"),
    RATIONAL: (8, "II"),
    6: (1, "b"),
    UNDEFINED: (1, "B"),
    8: (2, "h"),
    9: (4, "i"),
    10: (8, "ii"),
    11: (4, "f"),
    12: (8, "d"),
    13: (4, "I"),
    LONG8: (8, "Q"),
    17: (8, "q"),
    18: (8, "Q"),
}
INTEGERS = frozenset({BYTE, SHORT, LONG, 13, LONG8, 18})

Value = tuple[int, tuple[int, ...]]  # type, numbers (two for a rational)


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a directory; ``start`` to ``end`` is its value, ``at`` its own place (byte)."""

    tag: int
    kind: int
    count: int
    at: int
    start: int
    end: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory: its bytes, its fields, and the offset of the next one (0 = none)."""

    offset: int
    end: int
    entries: tuple[Entry, ...]
    next: int


class Reader:
    """Reads directories of a classic or big TIFF file.

    Args:
        view: the whole file.
        max_entries: fields that all directories together may have.

    Raises:
        MalformedImage: no TIFF header.
    """

    __slots__ = ("big", "cell", "entries", "first", "max_entries", "order", "size", "view")

    def __init__(self, view: memoryview, max_entries: int) -> None:
        self.view, self.max_entries, self.entries = view, max_entries, 0
        cursor = Cursor(view, "tiff: header")
        mark = cursor.bytes(2)
        if mark not in (b"II", b"MM"):
            raise MalformedImage("tiff: no byte order at byte 0")
        self.order: Literal["<", ">"] = "<" if mark == b"II" else ">"
        cursor.order = "little" if mark == b"II" else "big"
        magic = cursor.u16()
        if magic not in (42, 43):
            raise MalformedImage("tiff: byte 2 says neither 42 nor 43")
        self.big = magic == 43
        if self.big and (cursor.u16(), cursor.u16()) != (8, 0):
            raise MalformedImage("tiff: a BigTIFF header with offsets that are not of 8 bytes")
        self.cell = 8 if self.big else 4  # bytes of an offset, a count and an inline value
        self.first = cursor.uint(self.cell)
        self.size = cursor.offset

    def directory(self, offset: int) -> Directory:
        """The directory at ``offset``.

        Raises:
            MalformedImage: it does not lie inside the file.
            LimitExceeded: with it there are more fields than allowed.
        """
        order: ByteOrder = "little" if self.order == "<" else "big"
        name = f"tiff: directory at byte {offset}"
        if offset < self.size:
            raise MalformedImage(f"{name} lies in the header")
        cursor = Cursor(self.view, name, min(offset, len(self.view)), order=order)
        count = cursor.uint(8 if self.big else 2)
        if self.entries + count > self.max_entries:
            raise LimitExceeded(f"max_parts: {self.entries + count} is above the limit of {self.max_entries}")
        self.entries += count
        entries = tuple(self._entry(cursor) for _ in range(count))
        following = cursor.uint(self.cell)
        return Directory(offset, cursor.offset, entries, following)

    def _entry(self, cursor: Cursor) -> Entry:
        at = cursor.offset
        tag, kind, count = cursor.u16(), cursor.u16(), cursor.uint(self.cell)
        place = cursor.offset
        target = cursor.uint(self.cell)
        size = count * TYPES.get(kind, (0, ""))[0]
        if size <= self.cell:
            return Entry(tag, kind, count, at, place, place + size, inline=True)
        return Entry(tag, kind, count, at, target, target + size, inline=False)

    def numbers(self, entry: Entry) -> tuple[int, ...]:
        """The numbers of a field; a rational gives two.

        Raises:
            MalformedImage: the value runs past the end of the file, or has no known type.
        """
        size, letter = TYPES.get(entry.kind, (0, ""))
        if not size or entry.end > len(self.view):
            raise MalformedImage(f"tiff: the value of tag {entry.tag} at byte {entry.at} is not in the file")
        raw = self.view[entry.start : entry.end]
        if letter == "B":
            return tuple(raw)
        return struct.unpack(f"{self.order}{entry.count * len(letter)}{letter[0]}", raw)

    def spare(self, entry: Entry) -> bool:
        """Whether bytes of the inline cell that hold no value are set."""
        return entry.inline and any(self.view[entry.end : entry.at + 4 + 2 * self.cell])


def _pack(order: str, value: Value) -> tuple[int, bytes]:
    """Count and bytes of a value."""
    size, letter = TYPES[value[0]]
    if letter == "B":
        return len(value[1]), bytes(value[1])
    raw = struct.pack(f"{order}{len(value[1])}{letter[0]}", *value[1])
    return len(raw) // size, raw


Page = tuple[dict[int, Value], int, int, list[bytes | memoryview]]  # fields, offsets tag, counts tag, data


def write(order: str, big: bool, pages: list[Page]) -> bytes:
    """A TIFF file: for each page its directory, the values outside it, the data; everything on even bytes.

    Args:
        order: "<" or ">".
        big: BigTIFF.
        pages: fields, the tags of the offsets and of the byte counts, and the strips or tiles.

    Raises:
        LimitExceeded: a classic TIFF file would grow past 4 GiB.
    """
    cell, head, kind = (8, 8, LONG8) if big else (4, 2, LONG)
    letter = "Q" if big else "I"
    out: list[bytes | memoryview] = [b"II" if order == "<" else b"MM"]
    out.append(struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8))))
    position = 16 if big else 8
    for number, (fields, offsets_tag, counts_tag, data) in enumerate(pages):
        fields = {**fields, offsets_tag: (kind, (0,) * len(data)), counts_tag: (kind, tuple(map(len, data)))}
        table = position + head + len(fields) * (4 + 2 * cell) + cell
        values = {tag: _pack(order, fields[tag]) for tag in sorted(fields)}
        at = table
        places = {}
        for tag, (_, raw) in values.items():
            if len(raw) > cell:
                places[tag], at = at, at + len(raw) + len(raw) % 2
        offsets = []
        for chunk in data:
            offsets.append(at)
            at += len(chunk) + len(chunk) % 2
        if at >= 1 << 8 * cell:
            raise LimitExceeded("max_bytes: a classic TIFF file cannot grow past 4 GiB")
        values[offsets_tag] = _pack(order, (kind, tuple(offsets)))
        out.append(struct.pack(order + ("Q" if big else "H"), len(fields)))
        for tag, (count, raw) in values.items():
            out.append(struct.pack(f"{order}HH{letter}", tag, fields[tag][0], count))
            out.append(struct.pack(order + letter, places[tag]) if tag in places else raw.ljust(cell, b"\0"))
        out.append(struct.pack(order + letter, at if number + 1 < len(pages) else 0))
        for chunk in (*(values[tag][1] for tag in places), *data):
            out += [chunk, b"\0"] if len(chunk) % 2 else [chunk]
        position = at
    return b"".join(out)
