"""Film grain: measured beside the masks, drawn anew inside them, so that a patch does not look like plastic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]

__all__ = ["Grain", "noise_level"]

TILE = 256  # px, side of the square of grain that repeats
SQUARE = 32  # px, side of the places where the noise is measured
PLACES = 16  # about, over all masks
LEAST = 0.6  # steps of the picture's depth: hides the steps of a slow gradient
MOST = 0.02  # of full scale: what looks stronger than this is texture
QUANTILE = 0.1  # of the places: hair and foliage read as noise, a wall does not
LUMP = 0.6  # px, sigma: grain of a camera is not white, its colours were interpolated
BROAD = 1.5  # px, sigma
MAD = 0.6745  # median absolute value of a normal distribution of standard deviation 1


def noise_level(colours: Pixels, taken: NDArray[np.int64]) -> float:
    """Standard deviation of the picture's fine noise beside the masks, in steps of its depth.

    Args:
        colours: H x W x 1 or 3.
        taken: N x 4 (left, top, right, bottom), the bounds of all masks; none of their pixels is read.
    """
    height, width = colours.shape[:2]
    found = []
    for left, top in _places(taken, height, width):
        right, bottom = left + SQUARE, top + SQUARE
        hit = (taken[:, 0] < right) & (taken[:, 2] > left) & (taken[:, 1] < bottom) & (taken[:, 3] > top)
        if not hit.any():
            found.append(_noise(colours[top:bottom, left:right].astype(np.float32)))
    level = float(np.quantile(found, QUANTILE)) if found else LEAST
    return min(max(LEAST, level), MOST * np.iinfo(colours.dtype).max)


def _places(taken: NDArray[np.int64], height: int, width: int) -> list[tuple[int, int]]:
    """Left top corners of twelve squares just outside each box, as far as they lie in the picture."""
    steps = np.arange(4) / 3
    rim = [(i, j) for i in range(4) for j in range(4) if {i, j} & {0, 3}]
    xs = taken[:, :1] - SQUARE + np.outer(taken[:, 2] - taken[:, 0] + SQUARE, steps).astype(int)
    ys = taken[:, 1:2] - SQUARE + np.outer(taken[:, 3] - taken[:, 1] + SQUARE, steps).astype(int)
    pairs = np.array([(xs[:, i], ys[:, j]) for i, j in rim]).transpose(0, 2, 1).reshape(-1, 2)
    inside = (pairs >= 0).all(1) & (pairs[:, 0] + SQUARE <= width) & (pairs[:, 1] + SQUARE <= height)
    pairs = pairs[inside]
    return [(int(x), int(y)) for x, y in pairs[:: max(1, round(len(pairs) / PLACES))]]


def _noise(square: NDArray[Any]) -> float:
    """What is left of the mean of the colours when all that is broader than BROAD is taken away; robust to edges."""
    grey = square if square.ndim == 2 else square.mean(axis=2)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), BROAD)
    return float(np.median(np.abs(fine))) / MAD


@dataclass(frozen=True, slots=True)
class Grain:
    """A sheet of noise, split into what it adds and what it takes away, for saturating unsigned arithmetic."""

    lighter: NDArray[Any]  # TILE x width x colours
    darker: NDArray[Any]

    @classmethod
    def strewn(cls, rng: np.random.Generator, level: float, width: int, kind: np.dtype[Any], colours: int) -> Grain:
        """Fresh grain.

        Args:
            rng: its source.
            level: what ``noise_level`` would read in it, in steps of the depth.
            width: px, the widest patch.
            kind: the picture's depth.
            colours: channels; all of them get the same grain.
        """
        tile = cv2.GaussianBlur(rng.standard_normal((TILE, TILE), dtype=np.float32), (5, 5), LUMP)
        steps = np.rint(tile * (level / _noise(tile)))
        sheets = []
        for half in (np.maximum(steps, 0), np.maximum(-steps, 0)):
            planes = cv2.merge([half.astype(kind)] * colours)
            sheets.append(cv2.copyMakeBorder(planes, 0, 0, 0, max(0, width - TILE), cv2.BORDER_WRAP))
        return cls(*sheets)

    def add(self, band: NDArray[Any], start: int) -> NDArray[Any]:
        """A band of a patch with its grain.

        Args:
            band: at most TILE rows; they do not cross a multiple of TILE.
            start: px, row of the patch on which the band begins.
        """
        at = (slice(start % TILE, start % TILE + band.shape[0]), slice(0, band.shape[1]))
        return cv2.subtract(cv2.add(band, self.lighter[at]), self.darker[at])
