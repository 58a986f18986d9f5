"""Exif blocks that programs write by themselves: orientation, a common density, versions and the size of the picture.

libvips, ImageIO of macOS and many more put one into every file; nothing in it is of the file's maker.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.common.density import is_common_per_inch, is_common_per_metre
from rmexif.containers.common.exif_block import EXIF_PREFIX, NUMBERS, first_ifd
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["is_common_exif"]

Numbers = tuple[int, ...]

HEADER = 8  # byte
MOST_ENTRIES = 16  # of an IFD
ALIGNMENT = 4  # byte: fewer zeros than this lie between values
INLINE = 4  # byte
EXIF_IFD, WIDTH, HEIGHT = 34665, 40962, 40963
X_RESOLUTION, Y_RESOLUTION, UNIT = 282, 283, 296
INCH, CENTIMETRE = 2, 3  # ResolutionUnit
# What the fields of IFD0 and of the Exif IFD may say (Exif 2.32, 4.6.4 and 4.6.5).
VALUES: dict[int, Collection[Numbers]] = {
    274: [(number,) for number in range(1, 9)],  # Orientation
    UNIT: [(1,), (INCH,), (CENTIMETRE,)],
    531: [(1,), (2,)],  # YCbCrPositioning
    36864: [tuple(version) for version in (b"0200", b"0210", b"0220", b"0221", b"0230", b"0231", b"0232", b"0300")],
    37121: [(1, 2, 3, 0), (4, 5, 6, 0)],  # ComponentsConfiguration
    40960: [tuple(b"0100")],  # FlashpixVersion
    40961: [(1,), (0xFFFF,)],  # ColorSpace
    41990: [(0,)],  # SceneCaptureType
}
NUMBER_TYPES = frozenset({1, 3, 4, 5, 7})  # BYTE, SHORT, LONG, RATIONAL, UNDEFINED


def is_common_exif(block: bytes | memoryview, sides: tuple[int, int]) -> bool:
    """Whether a block holds nothing but such fields, each once, and no byte beside them.

    Args:
        block: with or without its identifier.
        sides: of the picture, px, as stored.
    """
    data = bytes(block).removeprefix(EXIF_PREFIX)
    try:
        walk = _Walk(first_ifd(data))
        walk.directory()
    except MalformedImage:
        return False
    return walk.covers(data) and _say_nothing(walk.fields, sides)


def _say_nothing(fields: dict[int, Numbers], sides: tuple[int, int]) -> bool:
    """Whether every field has a value that programs write by themselves."""
    rest = {tag: value for tag, value in fields.items() if tag not in (X_RESOLUTION, Y_RESOLUTION, WIDTH, HEIGHT)}
    found = fields.get(WIDTH, sides[:1]) + fields.get(HEIGHT, sides[1:])
    return (
        all(value in VALUES.get(tag, ()) for tag, value in rest.items())
        and sorted(found) == sorted(sides)
        and _is_common_density(fields)
    )


def _is_common_density(fields: dict[int, Numbers]) -> bool:
    """Whether there is no resolution, or one as ``density`` has it."""
    pairs = [fields[tag] for tag in (X_RESOLUTION, Y_RESOLUTION) if tag in fields]
    if not pairs:
        return True
    if len(pairs) != 2 or pairs[0] != pairs[1] or len(pairs[0]) != 2 or not pairs[0][1]:
        return False
    top, bottom = pairs[0]
    if bottom not in (1, 10, 100, 1000, 10_000) and bottom.bit_count() != 1:
        return False
    if fields.get(UNIT) == (CENTIMETRE,):
        return is_common_per_metre(round(100 * top / bottom), round(100 * top / bottom))
    return top == bottom or is_common_per_inch(top / bottom, top / bottom)


class _Walk:
    """Reads IFD0 and the Exif IFD, and which bytes their fields take."""

    def __init__(self, start: Cursor) -> None:
        self.start = start
        self.fields: dict[int, Numbers] = {}
        self.areas: list[tuple[int, int]] = [(0, HEADER)]

    def directory(self) -> None:
        """IFD0, and the Exif IFD that it points at.

        Raises:
            MalformedImage: a field outside the block, twice, or of a type that is not read.
        """
        for at in self._fields(self.start):
            self._fields(Cursor(self.start.view, "exif IFD", min(at, len(self.start.view)), order=self.start.order))

    def covers(self, data: bytes) -> bool:
        """Whether the fields take all bytes but for zeros that align them."""
        end = 0
        for first, last in sorted([*self.areas, (len(data), len(data))]):
            if first < end or first - end >= ALIGNMENT or any(data[end:first]):
                return False
            end = last
        return True

    def _fields(self, cursor: Cursor) -> Sequence[int]:
        """The fields of one IFD; where the Exif IFDs lie that it points at."""
        start, count, exif = cursor.offset, cursor.u16(), list[int]()
        if count > MOST_ENTRIES:
            raise self._odd(cursor)
        for _ in range(count):
            tag, field_type, size = cursor.u16(), cursor.u16(), cursor.u32()
            numbers = self._value(cursor, field_type, size)
            if tag == EXIF_IFD and len(numbers) == 1:
                exif += numbers
            elif tag in self.fields:
                raise self._odd(cursor)
            else:
                self.fields[tag] = numbers
        if cursor.u32():
            raise self._odd(cursor)
        self.areas.append((start, cursor.offset))
        return exif if len(exif) <= 1 else ()

    def _value(self, cursor: Cursor, field_type: int, count: int) -> Numbers:
        """The numbers of a field."""
        code = NUMBERS.get(field_type, "")
        each = struct.Struct(f"{'>' if cursor.order == 'big' else '<'}{code * count}" if count <= INLINE else "")
        if field_type not in NUMBER_TYPES or not 0 < count <= INLINE:
            raise self._odd(cursor)
        if each.size > INLINE:
            at = min(cursor.u32(), len(cursor.view))
            self.areas.append((at, at + each.size))
            return each.unpack(Cursor(cursor.view, "exif IFD entry", at).bytes(each.size))
        content = cursor.bytes(INLINE)
        if any(content[each.size :]):
            raise self._odd(cursor)
        return each.unpack(content[: each.size])

    def _odd(self, cursor: Cursor) -> MalformedImage:
        return MalformedImage("a field that programs do not write", structure="exif IFD", offset=cursor.offset)
