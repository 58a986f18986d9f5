"""A JPEG that is cut off, ended behind what there is: decoders show the rest in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.row import Completed
from rmexif.containers.jpeg.parse import parse
from rmexif.containers.jpeg.segments import ScanData, walk
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["complete"]

EOI = b"\xff\xd9"


def complete(view: memoryview, limits: Limits) -> Completed:
    """The file up to its last scan data, and EOI; rows are counted in the first scan.

    Raises:
        MalformedImage: there is no scan data.
        UnsupportedFeature: what is there cannot be walked to its end.
    """
    data = bytes(view[: _last_data(view)]) + EOI
    container = parse(memoryview(data), limits)
    tree = container.tree
    if tree.refusal is not None:
        raise tree.refusal
    if tree.scans is None or not tree.scans.walks:
        problem = "rows are counted by the compiled core alone in a scan of this length"
        raise UnsupportedFeature(problem, structure="jpeg SOS", offset=tree.image.scans[0].offset)
    frame, first = tree.image.frame, tree.image.scans[0].header
    mcus = tree.scans.walks[0].mcus
    if mcus is None:
        return Completed(data, container.height, container.height)
    across, down = frame.mcus if len(first.components) > 1 else frame.blocks(first.components[0])
    return Completed(data, container.height, container.height * (mcus // across) // down)


def _last_data(view: memoryview) -> int:
    """Where the last scan data ends."""
    end = 0
    try:
        for item in walk(view):
            if isinstance(item, ScanData):
                end = item.end
    except MalformedImage:  # the cut goes through a segment
        pass
    if not end:
        raise MalformedImage("no scan data", structure="jpeg", offset=len(view))
    return end
