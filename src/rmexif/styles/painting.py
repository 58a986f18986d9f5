"""Many masks of one picture: replaced one by one, or as a crowd, on one small sheet for all of them.

A crowd of hundreds of small faces is drawn at once: the surroundings are drawn inwards on a sheet of the picture that
has about ``CROWD_CELLS`` cells over a mask, every mask puts its field on the sheet, and the sheet is brought to the
picture's size and blended in by the greatest weight of any mask. What a mask knows of its face is the same either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.raster.bgr import to_memory_order, to_rgb_view
from rmexif.styles.noise import Grain, noise_level
from rmexif.styles.patch import (
    BAND,
    MIDDLE,
    Site,
    blend,
    colours_of,
    inwards,
    near,
    opaque,
    paint,
    sample_surroundings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rmexif.styles.mask import Mask
    from rmexif.styles.patch import Field, Pixels

__all__ = ["repaint"]

CROWD = 24  # masks
CROWD_SIDE = 160  # px, the widest mask of a crowd
CROWD_SHARE = 0.12  # of the bounds of all masks that they must take: of scattered ones most of a sheet would be in vain
CROWD_CELLS = 24  # over the middle one of a crowd's masks
AROUND = 32  # px around a crowd that may lend their colour


def repaint(
    pixels: Pixels,
    masks: Sequence[Mask],
    rng: np.random.Generator,
    make: Callable[[Site], Field],
    interpolation: int = cv2.INTER_CUBIC,
) -> None:
    """Replace every mask by the field that ``make`` draws for it, with the grain of its surroundings.

    Args:
        pixels: H x W x C, changed in place.
        masks: the places; they may overlap.
        rng: source of the grain.
        make: the field of one site, any grid over the mask's bounds.
        interpolation: how OpenCV brings the field to full size.
    """
    taken = np.array([mask.bounds.as_list() for mask in masks], np.int64).reshape(-1, 4)
    if interpolation == cv2.INTER_CUBIC and _is_crowd(taken):
        _repaint_crowd(pixels, masks, taken, rng, make)
        return
    fields = [
        make(sample_surroundings(pixels, mask, [masks[i] for i in near(taken, n)])) for n, mask in enumerate(masks)
    ]
    level = noise_level(pixels[:, :, : colours_of(pixels)], taken)
    grain = Grain.strewn(rng, level, int((taken[:, 2] - taken[:, 0]).max(initial=1)), pixels.dtype, colours_of(pixels))
    for mask, field in zip(masks, fields, strict=True):
        paint(pixels, mask, field, grain, interpolation)


def _is_crowd(taken: NDArray[np.int64]) -> bool:
    """Whether there are many masks, all of them small, close to each other."""
    if len(taken) < CROWD:
        return False
    sides = taken[:, 2:] - taken[:, :2]
    area = float(np.prod(taken[:, 2:].max(0) - taken[:, :2].min(0)))
    return int(sides.max()) <= CROWD_SIDE and float(sides.prod(axis=1).sum()) >= CROWD_SHARE * area


def _repaint_crowd(
    pixels: Pixels,
    masks: Sequence[Mask],
    taken: NDArray[np.int64],
    rng: np.random.Generator,
    make: Callable[[Site], Field],
) -> None:
    left, top = np.maximum(taken[:, :2].min(0) - AROUND, 0).tolist()
    right, bottom = np.minimum(taken[:, 2:].max(0) + AROUND, pixels.shape[1::-1]).tolist()
    weights = np.zeros((bottom - top, right - left), np.uint8)
    for mask in masks:
        box = mask.bounds
        part = weights[box.top - top : box.bottom - top, box.left - left : box.right - left]
        np.maximum(part, mask.weights(), out=part)
    level = noise_level(pixels[:, :, : colours_of(pixels)], taken)
    grain = Grain.strewn(rng, level, right - left, pixels.dtype, colours_of(pixels))
    sheet, pitch = _sheet(pixels[top:bottom, left:right], weights, masks, (left, top), make)
    view, is_reversed = to_memory_order(pixels[top:bottom, left:right])
    most = int(np.iinfo(view.dtype).max)
    small: NDArray[Any] = np.rint(np.clip(to_rgb_view(sheet, is_reversed), 0, 1) * most).astype(view.dtype)
    size = (sheet.shape[1] * pitch, sheet.shape[0] * pitch)
    patch: NDArray[Any] = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)[: bottom - top, : right - left]
    for start in range(0, bottom - top, BAND):
        strip, band = view[start : start + BAND], grain.add(patch[start : start + BAND], start)
        blend(strip, opaque(band, strip), weights[start : start + BAND])


def _sheet(
    view: Pixels,
    weights: NDArray[np.uint8],
    masks: Sequence[Mask],
    origin: tuple[int, int],
    make: Callable[[Site], Field],
) -> tuple[Field, int]:
    """The fields of all masks on one grid over ``view``, and its pitch in px."""
    sides = np.array([max(mask.bounds.width, mask.bounds.height) for mask in masks])
    pitch = max(1, round(float(np.median(sides)) / CROWD_CELLS))
    rows, columns = (np.minimum(np.arange(0, side, pitch) + pitch // 2, side - 1) for side in weights.shape)
    sample = view[np.ix_(rows, columns)].astype(np.float32) / np.float32(np.iinfo(view.dtype).max)
    count = colours_of(view)
    colours = np.ascontiguousarray(sample[:, :, :count])
    opacity = sample[:, :, count] if sample.shape[2] > count else np.ones(sample.shape[:2], np.float32)
    outside = (weights[np.ix_(rows, columns)] == 0) * opacity
    drawn = inwards(colours, outside) if outside.any() else np.full_like(colours, MIDDLE)
    sheet = drawn.copy()
    for mask, side in zip(masks, sides.tolist(), strict=True):
        cells = side / pitch
        ring = round(cells / 4)
        box = mask.bounds
        down, inner_down = _span(box.top - origin[1], box.bottom - origin[1], pitch, ring, len(rows))
        across, inner_across = _span(box.left - origin[0], box.right - origin[0], pitch, ring, len(columns))
        at, inner = (down, across), (inner_down, inner_across)
        radius = mask.radius(rows[down] + origin[1], columns[across] + origin[0])
        field = make(Site(colours[at], opacity[at], outside[at], radius, inner, cells, drawn[at]))
        part = sheet[at][inner]
        part += (field - part) * np.clip((1 + mask.rim - radius[inner]) / mask.rim, 0, 1)[:, :, None]
    return sheet, pitch


def _span(start: int, stop: int, pitch: int, ring: int, end: int) -> tuple[slice, slice]:
    """The cells over [start, stop) px with ``ring`` more to both sides, and which of them are over it."""
    first, last = start // pitch, min(end, -(-stop // pitch))
    begin = max(0, first - ring)
    return slice(begin, min(end, last + ring)), slice(first - begin, last - begin)
