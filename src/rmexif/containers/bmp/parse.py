"""BMP (Windows BITMAPCOREHEADER to BITMAPV5HEADER, OS/2 2.x): one header, a palette, rows, perhaps a profile.

What stays: size, depth and masks, the palette's entries in use, the rows, calibrated colours or a cleaned profile. No
density, no reserved bytes, no gap, no linked profile (it is the path of a file).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.bmp.header import (
    CALIBRATED,
    EMBEDDED,
    BmpHeader,
    read_header,
)
from rmexif.containers.bmp.rows import clean_rows, read_rows
from rmexif.containers.bmp.signature import INFO, V4, V5
from rmexif.containers.common.palette import SAME, clear_unused, twins
from rmexif.containers.common.parts import PartBuilder
from rmexif.errors import MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Container, PayloadKind, Role

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["BmpTree", "parse"]


@dataclass(frozen=True, slots=True)
class BmpTree:
    """What rewrite() serialises."""

    header: BmpHeader
    palette: bytes  # canonical, 4 bytes an entry
    rows: bytes | bytearray | memoryview  # clean: samples, or run-length codes


def parse(view: memoryview, limits: Limits) -> Container[BmpTree]:
    """The structure of a BMP file, every byte of it.

    Raises:
        MalformedImage: a header that contradicts itself, or rows that are not all there.
        UnsupportedFeature: an embedded JPEG or PNG file, or an OS/2 coding.
        LimitExceeded: more pixels than allowed.
    """
    parts = PartBuilder(len(view), limits)
    header = read_header(view)
    limits.check("max_pixels", header.width * header.rows)
    start = header.start or header.end + header.entry * header.colours
    if not header.end <= start <= len(view):
        problem = f"the rows start at byte {start}, the header ends at {header.end}, the file at {len(view)}"
        raise MalformedImage(problem, structure="bmp file header", offset=10)
    found = read_rows(view, header, start)
    count = min(header.colours, (start - header.end) // header.entry)
    places = range(header.end, header.end + header.entry * count, header.entry)
    colours = [bytes(view[at : at + 3]) for at in places]
    indices = twins(colours, found.used)
    kept = frozenset(indices[index] for index in found.used)
    palette = clear_unused(colours, kept, ramp_step=255 if count == 2 else 1)[: max(kept, default=0) + 1]
    rows = clean_rows(found, indices)
    tree = BmpTree(header, b"".join(colour + b"\0" for colour in palette), rows)
    _claim_header(view, header, parts)
    for at, old, new in zip_longest(places, colours, palette):  # the last ones go where no pixel uses them
        is_same = old == new and not any(view[at + 3 : at + header.entry])
        label, role = ("palette", Role.STRUCTURE) if is_same else ("palette/unused", Role.UNKNOWN)
        parts.add(label, role, at, at + header.entry)
    if rows is found.data or (found.painted and rows == bytes(found.data)):
        parts.add("pixels", Role.PIXELS, start, found.end)
    else:
        reason = "codes" if found.painted else "twins" if indices != SAME else "padding"
        parts.add(f"pixels/{reason}", Role.UNKNOWN, start, found.end)
    tables = icc.residual_bytes([header.colour.colour.icc])
    return Container(
        "bmp",
        header.width,
        header.rows,
        parts.tile(),
        colour=header.colour.colour,
        residuals=(*tables, Residual.COLOUR_UNDER_ALPHA) if found.is_invisible else tuple(tables),
        residual_bytes=tables,
        tree=tree,
    )


def _claim_header(view: memoryview, header: BmpHeader, parts: PartBuilder) -> None:
    """Structure, but for fields that say more than the picture needs; and the profile."""
    free = [("reserved", 6, 10)]
    if header.length >= INFO and bytes(view[38:46]) != struct.pack("<ii", *header.aspect):
        free.append(("density", 38, 46))
    free.append(("os2", *header.os2_fields))
    if header.length >= V4 and header.colour.space != CALIBRATED:
        free.append(("calibration", 74, 122))
    if header.length >= V5:
        free.append(("reserved", 134, 138))
    dirty = [(name, first, last, None) for name, first, last in free if any(view[first:last])]
    parts.fields("header", 0, header.end, dirty)
    start, end = header.linked
    if bytes(view[70:74]) == EMBEDDED:  # bV5CSType
        is_clean = header.colour.profile == bytes(view[start:end])
        parts.add("profile", Role.COLOUR if is_clean else Role.METADATA, start, end, PayloadKind.ICC)
    else:
        parts.add("profile/path", Role.METADATA, start, end, PayloadKind.TEXT)
