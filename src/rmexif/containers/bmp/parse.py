"""BMP (Windows BITMAPCOREHEADER to BITMAPV5HEADER, OS/2 2.x): one header, a palette, rows, perhaps a profile.

What stays: size, depth and masks, the palette's entries in use, the rows, calibrated colours or a cleaned profile. No
density, no reserved bytes, no gap, no linked profile (it is the path of a file).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.bmp.header import (
    CALIBRATED,
    EMBEDDED,
    INTENTS,
    SRGB,
    STANDARD,
    STANDARD_ALPHA,
    STANDARD_MASKS,
    BmpHeader,
    read_header,
)
from rmexif.containers.bmp.rows import clean_rows, has_even_fill, read_rows
from rmexif.containers.bmp.signature import CORE, INFO, V4, V5
from rmexif.containers.common.aspect import SQUARE
from rmexif.containers.common.choices import PRIMARIES, aspect_bytes, with_choices
from rmexif.containers.common.density import is_common_per_metre
from rmexif.containers.common.palette import SAME, clear_unused, is_padding, twins
from rmexif.containers.common.parts import PartBuilder
from rmexif.errors import MalformedImage
from rmexif.residuals import Residual
from rmexif.types import Container, PayloadKind, Role

if TYPE_CHECKING:
    from rmexif.containers.bmp.rows import BmpRows
    from rmexif.types import Limits

__all__ = ["BmpTree", "parse"]

RESERVED: tuple[set[bytes], ...] = (set(), {b""}, {b"\0"}, {b"\xff"})  # fourth bytes of the entries of a palette
NO_END_POINTS = (bytes(48), (bytes(11) + b"\x40") * 3 + bytes(12))  # of the display: unset, and unset by ImageMagick
SPACES = (SRGB, b" niW", CALIBRATED)  # bV5CSType: sRGB, that of Windows, and none where no end points follow


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
    start = _rows_start(header, len(view))
    found = read_rows(view, header, start)
    count = min(header.colours, (start - header.end) // header.entry)
    places = range(header.end, header.end + header.entry * count, header.entry)
    colours = [bytes(view[at : at + 3]) for at in places]
    reserved = {bytes(view[at + 3 : at + header.entry]) for at in places}
    indices = twins(colours, found.used)
    kept = frozenset(indices[index] for index in found.used)
    palette = clear_unused(colours, kept, ramp_step=255 if count == 2 else 1)
    if header.length != CORE:  # which has no field for their number
        palette = palette[: max(kept, default=0) + 1]
    rows = clean_rows(found, indices)
    tree = BmpTree(header, b"".join(colour + b"\0" for colour in palette), rows)
    _claim_header(view, header, parts, found.end - start)
    is_common = reserved in RESERVED and is_padding([colour[::-1] for colour in colours], kept)  # blue stands first
    filler, stays = (Role.ENCODING, Role.ENCODING) if is_common else (Role.UNKNOWN, Role.STRUCTURE)
    for at, old, new in zip_longest(places, colours, palette):  # the last ones go where no pixel uses them
        is_same = old == new and not any(view[at + 3 : at + header.entry])
        label, role = ("palette", stays) if is_same else ("palette/unused", filler)
        parts.add(label, role, at, at + header.entry)
    _claim_rows(parts, found, rows, start, renumbered=indices != SAME)
    tables = icc.residual_bytes([header.colour.colour.icc])
    container = Container(
        "bmp",
        header.width,
        header.rows,
        parts.tile(),
        colour=header.colour.colour,
        residuals=(*tables, Residual.COLOUR_UNDER_ALPHA) if found.is_invisible else tuple(tables),
        residual_bytes=tables,
        pixel_shape=SQUARE if header.aspect == (0, 0) else header.aspect,
        tree=tree,
    )
    return with_choices(container, palettes=[palette], numbers=_number_bytes(header))


def _number_bytes(header: BmpHeader) -> int:
    """Bytes of end points with gamma, and of the shape of a pixel."""
    return PRIMARIES * (header.colour.space == CALIBRATED) + aspect_bytes(header.aspect)


def _rows_start(header: BmpHeader, size: int) -> int:
    """Byte where the rows start, behind an entry of the palette at least.

    Raises:
        MalformedImage: they start elsewhere.
    """
    start = header.start or header.end + header.entry * header.colours
    if not header.end <= start <= size:
        problem = f"the rows start at byte {start}, the header ends at {header.end}, the file at {size}"
        raise MalformedImage(problem, structure="bmp file header", offset=10)
    if header.colours and start < header.end + header.entry:
        problem = f"a palette of {header.colours} entries, of which none lies in front of the rows, at byte {start}"
        raise MalformedImage(problem, structure="bmp palette", offset=header.end)
    return start


def _claim_rows(
    parts: PartBuilder, found: BmpRows, rows: bytes | bytearray | memoryview, start: int, *, renumbered: bool
) -> None:
    """The rows, from byte ``start`` on; pixels where they leave as they are."""
    if rows is found.data or (found.painted and rows == bytes(found.data)):
        parts.add("pixels", Role.PIXELS, start, found.end)
        return
    reason = "codes" if found.painted else "twins" if renumbered else "padding"
    role = Role.ENCODING if reason == "padding" and has_even_fill(found) else Role.UNKNOWN
    parts.add(f"pixels/{reason}", role, start, found.end)


def _claim_header(view: memoryview, header: BmpHeader, parts: PartBuilder, size: int) -> None:
    """Structure, but for fields that say more than the picture needs; and the profile.

    Args:
        view: the file.
        header: of it.
        parts: takes the claims.
        size: of the rows, in bytes.
    """
    free = [("reserved", 6, 10)]
    common = _common_numbers(view, header, size) if header.length >= INFO else []
    if header.length >= INFO and (density := struct.unpack_from("<ii", view, 38)) != header.aspect:
        if is_common_per_metre(*density):
            common.append((38, 46))
        else:
            free.append(("density", 38, 46))
    free.append(("os2", *header.os2_fields))
    if header.length >= V4 and _is_plain_colour(bytes(view[54:138]), header):
        common.append((54, header.end))
    elif header.length >= V4 and header.colour.space != CALIBRATED:
        free.append(("calibration", 74, 122))
    if header.length >= V5:
        free.append(("reserved", 134, 138))
    claims = [(f"header/{name}", Role.METADATA, first, last) for name, first, last in free if any(view[first:last])]
    position = 0
    for label, role, first, last in sorted(
        [*claims, *(("header", Role.ENCODING, *place) for place in common)], key=itemgetter(2)
    ):
        parts.add("header", Role.STRUCTURE, position, first)
        parts.add(label, role, first, last)
        position = last
    parts.add("header", Role.STRUCTURE, position, header.end)
    start, end = header.linked
    if bytes(view[70:74]) == EMBEDDED:  # bV5CSType
        is_clean, is_published = header.colour.profile == bytes(view[start:end]), icc.is_published(view[start:end])
        role = Role.COLOUR if is_clean else Role.ENCODING if is_published else Role.METADATA
        parts.add("profile", role, start, end, PayloadKind.ICC)
    else:
        parts.add("profile/path", Role.METADATA, start, end, PayloadKind.TEXT)


def _common_numbers(view: memoryview, header: BmpHeader, size: int) -> list[tuple[int, int]]:
    """Where fields stand that some writers leave out, because they follow from others."""
    padded = -(-size // 4) * 4
    entries = (0, header.colours, 1 << header.bits if header.colours else 0)
    known = {
        2: (len(view), 0),  # bfSize
        10: (header.start,),  # bfOffBits
        14: (header.length,),  # biSize
        34: (0, size, padded, size + 2),  # biSizeImage; Photoshop counts two bytes more
        46: entries,  # biClrUsed
        50: entries,  # biClrImportant
    }
    return [(at, at + 4) for at, numbers in known.items() if int.from_bytes(view[at : at + 4], "little") in numbers]


def _is_plain_colour(fields: bytes, header: BmpHeader) -> bool:
    """Whether masks, colour space and intent of V4 and V5 say what holds without them."""
    masks = struct.unpack_from("<4I", fields)
    space, end_points, rest = fields[16:20], fields[20:68], fields[68 : header.length - INFO]
    if masks not in (header.masks, (*STANDARD_MASKS[:3], STANDARD_ALPHA), STANDARD_MASKS, (0, 0, 0, 0)):
        return False
    if header.colour != STANDARD or space not in SPACES or end_points not in NO_END_POINTS:
        return False
    return not rest or (int.from_bytes(rest[:4], "little") in (0, *INTENTS) and not any(rest[4:]))
