"""What the Python walks over JPEG scans share: their findings, and the bits they write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.native.jpeg_scan import Scan, Walk

if TYPE_CHECKING:
    from rmexif.native.status import Status

__all__ = ["Coder", "Found", "Interval", "Refused", "Stop", "count_dc"]

LONGEST_RUN = 0x7FFF  # blocks that one end-of-block run covers (T.81, G.1.2.2)
NO_VALUE, COEFFICIENT, END_OF_BLOCK = 1 << 6, 1 << 7, 128  # in an entry of a Huffman table
# libjpeg's encoder holds 1000 correction bits and ends a run when another block might not fit.
CORRECTIONS_FULL = 1000 - 64 + 1


class Refused(Exception):
    """A table has more codes than there can be."""


class Stop(Exception):
    """The walk ends early."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Interval:
    """Where the whole MCUs of an interval end."""

    status: Status
    mcus: int
    used: int  # bytes of the input
    bits: int  # used of the last of them, 1 to 8
    differs: bool  # its last bits are not those that T.81 asks for

    def cut(self, data: bytes | memoryview) -> bytes:
        """The used bytes, padded with ones."""
        if not self.used or self.bits == 8 or (data[-1] == 0 and data[-2:-1] == b"\xff"):
            return bytes(data)
        last = data[-1] | 0xFF >> self.bits
        return bytes(data[:-1]) + bytes([last] if last < 0xFF else [0xFF, 0])


class Found:
    """The findings of a walk while it runs; the names are those of ``Walk``."""

    def __init__(self, components: int) -> None:
        self.mcus = self.used = self.end = self.dropped = self.padding = 0
        self.zero_runs = self.eob_runs = self.dc_range = 0
        self.nonzero = [0] * components
        self.codes: list[set[int]] = [set() for _ in range(2 * components)]
        self.symbols: list[dict[int, int]] = [{} for _ in range(2 * components)]
        self.out = bytearray()
        self.lacks_code = False

    def forget_symbols(self) -> None:
        """What was written of a damaged scan does not count."""
        self.symbols = [{} for _ in self.symbols]

    def walk(self, status: Status) -> Walk:
        """The findings as a value."""
        return Walk(
            status,
            mcus=self.mcus,
            used=self.used,
            end=self.end,
            dropped=self.dropped,
            padding=self.padding,
            zero_runs=self.zero_runs,
            eob_runs=self.eob_runs,
            dc_range=self.dc_range,
            nonzero=tuple(self.nonzero),
            codes=tuple(tuple(sorted(met)) for met in self.codes),
            data=bytes(self.out),
            symbols=tuple(dict(sorted(counts.items())) for counts in self.symbols),
        )


def count_dc(scan: Scan, found: Found, component: int, value: int) -> None:
    """Note a DC coefficient, still without the bits of later scans."""
    limit = 1 << (scan.precision + 3)  # T.81, F.1.2.1 and A.3.1: 11 bits and a sign for 8
    if not -limit <= value << scan.low < limit:
        found.dc_range += 1
    if value:
        found.nonzero[component] |= 1


class Coder:
    """Writes Huffman codes (T.81, F.1.2, G.1.2), end-of-block runs as libjpeg does."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self.codes: list[dict[int, tuple[int, int]]] = []  # symbol -> code, its length
        self.bits = self.held = 0
        self.data = bytearray()
        self.run = 0
        self.corrections: list[int] = []

    def set_tables(self, tables: list[bytes | None]) -> None:
        """Use these tables.

        Raises:
            Refused: one has more codes than there can be.
        """
        for table in tables:
            codes: dict[int, tuple[int, int]] = {}
            code = number = 0
            for length in range(1, 17) if table is not None else ():
                assert table is not None
                for _ in range(table[length - 1]):
                    if number > 255 or code >> length:
                        raise Refused
                    codes.setdefault(table[16 + number], (code, length))
                    code += 1
                    number += 1
                code <<= 1
            self.codes.append(codes)

    def put(self, value: int, count: int) -> None:
        """Write ``count`` bits."""
        self.bits = self.bits << count | value & ((1 << count) - 1)
        self.held += count
        if self.held >= 512:
            spare = self.held & 7
            self.data += (self.bits >> spare).to_bytes(self.held >> 3, "big")
            self.bits &= (1 << spare) - 1
            self.held = spare

    def symbol(self, table: int, symbol: int, value: int, size: int) -> None:
        """Write a code and its value bits."""
        counts = self.found.symbols[table]
        counts[symbol] = counts.get(symbol, 0) + 1
        if symbol not in self.codes[table]:
            self.found.lacks_code = True
        self.put(*self.codes[table].get(symbol, (0, 0)))
        self.put(value, size)

    def end_run(self) -> None:
        """Write the end-of-block run at hand and its correction bits."""
        if self.run:
            size = self.run.bit_length() - 1
            self.symbol(1, size << 4, self.run, size)
            for bit in self.corrections:
                self.put(bit, 1)
        self.run = 0
        self.corrections = []

    def join_run(self, corrections: list[int]) -> None:
        """A block ends: it joins the run at hand, with the correction bits behind its last new coefficient."""
        self.run += 1
        self.corrections += corrections
        if self.run == LONGEST_RUN or len(self.corrections) > CORRECTIONS_FULL:
            self.end_run()

    def finish(self) -> None:
        """End an interval."""
        self.end_run()
        self.put(0x7F, -self.held % 8)
        self.data += self.bits.to_bytes(self.held >> 3, "big")
        self.found.out += self.data.replace(b"\xff", b"\xff\x00")
        self.bits = self.held = 0
        self.data = bytearray()
