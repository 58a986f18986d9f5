"""What a format offers to the table: its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from rmexif.types import Container, Format, Limits, TreeT

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.containers.common.coded_units import CodedUnits

__all__ = ["FormatRow"]


@dataclass(frozen=True, slots=True)
class FormatRow(Generic[TreeT]):
    """One format: what it can do, how it is known, how it is read and how it is serialised again.

    ``parse`` walks the whole file, decodes nothing, and says what every byte is: the parts tile the file. A part has a
    role in ``CLEAN`` only if its bytes are exactly what ``rewrite`` would write. ``rewrite`` gives the lossless clean
    file as pieces to be joined; what is passed through is a view of the input. ``parse_again`` gives what ``parse``
    would give for the output of a rewrite, and may spare work on bytes that are equal to those of the earlier file.
    ``parse_headers`` gives what ``parse`` would give without reading coded data: what a decoder needs, which shows no
    more of it than pixels. A rewrite of it passes coded data through.
    ``coded_units`` gives the coded data of a clean file unit by unit, where only a decoder knows its last code.
    """

    format: Format
    matches: Callable[[bytes], bool]  # whether the first 64 bytes are its signature
    parse: Callable[[memoryview, Limits], Container[TreeT]]
    rewrite: Callable[[memoryview, Container[TreeT]], list[bytes | memoryview]]
    parse_again: Callable[[memoryview, Limits, Container[TreeT]], Container[TreeT]] | None = None  # None: parse
    parse_headers: Callable[[memoryview, Limits], Container[TreeT]] | None = None  # None: parse
    coded_units: Callable[[Container[TreeT]], CodedUnits] | None = None  # None: the parser knows where coded data ends
