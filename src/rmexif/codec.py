"""Bytes to pixels and back: foreign codecs in, our values and our errors out.

Every call of a foreign codec happens behind ``_door``, so whatever it raises leaves as an InputError (decoding) or an
EncodeError (encoding). A decoder sees only bytes of the format that our own parser found: the plugin is called by its
class, never through ``Image.open``, so no other plugin is tried and Pillow's process-wide pixel limit (which ours
replaces, from the header, before any decoder runs) is neither consulted nor changed. Nothing global is set at all:
decode() and encode() may run in any number of threads.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from rmexif import encoders
from rmexif.errors import EncodeError, LimitExceeded, MalformedImage, ProcessingError, RmexifError, UnsupportedFeature
from rmexif.types import Colour, Container, Frame, Raster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ENCODERS", "decode", "encode"]

Pixels = NDArray[Any]
Raw = bytes | memoryview

PNG_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND"})
# Pillow modes that are taken as they are, and what the numbers mean.
PLAIN_MODES = {"L": "L", "LA": "L", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK", "LAB": "LAB"}
# Pillow modes that are first converted to one of the above; none of these loses anything.
CONVERTED_MODES = {"1": "L", "La": "LA", "P": "RGB", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}


def decode(raw: Raw, container: Container) -> Raster:
    """The pictures of a file, every frame composed to full size, not yet turned and not yet colour-managed.

    Args:
        raw: the whole file.
        container: what our parser says about it; its limits were checked there. No more frames than it
            counted are decoded.

    Raises:
        MalformedImage: the decoder refused the data, or found another size or fewer frames than the header names.
        UnsupportedFeature: a pixel format that is refused.
        LimitExceeded: there is not enough memory.
    """
    decoder = DECODERS.get(container.format)
    if decoder is None:
        raise UnsupportedFeature(f"{container.format}: there is no decoder for this format")
    with _door(MalformedImage, container.format, "decoder"):
        raster = decoder(raw, container)
        _check(raster, container)
    return raster


def encode(raster: Raster, format_name: str, quality: int) -> bytes:
    """The file of an upright sRGB (or grey) raster, with nothing in it but the picture.

    Args:
        raster: uint8 or uint16; reduced to what the format holds (alpha composited on white, 16 bit to 8 bit).
        format_name: a key of ``ENCODERS``.
        quality: 1-100, for the lossy formats.

    Raises:
        EncodeError: the format has no encoder here, cannot hold this raster, or its encoder failed.
    """
    encoder = ENCODERS.get(format_name)
    if encoder is None:
        raise EncodeError(f"{format_name}: there is no encoder for this format")
    if len(raster.frames) > 1 and format_name not in encoders.MULTIPLE:
        raise EncodeError(f"{format_name}: the format holds one picture, not {len(raster.frames)}")
    with _door(EncodeError, format_name, "encoder"):
        return encoder(raster, quality)


@contextmanager
def _door(error: type[ProcessingError], name: str, side: str) -> Iterator[None]:
    """Turn whatever a foreign codec raises, Rust panics included, into ``error``."""
    try:
        yield
    except (RmexifError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except MemoryError as exc:
        if error is EncodeError:
            raise EncodeError(f"{name}: encoding needs more memory than there is") from exc
        raise LimitExceeded(f"{name}: decoding needs more memory than there is") from exc
    except BaseException as exc:  # pyo3's PanicException is no Exception
        raise error(f"{name}: the {side} failed ({type(exc).__name__})") from exc


def _check(raster: Raster, container: Container) -> None:
    """Raise MalformedImage where decoded frames are not what the header announced."""
    name, stored = container.format, sorted((container.width, container.height))
    if len(raster.frames) < container.frames and name != "jxl":
        raise MalformedImage(f"{name}: {container.frames} frames announced, {len(raster.frames)} decoded")
    size = sorted((raster.width, raster.height))
    if name in ("heic", "avif", "jxl"):  # a clean aperture (clap) cuts, a turn swaps the sides
        agrees = size[0] <= stored[0] and size[1] <= stored[1]
    elif name == "tiff":  # Pillow has turned the pages
        agrees = size == stored
    else:
        agrees = (raster.width, raster.height) == (container.width, container.height)
    if not agrees:
        raise MalformedImage(
            f"{name}: {container.width} x {container.height} px announced, {raster.width} x {raster.height} px decoded"
        )


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


def _array(image: Image.Image) -> tuple[Pixels, str]:
    """Pixels of a loaded Pillow image, as H x W x C, and the raster's space."""
    if image.mode.startswith("I;16"):
        return np.array(image).astype(np.uint16)[:, :, None], "L"
    if image.mode not in PLAIN_MODES or "transparency" in image.info:
        target = CONVERTED_MODES.get(image.mode, image.mode)
        if "transparency" in image.info and image.mode != "PA":
            target = "LA" if image.mode in ("1", "L") else "RGBA"
        if target not in PLAIN_MODES:
            raise UnsupportedFeature(f"samples of type {image.mode} are not handled")
        image = image.convert(target)
    pixels = np.array(image)
    return (pixels if pixels.ndim == 3 else pixels[:, :, None]), PLAIN_MODES[image.mode]


def _space(pixels: Pixels) -> str:
    return "L" if pixels.shape[2] < 3 else "RGB"


def _alike(frames: list[Frame]) -> tuple[Frame, ...]:
    """The frames of an animation with one number of channels: RGBA if one of them has alpha, else RGB."""
    if len({frame.pixels.shape[2] for frame in frames}) == 1:
        return tuple(frames)
    channels = 4 if any(frame.pixels.shape[2] in (2, 4) for frame in frames) else 3
    return tuple(Frame(_expand(frame.pixels, channels), frame.duration) for frame in frames)


def _expand(pixels: Pixels, channels: int) -> Pixels:
    """8-bit pixels as RGB (3) or RGBA (4)."""
    have = pixels.shape[2]
    if have == channels:
        return pixels
    colour = np.repeat(pixels[:, :, :1], 3, axis=2) if have < 3 else pixels[:, :, :3]
    if channels == 3:
        return np.ascontiguousarray(colour)
    alpha = pixels[:, :, -1:] if have == 2 else np.full_like(pixels[:, :, :1], 255)
    return np.concatenate((colour, alpha), axis=2)


def _frames(image: Image.Image, numbers: range) -> tuple[tuple[Frame, ...], str]:
    """The frames of an animation that Pillow composes, with their durations."""
    frames, space = [], "RGB"
    for number in numbers:
        image.seek(number)
        image.load()
        pixels, space = _array(image)
        frames.append(Frame(pixels, float(image.info.get("duration") or 0) if len(numbers) > 1 else 0.0))
    return _alike(frames), space


# -- one function per format -------------------------------------------------------------------------------------


def _jpeg(raw: Raw, container: Container) -> Raster:
    precision, components = _jpeg_frame(raw)
    if precision != 8:
        raise UnsupportedFeature(f"jpeg: {precision}-bit samples are not handled")
    space = "RGB"
    if components == 1:
        pixels, space = _cv2(raw, cv2.IMREAD_GRAYSCALE), "L"
    elif components == 3:
        pixels = _cv2(raw, cv2.IMREAD_COLOR_RGB)
    elif components == 4:  # Pillow hands out ink (255 = full) for Adobe's inverted CMYK and YCCK alike
        pixels, space = _array(_loaded(JpegImagePlugin.JpegImageFile(io.BytesIO(raw))))
    else:
        raise UnsupportedFeature(f"jpeg: {components} components are not handled")
    return Raster((Frame(pixels),), orientation=container.orientation, colour=container.colour, space=space)


def _jpeg_frame(raw: Raw) -> tuple[int, int]:
    """Precision (bit) and number of components, from the frame header (T.81, B.2.2)."""
    at, end = 2, len(raw) - 9
    while at < end:
        if raw[at] != 0xFF or raw[at + 1] in (0x00, 0xFF):
            at += 1
            continue
        marker = raw[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return raw[at + 4], raw[at + 9]
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # no length follows
            at += 2
            continue
        at += 2 + max(2, raw[at + 2] << 8 | raw[at + 3])
    raise MalformedImage("jpeg: no frame header before the end of the file")


def _loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image


def _png(raw: Raw, container: Container) -> Raster:
    data, chunks = _png_pixels_only(raw)
    depth, colour_type = data[24], data[25]
    if "acTL" in chunks or colour_type == 3:
        image = PngImagePlugin.PngImageFile(io.BytesIO(data))
        count = image.n_frames if "acTL" in chunks else 1
        first = 1 if count > 1 and image.default_image else 0  # a default image that is no frame is not shown
        frames, _ = _frames(image, range(first, min(count, first + container.frames)))
        loop = int(image.info.get("loop", 0))
        return Raster(frames, loop, container.orientation, container.colour, _space(frames[0].pixels))
    pixels = _swapped(_cv2(data, cv2.IMREAD_UNCHANGED))
    if colour_type == 4 and pixels.shape[2] == 4:  # OpenCV widens grey + alpha to four channels
        pixels = np.ascontiguousarray(pixels[:, :, 2:])
    if "tRNS" in chunks and pixels.shape[2] in (1, 3):
        pixels = _keyed(pixels, chunks["tRNS"], depth)
    return Raster((Frame(pixels),), 0, container.orientation, container.colour, _space(pixels))


def _png_pixels_only(raw: Raw) -> tuple[bytes, dict[str, bytes]]:
    """The file without what no pixel needs, so that a broken or huge text cannot stop a decoder; chunks by name."""
    kept, found, at = [bytes(raw[:8])], dict[str, bytes](), 8
    while at + 12 <= len(raw):
        size, name = int.from_bytes(raw[at : at + 4], "big"), bytes(raw[at + 4 : at + 8])
        if name in PNG_PIXELS:
            kept.append(bytes(raw[at : at + 12 + size]))
            found.setdefault(name.decode(), kept[-1][8:-4])
        at += 12 + size
    return b"".join(kept), found


def _keyed(pixels: Pixels, key: bytes, depth: int) -> Pixels:
    """Add the alpha channel of a colour key (PNG, 11.3.1.1): a 16-bit number per channel, in samples of ``depth``."""
    full, mask = int(np.iinfo(pixels.dtype).max), (1 << depth) - 1
    values = (np.frombuffer(key, ">u2").astype(int) & mask) * full // mask
    opaque = (pixels != values.astype(pixels.dtype)).any(axis=2, keepdims=True)
    return np.concatenate((pixels, (opaque * full).astype(pixels.dtype)), axis=2)


def _webp(raw: Raw, container: Container) -> Raster:
    if container.frames == 1:
        pixels = _swapped(_cv2(raw, cv2.IMREAD_UNCHANGED))
        return Raster((Frame(pixels),), 0, container.orientation, container.colour)
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(raw))
    frames, _ = _frames(image, range(min(image.n_frames, container.frames)))
    return Raster(frames, int(image.info["loop"]), container.orientation, container.colour)


def _gif(raw: Raw, container: Container) -> Raster:
    image = GifImagePlugin.GifImageFile(io.BytesIO(raw))
    count = image.n_frames if container.frames > 1 else 1
    frames, space = _frames(image, range(min(count, container.frames)))
    # NETSCAPE2.0 counts repetitions after the first play, 0 is forever; without it a GIF plays once.
    loop = image.info.get("loop")
    plays = 1 if loop is None else int(loop) + 1 if loop else 0
    return Raster(frames, plays if len(frames) > 1 else 0, 1, container.colour, space)


def _bmp(raw: Raw, container: Container) -> Raster:
    pixels, space = _array(_loaded(BmpImagePlugin.BmpImageFile(io.BytesIO(raw))))
    return Raster((Frame(pixels),), colour=container.colour, space=space)


def _tiff(raw: Raw, container: Container) -> Raster:
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(raw))
    frames, space = [], "RGB"
    for number in range(container.frames):
        image.seek(number)
        tags = image.tag_v2
        wide = max(tags.get(258, (1,))) == 16 and tags.get(277, 1) > 1
        if wide and tags.get(262) in (1, 2) and max(tags.get(339, (1,))) == 1:
            pixels, page_space = _tiff16(raw, number, image)
        else:
            image.load()  # turns the page upright by its tag 274
            pixels, page_space = _array(image)
        if number and page_space != space:
            raise UnsupportedFeature("tiff: pages in different colour spaces are not handled")
        space = page_space
        frames.append(Frame(pixels))
    return Raster(tuple(frames), colour=container.colour, space=space)


def _tiff16(raw: Raw, number: int, image: Image.Image) -> tuple[Pixels, str]:
    """A 16-bit page of several channels, which Pillow would cut to 8 bit."""
    found, pages = cv2.imdecodemulti(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED, range=(number, number + 1))
    if not found or len(pages) != 1:
        raise MalformedImage(f"tiff: the decoder refused page {number}")
    pixels = pages[0] if pages[0].ndim == 3 else pages[0][:, :, None]
    return _swapped(pixels), _space(pixels)


def _avif(raw: Raw, container: Container) -> Raster:
    image = AvifImagePlugin.AvifImageFile(io.BytesIO(raw))
    frames, space = _frames(image, range(min(image.n_frames, container.frames)))
    orientation = int(image.getexif().get(274, 1))
    return Raster(frames, 0, orientation if 1 <= orientation <= 8 else 1, _isobmff_colour(container), space)


def _isobmff_colour(container: Container) -> Colour:
    """In HEIF a profile says the colours, and nclx beside it only how YCbCr was made (ISO/IEC 23008-12, 6.5.5)."""
    return Colour(icc=container.colour.icc) if container.colour.icc else container.colour


def _heic(raw: Raw, container: Container) -> Raster:
    import pillow_heif

    file = pillow_heif.open_heif(io.BytesIO(raw), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    image = file[file.primary_index]
    pixels = np.asarray(image)
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    depth = int(str(image.info["bit_depth"]))
    if image.premultiplied_alpha:
        raise UnsupportedFeature("heic: premultiplied alpha is not handled")
    if pixels.dtype == np.uint16 and depth < 16:  # stretched, so that full stays full
        mask = (1 << depth) - 1
        pixels = ((pixels.astype(np.uint32) * 65535 + mask // 2) // mask).astype(np.uint16)
    # libheif has made the turns that irot and imir ask for; Exif has no say (ISO/IEC 23008-12, A.2).
    return Raster((Frame(np.array(pixels)),), colour=_isobmff_colour(container), space=_space(pixels))


def _jxl(raw: Raw, container: Container) -> Raster:
    """The first frame: the binding knows no animation, and libjxl makes the turn of the codestream itself."""
    import pillow_jxl

    rebuilt, info, data, profile, _ = pillow_jxl.Decoder(num_threads=0)(_without_jpeg(raw))
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}.get(info.mode)
    count = info.width * info.height * (channels or 1)
    if rebuilt or channels is None or len(data) not in (count, 2 * count):
        raise UnsupportedFeature("jxl: samples of this type are not handled")
    samples = np.frombuffer(data, np.uint8 if len(data) == count else np.uint16)
    pixels: Pixels = samples.reshape(info.height, info.width, channels).copy()
    colour = Colour(icc=profile) if profile else container.colour
    return Raster((Frame(pixels),), colour=colour, space=_space(pixels))


def _without_jpeg(raw: Raw) -> bytes:
    """The file without its jbrd box, from which libjxl would give the old JPEG instead of the codestream's pixels."""
    kept, at = [], 0
    while raw[:4] == b"\0\0\0\x0c" and at + 8 <= len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(raw[at + 8 : at + 16], "big")
        end = len(raw) if size == 0 else at + max(size, 8)
        if bytes(raw[at + 4 : at + 8]) != b"jbrd":
            kept.append(raw[at:end])
        at = end
    return b"".join(kept) or bytes(raw)


DECODERS: dict[str, Callable[[Raw, Container], Raster]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "tiff": _tiff,
    "bmp": _bmp,
    "avif": _avif,
    "heic": _heic,
    "jxl": _jxl,
}

ENCODERS: dict[str, Callable[[Raster, int], bytes]] = {
    "jpeg": encoders.jpeg,
    "png": encoders.png,
    "webp": encoders.webp,
    "gif": encoders.gif,
    "tiff": encoders.tiff,
    "bmp": encoders.bmp,
    "avif": encoders.avif,
    "heic": encoders.heic,
    "jxl": encoders.jxl,
}
