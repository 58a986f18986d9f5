"""Strips and tiles (TIFF 6.0, sections 9 to 15, 22; Technical Note 2): decoded, padding cleared, encoded in one way.

Deflate and JPEG leave an encoder choices that show nothing else: their codes are passed through where they are ordinary
and nothing has to be cleared.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.common.zlib_stream import HEADER, compressed_well
from rmexif.containers.tiff.coded_strip import STRUCTURE, CleanStrip, StripSource
from rmexif.containers.tiff.foreign_blocks import has_common_blocks_xz, has_common_blocks_zstandard
from rmexif.containers.tiff.foreign_codings import Unpacked, unpack_xz, unpack_zstandard
from rmexif.containers.tiff.samples import DECODED as UNPACKED
from rmexif.containers.tiff.samples import clear_invisible, invisible_fill, unpredicted
from rmexif.containers.tiff.streams import STREAMS, clean_jpeg, clean_stream
from rmexif.containers.tiff.tags import Compression
from rmexif.containers.tiff.tile_padding import is_padding_alone
from rmexif.errors import REPAIR, MalformedImage
from rmexif.native import Status, ccitt, deflate, lzw, rle
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry
    from rmexif.types import Limits

__all__ = ["DECODED", "KNOWN", "PREDICTED", "REVERSED", "UNPACKED", "WRITTEN_AS", "clean_strip", "decode_samples"]
__all__ += ["source_samples"]

BILEVEL = frozenset({Compression.HUFFMAN, Compression.GROUP_3, Compression.GROUP_4})
# Codings that are written as Deflate: no encoder is at hand everywhere that codes the same in each of its versions.
WRITTEN_AS = {Compression.LZMA: Compression.DEFLATE, Compression.ZSTANDARD: Compression.DEFLATE}
PREDICTED = frozenset({Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE, *WRITTEN_AS})  # elsewhere none
KNOWN = BILEVEL | PREDICTED | {Compression.NONE, Compression.JPEG, Compression.PACKBITS, *STREAMS}
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))  # FillOrder 2
TWO_DIMENSIONS, ALIGNED = 1, 4  # T4Options: rows that refer to the one before; EOL ends with a byte


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
    if coding.compression == Compression.JPEG:
        return clean_jpeg(source, coding, geometry, limits)
    if coding.compression in STREAMS:
        return clean_stream(source, coding, geometry, limits)
    if coding.compression not in KNOWN:
        return CleanStrip(bytes(source.data), len(source.data), residuals=frozenset({Residual.TIFF_UNREAD_CODING}))
    if coding.reverse:
        source = replace(source, data=bytes(source.data).translate(REVERSED))
    strip = _rows(source, coding, geometry)
    return replace(strip, data=bytes(strip.data).translate(REVERSED)) if coding.reverse else strip


Samples = bytearray | memoryview


def decode_samples(data: bytes | memoryview, coding: StripCoding, geometry: StripGeometry) -> bytearray:
    """The samples of a clean strip, behind a horizontal predictor; of a floating point one as they are coded.

    Args:
        data: of a page in one of the codings ``UNPACKED``.
        coding: of the page.
        geometry: of the strip.
    """
    if coding.reverse:
        data = bytes(data).translate(REVERSED)
    if coding.compression == Compression.NONE:
        found = bytearray(data)
    elif coding.compression == Compression.LZW:
        found = bytearray(lzw.decode(data, geometry.size, tiff=True).samples)
    elif coding.compression == Compression.PACKBITS:
        found = rle.decode_packbits(data, geometry.size).data
    else:
        found = bytearray(deflate.inflate(data, geometry.size).data)
    return unpredicted(found, coding, geometry)


def source_samples(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> bytearray:
    """As ``decode_samples``, of a strip in the file."""
    if coding.reverse:
        source = replace(source, data=bytes(source.data).translate(REVERSED))
    found = _CODERS[Compression(coding.compression)][0](source, coding, geometry)
    if found.samples is None:
        return decode_samples(found.codes or b"", replace(coding, reverse=False), geometry)
    return unpredicted(bytearray(found.samples), coding, geometry)


class Coded(NamedTuple):
    """A strip as its decoder sees it.

    Attributes:
        samples: decoded, at most as many bytes as the strip has; a bytearray where something may be cleared in them;
            None where codes for all of them are clean as they stand.
        consumed: bytes of the source that were read.
        codes: what decodes to these samples and is clean.
        is_ordinary: where codes are None or changed: whether they are an ordinary encoder's all the same.
    """

    samples: bytearray | memoryview | None
    consumed: int
    codes: bytes | memoryview | None = None
    is_ordinary: bool = False


def _rows(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> CleanStrip:
    """Decode, clear what no pixel shows, and encode where the codes are not the canonical ones."""
    decode, encode = _CODERS[Compression(coding.compression)]
    found = decode(source, coding, geometry)
    if found.samples is None:
        assert found.codes is not None
        return CleanStrip(found.codes, found.consumed)
    if len(found.samples) < geometry.size:
        problem = f"it decodes to {len(found.samples)} bytes, {geometry.size} are needed; {REPAIR}"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    is_ordinary = found.is_ordinary or found.codes is not None
    fill = invisible_fill(found.samples, coding, geometry) if is_ordinary else None
    before = bytearray(found.samples) if is_ordinary and coding.tiled and geometry.padded else None
    changed = isinstance(found.samples, bytearray) and clear_invisible(found.samples, coding, geometry)
    kept = found.samples if coding.keeps_samples and isinstance(found.samples, bytearray) else None
    data = found.codes
    if data is None or changed:
        data = encode(found.samples, coding, geometry)
    is_ordinary, fill = found.is_ordinary and not changed, fill if changed else None
    is_padded = changed and before is not None and is_padding_alone(before, found.samples, coding, geometry)
    return CleanStrip(data, found.consumed, kept, is_ordinary=is_ordinary, fill=fill, is_padded=is_padded)


def _bare(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> Coded:
    data = source.data[: geometry.size]
    if not coding.may_clear(geometry) and len(data) == geometry.size:
        return Coded(None, geometry.size, data)
    return Coded(bytearray(data), geometry.size, is_ordinary=True)


def _bare_rows(samples: Samples, coding: StripCoding, geometry: StripGeometry) -> bytes:
    del coding, geometry
    return bytes(samples)


def _lzw(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> Coded:
    """Canonical codes are passed through, without a look at the samples where none can have to be cleared."""
    if not coding.may_clear(geometry) and (consumed := lzw.walk(source.data, geometry.size)):
        return Coded(None, consumed, source.data[:consumed])
    # A clear code in the bit order of before TIFF 5.0, which is that of GIF; written in today's, as libtiff does.
    is_old = len(source.data) > 1 and source.data[0] == 0 and bool(source.data[1] & 1)
    found = lzw.decode(source.data, geometry.size, tiff=not is_old)
    if found.status not in (Status.OK, Status.ENDS_EARLY):
        problem = f"an LZW code that the table does not hold yet, in byte {found.consumed} of the codes; {REPAIR}"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    codes = source.data[: found.consumed] if found.canonical and not is_old else None
    is_ordinary = codes is None and (found.canonical or lzw.is_greedy(found, source.data, tiff=not is_old))
    return Coded(found.samples, found.consumed, codes, is_ordinary)


def _lzw_codes(samples: Samples, coding: StripCoding, geometry: StripGeometry) -> bytes:
    del coding, geometry
    return lzw.encode(samples, tiff=True)


def _deflate(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> Coded:
    """Streams that an ordinary encoder writes are passed through."""
    found = deflate.inflate(source.data, geometry.size)
    if found.status in (Status.BAD_CODE, Status.BAD_VALUE) and len(found.data) < geometry.size:
        problem = f"its zlib stream is damaged behind {found.report.size} bytes; {REPAIR}"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    is_complete = found.status is Status.OK and found.report.intact == 1 and found.report.size == geometry.size
    codes = source.data[: found.report.used] if is_complete and found.report.is_ordinary else None
    data = bytearray(found.data) if coding.may_clear(geometry) else found.data
    if codes is not None and codes[: len(HEADER)] != HEADER:  # its level and window are for nobody
        return Coded(data, found.report.used, b"".join((HEADER, codes[len(HEADER) :])), is_ordinary=True)
    is_optimised = is_complete and found.report.is_optimised
    return Coded(data, found.report.used, codes, is_ordinary=codes is None and is_optimised)


def _deflate_codes(samples: Samples, coding: StripCoding, geometry: StripGeometry) -> bytes:
    del coding, geometry
    return zlib.compress(samples)


def _xz(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> Coded:
    return _unpacked(unpack_xz, has_common_blocks_xz, source, geometry)


def _zstandard(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> Coded:
    return _unpacked(unpack_zstandard, has_common_blocks_zstandard, source, geometry)


def _unpacked(
    unpack: Callable[..., Unpacked],
    has_common_blocks: Callable[[memoryview, int], bool],
    source: StripSource,
    geometry: StripGeometry,
) -> Coded:
    data, consumed, is_intact = unpack(source.data, geometry.size)
    if not is_intact:
        problem = f"its stream is damaged behind {len(data)} bytes; {REPAIR}"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    is_ordinary = len(data) == geometry.size and has_common_blocks(memoryview(source.data)[:consumed], len(data))
    return Coded(bytearray(data), consumed, is_ordinary=is_ordinary)


def _best_deflate_codes(samples: Samples, coding: StripCoding, geometry: StripGeometry) -> bytes:
    del coding, geometry
    return compressed_well(samples)


def _packbits(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> Coded:
    found = rle.decode_packbits(source.data, geometry.size)
    is_complete = coding.alpha is not None and len(found.data) == geometry.size  # else nothing depends on it
    is_ordinary = is_complete and _packbits_codes(found.data, coding, geometry) == source.data[: found.consumed]
    return Coded(found.data, found.consumed, is_ordinary=is_ordinary)


def _packbits_codes(samples: Samples, coding: StripCoding, geometry: StripGeometry) -> bytes:
    del coding
    return rle.encode_packbits(samples, geometry.row or geometry.size)


def _fax(source: StripSource, coding: StripCoding, geometry: StripGeometry) -> Coded:
    """Rows behind the end of the page are white, as decoders show them."""
    if geometry.bits != (1,) or not geometry.row:
        problem = f"fax codes of pixels of {geometry.pixel} bits"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    found = ccitt.decode(source.data, coding.block[0], geometry.size // geometry.row, _fax_coding(coding))
    if found.status not in (Status.OK, Status.ENDS_EARLY):
        problem = f"bits that are no fax code, in row {found.rows}"
        raise MalformedImage(problem, structure=STRUCTURE, offset=source.offset)
    return Coded(found.bitmap, found.consumed)


def _fax_codes(samples: Samples, coding: StripCoding, geometry: StripGeometry) -> bytes:
    aligned = bool(coding.fax_options & ALIGNED) and coding.compression == Compression.GROUP_3
    return ccitt.encode(samples, coding.block[0], geometry.size // geometry.row, _fax_coding(coding), aligned=aligned)


def _fax_coding(coding: StripCoding) -> ccitt.Coding:
    """How rows are coded."""
    if coding.compression == Compression.GROUP_3:
        return ccitt.Coding.GROUP3_2D if coding.fax_options & TWO_DIMENSIONS else ccitt.Coding.GROUP3
    return ccitt.Coding.HUFFMAN if coding.compression == Compression.HUFFMAN else ccitt.Coding.GROUP4


_Decode = Callable[[StripSource, "StripCoding", "StripGeometry"], Coded]
_Encode = Callable[[Samples, "StripCoding", "StripGeometry"], bytes]
_CODERS: dict[Compression, tuple[_Decode, _Encode]] = {
    Compression.NONE: (_bare, _bare_rows),
    Compression.LZW: (_lzw, _lzw_codes),
    Compression.DEFLATE: (_deflate, _deflate_codes),
    Compression.OLD_DEFLATE: (_deflate, _deflate_codes),
    Compression.PACKBITS: (_packbits, _packbits_codes),
    Compression.HUFFMAN: (_fax, _fax_codes),
    Compression.GROUP_3: (_fax, _fax_codes),
    Compression.GROUP_4: (_fax, _fax_codes),
    Compression.LZMA: (_xz, _best_deflate_codes),
    Compression.ZSTANDARD: (_zstandard, _best_deflate_codes),
}


DECODED = frozenset(_CODERS)  # what they hold depends on nothing but their bytes, coding and geometry
