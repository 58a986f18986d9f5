"""BMP pixels: every depth that our parser reads, with masks of any place and width ([MS-WMF] 2.2.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.containers.bmp.header import RUN_LENGTHS, STANDARD_MASKS, read_header
from rmexif.containers.bmp.rows import read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.containers.bmp.header import BmpHeader
    from rmexif.containers.bmp.rows import BmpRows
    from rmexif.native.rle import Painted

__all__ = ["read_pixels"]


def read_pixels(raw: bytes | memoryview) -> NDArray[Any]:
    """The picture as H x W x C: grey, RGB, or RGBA where a pixel of an alpha mask is not fully transparent.

    Args:
        raw: a file that the parser has read.
    """
    view = memoryview(raw)
    header = read_header(view)
    start = header.start or header.end + header.entry * header.colours
    found = read_rows(view, header, start)
    if found.is_invisible:
        header = replace(header, masks=(*header.masks[:3], 0))
    rows = _stored(found)
    if header.bits <= 8:
        pixels = _palette(view, header, start)[_indices(rows, header)]
        if found.painted and found.painted.painted < len(found.painted.pixels):
            pixels[~_painted(found.painted, header)[: len(rows)]] = 0  # as Chromium shows what no run reaches
    elif header.bits == 24:
        pixels = rows[:, : 3 * header.width].reshape(len(rows), header.width, 3)[:, :, ::-1]
    else:
        pixels = _channels(rows, header)
    return np.ascontiguousarray(pixels)


def _stored(found: BmpRows) -> NDArray[np.uint8]:
    """Rows from the top of the picture on, as they are stored; of run-length codes one sample a byte."""
    header, painted = found.header, found.painted
    stride = header.stride if painted is None else header.width
    data = found.data if painted is None else memoryview(painted.pixels)
    size = stride * header.rows
    if len(data) < size:  # the padding of the last row
        data = memoryview(bytes(data).ljust(size, b"\0"))
    rows = np.frombuffer(data[:size], np.uint8).reshape(header.rows, stride)
    return rows[::-1] if header.height > 0 else rows  # or the last row comes first


def _painted(painted: Painted, header: BmpHeader) -> NDArray[np.bool_]:
    """Which pixels a run reaches, rows from the top of the picture on."""
    reached = np.zeros((header.rows, header.width), bool)
    for row, first, end in np.frombuffer(painted.spans, painted.spans.typecode).reshape(-1, 3):
        reached[row, first:end] = True
    return reached[::-1]


def _indices(rows: NDArray[np.uint8], header: BmpHeader) -> NDArray[np.uint8]:
    """One palette index a pixel."""
    if header.bits == 8 or header.compression in RUN_LENGTHS:
        return rows[:, : header.width]
    shifts = np.arange(8 - header.bits, -1, -header.bits, dtype=np.uint8)
    spread = rows[:, :, None] >> shifts & np.uint8((1 << header.bits) - 1)
    return spread.reshape(len(rows), -1)[:, : header.width]


def _palette(view: memoryview, header: BmpHeader, start: int) -> NDArray[np.uint8]:
    """256 colours, black where there is none; one channel where all are grey."""
    count = min(header.colours, (start - header.end) // header.entry)
    table = np.zeros((256, 3), np.uint8)
    stored = np.frombuffer(view[header.end : header.end + header.entry * count], np.uint8)
    table[:count] = stored.reshape(count, header.entry)[:, 2::-1]
    is_grey = (table == table[:, :1]).all()
    return table[:, :1] if is_grey else table


def _channels(rows: NDArray[np.uint8], header: BmpHeader) -> NDArray[np.uint8]:
    """Channels of 16- or 32-bit pixels, scaled to 8 bits."""
    pixels = np.ascontiguousarray(rows).view("<u2" if header.bits == 16 else "<u4")[:, : header.width]
    masks = header.masks or STANDARD_MASKS
    shown = masks if masks[3:] and masks[3] else masks[:3]
    return np.stack([_channel(pixels, mask) for mask in shown], axis=2)


def _channel(pixels: NDArray[Any], mask: int) -> NDArray[np.uint8]:
    """One channel, from 0 to 255; 0 where its mask is empty."""
    if not mask:
        return np.zeros(pixels.shape, np.uint8)
    low = (mask & -mask).bit_length() - 1
    most = mask >> low
    values: NDArray[Any] = (pixels & pixels.dtype.type(mask)) >> pixels.dtype.type(low)
    scaled = values if most == 255 else values.astype(np.uint64) * 255 // most
    channel: NDArray[np.uint8] = scaled.astype(np.uint8)
    return channel
