"""A clean JPEG with a credit: Exif, XMP and Photoshop resources behind JFIF, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.credit import exif_block, image_resources
from rmexif.containers.common.exif_block import EXIF_PREFIX
from rmexif.containers.jpeg.application import PHOTOSHOP_PREFIX, XMP_PREFIX
from rmexif.containers.jpeg.rewrite import segment
from rmexif.containers.jpeg.segments import Marker, Segment, walk

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.jpeg.parse import JpegTree
    from rmexif.types import Container

__all__ = ["with_credit"]


def with_credit(view: memoryview, container: Container[JpegTree], blocks: CreditBlocks) -> list[bytes | memoryview]:
    """The file with the segments of a credit; its Exif takes the orientation over."""
    start, orientation = 2, None
    for item in walk(view):
        if not isinstance(item, Segment) or item.marker == Marker.SOS:
            break
        if item.marker == Marker.APP0:
            start = item.end
        elif item.marker == Marker.APP1:  # a clean file has none but that of the orientation
            orientation = item
    exif = exif_block(blocks, container.orientation)
    out: list[bytes | memoryview] = [view[:start]]
    if exif:
        out.append(segment(Marker.APP1, EXIF_PREFIX + exif))
    if blocks.xmp:
        out.append(segment(Marker.APP1, XMP_PREFIX + blocks.xmp))
    if blocks.iim:
        out.append(segment(Marker.APP13, PHOTOSHOP_PREFIX + image_resources(blocks)))
    if orientation is None:
        return [*out, view[start:]]
    return [*out, view[start : orientation.start], view[orientation.end :]]
