"""Fill and solid: zero bits. Whatever stands under the mask, the result is the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rmexif.errors import InvalidPolicy
from rmexif.styles.painting import repaint
from rmexif.styles.patch import backdrop, colours_of, paint, soften
from rmexif.styles.tone import KB, KG, KR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.styles.mask import Mask
    from rmexif.styles.patch import Field, Pixels, Site

__all__ = ["Fill", "Solid"]


@dataclass(frozen=True, slots=True)
class Fill:
    """The surroundings drawn inwards and softened: blur without its code."""

    softness: float = 0.1  # 0.02-0.5, sigma of the final Gaussian as a share of the mask's longer side

    name = "fill"
    leak_bits = 0

    def __post_init__(self) -> None:
        """Check the fields."""
        if not 0.02 <= self.softness <= 0.5:
            raise InvalidPolicy(f"fill: softness {self.softness} is not within 0.02 and 0.5")

    def redact(self, pixels: Pixels, masks: Sequence[Mask], rng: np.random.Generator) -> None:
        """Redact in place; see ``Style``."""
        repaint(pixels, masks, rng, self._field)

    def _field(self, site: Site) -> Field:
        return soften(backdrop(site), self.softness * site.cells)[site.inner]


@dataclass(frozen=True, slots=True)
class Solid:
    """One colour, the same for every picture."""

    colour: tuple[int, int, int] = (40, 40, 40)  # 0-255, sRGB

    name = "solid"
    leak_bits = 0

    def __post_init__(self) -> None:
        """Check the fields."""
        if len(self.colour) != 3 or not all(0 <= value <= 255 for value in self.colour):
            raise InvalidPolicy("solid: colour is three numbers within 0 and 255")

    def redact(self, pixels: Pixels, masks: Sequence[Mask], rng: np.random.Generator) -> None:
        """Redact in place; see ``Style``."""
        red, green, blue = (value / 255 for value in self.colour)
        values = [red, green, blue] if colours_of(pixels) == 3 else [KR * red + KG * green + KB * blue]
        for mask in masks:
            paint(pixels, mask, np.array([[values]], np.float32))
