"""Samples in rows, as GIF, TIFF, BMP and PNG hold them once they are decoded.

Samples of less than a byte are packed from the highest bit down, and every row starts with a byte. What changes
samples does so in place, and returns whether any byte got another value.
"""

from __future__ import annotations

import ctypes
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING, Literal

from rmexif.native.library import twin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "apply_predictor",
    "clear_hidden",
    "clear_padding",
    "clear_where",
    "mask",
    "remap",
    "undo_predictor",
    "used",
]

Buffer = bytes | bytearray | memoryview

MOST_CHANNELS = 64


def _require(condition: object) -> None:
    if not condition:
        raise ValueError("samples: the buffer does not hold these rows, or samples of this size are not offered")


def _holds(size: int, stride: int, row_bits: int, rows: int) -> bool:
    """Whether rows lie inside a buffer."""
    row = (row_bits + 7) // 8
    return not rows or (stride > 0 and row <= stride and stride * (rows - 1) + row <= size)


def _run(function: Callable[..., int], *arguments: object) -> bool:
    """Call the core; whether it changed something."""
    changed = (ctypes.c_uint32 * 1)()
    _require(function(*arguments, changed) == 0)
    return bool(changed[0])


def _used(core: ctypes.CDLL, data: Buffer, width: int, bits: int = 8, *, stride: int = 0, rows: int = 1) -> bytes:
    values = bytearray(256)
    _require(core.rmexif_samples_used(data, len(data), stride or len(data) or 1, width, rows, bits, values) == 0)
    return bytes(value for value, there in enumerate(values) if there)


@twin(_used)
def used(data: Buffer, width: int, bits: int = 8, *, stride: int = 0, rows: int = 1) -> bytes:
    """Every value that occurs, in ascending order.

    Args:
        data: the rows.
        width: samples of a row; what lies behind them is not looked at.
        bits: of a sample: 1, 2, 4 or 8.
        stride: bytes from row to row; 0: one row.
        rows: how many.

    Raises:
        ValueError: the buffer does not hold the rows.
    """
    stride = stride or len(data) or 1
    _require(bits in (1, 2, 4, 8) and _holds(len(data), stride, width * bits, rows))
    complete, rest = divmod(width * bits, 8)
    seen, tails = set[int](), set[int]()
    for at in (stride * row for row in range(rows)):
        seen.update(data[at : at + complete])
        if rest:
            tails.add(data[at + complete])
    most = (1 << bits) - 1
    values = {byte >> shift & most for byte in seen for shift in range(0, 8, bits)}
    values |= {byte >> shift & most for byte in tails for shift in range(8 - bits, 7 - rest, -bits)}
    return bytes(sorted(values))


def _remap(
    core: ctypes.CDLL, data: bytearray, table: bytes, width: int, bits: int = 8, *, stride: int = 0, rows: int = 1
) -> bool:
    _require(len(table) == 256)
    return _run(core.rmexif_samples_remap, data, len(data), stride or len(data) or 1, width, rows, bits, table)


@twin(_remap)
def remap(data: bytearray, table: bytes, width: int, bits: int = 8, *, stride: int = 0, rows: int = 1) -> bool:
    """Replace every sample by its entry of a table of 256.

    Args:
        data: the rows.
        table: the new value for every old one; what it has beyond ``bits`` is cut off.
        width: samples of a row; what lies behind them stays.
        bits: of a sample: 1, 2, 4 or 8.
        stride: bytes from row to row; 0: one row.
        rows: how many.

    Raises:
        ValueError: the buffer does not hold the rows.
    """
    stride = stride or len(data) or 1
    _require(len(table) == 256 and bits in (1, 2, 4, 8) and _holds(len(data), stride, width * bits, rows))
    packed = _packed_table(table, bits)
    complete, rest = divmod(width * bits, 8)
    last = 0xFF00 >> rest & 0xFF
    before = bytes(data)
    for at in (stride * row for row in range(rows)):
        data[at : at + complete] = data[at : at + complete].translate(packed)
        if rest:
            byte = data[at + complete]
            data[at + complete] = packed[byte] & last | byte & ~last
    return data != before


def _packed_table(table: bytes, bits: int) -> bytes:
    """A table for bytes of several samples."""
    most, shifts = (1 << bits) - 1, range(0, 8, bits)
    return bytes(sum((table[byte >> shift & most] & most) << shift for shift in shifts) for byte in range(256))


def _clear_padding(core: ctypes.CDLL, data: bytearray, row_bits: int, *, stride: int, rows: int) -> bool:
    return _run(core.rmexif_samples_clear_padding, data, len(data), stride, row_bits, rows)


@twin(_clear_padding)
def clear_padding(data: bytearray, row_bits: int, *, stride: int, rows: int) -> bool:
    """Clear what belongs to no pixel.

    Args:
        data: the rows.
        row_bits: of a row that belong to pixels.
        stride: bytes from row to row.
        rows: how many belong to the picture; bytes behind them are cleared too.

    Raises:
        ValueError: the buffer does not hold the rows.
    """
    _require(_holds(len(data), stride, row_bits, rows))
    before = bytes(data)
    complete, rest = divmod(row_bits, 8)
    for at in (stride * row for row in range(rows)):
        if rest:
            data[at + complete] &= 0xFF00 >> rest & 0xFF
        start, end = at + (row_bits + 7) // 8, min(at + stride, len(data))
        data[start:end] = bytes(end - start)
    data[rows * stride :] = bytes(len(data[rows * stride :]))
    return data != before


def _clear_hidden(core: ctypes.CDLL, data: bytearray, channels: int, alpha: int, depth: int = 1) -> bool:
    return _run(core.rmexif_samples_clear_hidden, data, len(data), channels, alpha, depth)


@twin(_clear_hidden)
def clear_hidden(data: bytearray, channels: int, alpha: int, depth: int = 1) -> bool:
    """Clear the samples of pixels whose opacity is 0.

    Args:
        data: pixels side by side.
        channels: samples of a pixel: 1 to 64.
        alpha: the one that is opacity, from 0.
        depth: bytes of a sample: 1 or 2.

    Raises:
        ValueError: an argument outside its range.
    """
    _require(1 <= channels <= MOST_CHANNELS and 0 <= alpha < channels and depth in (1, 2))
    pixel = channels * depth
    complete = data[: len(data) // pixel * pixel]
    return _clear_pixels(data, [complete[n::pixel] for n in range(alpha * depth, (alpha + 1) * depth)], pixel)


def _clear_where(core: ctypes.CDLL, data: bytearray, opacity: Buffer, depth: int = 1) -> bool:
    _require(len(data) == len(opacity))
    return _run(core.rmexif_samples_clear_where, data, opacity, len(data), depth)


@twin(_clear_where)
def clear_where(data: bytearray, opacity: Buffer, depth: int = 1) -> bool:
    """Clear the samples of one channel where another one, opacity, is 0.

    Args:
        data: samples of one channel.
        opacity: as many samples.
        depth: bytes of a sample: 1 or 2.

    Raises:
        ValueError: an argument outside its range, or planes of two sizes.
    """
    _require(len(data) == len(opacity) and depth in (1, 2))
    complete = bytearray(opacity[: len(opacity) // depth * depth])
    return _clear_pixels(data, [complete[n::depth] for n in range(depth)], depth)


def _clear_pixels(data: bytearray, opacity: list[bytearray], size: int) -> bool:
    """Clear pixels of ``size`` bytes where all planes of opacity are 0, all of them at once as one number."""
    count, changed = len(opacity[0]), False
    shown = bytes([0, *[255] * 255])
    mask = 0
    for plane in opacity:
        mask |= int.from_bytes(plane.translate(shown), "big")
    for n in range(size):
        plane = data[n : count * size : size]
        fresh = (int.from_bytes(plane, "big") & mask).to_bytes(count, "big")
        changed |= fresh != plane
        data[n : count * size : size] = fresh
    return changed


def _mask(core: ctypes.CDLL, data: bytearray, depth: int, keep: int, alpha: int = 0) -> bool:
    return _run(core.rmexif_samples_mask, data, len(data), depth, keep, alpha)


@twin(_mask)
def mask(data: bytearray, depth: int, keep: int, alpha: int = 0) -> bool:
    """Clear the bits of little-endian pixels that belong to no channel, and pixels whose opacity is 0.

    Args:
        data: pixels.
        depth: bytes of a pixel: 2 or 4.
        keep: the bits of all channels.
        alpha: those of opacity; 0: there is none.

    Raises:
        ValueError: another size of pixels.
    """
    _require(depth in (2, 4))
    before = bytes(data)
    for at in range(0, len(data) - depth + 1, depth):
        value = int.from_bytes(data[at : at + depth], "little") & keep
        data[at : at + depth] = (0 if alpha and not value & alpha else value).to_bytes(depth, "little")
    return data != before


def _undo_predictor(
    core: ctypes.CDLL, data: bytearray, stride: int, channels: int = 1, depth: int = 1, *, big: bool = False
) -> None:
    _require(core.rmexif_samples_undo_predictor(data, len(data), stride, channels, depth, big) == 0)


@twin(_undo_predictor)
def undo_predictor(data: bytearray, stride: int, channels: int = 1, depth: int = 1, *, big: bool = False) -> None:
    """Undo horizontal differencing (TIFF 6.0, section 14).

    Args:
        data: the rows; what is no whole row stays.
        stride: bytes of a row.
        channels: samples of a pixel: 1 to 64.
        depth: bytes of a sample: 1, 2 or 4.
        big: the highest byte first.

    Raises:
        ValueError: an argument outside its range.
    """
    _each_channel(data, stride, channels, depth, big, lambda samples: accumulate(samples, add))


def _apply_predictor(
    core: ctypes.CDLL, data: bytearray, stride: int, channels: int = 1, depth: int = 1, *, big: bool = False
) -> None:
    _require(core.rmexif_samples_apply_predictor(data, len(data), stride, channels, depth, big) == 0)


@twin(_apply_predictor)
def apply_predictor(data: bytearray, stride: int, channels: int = 1, depth: int = 1, *, big: bool = False) -> None:
    """Apply horizontal differencing; arguments and errors of ``undo_predictor``."""
    _each_channel(
        *(data, stride, channels, depth, big),
        lambda samples: (after - before for before, after in zip([0, *samples], samples, strict=False)),
    )


def _each_channel(
    data: bytearray,
    stride: int,
    channels: int,
    depth: int,
    big: bool,
    function: Callable[[list[int]], Iterable[int]],
) -> None:
    """Replace the samples of each channel of each row by what a function makes of them, modulo their range."""
    _require(stride > 0 and 1 <= channels <= MOST_CHANNELS and depth in (1, 2, 4))
    order: Literal["big", "little"] = "big" if big else "little"
    most, complete = (1 << 8 * depth) - 1, stride // depth * depth
    for start in range(0, len(data) - stride + 1, stride):
        row = data[start : start + complete]
        samples = list(row) if depth == 1 else [_number(row, at, depth, big) for at in range(0, complete, depth)]
        for channel in range(min(channels, len(samples))):
            samples[channel::channels] = [value & most for value in function(samples[channel::channels])]
        data[start : start + complete] = (
            bytes(samples) if depth == 1 else b"".join(value.to_bytes(depth, order) for value in samples)
        )


def _number(row: bytearray, at: int, depth: int, big: bool) -> int:
    """One sample."""
    return int.from_bytes(row[at : at + depth], "big" if big else "little")
