"""APNG frames (W3C PNG, third edition, 11.3.6), composed as browsers show them: on a transparent canvas."""

from __future__ import annotations

import struct
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.codecs.frames import frames_of, without_needless_alpha
from rmexif.codecs.gif import UNLIMITED
from rmexif.containers.png.animation import CONTROL, read_animation
from rmexif.containers.png.chunks import join_data, read_chunks, serialise
from rmexif.containers.png.scanlines import read_header
from rmexif.containers.png.signature import SIGNATURE
from rmexif.types import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from rmexif.containers.png.animation import PngAnimation, PngFrame
    from rmexif.types import FrameStream

    Pixels = NDArray[Any]

__all__ = ["compose", "over", "read"]

BACKGROUND, PREVIOUS = 1, 2  # dispose_op (11.3.6.2)
OVER = 1  # blend_op
BLOCK = 1 << 20  # samples that are blended together, in numbers of 64 bits


def read(view: memoryview) -> PngAnimation:
    """The frames of a file whose limits were checked.

    Raises:
        MalformedImage: a chunk is broken, or the animation is.
    """
    chunks = read_chunks(view, UNLIMITED)
    layout = read_header(bytes(chunks[0].data(view)), chunks[0].offset)
    return read_animation(view, chunks, layout, UNLIMITED)


def compose(
    view: memoryview, head: Mapping[bytes, bytes], most: int, decode: Callable[[bytes], Pixels]
) -> tuple[tuple[Frame, ...] | FrameStream, int]:
    """At most so many frames in full size, with alpha unless every pixel of them is opaque; and the plays, 0 for ever.

    Args:
        view: the file.
        head: contents of IHDR, PLTE and tRNS, by type.
        most: frames that are wanted.
        decode: gives the pixels of a still PNG file, H x W x C.
    """
    animation = read(view)

    def composed() -> Iterator[Frame]:
        for pixels, delay in islice(_composed(view, head, animation, decode), most):
            yield Frame(pixels, delay if most > 1 else 0.0)

    frames = frames_of(min(most, len(animation.frames)), struct.unpack_from(">II", head[b"IHDR"]), composed)
    return without_needless_alpha(frames), animation.plays or 0


def over(area: Pixels, layer: Pixels) -> Pixels:
    """``layer`` laid over ``area`` (13.16): H x W x C, the last channel is alpha, colours are not premultiplied."""
    full = int(np.iinfo(area.dtype).max)
    out = np.empty_like(area)
    rows = max(1, BLOCK // (area.shape[1] * area.shape[2]))
    for start in range(0, len(area), rows):
        if int(layer[start : start + rows, :, -1].min()) == full:  # as most frames are: a tenth of the time
            out[start : start + rows] = layer[start : start + rows]
            continue
        below, above = area[start : start + rows].astype(np.int64), layer[start : start + rows].astype(np.int64)
        weight = above[:, :, -1:] * full
        rest = below[:, :, -1:] * (full - above[:, :, -1:])
        total = weight + rest
        colours = (above[:, :, :-1] * weight + below[:, :, :-1] * rest + total // 2) // np.maximum(total, 1)
        out[start : start + rows, :, :-1] = colours
        out[start : start + rows, :, -1:] = (total + full // 2) // full
    return out


def _composed(
    view: memoryview, head: Mapping[bytes, bytes], animation: PngAnimation, decode: Callable[[bytes], Pixels]
) -> Iterator[tuple[Pixels, float]]:
    """The canvas as each frame leaves it, and how long it stays (ms)."""
    width, height = struct.unpack_from(">II", head[b"IHDR"])
    canvas = None
    for frame in animation.frames:
        layer = _with_alpha(decode(_still(view, head, frame)))
        if canvas is None:
            canvas = np.zeros((height, width, layer.shape[2]), layer.dtype)
        if not frame.control:
            yield layer, 0.0
            return
        _, _, x, y, number, per, dispose, blend = CONTROL.unpack(frame.control)
        area = canvas[y : y + frame.layout.height, x : x + frame.layout.width]
        before = area.copy() if dispose == PREVIOUS else None
        area[...] = over(area, layer) if blend == OVER else layer
        yield canvas.copy(), 1000 * number / per
        if dispose == BACKGROUND:
            area[...] = 0
        elif before is not None:  # of the first frame: transparent, as BACKGROUND
            area[...] = before


def _still(view: memoryview, head: Mapping[bytes, bytes], frame: PngFrame) -> bytes:
    """A file of one frame alone."""
    size = struct.pack(">II", frame.layout.width, frame.layout.height)
    pieces = [SIGNATURE, *serialise(b"IHDR", size + head[b"IHDR"][8:])]
    for kind in (b"PLTE", b"tRNS"):
        if kind in head:
            pieces += serialise(kind, head[kind])
    return b"".join([*pieces, *serialise(b"IDAT", join_data(view, frame.chunks)), *serialise(b"IEND")])


def _with_alpha(pixels: Pixels) -> Pixels:
    """Grey or RGB with an opaque alpha channel; what has one stays."""
    if pixels.shape[2] in (2, 4):
        return pixels
    return np.concatenate((pixels, np.full_like(pixels[:, :, :1], np.iinfo(pixels.dtype).max)), axis=2)
