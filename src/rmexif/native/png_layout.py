"""How the samples of a PNG picture are laid out (W3C PNG, third edition, clauses 7.2, 8 and 11.2.1)."""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

__all__ = ["ADAM7", "DEPTHS", "KINDS", "Layout", "diagonals", "strip_rows"]

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # 8.1
KINDS = 5  # filters: None, Sub, Up, Average, Paeth (9.2)
STRIP = 1 << 25  # cells of the skewed array in which the twin undoes filters, two bytes each
MOST_PIXELS = 1 << 48  # so that all sizes fit 64 bits


class Layout(NamedTuple):
    """What IHDR says.

    Attributes:
        width: px.
        height: px.
        depth: bit of a sample.
        colour: colour type.
        interlaced: Adam7.
    """

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool = False

    @property
    def exists(self) -> bool:
        """Whether PNG has such pictures."""
        sized = 0 < self.width < 1 << 31 and 0 < self.height < 1 << 31 and self.width * self.height <= MOST_PIXELS
        return sized and self.depth in DEPTHS.get(self.colour, ()) and self.interlaced in (0, 1)

    @property
    def bits(self) -> int:
        """Bits of a pixel."""
        return SAMPLES[self.colour] * self.depth

    @property
    def step(self) -> int:
        """Bytes between a byte and its left neighbour (9.2)."""
        return max(1, self.bits // 8)

    @property
    def colour_size(self) -> int:
        """Bytes of a pixel before its alpha; 0 where there is no alpha channel."""
        return self.step - self.depth // 8 if self.colour in (4, 6) else 0

    @property
    def passes(self) -> list[tuple[int, int, int]]:
        """Px per row, rows, and bytes per row (without the filter byte) of every pass that is not empty."""
        sizes = [(self.width, self.height)]
        if self.interlaced:
            sizes = [(-((x - self.width) // dx), -((y - self.height) // dy)) for x, y, dx, dy in ADAM7]
        return [(w, h, (w * self.bits + 7) // 8) for w, h in sizes if w > 0 and h > 0]

    @property
    def rows(self) -> int:
        """Rows of all passes."""
        return sum(rows for _, rows, _ in self.passes)

    @property
    def pixels_size(self) -> int:
        """Bytes of all rows without their filter bytes."""
        return sum(rows * row for _, rows, row in self.passes)

    @property
    def size(self) -> int:
        """Bytes that the stream inflates to."""
        return self.rows + self.pixels_size

    def pixels_before(self, row: int) -> int:
        """Bytes of all rows before a row, without their filter bytes."""
        total = 0
        for _, rows, size in self.passes:
            total += min(row, rows) * size
            row -= min(row, rows)
        return total


def diagonals(layout: Layout) -> int:
    """What undoing the filters costs the twin at the most, in rounds of the recurrence."""
    total = 0
    for _, rows, row in layout.passes:
        columns = row // layout.step
        total += rows + -(-rows // strip_rows(columns, layout.step)) * columns
    return total


def strip_rows(columns: int, channels: int) -> int:
    """Rows r of a strip, so that its skewed array of (columns + r) x r x channels stays within STRIP cells."""
    return max(1, (isqrt(columns * columns + 4 * STRIP // channels) - columns) // 2)
