"""TIFF 6.0 and BigTIFF: directories, the fields that a decoder needs, and the picture data.

Pages stay; Exif, GPS, XMP, IPTC, Photoshop and private fields, previews and everything that no field points at go.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.aspect import SQUARE
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.tiff import choices
from rmexif.containers.tiff.camera_raw import is_camera_raw, is_raw_directory
from rmexif.containers.tiff.choices import page_style, zlib_levels
from rmexif.containers.tiff.common_values import SRGB_PLACES, VIDEO_RANGES, are_places, is_common_density, is_common_map
from rmexif.containers.tiff.ifd import INTEGERS, RATIONAL, TYPES, Directory, Entry, TiffReader
from rmexif.containers.tiff.page import SINGLE_NUMBERS, Page, read_page
from rmexif.containers.tiff.tags import Compression, Tag
from rmexif.errors import InputError, MalformedImage, UnsupportedFeature
from rmexif.types import Colour, Container, Limits, Part, PayloadKind, Role, TiffEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.tiff.ifd import Value

__all__ = ["TiffTree", "chain", "is_reduced", "parse"]

REDUCED, OLD_REDUCED = 1, 2  # a bit of NewSubfileType, a value of SubfileType (TIFF 6.0, pages 36, 40)
POINTERS = frozenset({Tag.SUB_IFDS, Tag.EXIF_IFD, Tag.GPS_IFD, Tag.INTEROPERABILITY_IFD})
MAX_POINTERS = 64  # directories that one field points at; what is behind them becomes a gap
MAX_DEPTH = 8  # directories behind directories
LONGEST_FILLER = 38  # byte
HEADER = 8  # byte: programs that append pages repeat it
ALIGNMENTS = (2, 4, 8, 16)  # byte
MOST_IRREGULAR = 16  # that no alignment explains: each could hold 8 bits
# Fields whose numbers say where something lies: recomputed, so their own bytes are mere structure.
PLACES = frozenset(
    {Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS, Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS, Tag.ROWS_PER_STRIP}
)
ALL = frozenset({0xFFFF, 0xFFFFFFFF})  # RowsPerStrip of a picture in one strip (TIFF 6.0, page 39)
RESOLUTION = (Tag.X_RESOLUTION, Tag.Y_RESOLUTION, Tag.RESOLUTION_UNIT)
MAX_NUMBERED = 1000  # pages that PageNumber counts
# Zeros for alignment, and the header of a file that Pillow leaves in front of every page that it appends.
FILLER = re.compile(rb"\0{0,15}(?:(?:II\*\0\x08\0\0\0|MM\0\*\0\0\0\x08)\0{0,15})?\Z")
ROLES = {Tag.ORIENTATION: Role.ORIENTATION, Tag.ICC_PROFILE: Role.COLOUR}
# Fields that are not written where they state what holds without them.
DEFAULTS: dict[int, tuple[int, ...]] = {
    **{tag: (default,) for tag, default, _ in SINGLE_NUMBERS},
    Tag.SAMPLE_FORMAT: (1,),
    Tag.SAMPLES_PER_PIXEL: (1,),
    Tag.NEW_SUBFILE_TYPE: (0, 2),
}
PAYLOADS: dict[int, PayloadKind] = {
    Tag.XMP: PayloadKind.XMP,
    Tag.IPTC: PayloadKind.IPTC,
    Tag.PHOTOSHOP: PayloadKind.IPTC,
    Tag.ICC_PROFILE: PayloadKind.ICC,
}
PICTURES = (  # tags of the offsets and the byte counts of a picture
    (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS),
    (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS),
    (Tag.JPEG_INTERCHANGE_FORMAT, Tag.JPEG_INTERCHANGE_FORMAT_LENGTH),
)


@dataclass(frozen=True, slots=True)
class TiffTree:
    """What a parse leaves for the rewrite."""

    order: str
    big: bool
    pages: tuple[Page, ...]


def parse(view: memoryview, limits: Limits, earlier: Container[TiffTree] | None = None) -> Container[TiffTree]:
    """Walk the chain of directories, and what each of them points at.

    Args:
        view: the whole file.
        limits: what it may cost.
        earlier: of the file that this one is the rewrite of: strips that are the same are not decoded again.

    Raises:
        MalformedImage: a directory or its strips are not in the file.
        UnsupportedFeature: a camera RAW, a rare form of old-style JPEG.
        LimitExceeded: more pages, pixels, fields or bytes than allowed.
    """
    reader = TiffReader(view, limits.max_parts)
    directories = list(chain(reader, limits))
    _refuse_raw(view, reader, directories)
    parts = _TiffParts(reader, directories, limits)
    pages: list[Page] = []
    profiles, labels = icc.JudgedProfiles(limits), list[str]()
    pixels = size = 0
    for number, directory in enumerate(directories):
        label = f"IFD{number}"
        if number and is_reduced(reader, directory):
            parts.directory(directory, label, Role.AUXILIARY)
            continue
        known = earlier.tree.pages[len(pages)] if earlier and len(pages) < len(earlier.tree.pages) else None
        page = read_page(reader, directory, limits, profiles, known)
        pixels += page.width * page.height
        size += sum(len(strip.data) for strip in page.strips)
        limits.check("max_total_pixels", pixels)
        limits.check("max_bytes", size)
        pages.append(page)
        labels.append(label)
    parts.pages(pages, labels)
    first = pages[0]
    tables, bounds = icc.residual_bytes(page.profile for page in pages), choices.bounds(pages)
    container = Container(
        format="tiff",
        width=first.width,
        height=first.height,
        parts=_with_filler(view, parts.builder.tile(), pages),
        frames=len(pages),
        samples=max(page.samples for page in pages),
        pixel_shape=_pixel_shape(first),
        sample_bytes=max(page.sample_bytes for page in pages),
        orientation=first.orientation,
        colour=Colour(icc=first.profile),
        residuals=tuple(sorted({*tables, *bounds}.union(*(page.residuals for page in pages)))),
        residual_bytes={**bounds, **tables},
        tree=TiffTree(reader.order, reader.big, tuple(pages)),
    )
    return choices.with_page_choices(container, pages)


def _pixel_shape(page: Page) -> tuple[int, int]:
    """As its clean fields say it."""
    across, down = (page.fields.get(tag) for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION))
    return (across[1][0], down[1][0]) if across and down else SQUARE


def _with_filler(view: memoryview, parts: tuple[Part, ...], pages: list[Page]) -> tuple[Part, ...]:
    """The parts, with gaps that hold nothing as what they are; where no alignment explains them, they could spell."""
    found = {
        part.offset: part
        for part in parts
        if part.role in (Role.GAP, Role.TRAILER)
        and part.length <= LONGEST_FILLER
        and FILLER.match(bytes(view[part.offset : part.end]))
    }
    if min(_irregular(view, [*found.values()], pages, alignment) for alignment in ALIGNMENTS) > MOST_IRREGULAR:
        return parts
    return tuple(
        Part("filler", Role.ENCODING, part.offset, part.length) if part.offset in found else part for part in parts
    )


def _irregular(view: memoryview, fillers: list[Part], pages: list[Page], alignment: int) -> int:
    """How many fillers do not end on a multiple of the alignment, and how many strips are padded unlike the others."""
    count = 0
    for part in fillers:
        content = bytes(view[part.offset : part.end])
        zeros = part.length - len(content.lstrip(b"\0"))
        step = alignment if zeros == part.length else ALIGNMENTS[-1]  # of a header that programs repeat
        count += not (zeros < step and (part.offset + zeros) % step == 0 and part.length - zeros in (0, HEADER))
    for page in pages:
        padded = [after.start > at.consumed for at, after in pairwise(page.strips) if at.consumed % alignment]
        count += min(sum(padded), len(padded) - sum(padded))
    return count


def _is_place(page: Page, tag: int, numbers: tuple[int, ...]) -> bool:
    """Whether numbers say where the strips are, and nothing else."""
    if tag == page.grid.offsets_tag:
        return numbers == tuple(strip.start for strip in page.strips) and list(numbers) == sorted(numbers)
    if tag == page.grid.counts_tag:
        surplus = [number - strip.consumed + strip.start for number, strip in zip(numbers, page.strips, strict=False)]
        is_common = {*surplus} <= {0, 1} and sum(surplus) <= MOST_IRREGULAR  # imagecodecs: a zero behind the last code
        return len(numbers) == len(page.strips) and is_common
    rows = numbers[0] if tag == Tag.ROWS_PER_STRIP and len(numbers) == 1 else 0
    is_beyond = rows >= page.height and rows.bit_count() == 1  # libvips: 128
    return rows > 0 and (rows == page.grid.block[1] or rows in ALL or is_beyond)


def _is_number(entry: Entry, numbers: tuple[int, ...]) -> bool:
    """Whether a field of a resolution is one number of its type; libtiff passes over others, which could be a text."""
    types, count = (INTEGERS, 1) if entry.tag == Tag.RESOLUTION_UNIT else ({RATIONAL}, 2)
    return entry.field_type in types and len(numbers) == count


def chain(reader: TiffReader, limits: Limits) -> Iterator[Directory]:
    """The directories, from the first one on."""
    offset, seen = reader.first, set[int]()
    if not offset:
        raise MalformedImage("no offset of a first directory", structure="tiff header", offset=0)
    while offset:
        if offset in seen:  # decoders show its pages once
            return
        if seen and not reader.size <= offset < len(reader.view):
            return  # a link that leads out of the file ends the chain, as it does in libtiff
        seen.add(offset)
        limits.check("max_frames", len(seen))
        directory = reader.directory(offset)
        yield directory
        offset = directory.next


def is_reduced(reader: TiffReader, directory: Directory) -> bool:
    """Whether a later directory is a thumbnail: it says so, or it is the JPEG preview of an Exif file (4.5.8)."""
    subfile = (*reader.integers(directory, Tag.NEW_SUBFILE_TYPE), 0)[0]
    old_subfile = (*reader.integers(directory, Tag.SUBFILE_TYPE), 1)[0]
    preview = reader.integers(directory, Tag.JPEG_INTERCHANGE_FORMAT)
    old_jpeg = Compression.OLD_JPEG in reader.integers(directory, Tag.COMPRESSION)
    has_strips = bool(reader.integers(directory, Tag.STRIP_OFFSETS))  # of a page in old-style JPEG
    return bool(subfile & REDUCED) or old_subfile == OLD_REDUCED or (bool(preview) and old_jpeg and not has_strips)


def _refuse_raw(view: memoryview, reader: TiffReader, chain: list[Directory]) -> None:
    """A RAW holds previews beside sensor data in a maker's own coding: a lossless rewrite would be a guess."""
    if is_camera_raw(view) or is_raw_directory(reader, chain):
        problem = "a camera RAW is only decoded: use scrub, which writes another format"
        raise UnsupportedFeature(problem, structure="tiff IFD", offset=chain[0].offset)


class _TiffParts:
    """Names every byte of the file by the directories and fields that refer to it.

    Args:
        reader: of the file.
        chain: directories whose turn comes by itself; no field brings one of them in.
        limits: for the number of parts.
    """

    def __init__(self, reader: TiffReader, chain: list[Directory], limits: Limits) -> None:
        self.reader, self.view = reader, reader.view
        self.builder = PartBuilder(len(reader.view), limits)
        self.builder.add("signature", Role.STRUCTURE, 0, reader.size - reader.cell)
        self.builder.add("header", Role.ENCODING, reader.size - reader.cell, reader.size)  # where the first one lies
        self.fills: set[bytes | None] = set()  # colours of pixels of opacity 0
        self.is_uniform = self.has_one_level = True  # the pages, in what is free for each
        self.numbers: list[tuple[int, int]] = []  # of the pages, and of how many, as their fields say
        self.seen = {directory.offset for directory in chain}  # ends loops

    def pages(self, pages: list[Page], labels: list[str]) -> None:
        """All pages; what is free for each of them is alike for all, or it could spell."""
        styles = Counter(page_style(self.reader, page) for page in pages)
        self.is_uniform = len(pages) - max(styles.values()) <= MOST_IRREGULAR
        self.has_one_level = len({level for page in pages for level in zlib_levels(self.view, page)}) <= 1
        for page, label in zip(pages, labels, strict=True):
            self.page(page, label)

    def page(self, page: Page, label: str) -> None:
        """Fields that stay are structure, colour or orientation where they are written as they stand."""
        self._frame(page.directory, label, Role.ENCODING)
        done: set[int] = set()
        for entry in page.directory.entries:
            if entry.tag not in done and self._stays(page, entry):
                self._ordinary(page, entry, label)
            else:
                self.entry(entry, label, Role.METADATA)
            done.add(entry.tag)
        for strip in page.strips:
            name, role = ("picture", Role.PIXELS) if strip.passed_through else ("picture/padding", Role.UNKNOWN)
            self.fills |= {strip.fill} - {None}
            is_ordinary = strip.is_ordinary or (strip.fill is not None and len(self.fills) == 1)
            if is_ordinary and not strip.passed_through:
                name, role = "picture/other codes", Role.ENCODING if self.has_one_level else Role.UNKNOWN
            self.builder.add(f"{label}/{name}", role, strip.start, strip.consumed)
            if strip.consumed < strip.end:
                self.builder.add(f"{label}/picture/surplus", Role.GAP, strip.consumed, strip.end)
        for start, stop in page.stretches:
            self.builder.add(f"{label}/picture/old-style JPEG", Role.UNKNOWN, start, stop)

    def _ordinary(self, page: Page, entry: Entry, label: str) -> None:
        """A field that says no more than a clean file does; a resolution may be kept all the same."""
        value = page.fields.get(entry.tag)
        role = ROLES.get(Tag(entry.tag), Role.ENCODING) if value is not None else Role.ENCODING
        if entry.tag == Tag.ICC_PROFILE and value != (entry.field_type, self.reader.numbers(entry)):
            role = Role.ENCODING  # a published one
        end, tiff_entry = entry.offset + self.reader.entry_size, None
        if entry.tag in RESOLUTION:
            tiff_entry = TiffEntry(0, entry.tag, entry.field_type, self.reader.order)
        payload = PayloadKind.TIFF_VALUE if tiff_entry else None
        if entry.inline:
            self.builder.add(label, role, entry.offset, end, payload, 4 + self.reader.cell, entry=tiff_entry)
        else:
            self.builder.add(label, role, entry.offset, end)
            self.builder.add(f"{label}/{entry.tag}", role, entry.start, entry.end, payload, entry=tiff_entry)

    def entry(self, entry: Entry, label: str, role: Role) -> None:
        """A field that goes, with its value and the directories that it points at."""
        name = f"{label}/{entry.tag}"
        payload = PAYLOADS.get(entry.tag, PayloadKind.TIFF_VALUE)
        value = None
        if payload is PayloadKind.TIFF_VALUE:
            pointer = int(last) if (last := label.rpartition("/")[2]).isdigit() else 0
            value = TiffEntry(pointer, entry.tag, entry.field_type, self.reader.order)
        end = entry.offset + self.reader.entry_size
        if entry.inline:
            self.builder.add(name, role, entry.offset, end, payload, 4 + self.reader.cell, entry=value)
        else:
            self.builder.add(f"{label}/fields", role, entry.offset, end)
            self.builder.add(name, role, entry.start, entry.end, payload, entry=value)
        if entry.tag in POINTERS and entry.field_type in INTEGERS and entry.end <= len(self.view):
            self._children(entry, name, role)

    def directory(self, directory: Directory, label: str, role: Role) -> None:
        """A directory that goes, with everything it points at."""
        self._frame(directory, label, role)
        for entry in directory.entries:
            if entry.field_type in TYPES and label.count("/") < MAX_DEPTH:
                self.entry(entry, label, role)
        for starts, sizes in PICTURES:
            found = self.reader.integers(directory, starts), self.reader.integers(directory, sizes)
            for start, size in zip(*found, strict=False):
                self.builder.add(f"{label}/picture", Role.AUXILIARY, start, start + size, PayloadKind.PICTURE)

    def _frame(self, directory: Directory, label: str, role: Role) -> None:
        """The number of entries before them, and the offset of the next directory behind them."""
        following = directory.end - self.reader.cell
        first = directory.entries[0].offset if directory.entries else following
        self.builder.add(label, role, directory.offset, first)
        self.builder.add(label, role, following, directory.end)

    def _stays(self, page: Page, entry: Entry) -> bool:
        """Whether a field says no more than its canonical form, or than its absence; its type may be another one."""
        if entry.field_type not in TYPES or entry.end > len(self.view) or self.reader.has_spare_bytes(entry):
            return False
        numbers = self.reader.numbers(entry)
        if entry.tag in PLACES:
            return _is_place(page, entry.tag, numbers)
        value: Value | None = page.fields.get(entry.tag)
        if value is not None and numbers == value[1]:
            return True
        if entry.tag in RESOLUTION:
            return self.is_uniform and _is_number(entry, numbers) and is_common_density(self.reader, page)
        return self._is_common(page, entry, numbers) or {*numbers} <= {*DEFAULTS.get(entry.tag, ())}

    def _is_common(self, page: Page, entry: Entry, numbers: tuple[int, ...]) -> bool:
        """Whether a field that goes, or changes, has what common writers put there."""
        is_jpeg = page.coding.compression == Compression.JPEG
        if entry.tag == Tag.REFERENCE_BLACK_WHITE:
            return is_jpeg and numbers in VIDEO_RANGES
        if entry.tag == Tag.ICC_PROFILE:
            return icc.is_published(self.view[entry.start : entry.end])
        if entry.tag == Tag.JPEG_TABLES:
            return is_jpeg and all(strip.is_ordinary for strip in page.strips)  # every table stands in each of them
        if entry.tag == Tag.COMPRESSION:
            return len(numbers) == 1  # another one is written, the picture says which one it was
        if entry.tag == Tag.PAGE_NUMBER:
            return len(numbers) == 2 and self._continues(*numbers)
        if entry.tag in SRGB_PLACES:
            return entry.field_type == RATIONAL and are_places(numbers, SRGB_PLACES[Tag(entry.tag)])
        if entry.tag == Tag.COLOR_MAP and entry.tag in page.fields:
            return is_common_map(numbers, page.fields[entry.tag][1])
        return False

    def _continues(self, number: int, total: int) -> bool:
        """Whether a page is the next one of as many, or has the same number as all before it."""
        self.numbers.append((number, total))
        (first, of), (second, _) = (*self.numbers, *self.numbers)[:2]
        is_next = number == first + (len(self.numbers) - 1) * (second - first) and 0 <= second - first <= 1
        return is_next and total == of and number < (total or MAX_NUMBERED) <= MAX_NUMBERED

    def _children(self, entry: Entry, label: str, role: Role) -> None:
        """The directories that a field points at."""
        role = Role.AUXILIARY if entry.tag == Tag.SUB_IFDS else role
        for number, offset in enumerate(self.reader.numbers(entry)[:MAX_POINTERS]):
            if offset in self.seen:
                continue
            try:
                directory = self.reader.directory(offset)
            except InputError:  # it goes anyway: its bytes become a gap
                continue
            self.seen.add(offset)
            self.directory(directory, f"{label}/{number}" if entry.tag == Tag.SUB_IFDS else label, role)
