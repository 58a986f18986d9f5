"""The fields of one directory of a TIFF file, by tag (TIFF 6.0, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.tiff.ifd import ASCII, BYTE, INTEGERS, RATIONAL, UNDEFINED
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.tiff.ifd import Directory, Entry, TiffReader

__all__ = ["Fields"]

OPAQUE = frozenset({BYTE, UNDEFINED})
RATIONALS = frozenset({RATIONAL, 10})
STATED = INTEGERS | RATIONALS | {ASCII, UNDEFINED}
MAX_DIGITS = 6


class Fields:
    """Reads values by tag; of a tag that occurs twice the first one counts.

    Attributes:
        stream: the picture data, where it is that of one strip, and has been put together.
        stretches: where it was, beside the place of that strip (byte: first, first after).
    """

    def __init__(self, reader: TiffReader, directory: Directory) -> None:
        self.reader, self.directory = reader, directory
        self.stream: bytes | memoryview | None = None
        self.stretches: tuple[tuple[int, int], ...] = ()
        self._values: dict[int, tuple[int, ...]] = {}
        self.entries: dict[int, Entry] = {}
        for entry in directory.entries:
            self.entries.setdefault(entry.tag, entry)

    def replaced(
        self, values: dict[int, tuple[int, ...]], stream: bytes | memoryview, stretches: tuple[tuple[int, int], ...]
    ) -> Fields:
        """The same fields, but for some that are known better from the picture data.

        Args:
            values: of integers, by tag.
            stream: as the attribute.
            stretches: as the attribute.
        """
        new = Fields(self.reader, self.directory)
        new.stream, new.stretches, new._values = stream, stretches, values
        return new

    def numbers(self, tag: int, types: frozenset[int] = INTEGERS) -> tuple[int, ...]:
        """The numbers of a field; none where it is absent.

        Raises:
            MalformedImage: it has another type than ``types``, or lies outside the file.
        """
        if tag in self._values:
            return self._values[tag]
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        if entry.field_type not in types:
            problem = f"field type {entry.field_type}, expected one of {sorted(types)}"
            raise MalformedImage(problem, structure=f"tiff IFD entry {tag}", offset=entry.offset)
        numbers = self.reader.numbers(entry)
        if types is INTEGERS and numbers and min(numbers) < 0:
            raise MalformedImage("a negative number", structure=f"tiff IFD entry {tag}", offset=entry.offset)
        return numbers

    def stated(self, tag: int, default: int) -> int:
        """A small number of a field of any type, as ExifTool and exiv2 read it: digits and rationals too.

        Args:
            tag: of a field that no decoding depends on.
            default: where the field is absent, or holds no whole number.
        """
        entry = self.entries.get(tag)
        if entry is None or entry.field_type not in STATED or entry.end > len(self.reader.view):
            return default
        numbers = self.reader.numbers(entry)
        if entry.field_type == ASCII:
            text = bytes(numbers).partition(b"\0")[0].strip(b" ")
            return int(text) if text.isdigit() and len(text) < MAX_DIGITS else default
        if entry.field_type in RATIONALS:
            over, under = (*numbers, 0, 0)[:2]
            return over // under if under and not over % under else default
        return numbers[0] if numbers else default

    def first(self, tag: int, default: int | None = None) -> int:
        """The first number of a field.

        Raises:
            MalformedImage: as ``numbers``; or the field is absent and has no default.
        """
        numbers = self.numbers(tag)
        if numbers:
            return numbers[0]
        if default is None:
            problem = f"no value of tag {tag}, which a picture needs"
            raise MalformedImage(problem, structure="tiff IFD", offset=self.directory.offset)
        return default

    def opaque(self, tag: int) -> bytes:
        """The bytes of a field of another format; none where it is absent."""
        return bytes(self.numbers(tag, OPAQUE))

    def offset(self, tag: int) -> int:
        """Where the entry of a tag stands, or the directory where there is none."""
        entry = self.entries.get(tag)
        return self.directory.offset if entry is None else entry.offset
