"""Where to look for faces, at which sizes, and how the answers are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rmexif.detectors.network import STRIDE, Candidates
from rmexif.memory import as_seen, as_stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rmexif.types import Box, Detection

__all__ = ["Search", "merge", "overlap", "scaled", "suppress"]


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and what was searched."""

    detections: tuple[Detection, ...]
    min_face_px: int  # px of the picture; narrower faces may be missed
    max_face_px: int  # px; wider ones too
    levels: tuple[int, ...]  # px, longer side of each searched size of the picture
    rejected: int  # weak candidates that a second look threw out
    network_px: int  # px that the network was shown, in all


def scaled(rgb: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
    """The picture with its longer side at ``side`` px, padded to the network's stride; and the factor."""
    height, width = rgb.shape[:2]
    factor = side / max(height, width)
    inner = (max(1, round(width * factor)), max(1, round(height * factor)))
    mode = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((-(-inner[1] // STRIDE) * STRIDE, -(-inner[0] // STRIDE) * STRIDE, 3), np.uint8)
    stored, is_reversed = as_stored(rgb)
    canvas[: inner[1], : inner[0]] = as_seen(cv2.resize(stored, inner, interpolation=mode), is_reversed)
    return canvas, factor


def overlap(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box with many."""
    sides = np.minimum(one[2:4], many[:, 2:4]) - np.maximum(one[:2], many[:, :2])
    shared = np.maximum(sides[:, 0], 0) * np.maximum(sides[:, 1], 0)
    areas = (many[:, 2] - many[:, 0]) * (many[:, 3] - many[:, 1])
    union = areas + (one[2] - one[0]) * (one[3] - one[1]) - shared
    result: NDArray[np.float32] = shared / np.maximum(union, 1e-6)
    return result


def suppress(candidates: Candidates, limit: float) -> Candidates:
    """The best of every group of candidates that overlap by more than ``limit``."""
    left = candidates[np.argsort(-candidates[:, 4], kind="stable")]
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[1:][overlap(left[0], left[1:]) <= limit]
    return np.array(kept, np.float32).reshape(-1, candidates.shape[1])


def merge(found: Iterable[Detection], limit: float = 0.3) -> list[Detection]:
    """One detection per place: of those that overlap by more than ``limit``, the surest stays."""
    rows = sorted(found, key=lambda d: -d.confidence)
    kept: list[Detection] = []
    for row in rows:
        if all(_overlap(row.box, other.box) <= limit for other in kept):
            kept.append(row)
    return kept


def _overlap(a: Box, b: Box) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    return shared / max(a.width * a.height + b.width * b.height - shared, 1)
