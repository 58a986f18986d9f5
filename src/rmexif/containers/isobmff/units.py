"""What the two bitstream filters share: the filtered data, and a reader of bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.isobmff.av1_sequence import Sequence

__all__ = ["CODE_POINTS", "MAX_HEADER", "UNSPECIFIED", "Bits", "Filtered", "area"]

MAX_HEADER = 1024  # byte, of what is read of a parameter set or sequence header; real ones stay below 300
UNSPECIFIED = 2  # of each of the following
# Colour primaries, transfer characteristics, matrix coefficients that exist (ITU-T H.273, tables 2 to 4).
CODE_POINTS = (
    frozenset((1, 2, *range(4, 13), 22)),
    frozenset((1, 2, *range(4, 19))),
    frozenset((0, 1, 2, *range(4, 18))),
)


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


def area(size: tuple[int, int]) -> int:
    """Px."""
    return size[0] * size[1]
