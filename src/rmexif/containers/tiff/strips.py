"""Strips and tiles (TIFF 6.0, sections 9 to 15, 22; Technical Note 2): cut behind the last sample, padding cleared.

Codes are copied as they are wherever nothing has to be cleared inside them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.containers.common import lzw
from rmexif.containers.common.palette import SAME, packed_table
from rmexif.containers.jpeg import JPEG as JPEG_FORMAT
from rmexif.containers.jpeg import segments
from rmexif.containers.jpeg.segments import Marker
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.types import Limits

__all__ = ["Chunk", "Cleaned", "Layout", "can_clear", "clean", "transparent"]

RAW, HUFFMAN, GROUP3, GROUP4, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 2, 3, 4, 5, 7, 8, 32946, 32773
BILEVEL = frozenset({HUFFMAN, GROUP3, GROUP4})
KNOWN = frozenset({RAW, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS}) | BILEVEL
PREDICTED = frozenset({LZW, DEFLATE, OLD_DEFLATE})  # elsewhere decoders do not ask for a predictor
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))  # FillOrder 2
LONGEST = 128  # byte of a PackBits run
PIECE = 1 << 16  # byte inflated at a time; it gives at most 64 MiB
END_OF_BLOCK = bytes([*[0] * 11, 1] * 2)  # EOFB of T.6, 2.4.1.1, one byte a bit: no code of a picture holds it


@dataclass(frozen=True, slots=True)
class Layout:
    """What all chunks of a page share."""

    compression: int
    reverse: bool = False  # FillOrder 2
    predictor: int = 1
    palette: bool = False  # the samples are palette entries
    indices: bytes = SAME  # the palette's new index for every old one
    alpha: int | None = None  # which sample of a pixel is opacity
    order: str = "<"
    tables: bytes = b""  # JPEGTables
    planes: bool = False  # opacity is a plane of its own
    block: tuple[int, int] = (0, 0)  # px of a strip or tile that is whole
    tiled: bool = False

    def needs_samples(self, chunk: Chunk) -> bool:
        """Whether a chunk has to be decoded: something may have to be cleared or counted in it."""
        return chunk.padded or self.palette or self.planes or self.alpha is not None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The geometry of one strip or tile."""

    size: int  # byte, decoded
    row: int  # byte of a row; 0 where rows cannot be told apart (subsampled YCbCr)
    bits: tuple[int, ...]  # of the samples of a pixel
    rows: int  # that show
    columns: int  # px that show
    hidden: NDArray[np.bool_] | None = None  # samples without opacity, which is in another plane

    @property
    def pixel(self) -> int:
        """Bits of a pixel."""
        return sum(self.bits)

    @property
    def padded(self) -> bool:
        """Whether bits of the decoded chunk belong to no pixel."""
        return bool(self.row) and (self.rows * self.row < self.size or self.columns * self.pixel < self.row * 8)


@dataclass(slots=True)
class Cleaned:
    """A clean chunk.

    Attributes:
        data: its bytes.
        consumed: bytes of the source that a decoder reads.
        samples: decoded bytes, where they were needed.
        residuals: what could not be looked into.
    """

    data: bytes
    consumed: int
    samples: bytearray | None = None
    residuals: set[Residual] = field(default_factory=set)


def clean(source: bytes, layout: Layout, chunk: Chunk, limits: Limits) -> Cleaned:
    """The least that decodes to the same pixels.

    Args:
        source: the chunk in the file, as long as its byte count says.
        layout: of the page.
        chunk: its geometry.
        limits: for a JPEG stream.

    Raises:
        MalformedImage: it holds fewer samples than the picture needs.
        UnsupportedFeature: a coding that cannot be looked into.
    """
    if layout.compression == JPEG:
        return _jpeg(source, layout, chunk, limits)
    if layout.compression in BILEVEL:
        return _bilevel(source, layout)
    if layout.compression not in KNOWN:
        return Cleaned(source, len(source), residuals={Residual.TIFF_UNREAD_CODING})
    if layout.reverse:
        source = source.translate(REVERSED)
    found = _CODERS[layout.compression](source, layout, chunk)
    if layout.reverse:
        found.data = found.data.translate(REVERSED)
    return found


def _raw(source: bytes, layout: Layout, chunk: Chunk) -> Cleaned:
    _enough(len(source), chunk)
    samples = bytearray(source[: chunk.size])
    _mask(samples, layout, chunk)
    return Cleaned(bytes(samples), chunk.size, samples)


def _lzw(source: bytes, layout: Layout, chunk: Chunk) -> Cleaned:
    if len(source) > 1 and source[0] == 0 and source[1] & 1:
        raise UnsupportedFeature("tiff: LZW codes in the order of before TIFF 5.0 are refused")
    walk = lzw.walk(source, 8, chunk.size, tiff=True)
    _enough(walk.size, chunk)
    if not layout.needs_samples(chunk):
        return Cleaned(walk.data, walk.consumed)
    samples = bytearray(lzw.decode(walk.data, chunk.size))
    dirty = _mask(samples, layout, chunk)
    return Cleaned(lzw.encode(bytes(samples)) if dirty else walk.data, walk.consumed, samples)


def _deflate(source: bytes, layout: Layout, chunk: Chunk) -> Cleaned:
    stream = zlib.decompressobj()
    keep = layout.needs_samples(chunk)
    samples, size, fed = bytearray(), 0, 0
    try:
        while fed < len(source) and size <= chunk.size and not stream.eof:
            piece = stream.decompress(source[fed : fed + PIECE])
            fed += PIECE
            size += len(piece)
            if keep:
                samples += piece
    except zlib.error as error:
        raise MalformedImage("tiff: a deflated strip or tile is damaged") from error
    _enough(size, chunk)
    consumed = min(fed, len(source)) - len(stream.unused_data)
    exact = stream.eof and size == chunk.size
    if not keep:
        if exact:
            return Cleaned(source[:consumed], consumed)
        samples = bytearray(zlib.decompressobj().decompress(source, chunk.size))
    del samples[chunk.size :]
    if _mask(samples, layout, chunk) or not exact:
        return Cleaned(zlib.compress(samples), consumed, samples)
    return Cleaned(source[:consumed], consumed, samples)


def _packbits(source: bytes, layout: Layout, chunk: Chunk) -> Cleaned:
    """Always packed again: the lengths of runs are free choices."""
    out = bytearray()
    at = 0
    while len(out) < chunk.size and at < len(source):
        code = source[at]
        if code < 128:
            out += source[at + 1 : at + 2 + code]
            at += 2 + code
        elif code > 128:
            out += source[at + 1 : at + 2] * (257 - code)
            at += 2
        else:  # a code without meaning
            at += 1
    _enough(len(out), chunk)
    samples = out[: chunk.size]
    _mask(samples, layout, chunk)
    row = chunk.row or chunk.size
    packed = b"".join(_pack(bytes(samples[start : start + row])) for start in range(0, len(samples), row))
    return Cleaned(packed, min(at, len(source)), samples)


def _pack(row: bytes) -> bytes:
    """PackBits of one row (TIFF 6.0, section 9); a run of two stays in the literal that goes on behind it.

    That is what the common library writes, so its files are clean as they are.
    """
    out, literal, at = bytearray(), bytearray(), 0
    samples = np.frombuffer(row, np.uint8)
    edges = np.concatenate(([0], np.flatnonzero(samples[1:] != samples[:-1]) + 1, [len(row)]))
    sizes = np.diff(edges)
    runs = np.flatnonzero(sizes > 1)
    singles = np.append(sizes[1:] == 1, False)[runs]  # whether one byte follows that differs from its neighbours
    places = (edges[runs].tolist(), sizes[runs].tolist(), singles.tolist())
    for start, size, single in zip(*places, strict=True):
        literal += row[at:start]
        _flush(out, literal, LONGEST)
        at = start + size
        if size == 2 and single and 0 < len(literal) < LONGEST - 1:
            literal += row[start:at]
            _flush(out, literal, LONGEST)
            continue
        _flush(out, literal, 1)
        whole, rest = divmod(size, LONGEST)
        out += bytes((257 - LONGEST, row[start])) * whole
        if rest > 1:
            out += bytes((257 - rest, row[start]))
        else:
            literal += row[start : start + rest]
    literal += row[at:]
    _flush(out, literal, 1)
    return bytes(out)


def _flush(out: bytearray, literal: bytearray, least: int) -> None:
    """Write literal runs while there are ``least`` bytes."""
    while len(literal) >= least:
        out.append(min(len(literal), LONGEST) - 1)
        out += literal[:LONGEST]
        del literal[:LONGEST]


_CODERS = {RAW: _raw, LZW: _lzw, DEFLATE: _deflate, OLD_DEFLATE: _deflate, PACKBITS: _packbits}


def _enough(size: int, chunk: Chunk) -> None:
    if size < chunk.size:
        raise MalformedImage(f"tiff: a strip or tile decodes to {size} bytes where {chunk.size} are needed")


def _mask(samples: bytearray, layout: Layout, chunk: Chunk) -> bool:
    """Clear every bit that belongs to no pixel, and the colour of pixels without opacity; whether any was set."""
    if not chunk.row or layout.predictor == 3:
        return False
    dirty = False
    if chunk.padded:
        rows = np.frombuffer(samples, np.uint8).reshape(-1, chunk.row)
        whole, rest = divmod(chunk.columns * chunk.pixel, 8)
        if rest:
            spare = 0xFF >> rest
            dirty = bool((rows[:, whole] & spare).any())
            rows[:, whole] &= 0xFF ^ spare
            whole += 1
        for padding in (rows[:, whole:], rows[chunk.rows :]):  # with a predictor, zero means: as the last pixel
            if padding.any():
                padding[...] = 0
                dirty = True
    if layout.indices != SAME:
        dirty |= _renumber(samples, layout, chunk)
    if layout.alpha is not None or chunk.hidden is not None:
        dirty |= _clear_transparent(samples, layout, chunk)
    return dirty


def _renumber(samples: bytearray, layout: Layout, chunk: Chunk) -> bool:
    """Give equal palette entries one index (1 to 8 bits a sample)."""
    rows = np.frombuffer(samples, np.uint8).reshape(-1, chunk.row)
    plain = np.cumsum(rows, axis=1, dtype=np.uint8) if layout.predictor == 2 else rows
    fresh = packed_table(layout.indices, chunk.bits[0])[plain]
    if layout.predictor == 2:
        fresh = np.diff(fresh, axis=1, prepend=np.zeros_like(fresh[:, :1]))
    dirty = not np.array_equal(rows, fresh)
    rows[...] = fresh
    return dirty


def _clear_transparent(samples: bytearray, layout: Layout, chunk: Chunk) -> bool:
    """Clear the colour of pixels whose opacity is zero (8 and 16 bits, samples side by side)."""
    if not can_clear(layout, chunk.bits):
        return False
    stored, pixels = _pixels(samples, layout, chunk)
    hidden = pixels[..., layout.alpha] == 0 if chunk.hidden is None else chunk.hidden
    if not pixels[hidden].any():
        return False
    pixels[hidden] = 0
    if layout.predictor == 2:
        stored[...] = np.diff(pixels, axis=1, prepend=np.zeros_like(pixels[:, :1]))
    return True


def can_clear(layout: Layout, bits: tuple[int, ...]) -> bool:
    """Whether pixels without opacity can be found and cleared."""
    coded = layout.compression in _CODERS and layout.predictor != 3
    return coded and bits[0] in (8, 16) and set(bits) == {bits[0]}


def transparent(found: Cleaned, layout: Layout, chunk: Chunk) -> NDArray[np.bool_]:
    """Which samples of an opacity plane are zero."""
    hidden: NDArray[np.bool_] = _pixels(found.samples or bytearray(), layout, chunk)[1][..., 0] == 0
    return hidden


def _pixels(samples: bytearray, layout: Layout, chunk: Chunk) -> tuple[NDArray[Any], NDArray[Any]]:
    """Samples as they are stored, and without predictor: rows x pixels x channels."""
    kind = np.dtype(f"{layout.order}u{chunk.bits[0] // 8}")
    stored = np.frombuffer(samples, kind).reshape(len(samples) // chunk.row, -1, len(chunk.bits))
    native = kind.newbyteorder("=")
    return stored, np.cumsum(stored, axis=1, dtype=native) if layout.predictor == 2 else stored


def _bilevel(source: bytes, layout: Layout) -> Cleaned:
    """Fax codes are copied; Group 4 ends with a code that can be found, the others run to the byte count."""
    if layout.compression == GROUP4:
        bits = np.unpackbits(np.frombuffer(source, np.uint8), bitorder="little" if layout.reverse else "big").tobytes()
        at = bits.find(END_OF_BLOCK)
        if at >= 0:
            kept = np.frombuffer(bits[: at + len(END_OF_BLOCK)], np.uint8)
            data = np.packbits(kept, bitorder="little" if layout.reverse else "big").tobytes()
            return Cleaned(data, len(data))
    return Cleaned(source, len(source), residuals={Residual.TIFF_FAX_TAIL})


def _jpeg(source: bytes, layout: Layout, chunk: Chunk, limits: Limits) -> Cleaned:
    """A JPEG stream of its own: the shared tables put in, everything but the picture taken out.

    Raises:
        MalformedImage: a picture that is larger than its strip or tile; decoders show a part of it in silence.
    """
    view = memoryview(b"\xff\xd8" + _picture_segments(layout.tables) + _picture_segments(source))
    container = JPEG_FORMAT.parse(view, limits)
    across, down = layout.block
    least = down if layout.tiled else chunk.rows
    if container.width != across or not least <= container.height <= down:
        raise MalformedImage(f"tiff: JPEG of {container.width} x {container.height} px in {across} x {least}")
    data = b"".join(JPEG_FORMAT.rewrite(view, replace(container, orientation=1)))
    behind = sum(part.length for part in container.parts if part.role is Role.TRAILER)
    residuals = {*container.residuals, *([Residual.TIFF_TILE_PADDING] if container.height > chunk.rows else [])}
    return Cleaned(data, len(source) - behind, residuals=residuals)


def _picture_segments(stream: bytes) -> bytes:
    """A JPEG stream behind SOI, without application segments and comments before its first scan."""
    out = bytearray()
    for item in segments.walk(stream) if stream else ():
        if not isinstance(item, segments.Segment) or item.marker in (Marker.SOI, Marker.COM):
            continue
        if item.marker == Marker.EOI:
            break
        if item.marker == Marker.SOS:
            return bytes(out) + stream[item.start :]
        if item.marker == Marker.APP14 or not segments.is_application(item.marker):
            out += stream[item.start : item.end]
    return bytes(out)
