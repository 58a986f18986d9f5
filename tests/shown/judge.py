"""Whether Chromium shows what came out as it showed what went in, and where it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.shown import avif_files, bmp_files, gif_files, jpeg_files, png_files, webp_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.shown.chromium import Shown
    from tests.shown.sample import Sample

__all__ = ["KINDS", "difference"]

# Kind: maker, and the format of its files.
KINDS: dict[str, tuple[Callable[[np.random.Generator], Sample], str]] = {
    "jpeg": (jpeg_files.make, "jpeg"),
    "png": (png_files.make, "png"),
    "apng": (png_files.make_animated, "png"),
    "gif": (gif_files.make, "gif"),
    "webp": (webp_files.make, "webp"),
    "bmp": (bmp_files.make, "bmp"),
    "avif": (avif_files.make, "avif"),
}


def difference(before: Shown | None, after: Shown | None, tolerance: int) -> str | None:
    """What differs; None where nothing does.

    Args:
        before: the source.
        after: what came out.
        tolerance: of 255.
    """
    if before is None or after is None:
        return None if before is after else "one is broken"
    if far := _distance(before.still, after.still, tolerance):
        return f"still: {far}"
    if len(before.frames) > 1 or len(after.frames) > 1:
        return _motion(before, after, tolerance)
    return None


def _motion(before: Shown, after: Shown, tolerance: int) -> str | None:
    if len(before.frames) != len(after.frames):
        return f"{len(before.frames)} -> {len(after.frames)} frames"
    if before.durations != after.durations:
        return f"durations {before.durations} -> {after.durations}"
    if before.plays != after.plays:
        return f"plays {before.plays} -> {after.plays}"
    for number, (one, other) in enumerate(zip(before.frames, after.frames, strict=True)):
        if far := _distance(one, other, tolerance):
            return f"frame {number}: {far}"
    return None


def _distance(one: np.ndarray, other: np.ndarray, tolerance: int) -> str | None:
    if one.shape != other.shape:
        return f"{one.shape[2]} x {one.shape[1]} -> {other.shape[2]} x {other.shape[1]}"
    far = np.abs(one.astype(int) - other)
    return f"up to {far.max()}, mean {far.mean():.1f}" if far.max() > tolerance else None
