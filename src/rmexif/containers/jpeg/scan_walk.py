"""A walk over the Huffman codes of JPEG scans (ITU-T T.81, F.2 for sequential and G.2 for progressive ones).

It finds the bit behind the last MCU of each restart interval, where decoders stop. It decodes no coefficient, but adds
up the lengths of codes. Arithmetic-coded scans have no such lengths.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.jpeg.huffman import UNMET, HuffmanTable, ScanError

if TYPE_CHECKING:
    from rmexif.containers.jpeg.headers import FrameHeader, ScanHeader

__all__ = ["ScanWalker", "TablePair"]

TablePair = tuple[HuffmanTable, HuffmanTable]  # DC, AC


def _sequential(tables: list[TablePair], count: int, data: bytes) -> int:
    """Bits that ``count`` MCUs of a sequential scan take: one flat loop, since it runs once per coefficient.

    Args:
        tables: DC and AC table of each block of an MCU.
        count: MCUs.
        data: the interval's bytes, stuffing removed.
    """
    padded = data + b"\xff" * (8 + -len(data) % 4)
    words = struct.unpack(f">{len(padded) // 4}I", padded)
    plan = [(dc.lookup, ac.lookup, dc.learn, ac.learn) for dc, ac in tables]
    bits = held = taken = 0
    try:
        for _ in range(count):
            for dc, ac, learn_dc, learn_ac in plan:
                if held < 32:
                    bits = (bits << 32 | words[taken]) & 0xFFFFFFFFFFFFFFFF
                    taken += 1
                    held += 32
                entry = dc[bits >> (held - 16) & 0xFFFF]
                if entry == UNMET:
                    entry = learn_dc(bits >> (held - 16) & 0xFFFF)
                held -= entry >> 8
                k = 1
                while True:
                    while k < 64:
                        if held < 32:
                            bits = (bits << 32 | words[taken]) & 0xFFFFFFFFFFFFFFFF
                            taken += 1
                            held += 32
                        entry = ac[bits >> (held - 16) & 0xFFFF]
                        held -= entry >> 8
                        k += entry & 255
                    if k < UNMET:
                        break
                    k -= UNMET
                    learn_ac(bits >> (held - 16) & 0xFFFF)
    except IndexError as error:
        raise ScanError("the data ends early") from error
    return taken * 32 - held


class ScanWalker:
    """Walks the scans of one frame in file order, and counts the bytes that each restart interval needs."""

    def __init__(self, frame: FrameHeader) -> None:
        self.frame = frame
        across, down = frame.mcus
        self.stride = {c.ident: across * c.h for c in frame.components}
        # Progressive refinement needs to know which coefficients are non-zero already: one bit per coefficient.
        rows = {c.ident: down * c.v for c in frame.components}
        self.known = {
            c.ident: [0] * (self.stride[c.ident] * rows[c.ident]) for c in frame.components if frame.progressive
        }
        self.data = b""
        self.position = 0
        self.bits = 0
        self.held = 0
        self.run = 0

    def interval(
        self, scan: ScanHeader, tables: list[TablePair], first: int, count: int, data: bytes
    ) -> tuple[int, int]:
        """Walk MCUs ``first`` to ``first + count`` of a scan over one restart interval.

        Args:
            scan: the scan header.
            tables: DC and AC table per component of the scan.
            first: number of the first MCU.
            count: MCUs in the interval.
            data: the interval's bytes, stuffing removed.

        Returns:
            Bytes used, and used bits of the last of them (1-8; 8 where the data ends with the byte).

        Raises:
            ScanError: no such code, or the data ends early.
        """
        if self.frame.progressive:
            used = self._progressive(scan, tables, first, count, data)
        else:
            alone = len(scan.components) == 1
            pairs = zip(scan.components, tables, strict=True)
            plan = [pair for c, pair in pairs for _ in range(1 if alone else c.h * c.v)]
            used = _sequential(plan, count, data)
        if used > len(data) * 8:
            raise ScanError("the data ends early")
        return (used + 7) // 8, (used - 1) % 8 + 1 if used else 8

    def _progressive(self, scan: ScanHeader, tables: list[TablePair], first: int, count: int, data: bytes) -> int:
        self.data, self.position, self.bits, self.held, self.run = data, 0, 0, 0, 0
        single = len(scan.components) == 1
        across = self.frame.blocks(scan.components[0])[0] if single else self.frame.mcus[0]
        for mcu in range(first, first + count):
            y, x = divmod(mcu, across)
            for component, (dc, ac) in zip(scan.components, tables, strict=True):
                if single:
                    self._block(scan, component.ident, y * self.stride[component.ident] + x, dc, ac)
                    continue
                for v in range(component.v):
                    row = (y * component.v + v) * self.stride[component.ident] + x * component.h
                    for h in range(component.h):
                        self._block(scan, component.ident, row + h, dc, ac)
        return self.position * 8 - self.held

    def _block(self, scan: ScanHeader, ident: int, index: int, dc: HuffmanTable, ac: HuffmanTable) -> None:
        if scan.start == 0:
            self._bits(1 if scan.high else self._symbol(dc) & 15)
        elif scan.high == 0:
            self._first(scan, self.known[ident], index, ac)
        else:
            self._refine(scan, self.known[ident], index, ac)

    def _first(self, scan: ScanHeader, known: list[int], index: int, ac: HuffmanTable) -> None:
        if self.run:
            self.run -= 1
            return
        k, mask = scan.start, known[index]
        while k <= scan.stop:
            symbol = self._symbol(ac)
            zeros, size = symbol >> 4, symbol & 15
            if size:
                k += zeros
                self._bits(size)
                mask |= 1 << k
            elif zeros == 15:
                k += 15
            else:
                self.run = (1 << zeros) - 1 + self._bits(zeros)
                break
            k += 1
        known[index] = mask

    def _refine(self, scan: ScanHeader, known: list[int], index: int, ac: HuffmanTable) -> None:
        k, mask = scan.start, known[index]
        while k <= scan.stop and not self.run:
            symbol = self._symbol(ac)
            zeros, size = symbol >> 4, symbol & 15
            if size > 1:
                raise ScanError("a new coefficient of another size than 1")  # T.81, G.1.2.3
            if not size and zeros < 15:
                self.run = (1 << zeros) + self._bits(zeros)
                break
            if size:
                self._bits(1)
            while k <= scan.stop:
                if mask >> k & 1:
                    self._bits(1)
                elif zeros == 0:
                    break
                else:
                    zeros -= 1
                k += 1
            if size and k <= scan.stop:
                known[index] |= 1 << k
            k += 1
        if self.run:
            band = mask >> k & ((1 << max(0, scan.stop - k + 1)) - 1)
            for _ in range(band.bit_count()):
                self._bits(1)
            self.run -= 1

    def table(self, entry: bytes) -> HuffmanTable:
        """The table of a DHT entry (class and slot, counts, symbols) as this walk wants it."""
        return HuffmanTable(entry, not self.frame.progressive)

    def _fill(self) -> None:
        chunk = self.data[self.position : self.position + 6].ljust(6, b"\xff")
        self.bits = (self.bits & ((1 << self.held) - 1)) << 48 | int.from_bytes(chunk, "big")
        self.held += 48
        self.position += 6
        if self.position - 16 > len(self.data):
            raise ScanError("the data ends early")

    def _symbol(self, table: HuffmanTable) -> int:
        if self.held < 16:
            self._fill()
        window = self.bits >> (self.held - 16) & 0xFFFF
        entry = table.lookup[window]
        if entry == UNMET:
            entry = table.learn(window)
        self.held -= entry >> 8
        return entry & 0xFF

    def _bits(self, count: int) -> int:
        if self.held < count:
            self._fill()
        self.held -= count
        return self.bits >> self.held & ((1 << count) - 1)
