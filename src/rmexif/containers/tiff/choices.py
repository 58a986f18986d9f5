"""What the pages of a TIFF leave to their writer, and how many bytes of it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from rmexif.containers.common.choices import with_choices
from rmexif.containers.common.zlib_stream import HEADER
from rmexif.containers.tiff.streams import STREAMS
from rmexif.containers.tiff.tags import Compression, Tag
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.tiff.ifd import TiffReader
    from rmexif.containers.tiff.page import Page
    from rmexif.containers.tiff.parse import TiffTree
    from rmexif.types import Container

__all__ = ["bounds", "page_style", "with_page_choices", "zlib_levels"]

DEFLATED = frozenset({Compression.DEFLATE, Compression.OLD_DEFLATE})  # codes that stay as they are
# Bytes of the numbers of a field, as ``page`` rounds them: two small ones, three of five decimals, six up to 65535.00
NUMBERS = {Tag.X_RESOLUTION: 2, Tag.YCBCR_COEFFICIENTS: 7, Tag.REFERENCE_BLACK_WHITE: 18}
USUAL = (Fraction(299, 1000), Fraction(587, 1000), Fraction(114, 1000))  # YCbCrCoefficients (TIFF 6.0, section 21)
STYLE = frozenset({Tag.X_RESOLUTION, Tag.Y_RESOLUTION, Tag.RESOLUTION_UNIT, Tag.NEW_SUBFILE_TYPE, Tag.SAMPLE_FORMAT})
STYLE |= {Tag.FILL_ORDER, Tag.ORIENTATION, Tag.PLANAR_CONFIGURATION, Tag.PREDICTOR}
MOST_NUMBERS = 16  # of a field that is looked at: bounds the memory of all pages
SIDE = 4  # byte of the rows of a strip, or of a side of a tile
FORM = 2  # byte: compression, order of bits, planes, depth, alpha, orientation of a page behind the first one


def bounds(pages: Sequence[Page]) -> dict[Residual, int]:
    """Bytes in colour maps and padding that stay as they are, and in the cuts; of streams no bound is known."""
    found: dict[Residual, int] = {}
    cut = sum(SIDE * (1 + page.grid.tiled) for page in pages if len(page.grid.strips) > 1)
    if free := cut + FORM * (len(pages) - 1):
        found[Residual.TIFF_STRIP_CHOICE] = free
    maps = [page for page in pages if Residual.TIFF_PALETTE_ENTRIES in page.residuals]
    if maps:
        found[Residual.TIFF_PALETTE_ENTRIES] = sum(2 * len(page.fields[Tag.COLOR_MAP][1]) for page in maps)
    padded = [page for page in pages if Residual.TIFF_TILE_PADDING in page.residuals]
    if padded and all(page.coding.compression not in {Compression.JPEG, *STREAMS} for page in padded):
        found[Residual.TIFF_TILE_PADDING] = sum(page.padding for page in padded)
    return found


def page_style(reader: TiffReader, page: Page) -> frozenset[tuple[int, tuple[int, ...]]]:
    """The fields of a page that have one number or a resolution, and that do not stay, or not as they are."""
    found = set[tuple[int, tuple[int, ...]]]()
    for entry in page.directory.entries:
        if entry.tag in STYLE and entry.count <= MOST_NUMBERS and entry.end <= len(reader.view):
            numbers = reader.numbers(entry)
            if entry.tag not in page.fields or page.fields[entry.tag][1] != numbers:
                found.add((entry.tag, numbers))
    return frozenset(found)


def zlib_levels(view: memoryview, page: Page) -> set[bytes]:
    """What the headers of the zlib streams of a page say of window and level (RFC 1950, 2.2)."""
    if page.coding.compression not in DEFLATED:
        return set()
    return {bytes(view[strip.start : strip.start + len(HEADER)]) for strip in page.strips}


def with_page_choices(container: Container[TiffTree], pages: Sequence[Page]) -> Container[TiffTree]:
    """The container with the residuals that other formats have, too."""
    return with_choices(
        container,
        palettes=[_palette(page) for page in pages],
        numbers=sum(map(_number_bytes, pages)),
        is_recoded=all(page.coding.compression not in {*DEFLATED, *STREAMS} for page in pages),
        are_frames=False,
    )


def _palette(page: Page) -> list[bytes]:
    """The entries of the colour map in the eight bits that are shown; none where there is none."""
    numbers = page.fields[Tag.COLOR_MAP][1] if Tag.COLOR_MAP in page.fields else ()
    size = len(numbers) // 3
    channels = (numbers[start : start + size] for start in (0, size, 2 * size))
    return [bytes(number >> 8 or number for number in colour) for colour in zip(*channels, strict=True)]


def _number_bytes(page: Page) -> int:
    """Bytes of the fields that say how samples are shown."""
    terms = page.fields[Tag.YCBCR_COEFFICIENTS][1] if Tag.YCBCR_COEFFICIENTS in page.fields else ()
    is_usual = tuple(Fraction(*pair) for pair in zip(terms[::2], terms[1::2], strict=True)) == USUAL
    free = {tag: size for tag, size in NUMBERS.items() if tag in page.fields}
    return sum(free.values()) - NUMBERS[Tag.YCBCR_COEFFICIENTS] * is_usual
