"""What a picture with alpha shows: the flattenings that viewers and encoders make of it, each to be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["has_alpha", "high_byte", "over_black", "over_white", "shown_views"]

OPAQUE = 254  # of 255: alpha from here on is shown as 255, and leaves a scrub as 255
CLEAR = 1  # of 255: up to here it is shown as 0
DRAWING_SHARE = 0.02  # of the pixels are partly transparent where alpha draws; the rims of cut-outs take less
DRAWING_LEVELS = 32  # levels of partial alpha in a drawing; a uniform veil has a few
FAINT = 24 / 255  # of the range: a picture that spans less in every channel is searched at full contrast, too
STRAYS = 0.5  # % of the samples at either end that do not count for the span
SPAN_SAMPLES = 256  # of each side, for the span
FEW_SAMPLES = 32  # of each side: enough to see that most pictures are not faint
FEW_STRAYS = 10  # %, of so few

Pixels = NDArray[Any]


def has_alpha(pixels: Pixels) -> bool:
    """Whether the last channel of H x W x C is alpha: grey + alpha, RGBA."""
    return pixels.shape[2] in (2, 4)


def over_white(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Straight colours composited on white.

    Args:
        colours: H x W x 1 or 3.
        alpha: H x W x 1.
    """
    return _inverted(over_black(_inverted(colours), alpha))


def over_black(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Straight colours composited on black; arguments as those of ``over_white``."""
    weights = cv2.merge([np.ascontiguousarray(alpha)] * colours.shape[2])
    return np.asarray(cv2.multiply(np.ascontiguousarray(colours), weights, scale=1 / 255), np.uint8).reshape(
        colours.shape
    )


def _inverted(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.bitwise_not(np.ascontiguousarray(colours)), np.uint8).reshape(colours.shape)


def shown_views(pixels: Pixels) -> Iterator[NDArray[np.uint8]]:
    """Every picture that a viewer can make of a frame, H x W x 3, 8 bit; one alone where the frame is opaque.

    Over white (JPEG and BMP are encoded so, too), over black, by readers that drop alpha, and alpha as grey where it
    carries a drawing. Views that show what an earlier one does, or nothing, are left out. One whose contrast is faint
    comes a second time at full contrast: what nobody sees in it, a slider of any viewer shows.

    Args:
        pixels: H x W x C, uint8 or uint16, straight alpha.
    """
    for samples in _flattened(pixels):
        yield _as_rgb(high_byte(samples))
        if (stretched := _at_full_contrast(samples)) is not None:
            yield _as_rgb(stretched)


def _flattened(pixels: Pixels) -> Iterator[Pixels]:
    """The views, grey or RGB; of an opaque frame at its own depth."""
    alpha = high_byte(pixels[:, :, -1:]) if has_alpha(pixels) else None
    if alpha is None or int(alpha.min()) >= OPAQUE:
        yield pixels[:, :, : 1 if pixels.shape[2] < 3 else 3]
        return
    colours = high_byte(pixels[:, :, :-1])
    yield over_white(colours, alpha)
    if not _is_flat(on_black := over_black(colours, alpha)):
        yield on_black
    levels = cv2.calcHist([np.ascontiguousarray(alpha)], [0], None, [256], [0, 256]).ravel()
    partial = levels[CLEAR + 1 : OPAQUE]
    if not partial.any():
        return
    bare = np.where(alpha == 0, np.uint8(0), colours)
    if not _is_flat(bare):
        yield bare
    if partial.sum() >= DRAWING_SHARE * alpha.size and np.count_nonzero(partial) >= DRAWING_LEVELS:
        yield alpha


def _at_full_contrast(samples: Pixels) -> NDArray[np.uint8] | None:
    """A faint picture with each channel from its darkest to its brightest sample, by one factor; None of any other."""
    full = float(np.iinfo(samples.dtype).max)
    low, high = _extremes(samples, FEW_SAMPLES, FEW_STRAYS)
    if float((high - low).max()) > FAINT * full:
        return None
    low, high = _extremes(samples, SPAN_SAMPLES, STRAYS)
    span = float((high - low).max())
    if not full / 255 < span <= FAINT * full:
        return None
    return np.asarray(np.clip((samples - low.astype(np.float32)) * np.float32(255 / span), 0, 255), np.uint8)


def _extremes(samples: Pixels, most: int, strays: float) -> NDArray[Any]:
    """Darkest and brightest sample of each channel of ``most`` rows and columns, but for ``strays`` % at either end."""
    steps = (-(-side // most) for side in samples.shape[:2])
    some = samples[tuple(slice(None, None, step) for step in steps)]
    return np.percentile(some, (strays, 100 - strays), axis=(0, 1))


def high_byte(samples: Pixels) -> NDArray[np.uint8]:
    """8-bit samples as they are; of 16-bit ones the byte that is shown."""
    if samples.dtype != np.uint16:
        return samples
    return np.right_shift(samples, 8, out=np.empty(samples.shape, np.uint8), casting="unsafe")


def _as_rgb(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(samples, 3, axis=2) if samples.shape[2] == 1 else samples


def _is_flat(samples: NDArray[np.uint8]) -> bool:
    """Whether one colour fills the picture; a few rows show of most that it is not so."""
    return all(bool((rows == samples[:1, :1]).all()) for rows in (samples[::64], samples))
