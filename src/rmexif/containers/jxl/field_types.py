"""Field types of JPEG XL headers (ISO/IEC 18181-1, "Field types": U32, U64, Enum, F16), over bits in either direction.

``FieldReader`` and ``FieldWriter`` have one interface, so that each bundle is spelled once, and what was read is
written back in canonical form: the shortest one, without names and extensions.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from rmexif.containers.common.bits import BitIO, LsbReader, LsbWriter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Dist", "FieldIO", "FieldReader", "FieldWriter"]

Dist = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]  # of U32: four of (offset, extra bits)

ENUM: Dist = ((0, 0), (1, 0), (2, 4), (18, 6))  # field type Enum
NAME_LENGTH: Dist = ((0, 0), (0, 4), (16, 5), (48, 10))  # ExtraChannelInfo.name, FrameHeader.name: bytes


class FieldIO(BitIO):
    """The field types, over ``bits``."""

    __slots__ = ()

    @abstractmethod
    def u32(self, dist: Dist, value: int = 0) -> int:
        """U32: two bits select an offset and a number of extra bits."""

    @abstractmethod
    def name(self) -> None:
        """A name: a reader steps over it and notes it in ``seen``, a writer writes the empty one."""

    @abstractmethod
    def extensions(self) -> None:
        """Extensions: a reader steps over them and notes them in ``seen``, a writer writes none."""

    def u64(self, value: int = 0) -> int:
        """U64: 2 to 73 bits."""
        selector = self.bits(2, 0 if value == 0 else 1 if value <= 16 else 2 if value <= 272 else 3)
        if selector < 3:
            offset, width = ((0, 0), (1, 4), (17, 8))[selector]
            return offset + self.bits(width, value - offset)
        result, shift = self.bits(12, value), 12
        while self.bits(1, int(value >> shift > 0)):
            width = 4 if shift == 60 else 8
            result |= self.bits(width, value >> shift) << shift
            shift += width
            if shift > 60:
                break
        return result

    def enum(self, allowed: frozenset[int], value: int = 0) -> int:
        """Enum: one of ``allowed``."""
        got = self.u32(ENUM, value)
        if got not in allowed:
            self.fail(f"the enumerated value {got} is not defined")
        return got

    def f16(self, value: int = 0) -> int:
        """F16, as its 16 bits; infinity and NaN are not allowed."""
        got = self.bits(16, value)
        if got >> 10 & 31 == 31:
            self.fail("an F16 number is infinite or not a number, a finite one is required")
        return got

    def f16s(self, count: int, values: tuple[int, ...] | None) -> tuple[int, ...]:
        """``count`` times F16."""
        old = values or (0,) * count
        return tuple(self.f16(old[k]) for k in range(count))


class FieldReader(FieldIO, LsbReader):
    """Reads fields; ``seen`` collects what was read over and is not written again: names, extensions."""

    __slots__ = ("seen",)

    def __init__(
        self, data: bytes | memoryview, structure: str, offset: int = 0, locate: Callable[[int], int] = int
    ) -> None:
        super().__init__(data, structure, offset, locate)
        self.seen: set[str] = set()

    def u32(self, dist: Dist, value: int = 0) -> int:
        """U32; ``value`` is the writer's."""
        offset, width = dist[self.bits(2)]
        return offset + self.bits(width)

    def name(self) -> None:
        """Step over a name."""
        length = self.u32(NAME_LENGTH)
        if length:
            self.seen.add("name")
            self.skip(8 * length)

    def extensions(self) -> None:
        """Step over extensions."""
        present = self.u64()
        if present:
            self.seen.add("extensions")
            self.skip(sum(self.u64() for _ in range(present.bit_count())))


class FieldWriter(FieldIO, LsbWriter):
    """Writes fields in their shortest form."""

    __slots__ = ()

    def u32(self, dist: Dist, value: int = 0) -> int:
        """U32, by the selector with the fewest extra bits."""
        selector, least = 0, 64
        for k, (offset, width) in enumerate(dist):
            if width < least and offset <= value < offset + (1 << width):
                selector, least = k, width
        offset, width = dist[selector]
        return offset + (self.bits(2 + width, selector | (value - offset) << 2) >> 2)

    def name(self) -> None:
        """Write the empty name."""
        self.u32(NAME_LENGTH, 0)

    def extensions(self) -> None:
        """Write that there are none."""
        self.u64(0)
