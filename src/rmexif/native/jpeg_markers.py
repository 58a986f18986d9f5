"""The markers in entropy-coded data of a JPEG scan (ITU-T T.81, B.1.1.2, B.1.1.5)."""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING, NamedTuple

from rmexif.native.library import twin
from rmexif.native.status import Status

if TYPE_CHECKING:
    from rmexif.native.jpeg_scan import Buffer

__all__ = ["MARKER", "Markers", "find"]

MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)  # B.1.1.2: fill bytes may precede it
RESTARTS = range(0xD0, 0xD8)  # table B.1
FIRST_FRAME = 0xC0
ROOM = 256  # markers of a call: scans with more of them take several


class Markers(NamedTuple):
    """What stands between the codes of a scan; byte offsets into the data.

    Attributes:
        offsets: of the 0xFF of each RSTn, and of reserved markers, which end no scan.
        codes: second byte of each of them.
        end: of the marker that follows, or of the data.
    """

    offsets: tuple[int, ...]
    codes: bytes
    end: int


def _find(core: ctypes.CDLL, data: Buffer, start: int) -> Markers:
    offsets, codes, end = list[int](), b"", start
    places, seconds, report = (ctypes.c_uint64 * ROOM)(), bytearray(ROOM), (ctypes.c_uint64 * 2)()
    status = Status.LIMIT
    while status is Status.LIMIT:
        status = Status(core.rmexif_jpeg_markers(data, len(data), end, places, seconds, ROOM, report))
        count, end = report
        offsets += places[:count]
        codes += seconds[:count]
    return Markers(tuple(offsets), codes, end)


@twin(_find)
def find(data: Buffer, start: int) -> Markers:
    """The markers from ``start`` on, up to the first one that is neither a restart nor a reserved one below SOF0.

    Reserved markers come from damage: decoders look for the next restart behind them.

    Args:
        data: a datastream.
        start: byte where the codes start, in the data or at its end.
    """
    offsets, codes = list[int](), bytearray()
    for match in MARKER.finditer(data, start):
        code = match[0][1]
        if not (code in RESTARTS or code < FIRST_FRAME):
            return Markers(tuple(offsets), bytes(codes), match.start())
        offsets.append(match.start())
        codes.append(code)
    return Markers(tuple(offsets), bytes(codes), len(data))
