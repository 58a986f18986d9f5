"""The specification of ``c/deflate.c``: a DEFLATE stream inflated and audited, in Python."""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from typing import TYPE_CHECKING

from rmexif.native.deflate_codes import (
    DISTANCE_BASE,
    DISTANCE_EXTRA,
    DISTANCES,
    END,
    FIXED_LENGTHS,
    LENGTH_BASE,
    LENGTH_EXTRA,
    LENGTHS_ORDER,
    LITERALS,
    code_operations,
    distance_number,
    free_space,
    level_out,
    lookup_table,
    pack_lengths,
)
from rmexif.native.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BLOCK_END", "NO_MATCH", "SHORT_BLOCK", "Inflater"]

NO_MATCH, BLOCK_END = 511, 1 << 22  # see rmexif_deflate_inflate()
SHORT_BLOCK = 2000  # symbols
STORED, FIXED, DYNAMIC = 0, 1, 2  # BTYPE (3.2.3)
Lookup = tuple[list[tuple[int, int]], int]
FIXED_TABLES = lookup_table(FIXED_LENGTHS[:LITERALS]), lookup_table(FIXED_LENGTHS[LITERALS:])
FIBONACCI = (1, 1, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377)  # by the length of a code, two bits to spare
FACTS = (
    *("used", "size", "symbols", "stored", "fixed", "dynamic", "padding", "empty_stored", "empty_coded"),
    *("short_blocks", "uneven_blocks", "unused_codes", "long_codes", "loose_headers", "loose_bits"),
    *("uneven_flushes", "far_matches", "envelope", "intact"),
)


class Inflater:
    """A stream that is inflated in one go.

    Attributes:
        out: the bytes, at most ``size``.
        packed: symbols, at most ``most_symbols`` numbers.
        report: what was found, by the names of ``deflate_report``.
    """

    def __init__(self, data: bytes | bytearray | memoryview, size: int, *, bare: bool, most_symbols: int = 0) -> None:
        self.out = bytearray()
        self.packed = array("I")
        self.report = dict.fromkeys(FACTS, 0)
        self._data, self._size, self._bare, self._most_symbols = bytes(data), size, bare, most_symbols
        self._at = 0  # bit
        self._unpacked = 0  # byte of the output where the literals start that are not packed yet
        self._window = 32768
        self._first = 0  # symbols of the first block that is not empty
        self._flushed = self._interval = 0  # bytes before the last flush point, and before the first one

    def run(self) -> Status:
        """Inflate as far as possible; statuses as those of ``rmexif_deflate_inflate``."""
        status = Status.OK if self._bare else self._envelope()
        if status is not Status.OK:
            return status
        last = False
        while status is Status.OK and not last:
            status, last = self._block()
        self.report["size"] = len(self.out)
        self.report["used"] = min((self._at + 7) // 8, len(self._data))
        if status is Status.OK:
            self._close()
        return status

    def _peek(self, count: int) -> int:
        at, shift = divmod(self._at, 8)
        return int.from_bytes(self._data[at : at + 6], "little") >> shift & (1 << count) - 1

    def _take(self, count: int) -> int:
        value = self._peek(count)
        self._at += count
        return value

    @property
    def _overrun(self) -> bool:
        return self._at > 8 * len(self._data)

    def _envelope(self) -> Status:
        method, flags = self._take(8), self._take(8)
        if self._overrun:
            return Status.ENDS_EARLY
        if method & 15 != 8 or method >> 4 > 7 or flags & 32 or (method << 8 | flags) % 31:
            return Status.BAD_VALUE
        self.report["envelope"] = method << 8 | flags
        self._window = 256 << (method >> 4)
        return Status.OK

    def _skip_padding(self) -> None:
        self.report["padding"] += self._take(-self._at % 8) != 0

    def _close(self) -> None:
        """The padding behind the last block, and the checksum."""
        self._skip_padding()
        at = self._at // 8
        end = at if self._bare else min(at + 4, len(self._data))
        adler = zlib.adler32(self.out).to_bytes(4, "big")
        self.report["used"] = end
        self.report["intact"] = int(self._bare or self._data[at:end] == adler)

    def _block(self) -> tuple[Status, bool]:
        """Read a block; whether it is the last one."""
        last, kind = bool(self._take(1)), self._take(2)
        if self._overrun:
            return Status.ENDS_EARLY, last
        seen, symbols = Counter[int](), 0
        if kind == STORED:
            status, symbols = self._stored()
        elif kind == FIXED:
            self.report["fixed"] += 1
            status, symbols = self._codes(*FIXED_TABLES, seen)
        elif kind == DYNAMIC:
            status, lengths = self._header()
            if status is Status.OK:
                self.report["dynamic"] += 1
                tables = lookup_table(lengths[:LITERALS]), lookup_table(lengths[LITERALS:])
                status, symbols = self._codes(*tables, seen)
                if status is Status.OK:
                    self._audit_codes(lengths[:LITERALS], [seen[n] for n in range(LITERALS)])
                    self._audit_codes(lengths[LITERALS:], [seen[LITERALS + n] for n in range(DISTANCES)])
        else:
            status = Status.BAD_CODE
        if status is Status.OK:
            self._count_block(kind, symbols, last)
        return status, last

    def _count_block(self, kind: int, symbols: int, last: bool) -> None:
        if symbols:
            self._pack_literals(len(self.out), end=True)
        self.report["symbols"] += symbols
        if last:
            return
        if not symbols:
            self.report["empty_stored" if kind == STORED else "empty_coded"] += 1
            if kind == STORED:
                self._interval = self._interval or len(self.out)
                self.report["uneven_flushes"] += len(self.out) - self._flushed != self._interval
                self._flushed = len(self.out)
            return
        self._first = self._first or symbols
        self.report["short_blocks"] += symbols < SHORT_BLOCK
        self.report["uneven_blocks"] += symbols != self._first

    def _stored(self) -> tuple[Status, int]:
        """A stored block (3.2.4): how many bytes it has."""
        self._skip_padding()
        length, complement = self._take(16), self._take(16)
        if self._overrun:
            return Status.ENDS_EARLY, 0
        if length ^ complement != 0xFFFF:
            return Status.BAD_VALUE, 0
        self.report["stored"] += 1
        at, room = self._at // 8, self._size - len(self.out)
        piece = self._data[at : at + min(length, room)]
        self.out += piece
        self._at += 8 * len(piece)
        if len(piece) == length:
            return Status.OK, length
        ends = len(piece) == len(self._data) - at
        return Status.ENDS_EARLY if ends else Status.OUTPUT_FULL, 0

    def _header(self) -> tuple[Status, list[int]]:
        """The code lengths of a dynamic block (3.2.7)."""
        literals, distances, count = 257 + self._take(5), 1 + self._take(5), 4 + self._take(4)
        start, order = self._at, [0] * 19
        for place in LENGTHS_ORDER[:count]:
            order[place] = self._take(3)
        if self._overrun:
            return Status.ENDS_EARLY, []
        if literals > 286 or distances > 30 or free_space(order):
            return Status.BAD_CODE, []
        lengths, operations = self._lengths(order, literals + distances)
        if self._overrun:
            return Status.ENDS_EARLY, []
        if not operations or not lengths[END]:
            return Status.BAD_CODE, []
        first, second = lengths[:literals], lengths[literals:]
        longest_runs = [*pack_lengths(first), *pack_lengths(second)]
        beyond = max(0, self._at - start - code_operations(longest_runs)[2])
        self.report["loose_bits"] += beyond
        loose = beyond > 0
        loose |= count > 4 and not order[LENGTHS_ORDER[count - 1]]
        loose |= (literals > 257 and not first[-1]) or (distances > 1 and not second[-1])
        self.report["loose_headers"] += loose
        complete = [*first, *[0] * (LITERALS - literals), *second, *[0] * (DISTANCES - distances)]
        return Status.OK if _are_codes(first, second) else Status.BAD_CODE, complete

    def _lengths(self, order: Sequence[int], count: int) -> tuple[list[int], int]:
        """Code lengths, and the operations they took; 0 of them where they make no sense."""
        table, bits = lookup_table(order)
        lengths, operations = list[int](), 0
        while len(lengths) < count:
            symbol, length = table[self._peek(bits)]
            self._at += length
            operations += 1
            if symbol < 16:
                lengths.append(symbol)
                continue
            if symbol == 16 and not lengths:
                return lengths, 0
            base, extra = {16: (3, 2), 17: (3, 3), 18: (11, 7)}[symbol]
            run = base + self._take(extra)
            if run > count - len(lengths):
                return lengths, 0
            lengths += [lengths[-1] if symbol == 16 else 0] * run
        return lengths, operations

    def _audit_codes(self, lengths: Sequence[int], seen: Sequence[int]) -> None:
        """Count codes that a Huffman code for these symbols does not have."""
        total, different = sum(seen), sum(map(bool, seen))
        unused = sum(bool(length) and not count for length, count in zip(lengths, seen, strict=True))
        if different < 2 and different + unused <= 2:
            return
        if unused and [bool(count) for count in level_out(seen)] != [bool(length) for length in lengths]:
            self.report["unused_codes"] += unused
        for length, count in zip(lengths, seen, strict=True):
            self.report["long_codes"] += count * FIBONACCI[length] > total if count else 0

    def _codes(self, literals: Lookup, distances: Lookup, seen: Counter[int]) -> tuple[Status, int]:
        """The symbols of a block; how many there are."""
        symbols = 0
        while True:
            symbol, distance, length = self._symbol(literals, distances)
            if self._overrun:
                return Status.ENDS_EARLY, 0
            if symbol < 0 or distance < 0:
                return Status.BAD_CODE, 0
            seen[symbol] += 1
            if symbol == END:
                return Status.OK, symbols
            if distance > len(self.out):
                return Status.BAD_VALUE, 0
            room = self._size - len(self.out)
            if symbol < END:
                self.out += bytes([symbol][:room])
            else:
                seen[LITERALS + distance_number(distance)] += 1
                self.report["far_matches"] += distance > self._window
                self._pack_match(length, distance)
                self._copy(distance, min(length, room))
            if length > room:
                return Status.OUTPUT_FULL, 0
            symbols += 1

    def _symbol(self, literals: Lookup, distances: Lookup) -> tuple[int, int, int]:
        """A symbol of literals and lengths, and for a match its distance and length; negative where there is none."""
        table, bits = literals
        symbol, length = table[self._peek(bits)]
        self._at += length
        if symbol <= END:
            return symbol, 0, 1
        number = symbol - 257
        if number >= len(LENGTH_BASE):
            return -1, 0, 0
        length = LENGTH_BASE[number] + self._take(LENGTH_EXTRA[number])
        table, bits = distances
        number, skipped = table[self._peek(bits)]
        self._at += skipped
        if not 0 <= number < len(DISTANCE_BASE):
            return symbol, -1, 0
        return symbol, DISTANCE_BASE[number] + self._take(DISTANCE_EXTRA[number]), length

    def _copy(self, distance: int, length: int) -> None:
        start = len(self.out) - distance
        piece = self.out[start : start + length]
        self.out += (piece * (length // distance + 1))[:length] if length > distance else piece

    def _pack(self, number: int) -> None:
        if len(self.packed) < self._most_symbols:
            self.packed.append(number)

    def _pack_literals(self, at: int, *, end: bool) -> None:
        left = at - self._unpacked
        while left >= BLOCK_END:
            self._pack(NO_MATCH << 23 | BLOCK_END - 1)
            left -= BLOCK_END - 1
        self._pack(NO_MATCH << 23 | (BLOCK_END if end else 0) | left)
        self._unpacked = at

    def _pack_match(self, length: int, distance: int) -> None:
        at = len(self.out)
        if at - self._unpacked >= NO_MATCH:
            self._pack_literals(at, end=False)
        self._pack((at - self._unpacked) << 23 | (length - 3) << 15 | distance - 1)
        self._unpacked = at + length


def _are_codes(literals: Sequence[int], distances: Sequence[int]) -> bool:
    """Whether zlib takes both codes: complete ones, or a single code of one bit; for distances also none."""
    half, complete = 1 << 14, 1 << 15
    free = free_space(literals), free_space(distances)
    single = [codes.count(1) == 1 and space == half for codes, space in zip((literals, distances), free, strict=True)]
    return (not free[0] or single[0]) and (free[1] in (0, complete) or single[1])
