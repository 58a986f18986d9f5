"""Nothing below what an eye can see: the lowest bits of samples, replaced by bits that say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.raster.alpha import has_alpha
from rmexif.raster.bgr import to_memory_order, to_rgb_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["replace_lowest_bits"]

STRIP = 1 << 17  # pixels changed at a time, which a processor's cache holds: a third of the time of a look-up table
# By the number of channels: what holds a pixel, or one sample where none is alpha, and its lowest bits of colour.
LOWEST_BITS = {1: ("u1", 1), 2: ("<u2", 0x0001), 3: ("u1", 1), 4: ("<u4", 0x010101)}


def replace_lowest_bits(pixels: NDArray[Any], rng: np.random.Generator, *, colours: bool = True) -> NDArray[Any]:
    """A frame whose lowest bits no longer depend on those of ``pixels``, which may be changed in place.

    8-bit colours repeat their highest bit in their lowest; partial alpha, and the low byte of 16-bit samples, become
    noise. What is 0 or full, or one step from it in the bits that count, becomes exactly that.

    Args:
        pixels: H x W x C, uint8 or uint16.
        rng: source of the noise.
        colours: False: alpha alone.
    """
    count = pixels.shape[2] - has_alpha(pixels)
    if has_alpha(pixels) and int(pixels[:, :, count].min()) < np.iinfo(pixels.dtype).max:
        _refill(pixels[:, :, count:], rng)
    if not colours:
        return pixels
    if pixels.dtype == np.uint16:
        _refill(pixels[:, :, :count], rng)
        return pixels
    stored, is_reversed = to_memory_order(pixels)
    stored = np.ascontiguousarray(stored)
    _replicate_highest_bits(stored)
    return to_rgb_view(stored, is_reversed)


def _replicate_highest_bits(stored: NDArray[np.uint8]) -> None:
    """Left bit replication of colours, in place (PNG, 13.12): black and white stay, flats stay flat."""
    unit, lowest = LOWEST_BITS[stored.shape[2]]
    units = stored.reshape(-1).view(unit)
    for start in range(0, len(units), STRIP):
        part = units[start : start + STRIP]
        highest = part >> 7
        highest &= lowest
        part &= ~np.asarray(lowest, part.dtype)
        part |= highest


def _refill(samples: NDArray[Any], rng: np.random.Generator) -> None:
    """Keep the bits that count, over noise in the others, in place: the lowest one of 8, the lower half of 16."""
    full = int(np.iinfo(samples.dtype).max)
    low = 1 if full == 255 else 255
    rows = max(1, STRIP // samples.shape[1])
    for start in range(0, len(samples), rows):
        part = samples[start : start + rows]
        high = part & (full ^ low)
        part[...] = high | rng.integers(0, low, part.shape, part.dtype, endpoint=True)
        part[high == 0] = 0
        part[high == full ^ low] = full
