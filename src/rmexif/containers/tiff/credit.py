"""A clean TIFF with a credit: fields of the first page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rmexif.containers.common.credit import image_resources
from rmexif.containers.tiff.ifd import BYTE, UNDEFINED
from rmexif.containers.tiff.rewrite import rewrite
from rmexif.containers.tiff.tags import Tag

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.tiff.parse import TiffTree
    from rmexif.types import Container

__all__ = ["with_credit"]


def with_credit(view: memoryview, container: Container[TiffTree], blocks: CreditBlocks) -> list[bytes | memoryview]:
    """The file with the fields of a credit.

    Raises:
        LimitExceeded: a classic TIFF file would grow past 4 GiB.
    """
    tree = container.tree
    fields = tree.pages[0].fields | blocks.ifd_fields()
    if blocks.xmp:
        fields[Tag.XMP] = (BYTE, tuple(blocks.xmp))
    if blocks.iim:
        fields[Tag.IPTC] = (UNDEFINED, tuple(blocks.iim))
        fields[Tag.PHOTOSHOP] = (BYTE, tuple(image_resources(blocks, with_data_sets=False)))
    first = replace(tree.pages[0], fields=fields)
    return rewrite(view, replace(container, tree=replace(tree, pages=(first, *tree.pages[1:]))))
