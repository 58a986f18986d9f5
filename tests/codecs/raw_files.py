"""Camera RAW files of a few pixels, tag by tag: DNG 1.4, and what CR2, NEF and ARW have in common with it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tests import samples
from tests.containers.tiff_directories import ASCII, BYTE, LONG, RATIONAL, SHORT, SRATIONAL, append_directory

__all__ = ["Ifd", "arw", "cr2", "dng", "jpeg", "linear", "mosaic", "nef", "write"]

WHITE = 16_383  # of 14 bits
# XYZ of D65 to linear sRGB (IEC 61966-2-1), so that the camera of these files sees sRGB, by ten thousandths
MATRIX = (32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570)

Fields = dict[int, tuple[int, tuple[int, ...] | bytes]]


@dataclass
class Ifd:
    """A directory, its data in one strip (273 and 279, or the two tags of ``place``), and those behind SubIFDs and other fields."""

    fields: Fields
    data: bytes = b""
    place: tuple[int, int] = (273, 279)
    children: list[Ifd] = field(default_factory=list)
    pointers: dict[int, Ifd] = field(default_factory=dict)


def write(*chain: Ifd, order: str = "<", head: bytes = b"") -> bytes:
    """The file of a chain of directories; ``head`` stands behind the header."""
    out = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0) + head)
    pointer = 4
    for ifd in chain:
        struct.pack_into(order + "I", out, pointer, _add(out, ifd, order))
        pointer = len(out) - 4
    return bytes(out)


def _add(out: bytearray, ifd: Ifd, order: str) -> int:
    """Append a directory behind all that it points at, and say where it is."""
    fields = dict(ifd.fields)
    if ifd.children:
        fields[330] = (LONG, tuple(_add(out, child, order) for child in ifd.children))
    for tag, target in ifd.pointers.items():
        fields[tag] = (LONG, (_add(out, target, order),))
    if ifd.data:
        out += bytes(len(out) % 2)
        fields[ifd.place[0]], fields[ifd.place[1]] = (LONG, (len(out),)), (LONG, (len(ifd.data),))
        out += ifd.data
    return append_directory(out, fields, order)


def mosaic(picture: np.ndarray) -> np.ndarray:
    """Linear light, H x W x 3 from 0 to 1, behind a filter of red, green, green and blue, in 14 bits."""
    height, width, _ = picture.shape
    y, x = np.mgrid[0:height, 0:width]
    channel = (y % 2) + (x % 2)
    return np.rint(np.take_along_axis(picture, channel[:, :, None], 2)[:, :, 0] * WHITE).astype(np.uint16)


def linear(srgb: np.ndarray) -> np.ndarray:
    """What 8-bit sRGB samples mean, from 0 to 1 (IEC 61966-2-1)."""
    values = srgb / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def jpeg(image: Image.Image, **options: object) -> bytes:
    """A preview with an Exif block of its own."""
    return samples.saved(image, "JPEG", quality=92, exif=samples.exif(3), **options)


def _sensor(pixels: np.ndarray, order: str, compression: int = 1, subfile: int = 0) -> Ifd:
    """The directory of a sensor's picture."""
    height, width = pixels.shape
    return Ifd(
        {
            254: (LONG, (subfile,)),
            256: (LONG, (width,)),
            257: (LONG, (height,)),
            258: (SHORT, (16,)),
            259: (SHORT, (compression,)),
            262: (SHORT, (32803,)),
            277: (SHORT, (1,)),
            278: (LONG, (height,)),
            284: (SHORT, (1,)),
            33421: (SHORT, (2, 2)),
            33422: (BYTE, (0, 1, 1, 2)),
            50714: (SHORT, (0,)),
            50717: (SHORT, (WHITE,)),
        },
        pixels.astype(order + "u2").tobytes(),
    )


def _preview(data: bytes, size: tuple[int, int], compression: int = 7) -> Ifd:
    """A directory with a JPEG in one strip."""
    return Ifd(
        {
            254: (LONG, (1,)),
            256: (LONG, (size[0],)),
            257: (LONG, (size[1],)),
            258: (SHORT, (8, 8, 8)),
            259: (SHORT, (compression,)),
            262: (SHORT, (6,)),
            277: (SHORT, (3,)),
            278: (LONG, (size[1],)),
        },
        data,
    )


def dng(
    pixels: np.ndarray,
    preview: Image.Image | None = None,
    orientation: int = 1,
    order: str = "<",
    *,
    is_adobe_rgb: bool = False,
) -> bytes:
    """A DNG of a mosaic, with a JPEG beside it or none; its Exif directory may state a colour space."""
    camera: Fields = {
        271: (ASCII, samples.CANARY + b"\0"),
        274: (SHORT, (orientation,)),
        50706: (BYTE, (1, 4, 0, 0)),
        50708: (ASCII, samples.CANARY + b"\0"),
        50721: (SRATIONAL, tuple(number for value in MATRIX for number in (value, 10_000))),
        50728: (RATIONAL, (1, 1) * 3),
        50778: (SHORT, (21,)),
    }
    sensor = _sensor(pixels, order)
    if preview is None:
        sensor.fields |= camera
        return write(sensor, order=order)
    first = _preview(jpeg(preview), preview.size)
    first.fields |= camera
    first.children = [sensor]
    if is_adobe_rgb:
        first.pointers[34665] = Ifd({40961: (SHORT, (0xFFFF,))}, pointers={40965: Ifd({1: (ASCII, b"R03\0")})})
    return write(first, order=order)


def nef(pixels: np.ndarray, preview: Image.Image) -> bytes:
    """As Nikon writes it: a thumbnail first, a JPEG and the sensor behind SubIFDs; compression 34713."""
    small = preview.resize((16, 12))
    first = Ifd(
        {254: (LONG, (1,)), 256: (LONG, (16,)), 257: (LONG, (12,)), 258: (SHORT, (8, 8, 8)), 259: (SHORT, (1,)),
         262: (SHORT, (2,)), 271: (ASCII, b"NIKON CORPORATION\0"), 274: (SHORT, (1,)), 277: (SHORT, (3,)),
         278: (LONG, (12,))},
        small.tobytes(),
    )  # fmt: skip
    full = Ifd({254: (LONG, (1,)), 259: (SHORT, (6,))}, jpeg(preview), (513, 514))
    first.children = [full, _sensor(pixels, ">", 34713)]
    return write(first, order=">")


def arw(pixels: np.ndarray, preview: Image.Image) -> bytes:
    """As Sony writes it: a JPEG of full size first, in JPEGInterchangeFormat; the sensor in compression 32767."""
    first = Ifd(
        {254: (LONG, (1,)), 259: (SHORT, (6,)), 271: (ASCII, b"SONY\0"), 274: (SHORT, (6,))}, jpeg(preview), (513, 514)
    )
    first.children = [_sensor(pixels, "<", 32767)]
    return write(first)


def cr2(pixels: np.ndarray, preview: Image.Image) -> bytes:
    """As Canon writes it: CR behind the header, a JPEG of full size first, lossless JPEG in the last directory."""
    height, width = pixels.shape
    frame = struct.pack(">BHHB", 14, height, width // 2, 2) + bytes([1, 0x11, 0, 2, 0x11, 0])
    lossless = b"\xff\xd8\xff\xc3" + struct.pack(">H", 2 + len(frame)) + frame + pixels.tobytes() + b"\xff\xd9"
    first = _preview(jpeg(preview), preview.size, 6)
    del first.fields[254]
    first.fields[271] = (ASCII, b"Canon\0")
    thumbnail = Ifd({}, jpeg(preview.resize((16, 12))), (513, 514))
    return write(first, thumbnail, Ifd({259: (SHORT, (6,))}, lossless), head=b"CR\2\0" + bytes(4))
