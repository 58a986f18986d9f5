"""Decoded samples of a strip: what belongs to no visible pixel is cleared (TIFF 6.0, sections 14, 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.containers.common.palette import SAME, packed_table
from rmexif.containers.tiff.tags import Compression

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry

__all__ = ["can_clear_transparent", "clear_invisible", "is_transparent"]

HORIZONTAL, FLOATING_POINT = 2, 3  # Predictor (TIFF 6.0, section 14; Technical Note 3)
DECODED = frozenset(
    {Compression.NONE, Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE, Compression.PACKBITS}
)


def clear_invisible(samples: bytearray, coding: StripCoding, geometry: StripGeometry) -> bool:
    """Clear in place every bit that belongs to no pixel, and the colour of pixels without opacity.

    Returns:
        Whether any of them was set.
    """
    if not geometry.row or coding.predictor == FLOATING_POINT:
        return False
    changed = geometry.padded and _clear_padding(samples, geometry)
    if coding.indices != SAME:
        changed |= _renumber(samples, coding, geometry)
    if coding.alpha is not None or geometry.hidden is not None:
        changed |= _clear_transparent(samples, coding, geometry)
    return changed


def _clear_padding(samples: bytearray, geometry: StripGeometry) -> bool:
    """Clear columns and rows beyond the picture, and the last bits of a row."""
    changed = False
    rows = np.frombuffer(samples, np.uint8).reshape(-1, geometry.row)
    column, rest = divmod(geometry.columns * geometry.pixel, 8)
    if rest:
        spare = 0xFF >> rest
        changed = bool((rows[:, column] & spare).any())
        rows[:, column] &= 0xFF ^ spare
        column += 1
    for padding in (rows[:, column:], rows[geometry.rows :]):  # with a predictor, zero means: as the last pixel
        if padding.any():
            padding[...] = 0
            changed = True
    return changed


def _renumber(samples: bytearray, coding: StripCoding, geometry: StripGeometry) -> bool:
    """Give equal palette entries one index (1 to 8 bits a sample)."""
    rows = np.frombuffer(samples, np.uint8).reshape(-1, geometry.row)
    plain = np.cumsum(rows, axis=1, dtype=np.uint8) if coding.predictor == HORIZONTAL else rows
    renumbered = packed_table(coding.indices, geometry.bits[0])[plain]
    if coding.predictor == HORIZONTAL:
        renumbered = np.diff(renumbered, axis=1, prepend=np.zeros_like(renumbered[:, :1]))
    changed = not np.array_equal(rows, renumbered)
    rows[...] = renumbered
    return changed


def _clear_transparent(samples: bytearray, coding: StripCoding, geometry: StripGeometry) -> bool:
    """Clear the colour of pixels whose opacity is zero (8 and 16 bits)."""
    if not can_clear_transparent(coding, geometry.bits):
        return False
    stored, pixels = _pixels(samples, coding, geometry)
    hidden = pixels[..., coding.alpha] == 0 if geometry.hidden is None else geometry.hidden
    if not pixels[hidden].any():
        return False
    pixels[hidden] = 0
    if coding.predictor == HORIZONTAL:
        stored[...] = np.diff(pixels, axis=1, prepend=np.zeros_like(pixels[:, :1]))
    return True


def can_clear_transparent(coding: StripCoding, bits: tuple[int, ...]) -> bool:
    """Whether pixels without opacity can be found and cleared."""
    decoded = coding.compression in DECODED and coding.predictor != FLOATING_POINT
    return decoded and bits[0] in (8, 16) and set(bits) == {bits[0]}


def is_transparent(samples: bytearray, coding: StripCoding, geometry: StripGeometry) -> NDArray[np.bool_]:
    """Which samples of an opacity plane are zero."""
    hidden: NDArray[np.bool_] = _pixels(samples, coding, geometry)[1][..., 0] == 0
    return hidden


def _pixels(samples: bytearray, coding: StripCoding, geometry: StripGeometry) -> tuple[NDArray[Any], NDArray[Any]]:
    """Samples as they are stored, and without predictor: rows x pixels x channels."""
    dtype = np.dtype(f"{coding.order}u{geometry.bits[0] // 8}")
    stored = np.frombuffer(samples, dtype).reshape(len(samples) // geometry.row, -1, len(geometry.bits))
    if coding.predictor != HORIZONTAL:
        return stored, stored
    return stored, np.cumsum(stored, axis=1, dtype=dtype.newbyteorder("="))
