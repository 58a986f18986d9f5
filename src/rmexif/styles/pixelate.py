"""Pixelate: a few large cells of few colours. What it lets through is counted, and grows with the grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rmexif.errors import InvalidPolicy
from rmexif.styles import tone
from rmexif.styles.painting import repaint
from rmexif.styles.patch import sample_surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.styles.mask import Mask
    from rmexif.styles.patch import Field, Pixels, Site

__all__ = ["Pixelate"]

LUMA_BITS = 2  # of every cell
TONE_BITS = 2  # of every cell
MAX_CELLS = 32  # a side: half the grid that a site is sampled on


@dataclass(frozen=True, slots=True)
class Pixelate:
    """Cells of one colour each; a grid of more than 32 bits needs ``allow_weak``."""

    columns: int = 2  # 1-32 cells over the mask's width
    rows: int = 3  # 1-32 cells over the mask's height

    name = "pixelate"

    def __post_init__(self) -> None:
        """Check the fields."""
        if not (1 <= self.columns <= MAX_CELLS and 1 <= self.rows <= MAX_CELLS):
            raise InvalidPolicy(f"pixelate: {self.columns} x {self.rows} cells are not within 1 and {MAX_CELLS}")

    @property
    def leak_bits(self) -> int:
        """Bits of one face that the result can hold, at most."""
        return self.columns * self.rows * (LUMA_BITS + TONE_BITS)

    def redact(self, pixels: Pixels, masks: Sequence[Mask], rng: np.random.Generator) -> None:
        """Redact in place; see ``Style``."""
        repaint(pixels, masks, rng, self._field, cv2.INTER_NEAREST)

    def code(self, pixels: Pixels, mask: Mask) -> tuple[tuple[int, int], ...]:
        """All that the result will know of what stands under the mask: two indices per cell, row by row."""
        return self._code(sample_surroundings(pixels, mask))

    def _code(self, site: Site) -> tuple[tuple[int, int], ...]:
        shown = site.colours[site.inner]
        means = cv2.resize(shown, (self.columns, self.rows), interpolation=cv2.INTER_AREA)
        cells = means.reshape(-1, shown.shape[2])
        return tuple(tone.measure(mean, LUMA_BITS, TONE_BITS) for mean in cells)

    def _field(self, site: Site) -> Field:
        count = site.colours.shape[2]
        colours = [tone.colour(code, LUMA_BITS, TONE_BITS, count) for code in self._code(site)]
        return np.array(colours, np.float32).reshape(self.rows, self.columns, count)
