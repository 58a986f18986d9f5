"""Strips and tiles (TIFF 6.0, sections 9 to 15, 22; Technical Note 2): cut behind the last sample, padding cleared.

Codes are passed through wherever nothing has to be cleared inside them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rmexif.containers.common import lzw
from rmexif.containers.jpeg import JPEG, segments
from rmexif.containers.jpeg.segments import Marker
from rmexif.containers.tiff import packbits
from rmexif.containers.tiff.samples import clear_invisible
from rmexif.containers.tiff.tags import Compression
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Role

if TYPE_CHECKING:
    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry
    from rmexif.cursor import ByteOrder
    from rmexif.types import Limits

__all__ = ["KNOWN", "PREDICTED", "CleanStrip", "StripSource", "clean_strip"]

STRUCTURE = "tiff strip or tile"
BILEVEL = frozenset({Compression.HUFFMAN, Compression.GROUP_3, Compression.GROUP_4})
PREDICTED = frozenset({Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE})  # elsewhere there is none
KNOWN = BILEVEL | PREDICTED | {Compression.NONE, Compression.JPEG, Compression.PACKBITS}
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))  # FillOrder 2
PIECE = 1 << 16  # byte inflated at a time; it gives at most 64 MiB
END_OF_BLOCK = bytes([*[0] * 11, 1] * 2)  # EOFB of T.6, 2.4.1.1, one byte a bit: no code of a picture holds it


@dataclass(frozen=True, slots=True)
class StripSource:
    """A strip in the file, as long as its byte count says."""

    data: bytes
    offset: int  # byte of the file


@dataclass(frozen=True, slots=True)
class CleanStrip:
    """A clean strip.

    Attributes:
        data: its bytes.
        consumed: bytes of the source that a decoder reads.
        samples: decoded bytes, where they were needed.
        residuals: what could not be decoded.
    """

    data: bytes
    consumed: int
    samples: bytearray | None = None
    residuals: frozenset[Residual] = frozenset()


def clean_strip(source: StripSource, coding: StripCoding, geometry: StripGeometry, limits: Limits) -> CleanStrip:
    """The least that decodes to the same pixels.

    Args:
        source: the strip.
        coding: of all strips of the page.
        geometry: of this one.
        limits: for a JPEG stream.

    Raises:
        MalformedImage: it holds fewer samples than the picture needs.
        UnsupportedFeature: a variant of a coding that is not decoded.
    """
    data = source.data
    if coding.compression == Compression.JPEG:
        return _jpeg(source, coding, geometry, limits)
    if coding.compression in BILEVEL:
        return _bilevel(data, coding)
    if coding.compression not in KNOWN:
        return CleanStrip(data, len(data), residuals=frozenset({Residual.TIFF_UNREAD_CODING}))
    if coding.reverse:
        source = replace(source, data=data.translate(REVERSED))
    strip = _CODERS[Compression(coding.compression)](source, coding, geometry)
    return replace(strip, data=strip.data.translate(REVERSED)) if coding.reverse else strip


def _need(size: int, source: StripSource, geometry: StripGeometry) -> None:
    """Refuse a strip of fewer decoded bytes than the picture needs."""
    if size < geometry.size:
        problem = f"it decodes to {size} bytes, {geometry.size} are needed"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)


def _uncompressed(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> CleanStrip:
    _need(len(source.data), source, geometry)
    samples = bytearray(source.data[: geometry.size])
    clear_invisible(samples, coding, geometry)
    return CleanStrip(bytes(samples), geometry.size, samples)


def _lzw(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> CleanStrip:
    if len(source.data) > 1 and source.data[0] == 0 and source.data[1] & 1:
        problem = "LZW codes in the bit order of before TIFF 5.0 are refused"
        raise UnsupportedFeature(problem, structure=STRUCTURE, offset=source.offset)
    walk = lzw.walk(source.data, 8, geometry.size, tiff=True)
    _need(walk.size, source, geometry)
    if not coding.needs_samples(geometry):
        return CleanStrip(walk.data, walk.consumed)
    samples = bytearray(lzw.decode(walk.data, geometry.size))
    changed = clear_invisible(samples, coding, geometry)
    return CleanStrip(lzw.encode(bytes(samples)) if changed else walk.data, walk.consumed, samples)


def _deflate(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> CleanStrip:
    data, stream = source.data, zlib.decompressobj()
    keep = coding.needs_samples(geometry)
    samples, size, fed = bytearray(), 0, 0
    try:
        while fed < len(data) and size <= geometry.size and not stream.eof:
            piece = stream.decompress(data[fed : fed + PIECE])
            fed += PIECE
            size += len(piece)
            if keep:
                samples += piece
    except zlib.error as error:
        problem = "its zlib stream is damaged"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset) from error
    _need(size, source, geometry)
    consumed = min(fed, len(data)) - len(stream.unused_data)
    exact = stream.eof and size == geometry.size
    if not keep:
        if exact:
            return CleanStrip(data[:consumed], consumed)
        samples = bytearray(zlib.decompressobj().decompress(data, geometry.size))
    del samples[geometry.size :]
    if clear_invisible(samples, coding, geometry) or not exact:
        return CleanStrip(zlib.compress(samples), consumed, samples)
    return CleanStrip(data[:consumed], consumed, samples)


def _packbits(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> CleanStrip:
    """Always packed again: the lengths of runs are free choices."""
    samples, consumed = packbits.decode(source.data, geometry.size)
    _need(len(samples), source, geometry)
    del samples[geometry.size :]
    clear_invisible(samples, coding, geometry)
    row = geometry.row or geometry.size
    rows = [packbits.encode_row(bytes(samples[at : at + row])) for at in range(0, len(samples), row)]
    return CleanStrip(b"".join(rows), consumed, samples)


_CODERS = {
    Compression.NONE: _uncompressed,
    Compression.LZW: _lzw,
    Compression.DEFLATE: _deflate,
    Compression.OLD_DEFLATE: _deflate,
    Compression.PACKBITS: _packbits,
}


def _bilevel(data: bytes, coding: StripCoding) -> CleanStrip:
    """Fax codes are passed through; Group 4 ends with a code that can be found, the others run to the byte count."""
    if coding.compression == Compression.GROUP_4:
        order: ByteOrder = "little" if coding.reverse else "big"
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder=order).tobytes()
        at = bits.find(END_OF_BLOCK)
        if at >= 0:
            codes = np.frombuffer(bits[: at + len(END_OF_BLOCK)], np.uint8)
            clean = np.packbits(codes, bitorder=order).tobytes()
            return CleanStrip(clean, len(clean))
    return CleanStrip(data, len(data), residuals=frozenset({Residual.TIFF_FAX_TAIL}))


def _jpeg(source: StripSource, coding: StripCoding, geometry: StripGeometry, limits: Limits) -> CleanStrip:
    """A JPEG stream of its own: the shared tables put in, everything but the picture taken out.

    Raises:
        MalformedImage: a picture that is larger than its strip; decoders cut it without a word.
    """
    view = memoryview(b"\xff\xd8" + _picture_segments(coding.jpeg_tables) + _picture_segments(source.data))
    container = JPEG.parse(view, limits)
    across, down = coding.block
    least = down if coding.tiled else geometry.rows
    if container.width != across or not least <= container.height <= down:
        problem = f"a JPEG of {container.width} x {container.height} px, expected {across} x {least}"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    data = b"".join(JPEG.rewrite(view, replace(container, orientation=1)))
    trailer = sum(part.length for part in container.parts if part.role is Role.TRAILER)
    residuals = {*container.residuals, *([Residual.TIFF_TILE_PADDING] if container.height > geometry.rows else [])}
    return CleanStrip(data, len(source.data) - trailer, residuals=frozenset(residuals))


def _picture_segments(stream: bytes) -> bytes:
    """A JPEG stream behind SOI, without application segments and comments before its first scan."""
    out = bytearray()
    for item in segments.walk(stream) if stream else ():
        if not isinstance(item, segments.Segment) or item.marker in (Marker.SOI, Marker.COM):
            continue
        if item.marker == Marker.EOI:
            break
        if item.marker == Marker.SOS:
            return bytes(out) + stream[item.start :]
        if item.marker == Marker.APP14 or not segments.is_application(item.marker):
            out += stream[item.start : item.end]
    return bytes(out)
