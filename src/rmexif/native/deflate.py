"""DEFLATE (RFC 1951), bare or in a zlib envelope (RFC 1950): inflated, audited, and coded again without a search."""

from __future__ import annotations

import ctypes
import zlib
from typing import TYPE_CHECKING, NamedTuple

from rmexif.native.buffers import scratch
from rmexif.native.library import twin
from rmexif.native.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Audit", "Inflated", "Report", "audit", "inflate", "recode"]

Buffer = bytes | bytearray | memoryview

WINDOW = 1 << 18  # byte: of the output that an audit does not keep
WORK = 81_920  # RECODE_WORK of c/deflate_recode.h
MOST_FLUSHES = 4  # empty blocks of a file that was put together from parts; the place of one says about 2 bytes
MOST_UNUSED_CODES = 16  # of encoders that are not known (measured: 2); each says about 12 bits
LOOSE_BITS = 32  # of a header that is longer than it has to be (measured: 18)
MOST_LOOSE_BITS = 512  # of all of them (measured: 258)
MOST_UNEVEN = 1  # flush points that do not lie at the distance of the others: the last one
MOST_SHORT_BLOCKS = 16  # what zopfli and libdeflate write of small pictures (measured: 8); each says about 11 bits
SYMBOLS_PER_SHORT_BLOCK = 2000  # where there are more: as much as longer blocks say


class Report(NamedTuple):
    """What a stream turned out to be; what each number means stands in ``c/deflate.h``, deflate_report."""

    used: int = 0
    size: int = 0
    symbols: int = 0
    stored: int = 0
    fixed: int = 0
    dynamic: int = 0
    padding: int = 0
    empty_stored: int = 0
    empty_coded: int = 0
    short_blocks: int = 0
    uneven_blocks: int = 0
    unused_codes: int = 0
    long_codes: int = 0
    loose_headers: int = 0
    loose_bits: int = 0
    uneven_flushes: int = 0
    far_matches: int = 0
    envelope: int = 0
    intact: int = 0

    @property
    def blocks(self) -> int:
        """Blocks of all kinds."""
        return self.stored + self.fixed + self.dynamic

    @property
    def is_ordinary(self) -> bool:
        """Whether an encoder writes such blocks; what ``recode`` writes always is ordinary.

        A free choice is left in symbols (a match or literals, which of several matches), in the lengths of blocks from
        2,000 symbols on, and in codes of the same length.
        """
        odd = self.padding + self.unused_codes + self.long_codes + self.loose_headers
        flushes = self.empty_stored + self.empty_coded
        most_short = max(MOST_SHORT_BLOCKS, self.symbols // SYMBOLS_PER_SHORT_BLOCK)
        return not odd and flushes <= MOST_FLUSHES and self.short_blocks <= most_short

    @property
    def is_optimised(self) -> bool:
        """Whether blocks are ordinary but for what optimisers leave over, and for flush points at even distances."""
        is_tight = self.loose_headers <= self.dynamic and self.loose_bits <= min(
            MOST_LOOSE_BITS, LOOSE_BITS * self.dynamic
        )
        rest = self._replace(unused_codes=0, loose_headers=0)
        if self.uneven_flushes <= MOST_UNEVEN:
            rest = rest._replace(empty_stored=0, short_blocks=max(0, self.short_blocks - self.empty_stored))
        return is_tight and self.unused_codes <= MOST_UNUSED_CODES and rest.is_ordinary


class Audit(NamedTuple):
    """How far a stream can be read.

    Attributes:
        status: OK: to its end; OUTPUT_FULL: it has more bytes than were asked for; ENDS_EARLY, BAD_CODE, BAD_VALUE: it
            is broken behind ``report.size`` bytes.
        report: what was found up to there.
    """

    status: Status
    report: Report


class Inflated(NamedTuple):
    """The bytes of a stream.

    Attributes:
        status: as in Audit.
        data: the bytes, up to where the stream is broken.
        symbols: for ``recode``; empty where they were not asked for.
        report: what was found.
    """

    status: Status
    data: memoryview
    symbols: memoryview
    report: Report


def _numbers(size: int) -> int:
    """How many numbers ``inflate`` packs symbols into at the most; what lies behind is coded as literals."""
    return size // 3 + 1024


def _inflate(core: ctypes.CDLL, data: Buffer, size: int, *, bare: bool = False, symbols: bool = False) -> Inflated:
    out, numbers = scratch(size), scratch(4 * _numbers(size) if symbols else 0)
    count, report = ctypes.c_size_t(len(numbers) // 4), (ctypes.c_uint64 * len(Report._fields))()
    status = core.rmexif_deflate_inflate(*(data, len(data), not bare, out, size, numbers, ctypes.byref(count), report))
    found = Report(*report)
    return Inflated(Status(status), out[: found.size], numbers.cast("I")[: count.value], found)


@twin(_inflate)
def inflate(data: Buffer, size: int, *, bare: bool = False, symbols: bool = False) -> Inflated:
    """Inflate a stream and audit it.

    Args:
        data: the stream, and what lies behind it.
        size: byte: the most output that is wanted.
        bare: without a zlib envelope.
        symbols: whether to keep the symbols for ``recode``.
    """
    from rmexif.native.deflate_twin import Inflater  # where there is no core

    stream = Inflater(data, size, bare=bare, most_symbols=_numbers(size) if symbols else 0)
    status = stream.run()
    return Inflated(status, memoryview(stream.out), memoryview(stream.packed), Report(**stream.report))


def _audit(core: ctypes.CDLL, data: Buffer, size: int, *, bare: bool = False) -> Audit:
    window, report = bytearray(WINDOW), (ctypes.c_uint64 * len(Report._fields))()
    status = core.rmexif_deflate_audit(data, len(data), not bare, size, window, len(window), report)
    return Audit(Status(status), Report(*report))


@twin(_audit)
def audit(data: Buffer, size: int, *, bare: bool = False) -> Audit:
    """Audit a stream of at most ``size`` bytes without keeping them; arguments as those of ``inflate``."""
    from rmexif.native.deflate_twin import Inflater  # where there is no core

    stream = Inflater(data, size, bare=bare)
    return Audit(stream.run(), Report(**stream.report))


def _recode(core: ctypes.CDLL, symbols: memoryview, fresh: Buffer) -> memoryview:
    room = len(fresh) + len(fresh) // 128 + 64
    out, work, written = scratch(room), scratch(4 * WORK), ctypes.c_size_t()
    status = core.rmexif_deflate_recode(
        *(symbols, len(symbols), fresh, len(fresh), work, out, room, ctypes.byref(written))
    )
    assert status == Status.OK  # the room always suffices
    return out[: written.value]


@twin(_recode)
def recode(symbols: Sequence[int] | memoryview, fresh: Buffer) -> memoryview:
    """Code bytes as a zlib stream that no choices of a writer survive in, with the symbols of an older stream.

    Where they do not give the ``fresh`` bytes, there are literals, and matches for zeros; so ``fresh`` should differ
    from the older bytes in few places. Blocks, codes, headers, padding and envelope are canonical.

    Args:
        symbols: of ``inflate``; any will do, also none.
        fresh: the bytes.
    """
    from rmexif.native.deflate_recode_twin import Recoder  # where there is no core

    coder = Recoder(fresh)
    coder.follow(symbols)
    return memoryview(coder.close(zlib.adler32(fresh)))
