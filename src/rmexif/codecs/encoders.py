"""Pixels to bytes, one function per format, for codec.encode() alone.

Settings are fixed per format, so that a file tells nothing about its source beyond the picture. No encoder is handed
a profile, Exif or any other side data; images are built from arrays alone.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

from rmexif.codecs.pnm import write_pixels
from rmexif.containers.common.aspect import SQUARE
from rmexif.containers.png import chunks as png_chunks
from rmexif.containers.tiff.rewrite import join_pages
from rmexif.containers.webp import chunks as webp_chunks
from rmexif.containers.webp import parse as webp_parse
from rmexif.errors import EncodeError
from rmexif.native.buffers import join
from rmexif.raster.alpha import over_white
from rmexif.raster.bgr import to_memory_order
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.types import Raster

__all__ = [
    "LOSSLESS",
    "MULTIPLE",
    "PADDED",
    "SHAPED",
    "avif",
    "bmp",
    "gif",
    "heic",
    "jpeg",
    "jxl",
    "png",
    "pnm",
    "tiff",
    "webp",
]

Pixels = NDArray[Any]

MULTIPLE = frozenset({"png", "webp", "gif", "tiff", "avif"})  # formats whose encoder takes several frames
PADDED = frozenset({"avif"})  # formats whose encoder takes four bytes for any pixel, and 20 more to code it
STREAMED = frozenset({"png", "webp", "gif", "tiff"})  # those of them whose encoder holds one frame at a time
LOSSLESS = frozenset({"png", "tiff", "bmp", "gif", "pnm"})  # formats that keep every bit (GIF: of up to 256 colours)
SHAPED = frozenset({"jpeg", "png", "tiff", "bmp"})  # formats that say which shape pixels have
WIDE = frozenset({"png", "tiff", "heic", "pnm"})  # formats whose stills keep more than 8 bits of a sample

# Whether a picture is small is seen from its size alone, so these tell nothing either. An icon costs nothing to keep
# (nearly) exactly, and has no detail to spare; coarse colour is seen in small pictures and costs time in large ones.
ICON = 1 << 16  # px: up to here lossless, or at the quality below
ICON_QUALITY = 98  # for a quality of 90 and above
MODERN_ICON_QUALITY = 100  # of AVIF and HEIC
FULL_COLOUR = 1 << 20  # px: up to here 4:4:4

TILED = 1 << 26  # px: above it a HEIC is a grid of tiles, of so many px a side
TILE = 4096
JFIF_DENSITY = 13  # byte of the unit, behind SOI and in APP0 (JFIF 1.02)
RESOLUTION = (282, 283)  # TIFF tags, across and down
BMP_DENSITY = 38  # byte of biXPelsPerMeter
PNG_HEAD = 33  # byte: the signature and IHDR
ADOBE_DEFLATE, PREDICTOR = 8, 317  # TIFF compression (TN2), TIFF tag
BMP_FILE_HEADER, BMP_V5 = 14, 124  # byte ([MS-WMF] 2.2.2.5)
BMP_BITFIELDS, BMP_PERCEPTUAL = 3, 4  # biCompression, bV5Intent
BMP_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # red, green, blue, alpha
TRANSPARENT = 255  # index in a GIF palette
SWAPS = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def to_8bit(pixels: Pixels) -> Pixels:
    """16-bit samples as 8-bit ones, rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    narrow = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    return narrow.reshape(pixels.shape)


def keeps_16_bit(format_name: str, frames: int) -> bool:
    """Whether the encoder takes more than 8 bits of a sample; an animated PNG is written in 8."""
    return format_name in WIDE and (frames == 1 or format_name != "png")


def keeps_lowest_bits(format_name: str, pixels: Pixels) -> bool:
    """Whether the lowest bits of colours outlive the encoder: lossless formats, and icons in the others."""
    return format_name in LOSSLESS or pixels.dtype == np.uint16 or pixels.shape[0] * pixels.shape[1] <= ICON


def flattened(pixels: Pixels) -> Pixels:
    """8-bit pixels without their alpha channel, composited on white."""
    pixels = to_8bit(pixels)
    if pixels.shape[2] not in (2, 4):
        return pixels
    colours, alpha = np.ascontiguousarray(pixels[:, :, :-1]), np.ascontiguousarray(pixels[:, :, -1:])
    if int(alpha.min()) == 255:
        return colours
    return over_white(colours, alpha)


def image_of(pixels: Pixels) -> Image.Image:
    """A Pillow image of 8-bit pixels: L, LA, RGB or RGBA."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))


def through_cv2(extension: str, pixels: Pixels, settings: list[int]) -> bytes:
    """A still through OpenCV."""
    return join([_coded_by_cv2(extension, pixels, settings)])


def _coded_by_cv2(extension: str, pixels: Pixels, settings: list[int]) -> memoryview:
    """The bytes of a still, still to be changed; OpenCV wants BGR."""
    done, data = cv2.imencode(extension, _swapped(pixels), settings)
    if not done:
        raise EncodeError(f"{extension[1:]}: the encoder refused the picture")
    return data.data


def _swapped(pixels: Pixels) -> Pixels:
    """RGB to BGR, RGBA to BGRA; grey as it is."""
    stored, is_reversed = to_memory_order(pixels)
    if is_reversed:
        return np.ascontiguousarray(stored)
    return cv2.cvtColor(pixels, SWAPS[pixels.shape[2]]) if pixels.shape[2] in SWAPS else pixels


def _rgba(pixels: Pixels) -> Pixels:
    """Grey + alpha as RGBA, for encoders that know no grey + alpha; anything else as it is."""
    return np.ascontiguousarray(pixels[:, :, (0, 0, 0, 1)]) if pixels.shape[2] == 2 else pixels


def through_pillow(pixels: Pixels, plugin: str, **settings: Any) -> bytes:
    """A still through Pillow."""
    out = io.BytesIO()
    image_of(pixels).save(out, plugin, **settings)
    return out.getvalue()


def _icon(pixels: Pixels, quality: int) -> bool:
    return quality >= 90 and pixels.shape[0] * pixels.shape[1] <= ICON


def _full_colour(pixels: Pixels) -> bool:
    return bool(pixels.shape[0] * pixels.shape[1] <= FULL_COLOUR)


def jpeg(raster: Raster, quality: int) -> bytes:
    """Baseline, the standard Huffman tables: optimised ones cost twice the time for 2 % of the size."""
    pixels = raster.frames[0].pixels
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if _full_colour(pixels) else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    settings = [cv2.IMWRITE_JPEG_QUALITY, max(quality, ICON_QUALITY) if _icon(pixels, quality) else quality]
    data = _coded_by_cv2(".jpg", flattened(pixels), [*settings, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])
    struct.pack_into(">BHH", data, JFIF_DENSITY, 0, *raster.pixel_shape)
    return join([data])


def png(raster: Raster, quality: int) -> bytes:
    """Lossless; 16 bit stays 16 bit in a still; an animation is 8 bit. A curve or primaries of its own are written."""
    data = _apng(raster) if len(raster.frames) > 1 else _png_still(raster.frames[0].pixels)
    colour, chunks = raster.colour, b""
    if colour.gamma is not None:
        chunks += _chunk(b"gAMA", struct.pack(">I", round(colour.gamma * 100_000)))
    if colour.primaries is not None:
        chunks += _chunk(b"cHRM", struct.pack(">8I", *(round(place * 100_000) for place in colour.primaries)))
    if raster.pixel_shape != SQUARE:
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *raster.pixel_shape, 0))
    return data[:PNG_HEAD] + chunks + data[PNG_HEAD:]


def _png_still(pixels: Pixels) -> bytes:
    if pixels.shape[2] == 2 and pixels.dtype == np.uint8:
        return through_pillow(pixels, "PNG", compress_level=3)
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
    return through_cv2(".png", _rgba(pixels), settings)


def webp(raster: Raster, quality: int) -> bytes:
    """Lossy colour, lossless alpha; pixels under full transparency are not kept."""
    if len(raster.frames) > 1:
        return _webp_animation(raster, quality)
    return _webp_still(to_8bit(raster.frames[0].pixels), quality)


def _webp_still(pixels: Pixels, quality: int) -> bytes:
    if _icon(pixels, quality):
        return through_pillow(pixels, "WEBP", lossless=True, quality=70, method=2, exact=False)
    return through_pillow(pixels, "WEBP", quality=quality, method=2, alpha_quality=100, exact=False)


def tiff(raster: Raster, quality: int) -> bytes:
    """Lossless, deflated; every page at its own size; 16 bit stays 16 bit."""
    is_held = isinstance(raster.frames, tuple)
    if is_held and any(frame.pixels.dtype == np.uint16 for frame in raster.frames):  # Pillow: 16 bit for grey only
        wide = [_swapped(_rgba(frame.pixels)) for frame in raster.frames]
        across, down = raster.pixel_shape
        shape = [cv2.IMWRITE_TIFF_RESUNIT, 1, cv2.IMWRITE_TIFF_XDPI, across, cv2.IMWRITE_TIFF_YDPI, down]
        done, data = cv2.imencodemulti(".tif", wide, [cv2.IMWRITE_TIFF_COMPRESSION, ADOBE_DEFLATE, *shape])
        if not done:
            raise EncodeError("tiff: the encoder refused the picture")
        return bytes(data)
    info: dict[int, float] = {PREDICTOR: 2}
    if raster.pixel_shape != SQUARE:
        info |= {tag: float(number) for tag, number in zip(RESOLUTION, raster.pixel_shape, strict=True)}
    settings: dict[str, Any] = {"compression": "tiff_adobe_deflate", "tiffinfo": info}
    if not is_held:  # in the form that a rewrite keeps: whoever proves it holds it twice, not four times
        files = (through_pillow(to_8bit(frame.pixels), "TIFF", **settings) for frame in raster.frames)
        return join_pages(files, Limits())
    images, out = [image_of(frame.pixels) for frame in raster.frames], io.BytesIO()
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:], **settings)
    return out.getvalue()


def bmp(raster: Raster, quality: int) -> bytes:
    """24-bit colour or 8-bit grey, uncompressed; 32-bit with an alpha mask (V5) where a pixel is transparent."""
    pixels = _rgba(to_8bit(raster.frames[0].pixels))
    shape = (0, 0) if raster.pixel_shape == SQUARE else raster.pixel_shape
    if pixels.shape[2] != 4 or int(pixels[:, :, 3].min()) == 255:
        data = through_cv2(".bmp", flattened(pixels), [])
        return data[:BMP_DENSITY] + struct.pack("<ii", *shape) + data[BMP_DENSITY + 8 :]
    data = np.ascontiguousarray(_swapped(pixels)[::-1]).tobytes()
    fields = (BMP_V5, raster.width, raster.height, 1, 32, BMP_BITFIELDS, len(data), *shape, 0, 0)
    head = struct.pack("<IiiHHIIiiII", *fields) + struct.pack("<4I", *BMP_MASKS)
    head += b"BGRs" + bytes(48) + struct.pack("<IIII", BMP_PERCEPTUAL, 0, 0, 0)
    start = BMP_FILE_HEADER + BMP_V5
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + data


def pnm(raster: Raster, quality: int) -> bytes:
    """PGM, PPM, or PAM where there is alpha; 16 bit stays 16 bit."""
    return write_pixels(raster.frames[0].pixels)


def avif(raster: Raster, quality: int) -> bytes:
    """8 bit; the format has no place for a loop count, so an animation plays forever."""
    images, out = [image_of(to_8bit(frame.pixels)) for frame in raster.frames], io.BytesIO()
    first = raster.frames[0].pixels
    settings: dict[str, Any] = {"quality": _modern(first, quality), "speed": 8, "range": "full"}
    settings["subsampling"] = "4:4:4" if _full_colour(first) else "4:2:0"
    if len(images) > 1:
        durations = [round(frame.duration) for frame in raster.frames]
        settings |= {"save_all": True, "append_images": images[1:], "duration": durations}
    images[0].save(out, "AVIF", **settings)
    return out.getvalue()


def heic(raster: Raster, quality: int) -> bytes:
    """8 bit, or 10 bit from 16-bit samples."""
    import pillow_heif  # here, because it costs 60 ms that only this format should pay

    pixels = raster.frames[0].pixels
    mode = ("L", "LA", "RGB", "RGBA")[pixels.shape[2] - 1] + (";16" if pixels.dtype == np.uint16 else "")
    size, out = (pixels.shape[1], pixels.shape[0]), io.BytesIO()
    chroma = 444 if _full_colour(pixels) else 420
    settings: dict[str, Any] = {
        "quality": _modern(pixels, quality),
        "chroma": chroma,
        "enc_params": {"preset": "ultrafast"},
    }
    if pixels.shape[2] in (1, 3) and pixels.shape[0] * pixels.shape[1] > TILED:  # x265 takes 142 MP at most
        settings["tile_size"] = TILE
    settings |= {"color_primaries": 1, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}
    pillow_heif.encode(mode, size, np.ascontiguousarray(pixels).data.cast("B"), out, **settings)
    return out.getvalue()


def jxl(raster: Raster, quality: int) -> bytes:
    """8 bit: the binding labels 16-bit samples as linear light."""
    import pillow_jxl

    pixels = to_8bit(raster.frames[0].pixels)
    mode = ("L", "LA", "RGB", "RGBA")[pixels.shape[2] - 1]
    lossless = _icon(pixels, quality)
    # mode, lossless, quality, decoding speed, effort, container, original profile, threads; the stub is behind
    encoder: Any = pillow_jxl.Encoder(*(mode, lossless, quality, 0, 3, False, False, 0))  # type: ignore[arg-type, call-arg]
    return bytes(encoder(np.ascontiguousarray(pixels).tobytes(), pixels.shape[1], pixels.shape[0], jpeg_encode=False))


def _modern(pixels: Pixels, quality: int) -> int:
    """A JPEG quality as the AVIF or HEIC one that looks alike at a smaller size."""
    return MODERN_ICON_QUALITY if _icon(pixels, quality) else max(1, round(quality * 0.8))


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
    return b"".join(png_chunks.serialise(kind, body))


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
        data = _png_still(_rgba(pixels))
        height, width = pixels.shape[:2]
        if not out:
            out += data[:33] + _chunk(b"acTL", struct.pack(">II", len(raster.frames), raster.loop))
        out += _chunk(b"fcTL", struct.pack(">5I2H2B", sequence, width, height, left, top, *_delay(duration), 0, 0))
        first = sequence == 0
        sequence += 1
        for body in png_chunks.image_data(memoryview(data)):
            out += _chunk(b"IDAT", body) if first else _chunk(b"fdAT", struct.pack(">I", sequence) + body)
            sequence += 0 if first else 1
    return bytes(out) + _chunk(b"IEND", b"")


def _webp_animation(raster: Raster, quality: int) -> bytes:
    """WebP container: VP8X, ANIM, then an ANMF per frame that overwrites (no blending, no disposal)."""
    alpha = raster.frames[0].pixels.shape[2] in (2, 4)
    flags = struct.pack("<I", webp_parse.ANIMATED | webp_parse.ALPHA * alpha)
    body = _riff(b"VP8X", flags, _u24(raster.width - 1), _u24(raster.height - 1))
    body += _riff(b"ANIM", struct.pack("<IH", 0, min(raster.loop, 0xFFFF)))
    for left, top, pixels, duration in patches(raster, even=True):
        height, width = pixels.shape[:2]
        numbers = (left // 2, top // 2, width - 1, height - 1, min(round(duration), 0xFFFFFF))
        coded = webp_chunks.coded_chunks(memoryview(_webp_still(pixels, quality)))
        body += _riff(b"ANMF", *map(_u24, numbers), b"\x02", *coded)
    return _riff(b"RIFF", b"WEBP", body)


def _riff(kind: bytes, *content: bytes | memoryview) -> bytes:
    return b"".join(webp_chunks.serialise(kind, *content))


def gif(raster: Raster, quality: int) -> bytes:
    """GIF89a: 256 colours per frame, durations in whole hundredths of a second, alpha on or off."""
    alpha = raster.frames[0].pixels.shape[2] in (2, 4)
    out = bytearray(b"GIF89a" + struct.pack("<HHBBB", raster.width, raster.height, 0, 0, 0))
    if len(raster.frames) > 1 and raster.loop != 1:  # it counts repetitions after the first play, 0 is forever
        repeats = max(0, min(raster.loop - 1, 0xFFFF))
        out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", repeats, 0)
    # GIF cannot overwrite with transparency: with alpha every frame is whole, and is cleared before the next.
    complete = ((0, 0, to_8bit(frame.pixels), frame.duration) for frame in raster.frames)
    for left, top, pixels, duration in complete if alpha else patches(raster):
        settings: dict[str, Any] = {"include_color_table": True, "disposal": 2 if alpha else 1}
        settings["duration"] = min(round(duration / 10), 0xFFFF) * 10
        if alpha:
            settings["transparency"] = TRANSPARENT
        for piece in GifImagePlugin.getdata(_palette_image(pixels), (left, top), **settings):
            out += piece
    return bytes(out) + b"\x3b"


def _palette_image(pixels: Pixels) -> Image.Image:
    """8-bit pixels with at most 256 colours; of those with alpha, index 255 is the transparent one."""
    alpha = pixels.shape[2] in (2, 4)
    colours = np.ascontiguousarray(pixels[:, :, :-1] if alpha else pixels)
    if colours.shape[2] == 1:
        colours = colours.repeat(3, axis=2)
    image = Image.fromarray(colours).quantize(TRANSPARENT if alpha else 256, Image.Quantize.MEDIANCUT)
    if not alpha:
        return image
    indices = np.array(image)
    indices[pixels[:, :, -1] < 128] = TRANSPARENT
    masked = Image.fromarray(indices)
    masked.putpalette((image.getpalette() or []) + [0] * (768 - len(image.getpalette() or [])))
    return masked


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")
