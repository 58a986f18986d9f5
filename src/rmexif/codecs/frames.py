"""Frames of an animation or pages: all at once where they are few, else one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.containers.common.memory import give_back_memory
from rmexif.types import MAX_CHANNELS, Frame, FrameStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["alike", "expand", "frames_of", "without_needless_alpha"]

MOST_HELD = 1 << 26  # channels x px of all frames up to which they are held: to decode twice costs time

Frames = tuple[Frame, ...] | FrameStream


def frames_of(count: int, size: tuple[int, int], make: Callable[[], Iterator[Frame]]) -> Frames:
    """The frames that ``make`` gives; a stream of them where they are too many to be held.

    Args:
        count: frames.
        size: of the largest one, px.
        make: gives them, at each call from the first one on.
    """
    if count > 1 and MAX_CHANNELS * size[0] * size[1] * count > MOST_HELD:
        return FrameStream(count, lambda: _trimmed(make()))
    return tuple(make())


def _trimmed(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames; what was freed between two of them goes back to the system, or it adds up (25 MB a page)."""
    for frame in frames:
        yield frame
        del frame
        give_back_memory()


def without_needless_alpha(frames: Frames) -> Frames:
    """The same frames, the last channel being alpha, without it where every pixel of all frames is opaque."""
    if not all((frame.pixels[:, :, -1] == np.iinfo(frame.pixels.dtype).max).all() for frame in frames):
        return frames
    if isinstance(frames, FrameStream):
        return frames.mapped(_without_alpha)
    return tuple(_without_alpha(frame) for frame in frames)


def _without_alpha(frame: Frame) -> Frame:
    return Frame(np.ascontiguousarray(frame.pixels[:, :, :-1]), frame.duration)


def alike(frames: Frames) -> Frames:
    """The frames of an animation with one number of channels: RGBA if one of them has alpha, else RGB."""
    channels = {frame.pixels.shape[2] for frame in frames}
    if len(channels) == 1:
        return frames
    count = 4 if channels & {2, 4} else 3
    if isinstance(frames, FrameStream):
        return frames.mapped(lambda frame: Frame(expand(frame.pixels, count), frame.duration))
    return tuple(Frame(expand(frame.pixels, count), frame.duration) for frame in frames)


def expand(pixels: NDArray[Any], channels: int) -> NDArray[Any]:
    """8-bit pixels as RGB (3) or RGBA (4)."""
    have = pixels.shape[2]
    if have == channels:
        return pixels
    colour = np.repeat(pixels[:, :, :1], 3, axis=2) if have < 3 else pixels[:, :, :3]
    if channels == 3:
        return np.ascontiguousarray(colour)
    alpha = pixels[:, :, -1:] if have == 2 else np.full_like(pixels[:, :, :1], 255)
    return np.concatenate((colour, alpha), axis=2)
