"""LZW as GIF (GIF89a, appendix F) and TIFF 6.0 (section 13) write it.

GIF packs codes from the lowest bit up and widens them when the table is full; TIFF packs from the highest bit down and
widens them one code early. TIFF files of before version 5.0 have the packing of GIF, with roots of 8 bits.

The canonical encoder starts with a clear code, takes the longest string that its table holds, clears the table when it
is full and ends with an end code and zero bits up to the byte. Full means that the entry to be added has number 4096
(GIF: the rule of compress, which libgd, ImageMagick and Pillow share) or 4093 (TIFF: libtiff's rule). In TIFF it also
clears it, as libtiff does, where it codes no better than it did ``CHECK_GAP`` samples before.
"""

from __future__ import annotations

import ctypes
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rmexif.native.library import twin
from rmexif.native.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Decoded", "decode", "encode", "is_greedy", "walk"]

Buffer = bytes | bytearray | memoryview

CODES = 4096  # of 12 bits, in both formats
FULL_GIF, FULL_TIFF = 4096, 4093  # the entry that the canonical encoder does not add
CHECK_GAP = 10_000  # samples between two questions whether the table still pays (CHECK_GAP of libtiff's tif_lzw.c)
KEPT = 4093  # a table with fewer entries is not full by any encoder's rule
KEPT_TIFF = 384  # libtiff clears where codes grow longer again, after 10,000 samples at the earliest
LEAST_BETWEEN = 3_500  # samples from one clear code to the next, in files of libtiff
FACTS = 4  # LZW_FACTS of c/lzw.h


_work = threading.local()


def _scratch(core: ctypes.CDLL) -> bytearray:
    """The thread's room for tables, which no call leaves anything in that another one reads.

    A fresh one for every strip would take a third of the time of decoding it.
    """
    if not hasattr(_work, "tables"):
        _work.tables = bytearray(core.rmexif_lzw_scratch())
    tables: bytearray = _work.tables
    return tables


class Decoded(NamedTuple):
    """What a stream holds.

    Attributes:
        status: OK; ENDS_EARLY: the data ends before the last sample and without an end code; BAD_VALUE: a code that
            the table does not hold; BAD_ARGUMENT: a size of root codes that the format does not have.
        samples: one a byte, up to the end or to the first bad code.
        consumed: bytes up to the code of the last sample, with the end code where it is next; on BAD_VALUE up to the
            byte where the bad code starts.
        canonical: whether the bytes consumed are what ``encode`` writes for these samples and this size of root codes.
        resets: before which samples a full table was cleared, in TIFF any that is not nearly empty; what ``encode``
            can keep.
    """

    status: Status
    samples: bytearray
    consumed: int
    canonical: bool
    resets: tuple[int, ...]


def _decode(core: ctypes.CDLL, data: Buffer, size: int, bits: int = 8, *, tiff: bool = False) -> Decoded:
    samples, scratch = bytearray(size), _scratch(core)
    room = len(data) // (128 if tiff else 4096) + 1  # clear codes that are noted: codes have 9 bits or more
    resets, facts = (ctypes.c_uint64 * room)(), (ctypes.c_uint64 * FACTS)()
    status = core.rmexif_lzw_decode(
        *(data, len(data), tiff, bits, samples, size, resets, len(resets), scratch, len(scratch), facts)
    )
    written, consumed, count, canonical = facts
    del samples[written:]
    return Decoded(Status(status), samples, consumed, bool(canonical), tuple(resets[:count]))


@twin(_decode)
def decode(data: Buffer, size: int, bits: int = 8, *, tiff: bool = False) -> Decoded:
    """Decode until ``size`` samples are there, or the end code comes, or the data ends.

    Args:
        data: the stream.
        size: samples wanted; a string that runs past them is cut off.
        bits: of a root code: the minimum code size of GIF, 8 for TIFF.
        tiff: the highest bit first and early change.
    """
    if not 1 <= bits <= 8 or (tiff and bits != 8):
        return Decoded(Status.BAD_ARGUMENT, bytearray(), 0, False, ())
    if not size:
        return Decoded(Status.OK, bytearray(), 0, False, ())
    status, out, consumed, resets = _follow(data, size, bits, tiff)
    canonical = bits > 1 and status is Status.OK and encode.python(out, bits, tiff=tiff) == data[:consumed]
    return Decoded(status, out, consumed, canonical, resets)


def _follow(data: Buffer, size: int, bits: int, tiff: bool) -> tuple[Status, bytearray, int, tuple[int, ...]]:
    """Status, samples, bytes consumed, resets."""
    clear = 1 << bits
    roots = [bytes([value]) for value in range(clear)] + [b"", b""]
    out, resets = bytearray(), list[int]()
    table, previous, width, known = list(roots), b"", bits + 1, clear + 1
    reader = _Reader(data, tiff)
    while True:
        start = reader.position
        code = reader.take(width)
        if code == clear + 1:
            start = reader.position
            break
        if len(out) >= size:
            break
        if code < 0:
            return Status.ENDS_EARLY, out, len(data), _inner(resets, out)
        if code == clear:
            if known >= (KEPT_TIFF if tiff else KEPT):
                resets.append(len(out))
            table, previous, width, known = list(roots), b"", bits + 1, clear + 1
            continue
        known = min(known + 1, CODES)
        if code >= known:
            return Status.BAD_VALUE, out, start // 8, _inner(resets, out)
        entry = table[code] if code < len(table) else previous + previous[:1]
        if previous and len(table) < CODES:
            table.append(previous + entry[:1])
        out += entry
        previous = entry
        width += known >= (1 << width) - tiff and width < 12
    del out[size:]
    return Status.OK, out, (start + 7) // 8, _inner(resets, out)


def _inner(resets: list[int], out: bytearray) -> tuple[int, ...]:
    """Those that a sample follows."""
    return tuple(resets[:-1] if resets and resets[-1] == len(out) else resets)


def _walk(core: ctypes.CDLL, data: Buffer, size: int) -> int:
    scratch = _scratch(core)
    return int(core.rmexif_lzw_walk(data, len(data), size, scratch, len(scratch)))


@twin(_walk)
def walk(data: Buffer, size: int) -> int:
    """Bytes that ``encode`` writes for ``size`` samples in the order of TIFF, where a stream starts with them; else 0.

    It keeps no sample, which takes half the time of decoding.
    """
    found = decode.python(data, size, tiff=True)
    return found.consumed if found.canonical and len(found.samples) == size else 0


class _Reader:
    """Codes of growing width."""

    def __init__(self, data: Buffer, tiff: bool) -> None:
        self.data, self.tiff = bytes(data), tiff
        self.position = 0  # bit

    def take(self, width: int) -> int:
        """The next code; -1 where the data ends inside it."""
        at, shift = divmod(self.position, 8)
        if self.position + width > 8 * len(self.data):
            return -1
        self.position += width
        piece = self.data[at : at + 3]
        if self.tiff:
            return int.from_bytes(piece, "big") >> 8 * len(piece) - shift - width & (1 << width) - 1
        return int.from_bytes(piece, "little") >> shift & (1 << width) - 1


def _encode(
    core: ctypes.CDLL,
    samples: Buffer,
    bits: int = 8,
    *,
    tiff: bool = False,
    resets: Sequence[int] | None = None,
) -> bytes:
    places = (ctypes.c_uint64 * len(resets or ()))(*resets or ())
    out = bytearray((len(samples) + len(places)) * 3 // 2 + len(samples) // 64 + 16)
    scratch, written = _scratch(core), (ctypes.c_uint64 * 1)()
    inputs = (samples, len(samples), tiff, bits, resets is not None, places, len(places))
    status = core.rmexif_lzw_encode(*inputs, out, len(out), scratch, len(scratch), written)
    if status:
        raise ValueError(f"lzw: samples of at most {bits} bits, and resets before them in ascending order, are needed")
    return bytes(memoryview(out)[: written[0]])


@twin(_encode)
def encode(
    samples: Buffer,
    bits: int = 8,
    *,
    tiff: bool = False,
    resets: Sequence[int] | None = None,
) -> bytes:
    """Encode canonically, or with the table cleared at given places.

    Args:
        samples: one a byte.
        bits: of a root code: 2 to 8, TIFF 8.
        tiff: the highest bit first and early change.
        resets: clear the table before these samples, and nowhere else: for pictures whose samples were chosen to fit
            the tables of another encoder, as lossy GIF encoders do.

    Raises:
        ValueError: samples that need more bits, or resets that do not ascend.
    """
    places = list(resets or ())
    ascending = all(a < b for a, b in zip([0, *places], [*places, len(samples)], strict=True)) or not places
    if not 2 <= bits <= 8 or (tiff and bits != 8) or max(samples, default=0) >> bits or not ascending:
        raise ValueError(f"lzw: samples of at most {bits} bits, and resets before them in ascending order, are needed")
    out = _Writer(bits, tiff)
    view = memoryview(samples)
    for start, stop in zip([0, *places], [*places, len(samples)], strict=True):
        out.clear()
        if stop > start:
            _encode_run(out, view[start:stop], keep=resets is not None)
    out.put((1 << bits) + 1)
    return out.finish()


def _encode_run(out: _Writer, samples: memoryview, *, keep: bool) -> None:
    """Encode from a cleared table on."""
    full = FULL_TIFF if out.tiff else FULL_GIF
    ratio = _Ratio()
    table: dict[int, int] = {}
    code = samples[0]
    for done, sample in enumerate(samples[1:], 1):
        pair = code << 8 | sample
        if (longer := table.get(pair)) is not None:
            code = longer
            continue
        out.put(code)
        is_full = out.known == full
        if not is_full:
            table[pair] = out.known
            width = out.width
            out.widen()  # the decoder adds this entry one code later
            out.known += 1
            is_full = out.tiff and not keep and out.width == width and ratio.falls(done, out.bits_written)
        if is_full and not keep:
            ratio.clear(done, out.bits_written)
            out.clear()
            table = {}
        code = sample
    out.put(code)
    out.widen()


class _Ratio:
    """What libtiff asks of a table that is not full: whether it codes better than at the question before."""

    def __init__(self) -> None:
        self.cleared = 0  # samples read when the table was cleared
        self.begin = 0  # bits in front of its clear code
        self.next = CHECK_GAP  # samples read since then at the next question; a clear code does not put it back
        self.ratio = 0  # samples to bits at the last one, in 24 and 8 bits

    def clear(self, samples: int, bits: int) -> None:
        """A clear code behind ``bits`` bits, and strings of ``samples``; one sample more is read: it ended the last."""
        self.cleared, self.begin, self.ratio = samples + 1, bits, 0

    def falls(self, samples: int, bits: int) -> bool:
        """Whether the table is cleared behind a code: ``samples`` in the strings, and ``bits``, up to its end."""
        read, coded = samples + 1 - self.cleared, bits - self.begin
        if read < self.next:
            return False
        self.next = read + CHECK_GAP
        ratio = (read << 8) // coded if read <= 0x7FFFFF else read // (coded >> 8) if coded >> 8 else 0x7FFFFFFF
        before, self.ratio = self.ratio, ratio
        return ratio <= before


class _Writer:
    """Codes of growing width."""

    def __init__(self, bits: int, tiff: bool) -> None:
        self.bits, self.tiff = bits, tiff
        self.known, self.width = 0, bits + 1
        self.out = bytearray()
        self.buffer = self.held = 0

    def put(self, code: int) -> None:
        """Write a code."""
        if self.tiff:
            self.buffer = self.buffer << self.width | code
        else:
            self.buffer |= code << self.held
        self.held += self.width
        if self.held >= 1024:
            self._flush(self.held // 8)

    @property
    def bits_written(self) -> int:
        """Bits of all codes so far."""
        return 8 * len(self.out) + self.held

    def _flush(self, count: int) -> None:
        """Write ``count`` whole bytes."""
        self.held -= 8 * count
        if self.tiff:
            self.out += (self.buffer >> self.held).to_bytes(count, "big")
            self.buffer &= (1 << self.held) - 1
        else:
            self.out += (self.buffer & (1 << 8 * count) - 1).to_bytes(count, "little")
            self.buffer >>= 8 * count

    def clear(self) -> None:
        """Write a clear code, and start with roots alone."""
        self.put(1 << self.bits)
        self.known, self.width = (1 << self.bits) + 2, self.bits + 1

    def widen(self) -> None:
        """Take a bit more for the next code where a decoder has that many entries."""
        self.width += self.known >= (1 << self.width) - self.tiff and self.width < 12

    def finish(self) -> bytes:
        """What was written, with zero bits up to the byte."""
        spare = -self.held % 8
        if self.tiff:
            self.buffer <<= spare
        self.held += spare
        self._flush(self.held // 8)
        return bytes(self.out)


def is_greedy(found: Decoded, data: Buffer, bits: int = 8, *, tiff: bool = False) -> bool:
    """Whether codes are canonical but for where a full table is cleared: the encoder always took the longest string.

    Args:
        found: what ``decode`` gave for ``data``.
        data: the stream.
        bits: of a root code.
        tiff: the highest bit first and early change.
    """
    if found.status is not Status.OK or bits < 2:
        return False
    if tiff and any(after - before < LEAST_BETWEEN for before, after in pairwise((0, *found.resets))):
        return False
    return encode(found.samples, bits, tiff=tiff, resets=found.resets) == bytes(data[: found.consumed])
