"""Which data a decoder takes for which restart interval of a JPEG scan (ITU-T T.81, E.1.4, E.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.jpeg.segments import Marker

if TYPE_CHECKING:
    from rmexif.containers.jpeg.segments import ScanData

__all__ = ["RestartInterval", "restart_intervals", "restart_marker"]

MODULUS = 8  # restart markers are numbered modulo 8 (T.81, E.1.4)
AHEAD, BEHIND = (
    (1, 2),
    (6, 7),
)  # how far a marker is from the expected one, where libjpeg takes it for another interval's


class RestartInterval(NamedTuple):
    """The data of a restart interval; byte offsets into the datastream."""

    number: int  # from 0 in the scan
    start: int
    end: int  # of the marker behind it


def restart_marker(number: int) -> bytes:
    """The marker before restart interval ``number``, which is 1 or more."""
    return bytes([0xFF, Marker.RST0 + (number - 1) % MODULUS])


def restart_intervals(data: ScanData, count: int) -> tuple[RestartInterval, ...]:
    """The restart intervals that have data, of ``count`` in the scan.

    Where markers are missing or out of turn, by libjpeg's rules (jpeg_resync_to_restart): one that is up to two behind
    is skipped, one that is up to two ahead leaves the intervals before it empty, any other is the expected one.
    """
    ends = (*data.offsets, data.end)
    found = [RestartInterval(0, data.start, ends[0])]
    at = 0
    for number in range(1, count):
        while at < len(data.codes):
            code = data.codes[at]
            distance = (code - Marker.RST0 - (number - 1)) % MODULUS
            if code >= Marker.SOF0 and distance in AHEAD:
                break
            at += 1
            if code >= Marker.SOF0 and distance not in BEHIND:
                found.append(RestartInterval(number, ends[at - 1] + 2, ends[at]))
                break
        else:
            break
    return tuple(found)
