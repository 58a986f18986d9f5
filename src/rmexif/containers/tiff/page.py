"""One page of a TIFF file: the fields that a decoder needs, checked, and in one form (TIFF 6.0, sections 4 to 22)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.common.aspect import SQUARE, aspect
from rmexif.containers.tiff.color_map import MAX_COLOUR, clean_color_map, read_color_map
from rmexif.containers.tiff.fields import Fields
from rmexif.containers.tiff.geometry import StripCoding, read_grid
from rmexif.containers.tiff.ifd import LONG, RATIONAL, SHORT, UNDEFINED
from rmexif.containers.tiff.old_jpeg import as_new_style
from rmexif.containers.tiff.page_strips import EarlierStrips, PageStrips
from rmexif.containers.tiff.samples import FLOATING_POINT, can_clear_transparent
from rmexif.containers.tiff.streams import STREAMS
from rmexif.containers.tiff.strips import KNOWN, PREDICTED, WRITTEN_AS
from rmexif.containers.tiff.tags import Compression, ExtraSample, Photometric, Tag
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import MAX_CHANNELS

if TYPE_CHECKING:
    from rmexif import icc
    from rmexif.containers.tiff.geometry import StripGrid
    from rmexif.containers.tiff.ifd import Directory, TiffReader, Value
    from rmexif.containers.tiff.page_strips import PageStrip
    from rmexif.types import Limits

__all__ = ["SINGLE_NUMBERS", "Page", "PageLayout", "read_layout", "read_page"]

TRANSPARENCY_MASK = 4  # NewSubfileType (TIFF 6.0, page 36)
PHOTOMETRICS = frozenset(Photometric) - {Photometric.COLOR_FILTER_ARRAY, Photometric.LINEAR_RAW}
COLOUR_CHANNELS = {
    Photometric.RGB: 3,
    Photometric.SEPARATED: 4,
    Photometric.YCBCR: 3,
    Photometric.CIELAB: 3,
    Photometric.ICCLAB: 3,
    Photometric.ITULAB: 3,
}
MAX_SAMPLES = 64  # of a pixel; more is no picture to look at
MAX_BITS = 128  # of a sample: two numbers of double precision
SAMPLE_FORMATS = range(1, 7)  # SampleFormat (TIFF 6.0, page 80; 5 and 6 are complex numbers of libtiff)
SUBSAMPLINGS = (1, 2, 4)  # TIFF 6.0, page 91
# Fields with one number that are written only where they differ from their default: (tag, default, highest).
SINGLE_NUMBERS = (
    (Tag.FILL_ORDER, 1, 2),
    (Tag.ORIENTATION, 1, 8),
    (Tag.PLANAR_CONFIGURATION, 1, 2),
    (Tag.PREDICTOR, 1, 3),
    (Tag.INK_SET, 1, 2),
    (Tag.YCBCR_POSITIONING, 1, 2),
)
STATED = frozenset({Tag.ORIENTATION, Tag.INK_SET, Tag.YCBCR_POSITIONING})  # no decoding depends on them
# Compression -> tag of its options, bits that matter: uncompressed mode is refused (TIFF 6.0, section 11).
FAX_OPTIONS = {
    Compression.GROUP_3: (Tag.T4_OPTIONS, 5),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it will be written.

    Attributes:
        directory: where its fields come from.
        width: px.
        height: px.
        fields: canonical, without the offsets and byte counts.
        grid: its strips or tiles.
        strips: their bytes.
        coding: of all of them.
        profile: clean ICC profile.
        opaque_compression: a coding that can be passed through, but not cleaned; 0 where there is none.
        residuals: what stays.
        stretches: places of the file (byte) that the picture was put together from, beside those of strips.
    """

    directory: Directory
    width: int
    height: int
    fields: dict[int, Value]
    grid: StripGrid
    strips: tuple[PageStrip, ...]
    coding: StripCoding
    profile: bytes | None
    opaque_compression: int
    residuals: frozenset[Residual]
    stretches: tuple[tuple[int, int], ...] = ()

    @property
    def as_earlier(self) -> EarlierStrips:
        """What spares a second decoding."""
        return EarlierStrips(self.coding, self.grid.strips, self.strips)

    @property
    def padding(self) -> int:
        """Bytes of decoded strips that belong to no pixel, at most: of subsampled ones all that a row is too long."""
        shown = (
            strip.rows * strip.columns * (strip.pixel if strip.row else strip.bits[0]) for strip in self.grid.strips
        )
        return sum(strip.size for strip in self.grid.strips) - sum(shown) // 8

    @property
    def samples(self) -> int:
        """Channels x px, as decoded."""
        channels = MAX_CHANNELS if Tag.COLOR_MAP in self.fields else len(self.fields[Tag.BITS_PER_SAMPLE][1])
        return self.width * self.height * channels

    @property
    def sample_bytes(self) -> int:
        """Of a sample, as decoded."""
        return max(-(-int(bits) // 8) for bits in self.fields[Tag.BITS_PER_SAMPLE][1])

    @property
    def orientation(self) -> int:
        """1-8."""
        return _number(self.fields, Tag.ORIENTATION, 1)


@dataclass(slots=True)
class _Draft:
    """A page while its fields are read."""

    source: Fields
    width: int
    height: int
    compression: int
    photometric: int
    bits: tuple[int, ...] = (1,)
    fields: dict[int, Value] = field(default_factory=dict)
    residuals: set[Residual] = field(default_factory=set)

    @property
    def planar(self) -> bool:
        """Whether each sample has a plane of its own."""
        return Tag.PLANAR_CONFIGURATION in self.fields


def read_page(
    reader: TiffReader, directory: Directory, limits: Limits, profiles: icc.JudgedProfiles, earlier: Page | None = None
) -> Page:
    """Check the fields of a page and clean its strips or tiles.

    Args:
        reader: of the file.
        directory: of the page.
        limits: what it may cost.
        profiles: of the pages before.
        earlier: the same page of the file that this one is the rewrite of.

    Raises:
        MalformedImage: fields that contradict each other or the file.
        UnsupportedFeature: a rare form of old-style JPEG, a RAW picture.
        LimitExceeded: more pixels, strips or bytes than allowed.
    """
    draft, grid, coding = _drafted(reader, directory, limits)
    found = draft.source.opaque(Tag.ICC_PROFILE)
    profile = profiles.clean(found) if found else None
    if profile is not None:
        draft.fields[Tag.ICC_PROFILE] = (UNDEFINED, tuple(profile))
    opacity = _opacity(draft)
    strips = PageStrips(draft.source, grid, coding, limits, earlier.as_earlier if earlier else None)
    strips.clean()
    if opacity is not None and not can_clear_transparent(coding, draft.bits):
        draft.residuals.add(Residual.COLOUR_UNDER_ALPHA)
    elif opacity is not None and draft.planar:
        strips.clear_planes(opacity, len(draft.bits))
    if strips.jpeg_tables:
        draft.fields[Tag.JPEG_TABLES] = (UNDEFINED, tuple(strips.jpeg_tables))
    if draft.photometric == Photometric.PALETTE:
        numbers = read_color_map(draft.source, draft.bits[0])
        cleared = clean_color_map(numbers, strips)
        if cleared is None:
            draft.residuals.add(Residual.TIFF_PALETTE_ENTRIES)
        draft.fields[Tag.COLOR_MAP] = (SHORT, cleared or numbers)
    return Page(
        directory,
        draft.width,
        draft.height,
        draft.fields,
        grid,
        strips.strips,
        coding,
        profile,
        0 if draft.compression in KNOWN else draft.compression,
        strips.residuals.union(draft.residuals),
        draft.source.stretches,
    )


class PageLayout(NamedTuple):
    """Where the picture data of a page is, and how it is coded."""

    fields: Fields
    width: int  # px
    height: int  # px
    photometric: int
    grid: StripGrid
    coding: StripCoding


def read_layout(reader: TiffReader, directory: Directory, limits: Limits) -> PageLayout:
    """The layout of a page whose strips may be missing; arguments and errors of ``read_page``."""
    draft, grid, coding = _drafted(reader, directory, limits)
    return PageLayout(draft.source, draft.width, draft.height, draft.photometric, grid, coding)


def _drafted(reader: TiffReader, directory: Directory, limits: Limits) -> tuple[_Draft, StripGrid, StripCoding]:
    draft = _read_header(as_new_style(Fields(reader, directory)), limits)
    _read_samples(draft)
    _read_single_numbers(draft)
    _read_coding_fields(draft)
    _write_aspect(draft)
    grid = read_grid(draft.source, (draft.width, draft.height), draft.bits, draft.planar, limits)
    _write_grid(draft, grid)
    return draft, grid, _coding(draft, grid, _opacity(draft))


def _number(fields: dict[int, Value], tag: Tag, default: int) -> int:
    """The number of a canonical field."""
    return fields[tag][1][0] if tag in fields else default


def _read_header(source: Fields, limits: Limits) -> _Draft:
    """Size, compression and photometric interpretation."""
    width, height = source.first(Tag.IMAGE_WIDTH), source.first(Tag.IMAGE_LENGTH)
    if not width or not height:
        problem = f"a picture of {width} x {height} px"
        raise MalformedImage(problem, structure="tiff IFD", offset=source.directory.offset)
    limits.check("max_pixels", width * height)
    compression = source.first(Tag.COMPRESSION, Compression.NONE)
    photometric = source.first(Tag.PHOTOMETRIC_INTERPRETATION, Photometric.WHITE_IS_ZERO)
    if photometric not in PHOTOMETRICS:
        raise UnsupportedFeature(
            f"photometric interpretation {photometric} is refused",
            structure="tiff IFD entry 262",
            offset=source.offset(Tag.PHOTOMETRIC_INTERPRETATION),
        )
    draft = _Draft(source, width, height, compression, photometric)
    draft.fields[Tag.IMAGE_WIDTH], draft.fields[Tag.IMAGE_LENGTH] = (LONG, (width,)), (LONG, (height,))
    written = WRITTEN_AS.get(Compression(compression), compression) if compression in KNOWN else compression
    draft.fields[Tag.COMPRESSION] = (SHORT, (written,))
    draft.fields[Tag.PHOTOMETRIC_INTERPRETATION] = (SHORT, (photometric,))
    # 0 holds without it (TIFF 6.0, page 36), but readers take a JPEG-coded page that does not say it for a preview.
    subfile = source.first(Tag.NEW_SUBFILE_TYPE, 0) & TRANSPARENCY_MASK
    if subfile or compression == Compression.JPEG:
        draft.fields[Tag.NEW_SUBFILE_TYPE] = (LONG, (subfile,))
    return draft


def _read_samples(draft: _Draft) -> None:
    """Bits of each sample, and every field about samples."""
    source, fields = draft.source, draft.fields
    count = source.first(Tag.SAMPLES_PER_PIXEL, 1)
    if not 1 <= count <= MAX_SAMPLES:
        problem = f"{count} samples a pixel, expected 1 to {MAX_SAMPLES}"
        place = source.offset(Tag.SAMPLES_PER_PIXEL)
        raise UnsupportedFeature(problem, structure="tiff IFD entry 277", offset=place)
    bits = source.numbers(Tag.BITS_PER_SAMPLE) or (1,)
    bits = bits * count if len(bits) == 1 else bits[:count]
    if len(bits) != count or not all(1 <= number <= MAX_BITS for number in bits):
        problem = f"expected the bits of {count} samples, each 1 to {MAX_BITS}"
        raise MalformedImage(problem, structure="tiff IFD entry 258", offset=source.offset(Tag.BITS_PER_SAMPLE))
    draft.bits = bits
    fields[Tag.BITS_PER_SAMPLE] = SHORT, bits
    if count > 1:  # one is what holds without it (TIFF 6.0, page 39)
        fields[Tag.SAMPLES_PER_PIXEL] = SHORT, (count,)
    spare = max(0, count - COLOUR_CHANNELS.get(Photometric(draft.photometric), 1))
    extra = tuple(_extra_sample(number) for number in source.numbers(Tag.EXTRA_SAMPLES)[:spare])
    if extra:
        fields[Tag.EXTRA_SAMPLES] = (SHORT, extra)
    if ExtraSample.UNSPECIFIED in extra:
        draft.residuals.add(Residual.TIFF_EXTRA_CHANNELS)
    formats = source.numbers(Tag.SAMPLE_FORMAT)
    formats = formats * count if len(formats) == 1 else formats[:count]
    if len(formats) == count and any(number != 1 for number in formats) and {*formats} <= {*SAMPLE_FORMATS}:
        fields[Tag.SAMPLE_FORMAT] = (SHORT, formats)


def _extra_sample(number: int) -> int:
    """The meaning of an extra sample that a decoder takes."""
    if number == ExtraSample.COREL:
        return ExtraSample.UNASSOCIATED_ALPHA
    return number if number <= ExtraSample.UNASSOCIATED_ALPHA else ExtraSample.UNSPECIFIED


def _read_single_numbers(draft: _Draft) -> None:
    """Fields that have a default."""
    for tag, default, highest in SINGLE_NUMBERS:
        unpredicted = tag == Tag.PREDICTOR and draft.compression in KNOWN - PREDICTED
        read = draft.source.stated if tag in STATED else draft.source.first
        number = default if unpredicted else read(tag, default)
        if number == default:
            continue
        if 1 <= number <= highest:
            draft.fields[tag] = (SHORT, (number,))
        elif tag in (Tag.PLANAR_CONFIGURATION, Tag.PREDICTOR):
            problem = f"a value of {number}, expected 1 to {highest}"
            raise UnsupportedFeature(problem, structure=f"tiff IFD entry {tag}", offset=draft.source.offset(tag))


def _read_coding_fields(draft: _Draft) -> None:
    """Fields that only fax codes and YCbCr pictures have."""
    source, fields = draft.source, draft.fields
    if draft.compression in FAX_OPTIONS:
        tag, known = FAX_OPTIONS[Compression(draft.compression)]
        if options := source.first(tag, 0) & known:
            fields[tag] = (LONG, (options,))
    if draft.photometric != Photometric.YCBCR:
        return
    subsampling = source.numbers(Tag.YCBCR_SUBSAMPLING)[:2]
    if len(subsampling) == 2:
        if not {*subsampling} <= {*SUBSAMPLINGS}:
            problem = f"a chroma subsampling of {subsampling[0]} x {subsampling[1]}, expected 1, 2 or 4"
            place = source.offset(Tag.YCBCR_SUBSAMPLING)
            raise MalformedImage(problem, structure="tiff IFD entry 530", offset=place)
        fields[Tag.YCBCR_SUBSAMPLING] = (SHORT, subsampling)
    if draft.compression != Compression.JPEG:  # inside JPEG they are what JFIF says, and no decoder asks
        _write_rationals(draft, Tag.YCBCR_COEFFICIENTS, 3, 100_000)
        _write_rationals(draft, Tag.REFERENCE_BLACK_WHITE, 6, 100)


def _write_rationals(draft: _Draft, tag: Tag, count: int, steps: int) -> None:
    """A field of rationals, rounded to ``steps`` to the unit and in lowest terms."""
    numbers = draft.source.numbers(tag, frozenset({RATIONAL}))
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if len(pairs) < count or not all(denominator for _, denominator in pairs):
        return
    rounded = [Fraction(round(Fraction(*pair) * steps), steps) for pair in pairs[:count]]
    if all(value <= MAX_COLOUR for value in rounded):
        terms = tuple(term for value in rounded for term in (value.numerator, value.denominator))
        draft.fields[tag] = (RATIONAL, terms)


def _write_aspect(draft: _Draft) -> None:
    """XResolution to YResolution in small numbers where pixels are not square; the resolution itself goes.

    Without a unit: readers that show a shape ask for the two numbers alone.
    """
    tags = (Tag.X_RESOLUTION, Tag.Y_RESOLUTION)
    if any(tag not in draft.source.entries for tag in tags):
        return
    try:
        found = [draft.source.numbers(tag, frozenset({RATIONAL})) for tag in tags]
    except MalformedImage:  # no picture depends on it
        return
    across, down = (Fraction(*pair[:2]) if len(pair) > 1 and pair[1] else Fraction(0) for pair in found)
    shape = aspect(across, down)
    if shape != SQUARE:
        draft.fields[Tag.X_RESOLUTION] = (RATIONAL, (shape[0], 1))
        draft.fields[Tag.Y_RESOLUTION] = (RATIONAL, (shape[1], 1))


def _write_grid(draft: _Draft, grid: StripGrid) -> None:
    """The fields of the grid, and what of its padding cannot be cleared."""
    across, down = grid.block
    if grid.tiled:
        draft.fields[Tag.TILE_WIDTH], draft.fields[Tag.TILE_LENGTH] = (LONG, (across,)), (LONG, (down,))
    else:
        draft.fields[Tag.ROWS_PER_STRIP] = (LONG, (down,))
    floating = _number(draft.fields, Tag.PREDICTOR, 1) == FLOATING_POINT
    is_stream = draft.compression == Compression.JPEG or draft.compression in STREAMS
    if grid.subsampled or (grid.padded and (floating or is_stream)):
        draft.residuals.add(Residual.TIFF_TILE_PADDING)


def _opacity(draft: _Draft) -> int | None:
    """Which sample of a pixel is opacity."""
    extra = draft.fields[Tag.EXTRA_SAMPLES][1] if Tag.EXTRA_SAMPLES in draft.fields else ()
    for number, meaning in enumerate(extra):
        if meaning in (ExtraSample.ASSOCIATED_ALPHA, ExtraSample.UNASSOCIATED_ALPHA):
            return len(draft.bits) - len(extra) + number
    return None


def _coding(draft: _Draft, grid: StripGrid, opacity: int | None) -> StripCoding:
    """What all strips of the page share."""
    tables = draft.source.opaque(Tag.JPEG_TABLES) if draft.compression == Compression.JPEG else b""
    return StripCoding(
        draft.compression,
        order=draft.source.reader.order,
        reverse=draft.source.first(Tag.FILL_ORDER, 1) == 2,
        predictor=_number(draft.fields, Tag.PREDICTOR, 1),
        palette=draft.photometric == Photometric.PALETTE and len(draft.bits) == 1,
        alpha=None if draft.planar else opacity,
        planes=draft.planar and opacity is not None,
        jpeg_tables=tables,
        block=grid.block,
        tiled=grid.tiled,
        fax_options=_number(draft.fields, Tag.T4_OPTIONS, 0),
    )
