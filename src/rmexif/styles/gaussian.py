"""The classic Gaussian, for those who must have it: a linear filter, so no bound on what it lets through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.errors import InvalidPolicy
from rmexif.styles.painting import repaint
from rmexif.styles.patch import soften

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from rmexif.styles.mask import Mask
    from rmexif.styles.patch import Field, Pixels, Site

__all__ = ["Gaussian"]


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Weak: recognisers trained on it read 80 to 96 % of the faces; needs ``allow_weak``."""

    strength: float = 0.2  # 0.05-1, sigma as a share of the mask's longer side

    name = "gaussian"
    leak_bits = math.inf

    def __post_init__(self) -> None:
        """Check the fields."""
        if not 0.05 <= self.strength <= 1:
            raise InvalidPolicy(f"gaussian: strength {self.strength} is not within 0.05 and 1")

    def redact(self, pixels: Pixels, masks: Sequence[Mask], rng: np.random.Generator) -> None:
        """Redact in place; see ``Style``."""
        repaint(pixels, masks, rng, self._field)

    def _field(self, site: Site) -> Field:
        return soften(site.colours, self.strength * site.cells)[site.inner]
