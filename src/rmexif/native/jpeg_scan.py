"""What a walk over a JPEG scan (ITU-T T.81) takes, and what it finds."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final, NamedTuple

from rmexif.native.status import Status

__all__ = [
    "Buffer",
    "Component",
    "Output",
    "Scan",
    "Walk",
    "bad_argument",
    "find_marker",
    "reads_ac",
    "reads_dc",
    "room",
]

Buffer = bytes | memoryview

MARKER = re.compile(rb"\xff[^\x00]", re.DOTALL)
COMPONENTS: Final = 4  # JPEG_COMPONENTS of c/jpeg.h
TABLES: Final = 8  # JPEG_TABLES
TABLE_SIZE: Final = 16 + 256  # JPEG_TABLE_SIZE


class Output(IntEnum):
    """What a walk writes."""

    LOOK = 0  # nothing
    CUT = 1  # the input without what follows the last code of each interval, padded with ones
    CODE = 2  # each interval coded again, with the tables given for it


class Component(NamedTuple):
    """A component of a scan and the tables in force for it (T.81, B.2.3)."""

    units: int  # data units in an MCU: h x v, 1 where the scan has one component
    dc: bytes = b""  # Huffman table: the codes of each length from 1 to 16 bits, then the symbols; may be empty
    ac: bytes = b""
    dc_slot: int = 0  # arithmetic coding: statistics and conditioning are shared by slot, 0 to 3
    ac_slot: int = 0
    conditioning: tuple[int, int, int] = (0, 1, 5)  # L, U, Kx of these slots (T.81, F.1.4.4.1.4, F.1.4.4.2)


class Scan(NamedTuple):
    """A scan header with what its components need (T.81, B.2.3)."""

    sof: int  # marker byte of the frame header: 0xC0 to 0xC3, 0xC9, 0xCA
    precision: int  # bits per sample
    components: tuple[Component, ...]
    mcus: int
    interval: int = 0  # MCUs between restarts, 0 = none
    start: int = 0  # Ss
    stop: int = 63  # Se
    high: int = 0  # Ah
    low: int = 0  # Al


class Walk(NamedTuple):
    """What a walk over a scan found.

    ``status`` is OK, or, with all whole MCUs before it looked at: ENDS_EARLY where a marker or the end of the data
    comes first; BAD_CODE; BAD_VALUE for a coefficient outside its band, a size that cannot be, a restart marker out of
    turn; OUTPUT_FULL; BAD_ARGUMENT for a scan that T.81 does not know, for more codes than 16 bits tell apart, for new
    tables that lack a symbol.
    """

    status: Status
    mcus: int  # MCUs that are whole
    used: int  # bytes of the input up to the last bit of the last of them
    end: int  # offset of the marker behind them
    dropped: int  # bytes between the last code of an interval and the marker behind it, all together
    padding: int  # intervals with last bits that T.81 does not ask for (F.1.2.3, D.1.8)
    zero_runs: int  # blocks with runs of 16 zeros before nothing but zeros: an end of block says the same
    eob_runs: int  # end-of-block runs that libjpeg would have joined, split, or that pass the interval's end
    dc_range: int  # DC coefficients that no sample of this precision leads to
    nonzero: tuple[int, ...]  # per component, bit k: coefficient k of the zig-zag order was not zero somewhere
    codes: tuple[tuple[int, ...], ...]  # numbers of the codes met: DC of component 0, its AC ...; equal tables share
    data: bytes  # the output; of a damaged scan its whole MCUs, nothing where it was to be coded again
    symbols: tuple[dict[int, int], ...]  # Output.CODE: how often each symbol is written, per table as in ``codes``


def bad_argument(scan: Scan) -> Walk:
    """What a walk says that was not made."""
    none = 2 * len(scan.components)
    numbers = (0,) * 8
    return Walk(Status.BAD_ARGUMENT, *numbers, (0,) * len(scan.components), ((),) * none, b"", ({},) * none)


def find_marker(data: Buffer, start: int) -> int:
    """The offset of the first marker at or behind byte ``start``, ``len(data)`` where there is none.

    A marker starts with a 0xFF that another byte than 0x00 follows (T.81, B.1.1.2). Fill bytes belong to it.
    """
    found = MARKER.search(data, start)
    return found.start() if found else len(data)


def reads_dc(scan: Scan) -> bool:
    """Whether DC coefficients of a scan have codes (T.81, G.1.2.1)."""
    return scan.sof != 0xC2 or (scan.start == 0 and not scan.high)


def reads_ac(scan: Scan) -> bool:
    """Whether AC coefficients of a scan have codes."""
    return scan.sof != 0xC3 and scan.stop > 0


def room(data: Buffer) -> int:
    """Bytes that the output of a walk over ``data`` may take: more is OUTPUT_FULL."""
    return 2 * len(data) + (1 << 16)
