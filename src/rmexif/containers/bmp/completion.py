"""A BMP whose rows are cut off, filled with grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.bmp.header import RUN_LENGTHS, read_header
from rmexif.containers.common.row import Completed, require_half
from rmexif.errors import UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["complete"]

GREY = b"\x80"


def complete(view: memoryview, limits: Limits) -> Completed:
    """The file, and bytes of grey, or of the first entry of the palette, for what is missing.

    Raises:
        MalformedImage: the header, or half of the rows, is not there.
        UnsupportedFeature: run-length codes.
    """
    header = read_header(view)
    limits.check("max_pixels", header.width * header.rows)
    if header.compression in RUN_LENGTHS:
        raise UnsupportedFeature("run-length codes are not completed", structure="bmp header", offset=14)
    start = header.start or header.end + header.entry * header.colours
    found = max(0, len(view) - start)
    kept = min(header.rows, found // header.stride)
    require_half(kept, header.rows, len(view))
    fill = GREY if header.bits > 8 else b"\0"
    data = bytes(view) + fill * (header.stride * header.rows - found)
    return Completed(data, header.rows, kept)
