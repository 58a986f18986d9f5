"""What a format offers to the table: its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple

from rmexif.errors import MalformedImage
from rmexif.types import Container, Format, Limits, TreeT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rmexif.containers.common.coded_units import CodedUnits
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.common.low_bits import LowBits

    WithCredit = Callable[[memoryview, Container[TreeT], CreditBlocks], list[bytes | memoryview]]

__all__ = ["Completed", "FormatRow", "Walker", "require_half"]


class Completed(NamedTuple):
    """A file whose missing rows were filled."""

    data: bytes
    rows: int  # of the picture
    kept: int  # of them that were there


def require_half(kept: int, rows: int, offset: int) -> None:
    """Refuse a file that lacks more than half of its rows, before memory is taken for them.

    Args:
        kept: rows that are there.
        rows: of the picture.
        offset: byte where the file ends.

    Raises:
        MalformedImage: fewer than half of the rows are there.
    """
    if 2 * kept < rows:
        problem = f"{kept} of {rows} rows are there; fewer than half are not completed"
        raise MalformedImage(problem, structure="rows", offset=offset)


class Walker(NamedTuple, Generic[TreeT]):
    """How the files of one format are read and serialised again.

    ``parse`` walks the whole file, decodes nothing, and says what every byte is: the parts tile the file. A part has a
    role in ``CLEAN`` only if its bytes are exactly what ``rewrite`` would write. ``rewrite`` gives the lossless clean
    file as pieces to be joined; what is passed through is a view of the input. ``parse_again`` gives what ``parse``
    would give for the output of a rewrite, and may spare work on bytes that are equal to those of the earlier file.
    ``complete`` fills the rows that a file lacks.
    ``parse_headers`` gives what ``parse`` would give without reading coded data: what a decoder needs, which shows no
    more of it than pixels. A rewrite of it passes coded data through.
    ``for_decoder`` gives what a decoder is to see of a file whose coded data a rewrite refuses; it never leaves.
    ``coded_units`` gives the coded data of a clean file unit by unit, where only a decoder knows its last code.
    ``low_bits`` gives the lowest bits of so many first rows of a clean file, where samples are stored exactly.
    ``with_credit`` gives a clean file with the blocks of a credit in it; a rewrite of that is the clean file again.
    """

    parse: Callable[[memoryview, Limits], Container[TreeT]]
    rewrite: Callable[[memoryview, Container[TreeT]], list[bytes | memoryview]]
    parse_again: Callable[[memoryview, Limits, Container[TreeT]], Container[TreeT]] | None = None  # None: parse
    complete: Callable[[memoryview, Limits], Completed] | None = None  # a file that is cut off; None: refused
    parse_headers: Callable[[memoryview, Limits], Container[TreeT]] | None = None  # None: parse
    for_decoder: Callable[[memoryview, Container[TreeT]], list[bytes | memoryview]] | None = None  # None: rewrite
    coded_units: Callable[[Container[TreeT]], CodedUnits] | None = None  # None: the parser knows where coded data ends
    low_bits: Callable[[Container[TreeT], int], Iterable[LowBits]] | None = None  # None: coding is lossy, or a codec's
    with_credit: WithCredit[TreeT] | None = None  # None: the format holds no credit


class FormatRow(NamedTuple, Generic[TreeT]):
    """One format: what it can do, how it is known, and, loaded on first use, how it is read and serialised again."""

    format: Format
    matches: Callable[[bytes], bool]  # whether the first bytes are its signature
    load: Callable[[], Walker[TreeT]]

    @property
    def parse(self) -> Callable[[memoryview, Limits], Container[TreeT]]:
        """As Walker."""
        return self.load().parse

    @property
    def rewrite(self) -> Callable[[memoryview, Container[TreeT]], list[bytes | memoryview]]:
        """As Walker."""
        return self.load().rewrite
