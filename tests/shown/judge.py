"""Whether Chromium shows what came out as it showed what went in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tests.shown import avif_files, bmp_files, gif_files, jpeg_files, png_files, webp_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.shown.chromium import Shown
    from tests.shown.sample import Sample

__all__ = ["KINDS", "Kind", "Tolerance", "difference", "made", "tolerance"]


class Tolerance(NamedTuple):
    """How far two pictures may lie apart, of 255."""

    most: float  # in 99 of 100 samples
    mean: float


class Kind(NamedTuple):
    """One kind of files: what makes them, what their format is, and what a scrub may change in them."""

    make: Callable[[np.random.Generator], Sample]
    format: str
    scrub: Tolerance


LOSSLESS, LOSSY = Tolerance(3, 3), Tolerance(12, 3)
KINDS = {
    "jpeg": Kind(jpeg_files.make, "jpeg", LOSSY),
    "png": Kind(png_files.make, "png", LOSSLESS),
    "apng": Kind(png_files.make_animated, "png", LOSSLESS),
    "gif": Kind(gif_files.make, "gif", Tolerance(16, 6)),  # 256 colours of all that the lowest bits make of them
    "webp": Kind(webp_files.make, "webp", LOSSLESS),  # icons are lossless
    "bmp": Kind(bmp_files.make, "bmp", LOSSLESS),
    "avif": Kind(avif_files.make, "avif", LOSSY),
}
DESCRIBED = ("profile", "iccp", "chrm")  # colours whose description is written in fewer digits


def made(kind: str, seed: int) -> Sample:
    """The file of a kind with this number."""
    return KINDS[kind].make(np.random.default_rng([*kind.encode(), seed]))


def tolerance(kind: str, mode: str, traits: frozenset[str]) -> Tolerance:
    """What a mode may change in a file of these traits."""
    if mode == "scrub":
        return KINDS[kind].scrub
    return Tolerance(1, 1) if any(trait.startswith(DESCRIBED) for trait in traits) else Tolerance(0, 0)


def difference(before: Shown | None, after: Shown | None, allowed: Tolerance) -> str | None:
    """What differs by more than is allowed; None where nothing does."""
    if before is None or after is None:
        return None if before is after else "one is broken"
    if far := _distance(before.still, after.still, allowed):
        return f"still: {far}"
    if len(before.frames) > 1 or len(after.frames) > 1:
        return _motion(before, after, allowed)
    return None


def _motion(before: Shown, after: Shown, allowed: Tolerance) -> str | None:
    if len(before.frames) != len(after.frames):
        return f"{len(before.frames)} -> {len(after.frames)} frames"
    if before.durations != after.durations:
        return f"durations {before.durations} -> {after.durations} ms"
    if before.plays != after.plays:
        return f"repetitions {before.plays} -> {after.plays}"
    for number, (one, other) in enumerate(zip(before.frames, after.frames, strict=True)):
        if far := _distance(one, other, allowed):
            return f"frame {number}: {far}"
    return None


def _distance(one: np.ndarray, other: np.ndarray, allowed: Tolerance) -> str | None:
    if one.shape != other.shape:
        return f"{one.shape[2]} x {one.shape[1]} -> {other.shape[2]} x {other.shape[1]} px"
    far = np.abs(one.astype(int) - other)
    most = float(np.percentile(far, 99)) if allowed.most else float(far.max())
    if most <= allowed.most and far.mean() <= allowed.mean:
        return None
    return f"{most:.0f} of 255 in 99 of 100 samples, {far.mean():.1f} on average"
