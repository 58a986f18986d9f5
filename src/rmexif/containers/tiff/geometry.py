"""Strips and tiles of a page: where they lie in the picture, and how they are coded (TIFF 6.0, sections 3, 15, 21).

A tile is a strip here, but for its padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from rmexif.containers.common.palette import SAME
from rmexif.containers.tiff.tags import Compression, Photometric, Tag
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.tiff.fields import Fields
    from rmexif.types import Limits

__all__ = ["StripCoding", "StripGeometry", "StripGrid", "read_grid"]

PIXEL_BITS = 64  # bits of a pixel of four 16-bit samples: what ``max_pixels`` counts as one


@dataclass(frozen=True, slots=True)
class StripGeometry:
    """The size of one strip, and what of it shows."""

    size: int  # byte, decoded
    row: int  # byte of a row; 0 where rows cannot be told apart (subsampled YCbCr)
    bits: tuple[int, ...]  # of the samples of a pixel
    rows: int  # that show
    columns: int  # px that show
    opacity: bytearray | None = None  # its samples, where they are in another plane

    @property
    def pixel(self) -> int:
        """Bits of a pixel."""
        return sum(self.bits)

    @property
    def padded(self) -> bool:
        """Whether bits of the decoded strip belong to no pixel."""
        return bool(self.row) and (self.rows * self.row < self.size or self.columns * self.pixel < self.row * 8)


@dataclass(frozen=True, slots=True)
class StripCoding:
    """What all strips of a page share."""

    compression: int
    order: str = "<"
    reverse: bool = False  # FillOrder 2
    predictor: int = 1
    palette: bool = False  # the samples are palette entries
    indices: bytes = SAME  # the palette's new index for every old one
    alpha: int | None = None  # which sample of a pixel is opacity
    planes: bool = False  # opacity is a plane of its own
    jpeg_tables: bytes = b""
    block: tuple[int, int] = (0, 0)  # px of a strip of full size
    tiled: bool = False
    fax_options: int = 0  # T4Options (TIFF 6.0, section 11)

    def may_clear(self, geometry: StripGeometry) -> bool:
        """Whether something may have to be cleared or counted in a decoded strip."""
        return geometry.padded or self.palette or self.planes or self.alpha is not None

    @property
    def keeps_samples(self) -> bool:
        """Whether the samples of all strips are looked at together."""
        return self.palette or self.planes


@dataclass(frozen=True, slots=True)
class StripGrid:
    """The strips that a picture needs, plane by plane, row by row."""

    strips: tuple[StripGeometry, ...]
    block: tuple[int, int]  # px of a strip of full size
    tiled: bool
    subsampled: bool  # chroma is stored in blocks (TIFF 6.0, section 21)

    @property
    def offsets_tag(self) -> Tag:
        """The tag of the offsets."""
        return Tag.TILE_OFFSETS if self.tiled else Tag.STRIP_OFFSETS

    @property
    def counts_tag(self) -> Tag:
        """The tag of the byte counts."""
        return Tag.TILE_BYTE_COUNTS if self.tiled else Tag.STRIP_BYTE_COUNTS

    @property
    def padded(self) -> bool:
        """Whether a strip has bits that belong to no pixel."""
        return any(strip.padded for strip in self.strips)


def read_grid(fields: Fields, size: tuple[int, int], bits: tuple[int, ...], planar: bool, limits: Limits) -> StripGrid:
    """The strips or tiles of a page.

    Args:
        fields: of the page.
        size: width and height of the picture, px.
        bits: of each sample of a pixel.
        planar: whether each sample has a plane of its own.
        limits: for strips, and for pixels with their padding.

    Raises:
        MalformedImage: strips without pixels, or a chroma subsampling that TIFF does not have.
        LimitExceeded: more strips or pixels than allowed.
    """
    width, height = size
    tiled = bool(fields.numbers(Tag.TILE_OFFSETS))
    if tiled:
        across, down = fields.first(Tag.TILE_WIDTH), fields.first(Tag.TILE_LENGTH)
    else:
        across, down = width, min(fields.first(Tag.ROWS_PER_STRIP, height), height)
    if not across or not down:
        tag = Tag.TILE_WIDTH if tiled else Tag.ROWS_PER_STRIP
        problem = f"strips or tiles of {across} x {down} px"
        raise MalformedImage(problem, structure=f"tiff IFD entry {tag}", offset=fields.offset(tag))
    planes = [(number,) for number in bits] if planar else [bits]
    blocks = -(-width // across) * -(-height // down)
    limits.check("max_parts", blocks * len(planes))
    limits.check("max_pixels", blocks * across * down)
    limits.check("max_pixels", blocks * across * down * sum(bits) // PIXEL_BITS)
    subsampling = _subsampling(fields, bits, planar)
    strips = []
    for plane in planes:
        known: dict[tuple[int, int], StripGeometry] = {}  # by what shows: nearly all strips are alike
        for y, x in product(range(0, height, down), range(0, width, across)):
            shown = min(across, width - x), min(down, height - y)
            if shown not in known:
                coded = (across, down if tiled else shown[1])
                known[shown] = _geometry(plane, coded, shown, subsampling)
            strips.append(known[shown])
    return StripGrid(tuple(strips), (across, down), tiled, subsampling != (1, 1))


def _subsampling(fields: Fields, bits: tuple[int, ...], planar: bool) -> tuple[int, ...]:
    """Horizontal and vertical subsampling of chroma inside a strip; (1, 1) where samples lie side by side."""
    if fields.first(Tag.PHOTOMETRIC_INTERPRETATION, 0) != Photometric.YCBCR or planar or len(bits) != 3:
        return (1, 1)
    if fields.first(Tag.COMPRESSION, 1) == Compression.JPEG:
        return (1, 1)
    found = fields.numbers(Tag.YCBCR_SUBSAMPLING)[:2]
    return found if len(found) == 2 else (2, 2)


def _geometry(
    plane: tuple[int, ...], coded: tuple[int, int], shown: tuple[int, int], subsampling: tuple[int, ...]
) -> StripGeometry:
    """One strip, from its size as coded and as shown (px)."""
    across, rows = coded
    if subsampling == (1, 1):
        row = (across * sum(plane) + 7) // 8
        return StripGeometry(row * rows, row, plane, shown[1], shown[0])
    # TIFF 6.0, section 21: blocks of luma with one pair of chroma
    wide, high = subsampling
    blocks = -(-across // wide) * -(-rows // high)
    return StripGeometry((blocks * (wide * high + 2) * plane[0] + 7) // 8, 0, plane, shown[1], shown[0])
