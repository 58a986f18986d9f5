"""A binary Netpbm file whose samples are cut off, filled with grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.row import Completed, require_half
from rmexif.containers.pnm.header import BITMAP, read_header
from rmexif.errors import UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["complete"]


def complete(view: memoryview, limits: Limits) -> Completed:
    """The file, and samples of half the largest value, opaque, for those that are missing; white in a bitmap.

    Raises:
        MalformedImage: the header, or half of the rows, is not there.
        UnsupportedFeature: decimal samples.
    """
    header = read_header(view)
    limits.check("max_pixels", header.width * header.height)
    if header.plain:
        raise UnsupportedFeature("decimal samples are not completed", structure="pnm samples", offset=header.end)
    kept = min(header.height, (len(view) - header.end) // header.stride)
    require_half(kept, header.height, len(view))
    row = bytes(header.stride)
    if header.kind != BITMAP:
        samples = [(header.most + 1) // 2] * header.channels
        if header.has_alpha:
            samples[-1] = header.most
        row = b"".join(value.to_bytes(header.depth, "big") for value in samples) * header.width
    data = bytes(view[: header.end + kept * header.stride]) + row * (header.height - kept)
    return Completed(data, header.height, kept)
