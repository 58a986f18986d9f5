"""The walk over a JPEG scan in Python: the specification of ``c/jpeg.c``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.native.jpeg_arithmetic_twin import ArithmeticWalk
from rmexif.native.jpeg_coding_twin import Coder, Found, Refused, Stop
from rmexif.native.jpeg_huffman_twin import HuffmanWalk
from rmexif.native.jpeg_scan import Buffer, Output, Scan, Walk, bad_argument, find_marker, room
from rmexif.native.status import Status

if TYPE_CHECKING:
    from array import array

__all__ = ["walk_scan"]


def _is_valid(scan: Scan, blocks: int) -> bool:  # noqa: PLR0911 - one return per argument that is checked
    """Whether T.81 knows such a scan (B.2.3, G.1.1.1)."""
    if scan.sof not in (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA) or not 2 <= scan.precision <= 16:
        return False
    if not 1 <= len(scan.components) <= 4 or max(scan.mcus, scan.interval) >= 1 << 32:
        return False
    if scan.sof in (0xC2, 0xCA):
        if not 0 <= scan.start <= scan.stop <= 63 or (scan.start == 0) != (scan.stop == 0):
            return False
        if not (0 <= scan.low <= 13 and 0 <= scan.high <= 13):
            return False
        if scan.start and (len(scan.components) > 1 or scan.components[0].units != 1 or scan.mcus > blocks):
            return False
    elif scan.sof != 0xC3 and (scan.start, scan.stop, scan.high, scan.low) != (0, 63, 0, 0):
        return False
    for c in scan.components:
        lower, upper, kx = c.conditioning
        if not (1 <= c.units <= 16 and 0 <= c.dc_slot <= 3 and 0 <= c.ac_slot <= 3):
            return False
        if not (0 <= lower <= upper <= 15 and 1 <= kx <= 63):
            return False
    return True


def _step_over_restart(data: Buffer, marker: int, number: int) -> int:
    """The offset behind the restart marker at ``marker``, fill bytes included.

    Raises:
        Stop: there is none, or it is not number ``number``.
    """
    at = marker
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at in (marker, len(data)) or not 0xD0 <= data[at] <= 0xD7:
        raise Stop(Status.ENDS_EARLY)
    if data[at] != 0xD0 + number % 8:
        raise Stop(Status.BAD_VALUE)
    return at + 1


def _walk_intervals(scan: Scan, data: Buffer, walk: HuffmanWalk | ArithmeticWalk, found: Found, cut: bool) -> None:
    """Walk interval by interval.

    Raises:
        Stop: why the walk ends early.
    """
    length = scan.interval or scan.mcus
    at = 0
    for number, first in enumerate(range(0, scan.mcus, max(1, length))):
        if number:
            marker, at = at, _step_over_restart(data, at, number - 1)
            found.dropped += at - marker - 2
            found.out += bytes([0xFF, 0xD0 + (number - 1) % 8])
        part = walk.interval(first, min(length, scan.mcus - first), bytes(data[at : find_marker(data, at)]))
        found.mcus += part.mcus
        found.used = at + part.used
        found.end = find_marker(data, found.used)
        found.padding += part.differs
        if cut:
            found.out += part.cut(data[at : found.used])
        if part.status is not Status.OK:
            raise Stop(part.status)
        found.dropped += found.end - found.used
        at = found.end


def walk_scan(
    scan: Scan, data: Buffer, history: array[int] | None, output: Output, new_tables: tuple[bytes, ...]
) -> Walk:
    """See ``jpeg.walk``."""
    if not _is_valid(scan, 0 if history is None else len(history)):
        return bad_argument(scan)
    arithmetic = scan.sof >= 0xC9
    found = Found(len(scan.components))
    coder = Coder(found)
    try:
        walk: HuffmanWalk | ArithmeticWalk
        if arithmetic:
            walk = ArithmeticWalk(scan, history, found)
        else:
            walk = HuffmanWalk(scan, history, found, coder if output is Output.CODE else None, new_tables)
    except Refused:
        return bad_argument(scan)
    status = Status.OK
    try:
        _walk_intervals(scan, data, walk, found, output is Output.CUT and not arithmetic)
    except Stop as stop:
        status = stop.status
    if output is Output.LOOK or (output is Output.CODE and not arithmetic and status is not Status.OK):
        found.out.clear()
    if len(found.out) > room(data):
        status = Status.OUTPUT_FULL
    elif found.lacks_code and status is Status.OK:
        status = Status.BAD_ARGUMENT
    if status not in (Status.OK, Status.BAD_ARGUMENT):
        found.forget_symbols()
    return found.walk(status)
