"""GIF (GIF87a, GIF89a): screen, colour tables, pictures with their delays, and a loop count.

Kept: tables without their unused entries, picture data up to the code of the last pixel, the graphic control of each
picture, NETSCAPE2.0. Every other extension goes: comments, plain text, XMP, ICC, C2PA, any application.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rmexif.containers.common import lzw
from rmexif.containers.common.palette import twins
from rmexif.containers.common.parts import PartBuilder
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Container, Limits, PayloadKind, Role

__all__ = ["matches", "parse", "rewrite"]

EXTENSION, PICTURE, TRAILER = 0x21, 0x2C, 0x3B  # GIF89a, appendix A
PLAIN_TEXT, CONTROL, COMMENT, APPLICATION = 0x01, 0xF9, 0xFE, 0xFF
TABLE, INTERLACED = 0x80, 0x40  # flags of a picture; TABLE also of the screen
BACKGROUND = 2  # disposal: restore to background (GIF89a, 23.c.iv)
LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
PAYLOADS = {b"XMP DataXMP": PayloadKind.XMP, b"ICCRGBG1012": PayloadKind.ICC, b"C2PA_GIF\x01\0\0": PayloadKind.JUMBF}


@dataclass(slots=True)
class _Table:
    start: int  # byte
    source: list[bytes]  # three bytes an entry
    painted: set[int] = field(default_factory=set)  # entries that pixels show
    used: set[int] = field(default_factory=set)  # entries that stay

    def clean(self) -> list[bytes]:
        """Entries that no pixel uses are black; a grey ramp tells nothing, and is a mode of its own to decoders."""
        if all(colour == bytes([number] * 3) for number, colour in enumerate(self.source)):
            return self.source
        return [colour if number in self.used else bytes(3) for number, colour in enumerate(self.source)]


@dataclass(slots=True)
class _Control:
    disposal: int
    delay: bytes  # two bytes, 1/100 s
    transparent: int | None  # the sample that paints nothing

    def block(self) -> bytes:
        """The canonical graphic control extension (GIF89a, 23)."""
        flags = self.disposal << 2 | (self.transparent is not None)
        return bytes((EXTENSION, CONTROL, 4, flags)) + self.delay + bytes((self.transparent or 0, 0))


@dataclass(slots=True)
class _Picture:
    place: bytes  # left, top, width, height
    flags: int
    table: _Table | None
    control: _Control | None
    bits: int  # minimum code size
    codes: bytes  # canonical
    literals: set[int] = field(default_factory=set)  # samples in it

    @property
    def hidden(self) -> int | None:
        """The sample that paints nothing."""
        return self.control.transparent if self.control else None

    @property
    def extent(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (px)."""
        x, y, w, h = (int.from_bytes(self.place[n : n + 2], "little") for n in (0, 2, 4, 6))
        return x, y, x + w, y + h


@dataclass(slots=True)
class _Screen:
    size: bytes = b""  # width, height
    table: _Table | None = None
    background: int = 0
    loop: bytes | None = None  # two bytes
    pictures: list[_Picture] = field(default_factory=list)
    shows_background: bool = False


def matches(head: bytes) -> bool:
    """GIF89a, 17.c: signature and version."""
    return head[:6] in (b"GIF87a", b"GIF89a")


def parse(view: memoryview, limits: Limits) -> Container[Any]:
    """Walk the blocks up to the trailer, and the codes of every picture up to its last pixel.

    Raises:
        MalformedImage: a block is cut off, a code is impossible, or there is no picture.
        LimitExceeded: more pictures, pixels or blocks than allowed.
    """
    return _Reader(view, limits).read()


class _Reader:
    """One pass over a file."""

    def __init__(self, view: memoryview, limits: Limits) -> None:
        self.view, self.limits = view, limits
        self.cursor = Cursor(view, "gif", order="little")
        self.claims = PartBuilder(len(view), limits)
        self.screen = _Screen()
        self.control: _Control | None = None
        self.pending: list[tuple[int, int, bool]] = []  # graphic controls read, not yet attached to a picture
        self.pixels = 0
        self.width = self.height = 0

    def read(self) -> Container[Any]:
        self.header()
        while self.cursor.left:
            start = self.cursor.offset
            kind = self.cursor.u8()
            if kind == TRAILER:
                self.claims.add("trailer", Role.STRUCTURE, start, start + 1)
                break
            if kind == EXTENSION:
                self.extension(start)
            elif kind == PICTURE:
                self.picture(start)
            elif kind != 0:  # zero bytes between blocks are empty sub-blocks; anything else is no GIF
                raise MalformedImage(f"gif: no block starts with 0x{kind:02x}, as byte {start} does")
        if not self.screen.pictures:
            raise MalformedImage("gif: no picture before the end")
        self.drop_controls()
        self.samples()
        self.canvas()
        self.colours()
        return Container(
            format="gif",
            width=self.width,
            height=self.height,
            parts=self.claims.tile(),
            frames=len(self.screen.pictures),
            residuals=self.residuals(),
            tree=self.screen,
        )

    def header(self) -> None:
        """Signature and logical screen descriptor (GIF89a, 17 and 18)."""
        signature = self.cursor.bytes(6)
        if not matches(signature):
            raise MalformedImage("gif: no signature at byte 0")
        self.screen.size = self.cursor.bytes(4)
        self.width, self.height = (int.from_bytes(self.screen.size[n : n + 2], "little") for n in (0, 2))
        flags, self.screen.background, aspect = self.cursor.bytes(3)
        self.claims.fields("screen", 0, 13, [("aspect", 12, 13, None)] if aspect else [])
        self.screen.table = self.table(flags)
        table = self.screen.table
        if table is None or self.screen.background >= len(table.source):
            self.screen.background = 0

    def table(self, flags: int) -> _Table | None:
        """A colour table where ``flags`` say that one follows."""
        if not flags & TABLE:
            return None
        start = self.cursor.offset
        raw = self.cursor.bytes(3 * (2 << (flags & 7)))
        return _Table(start, [raw[n : n + 3] for n in range(0, len(raw), 3)])

    def blocks(self) -> list[memoryview]:
        """Data sub-blocks up to their terminator (GIF89a, 15 and 16)."""
        found = []
        while size := self.cursor.u8():
            found.append(self.cursor.take(size))
        return found

    def extension(self, start: int) -> None:
        """Take a graphic control or a loop count; drop the rest."""
        label = self.cursor.u8()
        blocks = self.blocks()
        end = self.cursor.offset
        if label == CONTROL and blocks and len(blocks[0]) >= 4:
            flags, transparent = blocks[0][0], blocks[0][3]
            # Decoders read the disposals 4 to 7, which nobody defined, as 3: restore to previous.
            disposal = min(flags >> 2 & 7, 3)
            self.control = _Control(disposal, bytes(blocks[0][1:3]), transparent if flags & 1 else None)
            self.pending.append((start, end, self.view[start:end] == self.control.block()))
        elif label == APPLICATION and blocks and bytes(blocks[0]) in LOOPS:
            self.loop(start, end, blocks)
        elif label == PLAIN_TEXT:
            self.drop_controls()  # the control before it was its own
            self.claims.add("plain text", Role.METADATA, start, end, PayloadKind.TEXT, 15)
        elif label == COMMENT:
            self.claims.add("comment", Role.METADATA, start, end, PayloadKind.TEXT, 3)
        else:
            name = bytes(blocks[0]) if label == APPLICATION and blocks else b""
            kind = "application" if name else "extension"
            self.claims.add(kind, Role.METADATA, start, end, PAYLOADS.get(name, PayloadKind.UNKNOWN), 3 + len(name))

    def loop(self, start: int, end: int, blocks: list[memoryview]) -> None:
        """Take the loop count that decoders take: the last one before the first picture, else the first behind it."""
        counts = [bytes(block[1:3]) for block in blocks[1:] if len(block) >= 3 and block[0] & 7 == 1]
        if counts and (self.screen.loop is None or not self.screen.pictures):
            self.screen.loop = counts[0]
        clean = bool(counts) and self.view[start:end] == _loop(counts[0])
        role = Role.ANIMATION if clean else Role.METADATA
        self.claims.add("application/loop", role, start, end, None if clean else PayloadKind.UNKNOWN)

    def drop_controls(self) -> None:
        """Give up graphic controls that belong to no picture."""
        for start, end, _ in self.pending:
            self.claims.add("control/unused", Role.METADATA, start, end)
        self.control, self.pending = None, []

    def picture(self, start: int) -> None:
        """Image descriptor, local table, codes (GIF89a, 20 to 22)."""
        place = self.cursor.bytes(8)
        flags = self.cursor.u8()
        self.claims.add("picture", Role.STRUCTURE, start, self.cursor.offset)
        table = self.table(flags)
        first = self.cursor.offset
        bits = self.cursor.u8()
        if not 1 <= bits <= 8:
            raise MalformedImage(f"gif: a minimum code size of {bits} at byte {first}")
        picture = _Picture(place, flags & (TABLE | INTERLACED), table, self.control, bits, b"")
        left, top, right, bottom = picture.extent
        size = (right - left) * (bottom - top)
        if not size:
            raise MalformedImage(f"gif: a picture without pixels at byte {start}")
        if not self.screen.pictures:  # decoders widen the screen for a first picture that is larger
            self.width, self.height = max(self.width, right), max(self.height, bottom)
        number = len(self.screen.pictures) + 1
        self.limits.check("max_frames", number)
        self.limits.check("max_pixels", max(self.width, right) * max(self.height, bottom) * number)
        self.codes(picture, first, size)
        for control_start, control_end, clean in self.pending:
            last = control_end == self.pending[-1][1]
            self.claims.add("control", Role.ANIMATION if clean and last else Role.METADATA, control_start, control_end)
        self.control, self.pending = None, []
        self.screen.pictures.append(picture)

    def codes(self, picture: _Picture, first: int, size: int) -> None:
        """Walk the codes; note the table entries used, and where in the file the picture ends."""
        blocks = self.blocks()
        walk = lzw.walk(b"".join(blocks), picture.bits, size)
        picture.codes = walk.data
        table = picture.table or self.screen.table
        short = walk.size < size
        picture.literals = {*walk.literals, *([0] if short else [])}
        if table is not None:
            table.painted |= picture.literals - {picture.hidden}
            if not self.screen.pictures and picture.extent[:2] != (0, 0):
                table.used.add(0)
        end, left = first + 1, walk.consumed
        for block in blocks:  # the bytes behind the last code are surplus, to the byte
            if left <= 0:
                break
            end += 1 + min(left, len(block))
            left -= len(block)
        last = self.cursor.offset - 1
        self.claims.add("picture/codes", Role.PIXELS, first, end)
        self.claims.add("picture/surplus", Role.GAP, end, last)
        self.claims.add("picture/codes", Role.PIXELS, last, last + 1)

    def samples(self) -> None:
        """Give equal entries of a table one number, and a transparent sample that no pixel has the last free one.

        A choice between entries of one colour could draw another picture.
        """
        for picture in self.screen.pictures:
            table = picture.table or self.screen.table
            if table is None:
                continue
            idle = picture.hidden is not None and picture.hidden not in picture.literals  # its number says nothing yet
            numbers = twins(table.source, table.painted - {None if idle else picture.hidden})
            if any(numbers[sample] != sample for sample in picture.literals):
                picture.codes = lzw.renumber(picture.codes, picture.bits, numbers)
                picture.literals = {numbers[sample] for sample in picture.literals}
            if picture.control and idle:
                free = {*range(len(table.source))} - picture.literals
                picture.control.transparent = max(free, default=min(len(table.source), 255))
            table.used |= picture.literals - {picture.hidden}

    def canvas(self) -> None:
        """Say the size that decoders show; one picture needs no delay, and nobody takes it away again."""
        if max(self.width, self.height) <= 0xFFFF:
            self.screen.size = self.width.to_bytes(2, "little") + self.height.to_bytes(2, "little")
        if len(self.screen.pictures) == 1 and (control := self.screen.pictures[0].control):
            control.delay, control.disposal = b"\0\0", 0
            if control.transparent is None:
                self.screen.pictures[0].control = None

    def residuals(self) -> tuple[Residual, ...]:
        """What stays: the coding, and what viewers cut off because it lies beside the screen."""
        beside = any(p.extent[2] > self.width or p.extent[3] > self.height for p in self.screen.pictures)
        return (Residual.GIF_AREA_OUTSIDE_SCREEN, Residual.GIF_CODE_CHOICE) if beside else (Residual.GIF_CODE_CHOICE,)

    def colours(self) -> None:
        """Mark what a background shows, and claim the tables: their unused entries are gaps."""
        screen = self.screen
        whole = (0, 0, self.width, self.height)
        covered = screen.pictures[0].extent == whole
        restored = [p for p in screen.pictures if p.control and p.control.disposal == BACKGROUND]
        if covered and not restored:
            screen.background = 0
        shown = restored if covered else [*restored, screen.pictures[0]]
        for table in filter(None, [screen.table if shown else None, *(p.table for p in shown)]):
            table.used.add(screen.background if screen.background < len(table.source) else 0)
            table.used.add(0)
        for table in filter(None, [screen.table, *(p.table for p in screen.pictures)]):
            pairs = list(zip(table.source, table.clean(), strict=True))
            dirty = [number for number, (old, new) in enumerate(pairs) if old != new]
            first, last = (dirty[0], dirty[-1] + 1) if dirty else (0, 0)
            start = table.start
            self.claims.add("table", Role.STRUCTURE, start, start + 3 * first)
            self.claims.add("table/unused", Role.GAP, start + 3 * first, start + 3 * last)
            self.claims.add("table", Role.STRUCTURE, start + 3 * last, start + 3 * len(pairs))


def _loop(count: bytes) -> bytes:
    return bytes((EXTENSION, APPLICATION, 11)) + LOOPS[0] + b"\x03\x01" + count + b"\0"


def _table(table: _Table | None) -> tuple[int, bytes]:
    """Flags and bytes of a colour table."""
    if table is None:
        return 0, b""
    return TABLE | (len(table.source).bit_length() - 2), b"".join(table.clean())


def rewrite(view: memoryview, container: Container[Any]) -> list[bytes | memoryview]:
    """The clean file, as GIF89a; sub-blocks are as long as they can be."""
    del view  # the reader has copied what stays
    screen: _Screen = container.tree
    flags, table = _table(screen.table)
    out: list[bytes | memoryview] = [b"GIF89a", screen.size, bytes((flags | 0x70, screen.background, 0)), table]
    if screen.loop is not None and len(screen.pictures) > 1:
        out.append(_loop(screen.loop))
    for picture in screen.pictures:
        if picture.control is not None:
            out.append(picture.control.block())
        flags, table = _table(picture.table)
        out += [
            bytes([PICTURE]),
            picture.place,
            bytes([flags | picture.flags & INTERLACED]),
            table,
            bytes([picture.bits]),
        ]
        for at in range(0, len(picture.codes), 255):
            block = picture.codes[at : at + 255]
            out += [bytes([len(block)]), block]
        out.append(b"\0")
    out.append(bytes([TRAILER]))
    return out
