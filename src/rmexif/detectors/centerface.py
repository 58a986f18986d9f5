"""CenterFace: the face detector that comes with rmexif."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rmexif.detectors.network import look
from rmexif.detectors.search import Search, scaled, suppress
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CenterFace"]


@dataclass(frozen=True, slots=True)
class CenterFace:
    """Finds faces from 16 px wide to frame-filling ones, turned by any angle.

    Args:
        recall: how much is searched: "balanced", "high" or "max".
        min_confidence: lowest score of a face (0-1); None takes the plan's own.
    """

    recall: Literal["balanced", "high", "max"] = "balanced"
    min_confidence: float | None = None

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The faces of an H x W x 3 picture."""
        return list(self.search(rgb).detections)

    def search(self, rgb: NDArray[np.uint8]) -> Search:
        """The faces, and what was searched for them."""
        height, width = rgb.shape[:2]
        floor = 0.3 if self.min_confidence is None else self.min_confidence
        found, levels, spent = [], (640, 1280), 0
        for side in levels:
            picture, factor = scaled(rgb, side)
            spent += picture.shape[0] * picture.shape[1]
            table = look(picture[None], floor)[0]
            table[:, :4] /= factor
            found.append(table)
        best = suppress(np.concatenate(found), 0.3)
        detections = tuple(d for row in best if (d := _detection(row, width, height)))
        longest = max(width, height)
        return Search(detections, max(1, 14 * longest // 1280), longest, levels, 0, spent)

    def found_in(self, rgb: NDArray[np.uint8], boxes: list[Box]) -> list[float]:
        """How sure the detector is of a face at each box: 0-1, in the order of ``boxes``."""
        sureness = []
        for box in boxes:
            grow = (box.width + box.height) // 4
            crop = rgb[max(0, box.top - grow) : box.bottom + grow, max(0, box.left - grow) : box.right + grow]
            picture, _ = scaled(np.ascontiguousarray(crop), 160)
            table = look(picture[None], 0.05)[0]
            sureness.append(float(table[:, 4].max(initial=0.0)))
        return sureness


def _detection(row: NDArray[np.float32], width: int, height: int) -> Detection | None:
    left, top = max(0, int(np.floor(row[0]))), max(0, int(np.floor(row[1])))
    right, bottom = min(width, int(np.ceil(row[2]))), min(height, int(np.ceil(row[3])))
    if right <= left or bottom <= top:
        return None
    return Detection(Box(left, top, right, bottom), float(min(max(row[4], 0.0), 1.0)))
