"""Where to look for faces, at which sizes, and how the answers are put together.

CenterFace sees faces of 16 to 640 network pixels, so a picture is shown to it at several sizes, never at its own if
that is large. Three rules turn candidates into detections:

- A candidate counts by itself from ``alone`` on.
- Beside a sure face of about the same size it counts from ``near`` on: where one face is, there are others, and the
  small, turned and hidden ones of a crowd score low. Pictures without faces do not pay for it.
- A candidate that stands alone and is not sure is looked at once more, cut out and brought to the sizes that the
  network knows best; most false alarms are gone then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.detectors.network import SEEN, STRIDE, Candidates, infer
from rmexif.errors import LimitExceeded
from rmexif.raster.bgr import to_memory_order, to_rgb_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from rmexif.types import Box, Detection

__all__ = ["PLANS", "Plan", "Search", "candidates", "choose", "merge", "one_per_face", "overlap", "scaled", "second_look"]

SURE = 0.5  # score of a face that vouches for others, and that no second look is needed for
ALIKE = 3.0  # most that the sizes of two faces differ by, for one to vouch for the other
SAME = 0.3  # intersection over union above which two candidates are one
ENLARGE = 3.2  # most that a small picture is enlarged by
LOOK = 160  # px: side of a cut-out for a second look
LOOK_FACES = (32, 48)  # px: size of the face in it
CONFIRMED = 0.1  # mean score of a second look
SMALL, FINER = 4_000_000, 1.1  # px; pictures up to here have time for levels that much larger
PLACED = 256  # px of the network: of larger faces it sees the middle, or halves and quarters; smaller boxes fit
CLOSE = 224  # px: one more level, where the coarsest shows a face that is too large to be placed
LARGE = 64  # px of the network: what is smaller at that level is for the others to find
PART = 0.6  # share of a candidate inside a larger one from which it is a part of that face
SMALLEST = 10  # px of the network: about half of all faces of this width are seen


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is searched."""

    levels: tuple[int, ...]  # px, longer side of the picture as the network sees it
    mirrored: tuple[int, ...]  # those of them that are searched once more as a mirror image
    tile: int  # px, side of overlapping tiles at the picture's own size; 0 = none
    alone: float  # 0-1
    near: float  # 0-1


PLANS: Mapping[str, Plan] = {
    "balanced": Plan((544, 1088), (), 0, 0.3, 0.13),
    "high": Plan((320, 640, 1280, 2048), (1280,), 0, 0.3, 0.12),
    "max": Plan((320, 640, 960, 1280, 2048), (640, 1280, 2048), 1280, 0.25, 0.1),
}
MOST = 200_000_000  # px that the network is shown for one picture, at the most


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and what was searched."""

    detections: tuple[Detection, ...]
    min_face_px: int  # px of the picture; narrower faces may be missed
    max_face_px: int  # px; wider ones too
    levels: tuple[int, ...]  # px, longer side of each searched size of the picture
    rejected: int  # weak candidates that a second look threw out
    network_px: int  # px that the network was shown, in all


def scaled(rgb: NDArray[np.uint8], side: int, smooth: bool = True) -> tuple[NDArray[np.uint8], float]:
    """The picture with its longer side at ``side`` px, padded to the network's stride; and the factor.

    Args:
        rgb: H x W x 3.
        side: px.
        smooth: average over areas; not needed for a picture that comes from averaging already.
    """
    small, shrunk = _shrunk(rgb, 2 * side)
    height, width = small.shape[:2]
    factor = side / max(height, width)
    inner = (max(1, round(width * factor)), max(1, round(height * factor)))
    stored, is_reversed = to_memory_order(small)
    mode = cv2.INTER_AREA if factor < 1 and shrunk == 1 and smooth else cv2.INTER_LINEAR
    canvas = np.zeros((-(-inner[1] // STRIDE) * STRIDE, -(-inner[0] // STRIDE) * STRIDE, 3), np.uint8)
    canvas[: inner[1], : inner[0]] = to_rgb_view(cv2.resize(stored, inner, interpolation=mode), is_reversed)
    return canvas, factor * shrunk


def _shrunk(rgb: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
    """The picture halved until its longer side is below ``side`` px, and the factor."""
    stored, is_reversed = to_memory_order(rgb)
    factor = 1.0
    while max(stored.shape[:2]) >= side and min(stored.shape[:2]) > 1:
        even = stored[: stored.shape[0] & ~1, : stored.shape[1] & ~1]
        stored = cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        factor /= 2
    return to_rgb_view(stored, is_reversed), factor


def candidates(rgb: NDArray[np.uint8], plan: Plan) -> tuple[Candidates, tuple[int, ...], int]:
    """Everything that might be a face, the levels searched, and the network's pixels.

    Raises:
        LimitExceeded: the plan has tiles, and the picture has too many of them.
    """
    height, width = rgb.shape[:2]
    longest = max(height, width)
    fine = FINER if height * width <= SMALL else 1.0
    levels = tuple(sorted({min(round(level * fine), round(ENLARGE * longest)) for level in plan.levels}))
    look = _Look(plan.near)
    coarse, shrunk = _shrunk(rgb, 2 * levels[-1])  # once for all levels
    for level in levels:
        look.at(coarse, shrunk, level, level in plan.mirrored)
    if levels[0] > CLOSE and (look.found[0][:, SEEN] > PLACED).any():
        levels = (CLOSE, *levels)
        look.at(coarse, shrunk, CLOSE)
        look.found[-1] = look.found[-1][look.found[-1][:, SEEN] > LARGE]
    if plan.tile and longest > levels[-1]:
        if height * width * 2 > MOST:
            raise LimitExceeded(f"search: a picture of {width} x {height} px is too large for recall 'max'")
        levels += (longest,)
        look.through_tiles(rgb, plan.tile)
    return np.concatenate(look.found), levels, look.spent


class _Look:
    """What the network has been shown of one picture, and what it saw."""

    def __init__(self, floor: float) -> None:
        self.floor = floor  # lowest score of a candidate, 0-1
        self.found: list[Candidates] = []  # px of the picture
        self.spent = 0  # px of the network

    def at(self, rgb: NDArray[np.uint8], shrunk: float, level: int, mirrored: bool = False) -> None:
        """Show a picture, which is ``shrunk`` already, with its longer side at ``level`` px."""
        picture, factor = scaled(rgb, level, smooth=shrunk == 1)
        factor *= shrunk
        self._show(picture, factor)
        if mirrored:
            table = self._show(np.ascontiguousarray(picture[:, ::-1]), factor)
            table[:, [0, 2]] = picture.shape[1] / factor - table[:, [2, 0]]

    def through_tiles(self, rgb: NDArray[np.uint8], side: int) -> None:
        """Show a picture at its own size, in tiles of ``side`` px."""
        for top, left in _tiles(*rgb.shape[:2], side):
            tile = rgb[top : top + side, left : left + side]
            picture = np.zeros((side, side, 3), np.uint8)
            picture[: tile.shape[0], : tile.shape[1]] = tile
            self._show(picture, 1.0)[:, :4] += (left, top, left, top)

    def _show(self, picture: NDArray[np.uint8], factor: float) -> Candidates:
        table = infer(picture[None], self.floor)[0]
        table[:, :4] /= factor
        self.found.append(table)
        self.spent += picture.shape[0] * picture.shape[1]
        return table


def _tiles(height: int, width: int, side: int) -> Iterator[tuple[int, int]]:
    """Top and left of tiles that overlap by an eighth, so that a small face is whole in one of them."""
    step = side - side // 8
    for top in range(0, max(1, height - side // 8), step):
        for left in range(0, max(1, width - side // 8), step):
            yield top, left


def choose(rgb: NDArray[np.uint8], found: Candidates, plan: Plan) -> tuple[Candidates, int]:
    """The candidates that count, one per place, and how many a second look threw out."""
    best = one_per_face(found, plan.alone)
    sides = np.sqrt(np.maximum((best[:, 2] - best[:, 0]) * (best[:, 3] - best[:, 1]), 1))
    sure = sides[best[:, 4] >= SURE]
    ratio = sides[:, None] / sure[None, :]
    vouched = ((ratio < ALIKE) & (ratio > 1 / ALIKE)).any(axis=1)
    counts = best[:, 4] >= np.where(vouched, plan.near, plan.alone)
    doubtful = np.flatnonzero(counts & ~vouched & (best[:, 4] < SURE))
    if len(doubtful):
        counts[doubtful] = second_look(rgb, best[doubtful, :4]) >= CONFIRMED
    return best[counts], int((~counts[doubtful]).sum())


def second_look(rgb: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """How sure the network is of a face at each box, cut out and brought to the sizes it knows best: mean score, 0-1.

    Args:
        rgb: H x W x 3.
        boxes: n x 4: left, top, right, bottom (px).
    """
    views, targets = [], []
    for left, top, right, bottom in boxes.tolist():
        for face in LOOK_FACES:
            factor = face / max(right - left, bottom - top)
            views.append(_cut_out(rgb, (left + right) / 2, (top + bottom) / 2, factor))
            half = (right - left) * factor / 2, (bottom - top) * factor / 2
            targets.append((LOOK / 2 - half[0], LOOK / 2 - half[1], LOOK / 2 + half[0], LOOK / 2 + half[1]))
    scores = np.zeros(len(views), np.float32)
    for start in range(0, len(views), 16):
        stack = np.stack(views[start : start + 16])
        for number, table in enumerate(infer(stack, 0.02), start):
            same = overlap(np.array(targets[number], np.float32), table) > SAME - 0.05
            scores[number] = table[same, 4].max(initial=0.0)
    result: NDArray[np.float32] = scores.reshape(len(boxes), len(LOOK_FACES)).mean(axis=1)
    return result


def _cut_out(rgb: NDArray[np.uint8], x: float, y: float, factor: float) -> NDArray[np.uint8]:
    """``LOOK`` x ``LOOK`` px around (x, y), scaled by ``factor``; black beyond the picture."""
    height, width = rgb.shape[:2]
    reach = LOOK / 2 / factor
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    right, bottom = min(width, int(x + reach) + 1), min(height, int(y + reach) + 1)
    part: NDArray[Any] = np.ascontiguousarray(rgb[top:bottom, left:right])
    while factor <= 0.5 and min(part.shape[:2]) > 1:
        part = cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        factor, left, top, x, y = factor * 2, left // 2, top // 2, x / 2, y / 2
    shift = np.array(
        [[factor, 0, LOOK / 2 - (x - left) * factor], [0, factor, LOOK / 2 - (y - top) * factor]], np.float32
    )
    view: NDArray[Any] = cv2.warpAffine(part, shift, (LOOK, LOOK), flags=cv2.INTER_LINEAR)
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


def merge(found: Iterable[Detection], limit: float = SAME) -> list[Detection]:
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
