"""Pixels of formats that are never encoded: one function per row of ``DECODE_ONLY`` of containers."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import IcoImagePlugin, Jpeg2KImagePlugin, PsdImagePlugin, QoiImagePlugin, TgaImagePlugin

from rmexif import icc
from rmexif.codecs import decoders
from rmexif.codecs.pillow import array_of, loaded, sized, space_of
from rmexif.codecs.tiff import FLOAT, scaled
from rmexif.containers.bmp import BMP
from rmexif.containers.common.exif_colour import is_adobe_rgb
from rmexif.containers.decode_only.camera_raw import read_camera_raw
from rmexif.containers.decode_only.headers import icon_entries, with_file_header
from rmexif.containers.decode_only.jpeg2000 import read_depth
from rmexif.containers.jpeg import JPEG
from rmexif.errors import MalformedImage, MissingDependency
from rmexif.native.buffers import join
from rmexif.types import Colour, Frame, Limits, Raster

if TYPE_CHECKING:
    from PIL import Image

    from rmexif.types import Container

__all__ = ["camera_raw", "dib", "icon", "jpeg2000", "pfm", "photoshop", "qoi", "targa"]

Raw = bytes | memoryview
MOST_BORDER = 2  # times the announced area: LibRaw makes room for what it cuts off
FLOAT_BITS = 32
SRGB = (2.4, 12.92)  # IEC 61966-2-1: the exponent, and the slope near black
ICO = b"\0\0\1\0"
ENTRIES, ENTRY, PLANES = 6, 16, 4  # byte: of the first entry, of each, of the field planes in it


def _raster(image: Image.Image, container: Container[Any]) -> Raster:
    """A still that Pillow has opened, decoded once its size is known to agree."""
    pixels, space = array_of(loaded(image, container))
    return Raster((Frame(pixels),), colour=Colour(icc=image.info.get("icc_profile")), space=space)


def qoi(raw: Raw, container: Container[Any]) -> Raster:
    """RGB or RGBA."""
    return _raster(QoiImagePlugin.QoiImageFile(io.BytesIO(raw)), container)


def targa(raw: Raw, container: Container[Any]) -> Raster:
    """Grey, RGB or RGBA; turned upright by its own descriptor."""
    return _raster(TgaImagePlugin.TgaImageFile(io.BytesIO(raw)), container)


def jpeg2000(raw: Raw, container: Container[Any]) -> Raster:
    """8 or 16 bit, in full resolution."""
    image = Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(raw))
    depth = read_depth(memoryview(raw))
    if not 8 < depth <= 16 or image.mode not in ("RGB", "RGBA"):
        return _raster(image, container)
    sized(*image.size, container)  # Pillow 13 cuts colours to 8 bit, and white becomes black
    pixels = decoders.wide_pixels(raw, depth)
    return Raster((Frame(pixels),), colour=Colour(icc=image.info.get("icc_profile")), space=space_of(pixels))


def photoshop(raw: Raw, container: Container[Any]) -> Raster:
    """The flat picture, which the writer has composed of the layers."""
    image = PsdImagePlugin.PsdImageFile(io.BytesIO(raw))
    raster = _raster(image, container)
    if image.mode != "1":
        return raster
    return replace(raster, frames=(Frame(255 - raster.frames[0].pixels),))  # a bit is ink; Pillow takes it for light


def dib(raw: Raw, container: Container[Any]) -> Raster:
    """As the BMP that it is with a file header."""
    file = memoryview(with_file_header(memoryview(raw)))
    inner = BMP.parse(file, Limits())
    return decoders.bmp(join(BMP.rewrite(file, inner)), inner)


def pfm(raw: Raw, container: Container[Any]) -> Raster:
    """Floats of grey or RGB: between 0 and 1 as they are, else from the smallest to the largest, in 16 bit."""
    values = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise MalformedImage("the decoder refused the samples", structure="pfm", offset=0)
    values = cv2.cvtColor(values, cv2.COLOR_BGR2RGB) if values.ndim == 3 else values[:, :, None]
    return Raster((Frame(scaled(values, FLOAT_BITS, FLOAT)),), space=space_of(values))


def camera_raw(raw: Raw, container: Container[Any]) -> Raster:
    """The JPEG that the camera has made, where it has the size of the sensor; else the sensor's picture, 8 bit, sRGB.

    Raises:
        MissingDependency: there is no such JPEG, and the extra raw is not installed.
    """
    view = memoryview(raw)
    found = read_camera_raw(view)
    if found.preview is None:
        return _developed(raw, container)
    stream = view[slice(*found.preview)]
    inner = JPEG.parse(stream, Limits())
    raster = decoders.jpeg(join(JPEG.rewrite(stream, inner)), inner)
    colour = (
        inner.colour if inner.colour.icc or not is_adobe_rgb(bytes(view)) else Colour(icc=icc.canonical("adobe-rgb"))
    )
    turn = inner.orientation if found.orientation is None else found.orientation
    return replace(raster, orientation=turn, colour=colour)


def _developed(raw: Raw, container: Container[Any]) -> Raster:
    """The picture of the sensor, turned upright by its decoder."""
    try:
        import rawpy
    except ImportError as error:
        needed = "a camera RAW without a JPEG of full size needs LibRaw: pip install 'rmexif[raw]'"
        raise MissingDependency(needed) from error
    with rawpy.imread(io.BytesIO(raw)) as file:
        sizes = file.sizes
        sized(sizes.width, sizes.height, container)
        if sizes.raw_width * sizes.raw_height > MOST_BORDER * container.width * container.height:
            problem = f"{sizes.raw_width} x {sizes.raw_height} px with a border, {container.width} announced"
            raise MalformedImage(problem, structure="raw IFD", offset=0)
        pixels = file.postprocess(use_camera_wb=True, output_color=rawpy.ColorSpace.sRGB, gamma=SRGB, output_bps=8)
    return Raster((Frame(pixels),))


def icon(raw: Raw, container: Container[Any]) -> Raster:
    """The largest picture of an icon, or of a cursor, which has a hot spot in the place of planes and bits."""
    entries = icon_entries(memoryview(raw))
    file_data = bytearray(ICO + bytes(raw[4:]))
    for number, entry in enumerate(entries):
        struct.pack_into("<HH", file_data, ENTRIES + ENTRY * number + PLANES, 1, entry.bits)
    chosen = max(entries, key=lambda entry: entry.width * entry.height)
    file = IcoImagePlugin.IcoFile(io.BytesIO(file_data))
    for number, header in enumerate(file.entry):
        if header.offset == chosen.offset:
            return _raster(file.frame(number), container)
    raise MalformedImage("the largest picture is not in its directory", structure="ico directory", offset=4)
