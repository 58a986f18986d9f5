"""Bytes to pixels, one function per format, for codec.decode() alone.

Each takes the whole file and what our parser said about it. Sizes are compared before a decoder makes room for pixels.
"""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from rmexif.codecs import apng as png_frames
from rmexif.codecs import bmp as bmp_pixels
from rmexif.codecs import gif as gif_frames
from rmexif.codecs import hevc_track
from rmexif.codecs import pnm as pnm_pixels
from rmexif.codecs import tiff as tiff_samples
from rmexif.codecs.frames import alike, frames_of, without_needless_alpha
from rmexif.codecs.pillow import array_of, loaded, picture_offset, sized, space_of
from rmexif.containers.jpeg import segments
from rmexif.containers.png import chunks as png_chunks
from rmexif.containers.tiff.rewrite import as_classic
from rmexif.containers.webp import chunks as webp_chunks
from rmexif.containers.webp import parse as webp_parse
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.raster.bgr import to_rgb_view
from rmexif.raster.colour import to_srgb
from rmexif.raster.transform import rotated
from rmexif.types import MAX_CHANNELS, Colour, Container, Frame, FrameStream, Raster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rmexif.containers.tiff.page import Page

__all__ = ["avif", "bmp", "gif", "heic", "jpeg", "png", "pnm", "tiff", "webp", "wide_pixels"]

Pixels = NDArray[Any]
Raw = bytes | memoryview

# A still WebP of more pixels is refused where a byte codes more than these: ordinary pictures stay far below, and room
# is made for every pixel, some ten times over.
MOST_SPARSE_PIXELS = 1 << 24
MOST_PIXELS_PER_BYTE = 256
EOI = b"\xff\xd9"  # T.81, table B.1
COARSE = frozenset({8, 16, 18})  # H.273, table 3: curves whose steps show in 8 bits
TELEVISION, SRGB_CURVE = frozenset({1, 6, 14, 15}), 13  # H.273, table 3
FLAGS = webp_chunks.HEADER + 8  # byte: of VP8X


# -- shared ------------------------------------------------------------------------------------------------------


def _cv2(raw: Raw, flags: int) -> Pixels:
    """One picture through OpenCV, as H x W x C; colours in the order that the flags ask for."""
    pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise MalformedImage("the decoder refused the pixel data")
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _swapped(pixels: Pixels) -> Pixels:
    """BGR to RGB, BGRA to RGBA."""
    if pixels.shape[2] < 3:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def wide_pixels(raw: Raw, depth: int) -> Pixels:
    """One picture of so many bits a sample, more than 8, through OpenCV in 16: grey, RGB or RGBA."""
    return _stretched(_swapped(_cv2(raw, cv2.IMREAD_UNCHANGED)), depth)


def _frames(
    opened: Callable[[], Image.Image], container: Container[Any]
) -> tuple[tuple[Frame, ...] | FrameStream, Image.Image, str]:
    """The frames of an animation that Pillow composes, with their durations; the opened file, and the space."""
    image = opened()
    sized(*image.size, container)
    count = getattr(image, "n_frames", 1) if container.frames > 1 else 1  # counting walks the whole file
    count, spaces = min(count, container.frames), ["RGB"]

    def decoded() -> Iterator[Frame]:
        file = opened()
        for number in range(count):
            file.seek(number)
            sized(*file.size, container)
            file.load()
            pixels, spaces[0] = array_of(file)
            yield Frame(pixels, float(file.info.get("duration") or 0) if count > 1 else 0.0)

    frames = alike(frames_of(count, image.size, decoded))
    return frames, image, spaces[0]


# -- one function per format -------------------------------------------------------------------------------------


def jpeg(raw: Raw, container: Container[Any]) -> Raster:
    """8 bit, any colour model; a picture cut short is filled up by libjpeg, so the parser has to see its end."""
    if bytes(raw[-len(EOI) :]) != EOI:  # the parser has seen every row; OpenCV asks for the end
        raw = bytes(raw) + EOI
    precision, components, width, height = _jpeg_frame(raw)
    sized(width, height or container.height, container)  # T.81, B.2.5: a height of 0 comes later, as DNL
    if precision != 8:
        raise UnsupportedFeature(
            f"{precision}-bit samples, 8 are handled",
            structure=container.format,
            offset=picture_offset(container),
        )
    space = "RGB"
    if components == 1:
        pixels, space = _cv2(raw, cv2.IMREAD_GRAYSCALE), "L"
    elif components == 3:
        pixels = to_rgb_view(_cv2(raw, cv2.IMREAD_COLOR_BGR), True)
    elif components == 4:  # Pillow hands out ink (255 = full) for Adobe's inverted CMYK and YCCK alike
        pixels, space = array_of(loaded(JpegImagePlugin.JpegImageFile(io.BytesIO(raw)), container))
    else:
        raise UnsupportedFeature(
            f"{components} components, 1, 3 or 4 are handled",
            structure=container.format,
            offset=picture_offset(container),
        )
    return Raster((Frame(pixels),), orientation=container.orientation, colour=container.colour, space=space)


def _jpeg_frame(raw: Raw) -> tuple[int, int, int, int]:
    """Precision (bit), number of components, width and height (px), from the frame header (T.81, B.2.2)."""
    view = memoryview(raw)
    for item in segments.walk(view):
        if isinstance(item, segments.Segment) and item.marker in segments.FRAMES:
            body = item.cursor(view)
            precision, height, width, components = body.u8(), body.u16(), body.u16(), body.u8()
            return precision, components, width, height
    raise MalformedImage("no frame header before it", structure="jpeg EOI", offset=max(0, len(view) - 2))


def png(raw: Raw, container: Container[Any]) -> Raster:
    """Grey or RGB with alpha where there is some, at the picture's own depth; an animation is composed."""
    data, chunks = png_chunks.pixels_only(memoryview(raw))
    width, height, depth, colour_type = struct.unpack_from(">IIBB", chunks[b"IHDR"].ljust(13, b"\0"))
    sized(width, height, container)

    def decode(still: bytes) -> Pixels:
        return _png_still(still, depth, colour_type, chunks.get(b"tRNS"))

    if b"acTL" not in chunks:
        frames: tuple[Frame, ...] | FrameStream = (Frame(decode(data)),)
        plays = 0
    else:
        frames, plays = png_frames.compose(memoryview(data), chunks, container.frames, decode)
    return Raster(frames, plays, container.orientation, container.colour, space_of(frames[0].pixels))


def _png_still(data: bytes, depth: int, colour_type: int, key: bytes | None) -> Pixels:
    """A picture without animation."""
    if colour_type == 3:
        image = PngImagePlugin.PngImageFile(io.BytesIO(data))
        image.load()
        return array_of(image)[0]
    pixels = _swapped(_cv2(data, cv2.IMREAD_UNCHANGED))
    if colour_type == 4 and pixels.shape[2] == 4:  # OpenCV widens grey + alpha to four channels
        pixels = np.ascontiguousarray(pixels[:, :, 2:])
    return _keyed(pixels, key, depth) if key is not None and pixels.shape[2] in (1, 3) else pixels


def _keyed(pixels: Pixels, key: bytes, depth: int) -> Pixels:
    """Add the alpha channel of a colour key (PNG, 11.3.1.1): a 16-bit number per channel, in samples of ``depth``."""
    full, mask = int(np.iinfo(pixels.dtype).max), (1 << depth) - 1
    values = (np.frombuffer(key, ">u2").astype(int) & mask) * full // mask
    opaque = (pixels != values.astype(pixels.dtype)).any(axis=2, keepdims=True)
    return np.concatenate((pixels, (opaque * full).astype(pixels.dtype)), axis=2)


def webp(raw: Raw, container: Container[Any]) -> Raster:
    """RGB, or RGBA where there is alpha or a part of the canvas that no frame reaches."""
    pixel_count = container.width * container.height
    if container.frames == 1 and pixel_count > max(MOST_SPARSE_PIXELS, MOST_PIXELS_PER_BYTE * len(raw)):
        raise LimitExceeded(
            f"webp at byte {picture_offset(container)}: {pixel_count} px in {len(raw)} bytes; above "
            f"{MOST_SPARSE_PIXELS} px a byte may code at most {MOST_PIXELS_PER_BYTE}"
        )
    canvas = webp_chunks.canvas_size(memoryview(raw))
    if canvas:  # libwebp makes room for it before anybody can look at it
        sized(*canvas, container)
    if not (canvas and raw[FLAGS] & webp_parse.ANIMATED):
        pixels = _swapped(_cv2(raw, cv2.IMREAD_UNCHANGED))
        return Raster((Frame(pixels),), 0, container.orientation, container.colour)
    shows_canvas = webp_chunks.may_show_canvas(memoryview(raw))
    if shows_canvas:  # it is transparent, whatever ANIM says of a background: Pillow says so if VP8X does
        raw = b"".join((raw[:FLAGS], bytes([raw[FLAGS] | webp_parse.ALPHA]), raw[FLAGS + 1 :]))
    frames, image, _ = _frames(lambda: WebPImagePlugin.WebPImageFile(io.BytesIO(raw)), container)
    if shows_canvas:
        frames = without_needless_alpha(frames)
    return Raster(frames, int(image.info["loop"]), container.orientation, container.colour)


def gif(raw: Raw, container: Container[Any]) -> Raster:
    """RGB, or RGBA where a pixel is transparent; disposal is done."""
    screen = gif_frames.read_screen(raw)
    sized(*screen.shown_size, container)
    frames = gif_frames.compose(screen, container.frames)
    # NETSCAPE2.0 counts repetitions after the first play, 0 is forever; without it a GIF plays once.
    repeats = None if screen.loop is None else int.from_bytes(screen.loop, "little")
    plays = 1 if repeats is None else repeats + 1 if repeats else 0
    return Raster(frames, plays if len(frames) > 1 else 0, 1, container.colour)


def bmp(raw: Raw, container: Container[Any]) -> Raster:
    """Grey, RGB, or RGBA where the header declares an alpha mask and a pixel is not fully transparent."""
    pixels = bmp_pixels.read_pixels(raw)
    return Raster((Frame(pixels),), colour=container.colour, space=space_of(pixels))


def pnm(raw: Raw, container: Container[Any]) -> Raster:
    """Grey or RGB, with alpha where a PAM has it."""
    pixels = pnm_pixels.read_pixels(raw)
    return Raster((Frame(pixels),), colour=container.colour, space=space_of(pixels))


def tiff(raw: Raw, container: Container[Any]) -> Raster:
    """Every page at its own size, turned upright; integer samples of up to 16 bit.

    Pages in different spaces, such as bilevel and colour ones of one document, are brought to sRGB one by one.
    """
    spaces: list[str] = []
    is_uniform = tiff_samples.has_one_space(container)
    if container.tree and container.tree.big and container.tree.order == ">":
        # Pillow 13 looks for the version in the other byte
        raw = as_classic(container)

    def decoded() -> Iterator[Frame]:
        for pixels, space in _pages(raw, container):
            spaces.append(space)
            frame = Frame(pixels)
            yield frame if is_uniform else to_srgb(Raster((frame,), colour=container.colour, space=space)).frames[0]

    frames = frames_of(container.frames, (container.frame_samples // MAX_CHANNELS, 1), decoded)
    if not is_uniform:
        return Raster(frames)
    if not spaces:
        next(iter(frames))
    return Raster(frames, colour=container.colour, space=spaces[0])


def _pages(raw: Raw, container: Container[Any]) -> Iterator[tuple[Pixels, str]]:
    """Every page, and the space of its numbers."""
    pages: tuple[Page, ...] = container.tree.pages if container.tree else ()
    tiff_samples.check_codings(pages)
    if not any(map(tiff_samples.is_read_here, pages)):
        yield from _foreign_pages(raw, container)
        return
    for page in pages:
        if tiff_samples.is_read_here(page):
            pixels, space = tiff_samples.read_page(page)
            yield rotated(pixels, page.orientation), space
        else:
            alone = replace(container, frames=1, tree=replace(container.tree, pages=(page,)))
            yield from _foreign_pages(as_classic(alone), alone)


def _foreign_pages(raw: Raw, container: Container[Any]) -> Iterator[tuple[Pixels, str]]:
    """Every page, by Pillow and OpenCV."""
    try:
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(raw))
    except SyntaxError as error:
        raise tiff_samples.unknown_samples(container) from error
    for number in range(container.frames):
        image.seek(number)
        yield _page(raw, number, image)


def _page(raw: Raw, number: int, image: TiffImagePlugin.TiffImageFile) -> tuple[Pixels, str]:
    """A page that Pillow has gone to, and the space of its numbers."""
    tags = image.tag_v2
    wide = max(tags.get(258, (1,))) == 16 and tags.get(277, 1) > 1
    if wide and tags.get(262) in (1, 2) and max(tags.get(339, (1,))) == 1:
        return _tiff16(raw, number, image)
    image.load()  # turns the page upright by its tag 274
    return array_of(image)


def _tiff16(raw: Raw, number: int, image: Image.Image) -> tuple[Pixels, str]:
    """A 16-bit page of several channels, which Pillow would cut to 8 bit."""
    found, pages = cv2.imdecodemulti(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED, range=(number, number + 1))
    if not found or len(pages) != 1:
        raise MalformedImage("the decoder refused it", structure=f"tiff page {number}")
    pixels = pages[0] if pages[0].ndim == 3 else pages[0][:, :, None]
    return _swapped(pixels), space_of(pixels)


def avif(raw: Raw, container: Container[Any]) -> Raster:
    """8 bit, of HDR and linear light 16; the turns of irot and imir are still to be made, as Pillow's orientation."""

    def opened() -> Image.Image:
        return AvifImagePlugin.AvifImageFile(io.BytesIO(raw))

    image = opened()
    colour, orientation = _isobmff_colour(container), int(image.getexif().get(274, 1))
    still = getattr(container.tree, "still", None) if container.frames == 1 else None
    depth = still.depth if still else None
    frames: tuple[Frame, ...] | FrameStream
    if depth and depth > 8 and colour.cicp and colour.cicp[1] in COARSE:
        sized(*image.size, container)
        pixels = wide_pixels(raw, depth)
        space = space_of(pixels)
        frames = (Frame(pixels),)
    else:
        frames, _, space = _frames(opened, container)
    return Raster(frames, 0, orientation if 1 <= orientation <= 8 else 1, colour, space)


def _stretched(pixels: Pixels, depth: int) -> Pixels:
    """Samples of so many bits in 16, by repeating the high bits, so that full stays full."""
    low = pixels >> (2 * depth - 16)
    pixels <<= 16 - depth
    pixels |= low
    return pixels


def _isobmff_colour(container: Container[Any]) -> Colour:
    """In HEIF a profile says the colours, and nclx beside it only how YCbCr was made (ISO/IEC 23008-12, 6.5.5).

    Codes of television curves stand for what encoders were given: browsers show them as sRGB, here and not in PNG.
    """
    colour = container.colour
    if colour.icc:
        return Colour(icc=colour.icc)
    if colour.cicp and colour.cicp[1] in TELEVISION:
        return Colour(cicp=(colour.cicp[0], SRGB_CURVE, *colour.cicp[2:]))
    return colour


def heic(raw: Raw, container: Container[Any]) -> Raster:
    """The primary picture, which libheif has cut and turned; of a file without a still the sequence."""
    if container.tree is not None and container.tree.still is None:
        return hevc_track.read(container, _isobmff_colour(container))
    import pillow_heif  # here, because it costs 60 ms that only this format should pay

    file = pillow_heif.open_heif(io.BytesIO(raw), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    image = file[file.primary_index]
    sized(*image.size, container)
    pixels = np.array(image)
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    depth = int(str(image.info["bit_depth"]))
    if image.premultiplied_alpha:
        raise UnsupportedFeature(
            "premultiplied alpha is not handled",
            structure=container.format,
            offset=picture_offset(container),
        )
    if pixels.dtype == np.uint16 and 8 <= depth < 16:
        pixels = _stretched(pixels, depth)
    # libheif has made the turns that irot and imir ask for; Exif has no say (ISO/IEC 23008-12, A.2).
    return Raster((Frame(pixels),), colour=_isobmff_colour(container), space=space_of(pixels))
