"""JPEG (ITU-T T.81, JFIF 1.02, Exif 2.32): segments, scans, and whatever cameras leave behind the end.

What stays: the tables that a scan uses, the frame and scan headers, the entropy-coded data, the colour transform
(JFIF, Adobe APP14 cut to its 12 bytes), a clean ICC profile and, where the picture is stored rotated, a one-tag Exif.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rmexif import icc
from rmexif.containers.common.aspect import SQUARE
from rmexif.containers.common.choices import aspect_bytes, with_choices
from rmexif.containers.common.common_exif import is_common_exif
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.jpeg import scan_script
from rmexif.containers.jpeg.application import ApplicationData
from rmexif.containers.jpeg.headers import read_frame_header, read_scan_header
from rmexif.containers.jpeg.huffman import STANDARD_SLOTS
from rmexif.containers.jpeg.progression import Progression
from rmexif.containers.jpeg.published_tables import are_published
from rmexif.containers.jpeg.rewrite import frame_header, scan_header
from rmexif.containers.jpeg.scan import CleanScans, CodedImage, Scan, clean_scans, is_canonical
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
from rmexif.containers.jpeg.tables import TABLES, Table, TablesInForce, is_default_conditioning
from rmexif.errors import REPAIR, InputError, MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Colour, Container, Part, PayloadKind, Role

if TYPE_CHECKING:
    from rmexif.containers.jpeg.headers import FrameHeader, ScanHeader
    from rmexif.types import Limits

__all__ = ["JpegTree", "parse", "parse_again", "parse_headers"]

COMMON_NAMES = frozenset(map(tuple, (b"CMYK", b"\0\1\2", b"\0\1\2\3", b"\0", b"YCC", b"YCCK")))  # of components
SEGMENT_HEAD = 4  # byte: marker and length (T.81, B.1.1.4)
RGB_COMPONENTS = 3  # DCF 2.0 knows no other pictures


class JpegTree(NamedTuple):
    """What a parse leaves for the rewrite."""

    image: CodedImage
    jfif: tuple[int, int] | None  # the shape of a pixel
    adobe_transform: int | None
    profile: bytes | None  # as it is in the file, or of the space that Exif states
    scans: CleanScans | None  # what is written of the scans; None: nothing, for the reason in ``refusal``
    refusal: InputError | None


def _is_complete(tree: JpegTree) -> bool:
    """Whether every MCU of every scan is there, so that nothing but EOI is missing."""
    scans = tree.scans
    walked = scans is not None and scans.walks and all(walk.mcus is None for walk in scans.walks)
    return bool(walked) and tree.image.progression.is_exact


def parse_again(view: memoryview, limits: Limits, earlier: Container[JpegTree]) -> Container[JpegTree]:
    """What ``parse`` gives, without a second walk over scans that the earlier file had byte for byte."""
    return parse(view, limits, earlier.tree.scans)


def parse_headers(view: memoryview, limits: Limits) -> Container[JpegTree]:
    """What ``parse`` gives, without a walk over the codes of the scans; its rewrite passes them through.

    Raises:
        as ``parse`` does.
    """
    return parse(view, limits, reads_codes=False)


def parse(
    view: memoryview, limits: Limits, earlier: CleanScans | None = None, *, reads_codes: bool = True
) -> Container[JpegTree]:
    """Walk the segments of the first image in the file, up to its EOI.

    Args:
        view: the file.
        limits: what it may cost.
        earlier: of a file that this one is the rewrite of.
        reads_codes: whether the scans are walked code by code.

    Raises:
        MalformedImage: a segment is broken, or EOI is missing and rows before it.
        UnsupportedFeature: hierarchical coding, or a height that is given after the picture (DNL).
        LimitExceeded: more pixels or segments than allowed.
    """
    reading = _Reading(view, limits, earlier, reads_codes)
    last: Segment | None = None
    for item in walk(view):
        if isinstance(item, ScanData):
            reading.scan_data(item)
        else:
            reading.segment(item)
            last = item
    assert last is not None  # the walk gives SOI, or raises
    if last.marker != Marker.EOI and not reads_codes:  # whether every row is there, only the codes say
        return parse(view, limits, earlier)
    container = reading.container()
    if last.marker != Marker.EOI and not _is_complete(container.tree):
        problem = f"no EOI marker follows before the end of the file, and not every row is there; {REPAIR}"
        raise MalformedImage(problem, structure=f"jpeg {marker_name(last.marker)}", offset=last.start)
    return container


class _Reading:
    """The state of one pass over the segments."""

    def __init__(self, view: memoryview, limits: Limits, earlier: CleanScans | None, reads_codes: bool) -> None:
        self.view, self.limits, self.earlier, self.reads_codes = view, limits, earlier, reads_codes
        self.parts: list[Part] = []
        self.position = 0  # first byte after the last part
        self.tables = TablesInForce()
        self.read_tables: list[int] = []  # markers of their segments
        self.defined: dict[int, tuple[Table, ...]] = {}  # index of a part -> tables in it
        self.application = ApplicationData()
        self.frame: FrameHeader | None = None
        self.progression: Progression | None = None
        self.header: ScanHeader | None = None  # of the scan whose data comes next; None: no decoder shows it
        self.header_offset = 0
        self.scans: list[Scan] = []
        self.refusal: InputError | None = None  # the first reason to write nothing

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
            assert self.frame is not None
            self.add(self._as_named(structure, item, frame_header(self.frame, self._common_names())))
        elif marker == Marker.SOS:
            self.scan_header(item)
        elif marker in TABLES and self.is_complete:
            self.add(
                Part(f"{name} (unused)", Role.UNKNOWN, item.start, size, PayloadKind.UNKNOWN, item.body - item.start)
            )
        elif marker in TABLES:
            is_default = marker == Marker.DAC and not any(kind == Marker.DAC for kind in self.read_tables)
            is_default = is_default and is_default_conditioning(bytes(self.view[item.body : item.end]))
            self.read_tables.append(marker)
            self.add(replace(structure, role=Role.ENCODING) if is_default else structure)
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
        self.progression = Progression(self.frame)

    @property
    def is_complete(self) -> bool:
        """Whether decoders stop behind the scans that were read."""
        return self.progression is not None and self.progression.is_complete

    def scan_header(self, item: Segment) -> None:
        """Take over a scan header, if decoders come to it."""
        frame = self.need_frame(item)
        assert self.progression is not None
        part = Part("SOS", Role.STRUCTURE, item.start, item.end - item.start)
        if self.is_complete:
            self.header = None
            self.add(replace(part, label="SOS (not shown)", role=Role.UNKNOWN, payload=PayloadKind.UNKNOWN))
            return
        self.header, self.header_offset = read_scan_header(self.view, item, frame), item.start
        problem = self.progression.add(self.header)
        if problem and self.refusal is None:
            self.refusal = UnsupportedFeature(problem, structure="jpeg SOS", offset=item.start)
        self.add(self._as_named(part, item, scan_header(self.header, self._common_names())))

    def _common_names(self) -> dict[int, int]:
        """The identifiers of the components, where they are those of an encoder that does not count from 1; or none."""
        found = tuple(component.ident for component in self.frame.components) if self.frame else ()
        return {ident: ident for ident in found} if found in COMMON_NAMES else {}

    def _as_named(self, part: Part, item: Segment, header: bytes) -> Part:
        """A header that differs from the canonical one in the identifiers of its components alone."""
        is_common = self._common_names() and bytes(self.view[item.body : item.end]) == header
        return replace(part, role=Role.ENCODING) if is_common else part

    def need_frame(self, item: Segment) -> FrameHeader:
        """The frame header, which has to come before ``item``."""
        if self.frame is None:
            problem = "no frame header before it"
            raise MalformedImage(problem, structure=f"jpeg {marker_name(item.marker)}", offset=item.start)
        return self.frame

    def scan_data(self, item: ScanData) -> None:
        """Cut the data into the restart intervals that the scan needs; what follows them is shown to nobody."""
        assert self.frame is not None
        if self.header is None:
            size = item.end - item.start
            self.add(Part("scan (not shown)", Role.AUXILIARY, item.start, size, PayloadKind.UNKNOWN))
            return
        mcus = self.header.count(self.frame)
        # An interval that the scan does not fill is none, whatever its number (T.81, B.2.4.4).
        interval = self.tables.restart_interval if self.tables.restart_interval < mcus else 0
        wanted = -(-mcus // interval) if interval else 1
        tables = self.tables
        assumed = {} if self.frame.progressive or self.frame.lossless or self.frame.arithmetic else STANDARD_SLOTS
        self.scans.append(
            Scan(
                header=self.header,
                offset=self.header_offset,
                data=item,
                quants=dict(tables.quants),
                huffmans=assumed | tables.huffmans,
                conditioning=tables.conditioning_in_force() if self.frame.arithmetic else {},
                restart_interval=interval,
                interval_count=wanted,
            )
        )
        self.add(Part("scan", Role.PIXELS, item.start, item.end - item.start))

    def container(self) -> Container[JpegTree]:
        """What the whole file is."""
        frame = self.frame
        if frame is None or not self.scans:
            raise MalformedImage("no scan before it", structure="jpeg EOI", offset=self.position - 2)
        assert self.progression is not None
        image = CodedImage(frame, tuple(self.scans), self.tables.offsets, self.progression)
        scans, refusal = self.cleaned(image) if self.refusal is None else (None, self.refusal)
        data = self.application
        embedded = data.profile()
        profile = _profile(embedded, frame, data)
        residuals = {Residual.JPEG_QUANTISATION_TABLES: 0} if scans is None else scans.residuals
        if image.edge:
            residuals = residuals | {Residual.CODED_EDGE: image.edge}
        if free := scan_script.freedom(frame, image.scans):
            residuals = residuals | {Residual.JPEG_SCAN_CHOICE: free}
        tables = icc.residual_bytes([profile]) if profile is not None else {}
        container = Container(
            format="jpeg",
            width=frame.width,
            height=frame.height,
            parts=self.tile(image, scans, embedded),
            orientation=data.orientation,
            colour=Colour(icc=profile),
            residuals=tuple(sorted(residuals | tables)),
            residual_bytes=residuals | tables,
            samples=len(frame.components) * frame.width * frame.height,
            pixel_shape=data.jfif or SQUARE,
            tree=JpegTree(image, data.jfif, data.adobe_transform, profile, scans, refusal),
        )
        return with_choices(container, numbers=aspect_bytes(data.jfif or SQUARE))

    def cleaned(self, image: CodedImage) -> tuple[CleanScans | None, InputError | None]:
        """What is written of the scans, or why nothing is: a file can be inspected that cannot be written."""
        try:
            return clean_scans(self.view, image, self.earlier, reads_codes=self.reads_codes), None
        except (MalformedImage, UnsupportedFeature) as error:
            return None, error.with_traceback(None)

    def tile(self, image: CodedImage, scans: CleanScans | None, profile: bytes | None) -> tuple[Part, ...]:
        """The parts, once it is known what the scans use, where they end, and whether the profile is clean."""
        used = _tables_in_use(image)
        is_published = are_published({entry for marker, _, entry in used if marker == Marker.DQT})
        ends = {scan.start: scans.used[n] if scans else scan.end for n, scan in enumerate(image.scans)}
        colour = _profile_role(profile, self.application)
        builder = PartBuilder(len(self.view), self.limits)
        for index, part in enumerate(self.parts):
            if index in self.defined:
                tables, found = self.defined[index], part
                part = _judged(part, tables, used, image.frame, scans, is_published)
                if part is found and tables:
                    _claim_tables(builder, part, tables)
                    continue
            elif colour and part.payload is PayloadKind.ICC:
                part = replace(part, role=colour)
            elif part.role is Role.METADATA and part.offset == self.application.exif_at:
                part = self.exif(part, image.frame)
            end = ends.get(part.offset, part.end) if part.role is Role.PIXELS else part.end
            builder.add(part.label, part.role, part.offset, end, part.payload, part.body_offset)
        return builder.tile()

    def exif(self, part: Part, frame: FrameHeader) -> Part:
        """The Exif segment that decoders read, where every program writes one like it."""
        is_common = is_common_exif(part.body(self.view), (frame.width, frame.height))
        return replace(part, role=Role.ENCODING) if is_common else part


def _profile_role(profile: bytes | None, data: ApplicationData) -> Role | None:
    """What the chunks of a profile are where it stays, or says nothing of its own."""
    if profile is None:
        return None
    if icc.is_clean(profile):
        return Role.COLOUR
    return Role.ENCODING if icc.is_published(profile) and data.has_plain_chunks else None


def _profile(embedded: bytes | None, frame: FrameHeader, data: ApplicationData) -> bytes | None:
    """The profile in the file; where there is none that can be read, that of the space which Exif states (DCF 2.0)."""
    is_read = embedded is not None and icc.clean(embedded) is not None
    if not is_read and len(frame.components) == RGB_COMPONENTS and data.is_adobe_rgb:
        return icc.canonical("adobe-rgb")
    return embedded


def _tables_in_use(image: CodedImage) -> set[Table]:
    used: set[tuple[int, int, bytes | None]] = set()
    for component in image.frame.components:
        used.add((Marker.DQT, component.quant, image.latched(component)))
    for scan in image.scans:
        used |= {(Marker.DHT, slot, scan.huffmans.get(slot)) for slot in scan.header.slots(image.frame)}
    return {(marker, slot, entry) for marker, slot, entry in used if entry is not None}


def _claim_tables(builder: PartBuilder, part: Part, tables: tuple[Table, ...]) -> None:
    """A segment of tables, of which each has one of its own in a clean file, wherever that stands."""
    start = part.offset + SEGMENT_HEAD
    builder.add(part.label, Role.ENCODING, part.offset, start)
    for number, (_, _, entry) in enumerate(tables):
        builder.add(f"{part.label}/{number}" if number else part.label, Role.STRUCTURE, start, start + len(entry))
        start += len(entry)


def _judged(
    part: Part,
    tables: tuple[Table, ...],
    used: set[Table],
    frame: FrameHeader,
    scans: CleanScans | None,
    is_published: bool,
) -> Part:
    """A segment of tables: no structure where a scan uses none of them, or where they hold more than it uses.

    ``is_published``: whether every file of a program has the quantisation tables of this one.
    """
    quants = scans.quants if scans is not None else {}
    if not used.issuperset(tables):
        flaw = "unused"
    elif any(marker == Marker.DHT and not is_canonical(frame, entry) for marker, _, entry in tables):
        flaw = "foreign symbols"
    elif any(marker == Marker.DQT and quants.get(entry, entry) != entry for marker, _, entry in tables):
        if is_published:
            return replace(part, role=Role.ENCODING)
        flaw = "unused steps"
    else:
        return part
    return replace(
        part, label=f"{part.label} ({flaw})", role=Role.UNKNOWN, payload=PayloadKind.UNKNOWN, body_offset=SEGMENT_HEAD
    )
