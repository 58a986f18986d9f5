"""The marker segments of a JPEG datastream (ITU-T T.81, annex B): the one walk over them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.native import jpeg_markers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FRAMES",
    "HIERARCHICAL",
    "STANDALONE",
    "Marker",
    "ScanData",
    "Segment",
    "is_application",
    "marker_name",
    "walk",
]


class Marker(IntEnum):
    """Second byte of a marker (T.81, table B.1); APPn and RSTn are ranges, see ``marker_name``."""

    TEM = 0x01
    SOF0 = 0xC0
    SOF1 = 0xC1
    SOF2 = 0xC2
    SOF3 = 0xC3
    DHT = 0xC4
    SOF9 = 0xC9
    SOF10 = 0xCA
    SOF11 = 0xCB
    DAC = 0xCC
    RST0 = 0xD0
    RST7 = 0xD7
    SOI = 0xD8
    EOI = 0xD9
    SOS = 0xDA
    DQT = 0xDB
    DNL = 0xDC
    DRI = 0xDD
    APP0 = 0xE0
    APP1 = 0xE1
    APP2 = 0xE2
    APP11 = 0xEB
    APP13 = 0xED
    APP14 = 0xEE
    APP15 = 0xEF
    COM = 0xFE


FRAMES = frozenset(
    {Marker.SOF0, Marker.SOF1, Marker.SOF2, Marker.SOF3, Marker.SOF9, Marker.SOF10, Marker.SOF11}
)  # T.81, table B.1, without the hierarchical ones
HIERARCHICAL = frozenset({0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF})  # differential SOFn, DHP, EXP
STANDALONE = frozenset({Marker.TEM, *range(Marker.RST0, Marker.RST7 + 1), Marker.SOI, Marker.EOI})  # B.1.1.3
_NAMES = {marker.value: marker.name for marker in Marker}


class Segment(NamedTuple):
    """A marker with the parameters that follow it; byte offsets into the datastream."""

    marker: int
    start: int  # of the marker's 0xFF
    body: int  # of the first parameter, behind the length
    end: int  # first byte after the segment

    def cursor(self, view: memoryview) -> Cursor:
        """A cursor over the parameters."""
        return Cursor(view, f"jpeg {marker_name(self.marker)}", self.body, self.end)


class ScanData(NamedTuple):
    """The entropy-coded data behind an SOS segment; byte offsets into the datastream."""

    start: int
    end: int  # of the marker that follows, or of the datastream
    offsets: tuple[int, ...]  # of the 0xFF of each RSTn, and of reserved markers, which end no scan
    codes: bytes  # second byte of each of them


def is_application(marker: int) -> bool:
    """Whether a marker is one of APP0 to APP15."""
    return Marker.APP0 <= marker <= Marker.APP15


def marker_name(marker: int) -> str:
    """The name that T.81 gives to a marker, in table B.1."""
    if is_application(marker):
        return f"APP{marker - Marker.APP0}"
    if Marker.RST0 <= marker <= Marker.RST7:
        return f"RST{marker - Marker.RST0}"
    return _NAMES.get(marker) or f"marker {marker:02X}"


def walk(data: bytes | memoryview) -> Iterator[Segment | ScanData]:
    """The segments of a datastream up to its EOI, each SOS followed by its ScanData.

    Fill and stray bytes between segments are stepped over. A datastream without EOI ends with the last segment that
    it has, so a caller who needs EOI has to look at the last item. Each item is read when it is asked for.

    Raises:
        MalformedImage: no SOI at the start, or a segment whose length is below 2 or runs past the end.
    """
    view = memoryview(data)
    if bytes(view[:2]) != b"\xff\xd8":
        raise MalformedImage("expected FF D8 at the start of the datastream", structure="jpeg SOI", offset=0)
    yield Segment(Marker.SOI, 0, 2, 2)
    at = 2
    while (match := jpeg_markers.MARKER.search(view, at)) is not None:
        start, at = match.end() - 2, match.end()
        marker = view[start + 1]
        if marker in STANDALONE:
            yield Segment(marker, start, at, at)
            if marker == Marker.EOI:
                return
            continue
        parameters = Cursor(view, f"jpeg {marker_name(marker)}", at)
        length = parameters.u16()
        if length < 2:
            raise MalformedImage(
                f"a length of {length}, it counts its own 2 bytes", structure=parameters.structure, offset=start
            )
        parameters.skip(length - 2)
        yield Segment(marker, start, at + 2, parameters.offset)
        at = parameters.offset
        if marker == Marker.SOS:
            found = jpeg_markers.find(view, at)
            yield ScanData(at, found.end, found.offsets, found.codes)
            at = found.end
