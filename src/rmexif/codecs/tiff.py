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
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rmexif.containers.tiff.geometry import StripGeometry
    from rmexif.containers.tiff.page import Page
    from rmexif.types import Container

    Pixels = NDArray[Any]

__all__ = ["FLOAT", "check_codings", "has_one_space", "is_read_here", "read_page", "scaled", "unknown_samples"]

UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat
WIDEST = 16  # bit: samples of streams
GREY = (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO, Photometric.MASK)
BLOCK = 1 << 20  # samples that are spread to 8 bytes at a time
LAB = (Photometric.CIELAB, Photometric.ICCLAB)
CHANNELS = {**dict.fromkeys(GREY, 1), Photometric.RGB: 3, **dict.fromkeys(LAB, 3), Photometric.PALETTE: 1}
# What Pillow and OpenCV read: photometric interpretation -> bits of unsigned samples. Beyond it Pillow 13 shows white
# for black in 16 bit, takes 12 bit for 16, and OpenCV 5 leaves colours multiplied by alpha.
FOREIGN = {
    Photometric.WHITE_IS_ZERO: (1, 2, 4, 8),
    Photometric.BLACK_IS_ZERO: (1, 2, 4, 8, 16),
    Photometric.RGB: (8, 16),
    Photometric.PALETTE: (1, 2, 4, 8),
    Photometric.CIELAB: (8,),
}
# The extra samples with which they read them, by photometric interpretation and bits.
NO_EXTRA: tuple[tuple[int, ...], ...] = ((),)
OPACITY = ((), (ExtraSample.ASSOCIATED_ALPHA,), (ExtraSample.UNASSOCIATED_ALPHA,))
FOREIGN_EXTRA = {
    (Photometric.BLACK_IS_ZERO, 8): OPACITY,
    (Photometric.RGB, 8): (*OPACITY, (ExtraSample.UNSPECIFIED,)),
    (Photometric.RGB, 16): ((), (ExtraSample.UNASSOCIATED_ALPHA,)),
}


def is_read_here(page: Page) -> bool:
    """Whether foreign decoders leave out the samples of a page, or show them as they are not, and ``read_page`` can."""
    return not _is_foreign(page) and _is_plain(page)


def check_codings(pages: Iterable[Page]) -> None:
    """Raise UnsupportedFeature where a page is in a coding that no decoder at hand reads."""
    for page in pages:
        if page.opaque_compression and page.opaque_compression not in ONLY_DECODED:
            raise refusal(page)


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
    known = bits[0] in FOREIGN.get(photometric, ()) and _extra(page) in FOREIGN_EXTRA.get(
        (photometric, bits[0]), NO_EXTRA
    )
    is_unsigned = Tag.SAMPLE_FORMAT not in page.fields
    return (known or photometric not in CHANNELS) and is_unsigned and page.coding.compression not in STREAMS


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
        alpha, _ = _alpha(page, values, shown.dtype)
        return np.concatenate((shown, alpha), axis=2) if alpha.size else shown, "RGB"
    ends = _ends(colours, _depth(page, values), _format(page))
    shown = _scaled(colours, ends)
    alpha, is_multiplied = _alpha(page, values, shown.dtype)
    if is_multiplied and not ends[0]:
        _divide(shown, alpha)
    if photometric == Photometric.WHITE_IS_ZERO:
        np.subtract(np.iinfo(shown.dtype).max, shown, out=shown)
    if alpha.size:
        shown = np.concatenate((shown, alpha), axis=2)
    return shown, "L" if count == 1 else "RGB"


def _format(page: Page) -> int:
    return _first(page, Tag.SAMPLE_FORMAT, UNSIGNED)


def _extra(page: Page) -> tuple[int, ...]:
    """The meanings of the samples beside the colours."""
    return page.fields[Tag.EXTRA_SAMPLES][1] if Tag.EXTRA_SAMPLES in page.fields else ()


def _alpha(page: Page, values: Pixels, kind: np.dtype[Any]) -> tuple[Pixels, bool]:
    """The first extra sample that is opacity, empty where none is, and whether colours are multiplied by it."""
    extra, bits = _extra(page), _depth(page, values)
    for number, meaning in enumerate(extra):
        if meaning in (ExtraSample.UNASSOCIATED_ALPHA, ExtraSample.ASSOCIATED_ALPHA):
            at = values.shape[2] - len(extra) + number
            most = {UNSIGNED: (1 << bits) - 1, SIGNED: (1 << bits - 1) - 1, FLOAT: 1}[_format(page)]
            alpha = _scaled(values[:, :, at : at + 1], (0.0, float(most), kind))
            return alpha, meaning == ExtraSample.ASSOCIATED_ALPHA
    return np.empty(0, kind), False


def _divide(shown: Pixels, alpha: Pixels) -> None:
    """Colours as they were before they were multiplied by their opacity, in place (TIFF 6.0, section 18)."""
    full = np.iinfo(shown.dtype).max
    for some in _some_rows(shown):
        shown[some] = np.rint(np.minimum(shown[some] * (full / np.maximum(alpha[some], 1.0)), full))


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
    return _scaled(values, _ends(values, bits, kind))


def _ends(values: Pixels, bits: int, kind: int) -> tuple[float, float, np.dtype[Any]]:
    """The numbers that are black and white, and the kind of samples that they are shown in."""
    if kind == UNSIGNED and bits <= 16:
        return 0.0, float((1 << bits) - 1), np.dtype(np.uint8 if bits <= 8 else np.uint16)
    ends = [(float(part.min()), float(part.max())) for part in (_finite(values[some]) for some in _some_rows(values))]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if kind == FLOAT and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return low, high, np.dtype(np.uint16)


def _scaled(values: Pixels, ends: tuple[float, float, np.dtype[Any]]) -> Pixels:
    """Numbers as samples of 8 or 16 bit, from black to white."""
    low, high, target = ends
    out, full = np.empty(values.shape, target), int(np.iinfo(target).max)
    if values.dtype.kind == "u" and not low and high < 1 << 16:
        most = int(high)
        table = ((np.arange(most + 1, dtype=np.uint64) * full * 2 + most) // (2 * most)).astype(target)
        for some in _some_rows(values):
            out[some] = table[values[some]]
        return out
    step = max(high - low, float(np.finfo(np.float64).tiny))
    for some in _some_rows(values):
        out[some] = np.rint(np.clip((_finite(values[some]) - low) / step, 0, 1) * full)
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
