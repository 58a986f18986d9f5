"""JPEG XL files (ISO/IEC 18181-1 and -2) to parts: boxes around a codestream, or a codestream alone.

Orientation and colour live in the codestream. Of the boxes around it a clean file keeps none, or those that declare
level 10. ``jbrd`` goes with everything else: it would give the original JPEG back, with all that was in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.boxes import BoxAt, box_at, tiff_offset
from rmexif.containers.common.choices import F16, with_choices
from rmexif.containers.common.edge import area_beyond
from rmexif.containers.common.fourcc import name_of
from rmexif.containers.common.gathered import Gathered
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.jxl import codestream
from rmexif.containers.jxl.frame_header import RestorationFilter
from rmexif.containers.jxl.image_header import ImageHeader
from rmexif.containers.jxl.reconstruction import is_plain_reconstruction
from rmexif.containers.jxl.signature import BOXED
from rmexif.errors import MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Container, Limits, Packing, PayloadKind, Role

if TYPE_CHECKING:
    from rmexif.containers.jxl.codestream import Codestream

__all__ = ["FTYP", "LEVELS", "JxlTree", "parse", "without_jpeg_reconstruction"]

COMMON_PARTS = 3  # of a codestream, as libjxl cuts it
FTYP = b"\x00\x00\x00\x14ftypjxl \x00\x00\x00\x00jxl "  # 9.2
LEVELS = (5, 10)  # 9.6; a codestream without boxes is of level 5
BLOCK = 8  # px (18181-1, annex I)
LAST_PART = 1 << 31  # 9.8: of a jxlp index
# What a box holds that no clean file has.
CONTENTS: dict[bytes, tuple[Role, PayloadKind]] = {
    b"Exif": (Role.METADATA, PayloadKind.EXIF),
    b"xml ": (Role.METADATA, PayloadKind.XMP),
    b"jumb": (Role.METADATA, PayloadKind.JUMBF),
    b"jbrd": (Role.METADATA, PayloadKind.UNKNOWN),
    b"jhgm": (Role.AUXILIARY, PayloadKind.PICTURE),
    b"uuid": (Role.METADATA, PayloadKind.UNKNOWN),
    b"free": (Role.GAP, PayloadKind.UNKNOWN),
    b"skip": (Role.GAP, PayloadKind.UNKNOWN),
}
TICK = 5  # byte: ticks of a second, 30 bits, and their divisor, 10 (AnimationHeader, A.5)
MICRO, GAMMA = 3, 3  # bytes of a coordinate in millionths, and of an exponent (ColourEncoding, E.2)
COMPRESSED = {b"Exif": PayloadKind.EXIF, b"xml ": PayloadKind.XMP, b"jumb": PayloadKind.JUMBF}  # inside brob


@dataclass(frozen=True, slots=True)
class JxlTree:
    """What is written again."""

    level: int
    data: memoryview  # the codestream in one piece
    codestream: Codestream


def parse(view: memoryview, limits: Limits) -> Container[JxlTree]:
    """Walk boxes and codestream, headers bit by bit, frames by their tables of contents.

    Raises:
        MalformedImage: a box or a header of the codestream is broken.
        UnsupportedFeature: the codestream uses what is not defined.
        LimitExceeded: more pixels, frames or structures than allowed.
    """
    parts = PartBuilder(len(view), limits)
    level, stream = LEVELS[0], Gathered.of(view)
    if view[: len(BOXED)] == BOXED:
        boxes = _BoxLayer(view, parts)
        boxes.walk()
        level, stream = boxes.level, Gathered.of(view, tuple(boxes.ranges))
    found = codestream.read(stream, limits)
    for span in found.spans:
        for start, stop in stream.places(span.start, span.stop):
            parts.add(span.label, span.role, start, stop, span.payload)
    tables = icc.residual_bytes([found.colour.icc])
    if edge := sum(area_beyond(*size, BLOCK) for size in _lossy_sizes(found)):
        tables |= {Residual.CODED_EDGE: 6 * edge}  # three samples a pixel, of two bytes each
    container = Container(
        format="jxl",
        width=found.width,
        height=found.height,
        parts=parts.tile(),
        frames=found.frames,
        colour=found.colour,
        residuals=tuple(sorted(found.residuals | tables.keys())),
        residual_bytes=tables,
        sample_bytes=-(-found.image.depth.bits // 8),
        tree=JxlTree(level, stream.data, found),
    )
    return with_choices(container, numbers=_number_bytes(found), time_unit=TICK, is_recoded=False)


def _number_bytes(found: Codestream) -> int:
    """Bytes of the numbers of colours, light and filters in the headers, where they are not the default ones."""
    image, colour = found.image, found.image.colour
    count = len(image.opsin or ()) + sum(len(weights) for weights in image.upsampling if weights)
    count += sum(len(channel.spot) for channel in image.channels)
    count += (len(image.tone) - 1) * (image.tone != ImageHeader().tone)  # one of them is a flag
    for frame in found.placed:
        filters = frame.header.restoration
        count += sum(map(len, filter(None, (filters.gab_weights, filters.sharp, filters.scale, filters.sigma))))
        count += filters.modular_sigma != RestorationFilter().modular_sigma
    return F16 * count + MICRO * (len(colour.white_xy) + len(colour.primaries_xy)) + GAMMA * (colour.gamma is not None)


def _lossy_sizes(found: Codestream) -> list[tuple[int, int]]:
    """Width and height of each frame that is coded in blocks."""
    headers = [frame.header for frame in found.placed]
    return [(header.width, header.height) for header in headers if not header.modular]


def without_jpeg_reconstruction(view: memoryview) -> bytes:
    """The file without its ``jbrd`` box, from which libjxl would restore a JPEG instead of the codestream's pixels.

    Raises:
        MalformedImage: a box runs past the end of the file.
    """
    kept, start = [], 0
    if view[: len(BOXED)] != BOXED:
        return bytes(view)
    while start < len(view):
        box = _required_box(view, start)
        if box.type != b"jbrd":
            kept.append(box.bytes(view))
        start = box.end
    return b"".join(kept)


def _required_box(view: memoryview, start: int) -> BoxAt:
    box = box_at(view, start, len(view))
    if box is None:
        problem = f"a box must have 8 bytes or more and end within the file of {len(view)} bytes"
        raise MalformedImage(problem, structure="jxl box header", offset=start)
    return box


class _BoxLayer:
    """The boxes of a file: what each one is, and where they hold pieces of the codestream."""

    def __init__(self, view: memoryview, parts: PartBuilder) -> None:
        self.view = view
        self.parts = parts
        self.ranges: list[tuple[int, int]] = []  # of the codestream's pieces: first, last + 1 byte
        self.level = LEVELS[0]
        self.has_level = self.has_reconstruction = False
        self.complete = False  # the codestream is in a jxlc box, or the last jxlp was seen

    def walk(self) -> None:
        """Claim every box; what can be none behind a complete codestream is left as the trailer.

        Raises:
            MalformedImage: a box is broken or out of order, or there is no codestream.
        """
        start = number = 0
        while start < len(self.view):
            if self.complete and not self._is_plausible(start):
                break
            box = _required_box(self.view, start)
            if box.type in (b"jxlc", b"jxlp"):
                self._add_codestream(box)
            else:
                self._add(box, number)
            start, number = box.end, number + 1
        if not self.ranges:
            raise MalformedImage("a jxlc or jxlp box is required", structure="jxl boxes", offset=0)

    def _is_plausible(self, start: int) -> bool:
        """Whether a box can start here: a printable type, and a size inside the file."""
        box = box_at(self.view, start, len(self.view))
        return box is not None and box.type.isascii() and box.type.decode().isprintable()

    def _add(self, box: BoxAt, number: int) -> None:
        """Claim a box that holds none of the codestream; ``number`` is its place in the file."""
        name, body = name_of(box.type), self.view[box.body : box.end]
        if box.type == b"brob":
            inner = bytes(body[:4])
            payload = COMPRESSED.get(inner, PayloadKind.UNKNOWN)
            packing = Packing.BROTLI if inner in COMPRESSED else None
            skip = min(box.body + 4, box.end) - box.offset
            self.parts.add(name, Role.METADATA, box.offset, box.end, payload, skip, packing=packing)
        elif box.type in CONTENTS:
            role, payload = CONTENTS[box.type]
            skip = box.body - box.offset + (tiff_offset(body) if payload is PayloadKind.EXIF else 0)
            if box.type == b"jbrd" and not self.has_reconstruction:
                self.has_reconstruction = True  # a second one could say something
                role = Role.ENCODING if is_plain_reconstruction(body) else role
            self.parts.add(name, role, box.offset, box.end, payload, skip)
        elif self._is_structure(box, number):
            self.parts.add(name, Role.ENCODING, box.offset, box.end)  # a codestream may also stand by itself
        else:
            skip = box.body - box.offset
            self.parts.add(name, Role.UNKNOWN, box.offset, box.end, PayloadKind.UNKNOWN, skip)

    def _is_structure(self, box: BoxAt, number: int) -> bool:
        """Whether it is a box that a clean file has, as it has it; ``jxll`` sets the level."""
        first = number < 2 and box.bytes(self.view) == (BOXED, FTYP)[number]
        return first or self._sets_level(box)

    def _sets_level(self, box: BoxAt) -> bool:
        if box.type != b"jxll" or box.end - box.body != 1 or self.view[box.body] not in LEVELS:
            return False
        if self.ranges or self.has_level:
            problem = "the level must be declared once, before the codestream"
            raise MalformedImage(problem, structure="jxl box jxll", offset=box.offset)
        self.level, self.has_level = self.view[box.body], True
        return True

    def _add_codestream(self, box: BoxAt) -> None:
        """The codestream in one box (9.7), or a part of it behind its number (9.8)."""
        name, body, number = name_of(box.type), box.body, LAST_PART
        if self.complete or (box.type == b"jxlc" and self.ranges):
            problem = "the codestream was complete, or had begun in jxlp boxes"
            raise MalformedImage(problem, structure=f"jxl box {name}", offset=box.offset)
        if box.type == b"jxlp":
            cursor = box.cursor(self.view, "jxl")
            number, body = cursor.u32(), cursor.offset
            if number & ~LAST_PART != len(self.ranges):
                problem = f"part {number & ~LAST_PART} of the codestream, part {len(self.ranges)} is the next"
                raise MalformedImage(problem, structure="jxl box jxlp", offset=box.offset)
        self.complete = number >= LAST_PART
        is_common = number & ~LAST_PART < COMMON_PARTS  # where more are cut could say something
        self.parts.add(name, Role.ENCODING if is_common else Role.STRUCTURE, box.offset, body)
        self.ranges.append((body, box.end))
