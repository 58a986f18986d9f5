"""What the two bitstream filters share: the filtered data, a reader of bits, and a rewriter of headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.isobmff.av1_sequence import Sequence

__all__ = ["MAX_HEADER", "Bits", "Filtered", "Rewriter", "area"]

MAX_HEADER = 1024  # byte, of what is read of a parameter set or sequence header; real ones stay below 300


@dataclass(slots=True)
class Filtered:
    """Coded data after filtering: the pieces that are kept, and what each input byte was."""

    chunks: list[memoryview] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)  # start, end, "" or why it does not stay as it is
    size: tuple[int, int] = (0, 0)  # px, largest coded picture in it
    sequence: Sequence | None = None  # AV1: the last sequence header
    sync: bool = False  # AV1: decoding can start here

    def keep(self, data: memoryview, start: int, end: int) -> None:
        """Keep ``data[start:end]`` as it is."""
        if self.spans and self.spans[-1][2] == "" and self.spans[-1][1] == start:
            start = self.spans.pop()[0]
            self.chunks.pop()
        self.chunks.append(data[start:end])
        self.spans.append((start, end, ""))

    def replace(self, start: int, end: int, new: bytes, why: str) -> None:
        """Write ``new`` (or nothing) where ``[start, end)`` was."""
        if new:
            self.chunks.append(memoryview(new))
        self.spans.append((start, end, why))

    @property
    def length(self) -> int:
        """Bytes that are kept."""
        return sum(len(chunk) for chunk in self.chunks)

    def bytes(self) -> bytes:
        """The filtered data."""
        return b"".join(self.chunks)


class Bits:
    """Reads bits, most significant first, out of a short header."""

    __slots__ = ("left", "value")

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "big")
        self.left = len(data) * 8

    def read(self, count: int) -> int:
        """The next ``count`` bits as a number."""
        if count > self.left:
            raise MalformedImage("isobmff: a coded picture's header ends early")
        self.left -= count
        return self.value >> self.left & (1 << count) - 1

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number: ue(v) of H.265 9.2, uvlc() of AV1 4.10.3."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 32:
                raise MalformedImage("isobmff: a coded picture's header holds a number above 32 bits")
        return (1 << zeros) - 1 + self.read(zeros)


class Rewriter(Bits):
    """Reads a header, and writes another one with the bits that are copied."""

    __slots__ = ("fields",)

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.fields: list[str] = []

    def copy(self, count: int) -> int:
        """The next ``count`` bits, which stay."""
        return self.put(self.read(count), count)

    def put(self, value: int, count: int) -> int:
        """Write ``count`` bits that nobody has read."""
        if count:
            self.fields.append(f"{value:0{count}b}")
        return value

    def finish(self) -> bytes:
        """The header with its trailing bits: a one, then zeros up to the byte (H.265 7.3.2.11, AV1 5.3.4)."""
        bits = "".join([*self.fields, "1"])
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def area(size: tuple[int, int]) -> int:
    """Px."""
    return size[0] * size[1]
