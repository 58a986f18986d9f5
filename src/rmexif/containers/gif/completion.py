"""A GIF that is cut off, or whose codes are damaged: pictures are filled with grey behind their last code."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rmexif.containers.common.row import Completed, require_half
from rmexif.containers.gif.rewrite import sub_blocks
from rmexif.containers.gif.screen import CONTROL, EXTENSION, HAS_TABLE, PICTURE, SCREEN_END, TRAILER
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.native import Status, lzw

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["complete"]

GREY = 0x80
CODE_SIZES = range(1, 9)  # bits


def complete(view: memoryview, limits: Limits) -> Completed:
    """The blocks that are there, rows of grey, or of nothing over an earlier picture, for those that are missing.

    Rows are counted in the pictures that have begun: of how many more there were the file says nothing.

    Raises:
        MalformedImage: there is no picture, or fewer than half of the rows.
        LimitExceeded: more pictures or pixels than allowed.
    """
    filler = _Filler(view, limits)
    with suppress(MalformedImage):  # the cut: what came before it counts
        filler.walk()
    if not filler.rows:
        raise MalformedImage("no picture before the end", structure="gif", offset=len(view))
    require_half(filler.kept, filler.rows, len(view))
    return Completed(b"".join([*filler.out, bytes([TRAILER])]), filler.rows, filler.kept)


class _Filler:
    """One pass over the blocks, which copies them and completes pictures."""

    def __init__(self, view: memoryview, limits: Limits) -> None:
        self.view, self.limits = view, limits
        self.cursor = Cursor(view, "gif", order="little")
        self.cursor.skip(SCREEN_END)
        self.table = self._table(view[SCREEN_END - 3])
        self.out: list[bytes | memoryview] = [view[: self.cursor.offset]]
        self.transparent: int | None = None  # sample of the next picture that paints nothing
        self.rows = self.kept = self.pictures = self.pixels = 0

    @property
    def is_too_short(self) -> bool:
        """Whether fewer than half of the rows are there."""
        return 2 * self.kept < self.rows

    def walk(self) -> None:
        """Up to the trailer, the cut, or a picture with which too much is missing.

        Raises:
            MalformedImage: a block is cut off, or none starts where one should.
        """
        while not self.is_too_short:
            start = self.cursor.offset
            kind = self.cursor.u8()
            if kind == PICTURE:
                self._picture(start)
            elif kind == EXTENSION:
                self._extension(start)
            elif kind:  # the trailer, or damage
                return

    def _table(self, flags: int) -> memoryview:
        return self.cursor.take(3 * (2 << (flags & 7)) if flags & HAS_TABLE else 0)

    def _extension(self, start: int) -> None:
        label, first = self.cursor.u8(), self.cursor.u8()
        body = self.cursor.take(first)
        while first:
            first = self.cursor.u8()
            self.cursor.skip(first)
        if label == CONTROL and len(body) >= 4:
            self.transparent = body[3] if body[0] & 1 else None
        self.out.append(self.view[start : self.cursor.offset])

    def _picture(self, start: int) -> None:
        """Copy a picture, or fill it up."""
        self.cursor.skip(4)
        width, height, flags = self.cursor.u16(), self.cursor.u16(), self.cursor.u8()
        table = self._table(flags) or self.table
        code_size = self.cursor.u8()
        if not (width and height and code_size in CODE_SIZES):
            raise MalformedImage("no picture", structure="gif image descriptor", offset=start)
        self.pictures, self.pixels = self.pictures + 1, self.pixels + width * height
        self.limits.check("max_frames", self.pictures)
        self.limits.check("max_pixels", width * height)
        self.limits.check("max_total_pixels", self.pixels)
        head = self.view[start : self.cursor.offset]
        codes, is_cut = self._codes()
        found = lzw.decode(codes, width * height, code_size)
        is_short = len(found.samples) < width * height
        kept = len(found.samples) // width if is_short and (is_cut or found.status is not Status.OK) else height
        self.rows, self.kept = self.rows + height, self.kept + kept
        if self.is_too_short:
            return
        data = codes
        if kept < height:
            fill = self._fill(table, code_size)
            rows = found.samples[: kept * width] + bytes([fill]) * (width * (height - kept))
            data = lzw.encode(rows, code_size)
        self.out += [head, sub_blocks(data)]
        self.transparent = None

    def _codes(self) -> tuple[bytes, bool]:
        """The data of a picture, and whether its end is missing."""
        pieces: list[memoryview] = []
        while self.cursor.remaining:
            size = self.cursor.u8()
            if not size:
                return b"".join(pieces), False
            pieces.append(self.cursor.take(min(size, self.cursor.remaining)))
        return b"".join(pieces), True

    def _fill(self, table: memoryview, code_size: int) -> int:
        """The sample of missing pixels: the one that paints nothing, over another picture, or the nearest to grey."""
        if self.transparent is not None and self.pictures > 1 and self.transparent < 1 << code_size:
            return self.transparent
        entries = [table[at : at + 3] for at in range(0, min(len(table), 3 << code_size), 3)]
        away = [sum(abs(level - GREY) for level in entry) for entry in entries]
        if self.transparent is not None and self.transparent < len(away) > 1:
            away[self.transparent] = 3 * GREY
        return away.index(min(away)) if away else 0
