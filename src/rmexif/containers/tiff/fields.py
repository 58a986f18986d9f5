"""The fields of one directory of a TIFF file, by tag (TIFF 6.0, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.tiff.ifd import BYTE, INTEGERS, UNDEFINED
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.tiff.ifd import Directory, Entry, TiffReader

__all__ = ["Fields"]

OPAQUE = frozenset({BYTE, UNDEFINED})


class Fields:
    """Reads values by tag; of a tag that occurs twice the first one counts."""

    def __init__(self, reader: TiffReader, directory: Directory) -> None:
        self.reader, self.directory = reader, directory
        self.entries: dict[int, Entry] = {}
        for entry in directory.entries:
            self.entries.setdefault(entry.tag, entry)

    def numbers(self, tag: int, types: frozenset[int] = INTEGERS) -> tuple[int, ...]:
        """The numbers of a field; none where it is absent.

        Raises:
            MalformedImage: it has another type than ``types``, or lies outside the file.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        if entry.field_type not in types:
            problem = f"field type {entry.field_type}, expected one of {sorted(types)}"
            raise MalformedImage(problem, structure=f"tiff IFD entry {tag}", offset=entry.offset)
        return self.reader.numbers(entry)

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
