"""Coded data unit by unit, for whoever can decode it: what a container must offer so that tails behind codes are found.

Behind the last code of a JPEG XL section, an AV1 tile group or an HEVC slice may lie bytes that no decoder reads. Only
a decoder knows where they begin; the container knows where units are, and how a file is written with shorter ones.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rmexif.residuals import Residual

__all__ = ["CodedUnit", "CodedUnits"]

ZEROS = re.compile(rb"(?:\x00|(?<=\x00\x00)\x03)*")  # also behind emulation prevention (H.265 7.4.2)


@dataclass(frozen=True, slots=True)
class CodedUnit:
    """A stretch of coded data whose length is written in front of it, so that it can be cut at its end.

    Args:
        where: path of structure names.
        data: what it holds.
        picture: number of the picture that shows it; units of one picture share it.
        is_visible: whether that picture shows all that it codes, at its full depth: only then a cut can be tried.
        is_single: whether it holds one coded stream, so that there is no other end than its own.
        margin: byte behind the last one that the picture needs which stay, and zeros before them: where decoders
            take zeros for what is missing, the end of a conforming stream lies behind what they need.
        slack: byte that may be left at the end of an honest unit: more of them are taken away, fewer stay.
        streams: how many coded streams it holds at most, where it is not a single one.
    """

    where: str
    data: memoryview
    picture: int
    is_visible: bool
    is_single: bool
    slack: int
    margin: int = 0
    streams: int = 1

    def kept_of(self, needed: int) -> int:
        """Bytes that stay where the picture needs the first ``needed`` ones."""
        if not self.margin:
            return needed
        zeros = ZEROS.match(self.data, needed)
        end = (zeros.end() if zeros else needed) + self.margin
        while end < len(self.data) and not self.data[end - 1]:  # no NAL unit ends with a zero byte (H.265 7.4.2)
            end += 1
        return min(end, len(self.data))


class CodedUnits(ABC):
    """The coded units of a clean file."""

    units: tuple[CodedUnit, ...]
    unbounded: Residual  # what is said of units that were not proven
    is_av1: bool = False  # there is a decoder that refuses bytes behind codes

    @abstractmethod
    def trial(self, number: int, cut: int, filler: bytes = b"") -> bytes:
        """A file that shows the picture of unit ``number`` with ``filler`` instead of the unit's last ``cut`` bytes."""

    @abstractmethod
    def without(self, cuts: Mapping[int, int]) -> bytes:
        """The clean file with so many bytes less at the end of the units in ``cuts``."""
