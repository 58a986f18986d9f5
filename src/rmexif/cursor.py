"""A bounded reader over a memoryview: the only place that slices raw bytes by numbers from the file."""

from __future__ import annotations

from rmexif.errors import MalformedImage

__all__ = ["Cursor"]


class Cursor:
    """Reads forward inside ``[offset, end)`` and raises MalformedImage instead of running past the end.

    Args:
        view: the whole file.
        name: what is read, for messages: ``"png: chunk iCCP"``.
        offset: first byte.
        end: first byte after; the end of the file by default.
        order: byte order of integers, "big" or "little".
    """

    __slots__ = ("end", "name", "offset", "order", "view")

    def __init__(
        self, view: memoryview, name: str, offset: int = 0, end: int | None = None, order: str = "big"
    ) -> None:
        self.view = view
        self.name = name
        self.offset = offset
        self.end = len(view) if end is None else end
        self.order = order
        if not 0 <= self.offset <= self.end <= len(view):
            raise MalformedImage(f"{name}: bytes {offset} to {self.end} lie outside the file of {len(view)} bytes")

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return self.end - self.offset

    def take(self, count: int) -> memoryview:
        """The next ``count`` bytes, without a copy."""
        if count < 0 or count > self.end - self.offset:
            raise MalformedImage(f"{self.name}: {count} bytes at byte {self.offset} run past the end at {self.end}")
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
        return int.from_bytes(self.take(size), self.order)  # type: ignore[arg-type]

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

    def child(self, count: int, name: str) -> Cursor:
        """A cursor over the next ``count`` bytes, which this one steps over."""
        start = self.offset
        self.take(count)
        return Cursor(self.view, name, start, start + count, self.order)
