"""How a JPEG is divided into scans and restart intervals (ITU-T T.81, B.2.3, B.2.4.4, G.1): any way shows the same.

What libjpeg writes by itself says nothing; another division is the writer's choice, and so are the slots of tables.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.jpeg.headers import FrameHeader
    from rmexif.containers.jpeg.scan import Scan

__all__ = ["freedom"]

Row = tuple[tuple[int, ...], int, int, int, int]  # components by their place in the frame, Ss, Se, Ah, Al

SLOTS = frozenset({(0,), (0, 0, 0), (0, 1, 1), (0, 1, 2), (0, 0, 0, 0), (0, 1, 1, 0)})  # by component, of encoders
INTERVAL = 16  # bit of a restart interval (B.2.4.4)
SLOT = 2  # bit of the number of a table (B.2.3)
ROW = 4 + 6 + 6 + 4 + 4  # bit of a scan: which components, Ss, Se, Ah, Al
CONDITIONING = 8  # bit of a DAC value (B.2.4.3)
SAMPLING = 4  # bit: factors that all components share
COLOURS = 3  # components of YCbCr
COLOUR_SCRIPT: tuple[Row, ...] = (
    ((0, 1, 2), 0, 0, 0, 1),
    ((0,), 1, 5, 0, 2),
    ((2,), 1, 63, 0, 1),
    ((1,), 1, 63, 0, 1),
    ((0,), 6, 63, 0, 2),
    ((0,), 1, 63, 2, 1),
    ((0, 1, 2), 0, 0, 1, 0),
    ((2,), 1, 63, 1, 0),
    ((1,), 1, 63, 1, 0),
    ((0,), 1, 63, 1, 0),
)


def freedom(frame: FrameHeader, scans: tuple[Scan, ...]) -> int:
    """Bytes that a writer was free to choose in the headers of the frame and of its scans."""
    places = {component.ident: number for number, component in enumerate(frame.components)}
    script = tuple(
        (tuple(places[component.ident] for component in scan.header.components), *_band(scan)) for scan in scans
    )
    bits = 0 if script in _libjpeg(len(places), progressive=frame.progressive) else ROW * len(script)
    bits += SLOT * _free_slots(frame, scans)
    if math.gcd(*(c.h for c in frame.components)) > 1 or math.gcd(*(c.v for c in frame.components)) > 1:
        bits += SAMPLING
    interval = 0
    for scan in scans:
        bits += INTERVAL * (scan.restart_interval != interval) + CONDITIONING * len(scan.conditioning)
        interval = scan.restart_interval
    return math.ceil(bits / 8)


def _band(scan: Scan) -> tuple[int, int, int, int]:
    header = scan.header
    return header.start, header.stop, header.high, header.low


def _free_slots(frame: FrameHeader, scans: tuple[Scan, ...]) -> int:
    """How many numbers of tables are not those that every scan of an encoder has for a component."""
    quants = tuple(component.quant for component in frame.components)
    used: dict[tuple[int, bool], set[int]] = {}
    count = 0
    for scan in scans:
        for component, pair in zip(scan.header.components, scan.header.tables, strict=True):
            for is_ac, (reads, slot) in enumerate(zip(scan.header.reads(frame), pair, strict=True)):
                if reads:
                    count += 1
                    used.setdefault((component.ident, bool(is_ac)), set()).add(slot)
    free = 0 if quants in SLOTS or frame.lossless else len(quants)
    for is_ac in (False, True):
        found = [used.get((component.ident, is_ac), {0}) for component in frame.components]
        if not all(len(slots) == 1 for slots in found) or tuple(min(slots) for slots in found) not in SLOTS:
            return free + count
    return free


@cache
def _libjpeg(count: int, *, progressive: bool) -> frozenset[tuple[Row, ...]]:
    """The scripts that libjpeg has for so many components (jcparam.c, jpeg_simple_progression), and one scan of all."""
    every = tuple(range(count))
    if not progressive:
        return frozenset({((every, 0, 63, 0, 0),), tuple(((one,), 0, 63, 0, 0) for one in every)})
    if count == COLOURS:
        return frozenset({COLOUR_SCRIPT, tuple(_each(every))})
    return frozenset({tuple(_each(every))})


def _each(every: tuple[int, ...]) -> Iterator[Row]:
    """The script for components of any meaning."""
    yield (every, 0, 0, 0, 1)
    for band in ((1, 5, 0, 2), (6, 63, 0, 2), (1, 63, 2, 1)):
        for one in every:
            yield ((one,), *band)
    yield (every, 0, 0, 1, 0)
    for one in every:
        yield ((one,), 1, 63, 1, 0)
