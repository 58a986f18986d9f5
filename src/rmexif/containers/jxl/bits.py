"""Bits of a JPEG XL codestream, least significant first, and the number forms built of them (ISO 18181-1, 9.2).

``BitReader`` and ``BitWriter`` have one interface: every call takes the value to write and returns the value that
stands in the stream. So each bundle is spelled once (``jxl_headers``), and what it reads it writes back in canonical
form: the shortest one, without names and extensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = ["BitIO", "BitReader", "BitWriter", "Dist"]

Dist = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]  # four of (offset, extra bits)

ENUM: Dist = ((0, 0), (1, 0), (2, 4), (18, 6))
NAME_LENGTH: Dist = ((0, 0), (0, 4), (16, 5), (48, 10))


class BitIO(ABC):
    """The number forms, over ``bits``."""

    @abstractmethod
    def bits(self, count: int, value: int = 0) -> int:
        """An unsigned integer of ``count`` bits."""

    @abstractmethod
    def name(self) -> None:
        """A name: a reader steps over it and notes it in ``seen``, a writer writes the empty one."""

    @abstractmethod
    def extensions(self) -> None:
        """Extensions: a reader steps over them and notes them in ``seen``, a writer writes none."""

    @abstractmethod
    def fail(self, what: str, refused: bool = False) -> NoReturn:
        """Raise MalformedImage, or UnsupportedFeature where ``refused``, with the position."""

    def flag(self, value: bool = False) -> bool:
        """One bit."""
        return self.bits(1, int(value)) == 1

    @abstractmethod
    def u32(self, dist: Dist, value: int = 0) -> int:
        """U32: two bits select an offset and a number of extra bits."""

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
            self.fail("a number is infinite")
        return got

    def f16s(self, count: int, values: tuple[int, ...] | None) -> tuple[int, ...]:
        """``count`` times F16."""
        old = values or (0,) * count
        return tuple(self.f16(old[k]) for k in range(count))


class BitReader(BitIO):
    """Reads bits, and raises MalformedImage instead of running past the end.

    Args:
        data: the codestream.
        what: what is read, for messages.
        offset: first byte.
    """

    def __init__(self, data: memoryview, what: str, offset: int = 0) -> None:
        self.data = data
        self.what = what
        self.pos = offset * 8  # bit
        self.end = len(data) * 8  # bit
        self.seen: set[str] = set()  # what was read over, and is not written again

    def fail(self, what: str, refused: bool = False) -> NoReturn:
        """Raise, with the position."""
        kind = UnsupportedFeature if refused else MalformedImage
        raise kind(f"jxl: {self.what}: {what} (codestream bit {self.pos})")

    def bits(self, count: int, value: int = 0) -> int:
        """Read; ``value`` is the writer's."""
        start = self.pos
        stop = start + count
        if stop > self.end:
            self.fail(f"{count} bits run past the end of {self.end >> 3} bytes")
        self.pos = stop
        word = int.from_bytes(self.data[start >> 3 : stop + 7 >> 3], "little")
        return word >> (start & 7) & (1 << count) - 1

    def u32(self, dist: Dist, value: int = 0) -> int:
        """U32; ``value`` is the writer's."""
        offset, width = dist[self.bits(2)]
        return offset + self.bits(width)

    def peek(self, count: int) -> int:
        """The next ``count`` bits, zeros after the end; nothing is consumed."""
        start = self.pos
        word = int.from_bytes(self.data[start >> 3 : start + count + 7 >> 3], "little")
        return word >> (start & 7) & (1 << count) - 1

    def skip(self, count: int) -> None:
        """Step over ``count`` bits."""
        if self.pos + count > self.end:
            self.fail(f"{count} bits run past the end of {self.end >> 3} bytes")
        self.pos += count

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

    def align(self) -> int:
        """Step to the next byte; its offset."""
        if self.bits(-self.pos % 8):
            self.fail("the padding bits are not zero")
        return self.pos >> 3


class BitWriter(BitIO):
    """Collects bits."""

    def __init__(self) -> None:
        self.out = bytearray()
        self._word = 0
        self._count = 0

    def fail(self, what: str, refused: bool = False) -> NoReturn:
        """Never happens: what is written was read and checked."""
        raise AssertionError(f"jxl: a header that was read cannot be written: {what}, {refused}")

    def bits(self, count: int, value: int = 0) -> int:
        """Write the low ``count`` bits of ``value``."""
        value &= (1 << count) - 1
        self._word |= value << self._count
        self._count += count
        whole = self._count >> 3
        self.out += (self._word & (1 << 8 * whole) - 1).to_bytes(whole, "little")
        self._word >>= 8 * whole
        self._count &= 7
        return value

    def u32(self, dist: Dist, value: int = 0) -> int:
        """U32, in its shortest form."""
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

    def align(self) -> int:
        """Fill the last byte with zero bits; the number of bytes so far."""
        self.bits(-self._count % 8)
        return len(self.out)
