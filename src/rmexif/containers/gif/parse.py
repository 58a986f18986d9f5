"""GIF (GIF87a, GIF89a): screen, colour tables, pictures with their delays, and a loop count.

What stays: tables without their unused entries, picture data up to the code of the last pixel, the graphic control of
each picture, NETSCAPE2.0. Every other extension goes: comments, plain text, XMP, ICC, C2PA, any application.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from rmexif.containers.common.choices import with_choices
from rmexif.containers.common.palette import are_few, strays
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.gif.canonical import canonical
from rmexif.containers.gif.codes import RESET_BYTES, PictureCodes, read_codes
from rmexif.containers.gif.common_controls import DISPOSALS, common_controls, is_one_way
from rmexif.containers.gif.screen import (
    APPLICATION,
    COMMENT,
    CONTROL,
    EXTENSION,
    HAS_TABLE,
    INTERLACED,
    LOOPS,
    PICTURE,
    PLAIN_TEXT,
    RESOLUTION,
    SCREEN_END,
    TRAILER,
    ColourTable,
    GifPicture,
    GifScreen,
    GraphicControl,
    loop_block,
)
from rmexif.containers.gif.signature import matches
from rmexif.cursor import Cursor
from rmexif.errors import REPAIR, MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Container, Limits, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parse"]

LONGEST = 255  # byte of a data sub-block (15)
LOOK_AHEAD = 1 << 20  # byte: blocks of full length that are read at once

NEWEST = ord("9")  # of the version 89a
RESERVED = 0x18  # flags of a picture (20.c.v)
EVEN_SIZES = ({255}, {254}, set[int]())  # byte, of the data sub-blocks of one picture
LAST = 255  # index that programs take for "none"
PAYLOADS = {b"XMP DataXMP": PayloadKind.XMP, b"ICCRGBG1012": PayloadKind.ICC, b"C2PA_GIF\x01\0\0": PayloadKind.JUMBF}
GAMMAS = (b"!\xff\x0bImageMagick\x0egamma=0.454545\0", b"!\xff\x0bImageMagick\x0dgamma=1.000000\0")  # of ImageMagick
LOOP_COUNT = 1  # first byte of the sub-block that holds one


def parse(view: memoryview, limits: Limits, earlier: Container[GifScreen] | None = None) -> Container[GifScreen]:
    """Walk the blocks up to the trailer, and the codes of every picture up to its last pixel.

    Args:
        view: the whole file.
        limits: what it may cost.
        earlier: of the file that this one is the rewrite of: codes that are the same are not read again.

    Raises:
        MalformedImage: a block is cut off, a code is impossible, or there is no picture.
        LimitExceeded: more pictures, pixels or blocks than allowed.
    """
    walk = _GifWalk(view, limits, earlier.tree.pictures if earlier else ())
    found = walk.screen()
    screen = canonical(found)
    _claim_screen(walk.parts, found, screen, view)
    for start, end, is_clean in walk.loop_areas:
        _claim_loop(walk.parts, view, screen, start, end, is_clean=is_clean)
    _claim_tables(walk.parts, found, screen)
    for picture, area in zip(screen.pictures, walk.code_areas, strict=True):
        _claim_codes(walk.parts, view, picture.codes, *area, is_still=len(screen.pictures) == 1)
    _claim_controls(walk.parts, view, found, screen, walk.control_areas)
    _claim_flags(walk.parts, found, walk.flags)
    width, height = found.shown_size
    kept = sum(picture.codes.resets for picture in screen.pictures)
    container = Container(
        format="gif",
        width=width,
        height=height,
        parts=walk.parts.tile(),
        frames=len(screen.pictures),
        residuals=_residuals(screen, width, height),
        residual_bytes={Residual.GIF_CODE_CHOICE: kept * RESET_BYTES} if kept else {},
        tree=screen,
    )
    palettes = [table.entries for table in screen.tables() if table]
    return with_choices(container, palettes=palettes, numbers=_background_bytes(screen))


def _background_bytes(screen: GifScreen) -> int:
    """Bytes of the background: its number, and in each table the colours that stay for it though no pixel has them."""
    count = int(screen.background > 0)
    for table in filter(None, screen.tables()):
        used = set[int]().union(*(each.samples for each in screen.pictures if (each.table or screen.table) is table))
        free = {0, screen.background} - used
        count += sum(
            len(table.entries[number]) for number in free if number < len(table.entries) and any(table.entries[number])
        )
    return count


def _claim_screen(parts: PartBuilder, found: GifScreen, screen: GifScreen, view: memoryview) -> None:
    """The logical screen descriptor; version, depth of the colours and order of the table are for nobody."""
    flags, background, aspect = view[SCREEN_END - 3 : SCREEN_END]
    entries = len(found.table.entries) if found.table else 0
    parts.add("signature", Role.STRUCTURE if view[4] == NEWEST else Role.ENCODING, 0, 6)
    parts.add("screen/size", Role.STRUCTURE, 6, 10)
    is_canonical = flags == (found.table.flags if found.table else 0) | RESOLUTION
    parts.add("screen/flags", Role.STRUCTURE if is_canonical else Role.ENCODING, 10, 11)
    is_common = background < max(1, entries) or background == LAST
    role = Role.STRUCTURE if background == screen.background else Role.ENCODING if is_common else Role.UNKNOWN
    parts.add("screen/background", role, 11, 12)
    parts.add("screen/aspect", Role.METADATA if aspect else Role.STRUCTURE, 12, SCREEN_END)


def _claim_loop(
    parts: PartBuilder, view: memoryview, screen: GifScreen, start: int, end: int, *, is_clean: bool
) -> None:
    """A loop count; that of a single picture is dropped."""
    role = Role.ANIMATION if is_clean else Role.METADATA
    if is_clean and len(screen.pictures) == 1 and view[start:end] in (loop_block(b"\0\0"), loop_block(b"\1\0")):
        role = Role.ENCODING
    parts.add("application/loop", role, start, end, None if is_clean else PayloadKind.UNKNOWN)


def _claim_flags(parts: PartBuilder, screen: GifScreen, found: Sequence[tuple[int, int]]) -> None:
    """The flags of image descriptors (20.c.v): tables may be called sorted, absent ones sized, all alike."""
    free: dict[bool, set[int]] = {True: set(), False: set()}  # by whether there is a table
    for (_, flags), picture in zip(found, screen.pictures, strict=True):
        canonical_flags = (picture.table.flags if picture.table else 0) | flags & INTERLACED
        free[picture.table is not None].add(flags ^ canonical_flags)
    for (at, flags), picture in zip(found, screen.pictures, strict=True):
        others = free[picture.table is not None]
        is_common = is_one_way(others) and not flags & RESERVED
        role = Role.STRUCTURE if others == {0} else Role.ENCODING if is_common else Role.UNKNOWN
        parts.add("picture/flags", role, at, at + 1)


def _claim_controls(
    parts: PartBuilder, view: memoryview, found: GifScreen, screen: GifScreen, areas: Sequence[tuple[int, int] | None]
) -> None:
    """The graphic control of each picture."""
    blocks = [bytes(view[slice(*area)]) if area else b"" for area in areas]
    common = common_controls(blocks, found, screen)
    for block, picture, area, is_common in zip(blocks, screen.pictures, areas, common, strict=True):
        is_canonical = picture.control is not None and block == picture.control.block()
        if area is not None:
            role = Role.ANIMATION if is_canonical else Role.ENCODING if is_common else Role.METADATA
            parts.add("control", role, *area)


def _claim_tables(parts: PartBuilder, found: GifScreen, screen: GifScreen) -> None:
    """The tables; entries that nothing shows are gaps, where those of all tables together could say something."""
    tables = [(old, new) for old, new in zip(found.tables(), screen.tables(), strict=True) if old and new]
    shown = [
        frozenset(number for number, entry in enumerate(old.entries) if entry == new.entries[number])
        for old, new in tables
    ]
    everywhere = {old.entries[number] for (old, _), used in zip(tables, shown, strict=True) for number in used}
    if len(screen.pictures) == 1 and (control := found.pictures[0].control) and control.transparent is not None:
        shown = [used | {control.transparent} for used in shown]  # its colour is nobody's
    left = [
        colour for (old, _), used in zip(tables, shown, strict=True) for colour in strays(old.entries, used, everywhere)
    ]
    is_common = are_few(left, max((len(old.entries) for old, _ in tables), default=0))
    for old, new in tables:
        _claim_table(parts, old, new, is_common=is_common)


def _claim_table(parts: PartBuilder, old: ColourTable, new: ColourTable, *, is_common: bool) -> None:
    """A table; its entries that nothing shows are gaps."""
    dirty = [number for number, entry in enumerate(old.entries) if entry != new.entries[number]]
    if dirty and is_common:
        parts.add("table", Role.ENCODING, old.start, old.start + 3 * len(old.entries))
        return
    first, last = (dirty[0], dirty[-1] + 1) if dirty else (0, 0)
    parts.add("table", Role.STRUCTURE, old.start, old.start + 3 * first)
    parts.add("table/unused", Role.GAP, old.start + 3 * first, old.start + 3 * last)
    parts.add("table", Role.STRUCTURE, old.start + 3 * last, old.start + 3 * len(old.entries))


def _claim_codes(
    parts: PartBuilder, view: memoryview, codes: PictureCodes, start: int, end: int, last: int, *, is_still: bool
) -> None:
    """The code size and the codes, and the terminator behind surplus bytes; pixels where they stay as they stand."""
    label, role = ("picture/codes", Role.PIXELS) if codes.is_kept else ("picture/other codes", Role.UNKNOWN)
    if codes.is_ordinary and not (codes.is_kept and _is_full(view[start + 1 : end], len(codes.data))):
        role = Role.ENCODING if _is_even(view[start + 1 : end]) else Role.UNKNOWN
    parts.add(label, role, start, end)
    is_zero = is_still and bytes(view[end:last]) == b"\0"  # FFmpeg
    parts.add("picture/surplus", Role.ENCODING if is_zero else Role.GAP, end, last)
    parts.add(label, role, last, last + 1)


def _is_full(blocks: memoryview, size: int) -> bool:
    """Whether ``size`` bytes of codes stand in data sub-blocks that are as long as they can be."""
    full, rest = divmod(size, LONGEST)
    sizes = bytes([LONGEST]) * full + (bytes([rest]) if rest else b"")
    return len(blocks) == size + len(sizes) and bytes(blocks[:: LONGEST + 1]) == sizes


def _is_even(blocks: memoryview) -> bool:
    """Whether all data sub-blocks but the last one are of the largest size, or one below it, as encoders write them."""
    sizes, at = list[int](), 0
    while at < len(blocks):
        sizes.append(blocks[at])
        at += 1 + blocks[at]
    return {*sizes[:-1]} in EVEN_SIZES


def _residuals(screen: GifScreen, width: int, height: int) -> tuple[Residual, ...]:
    """What stays: clear codes of a lossy encoder, and what viewers cut off because it lies beside the screen."""
    beside = any(right > width or bottom > height for _, _, right, bottom in (p.extent for p in screen.pictures))
    kept = any(picture.codes.resets for picture in screen.pictures)
    return (Residual.GIF_AREA_OUTSIDE_SCREEN,) * beside + (Residual.GIF_CODE_CHOICE,) * kept


class _GifWalk:
    """One pass over the blocks of a file; claims everything but the entries of colour tables."""

    def __init__(self, view: memoryview, limits: Limits, earlier: Sequence[GifPicture]) -> None:
        self.view, self.limits, self.earlier = view, limits, earlier
        self.cursor = Cursor(view, "gif", order="little")
        self.parts = PartBuilder(len(view), limits)
        self.pictures: list[GifPicture] = []
        self.code_areas: list[tuple[int, int, int]] = []  # of each picture: first byte, end, terminator
        self.loop_areas: list[tuple[int, int, bool]] = []  # and whether it has the canonical form
        self.flags: list[tuple[int, int]] = []  # of each picture: its byte of flags, and where that is
        self.control_areas: list[tuple[int, int] | None] = []  # of each picture
        self.coded = 0  # px of all pictures
        self.loop: bytes | None = None
        self.has_gamma = False  # a second one could say something
        self.control: GraphicControl | None = None
        self.pending: list[tuple[int, int]] = []  # graphic controls read, not yet attached to a picture

    def screen(self) -> GifScreen:
        """The blocks up to the trailer, to what is no block, or to the end of the file."""
        screen = self._read_screen()
        while self.cursor.remaining:
            start = self.cursor.offset
            kind = self.cursor.u8()
            if kind == TRAILER:
                self.parts.add("end", Role.STRUCTURE, start, start + 1)
                break
            if kind == EXTENSION:
                self._read_extension(start)
            elif kind == PICTURE:
                self._read_picture(start, screen)
            elif kind != 0 and self.pictures:  # browsers show what stood before
                break
            elif kind != 0:  # zero bytes between blocks are empty sub-blocks; anything else is no GIF
                raise MalformedImage(f"no block starts with 0x{kind:02x}", structure="gif block", offset=start)
        if not self.pictures:
            raise MalformedImage("no picture before the end", structure="gif", offset=self.cursor.offset)
        self._drop_controls()
        return replace(screen, loop=self.loop, pictures=tuple(self.pictures))

    def _read_screen(self) -> GifScreen:
        """Signature, logical screen descriptor (GIF89a, 17 and 18) and global colour table."""
        if not matches(self.cursor.bytes(6)):
            raise MalformedImage("no signature GIF87a or GIF89a", structure="gif", offset=0)
        size = self.cursor.bytes(4)
        flags, background, _ = self.cursor.bytes(3)
        table = self._read_table(flags)
        return GifScreen(size, table, background if table and background < len(table.entries) else 0, None, ())

    def _read_table(self, flags: int) -> ColourTable | None:
        """A colour table where ``flags`` say that one follows."""
        if not flags & HAS_TABLE:
            return None
        start = self.cursor.offset
        raw = self.cursor.bytes(3 * (2 << (flags & 7)))
        return ColourTable(start, tuple(raw[n : n + 3] for n in range(0, len(raw), 3)))

    def _read_blocks(self) -> list[memoryview]:
        """Data sub-blocks up to their terminator (GIF89a, 15 and 16)."""
        found = []
        while size := self.cursor.u8():
            found.append(self.cursor.take(size))
        return found

    def _read_extension(self, start: int) -> None:
        """Take a graphic control or a loop count; drop the rest."""
        label = self.cursor.u8()
        blocks = self._read_blocks()
        end = self.cursor.offset
        if label == CONTROL and blocks and len(blocks[0]) >= 4:
            flags, transparent = blocks[0][0], blocks[0][3]
            disposal = DISPOSALS[flags >> 2 & 7]
            self.control = GraphicControl(disposal, bytes(blocks[0][1:3]), transparent if flags & 1 else None)
            self.pending.append((start, end))
        elif label == APPLICATION and blocks and bytes(blocks[0]) in LOOPS:
            self._read_loop(start, end, blocks)
        elif label == PLAIN_TEXT:
            self._drop_controls()  # the control before it was its own
            self.parts.add("plain text", Role.METADATA, start, end, PayloadKind.TEXT, 15)
        elif label == COMMENT:
            self.parts.add("comment", Role.METADATA, start, end, PayloadKind.TEXT, 3)
        else:
            name = bytes(blocks[0]) if label == APPLICATION and blocks else b""
            kind = "application" if name else "extension"
            is_gamma = not self.has_gamma and self.view[start:end] in GAMMAS
            self.has_gamma |= is_gamma
            role = Role.ENCODING if is_gamma else Role.METADATA
            self.parts.add(kind, role, start, end, PAYLOADS.get(name, PayloadKind.UNKNOWN), 3 + len(name))

    def _read_loop(self, start: int, end: int, blocks: list[memoryview]) -> None:
        """Take the loop count that browsers take: of the last block, wherever it stands, the first sub-block."""
        count = bytes(blocks[1][1:]) if len(blocks) > 1 and len(blocks[1]) == 3 and blocks[1][0] == LOOP_COUNT else b""
        self.loop = count or self.loop
        self.loop_areas.append((start, end, bool(count) and self.view[start:end] == loop_block(count)))

    def _drop_controls(self) -> None:
        """Give up graphic controls that belong to no picture."""
        for start, end in self.pending:
            self.parts.add("control/unused", Role.METADATA, start, end)
        self.control, self.pending = None, []

    def _read_picture(self, start: int, screen: GifScreen) -> None:
        """Image descriptor, local table, codes (GIF89a, 20 to 22)."""
        place, flags = self.cursor.bytes(8), self.cursor.u8()
        self.parts.add("picture", Role.STRUCTURE, start, self.cursor.offset - 1)
        table = self._read_table(flags)
        self.flags.append((start + 9, flags))
        first = self.cursor.offset
        code_size = self.cursor.u8()
        if not 1 <= code_size <= 8:
            problem = f"minimum code size {code_size}, 1 to 8 expected"
            raise MalformedImage(problem, structure="gif picture data", offset=first)
        picture = GifPicture(place, flags & INTERLACED, table, self.control)
        left, top, right, bottom = picture.extent
        if not (right - left and bottom - top):
            problem = f"{right - left} x {bottom - top} px, at least one each expected"
            raise MalformedImage(problem, structure="gif image descriptor", offset=start)
        width, height = replace(screen, pictures=(*self.pictures[:1], picture)).shown_size
        number = len(self.pictures) + 1
        self.limits.check("max_frames", number)
        self.limits.check("max_pixels", max(width, right) * max(height, bottom))
        self.coded += (right - left) * (bottom - top)
        self.limits.check("max_total_pixels", self.coded)
        self.pictures.append(self._read_codes(picture, code_size, first))
        for control_start, end in self.pending[:-1]:
            self.parts.add("control", Role.METADATA, control_start, end)
        self.control_areas.append(self.pending[-1] if self.pending else None)
        self.control, self.pending = None, []

    def _read_codes(self, picture: GifPicture, code_size: int, first: int) -> GifPicture:
        """Decode the codes; the picture with its data, and where in the file that ends."""
        left, top, right, bottom = picture.extent
        size = (right - left) * (bottom - top)
        data, sizes = self._read_data()
        codes = self._known_codes(picture, code_size, data) or read_codes(data, code_size, size, first)
        blocks = bisect_left(list(accumulate(sizes)), codes.consumed) + 1 if codes.consumed else 0
        end, last = first + 1 + blocks + codes.consumed, self.cursor.offset - 1  # behind it, to the byte, is surplus
        self.code_areas.append((first, min(end, last), last))
        samples = frozenset(codes.values if codes.size == size else codes.values + b"\0")  # decoders fill up with zeros
        return replace(picture, codes=codes, samples=samples)

    def _read_data(self) -> tuple[bytes, list[int]]:
        """Sub-blocks up to their terminator, joined; and how long each of them is."""
        pieces: list[bytes | memoryview | bytearray] = []
        sizes: list[int] = []
        while True:
            start = self.cursor.offset
            heads = bytes(self.view[start : start + LOOK_AHEAD : LONGEST + 1])
            count = min(len(heads) - len(heads.lstrip(b"\xff")), (len(self.view) - start) // (LONGEST + 1))
            if count:  # blocks of full length, all at once
                full = bytearray(self.cursor.take(count * (LONGEST + 1)))
                del full[:: LONGEST + 1]
                pieces.append(full)
                sizes += [LONGEST] * count
                continue
            size = self.cursor.u8() if self.cursor.remaining else LONGEST
            if size > self.cursor.remaining:
                problem = f"its codes are cut off; {REPAIR}"
                raise MalformedImage(problem, structure="gif picture data", offset=start)
            if not size:
                return b"".join(pieces), sizes
            pieces.append(self.cursor.take(size))
            sizes.append(size)

    def _known_codes(self, picture: GifPicture, code_size: int, data: bytes) -> PictureCodes | None:
        """What was found when the same codes of a picture of the same place were read before."""
        number = len(self.pictures)
        if number >= len(self.earlier) or self.earlier[number].place != picture.place:
            return None
        codes = self.earlier[number].codes
        return codes if codes.is_kept and codes.code_size == code_size and codes.data == data else None
