"""All strips or tiles of a page, cleaned as often as what one of them shows changes the others."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.common.memory import holds_at
from rmexif.containers.tiff.coded_strip import STRUCTURE, CleanStrip, StripSource
from rmexif.containers.tiff.samples import HORIZONTAL, unpredicted
from rmexif.containers.tiff.shared_tables import share_tables
from rmexif.containers.tiff.streams import STREAMS, check_cost
from rmexif.containers.tiff.strips import DECODED, clean_strip, source_samples
from rmexif.containers.tiff.tags import Compression
from rmexif.containers.tiff.tile_padding import has_common_padding
from rmexif.errors import REPAIR, MalformedImage
from rmexif.native import samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.tiff.fields import Fields
    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry, StripGrid
    from rmexif.residuals import Residual
    from rmexif.types import Limits

__all__ = ["EarlierStrips", "PageStrip", "PageStrips"]

PALETTE_BITS = (1, 2, 4, 8)  # of a sample: depths that decoders show


WALKED = frozenset({Compression.JPEG, *STREAMS})  # codings whose strips are streams of another format


@dataclass(frozen=True, slots=True)
class PageStrip:
    """A clean strip or tile, and where it was (byte)."""

    data: bytes | memoryview
    start: int
    consumed: int  # first byte that a decoder does not read
    end: int  # by the byte count
    passed_through: bool  # what a decoder reads is written as it stands
    is_ordinary: bool = False  # it is written otherwise, and says no more than that
    fill: bytes | None = None  # or differs from that in the one colour of all pixels of opacity 0


class EarlierStrips(NamedTuple):
    """The strips of a page of a file that another one is the rewrite of."""

    coding: StripCoding
    geometries: tuple[StripGeometry, ...]
    strips: tuple[PageStrip, ...]


class PageStrips:
    """The strips of a page: where they are, and what is written for them.

    Args:
        fields: of the page.
        grid: the strips that it needs.
        coding: of all of them.
        limits: what they may cost.
        earlier: of the file that this one is the rewrite of: what is the same is not decoded again.

    Raises:
        MalformedImage: fewer offsets or byte counts than the picture needs, or an offset behind the file.
        LimitExceeded: more JPEG streams than the file's length explains.
    """

    def __init__(
        self, fields: Fields, grid: StripGrid, coding: StripCoding, limits: Limits, earlier: EarlierStrips | None = None
    ) -> None:
        self.view, self.stream, self.limits = fields.reader.view, fields.stream, limits
        self.coding, self.geometries = coding, list(grid.strips)
        is_same = earlier is not None and earlier.coding == coding and earlier.geometries == grid.strips
        self.earlier = earlier.strips if earlier and is_same and not coding.keeps_samples else ()
        self.places = _places(fields, grid, coding)
        if coding.compression == Compression.JPEG:
            fields.reader.count_streams(len(self.places))
        self.cleaned: list[CleanStrip] = []
        self.streams: dict[tuple[bytes, int, int], CleanStrip] = {}  # by their bytes and what of them shows
        self.jpeg_tables = b""  # that all strips share
        self.strips: tuple[PageStrip, ...] = ()

    @property
    def residuals(self) -> frozenset[Residual]:
        """What of the strips could not be decoded."""
        return frozenset(residual for strip in self.cleaned for residual in strip.residuals)

    def clean(self) -> None:
        """Clean every strip."""
        check_cost(self.coding, self.geometries)
        cleaned: list[CleanStrip] = []
        total = 0
        for geometry, (start, read_end, _) in zip(self.geometries, self.places, strict=True):
            source = StripSource(self.view[start:read_end] if self.stream is None else self.stream, start)
            strip = self._known(len(cleaned), source) or self._cleaned(source, geometry)
            total += len(strip.data)
            self.limits.check("max_bytes", total)
            cleaned.append(strip)
        data: Sequence[bytes | memoryview] = [strip.data for strip in cleaned]
        if self.coding.compression == Compression.JPEG:
            self.jpeg_tables, data = share_tables([bytes(stream) for stream in data])
        strips = list[PageStrip]()
        for written, strip, (start, _, end) in zip(data, cleaned, self.places, strict=True):
            is_view = isinstance(written, memoryview)
            passed_through = len(written) == strip.consumed and (is_view or holds_at(self.view, written, start))
            stop = start + strip.consumed if self.stream is None else min(start + strip.consumed, end)
            is_ordinary = strip.is_ordinary or (strip.is_padded and self._has_common_padding(len(strips)))
            strips.append(PageStrip(written, start, stop, end, passed_through, is_ordinary, strip.fill))
        self.cleaned, self.strips = cleaned, tuple(strips)

    def _has_common_padding(self, number: int) -> bool:
        """Whether what was cleared in a tile is what encoders leave beside the picture."""
        plain, earlier = (
            source_samples(StripSource(self.view[start:end], start), self.coding, geometry) if at >= 0 else b""
            for at in (number, number - 1)
            for geometry, (start, end, _) in [(self.geometries[at], self.places[at])]
        )
        return has_common_padding(plain, earlier, self.geometries[number])

    def _cleaned(self, source: StripSource, geometry: StripGeometry) -> CleanStrip:
        """The clean strip; equal streams are walked once, because that costs milliseconds."""
        if self.coding.compression not in WALKED:
            return clean_strip(source, self.coding, geometry, self.limits)
        key = blake2b(source.data).digest(), geometry.rows, geometry.columns
        if key not in self.streams:
            self.streams[key] = clean_strip(source, self.coding, geometry, self.limits)
        return self.streams[key]

    def _known(self, number: int, source: StripSource) -> CleanStrip | None:
        """The strip, where the same bytes in the same coding and place were clean as they stood before."""
        if self.coding.compression not in DECODED or number >= len(self.earlier):
            return None
        strip = self.earlier[number]
        if not strip.passed_through or len(strip.data) != len(source.data):
            return None
        is_same = holds_at(self.view, strip.data, source.offset)
        return CleanStrip(source.data, len(source.data)) if is_same else None

    def clear_planes(self, opacity: int, planes: int) -> None:
        """Clear the samples of pixels whose opacity, in plane ``opacity`` of ``planes``, is zero."""
        each = len(self.geometries) // planes
        planes_opacity = [
            bytearray(unpredicted(self.cleaned[n].samples or bytearray(), self.coding, self.geometries[n]))
            for n in range(opacity * each, (opacity + 1) * each)
        ]
        self.geometries = [replace(item, opacity=planes_opacity[n % each]) for n, item in enumerate(self.geometries)]
        self.clean()

    def renumber(self, indices: bytes) -> None:
        """Write other palette indices."""
        self.coding = replace(self.coding, indices=indices)
        self.clean()

    def used_values(self) -> frozenset[int] | None:
        """The palette indices that pixels have; None where they cannot be read."""
        coding, bits = self.coding, self.geometries[0].bits[0]
        readable = coding.palette and bits in PALETTE_BITS
        if not readable or coding.predictor > HORIZONTAL or (coding.predictor == HORIZONTAL and bits != 8):
            return None
        used: set[int] = set()
        for geometry, strip in zip(self.geometries, self.cleaned, strict=True):
            if strip.samples is None:
                return None
            plain = unpredicted(strip.samples, coding, geometry)
            used.update(samples.used(plain, geometry.columns, bits, stride=geometry.row, rows=geometry.rows))
        return frozenset(used)


def _following(starts: list[int], start: int, size: int) -> int:
    """Where the next strip starts, or the file ends."""
    at = bisect_right(starts, start)
    return starts[at] if at < len(starts) else size


def _places(fields: Fields, grid: StripGrid, coding: StripCoding) -> list[tuple[int, int, int]]:
    """Of each strip: its start, the end of what a decoder may read, and the end by its byte count."""
    needed, size = len(grid.strips), len(fields.reader.view)
    uncompressed = coding.compression == Compression.NONE
    offsets, counts = fields.numbers(grid.offsets_tag), fields.numbers(grid.counts_tag)
    if uncompressed and len(counts) < needed:
        counts = tuple(strip.size for strip in grid.strips)
    for tag, numbers in ((grid.offsets_tag, offsets), (grid.counts_tag, counts)):
        if len(numbers) < needed:
            problem = f"{len(numbers)} strips or tiles, the picture needs {needed}"
            raise MalformedImage(problem, structure=f"tiff IFD entry {tag}", offset=fields.offset(tag))
    places, starts = [], sorted(offsets[:needed])
    for strip, start, count in zip(grid.strips, offsets, counts, strict=False):
        if start >= size:
            problem = f"{count} bytes in a file of {size}; {REPAIR}"
            raise MalformedImage(problem, structure=STRUCTURE, offset=start)
        # Decoders do not ask how long uncompressed data says it is; a count of 0 means: up to the next strip.
        read = max(count, strip.size) if uncompressed else count or _following(starts, start, size) - start
        places.append((start, min(start + read, size), min(start + count, size)))
    return places
