"""A TIFF whose strips or tiles are cut off or damaged: grey samples where rows are missing, in strips behind the file.

The directories have to be there: of a file that ends with them, as libtiff writes it, a cut leaves nothing to go by.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.common.row import Completed, require_half
from rmexif.containers.jpeg import completion as jpeg_completion
from rmexif.containers.tiff.coded_strip import StripSource
from rmexif.containers.tiff.foreign_codings import pack_xz, pack_zstandard, unpack_xz, unpack_zstandard
from rmexif.containers.tiff.ifd import TYPES, TiffReader
from rmexif.containers.tiff.page import PageLayout, read_layout
from rmexif.containers.tiff.parse import chain, is_reduced
from rmexif.containers.tiff.samples import HORIZONTAL
from rmexif.containers.tiff.streams import complete_stream
from rmexif.containers.tiff.strips import REVERSED
from rmexif.containers.tiff.tags import Compression, Photometric, Tag
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.native import deflate, lzw, rle, samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.containers.tiff.geometry import StripGeometry
    from rmexif.types import Limits

__all__ = ["complete"]

GREY = 0x80  # of every byte of a sample
BYTE_BITS, PREDICTED_BITS = frozenset(range(8, 136, 8)), frozenset({8, 16, 32})  # of samples that are made grey


class _Coder(NamedTuple):
    """How a coding is read as far as it goes, and written."""

    decode: Callable[[bytes, int], bytes | bytearray | memoryview]
    encode: Callable[[bytes, StripGeometry], bytes]


def _packbits(data: bytes, geometry: StripGeometry) -> bytes:
    return bytes(rle.encode_packbits(data, geometry.row or geometry.size))


_DEFLATE = _Coder(lambda data, size: deflate.inflate(data, size).data, lambda data, _: zlib.compress(data))
_CODERS: dict[int, _Coder] = {
    Compression.NONE: _Coder(lambda data, size: data[:size], lambda data, _: data),
    Compression.LZW: _Coder(
        lambda data, size: lzw.decode(data, size, tiff=True).samples, lambda data, _: lzw.encode(data, tiff=True)
    ),
    Compression.DEFLATE: _DEFLATE,
    Compression.OLD_DEFLATE: _DEFLATE,
    Compression.PACKBITS: _Coder(lambda data, size: rle.decode_packbits(data, size).data, _packbits),
    Compression.LZMA: _Coder(lambda data, size: unpack_xz(data, size)[0], lambda data, _: pack_xz(data)),
    Compression.ZSTANDARD: _Coder(
        lambda data, size: unpack_zstandard(data, size)[0], lambda data, _: pack_zstandard(data)
    ),
}


def complete(view: memoryview, limits: Limits) -> Completed:
    """The file, with strips behind it that hold what there is of those that are not complete.

    Rows are counted over all pages, and of tiles by their area.

    Raises:
        MalformedImage: the directories, or half of the rows, are not there.
        UnsupportedFeature: a coding that is not completed, or a field that has no room for another number.
        LimitExceeded: more pages or pixels than allowed.
    """
    reader, data = TiffReader(view, limits.max_parts), bytearray(view)
    rows = kept = pixels = 0
    for number, directory in enumerate(chain(reader, limits)):
        if number and is_reduced(reader, directory):
            continue
        page = _Page(read_layout(reader, directory, limits), limits)
        pixels += page.layout.width * page.layout.height
        limits.check("max_total_pixels", pixels)
        found = page.count()
        rows, kept = rows + page.layout.height, kept + found
        require_half(kept, rows, len(view))
        if found < page.layout.height:
            page.fill(data)
            limits.check("max_bytes", len(data))
    return Completed(bytes(data), rows, kept)


class _Page:
    """The strips of a page, as far as they are there.

    Raises:
        UnsupportedFeature: they are in a coding that is not completed.
    """

    def __init__(self, layout: PageLayout, limits: Limits) -> None:
        self.layout, self.limits = layout, limits
        self.fields, self.grid, self.coding = layout.fields, layout.grid, layout.coding
        self.is_jpeg = self.coding.compression == Compression.JPEG
        if (self.coding.compression not in _CODERS and not self.is_jpeg) or self.fields.stream is not None:
            problem = f"strips in compression {self.fields.first(Tag.COMPRESSION, 1)} are not completed"
            raise UnsupportedFeature(problem, structure="tiff IFD", offset=self.fields.directory.offset)
        offsets, counts = (self.fields.numbers(tag) for tag in (self.grid.offsets_tag, self.grid.counts_tag))
        if min(len(offsets), len(counts)) < len(self.grid.strips):
            problem = f"{len(offsets)} strips or tiles, the picture needs {len(self.grid.strips)}"
            raise MalformedImage(problem, structure="tiff IFD", offset=self.fields.directory.offset)
        self.places = list(zip(offsets, counts, self.grid.strips, strict=False))

    def count(self) -> int:
        """Rows of the picture that are there."""
        area = sum(
            len(self._rows(number)) // geometry.row * geometry.columns
            if geometry.row and not self.is_jpeg
            else self._partial_rows(number) * geometry.columns
            for number, (_, _, geometry) in enumerate(self.places)
        )
        planes = sum(geometry.rows * geometry.columns for _, _, geometry in self.places)
        return min(area, planes) * self.layout.height // planes

    def _partial_rows(self, number: int) -> int:
        geometry = self.places[number][2]
        if self.is_jpeg:
            return min(geometry.rows, self._jpeg(number).kept)
        return min(geometry.rows, len(self._rows(number)) * geometry.rows // geometry.size)

    def _data(self, number: int) -> bytes:
        start, length, geometry = self.places[number]
        length = max(length, geometry.size) if self.coding.compression == Compression.NONE else length
        data = bytes(self.fields.reader.view[start : start + length])
        return data.translate(REVERSED) if self.coding.reverse else data

    def _rows(self, number: int) -> bytes:
        """The samples of a strip that are there, behind a predictor as they are coded; complete rows that show."""
        geometry = self.places[number][2]
        found = bytes(_CODERS[self.coding.compression].decode(self._data(number), geometry.size))
        return found[: min(len(found) // geometry.row, geometry.rows) * geometry.row] if geometry.row else found

    def _jpeg(self, number: int) -> Completed:
        start, length, _ = self.places[number]
        source = StripSource(self.fields.reader.view[start : start + length], start)
        return jpeg_completion.complete(complete_stream(source, self.coding), self.limits)

    def fill(self, data: bytearray) -> None:
        """Append strips in the place of those that are not complete, and let the fields say where they are."""
        for number, (_, _, geometry) in enumerate(self.places):
            if self.is_jpeg:
                done = self._jpeg(number)
                strip = done.data if done.kept < geometry.rows else b""
            else:
                strip = self._filled(number, geometry)
            if strip:
                self._put(data, number, strip)

    def _filled(self, number: int, geometry: StripGeometry) -> bytes:
        """The codes of a strip with grey rows behind those that are there; none where all are."""
        found = self._rows(number)
        shown = geometry.rows * geometry.row if geometry.row else geometry.size
        if len(found) >= shown:
            return b""
        missing = geometry.size - len(found)
        row = self._grey_row(geometry) if geometry.row else bytes([GREY]) * missing
        plain = (found + row * -(-missing // len(row)))[: geometry.size]
        coded = _CODERS[self.coding.compression].encode(plain, geometry)
        return coded.translate(REVERSED) if self.coding.reverse else coded

    def _grey_row(self, geometry: StripGeometry) -> bytes:
        """A row of grey, opaque; black, or the first entry of a palette, where samples are no whole bytes."""
        kind, is_horizontal = self.layout.photometric, self.coding.predictor == HORIZONTAL
        are_bytes = {*geometry.bits} <= (PREDICTED_BITS if is_horizontal else BYTE_BITS)
        if not are_bytes or kind == Photometric.PALETTE or self.coding.predictor > HORIZONTAL:
            return bytes(geometry.row)
        chroma = (1, 2) if kind == Photometric.CIELAB and len(geometry.bits) > 1 else ()
        pixel = b""
        for number, bits in enumerate(geometry.bits):
            level = 0xFF if number == self.coding.alpha else 0 if number in chroma else GREY
            pixel += bytes([level]) * (bits // 8)
        row = bytearray((pixel * (geometry.row // len(pixel) + 1))[: geometry.row])
        if is_horizontal:
            depth = geometry.bits[0] // 8
            samples.apply_predictor(row, geometry.row, len(geometry.bits), depth, big=self.coding.order == ">")
        return bytes(row)

    def _put(self, data: bytearray, number: int, strip: bytes) -> None:
        """Append a strip, and write its place and length over those of another one."""
        data += bytes(len(data) % 2)
        values = ((self.grid.offsets_tag, len(data)), (self.grid.counts_tag, len(strip)))
        data += strip
        for tag, value in values:
            entry = self.fields.entries[tag]
            size, letter = TYPES[entry.field_type]
            if value >> 8 * size:
                problem = f"a field of {size} bytes has no room for {value}"
                raise UnsupportedFeature(problem, structure=f"tiff IFD entry {tag}", offset=entry.offset)
            struct.pack_into(self.coding.order + letter, data, entry.start + number * size, value)
