"""The blocks that carry a credit: what a format's writer is given, and the structures that several formats share."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from rmexif.containers.common.orientation import ORIENTATION

__all__ = ["CreditBlocks", "exif_block", "image_resources"]

ASCII, SHORT, RATIONAL = 2, 3, 5  # field types (TIFF 6.0, section 2)
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
INCH = 2  # ResolutionUnit (TIFF 6.0, section 8)
IIM_RESOURCE, DIGEST_RESOURCE = 0x0404, 0x0425  # of Photoshop: IPTC-NAA record, and its MD5 (MWG 2.0, 3.1)
ENTRY = 12  # byte of an IFD entry
INLINE = 4  # byte of a value that stands in its entry

Value = tuple[int, tuple[int, ...]]  # field type, numbers (two for a rational)


@dataclass(frozen=True, slots=True)
class CreditBlocks:
    """One credit, in each form that a format may carry."""

    ascii: tuple[tuple[int, str], ...]  # tags of the first IFD and their texts
    dpi: int | None
    xmp: bytes  # a packet
    iim: bytes  # data sets; empty: none
    comment: str  # for formats that have comments; empty: none

    def ifd_fields(self) -> dict[int, Value]:
        """The fields of the first IFD, by tag."""
        fields: dict[int, Value] = {tag: (ASCII, (*text.encode(), 0)) for tag, text in self.ascii}
        if self.dpi is not None:
            fields |= dict.fromkeys((X_RESOLUTION, Y_RESOLUTION), (RATIONAL, (self.dpi, 1)))
            fields[RESOLUTION_UNIT] = (SHORT, (INCH,))
        return fields


def exif_block(blocks: CreditBlocks, orientation: int = 1) -> bytes:
    """A big-endian TIFF block with one IFD (Exif 2.32, 4.6.2); empty where it would hold nothing.

    Args:
        blocks: the credit.
        orientation: 1-8 (tag 274); 1 is not written.
    """
    fields = blocks.ifd_fields()
    if orientation != 1:
        fields[ORIENTATION] = (SHORT, (orientation,))
    if not fields:
        return b""
    at = 8 + 2 + ENTRY * len(fields) + 4
    entries, values = b"", b""
    for tag, (field_type, numbers) in sorted(fields.items()):
        code = {ASCII: "B", SHORT: "H", RATIONAL: "I"}[field_type]
        raw = struct.pack(f">{len(numbers)}{code}", *numbers)
        count = len(numbers) // 2 if field_type == RATIONAL else len(numbers)
        place = raw.ljust(INLINE, b"\0") if len(raw) <= INLINE else struct.pack(">I", at + len(values))
        entries += struct.pack(">HHI", tag, field_type, count) + place
        if len(raw) > INLINE:
            values += raw + bytes(len(raw) % 2)
    return struct.pack(">2sHIH", b"MM", 42, 8, len(fields)) + entries + bytes(4) + values


def image_resources(blocks: CreditBlocks, *, with_data_sets: bool = True) -> bytes:
    """Photoshop image resources: the data sets and their MD5, by which readers see that XMP says the same (MWG 2.0).

    Args:
        blocks: the credit, with data sets.
        with_data_sets: False where they stand elsewhere in the file.
    """
    digest = hashlib.md5(blocks.iim, usedforsecurity=False).digest()
    return (_resource(IIM_RESOURCE, blocks.iim) if with_data_sets else b"") + _resource(DIGEST_RESOURCE, digest)


def _resource(number: int, data: bytes) -> bytes:
    """An image resource block without a name, padded to an even length."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)
