"""A reader over a memoryview that checks every bound before it reads."""

from __future__ import annotations

from typing import Literal

from rmexif.errors import MalformedImage

__all__ = ["ByteOrder", "Cursor"]

ByteOrder = Literal["big", "little"]


class Cursor:
    """Reads forward inside ``[offset, end)`` and raises MalformedImage instead of running past the end.

    Args:
        view: the whole file.
        structure: what is read, in the format's own words, for errors: ``"png chunk iCCP"``.
        offset: first byte.
        end: first byte after; the end of the file by default.
        order: byte order of integers.

    Raises:
        MalformedImage: the range does not lie inside the view.
    """

    __slots__ = ("end", "offset", "order", "structure", "view")

    def __init__(
        self, view: memoryview, structure: str, offset: int = 0, end: int | None = None, order: ByteOrder = "big"
    ) -> None:
        self.view = view
        self.structure = structure
        self.offset = offset
        self.end = len(view) if end is None else end
        self.order = order
        if not 0 <= self.offset <= self.end <= len(view):
            problem = f"it reaches from byte {offset} to {self.end}, the data has {len(view)} bytes"
            raise MalformedImage(problem, structure=structure, offset=offset)

    @property
    def remaining(self) -> int:
        """Bytes not yet read."""
        return self.end - self.offset

    def take(self, count: int) -> memoryview:
        """The next ``count`` bytes, without a copy.

        Raises:
            MalformedImage: fewer bytes remain.
        """
        if count < 0 or count > self.end - self.offset:
            problem = f"{count} bytes expected, {self.remaining} remain before its end"
            raise MalformedImage(problem, structure=self.structure, offset=self.offset)
        start = self.offset
        self.offset = start + count
        return self.view[start : start + count]

    def skip(self, count: int) -> None:
        """Step over ``count`` bytes."""
        self.take(count)

    def bytes(self, count: int) -> bytes:
        """The next ``count`` bytes, as a copy: for names and small fields."""
        return bytes(self.take(count))

    def uint(self, size: int) -> int:
        """The next ``size`` bytes as an unsigned integer."""
        return int.from_bytes(self.take(size), self.order)

    def u8(self) -> int:
        """One byte."""
        return self.uint(1)

    def u16(self) -> int:
        """Two bytes, unsigned."""
        return self.uint(2)

    def u32(self) -> int:
        """Four bytes, unsigned."""
        return self.uint(4)

    def u64(self) -> int:
        """Eight bytes, unsigned."""
        return self.uint(8)

    def child(self, count: int, structure: str) -> Cursor:
        """A cursor over the next ``count`` bytes, which this one steps over."""
        start = self.offset
        self.take(count)
        return Cursor(self.view, structure, start, start + count, self.order)
