"""What the styles share: look at a mask and its surroundings on a small grid, paint a small field over it.

A ``Site`` is a plain sampling of the picture on a grid of at most ``CELLS`` cells over the mask plus a ring around
it, so that the cost of a look does not depend on the face's size. Nothing is averaged before it is known to be
outside of every mask: a sample is one pixel, and a pixel is either outside or it is not. All masks are looked at
before the first one is painted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.raster.bgr import to_memory_order, to_rgb_view
from rmexif.styles.mask import FULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rmexif.styles.mask import Mask
    from rmexif.styles.noise import Grain

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]
    Field = NDArray[np.float32]  # rows x columns x colours (1 or 3), 0-1

__all__ = [
    "CELLS",
    "Site",
    "backdrop",
    "colours_of",
    "blend",
    "inwards",
    "near",
    "opaque",
    "paint",
    "sample_surroundings",
    "soften",
]

CELLS = 64  # cells over the longer side of a mask
RING = 8  # cells around it that may lend their colour
WIDE = 40  # the same where masks meet: looking further, neighbours see the same and leave no seam
BAND = 128  # px, rows painted at a time: the temporaries stay in the cache; divides TILE
MIDDLE = 0.5  # mid grey: what a mask gets that has no surroundings at all


@dataclass(frozen=True, slots=True)
class Site:
    """One mask and what stands around it, on a small grid."""

    colours: Field  # 0-1, straight, without alpha
    opacity: NDArray[np.float32]  # 0-1
    outside: NDArray[np.float32]  # 0-1: 0 where any mask has a weight, else the opacity
    radius: NDArray[np.float32]  # Mask.radius of every cell
    inner: tuple[slice, slice]  # the cells that lie over the mask's bounds
    cells: float = CELLS  # over the longer side of the mask
    drawn: Field | None = None  # the surroundings drawn inwards, where that was done for a crowd at once


def colours_of(pixels: Pixels) -> int:
    """Number of colour channels: 1 for grey and grey with alpha, 3 for RGB and RGBA."""
    return 3 if pixels.shape[2] >= 3 else 1


def sample_surroundings(pixels: Pixels, mask: Mask, others: Sequence[Mask] = ()) -> Site:
    """Sample the picture over ``mask`` and around it.

    Args:
        pixels: H x W x C, not yet redacted.
        mask: the place.
        others: every other mask of the picture that may stand near.
    """
    height, width = pixels.shape[:2]
    box = mask.bounds
    pitch = max(1.0, max(box.width, box.height) / CELLS)
    ring = WIDE if any(mask.meets(other) for other in others) else RING
    rows, down = _grid(box.top, box.bottom, pitch, ring, height)
    columns, across = _grid(box.left, box.right, pitch, ring, width)
    sample = pixels[np.ix_(rows, columns)].astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    count = colours_of(pixels)
    opacity = sample[:, :, count] if sample.shape[2] > count else np.ones(sample.shape[:2], np.float32)
    free = mask.weights(rows, columns) == 0
    for other in others:
        free &= other.weights(rows, columns) == 0
    return Site(
        colours=np.ascontiguousarray(sample[:, :, :count]),
        opacity=opacity,
        outside=free * opacity,
        radius=mask.radius(rows, columns),
        inner=(down, across),
    )


def _grid(start: int, stop: int, pitch: float, ring: int, end: int) -> tuple[NDArray[np.intp], slice]:
    """Sample positions over [start, stop) and ``ring`` steps to both sides within [0, end), and which are over it."""
    count = max(1, round((stop - start) / pitch))
    at = start + (np.arange(-ring, count + ring) + 0.5) * ((stop - start) / count)
    kept = at[(at >= 0) & (at < end)]
    before = int((kept < start).sum())
    return kept.astype(np.intp), slice(before, before + count)


def backdrop(site: Site) -> Field:
    """The surroundings drawn inwards (push-pull over a pyramid); mid grey where there are none."""
    if site.drawn is not None:
        return site.drawn.copy()
    if not site.outside.any():
        return np.full_like(site.colours, MIDDLE)
    return inwards(site.colours, site.outside)


def inwards(colours: Field, known: NDArray[np.float32]) -> Field:
    """Colours drawn into where they are not known (0-1), by push-pull over a pyramid."""
    height, width = known.shape
    if height * width == 1 or known.min() >= 1:
        return colours.copy()
    half = ((width + 1) // 2, (height + 1) // 2)
    sums = _planes(cv2.resize(colours * known[:, :, None], half, interpolation=cv2.INTER_AREA))
    share = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    coarse = inwards(_planes(sums / np.maximum(share, 1e-6)[:, :, None]), np.minimum(1, share * 4, dtype=np.float32))
    drawn = _planes(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))
    return drawn + (colours - drawn) * known[:, :, None]


def soften(field: Field, sigma: float) -> Field:
    """Gaussian of ``sigma`` cells."""
    return _planes(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def _planes(array: NDArray[Any]) -> Field:
    """OpenCV drops the last axis of one-colour pictures; this puts it back."""
    return np.asarray(array if array.ndim == 3 else array[:, :, None], np.float32)


def near(taken: NDArray[np.int64], index: int) -> list[int]:
    """The masks that reach into the widest window of mask ``index``, without itself."""
    left, top, right, bottom = taken[index].tolist()
    ring = (max(right - left, bottom - top) // CELLS + 1) * (WIDE + 1)
    near = (taken[:, 0] < right + ring) & (taken[:, 2] > left - ring)
    near &= (taken[:, 1] < bottom + ring) & (taken[:, 3] > top - ring)
    near[index] = False
    return np.flatnonzero(near).tolist()


def paint(
    pixels: Pixels, mask: Mask, field: Field, grain: Grain | None = None, interpolation: int = cv2.INTER_CUBIC
) -> None:
    """Put a field over one mask, opaque; the rim fades into what stands there.

    Args:
        pixels: H x W x C, changed in place.
        mask: the place.
        field: rows x columns x colours, 0-1, stretched over ``mask.bounds``.
        grain: noise to add; none where None.
        interpolation: how OpenCV brings the field to full size.
    """
    box = mask.bounds
    view, is_reversed = to_memory_order(pixels[box.top : box.bottom, box.left : box.right])
    field = to_rgb_view(field, is_reversed)
    top = int(np.iinfo(view.dtype).max)
    small: NDArray[Any] = np.rint(np.clip(field, 0, 1) * top).astype(view.dtype)
    patch: NDArray[Any] = cv2.resize(small, (box.width, box.height), interpolation=interpolation)
    ramps = mask.ramps(np.arange(box.top, box.bottom), np.arange(box.left, box.right))
    for start in range(0, box.height, BAND):
        strip, band = view[start : start + BAND], patch[start : start + BAND]
        if grain is not None:
            band = grain.add(band, start)
        band = opaque(band, strip)
        rows = ramps.part(slice(start, start + BAND))
        begin, left, right, end = rows.spans()
        strip[:, left:right] = band[:, left:right]
        for rim in (slice(begin, left), slice(right, end)):
            if rim.start < rim.stop:
                blend(strip[:, rim], band[:, rim], rows.part(slice(None), rim).weights())


def opaque(band: NDArray[Any], strip: Pixels) -> NDArray[Any]:
    """A band of a patch with the channels of the strip that it goes over; alpha, where there is one, is full."""
    if strip.shape[2] > colours_of(strip):
        band = cv2.merge([*cv2.split(band), np.full(band.shape[:2], np.iinfo(strip.dtype).max, strip.dtype)])
    return band.reshape(strip.shape)


def blend(view: Pixels, patch: NDArray[Any], weights: NDArray[np.uint8]) -> None:
    """Put an opaque patch over a view, in place, by weights of 0 (kept as it is) to 255 (replaced altogether)."""
    top, count = int(np.iinfo(view.dtype).max), colours_of(view)
    cover: NDArray[Any] = weights if top == FULL else weights * np.uint16(top // FULL)
    shares = [cover] * count
    if view.shape[2] > count:
        shares = [_over(cover, view[:, :, count], top)] * count + [cover]
    share = cv2.merge(shares)
    new = cv2.multiply(patch, share, scale=1 / top)
    kept = cv2.multiply(view, cv2.bitwise_not(share), scale=1 / top)
    view[...] = cv2.add(new, kept).reshape(view.shape)


def _over(weights: NDArray[Any], alpha: NDArray[Any], top: int) -> NDArray[Any]:
    """Shares of straight colours: where the picture is transparent, the colour below counts for nothing."""
    share = weights.astype(np.float32) / top
    below = (1 - share) * (alpha.astype(np.float32) / top)
    return np.rint(share / np.maximum(share + below, 1e-9) * top).astype(weights.dtype)
