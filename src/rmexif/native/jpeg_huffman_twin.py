"""Huffman-coded JPEG scans in Python: the specification of ``c/jpeg_huffman.c`` and ``c/jpeg_progressive.c``."""

from __future__ import annotations

import struct
from array import array

from rmexif.native.jpeg_coding_twin import (
    COEFFICIENT,
    END_OF_BLOCK,
    NO_VALUE,
    Coder,
    Found,
    Interval,
    Refused,
    Stop,
    count_dc,
)
from rmexif.native.jpeg_progressive_twin import Band
from rmexif.native.jpeg_scan import TABLE_SIZE, Scan, reads_ac, reads_dc
from rmexif.native.status import Status

__all__ = ["HuffmanWalk"]

DC, LOSSLESS, AC_SEQUENTIAL, AC_FIRST, AC_REFINE = range(5)  # what a symbol means
BLOCK_BYTES = 256  # more than a data unit takes: 64 codes of 16 bits and 16 bits of value each


def _entry(kind: int, symbol: int, length: int, number: int) -> int:
    """Bits of code and value | flags | coefficients stepped over << 8 | number of the code << 16 | value bits << 24."""
    size, run = symbol & 15, symbol >> 4
    step, flags = run + 1, COEFFICIENT
    if kind in (DC, LOSSLESS):
        flags = NO_VALUE if symbol > (15 if kind == DC else 16) else 0
        size = symbol if symbol < 16 else 0  # a difference of 32768 has no bits (T.81, H.1.2.2)
    elif size:
        if kind == AC_REFINE and size > 1:
            flags = NO_VALUE  # T.81, G.1.2.3
    elif run == 15:
        flags = 0
    else:
        flags, step = 0, END_OF_BLOCK
        size = 0 if kind == AC_SEQUENTIAL else run  # an end-of-block run's length (T.81, G.1.2.2)
    return (length + size) | flags | step << 8 | number << 16 | size << 24


class Table:
    """A Huffman table during a walk: its lookup learns every code when it is first met, and so notes which were."""

    __slots__ = ("entries", "met", "symbols")

    def __init__(self, kind: int, table: bytes, met: set[int]) -> None:
        self.symbols = table[16:]
        self.met = met
        self.entries = array("i", bytes(4 << 16))  # negative: known, but not met yet
        code = number = 0
        for length, count in enumerate(table[:16], 1):
            width = 1 << (16 - length)
            for _ in range(count):
                if number > 255 or code > 0xFFFF:
                    raise Refused
                entry = _entry(kind, self.symbols[number], length, number)
                self.entries[code : code + width] = array("i", [-entry]) * width
                code += width
                number += 1
        if code > 1 << 16:
            raise Refused

    def learn(self, window: int) -> int:
        """The entry of the code that the 16 bits ``window`` start with.

        Raises:
            Stop: no code starts like this.
        """
        entry = -self.entries[window]
        if not entry:
            raise Stop(Status.BAD_CODE)
        self.met.add(entry >> 16 & 255)
        width = 1 << (16 - (entry & 63) + (entry >> 24))
        start = window & -width
        self.entries[start : start + width] = array("i", [entry]) * width
        return entry


class HuffmanWalk:
    """Walks the intervals of one scan."""

    def __init__(
        self, scan: Scan, history: array[int] | None, found: Found, coder: Coder | None, new_tables: tuple[bytes, ...]
    ) -> None:
        self.scan, self.found, self.coder = scan, found, coder
        self.history = history
        self.units = [c for c, component in enumerate(scan.components) for _ in range(component.units)]
        dc = LOSSLESS if scan.sof == 0xC3 else DC
        ac = AC_SEQUENTIAL if scan.sof != 0xC2 else AC_REFINE if scan.high else AC_FIRST
        self.tables: list[Table | None] = []
        known: dict[tuple[int, bytes], Table] = {}
        new: list[bytes | None] = []
        for n in range(2 * len(scan.components)):
            component = scan.components[n // 2]
            is_read = (reads_ac if n % 2 else reads_dc)(scan)
            table = (component.ac if n % 2 else component.dc)[:TABLE_SIZE].ljust(TABLE_SIZE, b"\0")
            if is_read and (n % 2, table) not in known:
                known[n % 2, table] = Table(ac if n % 2 else dc, table, found.codes[n])
            self.tables.append(known[n % 2, table] if is_read else None)
            if is_read:
                found.codes[n] = known[n % 2, table].met
            new.append((new_tables[n] if n < len(new_tables) else b"").ljust(TABLE_SIZE, b"\0") if is_read else None)
        if coder:
            coder.set_tables(new)
        self.data, self.position, self.total = b"", 0, 0

    def interval(self, first: int, count: int, raw: bytes) -> Interval:
        """Walk ``count`` MCUs over the bytes of one interval."""
        data = raw.removesuffix(b"\xff").replace(b"\xff\x00", b"\xff")
        self.total = 8 * len(data)
        self.data = data + bytes(
            BLOCK_BYTES * len(self.units) + 16 + -len(data) % 4
        )  # zeros past the end, as decoders supply
        self.position = 0
        if self.scan.sof != 0xC2:
            mcus, status = self._lossless(count) if self.scan.sof == 0xC3 else self._sequential(count)
        elif self.scan.start == 0:
            mcus, status = self._dc(count)
        else:
            mcus, status = self._band(first, count)
        if self.coder and status is Status.OK:
            self.coder.finish()
        size = (self.position + 7) // 8
        bits = (self.position - 1) % 8 + 1 if self.position else 8
        ones = 0xFF >> bits
        differs = bits < 8 and data[size - 1] & ones != ones
        return Interval(status, mcus, size + data.count(b"\xff", 0, size), bits, differs)

    def _status(self, error: Stop | None) -> Status:
        return Status.ENDS_EARLY if self.position > self.total else error.status if error else Status.OK

    def code(self, table: Table) -> tuple[int, int]:
        """The entry of the next code, and its value bits.

        Raises:
            Stop: no such code, or its value cannot be.
        """
        at = self.position
        window = int.from_bytes(self.data[at >> 3 : (at >> 3) + 3], "big") >> (8 - (at & 7)) & 0xFFFF
        entry = table.entries[window]
        if entry <= 0:
            entry = table.learn(window)
        size = entry >> 24
        self.position += (entry & 63) - size
        return entry, self.take(size)

    def take(self, count: int) -> int:
        """The next ``count`` bits."""
        at, self.position = self.position, self.position + count
        chunk = self.data[at >> 3 : (self.position + 7) >> 3]
        return int.from_bytes(chunk, "big") >> (-self.position & 7) & ((1 << count) - 1)

    def _dc_code(self, component: int, predicted: int) -> int:
        """The next DC coefficient."""
        table = self.tables[2 * component]
        assert table is not None
        entry, value = self.code(table)
        if entry & NO_VALUE:
            raise Stop(Status.BAD_VALUE)
        size = entry >> 24
        if self.coder:
            self.coder.symbol(2 * component, table.symbols[entry >> 16 & 255], value, size)
        return predicted + value - (0 if not size or value >> (size - 1) else (1 << size) - 1)

    def _lossless(self, count: int) -> tuple[int, Status]:
        for mcu in range(count):
            complete, error = self.position, None
            try:
                for c in self.units:
                    self._dc_code(c, 0)
            except Stop as stop:
                error = stop
            status = self._status(error)
            if status is not Status.OK:
                self.position = complete
                return mcu, status
        return count, Status.OK

    def _dc(self, count: int) -> tuple[int, Status]:
        """A scan that starts or refines DC coefficients (T.81, G.1.2.1)."""
        predicted = [0] * 4
        for mcu in range(count):
            complete, error = self.position, None
            try:
                for c in self.units:
                    if not self.scan.high:
                        predicted[c] = self._dc_code(c, predicted[c])
                        count_dc(self.scan, self.found, c, predicted[c])
                        continue
                    bit = self.take(1)
                    self.found.nonzero[c] |= bit
                    if self.coder:
                        self.coder.put(bit, 1)
            except Stop as stop:
                error = stop
            status = self._status(error)
            if status is not Status.OK:
                self.position = complete
                return mcu, status
        return count, Status.OK

    def _sequential(self, count: int) -> tuple[int, Status]:
        """A sequential scan: one flat loop, since it runs once per coefficient."""
        words = struct.unpack(f">{len(self.data) // 4}I", self.data[: len(self.data) & -4])
        predicted, coder = [0] * 4, self.coder
        bits = held = taken = 0
        for mcu in range(count):
            complete, error = taken * 32 - held, None
            try:
                for c in self.units:
                    self.position, ac = taken * 32 - held, self.tables[2 * c + 1]
                    assert ac is not None
                    predicted[c] = self._dc_code(c, predicted[c])
                    count_dc(self.scan, self.found, c, predicted[c])
                    taken, rest = divmod(self.position, 32)
                    held, bits, taken = 32 - rest, words[taken], taken + 1
                    entries, met = ac.entries, []
                    k, mask, entry = 1, 0, 0
                    while k < 64:
                        if held < 32:
                            bits = (bits << 32 | words[taken]) & 0xFFFFFFFFFFFFFFFF
                            taken += 1
                            held += 32
                        window = bits >> (held - 16) & 0xFFFF
                        entry = entries[window]
                        if entry <= 0:
                            self.position = taken * 32 - held
                            entry = ac.learn(window)
                        held -= entry & 63
                        k += entry >> 8 & 255
                        mask |= (entry >> 7 & 1) << (k - 1)
                        if coder:
                            met.append((entry, bits >> held & ((1 << (entry >> 24)) - 1)))
                    self.position = taken * 32 - held
                    self._end_block(c, k, mask, entry, met)
            except Stop as stop:
                error = stop
            status = self._status(error)
            if status is not Status.OK:
                self.position = complete
                return mcu, status
        return count, Status.OK

    def _end_block(self, c: int, k: int, mask: int, entry: int, met: list[tuple[int, int]]) -> None:
        """Judge a sequential block: its last entry stepped to ``k``."""
        table = self.tables[2 * c + 1]
        assert table is not None
        if self.coder:
            zero_runs = 0
            for one, value in met:
                if not one & COEFFICIENT:
                    zero_runs += 1
                    continue
                for _ in range(zero_runs):
                    self.coder.symbol(2 * c + 1, 0xF0, 0, 0)
                zero_runs = 0
                self.coder.symbol(2 * c + 1, table.symbols[one >> 16 & 255], value, one >> 24)
        if entry & COEFFICIENT:
            if k > 64:
                raise Stop(Status.BAD_VALUE)
        else:
            at = k - END_OF_BLOCK if k >= END_OF_BLOCK else 64
            self.found.zero_runs += (mask | 1).bit_length() != at
            if self.coder:
                self.coder.symbol(2 * c + 1, 0x00, 0, 0)
        self.found.nonzero[c] |= mask

    def _band(self, first: int, count: int) -> tuple[int, Status]:
        """A scan of AC coefficients of a progressive frame (T.81, G.1.2.2, G.1.2.3)."""
        block, stop = first, first + count
        band = Band(self, stop)
        while block < stop:
            if band.run and not self.scan.high:  # nothing is coded of these blocks
                for _ in range(min(band.run, stop - block) if self.coder else 0):
                    assert self.coder is not None
                    self.coder.join_run([])
                block, band.run = min(block + band.run, stop), 0
                continue
            complete, error = self.position, None
            try:
                band.refine(block) if self.scan.high else band.start(block)
            except Stop as reason:
                error = reason
            status = self._status(error)
            if status is not Status.OK:
                self.position = complete
                return block - first, status
            block += 1
        return count, Status.OK
