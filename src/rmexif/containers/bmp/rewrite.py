"""The clean BMP file: a header of 12 or 40 bytes, V4 for calibrated colours, V5 for alpha or a profile."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.bmp.header import BITFIELDS, CALIBRATED, FILE_HEADER, STANDARD_MASKS
from rmexif.containers.bmp.signature import CORE, INFO, V4, V5

if TYPE_CHECKING:
    from rmexif.containers.bmp.parse import BmpTree
    from rmexif.types import Container

__all__ = ["rewrite"]


def rewrite(view: memoryview, container: Container[BmpTree]) -> list[bytes | memoryview]:
    """The lossless clean file: header, palette, rows, profile."""
    del view  # the tree holds what stays
    tree = container.tree
    header, colour = tree.header, tree.header.colour
    rows, profile = tree.rows, colour.profile or b""
    has_alpha = len(header.masks) == 4 and header.masks[3]
    masks = header.masks if header.compression == BITFIELDS or has_alpha else ()
    if header.length == CORE:
        return _core(tree)
    is_calibrated = colour.space == CALIBRATED
    keeps_v4 = header.length >= V4 and header.bits == 32 and masks and masks[:3] != STANDARD_MASKS[:3]  # OpenCV 5.0.0
    size = V5 if profile or has_alpha else V4 if is_calibrated or keeps_v4 else INFO
    behind = struct.pack("<3I", *masks[:3]) if size == INFO and masks else b""
    start = FILE_HEADER + size + len(behind) + len(tree.palette)
    colours = len(tree.palette) // 4
    head = struct.pack(
        "<IiiHHIIIIII",
        *(size, header.width, header.height, 1, header.bits, header.compression, len(rows), *header.aspect, colours, 0),
    )
    if size >= V4:
        head += struct.pack("<4I", *(masks or bytes(4))) + colour.space + colour.calibration
    if size == V5:
        place = (start - FILE_HEADER + len(rows), len(profile)) if profile else (0, 0)
        head += struct.pack("<IIII", colour.intent, *place, 0)
    total = start + len(rows) + len(profile)
    return [b"BM", struct.pack("<IHHI", total, 0, 0, start), head, behind, tree.palette, memoryview(rows), profile]


def _core(tree: BmpTree) -> list[bytes | memoryview]:
    """A file with a BITMAPCOREHEADER, and entries of three bytes in its palette."""
    header, rows = tree.header, memoryview(tree.rows)
    palette = b"".join(tree.palette[at : at + 3] for at in range(0, len(tree.palette), 4))
    start = FILE_HEADER + CORE + len(palette)
    head = struct.pack("<IHHHH", CORE, header.width, header.height, 1, header.bits)
    return [b"BM", struct.pack("<IHHI", start + len(rows), 0, 0, start), head, palette, rows]
