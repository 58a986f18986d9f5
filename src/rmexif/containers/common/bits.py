"""Bits of coded headers: readers and writers of one interface, most or least significant bit first.

Every call takes the value to write and returns the value that stands in the stream, so that a structure is spelled
once for both directions. A reader ignores the value; a writer returns it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NoReturn

from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BitIO", "BitReader", "BitRewriter", "BitWriter", "LsbReader", "LsbWriter", "MsbReader", "MsbWriter"]

FLUSH = 512  # bits that wait in one number before they become bytes: bounds what each shift moves
MAX_GOLOMB_ZEROS = 32  # ue(v) of H.265 9.2 and uvlc() of AV1 4.10.3 hold at most 32 bits


class BitIO(ABC):
    """Unsigned integers and flags over ``bits``."""

    __slots__ = ()

    @abstractmethod
    def bits(self, count: int, value: int = 0) -> int:
        """An unsigned integer of ``count`` bits."""

    @abstractmethod
    def align(self) -> int:
        """Step to the next byte; its offset in the data."""

    @abstractmethod
    def fail(self, problem: str, *, refused: bool = False) -> NoReturn:
        """Raise MalformedImage, or UnsupportedFeature where ``refused``, with the place."""

    def flag(self, value: bool = False) -> bool:
        """One bit."""
        return self.bits(1, int(value)) == 1


class BitReader(BitIO):
    """Reads forward inside ``data`` and fails instead of running past its end.

    Args:
        data: what is read.
        structure: what it is, for errors.
        offset: first byte in ``data``.
        locate: byte of the file at which a byte of ``data`` lies; the same number by default.
    """

    __slots__ = ("data", "end", "locate", "position", "structure")

    def __init__(
        self, data: bytes | memoryview, structure: str, offset: int = 0, locate: Callable[[int], int] = int
    ) -> None:
        self.data = data
        self.structure = structure
        self.position = offset * 8  # bit
        self.end = len(data) * 8  # bit
        self.locate = locate

    def fail(self, problem: str, *, refused: bool = False) -> NoReturn:
        """Raise with the structure and the byte that was reached."""
        error = UnsupportedFeature if refused else MalformedImage
        raise error(problem, structure=self.structure, offset=self.locate(self.position >> 3))

    def skip(self, count: int) -> None:
        """Step over ``count`` bits."""
        if count > self.end - self.position:
            self.fail(f"{count} bits expected, {self.end - self.position} are there")
        self.position += count

    def align(self) -> int:
        """Step to the next byte over bits that must be zero; its offset in the data."""
        if self.bits(-self.position % 8):
            self.fail("the bits up to the next byte must be zero")
        return self.position >> 3


class MsbReader(BitReader):
    """Reads the most significant bit of a byte first: H.265, AV1.

    It holds the data as one number, which is the fastest for headers of up to some kilobytes.
    """

    __slots__ = ("number",)

    def __init__(
        self, data: bytes | memoryview, structure: str, offset: int = 0, locate: Callable[[int], int] = int
    ) -> None:
        super().__init__(data, structure, offset, locate)
        self.number = int.from_bytes(data, "big")

    def bits(self, count: int, value: int = 0) -> int:
        """Read; ``value`` is the writer's."""
        stop = self.position + count
        if stop > self.end:
            self.skip(count)  # fails
        self.position = stop
        return self.number >> self.end - stop & (1 << count) - 1

    def golomb(self, value: int = 0) -> int:
        """An unsigned Exp-Golomb number, ue(v) of H.265 9.2 and uvlc() of AV1 4.10.3; ``value`` is the writer's."""
        remaining = self.end - self.position
        width = min(MAX_GOLOMB_ZEROS + 1, remaining)  # the leading zeros and the one behind them
        zeros = width - (self.number >> remaining - width & (1 << width) - 1).bit_length()
        if zeros > MAX_GOLOMB_ZEROS:
            self.fail(f"an Exp-Golomb number has more than {MAX_GOLOMB_ZEROS} leading zeros")
        self.position += zeros
        return self.bits(zeros + 1) - 1


class LsbReader(BitReader):
    """Reads the least significant bit of a byte first: JPEG XL."""

    __slots__ = ()

    def bits(self, count: int, value: int = 0) -> int:
        """Read; ``value`` is the writer's."""
        start = self.position
        stop = start + count
        if stop > self.end:
            self.skip(count)  # says what is missing
        self.position = stop
        word = int.from_bytes(self.data[start >> 3 : stop + 7 >> 3], "little")
        return word >> (start & 7) & (1 << count) - 1

    def peek(self, count: int) -> int:
        """The next ``count`` bits, zeros after the end; nothing is consumed."""
        start = self.position
        word = int.from_bytes(self.data[start >> 3 : start + count + 7 >> 3], "little")
        return word >> (start & 7) & (1 << count) - 1


class BitWriter(BitIO):
    """Collects bits; ``out`` is complete once ``align`` was called."""

    __slots__ = ("count", "out", "word")

    def __init__(self) -> None:
        self.out = bytearray()
        self.word = 0  # bits that wait
        self.count = 0  # how many

    def fail(self, problem: str, *, refused: bool = False) -> NoReturn:
        """Never called for what a reader has accepted."""
        raise AssertionError(f"a header that was read cannot be written: {problem}, {refused}")

    def align(self) -> int:
        """Fill the last byte with zero bits; the number of bytes so far."""
        self.bits(-self.count % 8)
        return len(self.out)


class MsbWriter(BitWriter):
    """Writes the most significant bit of a byte first."""

    __slots__ = ()

    def bits(self, count: int, value: int = 0) -> int:
        """Write the low ``count`` bits of ``value``."""
        value &= (1 << count) - 1
        self.word = self.word << count | value
        self.count += count
        if self.count >= FLUSH:
            self._flush()
        return value

    def golomb(self, value: int = 0) -> int:
        """Write an unsigned Exp-Golomb number."""
        return self.bits(2 * (value + 1).bit_length() - 1, value + 1) - 1

    def align(self) -> int:
        """Fill the last byte with zero bits; the number of bytes so far."""
        super().align()
        self._flush()
        return len(self.out)

    def _flush(self) -> None:
        full = self.count >> 3
        self.count &= 7
        self.out += (self.word >> self.count).to_bytes(full, "big")
        self.word &= (1 << self.count) - 1


class LsbWriter(BitWriter):
    """Writes the least significant bit of a byte first."""

    __slots__ = ()

    def bits(self, count: int, value: int = 0) -> int:
        """Write the low ``count`` bits of ``value``."""
        value &= (1 << count) - 1
        self.word |= value << self.count
        self.count += count
        full = self.count >> 3
        self.out += (self.word & (1 << 8 * full) - 1).to_bytes(full, "little")
        self.word >>= 8 * full
        self.count &= 7
        return value


class BitRewriter(MsbReader):
    """Reads a header, and writes another one out of the fields that are passed on or put.

    ``bits`` and ``golomb`` read a field that is dropped.
    """

    __slots__ = ("written",)

    def __init__(
        self, data: bytes | memoryview, structure: str, offset: int = 0, locate: Callable[[int], int] = int
    ) -> None:
        super().__init__(data, structure, offset, locate)
        self.written = MsbWriter()

    def copy(self, count: int) -> int:
        """The next ``count`` bits, which stay."""
        return self.written.bits(count, self.bits(count))

    def copy_golomb(self, most: int = (1 << 32) - 2) -> int:
        """The next Exp-Golomb number, which stays; a signed one takes the same bits."""
        value = self.golomb()
        if value > most:
            self.fail(f"an Exp-Golomb number is {value}, at most {most} is allowed")
        return self.written.golomb(value)

    def put(self, count: int, value: int) -> int:
        """Write ``count`` bits that were not read."""
        return self.written.bits(count, value)

    def put_golomb(self, value: int) -> int:
        """Write an Exp-Golomb number that was not read."""
        return self.written.golomb(value)

    def finish(self) -> bytes:
        """The header with its trailing bits: a one, then zeros up to the byte (H.265 7.3.2.11, AV1 5.3.4)."""
        self.put(1, 1)
        self.written.align()
        return bytes(self.written.out)
