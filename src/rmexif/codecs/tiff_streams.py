"""Strips of a TIFF that are streams of another format: PNG, WebP, JPEG XL, and JPEG 2000, which is only decoded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Jpeg2KImagePlugin, PngImagePlugin, WebPImagePlugin

from rmexif.codecs import jxl
from rmexif.codecs.pillow import array_of
from rmexif.containers.decode_only.jpeg2000 import read_grid
from rmexif.containers.jxl import JXL
from rmexif.containers.tiff.coded_strip import STRUCTURE, check_size
from rmexif.containers.tiff.tags import JPEG_2000, Compression
from rmexif.errors import MalformedImage
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import Image

    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry

    Pixels = NDArray[Any]
    Check = Callable[[int, int], None]  # of width and height, px

__all__ = ["DECODED", "read_stream"]

OPAQUE = 255


def read_stream(data: bytes | memoryview, coding: StripCoding, geometry: StripGeometry) -> Pixels:
    """The picture of a strip, rows x px x samples of 8 or 16 bit in full scale.

    Args:
        data: the strip, in a coding of ``DECODED``.
        coding: of the page.
        geometry: of the strip.

    Raises:
        MalformedImage: a picture of another size, or with other samples.
    """
    samples = len(geometry.bits)

    def check(width: int, height: int) -> None:
        check_size("stream", (width, height), coding, geometry)

    pixels = DECODED[coding.compression](bytes(data), check)
    if coding.compression == Compression.WEBP and pixels.shape[2] < samples:  # opacity that its encoder left out
        pixels = np.concatenate((pixels, np.full_like(pixels[:, :, :1], OPAQUE)), axis=2)
    if pixels.shape[2] != samples:
        problem = f"{pixels.shape[2]} samples a pixel in the stream, {samples} in the page"
        raise MalformedImage(problem, structure=STRUCTURE)
    return pixels


def _loaded(image: Image.Image, check: Check) -> Pixels:
    """A still, decoded once its size is known to agree."""
    check(*image.size)
    image.load()
    return array_of(image)[0]


def _png(data: bytes, check: Check) -> Pixels:
    """As JPEG 2000: of colours of 16 bit the high byte."""
    return _loaded(PngImagePlugin.PngImageFile(io.BytesIO(data)), check)


def _webp(data: bytes, check: Check) -> Pixels:
    return _loaded(WebPImagePlugin.WebPImageFile(io.BytesIO(data)), check)


def _jpeg_xl(data: bytes, check: Check) -> Pixels:
    container = JXL.parse(memoryview(data), Limits())
    check(container.width, container.height)
    pixels: Pixels = jxl.read(data, container).frames[0].pixels
    return pixels


def _jpeg_2000(data: bytes, check: Check) -> Pixels:
    """Grey in up to 16 bit, colours in 8: of more, Pillow keeps the high byte."""
    grid = read_grid(memoryview(data))
    check(grid.width, grid.height)
    return _loaded(Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data)), check)


DECODED: dict[int, Callable[[bytes, Check], Pixels]] = {
    Compression.PNG: _png,
    Compression.WEBP: _webp,
    Compression.JPEG_XL: _jpeg_xl,
    Compression.DNG_JPEG_XL: _jpeg_xl,
    **dict.fromkeys(JPEG_2000, _jpeg_2000),
}
