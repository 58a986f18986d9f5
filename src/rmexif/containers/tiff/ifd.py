"""Image file directories (TIFF 6.0, section 2; BigTIFF), read with every bound checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rmexif.cursor import Cursor
from rmexif.errors import LimitExceeded, MalformedImage

if TYPE_CHECKING:
    from collections.abc import Collection

    from rmexif.cursor import ByteOrder

__all__ = ["ASCII", "BYTE", "INTEGERS", "LONG", "LONG8", "RATIONAL", "SHORT", "TYPES", "UNDEFINED"]
__all__ += ["Directory", "Entry", "TiffReader", "Value"]

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
# Field type -> bytes of one value, letter for struct (TIFF 6.0, page 15; BigTIFF adds 16 to 18; 13 is an IFD offset).
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
INTEGERS = frozenset({BYTE, SHORT, LONG, 6, 8, 9, 13, LONG8, 17, 18})  # libtiff takes each for each
CLASSIC, BIG = 42, 43  # TIFF 6.0, page 13; BigTIFF

# What the values that are read may come to, in lengths of the file and in bytes; a parser reads each some four times.
READS, LEAST_READ = 16, 1 << 24
# JPEG strips and tiles, 0.5 ms each: as many as a small file may have, and bytes of the file that explain one more. A
# blank tile of 256 px has 300 bytes.
FREE_STREAMS, STREAM_BYTES = 1_000, 300
Value = tuple[int, tuple[int, ...]]  # field type, numbers (two for a rational)


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a directory; ``start`` to ``end`` is its value, ``offset`` its own place (byte)."""

    tag: int
    field_type: int
    count: int
    offset: int
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


class TiffReader:
    """Reads directories of a classic or big TIFF file.

    Args:
        view: the whole file.
        max_entries: fields that all directories together may have.
        magics: numbers in the place of 42 that are taken, too: of camera RAW.

    Raises:
        MalformedImage: no TIFF header.
    """

    __slots__ = ("big", "cell", "entries", "first", "max_entries", "order", "size", "streams", "unread", "view")

    def __init__(self, view: memoryview, max_entries: int, magics: Collection[int] = ()) -> None:
        self.view, self.max_entries, self.entries = view, max_entries, 0
        self.streams = 0  # of JPEG, so far
        self.unread = LEAST_READ + READS * len(view)  # bytes of values that may still be read
        cursor = Cursor(view, "tiff header")
        mark = cursor.bytes(2)
        if mark not in (b"II", b"MM"):
            raise MalformedImage("expected the byte order II or MM", structure="tiff header", offset=0)
        self.order: Literal["<", ">"] = "<" if mark == b"II" else ">"
        cursor.order = self.byte_order
        magic = cursor.u16()
        if magic not in (CLASSIC, BIG, *magics):
            raise MalformedImage(f"the number {magic}, expected 42 or 43", structure="tiff header", offset=2)
        self.big = magic == BIG
        if self.big and (cursor.u16(), cursor.u16()) != (8, 0):
            raise MalformedImage("expected BigTIFF offsets of 8 bytes", structure="tiff header", offset=4)
        self.cell = 8 if self.big else 4  # bytes of an offset, a count and an inline value
        self.first = cursor.uint(self.cell)
        self.size = cursor.offset

    @property
    def byte_order(self) -> ByteOrder:
        """The byte order as a word."""
        return "little" if self.order == "<" else "big"

    @property
    def entry_size(self) -> int:
        """Bytes of an entry: tag, type, count and cell."""
        return 4 + 2 * self.cell

    def count_streams(self, count: int) -> None:
        """Note so many JPEG streams of a page; each is parsed like a file.

        Raises:
            LimitExceeded: all pages together have more than the file's length explains.
        """
        self.streams += count
        most = FREE_STREAMS + len(self.view) // STREAM_BYTES
        if self.streams > most:
            problem = f"{self.streams} JPEG strips or tiles in {len(self.view)} bytes, above the limit of {most}"
            raise LimitExceeded(problem, structure="tiff strips", offset=0)

    def directory(self, offset: int) -> Directory:
        """The directory at ``offset``.

        Raises:
            MalformedImage: it does not lie inside the file.
            LimitExceeded: with it there are more fields than allowed.
        """
        if not self.size <= offset <= len(self.view):
            problem = f"expected between the header and the end of the file at byte {len(self.view)}"
            raise MalformedImage(problem, structure="tiff IFD", offset=offset)
        cursor = Cursor(self.view, "tiff IFD", offset, order=self.byte_order)
        count = cursor.uint(8 if self.big else 2)
        if self.entries + count > self.max_entries:
            raise LimitExceeded(
                f"max_parts: {self.entries + count} fields are above the limit of {self.max_entries}",
                structure="tiff IFD",
                offset=offset,
            )
        self.entries += count
        entries = tuple(self._entry(cursor) for _ in range(count))
        following = cursor.uint(self.cell)
        return Directory(offset, cursor.offset, entries, following)

    def _entry(self, cursor: Cursor) -> Entry:
        offset = cursor.offset
        tag, field_type, count = cursor.u16(), cursor.u16(), cursor.uint(self.cell)
        place = cursor.offset
        target = cursor.uint(self.cell)
        size = count * TYPES.get(field_type, (0, ""))[0]
        if size <= self.cell:
            return Entry(tag, field_type, count, offset, place, place + size, inline=True)
        return Entry(tag, field_type, count, offset, target, target + size, inline=False)

    def numbers(self, entry: Entry) -> tuple[int, ...]:
        """The numbers of a field; a rational gives two.

        Raises:
            MalformedImage: the value runs past the end of the file, or has no known type.
            LimitExceeded: fields point at the same bytes again and again.
        """
        size, letter = TYPES.get(entry.field_type, (0, ""))
        if not size or entry.end > len(self.view):
            problem = "an unknown field type" if not size else f"its value ends at byte {entry.end}, behind the file"
            raise MalformedImage(problem, structure=f"tiff IFD entry {entry.tag}", offset=entry.offset)
        self.unread -= entry.end - entry.start
        if self.unread < 0:
            problem = f"the values of its fields are more than {READS} times the file"
            raise LimitExceeded(problem, structure=f"tiff IFD entry {entry.tag}", offset=entry.offset)
        raw = self.view[entry.start : entry.end]
        if letter == "B":
            return tuple(raw)
        return struct.unpack(f"{self.order}{entry.count * len(letter)}{letter[0]}", raw)

    def integers(self, directory: Directory, tag: int) -> tuple[int, ...]:
        """The integers of a field; none where it is absent or broken."""
        for entry in directory.entries:
            if entry.tag == tag and entry.field_type in INTEGERS and entry.end <= len(self.view):
                return self.numbers(entry)
        return ()

    def has_spare_bytes(self, entry: Entry) -> bool:
        """Whether bytes of the inline cell that hold no value are set."""
        return entry.inline and any(self.view[entry.end : entry.offset + self.entry_size])
