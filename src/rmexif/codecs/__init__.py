"""Bytes to pixels and back: foreign codecs in, our values and our errors out.

Every call of a foreign codec happens behind ``codec_errors``, so whatever it raises leaves as an InputError (decoding)
or an EncodeError (encoding). A decoder sees only bytes of the format that our own parser found: the plugin is called by
its class, never through ``Image.open``, so no other plugin is ever tried. Limits are those of our parser, checked from
the header before any decoder runs; Pillow's process-wide pixel limit, which some plugins look at once more, is left as
it is. Nothing global is set: decode() and encode() may run in any number of threads.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rmexif.codecs import decode_only, decoders, drawing, encoders, jxl, pillow
from rmexif.codecs.encoders import MULTIPLE, PADDED, SHAPED, STREAMED, keeps_16_bit, keeps_lowest_bits
from rmexif.codecs.frames import alike
from rmexif.errors import EncodeError, LimitExceeded, MalformedImage, ProcessingError, RmexifError, UnsupportedFeature
from rmexif.types import FrameStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rmexif.types import Container, Frame, Raster

__all__ = [
    "DECODERS",
    "ENCODERS",
    "MULTIPLE",
    "PADDED",
    "SHAPED",
    "STREAMED",
    "decode",
    "encode",
    "encode_lossless_webp",
    "keeps_16_bit",
    "keeps_lowest_bits",
]

DECODERS: dict[str, Callable[[bytes | memoryview, Container[Any]], Raster]] = {
    "jpeg": decoders.jpeg,
    "png": decoders.png,
    "webp": decoders.webp,
    "gif": decoders.gif,
    "tiff": decoders.tiff,
    "bmp": decoders.bmp,
    "avif": decoders.avif,
    "heic": decoders.heic,
    "jxl": jxl.read,
    "pnm": decoders.pnm,
    "qoi": decode_only.qoi,
    "ico": decode_only.icon,
    "jpeg2000": decode_only.jpeg2000,
    "dib": decode_only.dib,
    "pfm": decode_only.pfm,
    "psd": decode_only.photoshop,
    "tga": decode_only.targa,
    "raw": decode_only.camera_raw,
    "svg": drawing.drawing,
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
    "pnm": encoders.pnm,
}


def decode(raw: bytes | memoryview, container: Container[Any]) -> Raster:
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
        raise UnsupportedFeature("there is no decoder for this format", structure=container.format, offset=0)
    with codec_errors(MalformedImage, container.format, "decoder"):
        raster = decoder(raw, container)
        if isinstance(raster.frames, FrameStream):
            raster = replace(raster, frames=_guarded(raster.frames, container))
    pillow.sized(raster.width, raster.height, container)
    if len(raster.frames) < container.frames:
        raise MalformedImage(
            f"{container.frames} frames announced, {len(raster.frames)} decoded",
            structure=container.format,
            offset=pillow.picture_offset(container),
        )
    return raster


def _guarded(frames: FrameStream, container: Container[Any]) -> FrameStream:
    """The same frames, with the errors of the decoder turned into ours at each of them."""

    def make() -> Iterator[Frame]:
        with codec_errors(MalformedImage, container.format, "decoder"):
            yield from frames

    return FrameStream(len(frames), make)


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
    if len(raster.frames) > 1 and format_name not in MULTIPLE:
        raise EncodeError(f"{format_name}: the format holds one picture, not {len(raster.frames)}")
    with codec_errors(EncodeError, format_name, "encoder"):
        if len(raster.frames) > 1 and format_name != "tiff":
            raster = _animated(raster, format_name)
        return encoder(raster, quality)


def _animated(raster: Raster, format_name: str) -> Raster:
    """A few pages as the frames of an animation, which have one size and one number of channels; frames are so already.

    Raises:
        EncodeError: pages of different sizes.
    """
    if isinstance(raster.frames, FrameStream) or raster.frames[0].duration:
        return raster
    if len({frame.pixels.shape[:2] for frame in raster.frames}) > 1:
        problem = 'pages of different sizes are no animation; output="tiff" holds them, frames="first" keeps one'
        raise EncodeError(f"{format_name}: {problem}")
    pages = tuple(replace(page, pixels=encoders.to_8bit(page.pixels)) for page in raster.frames)
    return replace(raster, frames=alike(pages))


def encode_lossless_webp(pixels: NDArray[np.uint8]) -> bytes:
    """One picture, H x W x 3 or 4, as VP8L; what lies under alpha 0 must be cleared already.

    Raises:
        EncodeError: the encoder failed.
    """
    with codec_errors(EncodeError, "webp", "encoder"):
        return encoders.through_pillow(pixels, "WEBP", lossless=True, quality=70, method=2, exact=True)


@contextmanager
def codec_errors(error: type[ProcessingError], name: str, side: str) -> Iterator[None]:
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
