"""Views of a picture for a network of its own size: the picture in full, then larger, in overlapping tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rmexif.detectors.model_file import GREY, SIDE, STRIDE
from rmexif.errors import LimitExceeded
from rmexif.raster.bgr import to_memory_order, to_rgb_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rmexif.detectors.model_file import Input

__all__ = ["View", "scales", "views"]

LARGEST = 2 * SIDE  # px: of a view where the graph leaves its size open
ENLARGE = 3.2  # most that a small picture is enlarged by
OVERLAP = 8  # tiles share one part in so many of their side
GROWTH = 2 - 1 / OVERLAP  # of one scale over the one before: two tiles along an axis become of one
STEPS = {"balanced": 1, "high": 2, "max": 32}  # how often the picture is shown larger, up to its own size
MOST = 200_000_000  # px that a network is shown for one picture, at the most


@dataclass(frozen=True, slots=True)
class View:
    """One picture as the network sees it, and where it lies."""

    pixels: NDArray[np.uint8]
    left: int  # px of the scaled picture
    top: int  # px
    factor: float  # of the scale


def scales(height: int, width: int, wanted: Input, recall: str) -> list[float]:
    """Factors at which a picture is shown: first in full, then larger by ``GROWTH`` each, never above its own size.

    Args:
        height: of the picture, px.
        width: px.
        wanted: what the network takes.
        recall: how much is searched.
    """
    first = min((wanted.height or SIDE) / height, (wanted.width or SIDE) / width, ENLARGE)
    found = [first]
    while len(found) <= STEPS[recall] and found[-1] * 1.2 < 1:
        found.append(min(1.0, found[-1] * GROWTH))
    return found


def views(rgb: NDArray[np.uint8], wanted: Input, recall: str) -> Iterator[View]:
    """Every view of a picture.

    Args:
        rgb: H x W x 3.
        wanted: what the network takes.
        recall: how much is searched.

    Raises:
        LimitExceeded: there are too many of them.
    """
    height, width = rgb.shape[:2]
    factors = scales(height, width, wanted, recall)
    if sum(_shown(height, width, factor, wanted) for factor in factors) > MOST:
        raise LimitExceeded(f"a picture of {width} x {height} px is too large for an own model with recall {recall!r}")
    stored, is_reversed = to_memory_order(rgb)
    for factor in factors:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        mode = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        scaled = to_rgb_view(cv2.resize(stored, size, interpolation=mode), is_reversed)
        rows, columns = _side(size[1], wanted.height), _side(size[0], wanted.width)
        for top in _starts(size[1], rows):
            for left in _starts(size[0], columns):
                canvas = np.full((rows, columns, 3), GREY, np.uint8)
                tile = scaled[top : top + rows, left : left + columns]
                canvas[: tile.shape[0], : tile.shape[1]] = tile
                yield View(canvas, left, top, factor)


def _shown(height: int, width: int, factor: float, wanted: Input) -> int:
    """Px of all views of one scale."""
    shown = 1
    for length, fixed in ((round(height * factor), wanted.height), (round(width * factor), wanted.width)):
        side = _side(max(1, length), fixed)
        shown *= side * len(_starts(length, side))
    return shown


def _side(length: int, fixed: int | None) -> int:
    """Px of a view along one axis: the graph's own, or what the picture needs up to ``LARGEST``."""
    return fixed or min(LARGEST, -(-length // STRIDE) * STRIDE)


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one axis: evenly, the last one flush with the end, none where one is enough."""
    if length <= side:
        return [0]
    count = -(-(length - side - 1) // (side - side // OVERLAP)) + 1  # 1 px: of rounding
    if count < 2:
        return [0, length - side]
    return [round(number * (length - side) / (count - 1)) for number in range(count)]
