"""The rows of a BMP, plain or in run-length codes: read, and cleared of what belongs to no pixel and no channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.bmp.header import RLE4, RUN_LENGTHS, STANDARD_ALPHA, STANDARD_MASKS
from rmexif.containers.common.palette import SAME
from rmexif.containers.common.transparency import fill_colour
from rmexif.errors import REPAIR, MalformedImage
from rmexif.native import Status, rle, samples

if TYPE_CHECKING:
    from rmexif.containers.bmp.header import BmpHeader
    from rmexif.native.rle import Painted

__all__ = ["BmpRows", "clean_rows", "has_even_fill", "read_rows"]

UNUSED_BYTE = 3  # of a pixel of 32 bits without alpha
BYTE_MASKS = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
MASKED = (16, 32)  # bits of a pixel whose channels are named by masks
PROBLEMS = {
    Status.ENDS_EARLY: "they end before the last row does",
    Status.BAD_VALUE: "a run or jump leaves the picture",
}


@dataclass(frozen=True, slots=True)
class BmpRows:
    """The rows as they are in the file.

    Attributes:
        header: as in the file.
        data: their bytes in the file.
        end: byte of the file behind them.
        used: palette entries that show; what no run has painted shows entry 0.
        painted: by run-length codes; None: plain rows.
        is_invisible: every pixel is fully transparent. Windows and Photoshop show such a picture as opaque, Chromium
            did so and no longer does: it leaves as it is.
    """

    header: BmpHeader
    data: memoryview
    end: int
    used: bytes
    painted: Painted | None = None
    is_invisible: bool = False


def read_rows(view: memoryview, header: BmpHeader, start: int) -> BmpRows:
    """Read the rows at a byte of the file.

    Raises:
        MalformedImage: they are not all there, or a run-length code leaves the picture.
    """
    if header.compression in RUN_LENGTHS:
        return _read_codes(view, header, start)
    row = (header.width * header.bits + 7) // 8
    need = header.stride * (header.rows - 1) + row
    if need > len(view) - start:
        problem = f"{need} bytes expected, {len(view) - start} found; {REPAIR}"
        raise MalformedImage(problem, structure="bmp rows", offset=start)
    end = min(len(view), start + header.stride * header.rows)
    data = view[start:end]
    used = b""
    if header.bits <= 8:
        used = samples.used(data, header.width, header.bits, stride=header.stride, rows=header.rows)
    is_invisible = len(header.masks) == 4 and header.masks[3] > 0 and not _has_opacity(data, header)
    return BmpRows(header, data, end, used, is_invisible=is_invisible)


def _read_codes(view: memoryview, header: BmpHeader, start: int) -> BmpRows:
    """Follow run-length codes."""
    nibbles = header.compression == RLE4
    painted = rle.decode_bmp(view[start:], header.width, header.rows, nibbles=nibbles)
    if painted.status is not Status.OK:
        problem = f"{PROBLEMS.get(painted.status, 'they cannot be followed')}, in row {painted.row}"
        raise MalformedImage(problem, structure="bmp run-length codes", offset=start + painted.consumed)
    shown = [samples.used(painted.pixels, len(painted.pixels))] if painted.pixels else []
    used = b"".join(shown)
    if painted.painted == len(painted.pixels):
        return BmpRows(header, view[start : start + painted.consumed], start + painted.consumed, used, painted)
    used = bytes(sorted({0, *used}))
    return BmpRows(header, view[start : start + painted.consumed], start + painted.consumed, used, painted)


def _has_opacity(data: memoryview, header: BmpHeader) -> bool:
    """Whether a pixel is not fully transparent."""
    opacity = bytearray(data)
    samples.mask(opacity, header.bits // 8, header.masks[3])
    return any(opacity)


def clean_rows(found: BmpRows, indices: bytes) -> bytes | bytearray | memoryview:
    """The rows as they leave, canonical: run-length codes, or samples; those of the file where nothing changes.

    Args:
        found: in the file.
        indices: the palette's new index for every old one, 256 bytes.
    """
    header, painted = found.header, found.painted
    if painted is not None:
        if indices != SAME:
            samples.remap(painted.pixels, indices, len(painted.pixels))
        nibbles = header.compression == RLE4
        return rle.encode_bmp(
            painted.pixels, header.width, header.rows, painted.spans, nibbles=nibbles, complete=painted.complete
        )
    size = header.stride * header.rows
    row_bits = header.width * header.bits
    is_padded = row_bits < 8 * header.stride
    if len(found.data) == size and not is_padded and header.bits not in MASKED and indices == SAME:
        return found.data
    rows = bytearray(found.data)
    rows += bytes(size - len(rows))
    changed = len(found.data) < size
    if is_padded:
        changed |= samples.clear_padding(rows, row_bits, stride=header.stride, rows=header.rows)
    if indices != SAME:
        changed |= samples.remap(rows, indices, header.width, header.bits, stride=header.stride, rows=header.rows)
    if header.bits in MASKED:
        masks = header.masks or STANDARD_MASKS
        changed |= samples.mask(rows, header.bits // 8, sum(masks), 0 if found.is_invisible else masks[3])
    return rows if changed else found.data


def has_even_fill(found: BmpRows) -> bool:
    """Whether all that is cleared of 32-bit rows is one value of a byte without a channel, or one colour of alpha 0."""
    header = found.header
    alpha = header.masks[3] if len(header.masks) == 4 else 0
    if header.bits != 32 or len(found.data) != header.stride * header.rows or found.is_invisible:
        return False
    if not alpha:
        unused = ~sum(header.masks or STANDARD_MASKS) & 0xFFFFFFFF
        rest = bytes(found.data[UNUSED_BYTE::4])
        return unused == STANDARD_ALPHA and rest.count(rest[0]) == len(rest)
    if sum(header.masks) != 0xFFFFFFFF or alpha not in BYTE_MASKS:
        return False
    return fill_colour(found.data, 4, BYTE_MASKS.index(alpha)) is not None
