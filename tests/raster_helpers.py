"""Pictures and their Pillow view, for the codec's and the pixels' tests."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from rmexif.types import Colour, Container, Frame, Raster

PLUGINS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP", "avif": "AVIF"}


def smooth(height: int = 40, width: int = 56, channels: int = 3, dtype: Any = np.uint8) -> np.ndarray:
    """A picture with gradients in every channel; alpha runs from nothing to full."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * 3 + y * k) / (3 * width + height * 4) for k in range(channels)]
    if channels in (2, 4):
        planes[-1] = x / (width - 1)
    full = np.iinfo(dtype).max
    return (np.stack(planes, axis=2) * full).round().astype(dtype)


def raster(*pixels: np.ndarray, durations: tuple[float, ...] = (), **fields: Any) -> Raster:
    """A raster of these frames."""
    times = durations or (0.0,) * len(pixels)
    return Raster(tuple(Frame(p, t) for p, t in zip(pixels, times, strict=True)), **fields)


def container(name: str, width: int, height: int, frames: int = 1, **fields: Any) -> Container:
    """What a parser would say."""
    return Container(name, width, height, (), frames, **fields, tree=None)


def saved(image: Image.Image, plugin: str, **settings: Any) -> bytes:
    """A file written by Pillow."""
    out = io.BytesIO()
    image.save(out, plugin, **settings)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """A file read by Pillow and its plugins for HEIC and JPEG XL."""
    import pillow_heif
    import pillow_jxl  # noqa: F401

    pillow_heif.register_heif_opener()
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def frames_of(data: bytes) -> tuple[list[np.ndarray], list[float]]:
    """Frames (as RGBA) and durations (ms) as Pillow sees them."""
    image, pictures, durations = Image.open(io.BytesIO(data)), [], []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        pictures.append(np.array(image.convert("RGBA")))
        durations.append(float(image.info.get("duration", 0)))
    return pictures, durations


def colour_of(image: Image.Image) -> Colour:
    """The profile that Pillow hands out."""
    return Colour(icc=image.info.get("icc_profile"))
