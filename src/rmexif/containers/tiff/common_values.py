"""Values of TIFF fields that programs write by themselves, and that say nothing of a file's maker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.density import is_common_per_inch, is_common_per_metre
from rmexif.containers.common.palette import is_padding
from rmexif.containers.tiff.ifd import RATIONAL
from rmexif.containers.tiff.tags import Tag

if TYPE_CHECKING:
    from rmexif.containers.tiff.ifd import TiffReader
    from rmexif.containers.tiff.page import Page

__all__ = ["SRGB_PLACES", "VIDEO_RANGES", "are_places", "is_common_density", "is_common_map"]

SRGB_PLACES = {  # of white and of the primaries (TIFF 6.0, page 83)
    Tag.WHITE_POINT: (0.3127, 0.329),
    Tag.PRIMARY_CHROMATICITIES: (0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
}
# ReferenceBlackWhite (TIFF 6.0, page 86) of full and of reduced range.
VIDEO_RANGES = ((0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1), (15, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1))
SINGLE_PRECISION = 1 << 23
NO_UNIT, INCH, CENTIMETRE = 1, 2, 3  # ResolutionUnit (TIFF 6.0, page 38)
UNITS = frozenset({NO_UNIT, INCH, CENTIMETRE})
LARGEST_LONG = 0xFFFFFFFF
DENOMINATORS = frozenset({1, 100, 1000, 10_000, 100_000, *(1 << bits for bits in range(1, 25))})  # of libraries


def are_places(numbers: tuple[int, ...], places: tuple[float, ...]) -> bool:
    """Whether rationals are these numbers, with powers of two below the line as libtiff writes them."""
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return len(pairs) == len(places) and all(
        bottom.bit_count() == 1 and abs(top - place * bottom) <= 1 + bottom / SINGLE_PRECISION
        for (top, bottom), place in zip(pairs, places, strict=True)
    )


def _is_common_rational(top: int, bottom: int) -> bool:
    """Whether a rational has a denominator of libraries, or two decimals of the largest numerator (old libtiff)."""
    if top == LARGEST_LONG and bottom:
        return abs(bottom * round(top / bottom, 2) - top) <= top / SINGLE_PRECISION
    return bottom in DENOMINATORS


def is_common_density(reader: TiffReader, page: Page) -> bool:
    """Whether the resolution of a page (TIFF 6.0, page 38) is one that programs write by themselves."""
    entries = {entry.tag: entry for entry in page.directory.entries}
    pairs = [
        reader.numbers(entries[tag])
        for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION)
        if tag in entries and entries[tag].field_type == RATIONAL and entries[tag].end <= len(reader.view)
    ]
    unit = (*reader.integers(page.directory, Tag.RESOLUTION_UNIT), INCH)[0]
    if len(pairs) != 2 or not all(len(pair) == 2 and _is_common_rational(*pair) for pair in pairs):
        return not pairs and unit in UNITS
    across, down = (numerator / denominator for numerator, denominator in pairs)
    if unit == CENTIMETRE:
        return is_common_per_metre(round(100 * across), round(100 * down))
    return unit in UNITS and (across == down in (0, 1) or is_common_per_inch(across, down))


def is_common_map(numbers: tuple[int, ...], clean: tuple[int, ...]) -> bool:
    """Whether a colour map differs from the clean one in low bytes and in what palettes are filled up with alone."""
    size = len(clean) // 3
    if len(numbers) != len(clean) or any(number & 255 not in (0, number >> 8) for number in numbers):
        return False
    colours = [bytes(numbers[at + plane * size] >> 8 for plane in range(3)) for at in range(size)]
    kept = [bytes(clean[at + plane * size] >> 8 for plane in range(3)) for at in range(size)]
    return is_padding(colours, frozenset(at for at in range(size) if colours[at] == kept[at]))
