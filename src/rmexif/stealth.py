"""Digital identity reset: another size, another pixel grid and another hash on every run.

Chosen by docs/stealth.md's measurements: 0.99x moves every sample off its grid, a fresh crop moves the phase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.raster.transform import Geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["disturb", "plan_geometry"]

SCALE = 0.99  # sides of the output, as a share of the input's
TINY = 128  # px: shorter sides are not scaled; a pixel less would be seen, and fine patterns would break
CROP = 0.0025  # most that is cut from each side, as a share of it: less than a viewer notices, 30 px of 12 MP
FINE = 1000  # px: longer sides are cut from a whole pixel on, which is ten times as fast, but to a fraction of one
NUDGE_AREA = 2048  # px: one block of 8 x 8 changes its brightness a little for so much area, up to ...
MAX_NUDGES = 32  # ... so many, so that flat pictures change too


def plan_geometry(height: int, width: int, rng: np.random.Generator) -> Geometry:
    """0.99x with a fresh crop: other pixels meet other pixels on every run, at sub-pixel phases.

    Args:
        height: px.
        width: px.
        rng: source of the crop.
    """
    left, right, to_width = _cut(width, rng)
    top, bottom, to_height = _cut(height, rng)
    return Geometry(left, top, right, bottom, to_width, to_height)


def _cut(length: int, rng: np.random.Generator) -> tuple[float, float, int]:
    """First and last px of one side, and its new length; a side that is too short to scale stays as it is."""
    if length < TINY:
        return 0, length, length
    scaled = 2 * round(length * SCALE / 2)  # even: half-resolution colour then needs no crop mark (HEVC, AV1)
    start, stop = rng.uniform(0, length * CROP, 2)
    if length >= FINE:
        return int(start), float(length - stop), scaled
    return float(start), float(length - stop), scaled


def disturb(pixels: NDArray[Any], before: tuple[int, ...], rng: np.random.Generator) -> None:
    """Change in place what a resize leaves alone: a picture too small to scale, the level of a flat one.

    Args:
        pixels: H x W x C, uint8 or uint16, already resized.
        before: shape before the resize.
        rng: source of the changes.
    """
    height, width, channels = pixels.shape
    colours = pixels[:, :, : channels if channels in (1, 3) else channels - 1]
    unit, most = (257, 65535) if pixels.dtype == "uint16" else (1, 255)
    if (height, width) == before[:2]:
        noise = rng.integers(-unit, unit, colours.shape, endpoint=True)
        colours[:] = (colours + noise).clip(0, most)
        if channels in (2, 4):
            _disturb_alpha(pixels[:, :, -1], unit, most, rng)
        return
    count = min(MAX_NUDGES, 1 + height * width // NUDGE_AREA)
    places = rng.integers(0, (max(1, height - 7), max(1, width - 7)), (count, 2)).tolist()
    for (y, x), nudge in zip(places, rng.integers(-2, 3, (count, colours.shape[2])) * unit, strict=True):
        block = colours[y : y + 8, x : x + 8]
        block[:] = np.minimum(np.maximum(block + nudge, 0), most)


def _disturb_alpha(alpha: NDArray[Any], unit: int, most: int, rng: np.random.Generator) -> None:
    """Change the lowest bits of alpha in place; what is transparent stays so, and so does a cut-out of 0 and full."""
    shown = alpha > 0
    if (alpha[shown] == most).all():
        return
    noise = rng.integers(-unit, unit, alpha.shape, endpoint=True)
    alpha[:] = np.where(shown, (alpha + noise).clip(1, most), 0)
