"""PNG image data: every byte of its zlib stream accounted for, what no decoder shows cleared.

W3C PNG (third edition): clause 7.2 scanlines, 8 interlacing, 10 compression. The walks themselves are those of
``native.png``; here is decided what passes and what is coded again.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rmexif import native
from rmexif.containers.common.palette import SAME
from rmexif.containers.common.transparency import fill_colour
from rmexif.containers.common.zlib_stream import HEADER, compressed_well
from rmexif.containers.png import recompression
from rmexif.errors import REPAIR, MalformedImage
from rmexif.native import Status, png
from rmexif.native.png import Layout
from rmexif.native.png_layout import diagonals

if TYPE_CHECKING:
    from rmexif.native.deflate import Report
    from rmexif.types import Limits

__all__ = [
    "Fault",
    "ImageData",
    "blank",
    "check_cost",
    "cleaned",
    "is_recompressed",
    "read_header",
    "survey",
]

MAX_SIDE = (1 << 31) - 1  # px (11.2.1)
BLOCK = 1 << 16  # byte: streams are compared in pieces of this size, which stay in the cache
AUDITED_STREAM = 1 << 20  # byte: the Python twin walks 0.7 MB a second (measured)
AUDITED_PICTURE = 64 << 20  # byte, inflated: at least 260,000 symbols, a second or two of the twin
DIAGONALS_PER_PART = 10  # undoing one diagonal of filtered pixels costs the twin about a tenth of reading a chunk
DATA = "png image data"  # for messages


class Fault(StrEnum):
    """Why image data cannot stay as it is."""

    ROWS_BEYOND = "rows-beyond"  # it goes on after the last row
    STREAM_END = "stream-end"  # behind the last row it is broken, or has no last block
    DEFLATE_BLOCKS = "deflate-blocks"  # empty or short blocks, padding bits, codes: what no encoder writes
    CHECKSUM = "checksum"
    COLOUR_UNDER_ALPHA = "colour-under-alpha"
    PADDING_BITS = "padding-bits"
    PALETTE_TWINS = "palette-twins"
    SEQUENCE = "sequence"  # fdAT: the number is not the next one


MOST_PACKED = 1 << 26  # byte of rows that are deflated again to keep a file small: bounds time and memory


@dataclass(frozen=True, slots=True)
class ImageData:
    """What one compressed picture turned out to be.

    Attributes:
        clean: the zlib stream as it leaves; empty until ``cleaned``, where it has to be coded again.
        consumed: bytes of the stream as it came; what follows them is none of it.
        fault: why it is coded again; None: it passes through, but for its header.
        header: whether the zlib header is the canonical one.
        used: palette: the indices that pixels have.
        key: samples of the colour that was looked for.
        keyed: whether a pixel has that colour.
        fill: where colour under alpha 0 is all that is wrong: the one that it is; empty where they are several.
        optimised: whether all that is wrong with its blocks is what zopfli does to make them small.
    """

    clean: memoryview
    consumed: int
    fault: Fault | None = None
    header: bool = True
    used: frozenset[int] = frozenset()
    key: bytes | None = None
    keyed: bool = False
    fill: bytes = b""
    optimised: bool = False


def read_header(data: bytes, offset: int) -> Layout:
    """The layout that IHDR (11.2.1) describes.

    Raises:
        MalformedImage: a field has a value that the format does not know.
    """

    def refused(problem: str) -> MalformedImage:
        return MalformedImage(problem, structure="png chunk IHDR", offset=offset)

    if len(data) != 13:
        raise refused(f"{len(data)} bytes, 13 expected")
    width, height, depth, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", data)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise refused(f"{width} x {height} px, 1 to {MAX_SIDE} a side are allowed")
    if compression or filters or interlace > 1:
        raise refused("compression, filter or interlace method is not defined")
    layout = Layout(width, height, depth, colour, interlace == 1)
    if not layout.exists:
        raise refused(f"colour type {colour} with {depth} bits a sample is not defined")
    return layout


def check_cost(layouts: list[Layout], limits: Limits) -> None:
    """Refuse pictures whose filters the Python twin would take too long to undo.

    Raises:
        LimitExceeded: more diagonals than ``max_parts`` allows for.
    """
    if native.engine() == "python":
        limits.check("max_parts", sum(map(diagonals, layouts)) // DIAGONALS_PER_PART)


def survey(
    data: memoryview, layout: Layout, offset: int, key: bytes | None = None, earlier: ImageData | None = None
) -> ImageData:
    """Inflate a picture, audit its stream and look for what no decoder shows.

    Args:
        data: the zlib stream, and what follows it.
        layout: of the picture.
        offset: of its first chunk, for messages.
        key: samples of a transparent colour to look for, as they stand in a row.
        earlier: of a picture of this layout, cleaned; where ``data`` is its clean stream, nothing is inflated again.

    Raises:
        MalformedImage: the stream is broken or short, or names a filter that does not exist (9.2).
    """
    if earlier and earlier.key == key and data[: len(HEADER)] == HEADER and _equal(earlier.clean, data):
        return ImageData(data, len(data), used=earlier.used, key=key, keyed=earlier.keyed)
    if is_recompressed(data, layout):
        return _surveyed_by_zlib(data, layout, offset, key)
    found = png.survey(data, layout, key, hasty=layout.colour_size > 0)
    if found.status is Status.LIMIT:
        again = _rewritten(data, layout, SAME, offset)
        end = again.report.used if again.report.intact else len(data)
        fill = _fill(data, again.report, layout)
        return ImageData(_packed(again.stream, end, layout), end, Fault.COLOUR_UNDER_ALPHA, key=key, fill=fill)
    if found.unknown_kind or found.report.size < layout.size:
        raise _incomplete(found.status, found.report, layout, offset, unknown_kind=found.unknown_kind)
    used = frozenset(value for value in range(256) if found.used[value]) if layout.colour == 3 else frozenset[int]()
    fault = _fault(found)
    optimised = fault is Fault.DEFLATE_BLOCKS and found.report.is_optimised and found.report.intact == 1
    image = ImageData(memoryview(b""), len(data), fault, True, used, key, found.keyed, optimised=optimised)
    if image.fault not in (Fault.ROWS_BEYOND, Fault.STREAM_END):
        image = replace(image, consumed=found.report.used)
    return image if image.fault else _passed(image, data)


def _fill(data: memoryview, report: Report, layout: Layout) -> bytes:
    """The colour that every pixel of alpha 0 has, of a stream with no other fault; empty where there are several."""
    is_ordinary = report.intact and report.is_optimised and report.size == layout.size
    if not is_ordinary or layout.size > MOST_PACKED:
        return b""
    rows = png.unfilter(zlib.decompress(data[: report.used]), layout)
    depth = layout.depth // 8
    return fill_colour(rows.pixels, layout.step // depth, layout.colour_size // depth, depth) or b""


def cleaned(image: ImageData, data: memoryview, layout: Layout, indices: bytes, offset: int) -> ImageData:
    """``image`` with its clean stream.

    Args:
        image: what ``survey`` gave.
        data: the zlib stream, and what follows it.
        layout: of the picture.
        indices: a palette's new index for every old one, 256 bytes.
        offset: of the first chunk, for messages.

    Raises:
        MalformedImage: the stream is broken.
    """
    used = frozenset(indices[index] for index in image.used)
    fault = image.fault or (Fault.PALETTE_TWINS if indices != SAME else None)
    if is_recompressed(data, layout):
        stream = memoryview(recompression.recompressed(data, layout, indices, offset))
        if not fault and not _equal(stream, data[: image.consumed]):
            fault = Fault.DEFLATE_BLOCKS
        return replace(image, clean=stream, fault=fault, used=used)
    if len(image.clean) and indices == SAME:
        return image
    stream = _rewritten(data, layout, indices, offset).stream
    stream = _packed(stream, image.consumed, layout)
    if is_recompressed(stream, layout):  # a little longer than what it was, so that a second pass would not audit it
        stream = memoryview(recompression.recompressed(stream, layout, SAME, offset))
    return replace(image, clean=stream, fault=fault, header=True, used=used)


def _packed(stream: memoryview, before: int, layout: Layout) -> memoryview:
    """A stream that was coded again; by zlib where its old matches no longer fit and it takes more than ``before``."""
    if len(stream) <= before or layout.size > MOST_PACKED:
        return stream
    return min(stream, memoryview(compressed_well(zlib.decompress(stream))), key=len)


def is_recompressed(data: memoryview, layout: Layout) -> bool:
    """Whether a stream is inflated and deflated with zlib: it is too long for the Python twin to audit."""
    return native.engine() == "python" and (len(data) > AUDITED_STREAM or layout.size > AUDITED_PICTURE)


def blank(layout: Layout) -> bytes:
    """A picture of zeros: transparent black, black, or the first palette entry."""
    size, piece = layout.size, bytes(1 << 20)
    return recompression.deflate(piece[: size - start] for start in range(0, size, len(piece)))


def _surveyed_by_zlib(data: memoryview, layout: Layout, offset: int, key: bytes | None) -> ImageData:
    """As ``survey``, without an audit: the stream is always deflated again."""
    found = recompression.survey(data, layout, offset, key)
    fault = {
        recompression.End.ROWS_BEYOND: Fault.ROWS_BEYOND,
        recompression.End.OPEN: Fault.STREAM_END,
        recompression.End.CHECKSUM: Fault.CHECKSUM,
    }.get(found.end)
    fault = Fault.COLOUR_UNDER_ALPHA if found.invisible else Fault.PADDING_BITS if found.padding else fault
    return ImageData(memoryview(b""), found.consumed, fault, used=found.used, key=key, keyed=found.keyed)


def _fault(found: png.Survey) -> Fault | None:
    """Why a complete picture has to be coded again."""
    if found.invisible:
        return Fault.COLOUR_UNDER_ALPHA
    if found.padding:
        return Fault.PADDING_BITS
    if found.status is Status.OUTPUT_FULL:
        return Fault.ROWS_BEYOND
    if found.status is not Status.OK:
        return Fault.STREAM_END
    if not found.report.is_ordinary:
        return Fault.DEFLATE_BLOCKS
    return None if found.report.intact else Fault.CHECKSUM


def _passed(image: ImageData, data: memoryview) -> ImageData:
    """A stream that passes through, behind the canonical header."""
    stream = data[: image.consumed]
    if stream[:2] == HEADER:
        return replace(image, clean=stream)
    return replace(image, clean=memoryview(b"".join((HEADER, stream[2:]))), header=False)


def _rewritten(data: memoryview, layout: Layout, indices: bytes, offset: int) -> png.Rewritten:
    """A picture coded again.

    Raises:
        MalformedImage: it is not complete.
    """
    again = png.rewrite(data, layout, indices)
    if again.status is not Status.OK:  # the header was read before, so without a report it is a filter
        unknown_kind = again.status is Status.BAD_VALUE and not again.report.envelope
        raise _incomplete(again.status, again.report, layout, offset, unknown_kind=unknown_kind)
    return again


def _incomplete(status: Status, report: Report, layout: Layout, offset: int, *, unknown_kind: bool) -> MalformedImage:
    """What is wrong with a picture that is not complete."""
    if unknown_kind:
        problem = "a row has a filter above 4"
    elif not report.envelope:
        problem = "no zlib header"
    elif status in (Status.BAD_CODE, Status.BAD_VALUE):
        problem = f"the deflate stream is broken behind {report.size} bytes, {layout.size} expected; {REPAIR}"
    else:
        problem = f"it inflates to {report.size} bytes, {layout.size} expected; {REPAIR}"
    return MalformedImage(problem, structure=DATA, offset=offset)


def _equal(old: memoryview, new: memoryview) -> bool:
    """Whether two stretches of memory are equal; as bytes, because memoryviews are compared item by item."""
    pieces = range(0, len(old), BLOCK)
    return len(old) == len(new) and all(bytes(old[at : at + BLOCK]) == bytes(new[at : at + BLOCK]) for at in pieces)
