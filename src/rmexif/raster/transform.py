"""A raster to a raster: upright, in sRGB, scaled, compared. No codec, no file format."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rmexif import native
from rmexif.native import resample
from rmexif.raster.bgr import to_memory_order, to_rgb_view
from rmexif.raster.colour import from_srgb, is_measured, to_srgb
from rmexif.types import Box, Frame, Raster

__all__ = [
    "HALF_TURNS",
    "Geometry",
    "clear_transparent",
    "dhash",
    "duplicate",
    "hamming",
    "from_srgb",
    "is_measured",
    "orient",
    "outlined",
    "resize",
    "rotated",
    "squared",
    "to_srgb",
]

Pixels = NDArray[Any]

DHASH_ROWS = 128  # that a large picture is looked at in, at least: 16 in a cell
HALF_TURNS = 4  # orientations up to which width stays width (Exif 2.32, tag 274)


def orient(raster: Raster) -> Raster:
    """Turn every frame upright; the result says orientation 1.

    Args:
        raster: its ``orientation`` is read as Exif 2.32, tag 274 (1-8).
    """
    if raster.orientation == 1:
        return raster
    frames = []
    for frame in raster.frames:
        stored, is_reversed = to_memory_order(frame.pixels)
        frames.append(Frame(to_rgb_view(rotated(stored, raster.orientation), is_reversed), frame.duration))
    across, down = raster.pixel_shape
    shape = (down, across) if raster.orientation > HALF_TURNS else (across, down)
    return replace(raster, frames=tuple(frames), orientation=1, pixel_shape=shape)


def rotated(pixels: Pixels, orientation: int) -> Pixels:
    """One frame turned upright."""
    match orientation:
        case 2:
            out = cv2.flip(pixels, 1)
        case 3:
            out = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            out = cv2.flip(pixels, 0)
        case 5:
            out = cv2.transpose(pixels)
        case 6:
            out = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            out = cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180)
        case 8:
            out = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            return pixels
    return out if out.ndim == 3 else out[:, :, None]


def clear_transparent(pixels: Pixels) -> None:
    """Set the colour under fully transparent pixels to 0, in place: nobody sees it, everybody can read it.

    Args:
        pixels: H x W x C; C of 2 and 4 has alpha.
    """
    if pixels.shape[2] in (2, 4):
        np.copyto(pixels, 0, where=pixels[:, :, -1:] == 0)  # an index would hold two numbers of 64 bits for each pixel


@dataclass(frozen=True, slots=True)
class Geometry:
    """A cut of the source, scaled to a target size.

    Args:
        left, top, right, bottom: the cut, half-open, px of the source; ten times as fast with whole left and top.
        width, height: px of the target.
    """

    left: float
    top: float
    right: float
    bottom: float
    width: int
    height: int

    def project(self, box: Box) -> Box | None:
        """A box on the source as a box on the target, rounded outwards and cut to it; None where it lies outside."""
        across, down = self.width / (self.right - self.left), self.height / (self.bottom - self.top)
        return Box(
            math.floor((box.left - self.left) * across),
            math.floor((box.top - self.top) * down),
            math.ceil((box.right - self.left) * across),
            math.ceil((box.bottom - self.top) * down),
        ).clipped(self.width, self.height)


def resize(pixels: Pixels, geometry: Geometry, *, in_place: bool = False) -> Pixels:
    """A frame cut and scaled by ``geometry``, cubic, colours weighted by their alpha.

    Args:
        pixels: grey or RGB, with or without alpha, 8 or 16 bit.
        geometry: where the target's pixels come from.
        in_place: the result may lie in the memory of ``pixels``, which are used up; else it is a new array.
    """
    if (geometry.width, geometry.height) == pixels.shape[1::-1] == (geometry.right, geometry.bottom):
        return duplicate(pixels)
    if pixels.shape[2] not in (2, 4):
        stored, is_reversed = to_memory_order(pixels)
        return to_rgb_view(_scaled(stored, geometry, in_place), is_reversed)
    alpha = np.ascontiguousarray(pixels[:, :, -1:])
    full = int(np.iinfo(pixels.dtype).max)
    if int(alpha.min()) == full:  # nothing is transparent: nothing to weigh
        return _scaled(pixels, geometry, in_place)
    # cv2 all the way: numpy takes ten times as long. 8-bit colours are weighed as 16-bit ones, which is exact enough.
    # One colour after the other: all of them weighed at once are five times as large as the picture.
    depth, unit = (cv2.CV_16U, 65535) if full == 255 else (cv2.CV_32F, full)
    out = np.empty((geometry.height, geometry.width, pixels.shape[2]), pixels.dtype)
    opacity = _cubic(alpha, geometry)
    out[:, :, -1:] = opacity
    np.maximum(opacity, 1, out=opacity)
    for channel in range(pixels.shape[2] - 1):
        colour = cv2.extractChannel(pixels, channel)
        weighted = cv2.multiply(colour, alpha, scale=unit / full / full, dtype=depth)
        scaled = _cubic(weighted, geometry)
        straight = cv2.divide(scaled, opacity, scale=full * full / unit, dtype=cv2.CV_8U if full == 255 else cv2.CV_16U)
        cv2.insertChannel(straight, out, channel)
    return out


def squared(pixels: Pixels, shape: tuple[int, int], most: int) -> Pixels:
    """A frame with square pixels: larger on the side where they lie less densely, so that nothing is lost.

    Args:
        pixels: as ``resize`` takes them.
        shape: horizontal to vertical density.
        most: px that the frame may have; above them it gets smaller on the other side.
    """
    height, width = pixels.shape[:2]
    across, down = shape
    taller = width, max(1, round(height * across / down))
    wider = max(1, round(width * down / across)), height
    sizes = (taller, wider) if across > down else (wider, taller)
    target = next((size for size in sizes if size[0] * size[1] <= most), sizes[1])
    return resize(pixels, Geometry(0, 0, width, height, *target))


def duplicate(pixels: Pixels) -> Pixels:
    """A writable copy that lies in memory as the original does."""
    stored, is_reversed = to_memory_order(pixels)
    return to_rgb_view(np.array(stored), is_reversed)


def _scaled(pixels: Pixels, geometry: Geometry, in_place: bool) -> Pixels:
    """Cut and scale one array whose channels are all alike: in a third of OpenCV's time where the core can."""
    height, width, channels = pixels.shape
    across = resample.Axis.between(geometry.left, geometry.right, width, geometry.width)
    down = resample.Axis.between(geometry.top, geometry.bottom, height, geometry.height)
    is_offered = pixels.dtype == np.uint8 and across.is_offered() and down.is_offered()
    if not is_offered or native.engine() == "python":  # the twin takes twenty times as long as OpenCV
        return _cubic(pixels, geometry)
    pixels = np.ascontiguousarray(pixels)
    shape = (geometry.height, geometry.width, channels)
    source = pixels.reshape(-1)
    out = source[: math.prod(shape)] if in_place and _owns(pixels) else np.empty(math.prod(shape), np.uint8)
    resample.shrink(source.data, channels, across, down, out.data)
    return out.reshape(shape)


def _owns(pixels: Pixels) -> bool:
    """Whether nothing but arrays lies behind an array: not a file's bytes, nor anything of a caller's."""
    while isinstance(pixels.base, np.ndarray):
        pixels = pixels.base
    return pixels.base is None and pixels.flags.owndata and pixels.flags.writeable


def _cubic(pixels: Pixels, geometry: Geometry) -> Pixels:
    """Cut and scale one array: from whole pixels on by a resize, else by an affine map of the same pixel grid."""
    across = (geometry.right - geometry.left) / geometry.width
    down = (geometry.bottom - geometry.top) / geometry.height
    if float(geometry.left).is_integer() and float(geometry.top).is_integer():
        cut = pixels[int(geometry.top) : round(geometry.bottom), int(geometry.left) : round(geometry.right)]
        # Given factors instead of a size, resize() takes them as they are, and makes the size of them.
        out = cv2.resize(cut, None, fx=1 / across, fy=1 / down, interpolation=cv2.INTER_CUBIC)
        if out.shape[:2] == (geometry.height, geometry.width):
            return out if out.ndim == 3 else out[:, :, None]
    size = (geometry.width, geometry.height)
    grid = np.array([[across, 0, geometry.left + across / 2 - 0.5], [0, down, geometry.top + down / 2 - 0.5]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(pixels, grid, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return out if out.ndim == 3 else out[:, :, None]


def dhash(pixels: Pixels) -> int:
    """A 64-bit difference hash of a frame's brightness: 9 x 8 cells, each compared with its right neighbour.

    Args:
        pixels: grey or RGB, with or without alpha; large pictures are looked at in steps.
    """
    step = max(1, min(pixels.shape[:2]) // DHASH_ROWS)
    stored, is_reversed = to_memory_order(pixels)
    columns, rows = stored.shape[1] // step, -(-stored.shape[0] // step)
    coarse = cv2.resize(stored[::step, : columns * step], (columns, rows), interpolation=cv2.INTER_NEAREST)
    means = cv2.resize(coarse.astype(np.float32), (9, 8), interpolation=cv2.INTER_AREA).reshape(8, 9, -1)
    if means.shape[2] >= 3:
        cells = to_rgb_view(means, is_reversed)[:, :, :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    else:
        cells = means[:, :, 0]
    bits = np.packbits((cells[:, 1:] > cells[:, :-1]).ravel())
    return int.from_bytes(bits.tobytes(), "big")


def hamming(one: int, other: int) -> int:
    """Number of differing bits of two hashes (0-64)."""
    return (one ^ other).bit_count()


def outlined(pixels: Pixels, boxes: list[Box], captions: list[str]) -> Pixels:
    """A copy of a frame with a captioned outline around every box, light on dark, so that it shows anywhere.

    Args:
        pixels: grey or RGB, with or without alpha, 8 or 16 bit.
        boxes: px.
        captions: one per box.
    """
    canvas = np.ascontiguousarray(pixels)
    if canvas is pixels:
        canvas = canvas.copy()
    most = int(np.iinfo(canvas.dtype).max)
    width = max(1, round(max(canvas.shape[:2]) / 600))
    for box, caption in zip(boxes, captions, strict=True):
        corners = (box.left, box.top), (box.right - 1, box.bottom - 1)
        origin = (box.left, max(12 * width, box.top - 4 * width))
        for level, thick in ((0, 3 * width), (most, width)):
            ink = (level,) * (canvas.shape[2] - 1) + (most if canvas.shape[2] in (2, 4) else level,)
            cv2.rectangle(canvas, *corners, ink, thick)
            cv2.putText(canvas, caption, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * width, ink, thick, cv2.LINE_AA)
    return canvas
