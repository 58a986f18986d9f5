"""CenterFace: the face detector that comes with rmexif."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rmexif.detectors.distortion import correction, mapped_back, through
from rmexif.detectors.network import infer, model_hash
from rmexif.detectors.pyramid import PLANS, candidates, scaled
from rmexif.detectors.search import SMALLEST, Search, choose, one_per_face
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.detectors.network import Candidates

__all__ = ["CenterFace"]

LARGEST = 640  # px of the network: wider faces are not seen
CHECK = 128  # px: side of the cut-out in which a redacted face is looked for
CROWD = 32  # redacted faces from which one more search of the picture costs less than cut-outs of them
BATCH = 16  # cut-outs shown at a time


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
            plan = replace(plan, tiny=floor, alone=floor, near=floor, crowd=floor)
        found, levels, spent = candidates(rgb, plan)
        best, rejected, again = choose(rgb, found, plan)
        matrix, tried = correction(rgb, found, best)
        spent += again + tried
        if matrix is not None:
            corrected = through(rgb, matrix)
            found, _, more = candidates(corrected, plan)
            upright, out, again = choose(corrected, found, plan)
            best = one_per_face(np.concatenate([best, mapped_back(upright, matrix, height, width)]), plan.alone)
            rejected, spent = rejected + out, spent + more + again
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
        if len(boxes) >= CROWD:
            table = candidates(rgb, PLANS[self.recall])[0]
            return [_surest_inside(table, np.array(box.as_list())) for box in boxes]
        cuts = [_cut_out(rgb, box) for box in boxes]
        sureness: list[float] = []
        for start in range(0, len(cuts), BATCH):
            views, places = zip(*cuts[start : start + BATCH], strict=True)
            tables = infer(np.stack(views), 0.05)
            sureness += [_surest_inside(table, place) for table, place in zip(tables, places, strict=True)]
        return sureness


def _cut_out(rgb: NDArray[np.uint8], box: Box) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A redacted place with a third of it around, ``CHECK`` px a side; and where the place lies in it."""
    grow = (box.width + box.height) // 6
    top, left = max(0, box.top - grow), max(0, box.left - grow)
    picture, factor = scaled(rgb[top : box.bottom + grow, left : box.right + grow], CHECK)
    view = np.zeros((CHECK, CHECK, 3), np.uint8)
    view[: picture.shape[0], : picture.shape[1]] = picture
    return view, np.array([box.left - left, box.top - top, box.right - left, box.bottom - top]) * factor


def _surest_inside(table: Candidates, place: NDArray[Any]) -> float:
    """The score of the surest candidate that has its centre in a place and is no mere speck of it: 0-1."""
    x, y = (table[:, 0] + table[:, 2]) / 2, (table[:, 1] + table[:, 3]) / 2
    inside = (x >= place[0]) & (x < place[2]) & (y >= place[1]) & (y < place[3])
    large = (table[:, 2] - table[:, 0]) * 6 > place[2] - place[0]
    return float(table[inside & large, 4].max(initial=0.0))


def _detection(row: NDArray[np.float32], width: int, height: int) -> Detection | None:
    left, top, right, bottom = (int(value) for value in (*np.floor(row[:2]), *np.ceil(row[2:4])))
    box = Box(left, top, right, bottom).clipped(width, height)
    return None if box is None else Detection(box, float(min(max(row[4], 0.0), 1.0)))
