"""Progressive scans of AC coefficients of JPEG in Python: the specification of ``c/jpeg_progressive.c``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.native.jpeg_coding_twin import COEFFICIENT, CORRECTIONS_FULL, END_OF_BLOCK, LONGEST_RUN, NO_VALUE, Stop
from rmexif.native.status import Status

if TYPE_CHECKING:
    from rmexif.native.jpeg_huffman_twin import HuffmanWalk

__all__ = ["Band"]


class Band:
    """The blocks of one interval of a scan, and what libjpeg would have made of its end-of-block runs."""

    def __init__(self, walk: HuffmanWalk, stop: int) -> None:
        assert walk.history is not None
        self.walk, self.stop, self.history = walk, stop, walk.history
        self.found, self.coder, self.scan = walk.found, walk.coder, walk.scan
        table = walk.tables[1]
        assert table is not None
        self.table = table
        self.run = 0  # blocks that still end by the last run
        self.next = -1  # the block behind the last run
        self.covered = self.corrections = 0  # blocks and correction bits of the run at hand
        self.full = False  # the last run had to end where it does

    def _start_run(self, block: int, run: int, bare: bool) -> None:
        """A code starts a run with ``block``; ``bare``: which has no new coefficient."""
        if (bare and block == self.next and not self.full) or run > self.stop - block:
            self.found.eob_runs += 1
        self.next = block + run
        self.covered = self.corrections = 0
        self.full = self.scan.high == 0 and run == LONGEST_RUN
        self.run = run

    def start(self, block: int) -> None:
        """A block of a scan that starts a band."""
        k, mask, zero_runs = self.scan.start, 0, 0
        while k <= self.scan.stop:
            entry, value = self.walk.code(self.table)
            if entry & COEFFICIENT:
                k += entry >> 8 & 255
                if k > self.scan.stop + 1:
                    raise Stop(Status.BAD_VALUE)
                mask |= 1 << (k - 1)
                if self.coder:
                    self.coder.end_run()
                    for _ in range(zero_runs):
                        self.coder.symbol(1, 0xF0, 0, 0)
                    self.coder.symbol(1, self.table.symbols[entry >> 16 & 255], value, entry >> 24)
                zero_runs = 0
            elif entry >> 8 & 255 == END_OF_BLOCK:
                self._start_run(block, (1 << (entry >> 24)) + value, not mask)
                self.run -= 1
                break
            else:
                zero_runs += 1
                k += 16
        self.found.zero_runs += zero_runs > 0
        if self.coder and not mask >> self.scan.stop & 1:
            self.coder.join_run([])
        self.history[block] |= mask
        self.found.nonzero[0] |= mask

    def refine(self, block: int) -> None:  # noqa: PLR0912, PLR0915 - T.81 figure G.7 in one piece
        """A block of a scan that refines a band."""
        known, k, fresh = self.history[block], self.scan.start, 0
        held: list[list[int]] = [[]]  # correction bits: before the end of each run of 16 zeros at hand, and behind
        while k <= self.scan.stop and not self.run:
            entry, value = self.walk.code(self.table)
            if entry & NO_VALUE:
                raise Stop(Status.BAD_VALUE)
            if entry >> 8 & 255 == END_OF_BLOCK:
                self._start_run(block, (1 << (entry >> 24)) + value, not fresh)
                break
            zeros = entry >> 8 & 255  # the last of them is where the coefficient, or the run, ends
            while k <= self.scan.stop:
                if known >> k & 1:
                    held[-1].append(self.walk.take(1))
                else:
                    zeros -= 1
                    if not zeros:
                        break
                k += 1
            if entry & COEFFICIENT:
                if k > self.scan.stop:
                    raise Stop(Status.BAD_VALUE)
                fresh |= 1 << k
                if self.coder:
                    self._put(held, self.table.symbols[entry >> 16 & 255], value)
                held = [[]]
            else:
                held.append([])
            k += 1
        ends = len(held) > 1  # without a coefficient in its last place
        self.found.zero_runs += ends
        if self.run:
            ends = True
            rest = [self.walk.take(1) for at in range(k, self.scan.stop + 1) if known >> at & 1]
            held[-1] += rest
            self.run -= 1
            self._join(len(rest))
        if self.coder and ends:
            self.coder.join_run([bit for bits in held for bit in bits])
        self.history[block] |= fresh
        self.found.nonzero[0] |= fresh

    def _join(self, corrections: int) -> None:
        """One more block of the run at hand."""
        self.covered += 1
        self.corrections += corrections
        if self.covered == LONGEST_RUN or self.corrections > CORRECTIONS_FULL:
            self.found.eob_runs += self.run > 0
            self.full = not self.run
            self.covered = self.corrections = 0

    def _put(self, held: list[list[int]], symbol: int, sign: int) -> None:
        """Write a new coefficient and what was at hand before it."""
        assert self.coder is not None
        self.coder.end_run()
        for bits in held[:-1]:
            self.coder.symbol(1, 0xF0, 0, 0)
            for bit in bits:
                self.coder.put(bit, 1)
        self.coder.symbol(1, symbol, sign, 1)
        for bit in held[-1]:
            self.coder.put(bit, 1)
