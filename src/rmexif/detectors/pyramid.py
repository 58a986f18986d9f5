"""What the network is shown of one picture: levels of a pyramid, and of the finest one what is worth a look.

CenterFace sees faces of 16 to 640 network pixels, so a picture is shown to it at several sizes, never at its own if
that is large.

A level that is half as large shows every face that the finer one finds, as a trace at least: of 812 faces of 6 px and
more, all but one scored above 0.015 there. So a finer level is shown where a coarser one has left a trace, which is a
quarter of it or less in most pictures. Faces that the coarser level sees well are left to that level: cut through at
the rim of a region, they would look like smaller ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rmexif.detectors.network import SEEN, STRIDE, Candidates, infer
from rmexif.errors import LimitExceeded
from rmexif.raster.bgr import to_memory_order, to_rgb_view
from rmexif.types import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["PLANS", "PLACED", "Plan", "candidates", "scaled", "shrunk"]

PLACED = 256  # px of the network: of larger faces it sees the middle, or halves and quarters; smaller boxes fit
CLOSE = 224  # px: one more level, where the coarsest shows a face that is too large to be placed
LARGE = 64  # px of the network: what is smaller at that level is for the others to find
ENLARGE = 3.2  # most that a small picture is enlarged by
SMALL, FINER = 4_000_000, 1.1  # px; pictures up to here have time for levels that much larger
MOST = 200_000_000  # px that the network is shown for one picture, at the most
REACH = 40  # px of the finer level around a trace that are shown with it
CUT = 128  # px of the network: larger faces may be cut through at the rim of a region
ALMOST = 0.7  # share of a level from which it is shown in one piece


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is searched."""

    levels: tuple[int, ...]  # px, longer side of the picture as the network sees it
    mirrored: tuple[int, ...]  # those of them that are searched once more as a mirror image
    tile: int  # px, side of overlapping tiles at the picture's own size; 0 = none
    tiny: float  # 0-1, score from which a candidate counts that stands alone and is too small to show who it is
    alone: float  # 0-1, any other that stands alone
    near: float  # 0-1, one beside a sure face
    crowd: float  # 0-1, one beside several; the lowest
    trace: float  # 0-1, score on one level below which the next one is not shown there; 0 = shown everywhere


PLANS: Mapping[str, Plan] = {
    "balanced": Plan((544, 1088), (), 0, 0.5, 0.3, 0.13, 0.1, 0.01),
    "high": Plan((320, 640, 1280, 2048), (1280,), 0, 0.3, 0.3, 0.12, 0.09, 0),
    "max": Plan((320, 640, 960, 1280, 2048), (640, 1280, 2048), 1280, 0.25, 0.25, 0.1, 0.08, 0),
}


def scaled(rgb: NDArray[np.uint8], side: int, smooth: bool = True) -> tuple[NDArray[np.uint8], float]:
    """The picture with its longer side at ``side`` px, padded to the network's stride; and the factor.

    Args:
        rgb: H x W x 3.
        side: px.
        smooth: average over areas; not needed for a picture that comes from averaging already.
    """
    small, halved = shrunk(rgb, 2 * side)
    height, width = small.shape[:2]
    factor = side / max(height, width)
    inner = (max(1, round(width * factor)), max(1, round(height * factor)))
    stored, is_reversed = to_memory_order(small)
    mode = cv2.INTER_AREA if factor < 1 and halved == 1 and smooth else cv2.INTER_LINEAR
    view = cv2.resize(stored, inner, interpolation=mode)
    canvas = np.empty((inner[1] + -inner[1] % STRIDE, inner[0] + -inner[0] % STRIDE, 3), np.uint8)
    inside = canvas[: inner[1], : inner[0]]
    if is_reversed:
        cv2.cvtColor(view, cv2.COLOR_BGR2RGB, dst=inside)
    else:
        inside[...] = view
    canvas[inner[1] :], canvas[:, inner[0] :] = 0, 0
    return canvas, factor * halved


def shrunk(rgb: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
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
    look = _Look(rgb, 2 * levels[-1], plan.trace or plan.crowd)
    for level in levels:
        look.at(level, mirrored=level in plan.mirrored, traces=look.found[-1] if plan.trace and look.found else None)
    if levels[0] > CLOSE and (look.found[0][:, SEEN] > PLACED).any():
        levels = (CLOSE, *levels)
        look.at(CLOSE)
        look.found[-1] = look.found[-1][look.found[-1][:, SEEN] > LARGE]
    if plan.tile and longest > levels[-1]:
        if height * width * 2 > MOST:
            raise LimitExceeded(f"search: a picture of {width} x {height} px is too large for recall 'max'")
        levels += (longest,)
        look.through_tiles(rgb, plan.tile)
    found = np.concatenate(look.found)
    return found[found[:, 4] >= plan.crowd], levels, look.spent


class _Look:
    """What the network has been shown of one picture, and what it saw."""

    def __init__(self, rgb: NDArray[np.uint8], side: int, floor: float) -> None:
        self.picture, self.shrunk = shrunk(rgb, side)  # once for all levels
        self.floor = floor  # lowest score of a candidate, 0-1
        self.found: list[Candidates] = []  # px of the picture
        self.spent = 0  # px of the network

    def at(self, level: int, *, mirrored: bool = False, traces: Candidates | None = None) -> None:
        """Show the picture with its longer side at ``level`` px; with ``traces`` of it only what lies around them."""
        view, factor = scaled(self.picture, level, smooth=self.shrunk == 1)
        factor *= self.shrunk
        regions = _regions(traces, factor, *view.shape[:2]) if traces is not None else None
        if regions is None:
            self._show(view, factor)
        else:
            for region in regions:
                part = np.ascontiguousarray(view[region.top : region.bottom, region.left : region.right])
                table = self._show(part, factor)
                table[:, :4] += np.array([region.left, region.top] * 2) / factor
                self.found[-1] = table[table[:, SEEN] <= CUT]
        if mirrored:
            table = self._show(np.ascontiguousarray(view[:, ::-1]), factor)
            table[:, [0, 2]] = view.shape[1] / factor - table[:, [2, 0]]

    def through_tiles(self, rgb: NDArray[np.uint8], side: int) -> None:
        """Show a picture at its own size, in tiles of ``side`` px."""
        height, width = rgb.shape[:2]
        for top, left in _tiles(height, width, side):
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


def _regions(traces: Candidates, factor: float, height: int, width: int) -> list[Box] | None:
    """Places of a level, in steps of the network's stride, that hold all traces with what is around them.

    Args:
        traces: of a coarser level, in px of the picture.
        factor: of the level, to the picture.
        height: px, of the level as the network sees it.
        width: px, of the level as the network sees it.

    Returns:
        None where one piece costs no more.
    """
    worth = np.zeros((height // STRIDE, width // STRIDE), np.uint8)
    x, y = ((traces[:, :2] + traces[:, 2:4]) * (factor / 2)).T
    for left, top, right, bottom in np.floor(np.stack([x - REACH, y - REACH, x + REACH, y + REACH], 1) / STRIDE):
        worth[max(0, int(top)) : max(0, int(bottom) + 1), max(0, int(left)) : max(0, int(right) + 1)] = 1
    before = -1
    while before != (before := int(worth.sum())):  # boxes of two pieces may meet: then they are one
        count, _, stats, _ = cv2.connectedComponentsWithStats(worth, connectivity=8)
        boxes = [Box(left, top, left + wide, top + tall) for left, top, wide, tall, _ in stats[1:count].tolist()]
        for box in boxes:
            worth[box.top : box.bottom, box.left : box.right] = 1
    if worth.mean() >= ALMOST:
        return None
    return [Box(*(side * STRIDE for side in box.as_list())) for box in boxes]


def _tiles(height: int, width: int, side: int) -> Iterator[tuple[int, int]]:
    """Top and left of tiles that overlap by an eighth, so that a small face is whole in one of them."""
    step = side - side // 8
    for top in range(0, max(1, height - side // 8), step):
        for left in range(0, max(1, width - side // 8), step):
            yield top, left
