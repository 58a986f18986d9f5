"""Regions that the caller already knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.types import Box, Detection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Fixed"]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Finds what it is given, wherever that lies inside the picture.

    Args:
        boxes: regions in px of the upright picture.
        label: what they are called in the report.
    """

    boxes: tuple[Box, ...] = ()
    label: str = "region"

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The boxes, cut to the picture; one that lies outside is left out."""
        height, width = rgb.shape[:2]
        cut = (box.clipped(width, height) for box in self.boxes)
        return [Detection(box, 1.0, self.label) for box in cut if box is not None]
