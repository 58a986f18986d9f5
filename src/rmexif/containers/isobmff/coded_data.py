"""Coded data after a bitstream filter: the pieces that are kept, and what every byte of the input was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.isobmff.av1_sequence import Av1SequenceHeader

__all__ = ["FilteredData", "area"]


@dataclass(slots=True)
class FilteredData:
    """Coded data of an item or a sample after filtering."""

    chunks: list[memoryview] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)  # start, end, "" or why it does not stay as it is
    size: tuple[int, int] = (0, 0)  # px, largest coded picture in it
    sequence: Av1SequenceHeader | None = None  # AV1: the last one
    pps_ids: set[int] = field(default_factory=set)  # HEVC: picture parameter sets that slices name
    sync: bool = False  # AV1: decoding can start here

    def keep(self, data: memoryview, start: int, end: int) -> None:
        """Pass ``data[start:end]`` through."""
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


def area(size: tuple[int, int]) -> int:
    """Px."""
    return size[0] * size[1]
