"""TIFF samples that foreign decoders leave out: any depth up to 64 bit, signed, floating point, CIELAB (TIFF 6.0).

Unsigned samples of up to 16 bit keep their scale. Of all others nothing says what is black and what is white: they are
shown from their smallest to their largest value, and floats that lie between 0 and 1 as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.codecs.tiff_streams import DECODED as STREAMS
from rmexif.codecs.tiff_streams import read_stream
from rmexif.containers.tiff.rewrite import refusal
from rmexif.containers.tiff.samples import FLOATING_POINT
from rmexif.containers.tiff.strips import UNPACKED, decode_samples
from rmexif.containers.tiff.tags import ONLY_DECODED, ExtraSample, Photometric, Tag
from rmexif.errors import UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rmexif.containers.tiff.geometry import StripGeometry
    from rmexif.containers.tiff.page import Page
    from rmexif.types import Container

    Pixels = NDArray[Any]

__all__ = ["FLOAT", "has_one_space", "pages_of", "read_page", "scaled", "unknown_samples"]

UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat
WIDEST = 16  # bit: samples of streams
GREY = (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO, Photometric.MASK)
BLOCK = 1 << 20  # samples that are spread to 8 bytes at a time
LAB = (Photometric.CIELAB, Photometric.ICCLAB)
CHANNELS = {**dict.fromkeys(GREY, 1), Photometric.RGB: 3, **dict.fromkeys(LAB, 3), Photometric.PALETTE: 1}
# What Pillow and OpenCV read: photometric interpretation -> bits of unsigned samples.
FOREIGN = {
    Photometric.WHITE_IS_ZERO: (1, 2, 4, 8, 12, 16),
    Photometric.BLACK_IS_ZERO: (1, 2, 4, 8, 12, 16),
    Photometric.RGB: (8, 16),
    Photometric.PALETTE: (1, 2, 4, 8),
    Photometric.CIELAB: (8,),
}


def pages_of(container: Container[Any]) -> tuple[Page, ...] | None:
    """The pages of a file where one of them has to be, and all of them can be, read here; None: others can.

    Args:
        container: what the parser says about it.

    Raises:
        UnsupportedFeature: a page in a coding that no decoder at hand reads.
    """
    pages: tuple[Page, ...] = container.tree.pages if container.tree else ()
    for page in pages:
        if page.opaque_compression and page.opaque_compression not in ONLY_DECODED:
            raise refusal(page)
    return pages if not all(map(_is_foreign, pages)) and all(map(_is_plain, pages)) else None


def has_one_space(container: Container[Any]) -> bool:
    """Whether the numbers of all pages mean the same kind of colour: grey, RGB, ink, or Lab."""
    pages: tuple[Page, ...] = container.tree.pages if container.tree else ()
    return len({_kind(page) for page in pages}) <= 1


def _kind(page: Page) -> Photometric:
    """One photometric interpretation for all that decoders give in one space."""
    photometric = Photometric(_first(page, Tag.PHOTOMETRIC_INTERPRETATION, 0))
    if photometric in GREY:
        return Photometric.BLACK_IS_ZERO
    if photometric in LAB:
        return Photometric.CIELAB
    return photometric if photometric is Photometric.SEPARATED else Photometric.RGB


def _is_foreign(page: Page) -> bool:
    photometric = Photometric(_first(page, Tag.PHOTOMETRIC_INTERPRETATION, 0))
    bits = page.fields[Tag.BITS_PER_SAMPLE][1]
    enough = len(bits) in (1, 2) if photometric in GREY else True
    known = photometric not in CHANNELS or bits[0] in FOREIGN.get(photometric, ())
    return known and enough and Tag.SAMPLE_FORMAT not in page.fields and page.coding.compression not in STREAMS


def _is_plain(page: Page) -> bool:
    photometric, bits = _first(page, Tag.PHOTOMETRIC_INTERPRETATION, 0), page.fields[Tag.BITS_PER_SAMPLE][1]
    formats = set(page.fields[Tag.SAMPLE_FORMAT][1]) if Tag.SAMPLE_FORMAT in page.fields else {UNSIGNED}
    if page.coding.compression in STREAMS:
        return formats == {UNSIGNED} and photometric in (*GREY, Photometric.RGB) and max(bits) <= WIDEST
    known = len(formats) == 1 and formats <= {UNSIGNED, SIGNED, FLOAT}
    sized = formats != {FLOAT} or bits[0] in (16, 32, 64)
    return known and sized and page.coding.compression in UNPACKED and photometric in CHANNELS and len(set(bits)) == 1


def _first(page: Page, tag: Tag, default: int) -> int:
    return int(page.fields[tag][1][0]) if tag in page.fields else default


def unknown_samples(container: Container[Any]) -> UnsupportedFeature:
    """What to say where no decoder takes the samples of the first page."""
    page = container.tree.pages[0]
    kind, bits = _first(page, Tag.PHOTOMETRIC_INTERPRETATION, 0), _first(page, Tag.BITS_PER_SAMPLE, 1)
    problem = f"photometric interpretation {kind} in samples of {bits} bit and format {_format(page)} is not decoded"
    return UnsupportedFeature(problem, structure="tiff IFD", offset=page.directory.offset)


def read_page(page: Page) -> tuple[Pixels, str]:
    """A page as H x W x C of 8 or 16 bit, and the space of its numbers; not yet turned.

    Raises:
        UnsupportedFeature: fewer samples than colours.
    """
    photometric = Photometric(_first(page, Tag.PHOTOMETRIC_INTERPRETATION, 0))
    bits = page.fields[Tag.BITS_PER_SAMPLE][1]
    count = CHANNELS[photometric]
    if len(bits) < count:
        problem = f"{len(bits)} samples of a pixel, {count} are needed"
        raise UnsupportedFeature(problem, structure="tiff IFD entry 277", offset=page.directory.offset)
    values = _values(page)
    colours = values[:, :, :count]
    if photometric in LAB:
        return _lab(colours, bits[0], photometric == Photometric.ICCLAB), "LAB"
    if photometric == Photometric.PALETTE:
        table = np.array(page.fields[Tag.COLOR_MAP][1], np.uint16).reshape(3, -1).T
        shown = np.empty((*colours.shape[:2], 3), np.uint16)
        for some in _some_rows(colours):
            shown[some] = table[colours[some, :, 0]]
        return shown, "RGB"
    depth = _depth(page, values)
    shown = scaled(colours, depth, _format(page))
    if photometric == Photometric.WHITE_IS_ZERO:
        np.subtract(np.iinfo(shown.dtype).max, shown, out=shown)
    alpha, is_associated = _alpha(page, values, shown.dtype)
    if alpha is not None:
        if is_associated:
            shown = _straight(shown, alpha)
        shown = np.concatenate((shown, alpha), axis=2)
    return shown, "L" if count == 1 else "RGB"


def _format(page: Page) -> int:
    return _first(page, Tag.SAMPLE_FORMAT, UNSIGNED)


def _straight(colours: Pixels, alpha: Pixels) -> Pixels:
    """Colours that opacity has been multiplied into (TIFF 6.0, section 18), without it."""
    full = np.iinfo(colours.dtype).max
    out = np.zeros_like(colours)
    for some in _some_rows(colours):
        opacity = np.maximum(alpha[some].astype(np.uint64), 1)
        out[some] = np.minimum((colours[some].astype(np.uint64) * full + opacity // 2) // opacity, full)
    return out


def _alpha(page: Page, values: Pixels, kind: np.dtype[Any]) -> tuple[Pixels | None, bool]:
    """The first extra sample that is opacity, and whether it is in the colours already."""
    extra = page.fields[Tag.EXTRA_SAMPLES][1] if Tag.EXTRA_SAMPLES in page.fields else ()
    for number, meaning in enumerate(extra):
        if meaning in (ExtraSample.ASSOCIATED_ALPHA, ExtraSample.UNASSOCIATED_ALPHA):
            at = values.shape[2] - len(extra) + number
            alpha = scaled(values[:, :, at : at + 1], _depth(page, values), _format(page)).astype(kind)
            return alpha, meaning == ExtraSample.ASSOCIATED_ALPHA
    return None, False


def _depth(page: Page, values: Pixels) -> int:
    """Bits of a sample; those of streams are decoded to the full range of their type."""
    is_stream = page.coding.compression in STREAMS
    return 8 * values.dtype.itemsize if is_stream else int(page.fields[Tag.BITS_PER_SAMPLE][1][0])


def _values(page: Page) -> Pixels:
    """The numbers of all samples, H x W x samples."""
    bits = page.fields[Tag.BITS_PER_SAMPLE][1]
    across, down = page.grid.block
    planes = len(bits) if page.grid.strips and len(page.grid.strips[0].bits) < len(bits) else 1
    each, columns = len(page.grid.strips) // planes, -(-page.width // across)
    out: Pixels | None = None
    for number, (strip, geometry) in enumerate(zip(page.strips, page.grid.strips, strict=True)):
        block = _block(page, strip.data, geometry)[: geometry.rows, : geometry.columns]
        if out is None:
            out = np.zeros((page.height, page.width, len(bits)), block.dtype)
        plane, place = divmod(number, each)
        top, left = place // columns * down, place % columns * across
        target = out[top : top + geometry.rows, left : left + geometry.columns]
        target[:, :, slice(plane, plane + 1) if planes > 1 else slice(None)] = block
    assert out is not None
    return out


def _block(page: Page, data: bytes | memoryview, geometry: StripGeometry) -> Pixels:
    """One strip as rows x px x samples."""
    if page.coding.compression in STREAMS:
        return read_stream(data, page.coding, geometry)
    return _unpacked(page, decode_samples(data, page.coding, geometry), len(geometry.bits), geometry.row)


def _unpacked(page: Page, data: bytearray, count: int, stride: int) -> Pixels:
    """One strip as rows x px x samples."""
    bits, order, kind = page.fields[Tag.BITS_PER_SAMPLE][1][0], page.coding.order, _format(page)
    rows = np.frombuffer(data, np.uint8).reshape(-1, stride)
    if page.coding.predictor == FLOATING_POINT:
        rows, order = _integrated(rows, count, bits // 8), ">"
    if bits in (8, 16, 32, 64):
        letter = {UNSIGNED: "u", SIGNED: "i", FLOAT: "f"}[kind]
        values: Pixels = rows.view(f"{order}{letter}{bits // 8}")
        return values.reshape(len(rows), -1, count)
    across = stride * 8 // (bits * count)
    numbers: Pixels = np.zeros(
        (len(rows), across, count), next(f"u{size}" for size in (1, 2, 4, 8) if bits <= 8 * size)
    )
    for some in _some_rows(numbers):
        spread = np.unpackbits(rows[some], axis=1)[:, : across * count * bits].reshape(-1, across, count, bits)
        for place in range(bits):
            numbers[some] <<= 1
            numbers[some] |= spread[:, :, :, place]
    return numbers


def _some_rows(values: Pixels) -> Iterator[slice]:
    """The rows of an array, so many at a time that wide copies of them cost little."""
    step = max(1, BLOCK // max(1, values.shape[1] * values.shape[2]))
    return (slice(start, start + step) for start in range(0, len(values), step))


def _integrated(rows: Pixels, count: int, depth: int) -> Pixels:
    """Undo the floating point predictor (TIFF Technical Note 3): bytes of one weight stand together, as differences."""
    plain = np.cumsum(rows.reshape(len(rows), -1, count), axis=1, dtype=np.uint8).reshape(len(rows), depth, -1)
    return np.ascontiguousarray(plain.transpose(0, 2, 1)).reshape(len(rows), -1)


def scaled(values: Pixels, bits: int, kind: int) -> Pixels:
    """Numbers as samples of 8 or 16 bit.

    Args:
        values: rows x px x samples.
        bits: of a number.
        kind: UNSIGNED, SIGNED or FLOAT.
    """
    full, target = (255, np.uint8) if kind == UNSIGNED and bits <= 8 else (65535, np.uint16)
    out = np.empty(values.shape, target)
    if kind == UNSIGNED and bits <= 16:
        most = (1 << bits) - 1
        table = ((np.arange(most + 1, dtype=np.uint64) * full * 2 + most) // (2 * most)).astype(target)
        for some in _some_rows(values):
            out[some] = table[values[some]]
        return out
    ends = [(float(part.min()), float(part.max())) for part in (_finite(values[some]) for some in _some_rows(values))]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if kind == FLOAT and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    for some in _some_rows(values):
        out[some] = np.rint((_finite(values[some]) - low) / max(high - low, np.finfo(np.float64).tiny) * 65535)
    return out


def _finite(values: Pixels) -> NDArray[np.float64]:
    return np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)


def _lab(values: Pixels, bits: int, is_offset: bool) -> Pixels:
    """8-bit L, a and b, these as signed bytes."""
    narrow = np.empty(values.shape, np.uint8)
    for some in _some_rows(values):
        unsigned = values[some].astype(np.int64).view(np.uint64) & np.uint64((1 << bits) - 1)
        narrow[some] = unsigned >> np.uint64(bits - 8) if bits >= 8 else unsigned << np.uint64(8 - bits)
    if is_offset:
        narrow[:, :, 1:] ^= 0x80
    return narrow
