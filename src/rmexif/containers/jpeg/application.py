"""Application segments of a JPEG: what each of them is, and what they state about colours and orientation."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from rmexif.containers.common.aspect import aspect
from rmexif.containers.common.density import CENTIMETRES, is_common_per_inch, is_common_per_metre
from rmexif.containers.common.exif_block import EXIF_PREFIX
from rmexif.containers.common.exif_colour import is_adobe_rgb
from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.containers.jpeg.segments import Marker, Segment, marker_name
from rmexif.types import Part, PayloadKind, Role

__all__ = ["ICC_CHUNK", "ICC_PREFIX", "PHOTOSHOP_PREFIX", "XMP_PREFIX"]
__all__ += ["ApplicationData", "adobe_segment", "is_common_jfif", "jfif_segment"]

XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"  # ISO 16684-3, 1.1.3
EXTENDED_XMP_PREFIX = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_PREFIX = b"Photoshop 3.0\0"
ICC_PREFIX = b"ICC_PROFILE\0"  # ICC.1:2022, B.4; the number of the chunk and of all chunks follow
ICC_CHUNK = 65519  # byte of profile in one APP2 segment (ICC.1:2022, B.4)
JFIF_DENSITY = 8  # byte of the parameters
VERSIONS = (b"\x01\x00", b"\x01\x01", b"\x01\x02")  # of JFIF
PER_CENTIMETRE = 2  # unit of a density
JFIF_SIZE, ADOBE_SIZE = 14, 12  # byte of parameters (JFIF 1.02; Adobe TN 5116)
HEAD = 48  # byte: longer than every identifier


class _Identifier(NamedTuple):
    """By which first bytes an application segment is known, and what it holds."""

    marker: Marker
    prefix: bytes
    payload: PayloadKind
    skip: int  # bytes from the first parameter to the payload
    role: Role
    name: str


IDENTIFIERS = (
    _Identifier(Marker.APP0, b"JFXX\0", PayloadKind.PICTURE, 6, Role.AUXILIARY, "picture"),
    # the last byte of the prefix is padding (Exif 2.32, 4.7.2): Skia, and so Chromium, reads any value there
    _Identifier(Marker.APP1, EXIF_PREFIX[:-1], PayloadKind.EXIF, len(EXIF_PREFIX), Role.METADATA, "Exif"),
    _Identifier(Marker.APP1, XMP_PREFIX, PayloadKind.XMP, len(XMP_PREFIX), Role.METADATA, "XMP"),
    # behind the prefix: 32 byte of digest, 4 of full length, 4 of offset
    _Identifier(Marker.APP1, EXTENDED_XMP_PREFIX, PayloadKind.XMP, 75, Role.METADATA, "XMP"),
    _Identifier(Marker.APP2, ICC_PREFIX, PayloadKind.ICC, len(ICC_PREFIX) + 2, Role.METADATA, "ICC"),
    _Identifier(Marker.APP2, b"MPF\0", PayloadKind.MPF, 4, Role.AUXILIARY, "MPF"),  # CIPA DC-007, 5.2
    _Identifier(Marker.APP2, b"urn:iso:std:iso:ts:21496:-1\0", PayloadKind.PICTURE, 0, Role.AUXILIARY, "picture"),
    _Identifier(Marker.APP11, b"JP", PayloadKind.JUMBF, 8, Role.METADATA, "JUMBF"),  # ISO 19566-5, D.2
    _Identifier(Marker.APP13, PHOTOSHOP_PREFIX, PayloadKind.IPTC, len(PHOTOSHOP_PREFIX), Role.METADATA, "Photoshop"),
)


@dataclass(slots=True)
class ApplicationData:
    """What the application segments that were read so far state."""

    jfif: tuple[int, int] | None = None  # the shape of a pixel that it states (JFIF 1.02, density); None: no segment
    adobe_transform: int | None = None  # colour transform of APP14; None: no such segment
    exif: bytes | None = None  # the first TIFF block before the first scan: decoders look no further
    chunks_read: int = 0  # segments that hold a chunk of a profile, or say so
    exif_at: int = -1  # byte of the file: its segment, where the identifier is the one of Exif to the byte
    profile_chunks: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # number -> number of all, data

    @property
    def orientation(self) -> int:
        """1-8, by Exif alone: browsers turn no picture by XMP."""
        return orientation(self.exif or b"")

    @property
    def is_adobe_rgb(self) -> bool:
        """Whether Exif says so."""
        return is_adobe_rgb(self.exif or b"")

    def profile(self) -> bytes | None:
        """The chunks of the profile joined (ICC.1:2022, B.4); None where there is none, or one that is incomplete."""
        if not self.profile_chunks:
            return None
        total = next(iter(self.profile_chunks.values()))[0]
        if sorted(self.profile_chunks) != list(range(1, total + 1)):
            return None
        return b"".join(self.profile_chunks[number][1] for number in range(1, total + 1))

    @property
    def has_plain_chunks(self) -> bool:
        """Whether the chunks of the profile are all there are, each once, and each but the last as long as can be."""
        total = len(self.profile_chunks)
        sizes = [len(data) for _, (_, data) in sorted(self.profile_chunks.items())]
        counted = all(count == total for count, _ in self.profile_chunks.values())
        return counted and self.chunks_read == total and all(size == ICC_CHUNK for size in sizes[:-1])

    def read(self, view: memoryview, segment: Segment, early: bool) -> Part:
        """What an APPn segment is.

        Args:
            view: the file.
            segment: in it.
            early: whether it comes before the first scan; decoders have chosen their colours by then.
        """
        body = view[segment.body : segment.end]
        head = bytes(body[:HEAD])
        if segment.marker == Marker.APP0 and head.startswith(b"JFIF\0") and len(body) >= JFIF_SIZE:
            return self._jfif(view, segment, early)
        if segment.marker == Marker.APP14 and head.startswith(b"Adobe") and len(body) >= ADOBE_SIZE:
            return self._adobe(view, segment, early)
        name = marker_name(segment.marker)
        for known in IDENTIFIERS:
            if segment.marker == known.marker and head.startswith(known.prefix):
                role = self._state(known, body, early)
                self.chunks_read += known.payload is PayloadKind.ICC
                if early and self.exif_at < 0 and head.startswith(EXIF_PREFIX) and known.payload is PayloadKind.EXIF:
                    self.exif_at = segment.start
                return _part(f"{name}/{known.name}", role, segment, known.payload, known.skip)
        return _part(name, Role.METADATA, segment, PayloadKind.UNKNOWN, 0)

    def _jfif(self, view: memoryview, segment: Segment, early: bool) -> Part:
        shape = aspect(*struct.unpack_from(">HH", view, segment.body + JFIF_DENSITY))
        is_first = early and self.jfif is None
        if is_first:
            self.jfif = shape
        clean = early and view[segment.start : segment.end] == jfif_segment(shape)
        is_common = is_first and is_common_jfif(bytes(view[segment.body : segment.end]))
        role = Role.STRUCTURE if clean else Role.ENCODING if is_common else Role.METADATA
        if segment.end - segment.body > JFIF_SIZE:
            return _part("APP0/JFIF", role, segment, PayloadKind.PICTURE, JFIF_SIZE)
        return _part("APP0/JFIF", role, segment, PayloadKind.DENSITY, 7)

    def _adobe(self, view: memoryview, segment: Segment, early: bool) -> Part:
        transform = view[segment.body + ADOBE_SIZE - 1]
        if early:
            self.adobe_transform = transform
        clean = early and view[segment.start : segment.end] == adobe_segment(transform)
        is_common = early and bytes(view[segment.start : segment.end]) in PHOTOSHOP_SEGMENTS
        role = Role.COLOUR if clean else Role.ENCODING if is_common else Role.METADATA
        return _part("APP14/Adobe", role, segment, PayloadKind.UNKNOWN, 0)

    def _state(self, known: _Identifier, body: memoryview, early: bool) -> Role:
        """Take over what a segment states, and give its role."""
        payload = bytes(body[known.skip :])
        if known.payload is PayloadKind.EXIF and early and self.exif is None:
            self.exif = payload
            if self.orientation > 1 and body == EXIF_PREFIX + orientation_only(self.orientation):
                return Role.ORIENTATION
        elif known.payload is PayloadKind.ICC and len(body) >= known.skip:  # libjpeg ignores shorter ones, too
            number, total = body[known.skip - 2 : known.skip]
            self.profile_chunks.setdefault(number, (total, payload))
        return known.role


def jfif_segment(shape: tuple[int, int]) -> bytes:
    """JFIF 1.01 without unit or thumbnail: for square pixels what libjpeg writes by default."""
    return b"\xff\xe0\x00\x10JFIF\0\x01\x01\x00" + struct.pack(">HH", *shape) + b"\x00\x00"


def adobe_segment(transform: int) -> bytes:
    """APP14 with nothing in it but the colour transform (Adobe TN 5116: version 100, no flags)."""
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


# What Photoshop writes: it says how it filtered (Adobe TN 5116, flags 0).
PHOTOSHOP_SEGMENTS = frozenset(
    adobe_segment(transform)[:-5] + flags + bytes([0, 0, transform])
    for flags in (b"\x40\0", b"\x80\0", b"\xc0\0")
    for transform in range(3)
)


def is_common_jfif(body: bytes) -> bool:
    """Whether a JFIF segment says nothing: a version, a common density and no thumbnail (JFIF 1.02)."""
    (version, unit), density = (
        (body[5:7], body[7]),
        (int.from_bytes(body[8:10], "big"), int.from_bytes(body[10:12], "big")),
    )
    if len(body) != JFIF_SIZE or version not in VERSIONS or any(body[12:14]):
        return False
    if unit == PER_CENTIMETRE:
        return is_common_per_metre(*(CENTIMETRES * number for number in density))
    return unit < PER_CENTIMETRE and is_common_per_inch(*density)


def _part(label: str, role: Role, segment: Segment, payload: PayloadKind, skip: int) -> Part:
    size = segment.end - segment.start
    return Part(label, role, segment.start, size, payload, segment.body - segment.start + skip)
