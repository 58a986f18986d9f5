"""One page of a TIFF file: the fields that a decoder needs, checked, and in one form (TIFF 6.0, sections 4 to 22)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rmexif import icc
from rmexif.containers.common.palette import SAME, twins, used_values
from rmexif.containers.tiff.ifd import INTEGERS, LONG, RATIONAL, SHORT, UNDEFINED, Directory, Entry, Reader, Value
from rmexif.containers.tiff.strips import JPEG, KNOWN, PREDICTED, Chunk, Cleaned, Layout, can_clear, clean, transparent
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["Page", "read_page"]

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIPS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
T4_OPTIONS, T6_OPTIONS, PREDICTOR, COLOR_MAP = 292, 293, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, INK_SET, EXTRA, FORMAT = 322, 323, 324, 325, 332, 338, 339
JPEG_TABLES, COEFFICIENTS, SUBSAMPLING, POSITIONING, BLACK_WHITE, PROFILE = 347, 529, 530, 531, 532, 34675
PALETTE, MASK, YCBCR = 3, 4, 6
TRANSPARENCY_MASK = 4  # NewSubfileType (TIFF 6.0, page 36)
PHOTOMETRICS = frozenset({0, 1, 2, PALETTE, MASK, 5, YCBCR, 8, 9, 10, 32844, 32845})
COLOUR_CHANNELS = {2: 3, 5: 4, YCBCR: 3, 8: 3, 9: 3, 10: 3}
MAX_SAMPLES = 64  # of a pixel; more is no picture to look at
ASSOCIATED, UNASSOCIATED, COREL = 1, 2, 999  # ExtraSamples (TIFF 6.0, page 31); 999 is what Corel Draw 10 wrote


@dataclass(slots=True)
class Page:
    """A page as it will be written.

    Attributes:
        directory: where its fields come from.
        number: its place in the file's chain of directories, from 0; dropped ones count.
        width: px.
        height: px.
        fields: canonical, without the offsets and byte counts.
        offsets: tag of the offsets of strips or tiles; the byte counts have ``counts``.
        chunks: clean strips or tiles.
        places: where they were, up to the last byte that a decoder reads, and up to the byte count.
        orientation: 1-8.
        profile: clean ICC profile.
        unread: a coding that can be copied, but not cleaned.
    """

    directory: Directory
    number: int
    width: int
    height: int
    fields: dict[int, Value] = field(default_factory=dict)
    offsets: int = STRIPS
    counts: int = STRIP_BYTES
    chunks: list[bytes | memoryview] = field(default_factory=list)
    places: list[tuple[int, int, int, bool]] = field(default_factory=list)
    orientation: int = 1
    profile: bytes | None = None
    unread: int = 0
    residuals: set[Residual] = field(default_factory=set)


class _Fields:
    """The fields of a directory by tag."""

    def __init__(self, reader: Reader, directory: Directory) -> None:
        self.reader, self.directory = reader, directory
        self.entries: dict[int, Entry] = {}
        for entry in directory.entries:
            self.entries.setdefault(entry.tag, entry)

    def all(self, tag: int, kinds: frozenset[int] = INTEGERS) -> tuple[int, ...]:
        """The numbers of a field; none where it is absent."""
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        if entry.kind not in kinds:
            raise MalformedImage(f"tiff: tag {tag} at byte {entry.at} has type {entry.kind}")
        return self.reader.numbers(entry)

    def one(self, tag: int, default: int | None = None) -> int:
        """The first number of a field."""
        numbers = self.all(tag)
        if numbers:
            return numbers[0]
        if default is None:
            raise MalformedImage(f"tiff: the directory at byte {self.directory.offset} has no tag {tag}")
        return default


def read_page(reader: Reader, directory: Directory, number: int, limits: Limits) -> Page:
    """Check the fields of a page and clean its strips or tiles.

    Raises:
        MalformedImage: fields that contradict each other or the file.
        UnsupportedFeature: old-style JPEG, a RAW picture.
        LimitExceeded: more pixels, strips or bytes than allowed.
    """
    get = _Fields(reader, directory)
    page = Page(directory, number, get.one(WIDTH), get.one(HEIGHT))
    if not page.width or not page.height:
        raise MalformedImage(f"tiff: a picture of {page.width} x {page.height} px")
    limits.check("max_pixels", page.width * page.height)
    compression, photometric = get.one(COMPRESSION, 1), get.one(PHOTOMETRIC, 0)
    if compression == 6:
        raise UnsupportedFeature("tiff: old-style JPEG (compression 6) is refused")
    if photometric not in PHOTOMETRICS:
        raise UnsupportedFeature(f"tiff: photometric interpretation {photometric} is refused")
    page.unread = 0 if compression in KNOWN else compression
    bits = _samples(get, page, photometric)
    _optional(get, page, photometric)
    chunks = _geometry(get, page, bits, photometric, limits)
    opacity = _opacity(page, bits)
    planar = PLANAR in page.fields
    layout = Layout(
        compression,
        reverse=get.one(FILL_ORDER, 1) == 2,
        predictor=page.fields.get(PREDICTOR, (SHORT, (1,)))[1][0],
        palette=photometric == PALETTE and len(bits) == 1,
        alpha=None if planar else opacity,
        order=reader.order,
        tables=bytes(get.all(JPEG_TABLES, frozenset({1, UNDEFINED}))) if compression == JPEG else b"",
        planes=planar and opacity is not None,
        block=_block(get, page),
        tiled=page.offsets == TILES,
    )
    found = _read_chunks(get, page, layout, chunks, limits)
    if opacity is not None and not can_clear(layout, bits):
        page.residuals.add(Residual.COLOUR_UNDER_ALPHA)
    elif opacity is not None and planar:
        each = len(chunks) // len(bits)
        first = opacity * each
        hidden = [transparent(found[n], layout, chunks[n]) for n in range(first, first + each)]
        if any(some.any() for some in hidden):
            masked = [replace(chunk, hidden=hidden[n % each]) for n, chunk in enumerate(chunks)]
            found = _read_chunks(get, page, layout, masked, limits)
    _palette(get, page, layout, chunks, found, limits)
    return page


def _samples(get: _Fields, page: Page, photometric: int) -> tuple[int, ...]:
    """Bits of each sample, and every field about samples."""
    count = get.one(SAMPLES, 1)
    if not 1 <= count <= MAX_SAMPLES:
        raise UnsupportedFeature(f"tiff: {count} samples a pixel are refused")
    bits = get.all(BITS) or (1,)
    bits = bits * count if len(bits) == 1 else bits[:count]
    if len(bits) != count or not all(1 <= n <= 64 for n in bits):
        raise MalformedImage("tiff: the bits per sample do not go with the samples per pixel")
    fields = page.fields
    fields[WIDTH], fields[HEIGHT] = (LONG, (page.width,)), (LONG, (page.height,))
    fields[BITS], fields[SAMPLES] = (SHORT, bits), (SHORT, (count,))
    fields[PHOTOMETRIC] = (SHORT, (photometric,))
    fields[COMPRESSION] = (SHORT, (get.one(COMPRESSION, 1),))
    extra = get.all(EXTRA)[: max(0, count - COLOUR_CHANNELS.get(photometric, 1))]
    if extra:
        extra = tuple(UNASSOCIATED if n == COREL else n if n <= UNASSOCIATED else 0 for n in extra)
        fields[EXTRA] = (SHORT, extra)
    if 0 in extra:
        page.residuals.add(Residual.TIFF_EXTRA_CHANNELS)
    formats = get.all(FORMAT)
    formats = formats * count if len(formats) == 1 else formats[:count]
    if len(formats) == count and any(n != 1 for n in formats) and all(1 <= n <= 6 for n in formats):
        fields[FORMAT] = (SHORT, formats)
    return bits


def _opacity(page: Page, bits: tuple[int, ...]) -> int | None:
    """Which sample of a pixel is opacity."""
    extra = page.fields.get(EXTRA, (SHORT, ()))[1]
    for number, meaning in enumerate(extra):
        if meaning in (ASSOCIATED, UNASSOCIATED):
            return len(bits) - len(extra) + number
    return None


# Fields with one number that are written only where they differ from their default: (tag, default, highest).
SINGLE = (
    (FILL_ORDER, 1, 2),
    (ORIENTATION, 1, 8),
    (PLANAR, 1, 2),
    (PREDICTOR, 1, 3),
    (INK_SET, 1, 2),
    (POSITIONING, 1, 2),
)


def _optional(get: _Fields, page: Page, photometric: int) -> None:
    """Fields that have a default, and those that only one kind of picture has."""
    fields = page.fields
    plain = get.one(COMPRESSION, 1) in KNOWN - PREDICTED
    for tag, default, highest in SINGLE:
        number = default if tag == PREDICTOR and plain else get.one(tag, default)
        if number != default and 1 <= number <= highest:
            fields[tag] = (SHORT, (number,))
        elif number != default and tag in (PLANAR, PREDICTOR):
            raise UnsupportedFeature(f"tiff: tag {tag} says {number}, which nobody defined")
    page.orientation = fields.get(ORIENTATION, (SHORT, (1,)))[1][0]
    # Readers take a JPEG-coded page that does not say "full picture" for a preview.
    fields[SUBFILE] = (LONG, (get.one(SUBFILE, 0) & TRANSPARENCY_MASK,))
    compression = get.one(COMPRESSION, 1)
    options = {3: (T4_OPTIONS, 7), 4: (T6_OPTIONS, 2)}.get(compression)
    if options and get.one(options[0], 0) & options[1]:
        fields[options[0]] = (LONG, (get.one(options[0]) & options[1],))
    if photometric == YCBCR:
        sub = get.all(SUBSAMPLING)[:2]
        if len(sub) == 2:
            if not all(n in (1, 2, 4) for n in sub):
                raise MalformedImage("tiff: a chroma subsampling that nobody defined")
            fields[SUBSAMPLING] = (SHORT, sub)
        if compression != JPEG:  # inside JPEG they are what JFIF says, and no decoder asks
            _rationals(get, page, COEFFICIENTS, 3, 100_000)
            _rationals(get, page, BLACK_WHITE, 6, 100)
    raw = bytes(get.all(PROFILE, frozenset({1, UNDEFINED})))
    page.profile = icc.clean(raw) if raw else None
    if page.profile is not None:
        fields[PROFILE] = (UNDEFINED, tuple(page.profile))


def _rationals(get: _Fields, page: Page, tag: int, count: int, steps: int) -> None:
    """A field of rationals, rounded to ``steps`` to the unit and in lowest terms."""
    numbers = get.all(tag, frozenset({RATIONAL}))
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if len(pairs) < count or not all(down for _, down in pairs):
        return
    rounded = [Fraction(round(Fraction(up, down) * steps), steps) for up, down in pairs[:count]]
    if all(value <= 65535 for value in rounded):
        page.fields[tag] = (RATIONAL, tuple(n for value in rounded for n in (value.numerator, value.denominator)))


def _geometry(get: _Fields, page: Page, bits: tuple[int, ...], photometric: int, limits: Limits) -> list[Chunk]:
    """The chunks that the picture needs, plane by plane, row by row."""
    width, height = page.width, page.height
    if get.all(TILES):
        page.offsets, page.counts = TILES, TILE_BYTES
        across, down = get.one(TILE_WIDTH), get.one(TILE_HEIGHT)
        page.fields[TILE_WIDTH], page.fields[TILE_HEIGHT] = (LONG, (across,)), (LONG, (down,))
    else:
        across, down = width, min(get.one(ROWS_PER_STRIP, height), height)
        page.fields[ROWS_PER_STRIP] = (LONG, (down,))
    if not across or not down:
        raise MalformedImage("tiff: strips or tiles without pixels")
    tiled = page.offsets == TILES
    planes = [(n,) for n in bits] if PLANAR in page.fields else [bits]
    columns, rows = -(-width // across), -(-height // down)
    limits.check("max_parts", columns * rows * len(planes))
    limits.check("max_pixels", columns * rows * across * down)
    bits_coded = columns * rows * across * down * sum(bits)
    limits.check("max_pixels", bits_coded // 64)  # 64 bits are a pixel of four 16-bit samples
    sub: tuple[int, ...] = (1, 1)
    if photometric == YCBCR and len(planes) == 1 and len(bits) == 3 and get.one(COMPRESSION, 1) != JPEG:
        sub = page.fields.get(SUBSAMPLING, (SHORT, (2, 2)))[1]
    chunks = []
    for plane in planes:
        for y in range(0, height, down):
            shown = min(down, height - y)
            coded = down if tiled else shown
            chunks += [
                _chunk(plane, (across, coded), (min(across, width - x), shown), sub) for x in range(0, width, across)
            ]
    if any(chunk.padded for chunk in chunks) and (
        page.fields.get(PREDICTOR) == (SHORT, (3,)) or get.one(COMPRESSION, 1) == JPEG
    ):
        page.residuals.add(Residual.TIFF_TILE_PADDING)
    if sub != (1, 1):
        page.residuals.add(Residual.TIFF_TILE_PADDING)
    return chunks


def _block(get: _Fields, page: Page) -> tuple[int, int]:
    """Width and height of a whole strip or tile."""
    if page.offsets == TILES:
        return get.one(TILE_WIDTH), get.one(TILE_HEIGHT)
    return page.width, page.fields[ROWS_PER_STRIP][1][0]


def _chunk(plane: tuple[int, ...], coded: tuple[int, int], shown: tuple[int, int], sub: tuple[int, ...]) -> Chunk:
    """One strip or tile: its size in pixels as coded and as shown."""
    across, rows = coded
    if sub == (1, 1):
        row = (across * sum(plane) + 7) // 8
        return Chunk(row * rows, row, plane, shown[1], shown[0])
    # TIFF 6.0, section 21: blocks of luma with one pair of chroma
    blocks = -(-across // sub[0]) * -(-rows // sub[1])
    return Chunk((blocks * (sub[0] * sub[1] + 2) * plane[0] + 7) // 8, 0, plane, shown[1], shown[0])


def _read_chunks(get: _Fields, page: Page, layout: Layout, chunks: list[Chunk], limits: Limits) -> list[Cleaned]:
    """Clean every strip or tile."""
    view = get.reader.view
    page.chunks, page.places = [], []
    offsets, counts = get.all(page.offsets), get.all(page.counts)
    if len(offsets) < len(chunks):
        raise MalformedImage(f"tiff: {len(offsets)} strips or tiles where {len(chunks)} are needed")
    if layout.compression == 1 and len(counts) < len(chunks):
        counts = tuple(chunk.size for chunk in chunks)
    if len(counts) < len(chunks):
        raise MalformedImage(f"tiff: {len(counts)} byte counts where {len(chunks)} are needed")
    found = []
    total = 0
    for chunk, start, count in zip(chunks, offsets, counts, strict=False):
        # Decoders do not ask how long uncompressed data says it is.
        end = start + (max(count, chunk.size) if layout.compression == 1 else count)
        if start > len(view) or not count:
            raise MalformedImage(f"tiff: a strip or tile at byte {start} is not in the file")
        source = bytes(view[start : min(end, len(view))])
        cleaned = clean(source, layout, chunk, limits)
        total += len(cleaned.data)
        limits.check("max_bytes", total)
        same = cleaned.data == source[: cleaned.consumed]
        page.places.append((start, start + cleaned.consumed, min(start + count, len(view)), same))
        page.chunks.append(cleaned.data)
        page.residuals |= cleaned.residuals
        found.append(cleaned)
    return found


def _palette(
    get: _Fields, page: Page, layout: Layout, chunks: list[Chunk], found: list[Cleaned], limits: Limits
) -> None:
    """The colour map, black where no pixel asks, equal entries made one; 16 bits as the 8 that decoders take."""
    if page.fields[PHOTOMETRIC][1][0] != PALETTE:
        return
    bits = page.fields[BITS][1][0]
    numbers = get.all(COLOR_MAP)
    if bits > 16 or len(numbers) < 3 << bits or max(numbers) > 65535:
        raise MalformedImage("tiff: a palette picture without its colour map")
    size = 1 << bits
    numbers = numbers[: 3 * size]
    if max(numbers) > 255:
        numbers = tuple((number >> 8) * 257 for number in numbers)
    used: set[int] = set()
    readable = layout.palette and (bits == 8 or layout.predictor == 1) and layout.predictor < 3 and bits in (1, 2, 4, 8)
    if not readable or any(item.samples is None for item in found):
        page.residuals.add(Residual.TIFF_PALETTE_ENTRIES)
        page.fields[COLOR_MAP] = (SHORT, numbers)
        return
    for chunk, item in zip(chunks, found, strict=True):
        rows = np.frombuffer(item.samples or b"", np.uint8).reshape(-1, chunk.row)[: chunk.rows]
        if layout.predictor == 2:
            rows = np.cumsum(rows, axis=1, dtype=np.uint8)
        used |= used_values(rows, chunk.columns, bits)
    indices = twins(list(zip(numbers[:size], numbers[size : 2 * size], numbers[2 * size :], strict=True)), used)
    if indices != SAME:
        _read_chunks(get, page, replace(layout, indices=indices), chunks, limits)
        used = {indices[n] for n in used}
    page.fields[COLOR_MAP] = (SHORT, tuple(number if n % size in used else 0 for n, number in enumerate(numbers)))
