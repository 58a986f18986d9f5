"""Samples of a tile beside the picture (TIFF 6.0, section 15), which no viewer shows: what encoders leave there.

libtiff fills one buffer for all tiles, so that a tile at an edge still has what the one before it had there; others
write zeros, ones, or the last pixels again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.tiff.samples import unpredicted
from rmexif.native import samples

if TYPE_CHECKING:
    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry

__all__ = ["has_common_padding", "is_padding_alone"]

Buffer = bytes | bytearray | memoryview


def is_padding_alone(before: bytearray, cleared: Buffer, coding: StripCoding, geometry: StripGeometry) -> bool:
    """Whether nothing but padding differs in the samples of a tile, which may be behind a predictor.

    Args:
        before: as they came.
        cleared: as they stay.
        coding: of the page.
        geometry: of the tile.
    """
    shown = [bytearray(unpredicted(bytearray(tile), coding, geometry)) for tile in (before, cleared)]
    for plain in shown:  # what is cleared behind a predictor repeats the last pixel
        samples.clear_padding(plain, geometry.columns * geometry.pixel, stride=geometry.row, rows=geometry.rows)
    return shown[0] == shown[1]


def has_common_padding(plain: Buffer, earlier: Buffer, geometry: StripGeometry) -> bool:
    """Whether an encoder leaves such samples beside the picture.

    Args:
        plain: samples of the tile.
        earlier: of the tile before it; empty for the first one.
        geometry: of the tile.
    """
    used, rest = divmod(geometry.columns * geometry.pixel, 8)
    pixel = geometry.pixel // 8
    if rest or not pixel:
        return False
    starts = range(0, geometry.rows * geometry.row, geometry.row)
    right, right_before = ([bytes(tile[at + used : at + geometry.row]) for at in starts] for tile in (plain, earlier))
    edges = [bytes(plain[at + used - pixel : at + used]) * ((geometry.row - used) // pixel) for at in starts]
    below, below_before = (bytes(tile[starts.stop :]) for tile in (plain, earlier))
    last_row = bytes(plain[starts.stop - geometry.row : starts.stop])
    is_common = _is_flat(b"".join(right)) or right in (right_before, edges)
    return is_common and (_is_flat(below) or below in (below_before, last_row * (len(below) // geometry.row)))


def _is_flat(data: bytes) -> bool:
    """Whether all bytes are 0, or all are 255."""
    return not data.strip(b"\0") or not data.strip(b"\xff")
