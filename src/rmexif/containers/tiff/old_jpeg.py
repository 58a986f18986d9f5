"""Old-style JPEG (TIFF 6.0, section 22) as one stream, so that a page is read as new-style JPEG (Technical Note 2).

Files have it in three forms: JPEGInterchangeFormat is a complete stream; it is a header up to the scan, and the coded
data lies in strips; or fields point at the tables, and the header has to be made. As libtiff does, the stream itself is
believed before the fields, and three components are YCbCr.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.jpeg import segments
from rmexif.containers.jpeg.segments import Marker
from rmexif.containers.tiff.tags import Compression, Photometric, Tag
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.tiff.fields import Fields

__all__ = ["as_new_style"]

STREAM = "tiff JPEGInterchangeFormat"
SOI, EOI = b"\xff\xd8", b"\xff\xd9"
BASELINE_PROCESS = 1  # JPEGProc
MOST_INTERVAL = 0xFFFF  # MCUs (T.81, B.2.4.4)
QUANTISATION_SIZE, LENGTHS = 64, 16  # byte: of a table of 8 bit; of the numbers of codes in front of a Huffman table
BASELINE_TABLES = 2  # destinations of Huffman tables in a baseline frame (T.81, table B.5)
COMPONENTS = (1, 3)
MOST_SIDE = 0xFFFF  # px (T.81, B.2.2)
SAMPLING_FACTORS = range(1, 5)
DEFAULT_SUBSAMPLING = (2, 2)  # TIFF 6.0, page 91
Stretch = tuple[int, int]  # of the file: first byte, first byte after


class _Frame(NamedTuple):
    """What a frame header says (T.81, B.2.2)."""

    width: int  # px
    height: int  # px
    sampling: tuple[tuple[int, int], ...]  # horizontal and vertical factor of each component

    def units(self, rows: int) -> int:
        """MCUs of so many rows of pixels."""
        across = 8 * max(factor for factor, _ in self.sampling)
        return -(-self.width // across) * -(-rows // self.unit_height)

    @property
    def unit_height(self) -> int:
        """Px."""
        return 8 * max(down for _, down in self.sampling)


class _Blocks:
    """The strips of a page, or its tiles, which libtiff reads as strips: one as wide as the picture below the other."""

    def __init__(self, fields: Fields) -> None:
        self.tiled = bool(fields.numbers(Tag.TILE_OFFSETS))
        self.tags = (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
        self.width, self.height = fields.first(Tag.IMAGE_WIDTH), fields.first(Tag.IMAGE_LENGTH)
        self.rows = fields.first(Tag.ROWS_PER_STRIP, self.height)
        if self.tiled:
            self.tags = (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS)
            self.width, self.rows = fields.first(Tag.TILE_WIDTH), max(1, fields.first(Tag.TILE_LENGTH))
            self.height = -(-self.height // self.rows) * self.rows
        self.offsets, self.counts = (fields.numbers(tag) for tag in self.tags)


class _Source(NamedTuple):
    """A datastream, and the places of the file that it is made of."""

    stream: bytes | memoryview
    stretches: tuple[Stretch, ...]


def as_new_style(fields: Fields) -> Fields:
    """The fields of a page; of one in old-style JPEG as if it were new-style JPEG in one strip.

    Raises:
        MalformedImage: a stream, a table or a strip is not in the file.
        UnsupportedFeature: tiles side by side, planes, a lossless process, or another number of components than 1 or 3.
    """
    if fields.first(Tag.COMPRESSION, Compression.NONE) != Compression.OLD_JPEG:
        return fields
    _refuse_rare(fields)
    blocks = _Blocks(fields)
    source = _complete_stream(fields) or _header_and_strips(fields) or _tables_and_strips(fields)
    start, end = source.stretches[0]
    frame = _frame_of(source.stream, start)
    photometric = fields.first(Tag.PHOTOMETRIC_INTERPRETATION, Photometric.BLACK_IS_ZERO)
    count = len(frame.sampling)
    if count not in COMPONENTS:
        raise UnsupportedFeature(f"{count} components, 1 or 3 are handled", structure=STREAM, offset=start)
    grey = Photometric.WHITE_IS_ZERO if photometric == Photometric.WHITE_IS_ZERO else Photometric.BLACK_IS_ZERO
    values: dict[int, tuple[int, ...]] = {
        Tag.COMPRESSION: (Compression.JPEG,),
        Tag.PHOTOMETRIC_INTERPRETATION: (Photometric.YCBCR if count == 3 else grey,),
        Tag.BITS_PER_SAMPLE: (8,) * count,
        Tag.SAMPLES_PER_PIXEL: (count,),
        Tag.YCBCR_SUBSAMPLING: frame.sampling[0],
    }
    lengths = (Tag.TILE_LENGTH, Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS)
    if not blocks.tiled or (frame.width, frame.height) == (
        fields.first(Tag.IMAGE_WIDTH),
        fields.first(Tag.IMAGE_LENGTH),
    ):
        lengths, values[Tag.TILE_OFFSETS] = (Tag.ROWS_PER_STRIP, Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS), ()
    height = blocks.height if Tag.TILE_OFFSETS in lengths else fields.first(Tag.IMAGE_LENGTH)
    values |= dict(zip(lengths, ((height,), (start,), (end - start,)), strict=True))
    return fields.replaced(values, source.stream, source.stretches[1:])


def _refuse_rare(fields: Fields) -> None:
    reason = ""
    if (process := fields.first(Tag.JPEG_PROC, BASELINE_PROCESS)) != BASELINE_PROCESS:
        reason = f"process {process}"
    elif _Blocks(fields).width < fields.first(Tag.IMAGE_WIDTH):
        reason = "tiles side by side"
    elif fields.first(Tag.PLANAR_CONFIGURATION, 1) != 1:
        reason = "a plane for each sample"
    if reason:
        problem = f"old-style JPEG (compression 6) with {reason} is refused"
        raise UnsupportedFeature(problem, structure="tiff IFD entry 259", offset=fields.offset(Tag.COMPRESSION))


def _complete_stream(fields: Fields) -> _Source | None:
    """The stream of JPEGInterchangeFormat, or of the first strip, where it has coded data."""
    stretch = _interchange(fields)
    if stretch is None:
        return None
    stream = fields.reader.view[slice(*stretch)]
    scans = [item for item in _walk(stream, stretch[0]) if isinstance(item, segments.ScanData)]
    return _Source(stream, (stretch,)) if scans and scans[0].start < scans[0].end else None


def _interchange(fields: Fields) -> Stretch | None:
    """Where a stream, or the header of one, lies; one without a length goes on to the end of the file."""
    view = fields.reader.view
    start, length = (fields.first(tag, 0) for tag in (Tag.JPEG_INTERCHANGE_FORMAT, Tag.JPEG_INTERCHANGE_FORMAT_LENGTH))
    if not start:
        start, length = ((*fields.numbers(tag), 0)[0] for tag in _Blocks(fields).tags)
        if bytes(view[start : start + len(SOI)]) != SOI:
            return None
    if start >= len(view):
        raise MalformedImage(f"behind the end of the file of {len(view)} bytes", structure=STREAM, offset=start)
    return start, min(start + length, len(view)) if length else len(view)


def _walk(stream: bytes | memoryview, at: int) -> list[segments.Segment | segments.ScanData]:
    """The segments of a stream that lies at byte ``at`` of the file.

    Raises:
        MalformedImage: it starts with no SOI, or a segment runs past its end.
    """
    try:
        return list(segments.walk(stream))
    except MalformedImage as error:
        raise MalformedImage(error.problem, structure=STREAM, offset=at) from None


def _frame_of(stream: bytes | memoryview, at: int) -> _Frame:
    """The first frame header of a stream.

    Raises:
        MalformedImage: there is none, or it ends early.
    """
    view = memoryview(stream)
    for item in _walk(stream, at):
        if isinstance(item, segments.Segment) and item.marker in segments.FRAMES:
            body = item.cursor(view)
            _, height, width, count = body.u8(), body.u16(), body.u16(), body.u8()
            factors = [(body.u8(), body.u8(), body.u8())[1] for _ in range(count)]
            if width and factors and all(factor >> 4 and factor & 15 for factor in factors):
                return _Frame(width, height, tuple((factor >> 4, factor & 15) for factor in factors))
    raise MalformedImage("expected a frame header", structure=STREAM, offset=at)


def _header_and_strips(fields: Fields) -> _Source | None:
    """A header up to its scan, and strips of coded data behind it."""
    stretch = _interchange(fields)
    if stretch is None:
        return None
    stream = bytes(fields.reader.view[slice(*stretch)])
    items = [item for item in _walk(stream, stretch[0]) if isinstance(item, segments.Segment)]
    scan = next((item for item in items if item.marker == Marker.SOS), None)
    if scan is None:
        raise UnsupportedFeature("a header without a scan", structure=STREAM, offset=stretch[0])
    stated = next((item for item in items if item.marker == Marker.DRI), None)
    interval = int.from_bytes(stream[stated.body : stated.end], "big") if stated else 0
    coded, stretches, restarts = _coded(fields, _frame_of(stream, stretch[0]), interval)
    return _Source(stream[: scan.start] + restarts + stream[scan.start : scan.end] + coded, (stretch, *stretches))


def _coded(fields: Fields, frame: _Frame, interval: int) -> tuple[bytes, tuple[Stretch, ...], bytes]:
    """The coded data of all strips, each a restart interval; where they lie; and a segment that says so.

    Args:
        fields: of the page.
        frame: of the picture.
        interval: MCUs, as a header says; 0 where it says nothing.

    Raises:
        MalformedImage: there are no strips, or one is not in the file.
        UnsupportedFeature: strips that are no restart intervals.
    """
    blocks, size = _Blocks(fields), len(fields.reader.view)
    places = zip(blocks.offsets, blocks.counts, strict=False)
    stretches = tuple((start, min(start + count, size)) for start, count in places)
    total = sum(end - start for start, end in stretches)
    if not stretches or any(start >= end for start, end in stretches) or total > size:
        problem = "strips of coded data expected, side by side inside the file"
        raise MalformedImage(problem, structure="tiff IFD entry 273", offset=fields.offset(Tag.STRIP_OFFSETS))
    wanted = interval or min(fields.first(Tag.JPEG_RESTART_INTERVAL, 0), MOST_INTERVAL)
    if len(stretches) > 1:
        rows = blocks.rows
        each = frame.units(rows)
        if wanted not in (0, each) or rows % frame.unit_height or each > MOST_INTERVAL:
            problem = f"strips of {rows} rows, which are no restart intervals, are refused in old-style JPEG"
            raise UnsupportedFeature(problem, structure="tiff IFD entry 278", offset=fields.offset(Tag.ROWS_PER_STRIP))
        wanted = each
    pieces = []
    for number, (start, end) in enumerate(stretches):
        marker = bytes([0xFF, Marker.RST0 + (number - 1) % 8]) if number else b""
        pieces += [marker, _without_marker(bytes(fields.reader.view[start:end]))]
    restarts = _segment(Marker.DRI, struct.pack(">H", wanted)) if wanted and wanted != interval else b""
    return b"".join([*pieces, EOI]), stretches, restarts


def _without_marker(coded: bytes) -> bytes:
    """Coded data without a restart marker or EOI at its end."""
    is_marked = coded[-2:-1] == b"\xff" and Marker.RST0 <= coded[-1] <= Marker.EOI
    return coded[:-2] if is_marked else coded


def _segment(marker: Marker, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def _tables_and_strips(fields: Fields) -> _Source:
    """A header made of the tables that fields point at, and strips of coded data.

    Raises:
        MalformedImage: a table is not in the file, or a component has none.
        UnsupportedFeature: sizes or numbers that JPEG has no place for.
    """
    photometric = fields.first(Tag.PHOTOMETRIC_INTERPRETATION, Photometric.YCBCR)
    count = fields.first(Tag.SAMPLES_PER_PIXEL, 1 if photometric <= Photometric.BLACK_IS_ZERO else 3)
    if count not in COMPONENTS:
        raise UnsupportedFeature(
            f"{count} components, 1 or 3 are handled", structure="tiff IFD", offset=fields.directory.offset
        )
    across, down = (*fields.numbers(Tag.YCBCR_SUBSAMPLING), *DEFAULT_SUBSAMPLING)[:2] if count > 1 else (1, 1)
    sampling = ((across, down), *((1, 1),) * (count - 1))
    blocks = _Blocks(fields)
    frame = _Frame(blocks.width, blocks.height, sampling)
    if not 0 < max(frame.width, frame.height) <= MOST_SIDE or not {across, down} <= {*SAMPLING_FACTORS}:
        problem = f"a picture of {frame.width} x {frame.height} px, its chroma subsampled {across} x {down}, is no JPEG"
        raise UnsupportedFeature(problem, structure="tiff IFD", offset=fields.directory.offset)
    steps = _Tables(fields, Tag.JPEG_Q_TABLES, count)
    codes = [_Tables(fields, tag, count) for tag in (Tag.JPEG_DC_TABLES, Tag.JPEG_AC_TABLES)]
    head = SOI + b"".join(_segment(Marker.DQT, bytes([n]) + table) for n, table in enumerate(steps.tables))
    for kind, tables in enumerate(codes):
        head += b"".join(_segment(Marker.DHT, bytes([kind << 4 | n]) + table) for n, table in enumerate(tables.tables))
    is_baseline = all(len(tables.tables) <= BASELINE_TABLES for tables in codes)
    components = [(n + 1, across << 4 | down, steps.of[n]) for n, (across, down) in enumerate(sampling)]
    size = struct.pack(">BHHB", 8, frame.height, frame.width, count)
    head += _segment(Marker.SOF0 if is_baseline else Marker.SOF1, size + b"".join(map(bytes, components)))
    selectors = b"".join(bytes([n + 1, codes[0].of[n] << 4 | codes[1].of[n]]) for n in range(count))
    coded, stretches, restarts = _coded(fields, frame, 0)
    scan = _segment(Marker.SOS, bytes([count]) + selectors + b"\0\x3f\0")
    found = [*steps.stretches, *codes[0].stretches, *codes[1].stretches]
    return _Source(head + restarts + scan + coded, (*stretches, *found))


class _Tables:
    """The tables of one kind, each of them once.

    Args:
        fields: of the page.
        tag: of the offsets, one for each component.
        count: components.

    Raises:
        MalformedImage: a table is not in the file, or a component has none.
    """

    def __init__(self, fields: Fields, tag: Tag, count: int) -> None:
        self.tables: list[bytes] = []
        self.of: list[int] = []  # of each component: number of its table
        self.stretches: list[Stretch] = []
        view, offsets = fields.reader.view, fields.numbers(tag)
        for start in offsets[:count]:
            lengths = view[start : start + LENGTHS]
            size = QUANTISATION_SIZE if tag == Tag.JPEG_Q_TABLES else LENGTHS + sum(lengths)
            table = bytes(view[start : start + size])
            if len(table) < max(size, LENGTHS):
                raise MalformedImage(
                    "a table that ends behind the file", structure=f"tiff IFD entry {tag}", offset=start
                )
            if table not in self.tables:
                self.tables.append(table)
                self.stretches.append((start, start + size))
            self.of.append(self.tables.index(table))
        if len(self.of) < count:
            problem = f"{len(self.of)} tables, the picture needs {count}"
            raise MalformedImage(problem, structure=f"tiff IFD entry {tag}", offset=fields.offset(tag))
