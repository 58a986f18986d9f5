"""Decoded samples of a strip: what belongs to no visible pixel is cleared (TIFF 6.0, sections 14, 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.palette import SAME
from rmexif.containers.common.transparency import fill_colour
from rmexif.containers.tiff.tags import Compression
from rmexif.native import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry

__all__ = ["HORIZONTAL", "FLOATING_POINT", "can_clear_transparent", "clear_invisible"]
__all__ += ["invisible_fill", "unpredicted"]

HORIZONTAL, FLOATING_POINT = 2, 3  # Predictor (TIFF 6.0, section 14; Technical Note 3)
DECODED = frozenset(
    {
        *(Compression.NONE, Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE, Compression.PACKBITS),
        *(Compression.LZMA, Compression.ZSTANDARD),
    }
)


def clear_invisible(data: bytearray, coding: StripCoding, geometry: StripGeometry) -> bool:
    """Clear in place every bit that belongs to no pixel, and the colour of pixels without opacity.

    Returns:
        Whether any of them was set.
    """
    if not geometry.row or coding.predictor == FLOATING_POINT:
        return False
    used_bits = geometry.columns * geometry.pixel  # with a predictor, zero behind them means: as the last pixel
    changed = geometry.padded and samples.clear_padding(data, used_bits, stride=geometry.row, rows=geometry.rows)
    if coding.indices != SAME:
        changed |= _renumber(data, coding, geometry)
    if coding.alpha is not None or geometry.opacity is not None:
        changed |= _clear_transparent(data, coding, geometry)
    return changed


def invisible_fill(data: bytearray | memoryview, coding: StripCoding, geometry: StripGeometry) -> bytes | None:
    """The colour of all pixels without opacity, where it is one, and all that can be wrong with a strip."""
    if coding.alpha is None or geometry.padded or coding.indices != SAME or geometry.opacity is not None:
        return None
    if not isinstance(data, bytearray) or not can_clear_transparent(coding, geometry.bits):
        return None
    return fill_colour(unpredicted(data, coding, geometry), len(geometry.bits), coding.alpha, geometry.bits[0] // 8)


def _renumber(data: bytearray, coding: StripCoding, geometry: StripGeometry) -> bool:
    """Give equal palette entries one index (1 to 8 bits a sample)."""
    rows = len(data) // geometry.row
    across = geometry.row * 8 // geometry.bits[0]

    def remap(plain: bytearray) -> bool:
        return samples.remap(plain, coding.indices, across, geometry.bits[0], stride=geometry.row, rows=rows)

    return _change(data, coding, geometry, remap)


def _clear_transparent(data: bytearray, coding: StripCoding, geometry: StripGeometry) -> bool:
    """Clear the colour of pixels whose opacity is zero (8 and 16 bits)."""
    if not can_clear_transparent(coding, geometry.bits):
        return False
    channels, alpha, depth = len(geometry.bits), coding.alpha, geometry.bits[0] // 8

    def clear(plain: bytearray) -> bool:
        if geometry.opacity is not None:
            return samples.clear_where(plain, geometry.opacity, depth)
        return alpha is not None and samples.clear_hidden(plain, channels, alpha, depth)

    return _change(data, coding, geometry, clear)


def _change(
    data: bytearray, coding: StripCoding, geometry: StripGeometry, function: Callable[[bytearray], bool]
) -> bool:
    """Let a function change the samples themselves, behind a predictor; whether it did."""
    if coding.predictor != HORIZONTAL:
        return function(data)
    plain = unpredicted(data, coding, geometry)
    if not function(plain):
        return False
    samples.apply_predictor(plain, *_layout(geometry), big=coding.order == ">")
    data[:] = plain
    return True


def unpredicted(data: bytearray, coding: StripCoding, geometry: StripGeometry) -> bytearray:
    """The samples themselves; those of a predictor as a copy."""
    if coding.predictor != HORIZONTAL:
        return data
    plain = bytearray(data)
    samples.undo_predictor(plain, *_layout(geometry), big=coding.order == ">")
    return plain


def _layout(geometry: StripGeometry) -> tuple[int, int, int]:
    """Bytes of a row, samples of a pixel, and bytes of a sample."""
    return geometry.row, len(geometry.bits), max(1, geometry.bits[0] // 8)


def can_clear_transparent(coding: StripCoding, bits: tuple[int, ...]) -> bool:
    """Whether pixels without opacity can be found and cleared."""
    decoded = coding.compression in DECODED and coding.predictor != FLOATING_POINT
    return decoded and bits[0] in (8, 16) and set(bits) == {bits[0]}
