"""Strips that are complete streams of another format, rewritten by its walker: JPEG, PNG, WebP, JPEG XL.

JPEG is that of Technical Note 2, WebP that of libtiff 4.0.10, JPEG XL that of DNG 1.7 and of libraries before it. What
a stream says beside its picture goes: colour and orientation are the page's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from rmexif import native
from rmexif.containers.common.aspect import SQUARE
from rmexif.containers.jpeg import JPEG, segments
from rmexif.containers.jpeg.application import jfif_segment
from rmexif.containers.jpeg.segments import Marker
from rmexif.containers.jxl import JXL
from rmexif.containers.jxl.image_header import GREY
from rmexif.containers.png import PNG
from rmexif.containers.tiff.coded_strip import STRUCTURE, CleanStrip, StripSource, check_size
from rmexif.containers.tiff.tags import Compression
from rmexif.containers.webp import WEBP
from rmexif.errors import InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import HARMLESS, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rmexif.containers.common.row import FormatRow
    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry
    from rmexif.types import Container, Limits

__all__ = ["STREAMS", "check_cost", "clean_jpeg", "clean_stream", "complete_stream"]

COLOUR_TYPE = 9  # byte of IHDR
PNG_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type (PNG, 11.2.1), but for palettes
WITH_ALPHA = (2, 4)  # samples
SIGNATURE = 16  # byte: what a signature may look at
SOI_AND_EOI = 4  # byte
PLAIN_JFIF = jfif_segment(SQUARE)  # of an encoder that writes whole files (imagecodecs)
UNDER_ALPHA = "colour under alpha"  # what a page keeps as a residual, where its strips are not decoded
MOST_BY_TWIN = 1 << 19  # px of a page whose WebP strips are walked without the compiled core: some 5 s


class _Stream(NamedTuple):
    """How streams of a format stand in strips.

    Attributes:
        row: of the format.
        alone: what parse() gave, without what the page says itself.
        samples: how many a pixel of the page may have.
    """

    row: FormatRow[Any]
    alone: Callable[[Container[Any]], Container[Any]]
    samples: Callable[[Container[Any]], tuple[int, ...]]
    clears_colour: bool = False  # whether a rewrite clears the colour of pixels without opacity


def _webp_alone(container: Container[Any]) -> Container[Any]:
    return replace(container, tree=replace(container.tree, profile=b"", exif=b""))


def _webp_samples(container: Container[Any]) -> tuple[int, ...]:
    """Colours and alpha; an encoder leaves out one that is opaque everywhere.

    Raises:
        UnsupportedFeature: an animation, or something hides in the codes that only an encoder takes out.
    """
    (picture, *more) = container.tree.pictures
    if more or container.tree.animation:
        raise UnsupportedFeature("an animation, expected a still", structure="webp", offset=0)
    if picture.flaw and picture.flaw.name != UNDER_ALPHA:
        problem = f"{picture.flaw.name}: {picture.flaw.length} bytes could lie there; use scrub, which encodes again"
        raise UnsupportedFeature(problem, structure="webp", offset=picture.coded.at.offset)
    if picture.is_lossless and not picture.is_walked:
        problem = "lossless WebP is cleaned with the compiled core alone; scrub decodes it"
        raise UnsupportedFeature(problem, structure="webp", offset=picture.coded.at.offset)
    return (4,) if picture.alpha or picture.is_translucent else (3, 4)


def _jxl_samples(container: Container[Any]) -> tuple[int, ...]:
    """Colours and extra channels.

    Raises:
        UnsupportedFeature: an animation, or a picture that is turned: decoders disagree about its size.
    """
    header = container.tree.codestream.image
    if header.animation or container.frames != 1:
        raise UnsupportedFeature("an animation, expected a still", structure="jxl", offset=0)
    if header.orientation != 1:
        problem = f"orientation {header.orientation}, expected 1: the page says how it is turned"
        raise UnsupportedFeature(problem, structure="jxl", offset=0)
    return ((1 if header.colour.space == GREY else 3) + len(header.channels),)


def _png_alone(container: Container[Any]) -> Container[Any]:
    head = tuple(chunk for chunk in container.tree.head if chunk[0] == b"IHDR")
    return replace(container, tree=replace(container.tree, head=head))


def _png_samples(container: Container[Any]) -> tuple[int, ...]:
    """Colours and alpha, by the colour type.

    Raises:
        UnsupportedFeature: an animation, a palette, or a colour that is transparent: a page says these itself.
    """
    chunks = dict(container.tree.head)
    header = chunks[b"IHDR"]
    if container.frames != 1 or container.tree.cover or header[COLOUR_TYPE] not in PNG_SAMPLES or b"tRNS" in chunks:
        problem = "an animation, a palette or a transparent colour, expected a still of grey or RGB"
        raise UnsupportedFeature(problem, structure="png", offset=0)
    return (PNG_SAMPLES[header[COLOUR_TYPE]],)


STREAMS: dict[int, _Stream] = {
    Compression.PNG: _Stream(PNG, _png_alone, _png_samples, clears_colour=True),
    Compression.WEBP: _Stream(WEBP, _webp_alone, _webp_samples),
    **dict.fromkeys(
        (Compression.JPEG_XL, Compression.DNG_JPEG_XL), _Stream(JXL, lambda container: container, _jxl_samples)
    ),
}


def check_cost(coding: StripCoding, strips: Sequence[StripGeometry]) -> None:
    """Refuse what the twin of the compiled core would be too slow for.

    Raises:
        LimitExceeded: WebP of more pixels than it walks in time.
    """
    pixels = sum(strip.rows * strip.columns for strip in strips)
    if coding.compression == Compression.WEBP and native.engine() == "python" and pixels > MOST_BY_TWIN:
        problem = f"{pixels} px of WebP; without the compiled core {MOST_BY_TWIN} are walked"
        raise LimitExceeded(problem, structure=STRUCTURE, offset=0)


def clean_stream(source: StripSource, coding: StripCoding, geometry: StripGeometry, limits: Limits) -> CleanStrip:
    """The stream of a strip, with everything but its picture taken out.

    Args:
        source: the strip, in a coding of ``STREAMS``.
        coding: of all strips of the page.
        geometry: of this one.
        limits: for the stream.

    Raises:
        MalformedImage: no such stream, or a picture of another size or with more samples than its strip.
        UnsupportedFeature: an animation, what its walker refuses, or opacity that the page does not know.
        LimitExceeded: it takes more than allowed.
    """
    kind, view = STREAMS[coding.compression], memoryview(source.data)
    if coding.reverse:
        problem = "FillOrder 2, which decoders take in two ways in streams of another format"
        raise UnsupportedFeature(problem, structure=STRUCTURE, offset=source.offset)
    try:
        if not kind.row.matches(bytes(view[:SIGNATURE])):
            raise MalformedImage(f"no {kind.row.format.name} stream", structure=kind.row.format.name, offset=0)
        container = kind.row.parse(view, limits)
        samples = kind.samples(container)
    except InputError as error:
        if error.offset is None:
            raise
        structure = f"{STRUCTURE}: {error.structure}"
        raise type(error)(error.problem, structure=structure, offset=source.offset + error.offset) from None
    if len(geometry.bits) not in samples:
        problem = f"{samples[0]} samples a pixel in the stream, {len(geometry.bits)} in the page"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    if kind.clears_colour and len(geometry.bits) in WITH_ALPHA and coding.alpha is None:
        problem = "opacity in a stream, and a page that calls it another channel"
        raise UnsupportedFeature(problem, structure=STRUCTURE, offset=source.offset)
    check_size(container.format.upper(), (container.width, container.height), coding, geometry, source.offset)
    data = b"".join(kind.row.rewrite(view, kind.alone(container)))
    residuals = _residuals(container, geometry)
    if data == view:
        return CleanStrip(source.data, len(data), residuals=residuals)
    is_ordinary = _is_ordinary(container, view, data)
    return CleanStrip(data, _consumed(source, container), residuals=residuals, is_ordinary=is_ordinary)


def _residuals(container: Container[Any], geometry: StripGeometry) -> frozenset[Residual]:
    beyond = {Residual.TIFF_TILE_PADDING} if container.height > geometry.rows else set[Residual]()
    return frozenset({*container.residuals, *beyond})


def _is_ordinary(container: Container[Any], view: memoryview, data: bytes) -> bool:
    """Whether all that goes is as common encoders write it."""
    return all(
        part.role is Role.ENCODING or (part.role in HARMLESS and bytes(view[part.offset : part.end]) in data)
        for part in container.parts
    )


def _consumed(source: StripSource, container: Container[Any]) -> int:
    """Bytes up to what is behind the picture."""
    return len(source.data) - sum(part.length for part in container.parts if part.role is Role.TRAILER)


def clean_jpeg(source: StripSource, coding: StripCoding, geometry: StripGeometry, limits: Limits) -> CleanStrip:
    """A JPEG stream of its own: the shared tables put in, everything but the picture taken out.

    Raises:
        MalformedImage: a picture that is larger than its strip.
    """
    view = complete_stream(source, coding)
    container = JPEG.parse(view, limits)
    check_size(container.format.upper(), (container.width, container.height), coding, geometry, source.offset)
    data = b"".join(JPEG.rewrite(view, replace(container, orientation=1)))
    left_out = len(source.data) + max(0, len(coding.jpeg_tables) - SOI_AND_EOI) - len(view)
    complete = not left_out or (left_out == len(PLAIN_JFIF) and source.data[2 : 2 + left_out] == PLAIN_JFIF)
    is_ordinary = complete and _is_ordinary(container, view, data)
    residuals = _residuals(container, geometry)
    return CleanStrip(data, _consumed(source, container), residuals=residuals, is_ordinary=is_ordinary)


def complete_stream(source: StripSource, coding: StripCoding) -> memoryview:
    """A JPEG stream with the tables that all strips share, without what is no picture."""
    return memoryview(b"\xff\xd8" + _picture_segments(coding.jpeg_tables) + _picture_segments(source.data))


def _picture_segments(stream: bytes | memoryview) -> bytes:
    """A JPEG stream behind SOI, without application segments and comments before its first scan."""
    out = bytearray()
    for item in segments.walk(stream) if stream else ():
        if not isinstance(item, segments.Segment) or item.marker in (Marker.SOI, Marker.COM):
            continue
        if item.marker == Marker.EOI:
            break
        if item.marker == Marker.SOS:
            return bytes(out) + bytes(stream[item.start :])
        if item.marker == Marker.APP14 or not segments.is_application(item.marker):
            out += stream[item.start : item.end]
    return bytes(out)
