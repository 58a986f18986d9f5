"""CenterFace: the face detector that comes with rmexif."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from rmexif.detectors.network import infer, model_hash
from rmexif.detectors.pyramid import PLANS, candidates, scaled
from rmexif.detectors.search import SMALLEST, Search, choose
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CenterFace"]

LARGEST = 640  # px of the network: wider faces are not seen
CHECK = 128  # px: side of the cut-out in which a redacted face is looked for


@dataclass(frozen=True, slots=True)
class CenterFace:
    """Finds faces from 10 px wide (of the network's own pixels) to frame-filling ones, turned by any angle.

    Args:
        recall: how much is searched: "balanced", "high" or "max".
        min_confidence: lowest score of a face (0-1), wherever it stands; None takes the plan's own.
    """

    recall: Literal["balanced", "high", "max"] = "balanced"
    min_confidence: float | None = None

    def fingerprint(self) -> str:
        """The settings and the model file's hash: another model is another detector."""
        return f"recall={self.recall},min_confidence={self.min_confidence},model={model_hash()}"

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The faces of an H x W x 3 picture."""
        return list(self.search(rgb).detections)

    def search(self, rgb: NDArray[np.uint8]) -> Search:
        """The faces, and what was searched for them.

        Raises:
            DetectionError: the network failed.
            LimitExceeded: recall is "max" and the picture is too large for it.
        """
        height, width = rgb.shape[:2]
        plan = PLANS[self.recall]
        if self.min_confidence is not None:
            floor = max(self.min_confidence, 0.01)
            plan = replace(plan, alone=floor, near=floor)
        found, levels, spent = candidates(rgb, plan)
        best, rejected = choose(rgb, found, plan)
        detections = tuple(d for row in best if (d := _detection(row, width, height)))
        longest = max(height, width)
        return Search(
            detections,
            min_face_px=-(-SMALLEST * longest // levels[-1]),
            max_face_px=min(longest, LARGEST * longest // levels[0]),
            levels=levels,
            rejected=rejected,
            network_px=spent,
        )

    def found_in(self, rgb: NDArray[np.uint8], boxes: list[Box]) -> list[float]:
        """How sure the detector is of a face inside each box of a finished picture: 0-1, in the order of ``boxes``.

        Args:
            rgb: H x W x 3.
            boxes: what was redacted, px; a face counts where its centre lies in the box, and it is no mere speck of it.
        """
        views, places = [], []
        for box in boxes:
            grow = (box.width + box.height) // 6
            top, left = max(0, box.top - grow), max(0, box.left - grow)
            crop = rgb[top : box.bottom + grow, left : box.right + grow]
            picture, factor = scaled(crop, CHECK)
            view = np.zeros((CHECK, CHECK, 3), np.uint8)
            view[: picture.shape[0], : picture.shape[1]] = picture
            views.append(view)
            places.append(np.array([box.left - left, box.top - top, box.right - left, box.bottom - top]) * factor)
        sureness: list[float] = []
        for start in range(0, len(views), 16):
            tables = infer(np.stack(views[start : start + 16]), 0.05)
            for place, table in zip(places[start : start + 16], tables, strict=True):
                x, y = (table[:, 0] + table[:, 2]) / 2, (table[:, 1] + table[:, 3]) / 2
                inside = (x >= place[0]) & (x < place[2]) & (y >= place[1]) & (y < place[3])
                large = (table[:, 2] - table[:, 0]) * 6 > place[2] - place[0]
                sureness.append(float(table[inside & large, 4].max(initial=0.0)))
        return sureness


def _detection(row: NDArray[np.float32], width: int, height: int) -> Detection | None:
    left, top, right, bottom = (int(value) for value in (*np.floor(row[:2]), *np.ceil(row[2:4])))
    box = Box(left, top, right, bottom).clipped(width, height)
    return None if box is None else Detection(box, float(min(max(row[4], 0.0), 1.0)))
