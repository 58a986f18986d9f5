"""The ``jbrd`` box, from which a JPEG is restored (ISO/IEC 18181-2, Annex A): how that was written, and what it said.

An encoder keeps it for every JPEG. Where that was a plain one, its headers say no more than those of any JPEG.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from rmexif.containers.jpeg.application import is_common_jfif
from rmexif.containers.jpeg.huffman import STANDARD_SLOTS
from rmexif.containers.jxl.field_types import FieldReader
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.jxl.field_types import Dist

__all__ = ["is_plain_reconstruction"]

STRUCTURE = "jxl box jbrd"
EOI, SOS, DRI, COM, BETWEEN, APP0 = 0x19, 0x1A, 0x1D, 0x3E, 0x3F, 0x20  # markers without 0xC0
APPLICATIONS = range(APP0, APP0 + 16)
MOST_MARKERS = 64
MOST_SCANS = 16  # libjpeg's progressive script has ten
OTHER, ICC = 0, 1  # kinds of application segments; a profile is written from that of the codestream
CUSTOM = 3  # identifiers of components of one's own
MOST_CODES = 2  # for each scan, and two more in a file of one scan
LONGEST_CODE = 16  # bit
HUFFMAN_SIZES = 17  # lengths of codes, 0 to 16
JFIF_SIZE = 17  # byte, from the second one of the marker on
LOOSE = 8  # byte: what a Brotli stream of so few bytes takes more

NO_SYMBOL = 256  # behind the last one of every code
STANDARD = [[*entry[HUFFMAN_SIZES:], NO_SYMBOL] for entry in STANDARD_SLOTS.values()]

KIND: Dist = ((0, 0), (1, 0), (2, 1), (4, 2))
FEW: Dist = ((1, 0), (2, 0), (3, 0), (4, 0))
CODES: Dist = ((4, 0), (2, 3), (10, 4), (26, 6))
COUNT: Dist = ((0, 0), (1, 0), (2, 3), (0, 8))
SYMBOL: Dist = ((0, 2), (4, 2), (8, 4), (1, 8))
PASS: Dist = ((0, 0), (1, 0), (2, 0), (3, 3))
POINTS: Dist = ((0, 0), (1, 2), (4, 4), (20, 16))
TAIL: Dist = ((0, 0), (1, 8), (257, 16), (65793, 22))


class _OwnChoiceError(Exception):
    """A value that says something of its own."""


def is_plain_reconstruction(body: memoryview) -> bool:
    """Whether a box restores a JPEG of libjpeg's kind without metadata, comments and data that no decoder reads.

    Args:
        body: of the box.
    """
    fields = FieldReader(body, STRUCTURE)
    try:
        has_jfif = _headers(fields)
        packed = bytes(body[(fields.position + 7) // 8 :])
        return _is_jfif(packed) if has_jfif else len(packed) <= LOOSE
    except (MalformedImage, _OwnChoiceError):
        return False


def _is_jfif(packed: bytes) -> bool:
    """Whether a Brotli stream holds a JFIF segment that says nothing."""
    import brotli

    try:
        data = bytes(brotli.decompress(packed)) if len(packed) <= JFIF_SIZE + LOOSE else b""
    except brotli.error:
        return False
    return len(data) == JFIF_SIZE and data[:3] == b"\xe0\0\x10" and is_common_jfif(data[3:])


def _require(condition: bool) -> None:
    if not condition:
        raise _OwnChoiceError


def _headers(fields: FieldReader) -> bool:
    """The fields in front of the Brotli stream; whether there is a JFIF segment."""
    is_grey = fields.flag()
    markers = [fields.bits(6)]
    while markers[-1] != EOI:
        _require(len(markers) < MOST_MARKERS and markers[-1] not in (COM, BETWEEN, DRI))
        markers.append(fields.bits(6))
    scans = markers.count(SOS)
    _require(0 < scans <= MOST_SCANS)
    kinds = []
    for _ in range(sum(marker in APPLICATIONS for marker in markers)):
        kinds.append(fields.u32(KIND))
        size = fields.bits(16)
        _require(kinds[-1] == ICC or (kinds[-1] == OTHER and size + 1 == JFIF_SIZE))
    _require(kinds.count(OTHER) <= 1)
    for _ in range(fields.u32(FEW)):
        fields.skip(4)  # of a quantisation table: its precision, number, and whether it is the last of a segment
    component_type = fields.bits(2)
    _require(component_type != CUSTOM and is_grey == (component_type == 0))
    fields.skip(2 if is_grey else 6)  # the tables of the components
    codes = fields.u32(CODES)
    _require(codes <= MOST_CODES * (scans + 1))
    for _ in range(codes):
        _huffman_code(fields)
    for _ in range(scans):
        _scan(fields)
    _require(not any(fields.u32(POINTS) + fields.u32(POINTS) for _ in range(scans)) and fields.u32(TAIL) == 0)
    if fields.flag():  # bits that fill a byte, where they are not all ones
        _require(not any(fields.flag() for _ in range(fields.bits(24))))
    _require(fields.bits(-fields.position % 8) == 0)
    return OTHER in kinds


def _huffman_code(fields: FieldReader) -> None:
    """A Huffman code of the standard, or a complete one whose symbols stand in the order of libjpeg's."""
    fields.skip(4)  # its class, number, and whether it is the last of a segment
    counts = [fields.u32(COUNT) for _ in range(HUFFMAN_SIZES)]
    symbols = [fields.u32(SYMBOL) for _ in range(sum(counts))]
    ends = [*accumulate(counts)]
    groups = [symbols[end - count : end] for count, end in zip(counts, ends, strict=True)]
    is_complete = sum(count << LONGEST_CODE - length for length, count in enumerate(counts)) == 1 << LONGEST_CODE
    _require(symbols in STANDARD or (is_complete and all(group == sorted(group) for group in groups)))


def _scan(fields: FieldReader) -> None:
    """A scan: its components and tables, its band, and after which pass it is needed."""
    components = fields.u32(FEW)
    fields.skip(6 + 6 + 4 + 4 + 6 * components)
    fields.u32(PASS)
