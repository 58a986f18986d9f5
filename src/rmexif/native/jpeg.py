"""Entropy-coded data of JPEG scans (ITU-T T.81).

Where its last code ends, which codes and coefficients it uses, what in it a writer was free to choose, and the same
data without these choices.
"""

from __future__ import annotations

import ctypes
from itertools import compress
from typing import TYPE_CHECKING

from rmexif.native.jpeg_scan import (
    COMPONENTS,
    TABLE_SIZE,
    TABLES,
    Buffer,
    Component,
    Output,
    Scan,
    Walk,
    bad_argument,
    room,
)
from rmexif.native.library import twin
from rmexif.native.status import Status

__all__ = ["Component", "Output", "Scan", "Walk", "walk"]

if TYPE_CHECKING:
    from array import array


class _Component(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int32) for name in ("units", "dc_slot", "ac_slot", "lower", "upper", "kx"))


class _Scan(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("sof", "precision", "start", "stop", "high", "low", "output")),
        ("components", ctypes.c_int32),
        ("mcus", ctypes.c_uint64),
        ("interval", ctypes.c_uint64),
        ("component", _Component * COMPONENTS),
    )


class _Result(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("mcus", "used", "end", "written", "dropped", "padding")),
        *((name, ctypes.c_uint64) for name in ("zero_runs", "eob_runs", "dc_range")),
        ("nonzero", ctypes.c_uint64 * COMPONENTS),
    )


def _packed(tables: tuple[bytes, ...]) -> bytes:
    return b"".join(table.ljust(TABLE_SIZE, b"\0")[:TABLE_SIZE] for table in tables).ljust(TABLES * TABLE_SIZE, b"\0")


def _walk(
    core: ctypes.CDLL,
    scan: Scan,
    data: Buffer,
    history: array[int] | None = None,
    output: Output = Output.LOOK,
    new_tables: tuple[bytes, ...] = (),
) -> Walk:
    if len(scan.components) > COMPONENTS:
        return bad_argument(scan)
    past = bytearray() if history is None else history
    used = bytearray(TABLES * 256)
    symbols = (ctypes.c_uint32 * (TABLES * 256))()
    out = bytearray(0 if output == Output.LOOK else room(data))
    result = _Result()
    status = core.rmexif_jpeg_walk(
        ctypes.byref(_scan(scan, output)),
        _packed(tuple(table for c in scan.components for table in (c.dc, c.ac))),
        used,
        past,
        len(past),
        data,
        len(data),
        _packed(new_tables),
        symbols,
        out,
        len(out),
        ctypes.byref(result),
    )
    tables = range(2 * len(scan.components))
    if status not in (Status.OK, Status.BAD_ARGUMENT):
        symbols = type(symbols)()  # of a damaged scan
    return Walk(
        Status(status),
        mcus=result.mcus,
        used=result.used,
        end=result.end,
        dropped=result.dropped,
        padding=result.padding,
        zero_runs=result.zero_runs,
        eob_runs=result.eob_runs,
        dc_range=result.dc_range,
        nonzero=tuple(result.nonzero[: len(scan.components)]),
        codes=tuple(tuple(compress(range(256), used[256 * t : 256 * t + 256])) for t in tables),
        data=bytes(memoryview(out)[: result.written]),
        symbols=tuple(_counts(symbols[256 * t : 256 * t + 256]) if output == Output.CODE else {} for t in tables),
    )


def _counts(symbols: list[int]) -> dict[int, int]:
    return {symbol: count for symbol, count in enumerate(symbols) if count}


def _scan(scan: Scan, output: Output) -> _Scan:
    components = (_Component(c.units, c.dc_slot, c.ac_slot, *c.conditioning) for c in scan.components)
    return _Scan(
        *(scan.sof, scan.precision, scan.start, scan.stop, scan.high, scan.low, output, len(scan.components)),
        *(scan.mcus, scan.interval, (_Component * COMPONENTS)(*components)),
    )


@twin(_walk)
def walk(
    scan: Scan,
    data: Buffer,
    history: array[int] | None = None,
    output: Output = Output.LOOK,
    new_tables: tuple[bytes, ...] = (),
) -> Walk:
    """Walk a scan over all its restart intervals, to its last MCU.

    Args:
        scan: the scan header.
        data: starts with the entropy-coded data; may go on behind it.
        history: AC scans of progressive frames: ``array("Q")`` of one number per block of the component, in the order
            of such a scan; bit k says that earlier scans left coefficient k nonzero. Updated: a scan that was walked
            cannot be walked again with the same one.
        output: what to write.
        new_tables: for ``Output.CODE`` with Huffman coding: the tables to write with, DC of component 0, its AC, ...
    """
    from rmexif.native import jpeg_twin  # where there is no core

    return jpeg_twin.walk_scan(scan, data, history, output, new_tables)
