"""A clean HEIF or AVIF file with a credit: Exif and XMP as items that describe the picture (ISO 23008-12, annex A)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.credit import exif_block
from rmexif.containers.isobmff.boxes import box
from rmexif.containers.isobmff.items import XMP
from rmexif.containers.isobmff.part_layout import XMP_UUID
from rmexif.containers.isobmff.rewrite import DescriptiveItem, serialised

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.isobmff.parse import IsobmffTree
    from rmexif.types import Container

__all__ = ["with_credit"]

TIFF_OFFSET = bytes(4)  # exif_tiff_header_offset (A.2.1): the header follows at once


def with_credit(view: memoryview, container: Container[IsobmffTree], blocks: CreditBlocks) -> list[bytes | memoryview]:
    """The file with the items of a credit; a sequence without a still picture has XMP alone, in a box behind it.

    Raises:
        LimitExceeded: its offsets would need more than 32 bits.
    """
    if container.tree.still is None:  # ISO 16684-3, 1.1.4
        return [view, box(b"uuid", XMP_UUID, blocks.xmp)] if blocks.xmp else [view]
    added = []
    if exif := exif_block(blocks):
        added.append(DescriptiveItem(b"Exif", b"", TIFF_OFFSET + exif))
    if blocks.xmp:
        added.append(DescriptiveItem(b"mime", XMP + b"\0", blocks.xmp))
    return serialised(container.tree, added)
