"""The IFDs of an Exif block (Exif 2.32, 4.6.2; TIFF 6.0, section 2): where they start, and the entries in them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.cursor import ByteOrder

__all__ = ["BYTE_ORDERS", "EXIF_PREFIX", "IfdEntry", "entries", "entries_by_tag", "first_ifd"]

EXIF_PREFIX = b"Exif\0\0"  # Exif 2.32, 4.7.2: identifier of the APP1 segment
BYTE_ORDERS: dict[bytes, ByteOrder] = {b"II*\0": "little", b"MM\0*": "big"}
ASCII = 2  # field type (TIFF 6.0, section 2)
# struct code of one number, by field type: BYTE, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL,
# FLOAT, DOUBLE, IFD (TIFF technical note 1)
NUMBERS = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I"}
INLINE = 4  # byte: longer values stand elsewhere, at the offset that the field holds


@dataclass(frozen=True, slots=True)
class IfdEntry:
    """One entry of an IFD."""

    block: memoryview
    order: ByteOrder
    field_type: int
    count: int  # of values
    field: bytes  # the value, or its offset in the block

    def number(self) -> int | None:
        """The first value as ExifTool and exiv2 read it, whatever its type; None where it is no whole number.

        Raises:
            MalformedImage: the value does not lie inside the block.
        """
        if self.field_type == ASCII:
            text = self.text()
            return int(text) if text.isdigit() else None
        code = NUMBERS.get(self.field_type)
        if code is None or not self.count:
            return None
        number = struct.Struct((">" if self.order == "big" else "<") + code)
        terms = number.unpack(self._value(self.count * number.size, number.size))
        value = terms[0] if len(terms) == 1 else terms[0] / terms[1] if terms[1] else 0.5
        return int(value) if value == value // 1 else None  # neither infinite nor NaN

    def text(self) -> bytes:
        """The first characters of an ASCII value, up to NUL and without spaces around them; empty for other types.

        Raises:
            MalformedImage: the value does not lie inside the block.
        """
        if self.field_type != ASCII:
            return b""
        return self._value(self.count, min(self.count, INLINE)).partition(b"\0")[0].strip(b" ")

    def data(self, most: int) -> bytes:
        """All bytes of the value; empty where they are more than ``most``, or of no known type.

        Raises:
            MalformedImage: the value does not lie inside the block.
        """
        size = self.count * (1 if self.field_type == ASCII else struct.calcsize("<" + NUMBERS.get(self.field_type, "")))
        return self._value(size, size) if size <= most else b""

    def _value(self, size: int, wanted: int) -> bytes:
        """The first ``wanted`` of the ``size`` bytes that the value has."""
        if size <= INLINE:
            return self.field[:wanted]
        at = min(int.from_bytes(self.field, self.order), len(self.block))
        return Cursor(self.block, "exif IFD entry", at).bytes(wanted)


def first_ifd(block: bytes | memoryview) -> Cursor:
    r"""A cursor on the first IFD of a TIFF block, with or without ``Exif\0\0`` before it (TIFF 6.0, section 2).

    Raises:
        MalformedImage: no TIFF header.
    """
    view = memoryview(block)
    view = view[len(EXIF_PREFIX) :] if view[: len(EXIF_PREFIX)] == EXIF_PREFIX else view
    order = BYTE_ORDERS.get(bytes(view[:4]))
    if order is None:
        raise MalformedImage("expected a byte order and the number 42", structure="exif header", offset=0)
    at = Cursor(view, "exif header", 4, order=order).u32()
    return Cursor(view, "exif IFD", min(at, len(view)), order=order)


def entries(ifd: Cursor, wanted: int) -> Iterator[IfdEntry]:
    """The entries of an IFD that have the tag ``wanted``; the cursor given stays at the start of the IFD.

    Raises:
        MalformedImage: the IFD runs past the end of the block.
    """
    at = Cursor(ifd.view, ifd.structure, ifd.offset, ifd.end, ifd.order)
    for _ in range(at.u16()):
        tag, field_type, count, field = at.u16(), at.u16(), at.u32(), at.bytes(INLINE)
        if tag == wanted:
            yield IfdEntry(ifd.view, ifd.order, field_type, count, field)


def entries_by_tag(ifd: Cursor, wanted: frozenset[int], most: int) -> dict[int, IfdEntry]:
    """The first entry of each wanted tag, among the first ``most`` entries of an IFD.

    Raises:
        MalformedImage: the IFD runs past the end of the block.
    """
    at = Cursor(ifd.view, ifd.structure, ifd.offset, ifd.end, ifd.order)
    found: dict[int, IfdEntry] = {}
    for _ in range(min(at.u16(), most)):
        tag, field_type, count, field = at.u16(), at.u16(), at.u32(), at.bytes(INLINE)
        if tag in wanted and tag not in found:
            found[tag] = IfdEntry(ifd.view, ifd.order, field_type, count, field)
    return found
