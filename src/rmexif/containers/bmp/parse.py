"""BMP (Windows BITMAPCOREHEADER to BITMAPV5HEADER, OS/2 2.x): one header, a palette, rows, perhaps a profile.

What stays: size, depth and masks, the palette's entries in use, the rows, calibrated colours or a cleaned profile. No
density, no reserved bytes, no gap, no linked profile (it is the path of a file).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rmexif import icc
from rmexif.containers.bmp.header import (
    CALIBRATED,
    EMBEDDED,
    INFO,
    OS2,
    RLE4,
    RUN_LENGTHS,
    SIZES,
    STANDARD_MASKS,
    V4,
    V5,
    BmpHeader,
    read_header,
)
from rmexif.containers.bmp.rle import read_rle, write_rle
from rmexif.containers.common.palette import SAME, clear_unused, packed_table, twins, used_values
from rmexif.containers.common.parts import PartBuilder
from rmexif.errors import MalformedImage
from rmexif.types import Container, PayloadKind, Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.containers.bmp.rle import Painted
    from rmexif.types import Limits

__all__ = ["BmpTree", "clean_rows", "matches", "parse"]


@dataclass(frozen=True, slots=True)
class BmpTree:
    """What rewrite() serialises."""

    header: BmpHeader
    palette: bytes  # canonical, 4 bytes an entry
    indices: bytes  # a palette's new index for every old one
    start: int  # byte: first one of the rows
    end: int  # byte: after the rows
    rle: bytes | None = None  # canonical run-length codes; None: plain rows


def matches(head: bytes) -> bool:
    """``BM`` and a known header size, or the start of them."""
    return head[:2] == b"BM" and (len(head) < 18 or int.from_bytes(head[14:18], "little") in SIZES)


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
    painted, end, used = _read_pixels(view, header, start)
    count = min(header.colours, (start - header.end) // header.entry)
    places = range(header.end, header.end + header.entry * count, header.entry)
    colours = [bytes(view[at : at + 3]) for at in places]
    indices = twins(colours, used)
    kept = frozenset(indices[index] for index in used)
    palette = clear_unused(colours, kept, ramp_step=255 if count == 2 else 1)
    rle = write_rle(painted, indices, nibbles=header.compression == RLE4) if painted else None
    tree = BmpTree(header, b"".join(colour + b"\0" for colour in palette), indices, start, end, rle)
    _claim_header(view, header, parts)
    for at, old, new in zip(places, colours, palette, strict=True):
        is_same = old == new and not any(view[at + 3 : at + header.entry])
        label, role = ("palette", Role.STRUCTURE) if is_same else ("palette/unused", Role.UNKNOWN)
        parts.add(label, role, at, at + header.entry)
    _claim_pixels(view, tree, parts)
    tables = icc.residual_bytes([header.colour.colour.icc])
    return Container(
        "bmp",
        header.width,
        header.rows,
        parts.tile(),
        colour=header.colour.colour,
        residuals=tuple(tables),
        residual_bytes=tables,
        tree=tree,
    )


def clean_rows(view: memoryview, tree: BmpTree) -> bytes:
    """The rows as they leave: run-length codes, or samples."""
    return tree.rle if tree.rle is not None else _rows(view, tree.header, tree.start, tree.end, tree.indices).tobytes()


def _read_pixels(view: memoryview, header: BmpHeader, start: int) -> tuple[Painted | None, int, frozenset[int]]:
    """What run-length codes paint, the end of the rows, and the palette entries that they use."""
    if header.compression in RUN_LENGTHS:
        nibbles = header.compression == RLE4
        painted = read_rle(bytes(view[start:]), header.width, header.rows, start, nibbles=nibbles)
        return painted, start + painted.length, painted.used
    row = (header.width * header.bits + 7) // 8
    need = header.stride * (header.rows - 1) + row
    if need > len(view) - start:
        problem = f"{need} bytes expected, {len(view) - start} found"
        raise MalformedImage(problem, structure="bmp rows", offset=start)
    end = min(len(view), start + header.stride * header.rows)
    if header.bits > 8:
        return None, end, frozenset()
    return None, end, used_values(_rows(view, header, start, end, SAME), header.width, header.bits)


def _rows(view: memoryview, header: BmpHeader, start: int, end: int, indices: bytes) -> NDArray[np.uint8]:
    """The rows with every bit cleared that belongs to no pixel and no channel."""
    data = bytes(view[start:end]).ljust(header.stride * header.rows, b"\0")
    rows = np.frombuffer(data, np.uint8).reshape(header.rows, header.stride).copy()
    full, rest = divmod(header.width * header.bits, 8)
    if rest:
        rows[:, full] &= 0xFF << (8 - rest) & 0xFF
        full += 1
    rows[:, full:] = 0
    if indices != SAME:
        rows = packed_table(indices, header.bits)[rows]
    if header.bits in (16, 32):
        words = rows.view("<u2" if header.bits == 16 else "<u4")
        masks = header.masks or STANDARD_MASKS
        words &= words.dtype.type(sum(masks))
        if masks[3]:
            words[(words & words.dtype.type(masks[3])) == 0] = 0  # colour under full transparency
    return rows


def _claim_header(view: memoryview, header: BmpHeader, parts: PartBuilder) -> None:
    """Structure, but for fields that say more than the picture needs; and the profile."""
    free = [("reserved", 6, 10)]
    if header.length >= INFO:
        free.append(("density", 38, 46))
    if header.length == OS2:
        free.append(("os2", 54, 78))
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


def _claim_pixels(view: memoryview, tree: BmpTree, parts: PartBuilder) -> None:
    """Pixels, where they stay as they stand."""
    if clean_rows(view, tree) == view[tree.start : tree.end]:
        parts.add("pixels", Role.PIXELS, tree.start, tree.end)
    else:
        reason = "codes" if tree.rle is not None else "twins" if tree.indices != SAME else "padding"
        parts.add(f"pixels/{reason}", Role.UNKNOWN, tree.start, tree.end)
