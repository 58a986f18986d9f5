"""How what the network saw of a picture is put together.

Three rules turn candidates into detections:

- A candidate counts by itself from ``alone`` on; from ``tiny`` on if it is too small to show who it is.
- Beside a sure face of about the same size it counts from ``near`` on, beside three from ``crowd`` on: where one face
  is, there are others, and the small, turned and hidden ones of a crowd score low. Pictures without faces do not pay
  for it.
- A candidate that stands alone and is not sure is looked at once more: cut out, brought to sizes that the network knows
  best, mirrored and tilted, because a bottle or a knee that looks like a face does so from one side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.detectors.network import SEEN, Candidates, infer
from rmexif.detectors.pyramid import PLACED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rmexif.detectors.pyramid import Plan
    from rmexif.types import Box, Detection

__all__ = [
    "SAME",
    "SMALLEST",
    "Search",
    "choose",
    "cut_out",
    "merge",
    "one_per_face",
    "overlap",
    "second_look",
    "suppress",
]

SURE, CERTAIN = 0.5, 0.6  # scores from which a face vouches for others, and from which it needs no second look itself
ALIKE = 3.0  # most that the sizes of two faces differ by, for one to vouch for the other
CROWD = 3  # sure faces that vouch for weaker ones than a single face does
SAME = 0.3  # intersection over union above which two candidates are one
CLOSE_UP = 0.2  # share of the picture
TINY = 12  # px of the picture: height of a face that shows nobody; most false alarms of pictures of places are smaller
LOOK = 160  # px: side of a cut-out for a second look
LOOK_FACES = (24, 48)  # px: size of the face in it
TILT = math.radians(12)
LOOK_VIEWS = tuple(
    np.array([[-math.cos(tilt), -math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]]) for tilt in (TILT, -TILT)
)  # mirrored and tilted either way: of the views that cost as much, these tell faces from the rest best
MOST_LOOKS = 128  # candidates of one picture that get one; photographs have a few
CONFIRMED = 0.22  # mean score of a second look: of 130 weak faces 85 % reach it, of 55 false alarms 40 %
KEPT = 0.13  # the same for a candidate that is sure: every face reaches it
CLOSE_UP_KEPT = 0.1  # and for one that takes much of the picture: of a close-up that is cut, tilted views show little
PART = 0.6  # share of a candidate inside a larger one from which it is a part of that face
SMALLEST = 10  # px of the network: about half of all faces of this width are seen


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and what was searched."""

    detections: tuple[Detection, ...]
    min_face_px: int  # px of the picture; narrower faces may be missed
    max_face_px: int  # px; wider ones too
    levels: tuple[int, ...]  # px, longer side of each searched size of the picture
    rejected: int  # weak candidates that a second look threw out
    network_px: int  # px that the network was shown, in all, second looks and other forms too


def choose(
    rgb: NDArray[np.uint8], found: Candidates, plan: Plan, looks: int = MOST_LOOKS
) -> tuple[Candidates, int, int]:
    """The candidates that count, one per face, how many a second look threw out, and px of the network for that.

    Args:
        rgb: H x W x 3.
        found: candidates, px of the picture.
        plan: from which scores they count.
        looks: second looks that may still be taken; where more are in doubt, all of them count.
    """
    best = one_per_face(found, plan.alone)
    company, score = _company(best), best[:, 4]
    lone = company == 0
    alone = np.where(best[:, 3] - best[:, 1] < TINY, plan.tiny, plan.alone)
    counts = score >= np.where(lone, alone, np.where(company < CROWD, plan.near, plan.crowd))
    # What is as large beside a sure close-up is more often a rim of it.
    close_up = _area(best) >= CLOSE_UP * rgb.shape[0] * rgb.shape[1]
    beside_close_up = (company == 1) & (score < plan.alone) & (close_up & (score >= SURE)).any()
    doubtful = np.flatnonzero(counts & ((lone & (score < CERTAIN)) | beside_close_up))
    if not 0 < len(doubtful) <= looks:
        return best[counts], 0, 0
    spent = len(doubtful) * len(LOOK_FACES) * len(LOOK_VIEWS) * LOOK**2
    needed = np.where(score[doubtful] < SURE, CONFIRMED, KEPT)
    needed[close_up[doubtful]] = CLOSE_UP_KEPT
    out = doubtful[second_look(rgb, best[doubtful, :4]) < needed]
    counts[out] = False
    if (score[out] >= SURE).any():  # others may have counted for its company
        rest, more, again = choose(rgb, np.delete(best, out, axis=0), plan, looks - len(doubtful))
        return rest, len(out) + more, spent + again
    return best[counts], len(out), spent


def _area(found: Candidates) -> NDArray[np.float32]:
    """Px of each box."""
    area: NDArray[np.float32] = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    return area


def _company(found: Candidates) -> NDArray[np.intp]:
    """How many other candidates of the picture are sure faces of about the same size, for each."""
    sides = np.sqrt(np.maximum(_area(found), 1))
    sure = np.flatnonzero(found[:, 4] >= SURE)
    ratio = sides[:, None] / sides[None, sure]
    alike = (ratio < ALIKE) & (ratio > 1 / ALIKE)
    alike[sure, np.arange(len(sure))] = False
    return np.asarray(alike.sum(axis=1))


def second_look(rgb: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """How sure the network is of a face at each box, cut out, mirrored, tilted, at two sizes: mean score, 0-1.

    Args:
        rgb: H x W x 3.
        boxes: n x 4: left, top, right, bottom (px).
    """
    views, targets = [], []
    for left, top, right, bottom in boxes.tolist():
        for face, view in product(LOOK_FACES, LOOK_VIEWS):
            factor = face / max(right - left, bottom - top)
            views.append(cut_out(rgb, (left + right) / 2, (top + bottom) / 2, factor * view, LOOK))
            half = (right - left) * factor / 2, (bottom - top) * factor / 2
            targets.append((LOOK / 2 - half[0], LOOK / 2 - half[1], LOOK / 2 + half[0], LOOK / 2 + half[1]))
    scores = np.zeros(len(views), np.float32)
    for start in range(0, len(views), 16):
        stack = np.stack(views[start : start + 16])
        for number, table in enumerate(infer(stack, 0.02), start):
            same = overlap(np.array(targets[number], np.float32), table) > SAME - 0.05
            scores[number] = table[same, 4].max(initial=0.0)
    result: NDArray[np.float32] = scores.reshape(len(boxes), -1).mean(axis=1)
    return result


def cut_out(rgb: NDArray[np.uint8], x: float, y: float, matrix: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """``side`` x ``side`` px around (x, y), through a 2 x 2 matrix; black beyond the picture."""
    height, width = rgb.shape[:2]
    across, down = np.abs(np.linalg.inv(matrix)) @ (side / 2, side / 2)
    left, top = max(0, int(x - across)), max(0, int(y - down))
    right, bottom = min(width, int(x + across) + 1), min(height, int(y + down) + 1)
    part: NDArray[Any] = np.ascontiguousarray(rgb[top:bottom, left:right])
    while abs(np.linalg.det(matrix)) <= 0.25 and min(part.shape[:2]) > 1:
        part = cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        matrix, left, top, x, y = matrix * 2, left // 2, top // 2, x / 2, y / 2
    shift = side / 2 - matrix @ (x - left, y - top)
    affine = np.concatenate([matrix, shift[:, None]], axis=1).astype(np.float32)
    view: NDArray[Any] = cv2.warpAffine(part, affine, (side, side), flags=cv2.INTER_LINEAR)
    return view


def overlap(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box with many."""
    sides = np.minimum(one[2:4], many[:, 2:4]) - np.maximum(one[:2], many[:, :2])
    shared = np.maximum(sides[:, 0], 0) * np.maximum(sides[:, 1], 0)
    areas = (many[:, 2] - many[:, 0]) * (many[:, 3] - many[:, 1])
    union = areas + (one[2] - one[0]) * (one[3] - one[1]) - shared
    result: NDArray[np.float32] = shared / np.maximum(union, 1e-6)
    return result


def one_per_face(found: Candidates, trusted: float) -> Candidates:
    """One candidate per face: its place by the surest view that shows all of it, its score by the surest view of any.

    Args:
        found: of all levels, in px of the picture.
        trusted: score from which a view that shows all of a face goes before one that is surer, but too close.
    """
    in_full = (found[:, SEEN] <= PLACED) & (found[:, 4] >= trusted)
    left = found[np.lexsort((-found[:, 4], ~in_full))]
    kept = []
    while len(left):
        face, left = left[0].copy(), left[1:]
        again = (overlap(face, left) > SAME) | _is_part(face, left)
        face[4] = max(face[4], left[again, 4].max(initial=0.0))
        kept.append(face)
        left = left[~again]
    return np.array(kept, np.float32).reshape(-1, found.shape[1])


def _is_part(face: NDArray[np.float32], many: Candidates) -> NDArray[np.bool_]:
    """Which candidates are parts of a face: inside it, and either seen too close, or weak and covered with the face."""
    sides = np.minimum(face[2:4], many[:, 2:4]) - np.maximum(face[:2], many[:, :2])
    areas = (many[:, 2] - many[:, 0]) * (many[:, 3] - many[:, 1])
    inside = np.maximum(sides[:, 0], 0) * np.maximum(sides[:, 1], 0) / np.maximum(areas, 1e-6)
    smaller = areas < (face[2] - face[0]) * (face[3] - face[1])
    weak = (many[:, 4] < min(SURE, face[4])) & (inside >= 1)
    result: NDArray[np.bool_] = smaller & (weak | ((inside > PART) & (many[:, SEEN] > PLACED)))
    return result


def suppress(found: Candidates, limit: float) -> Candidates:
    """The best of every group of candidates that overlap by more than ``limit``."""
    left = found[np.argsort(-found[:, 4], kind="stable")]
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[1:][overlap(left[0], left[1:]) <= limit]
    return np.array(kept, np.float32).reshape(-1, found.shape[1])


def merge(found: Iterable[Detection], limit: float = SAME) -> list[Detection]:
    """One detection per place and label: of those that overlap by more than ``limit``, the surest stays."""
    rows = sorted(found, key=lambda d: -d.confidence)
    kept: list[Detection] = []
    for row in rows:
        if all(row.label != other.label or _overlap(row.box, other.box) <= limit for other in kept):
            kept.append(row)
    return kept


def _overlap(a: Box, b: Box) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    return shared / max(a.width * a.height + b.width * b.height - shared, 1)
