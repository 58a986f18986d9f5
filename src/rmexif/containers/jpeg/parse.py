"""JPEG (ITU-T T.81, JFIF 1.02, Exif 2.32): segments, scans, and whatever cameras leave behind the end.

What stays: the tables that a scan uses, the frame and scan headers, the entropy-coded data, the colour transform
(JFIF, Adobe APP14 cut to its 12 bytes), a clean ICC profile and, where the picture is stored rotated, a one-tag Exif.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.jpeg.application import ApplicationData
from rmexif.containers.jpeg.headers import read_frame_header, read_scan_header
from rmexif.containers.jpeg.scan import CleanScans, CodedImage, Scan, clean_scans, is_canonical, is_walkable
from rmexif.containers.jpeg.segments import (
    FRAMES,
    HIERARCHICAL,
    STANDALONE,
    Marker,
    ScanData,
    Segment,
    is_application,
    marker_name,
    walk,
)
from rmexif.containers.jpeg.tables import TABLES, Table, TablesInForce
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Colour, Container, Part, PayloadKind, Role

if TYPE_CHECKING:
    from rmexif.containers.jpeg.headers import FrameHeader, ScanHeader
    from rmexif.types import Limits

__all__ = ["JpegTree", "matches", "parse"]


@dataclass(frozen=True, slots=True)
class JpegTree:
    """What a parse leaves for the rewrite."""

    image: CodedImage
    jfif: bool
    adobe_transform: int | None
    profile: bytes | None  # as it is in the file
    clean_scans: CleanScans | None  # where parsing made the walk already; None: it is left to the rewrite


def matches(head: bytes) -> bool:
    """SOI and the first byte of a marker (T.81, B.1.1.3)."""
    return head[:3] == b"\xff\xd8\xff"


def parse(view: memoryview, limits: Limits) -> Container[JpegTree]:
    """Walk the segments of the first image in the file, up to its EOI.

    Raises:
        MalformedImage: a segment is broken, or EOI is missing.
        UnsupportedFeature: hierarchical coding, or a height that is given after the picture (DNL).
        LimitExceeded: more pixels or segments than allowed.
    """
    reading = _Reading(view, limits)
    last: Segment | None = None
    for item in walk(view):
        if isinstance(item, ScanData):
            reading.scan_data(item)
        else:
            reading.segment(item)
            last = item
    assert last is not None  # the walk gives SOI, or raises
    if last.marker != Marker.EOI:
        problem = "no EOI marker follows before the end of the file"
        raise MalformedImage(problem, structure=f"jpeg {marker_name(last.marker)}", offset=last.start)
    return reading.container()


class _Reading:
    """The state of one pass over the segments."""

    def __init__(self, view: memoryview, limits: Limits) -> None:
        self.view, self.limits = view, limits
        self.parts: list[Part] = []
        self.position = 0  # first byte after the last part
        self.tables = TablesInForce()
        self.defined: dict[int, tuple[Table, ...]] = {}  # index of a part -> tables in it
        self.application = ApplicationData()
        self.frame: FrameHeader | None = None
        self.header: ScanHeader | None = None  # of the scan whose data comes next
        self.scans: list[Scan] = []

    def add(self, part: Part) -> None:
        """Append a part, and a gap before it."""
        if part.offset > self.position:
            self.parts.append(Part("gap", Role.GAP, self.position, part.offset - self.position, PayloadKind.UNKNOWN))
        if part.length:
            self.parts.append(part)
        self.limits.check("max_parts", len(self.parts))
        self.position = part.end

    def segment(self, item: Segment) -> None:
        """Take over what a segment says, and add it as a part."""
        marker, name, size = item.marker, marker_name(item.marker), item.end - item.start
        structure = Part(name, Role.STRUCTURE, item.start, size)
        if marker in HIERARCHICAL:
            problem = "hierarchical coding is refused; no common decoder shows it"
            raise UnsupportedFeature(problem, structure=f"jpeg {name}", offset=item.start)
        if marker in STANDALONE:
            at_its_place = marker == Marker.EOI or item.start == 0
            self.add(structure if at_its_place else replace(structure, role=Role.GAP))
        elif marker in FRAMES:
            self.frame_header(item)
            self.add(structure)
        elif marker == Marker.SOS:
            self.header = read_scan_header(self.view, item, self.need_frame(item))
            self.add(structure)
        elif marker in TABLES:
            self.add(structure)
            self.defined[len(self.parts) - 1] = self.tables.define(self.view, item)
        elif is_application(marker):
            self.add(self.application.read(self.view, item, early=not self.scans))
        elif marker == Marker.COM:
            self.add(Part(name, Role.METADATA, item.start, size, PayloadKind.TEXT, item.body - item.start))
        else:
            self.add(Part(name, Role.UNKNOWN, item.start, size, PayloadKind.UNKNOWN, item.body - item.start))

    def frame_header(self, item: Segment) -> None:
        """Take over the only frame header."""
        if self.frame is not None:
            problem = "a second frame header, expected one"
            raise MalformedImage(problem, structure=f"jpeg {marker_name(item.marker)}", offset=item.start)
        self.frame = read_frame_header(self.view, item, self.limits)

    def need_frame(self, item: Segment) -> FrameHeader:
        """The frame header, which has to come before ``item``."""
        if self.frame is None:
            problem = "no frame header before it"
            raise MalformedImage(problem, structure=f"jpeg {marker_name(item.marker)}", offset=item.start)
        return self.frame

    def scan_data(self, item: ScanData) -> None:
        """Cut the data into the restart intervals that the scan needs; what follows them is shown to nobody."""
        assert self.frame is not None
        assert self.header is not None
        mcus = self.header.count(self.frame)
        # An interval that the scan does not fill is none, whatever its number (T.81, B.2.4.4).
        interval = self.tables.restart_interval if self.tables.restart_interval < mcus else 0
        wanted = -(-mcus // interval) if interval else 1
        starts = (item.start, *(cut + 2 for cut in item.restarts[: wanted - 1]))
        ends = (*item.restarts, item.end)[: len(starts)]
        tables = self.tables
        self.scans.append(
            Scan(
                self.header,
                dict(tables.quants),
                dict(tables.huffmans),
                dict(tables.conditioning),
                interval,
                tuple(zip(starts, ends, strict=True)),
            )
        )
        self.add(Part("scan", Role.PIXELS, item.start, ends[-1] - item.start))
        self.add(Part("gap", Role.GAP, ends[-1], item.end - ends[-1], PayloadKind.UNKNOWN))

    def container(self) -> Container[JpegTree]:
        """What the whole file is."""
        frame = self.frame
        if frame is None or not self.scans:
            raise MalformedImage("no scan before it", structure="jpeg EOI", offset=self.position - 2)
        image = CodedImage(frame, tuple(self.scans), self.tables.offsets)
        scans, has_slack = _cleaned(self.view, image)
        profile = self.application.profile()
        residuals = {Residual.JPEG_QUANTISATION_TABLES} | ({Residual.JPEG_ENTROPY_SLACK} if has_slack else set())
        tables = icc.residual_bytes([profile])
        data = self.application
        return Container(
            format="jpeg",
            width=frame.width,
            height=frame.height,
            parts=self.tile(image, profile),
            orientation=data.orientation,
            colour=Colour(icc=profile),
            residuals=tuple(sorted(residuals | tables.keys())),
            residual_bytes=tables,
            tree=JpegTree(image, data.jfif, data.adobe_transform, profile, scans),
        )

    def tile(self, image: CodedImage, profile: bytes | None) -> tuple[Part, ...]:
        """The parts, once it is known which tables a scan uses and whether the profile is clean."""
        used = _tables_in_use(image)
        colour = profile is not None and icc.is_clean(profile)
        builder = PartBuilder(len(self.view), self.limits)
        for index, part in enumerate(self.parts):
            if index in self.defined:
                part = _judged(part, self.defined[index], used, image.frame)
            elif colour and part.payload is PayloadKind.ICC:
                part = replace(part, role=Role.COLOUR)
            builder.add(part.label, part.role, part.offset, part.end, part.payload, part.body_offset)
        return builder.tile()


def _cleaned(view: memoryview, image: CodedImage) -> tuple[CleanScans | None, bool]:
    """The clean scans, where they are short enough to be walked now, and whether data is passed through."""
    if not is_walkable(image):
        return None, True
    try:
        scans = clean_scans(view, image)
    except (MalformedImage, UnsupportedFeature):
        return None, False  # the rewrite refuses it: nothing is written
    return scans, not scans.walked


def _tables_in_use(image: CodedImage) -> set[Table]:
    used: set[tuple[int, int, bytes | None]] = set()
    for scan in image.scans:
        used |= {(Marker.DQT, c.quant, scan.quants.get(c.quant)) for c in scan.header.components}
        used |= {(Marker.DHT, slot, scan.huffmans.get(slot)) for slot in scan.header.slots(image.frame)}
    return {(marker, slot, entry) for marker, slot, entry in used if entry is not None}


def _judged(part: Part, tables: tuple[Table, ...], used: set[Table], frame: FrameHeader) -> Part:
    """A segment of tables: no structure where no scan uses one of them, or where one holds foreign symbols."""
    if not used.issuperset(tables):
        flaw = "unused"
    elif any(marker == Marker.DHT and not is_canonical(frame, entry) for marker, _, entry in tables):
        flaw = "foreign symbols"
    else:
        return part
    return replace(part, label=f"{part.label} ({flaw})", role=Role.UNKNOWN, payload=PayloadKind.UNKNOWN, body_offset=4)
