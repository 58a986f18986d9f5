"""What a GIF holds, as values: the screen, colour tables, pictures and their graphic controls (GIF89a, 17 to 26)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.gif.codes import NO_CODES, PictureCodes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ColourTable", "GifPicture", "GifScreen", "GraphicControl", "loop_block"]

EXTENSION, PICTURE, TRAILER = 0x21, 0x2C, 0x3B  # first byte of a block (GIF89a, appendix A)
PLAIN_TEXT, CONTROL, COMMENT, APPLICATION = 0x01, 0xF9, 0xFE, 0xFF  # labels of extensions
RESOLUTION = 0x70  # flags of the screen: eight bits a primary colour, as everybody writes (GIF89a, 18.c.ii)
HAS_TABLE, INTERLACED = 0x80, 0x40  # flags of a picture (20.c); the first also of the screen (18.c)
SCREEN_END = 13  # byte: signature and logical screen descriptor
LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # applications whose block holds the loop count


@dataclass(frozen=True, slots=True)
class ColourTable:
    """A global or local colour table (19 and 21)."""

    start: int  # byte
    entries: tuple[bytes, ...]  # three bytes each

    @property
    def flags(self) -> int:
        """Presence and size, as screen and picture store them."""
        return HAS_TABLE | (len(self.entries).bit_length() - 2)


@dataclass(frozen=True, slots=True)
class GraphicControl:
    """A graphic control extension (23)."""

    disposal: int
    delay: bytes  # two bytes, 1/100 s
    transparent: int | None  # the sample that paints nothing

    def block(self) -> bytes:
        """The extension in canonical form."""
        flags = self.disposal << 2 | (self.transparent is not None)
        return bytes((EXTENSION, CONTROL, 4, flags)) + self.delay + bytes((self.transparent or 0, 0))


@dataclass(frozen=True, slots=True)
class GifPicture:
    """An image descriptor, its table and its codes (20 to 22)."""

    place: bytes  # left, top, width, height
    flags: int  # INTERLACED or 0
    table: ColourTable | None  # local
    control: GraphicControl | None
    codes: PictureCodes = NO_CODES
    samples: frozenset[int] = frozenset()  # that pixels have

    @property
    def transparent(self) -> int | None:
        """The sample that paints nothing."""
        return self.control.transparent if self.control else None

    @property
    def painted(self) -> frozenset[int]:
        """The samples that paint something."""
        return self.samples - {self.transparent}

    @property
    def extent(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (px)."""
        x, y, w, h = (int.from_bytes(self.place[n : n + 2], "little") for n in (0, 2, 4, 6))
        return x, y, x + w, y + h


@dataclass(frozen=True, slots=True)
class GifScreen:
    """The logical screen (18), and what is drawn on it."""

    size: bytes  # width, height
    table: ColourTable | None  # global
    background: int  # index
    loop: bytes | None  # two bytes
    pictures: tuple[GifPicture, ...]

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height (px); decoders widen the screen for a first picture that is larger."""
        width, height = (int.from_bytes(self.size[n : n + 2], "little") for n in (0, 2))
        _, _, right, bottom = self.pictures[0].extent if self.pictures else (0, 0, 0, 0)
        return max(width, right), max(height, bottom)

    def table_of(self, picture: GifPicture) -> ColourTable | None:
        """The table that a picture is drawn with."""
        return picture.table or self.table

    def tables(self) -> Iterator[ColourTable | None]:
        """The global table and every picture's own, where there is one."""
        yield self.table
        for picture in self.pictures:
            yield picture.table


def loop_block(count: bytes) -> bytes:
    """The application extension with the loop count of an animation, in canonical form."""
    return bytes((EXTENSION, APPLICATION, len(LOOPS[0]))) + LOOPS[0] + b"\x03\x01" + count + b"\0"
