"""Pixels to bytes, one function per format, for codec.encode() alone.

Settings are fixed per format, so that a file tells nothing about its source beyond the picture. No encoder is handed
a profile, Exif or any other side data; images are built afresh from arrays.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rmexif.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.types import Raster

__all__ = ["MULTIPLE", "jpeg", "png", "webp"]

Pixels = NDArray[Any]

MULTIPLE = frozenset({"png", "webp", "gif", "tiff", "avif"})  # formats whose encoder takes several frames


def to_8bit(pixels: Pixels) -> Pixels:
    """16-bit samples as 8-bit ones, rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    narrow = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    return narrow.reshape(pixels.shape)


def flattened(pixels: Pixels) -> Pixels:
    """8-bit pixels without their alpha channel, composited on white."""
    pixels = to_8bit(pixels)
    if pixels.shape[2] not in (2, 4):
        return pixels
    alpha = pixels[:, :, -1:].astype(np.uint16)
    mixed = pixels[:, :, :-1] * alpha + np.uint16(255) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def image_of(pixels: Pixels) -> Image.Image:
    """A Pillow image of 8-bit pixels: L, LA, RGB or RGBA."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))


def through_cv2(extension: str, pixels: Pixels, settings: list[int]) -> bytes:
    """A still through OpenCV, which wants BGR."""
    if pixels.shape[2] >= 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    done, data = cv2.imencode(extension, pixels, settings)
    if not done:
        raise EncodeError(f"{extension[1:]}: the encoder refused the picture")
    return bytes(data)


def through_pillow(pixels: Pixels, plugin: str, **settings: Any) -> bytes:
    """A still through Pillow."""
    out = io.BytesIO()
    image_of(pixels).save(out, plugin, **settings)
    return out.getvalue()


def jpeg(raster: Raster, quality: int) -> bytes:
    """Baseline, 4:2:0, the standard Huffman tables: optimised ones cost twice the time for 2 % of the size."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    return through_cv2(".jpg", flattened(raster.frames[0].pixels), settings)


def png(raster: Raster, quality: int) -> bytes:
    """Lossless; 16 bit stays 16 bit in a still; an animation is 8 bit."""
    if len(raster.frames) > 1:
        return _apng(raster)
    return _png_still(raster.frames[0].pixels)


def _png_still(pixels: Pixels) -> bytes:
    if pixels.shape[2] == 2 and pixels.dtype == np.uint8:
        return through_pillow(pixels, "PNG", compress_level=3)
    if pixels.shape[2] == 2:  # no encoder here writes 16-bit grey + alpha: as RGBA, with nothing lost
        pixels = np.ascontiguousarray(pixels[:, :, (0, 0, 0, 1)])
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
    return through_cv2(".png", pixels, settings)


def webp(raster: Raster, quality: int) -> bytes:
    """Lossy colour, lossless alpha; pixels under full transparency are not kept."""
    if len(raster.frames) > 1:
        return _webp_animation(raster, quality)
    return _webp_still(to_8bit(raster.frames[0].pixels), quality)


def _webp_still(pixels: Pixels, quality: int) -> bytes:
    return through_pillow(pixels, "WEBP", quality=quality, method=2, alpha_quality=100, exact=False)


# -- animations --------------------------------------------------------------------------------------------------
# Written frame by frame, because every encoder at hand (Pillow, libwebp, OpenCV) merges a frame that equals the one
# before it, and so changes the number of frames and their durations.


def patches(raster: Raster, even: bool = False) -> Iterator[tuple[int, int, Pixels, float]]:
    """The part of each frame that differs from the frame before: left, top (px), 8-bit pixels, duration (ms).

    Args:
        raster: frames of one size and one number of channels.
        even: whether the offsets must be even (WebP).
    """
    before: Pixels | None = None
    for frame in raster.frames:
        pixels = to_8bit(frame.pixels)
        left, top, right, bottom = 0, 0, pixels.shape[1], pixels.shape[0]
        if before is not None:
            changed = (pixels != before).any(axis=2)
            rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
            if len(rows):
                left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
            else:
                right = bottom = 1
            if even:
                left, top = left & ~1, top & ~1
        yield int(left), int(top), np.ascontiguousarray(pixels[top:bottom, left:right]), frame.duration
        before = pixels


def _chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _delay(duration: float) -> tuple[int, int]:
    """A duration (ms) as APNG's fraction of a second; above 65 s in whole hundredths, then seconds."""
    for unit in (1000, 100, 1):
        if round(duration * unit / 1000) <= 0xFFFF:
            return round(duration * unit / 1000), unit
    return 0xFFFF, 1


def _apng(raster: Raster) -> bytes:
    """PNG, third edition, 11.3.6: acTL, then fcTL + IDAT and fcTL + fdAT; every patch overwrites (blend 0)."""
    out, sequence = bytearray(), 0
    for left, top, pixels, duration in patches(raster):
        if pixels.shape[2] == 2:
            pixels = np.ascontiguousarray(pixels[:, :, (0, 0, 0, 1)])
        data = _png_still(pixels)
        height, width = pixels.shape[:2]
        if not out:
            out += data[:33] + _chunk(b"acTL", struct.pack(">II", len(raster.frames), raster.loop))
        out += _chunk(b"fcTL", struct.pack(">5I2H2B", sequence, width, height, left, top, *_delay(duration), 0, 0))
        first = sequence == 0
        sequence += 1
        for body in _image_data(data):
            out += _chunk(b"IDAT", body) if first else _chunk(b"fdAT", struct.pack(">I", sequence) + body)
            sequence += 0 if first else 1
    return bytes(out) + _chunk(b"IEND", b"")


def _image_data(data: bytes) -> Iterator[bytes]:
    """The bodies of the IDAT chunks of a PNG that was just written."""
    at = 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            yield data[at + 8 : at + 8 + size]
        at += 12 + size


def _webp_animation(raster: Raster, quality: int) -> bytes:
    """WebP container: VP8X, ANIM, then an ANMF per frame that overwrites (no blending, no disposal)."""
    alpha = raster.frames[0].pixels.shape[2] in (2, 4)
    body = _riff(
        b"VP8X", struct.pack("<I", 0x02 | (0x10 if alpha else 0)) + _u24(raster.width - 1) + _u24(raster.height - 1)
    )
    body += _riff(b"ANIM", struct.pack("<IH", 0, raster.loop))
    for left, top, pixels, duration in patches(raster, even=True):
        height, width = pixels.shape[:2]
        numbers = (left // 2, top // 2, width - 1, height - 1, round(duration))
        still = _webp_still(pixels, quality)
        start = 12 if still[12:16] != b"VP8X" else 12 + 18
        body += _riff(b"ANMF", b"".join(map(_u24, numbers)) + b"\x02" + still[start:])
    return _riff(b"RIFF", b"WEBP" + body)


def _riff(kind: bytes, body: bytes) -> bytes:
    """One RIFF chunk, padded to an even length."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")
