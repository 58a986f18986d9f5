"""Arithmetic-coded JPEG scans in Python: the specification of ``c/jpeg_arithmetic.c``.

They are decoded, and encoded again on the way, since only the encoder knows where the shortest code string for the
same decisions ends (ITU-T T.81, annex D, F.1.4, G.1.3).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from rmexif.native.jpeg_coding_twin import Found, Interval, Stop, count_dc
from rmexif.native.status import Status

if TYPE_CHECKING:
    from array import array

    from rmexif.native.jpeg_scan import Scan

__all__ = ["ArithmeticWalk"]

X1_DC, X2_LOW, X2_HIGH, MAGNITUDE_BINS = 20, 189, 217, 14  # where bins of magnitudes start (T.81, tables F.4, F.5)
FIXED = 113

# T.81, table D.3: Qe, next state after the less probable decision, after the more probable one, whether the less
# probable one becomes more probable. The last row is a probability of one half that stays (T.851, 10.3).
# fmt: off
STATES = (
    (0x5a1d, 1, 1, 1), (0x2586, 14, 2, 0), (0x1114, 16, 3, 0), (0x080b, 18, 4, 0), (0x03d8, 20, 5, 0),
    (0x01da, 23, 6, 0), (0x00e5, 25, 7, 0), (0x006f, 28, 8, 0), (0x0036, 30, 9, 0), (0x001a, 33, 10, 0),
    (0x000d, 35, 11, 0), (0x0006, 9, 12, 0), (0x0003, 10, 13, 0), (0x0001, 12, 13, 0), (0x5a7f, 15, 15, 1),
    (0x3f25, 36, 16, 0), (0x2cf2, 38, 17, 0), (0x207c, 39, 18, 0), (0x17b9, 40, 19, 0), (0x1182, 42, 20, 0),
    (0x0cef, 43, 21, 0), (0x09a1, 45, 22, 0), (0x072f, 46, 23, 0), (0x055c, 48, 24, 0), (0x0406, 49, 25, 0),
    (0x0303, 51, 26, 0), (0x0240, 52, 27, 0), (0x01b1, 54, 28, 0), (0x0144, 56, 29, 0), (0x00f5, 57, 30, 0),
    (0x00b7, 59, 31, 0), (0x008a, 60, 32, 0), (0x0068, 62, 33, 0), (0x004e, 63, 34, 0), (0x003b, 32, 35, 0),
    (0x002c, 33, 9, 0), (0x5ae1, 37, 37, 1), (0x484c, 64, 38, 0), (0x3a0d, 65, 39, 0), (0x2ef1, 67, 40, 0),
    (0x261f, 68, 41, 0), (0x1f33, 69, 42, 0), (0x19a8, 70, 43, 0), (0x1518, 72, 44, 0), (0x1177, 73, 45, 0),
    (0x0e74, 74, 46, 0), (0x0bfb, 75, 47, 0), (0x09f8, 77, 48, 0), (0x0861, 78, 49, 0), (0x0706, 79, 50, 0),
    (0x05cd, 48, 51, 0), (0x04de, 50, 52, 0), (0x040f, 50, 53, 0), (0x0363, 51, 54, 0), (0x02d4, 52, 55, 0),
    (0x025c, 53, 56, 0), (0x01f8, 54, 57, 0), (0x01a4, 55, 58, 0), (0x0160, 56, 59, 0), (0x0125, 57, 60, 0),
    (0x00f6, 58, 61, 0), (0x00cb, 59, 62, 0), (0x00ab, 61, 63, 0), (0x008f, 61, 32, 0), (0x5b12, 65, 65, 1),
    (0x4d04, 80, 66, 0), (0x412c, 81, 67, 0), (0x37d8, 82, 68, 0), (0x2fe8, 83, 69, 0), (0x293c, 84, 70, 0),
    (0x2379, 86, 71, 0), (0x1edf, 87, 72, 0), (0x1aa9, 87, 73, 0), (0x174e, 72, 74, 0), (0x1424, 72, 75, 0),
    (0x119c, 74, 76, 0), (0x0f6b, 74, 77, 0), (0x0d51, 75, 78, 0), (0x0bb6, 77, 79, 0), (0x0a40, 77, 48, 0),
    (0x5832, 80, 81, 1), (0x4d1c, 88, 82, 0), (0x438e, 89, 83, 0), (0x3bdd, 90, 84, 0), (0x34ee, 91, 85, 0),
    (0x2eae, 92, 86, 0), (0x299a, 93, 87, 0), (0x2516, 86, 71, 0), (0x5570, 88, 89, 1), (0x4ca9, 95, 90, 0),
    (0x44d9, 96, 91, 0), (0x3e22, 97, 92, 0), (0x3824, 99, 93, 0), (0x32b4, 99, 94, 0), (0x2e17, 93, 86, 0),
    (0x56a8, 95, 96, 1), (0x4f46, 101, 97, 0), (0x47e5, 102, 98, 0), (0x41cf, 103, 99, 0), (0x3c3d, 104, 100, 0),
    (0x375e, 99, 93, 0), (0x5231, 105, 102, 0), (0x4c0f, 106, 103, 0), (0x4639, 107, 104, 0), (0x415e, 103, 99, 0),
    (0x5627, 105, 106, 1), (0x50e7, 108, 107, 0), (0x4b85, 109, 103, 0), (0x5597, 110, 109, 0), (0x504f, 111, 107, 0),
    (0x5a10, 110, 111, 1), (0x5522, 112, 109, 0), (0x59eb, 112, 111, 1), (0x5a1d, 113, 113, 0),
)
# fmt: on


class Encoder:
    """T.81, D.1."""

    def __init__(self) -> None:
        self.data = bytearray()  # stuffed
        self.c, self.a, self.bits = 0, 0x10000, 11
        self.byte = -1  # held back, since a carry may reach it
        self.ones = self.zeros = 0  # bytes of 0xFF that a carry would turn; bytes of 0 that need not be written

    def encode(self, bin_state: int, decision: int) -> None:
        """Encode a decision (D.1.4)."""
        qe = STATES[bin_state & 0x7F][0]
        self.a -= qe
        if (decision != bin_state >> 7) != (self.a < qe):
            self.c += self.a
            self.a = qe
        while self.a < 0x8000:
            self.a <<= 1
            self.c <<= 1
            self.bits -= 1
            if not self.bits:
                self._byte_out()

    def _byte_out(self) -> None:
        byte = self.c >> 19
        if byte == 0xFF:
            self.ones += 1
        else:
            self._release(byte > 0xFF)
            self.byte = byte & 0xFF
        self.c &= 0x7FFFF
        self.bits = 8

    def _release(self, carry: bool) -> None:
        if carry:
            if self.byte >= 0:
                self._emit(self.byte + 1)
            self.zeros += self.ones
        else:
            if self.byte == 0:
                self.zeros += 1
            elif self.byte > 0:
                self._emit(self.byte)
            for _ in range(self.ones):
                self._emit(0xFF)
        self.ones = 0

    def _emit(self, byte: int) -> None:
        self.data += bytes(self.zeros) + (b"\xff\x00" if byte == 0xFF else bytes([byte]))
        self.zeros = 0

    def finish(self) -> bytes:
        """The code string, without zeros at its end (D.1.8)."""
        top = (self.a - 1 + self.c) & ~0xFFFF
        self.c = (top + 0x8000 if top < self.c else top) << self.bits
        self._release(self.c >> 27 != 0)
        if self.c & 0x7FFF800:
            self._emit(self.c >> 19 & 0xFF)
            if self.c & 0x7F800:
                self._emit(self.c >> 11 & 0xFF)
        return bytes(self.data)


class Decoder:
    """T.81, D.2; zeros past the end of the data. What it decodes is encoded again."""

    def __init__(self, data: bytes) -> None:
        self.data = data  # stuffing removed
        self.c, self.a, self.bits = int.from_bytes(data[:2].ljust(2, b"\0"), "big"), 0x10000, 0
        self.next = 2
        self.encoder = Encoder()

    def decide(self, bins: bytearray, at: int) -> int:
        """Decode a decision (D.2.4)."""
        while self.a < 0x8000:
            self.bits -= 1
            if self.bits < 0:
                self.c = self.c << 8 | (self.data[self.next] if self.next < len(self.data) else 0)
                self.next += 1
                self.bits += 8
            self.a <<= 1
        old = bins[at]
        qe, next_lps, next_mps, switches = STATES[old & 0x7F]
        self.a -= qe
        upper = self.c >> self.bits >= self.a
        less_probable = upper != (self.a < qe)
        if upper:
            self.c -= self.a << self.bits
            self.a = qe
        if less_probable:
            bins[at] = (old & 0x80) ^ (switches << 7) ^ next_lps
        elif self.a < 0x8000:
            bins[at] = (old & 0x80) | next_mps
        decision = old >> 7 ^ less_probable
        self.encoder.encode(old, decision)
        return decision

    def decide_evenly(self) -> int:
        """Decode a decision of probability one half."""
        return self.decide(bytearray([FIXED]), 0)


class _Interval:
    """The state of one interval."""

    def __init__(self, data: bytes) -> None:
        self.coder = Decoder(data)
        self.dc = [bytearray(64) for _ in range(4)]  # per slot: row of STATES, bit 7 the more probable decision
        self.ac = [bytearray(256) for _ in range(4)]
        self.predicted = [0] * 4
        self.context = [0] * 4  # T.81, F.1.4.4.1.2


class ArithmeticWalk:
    """Walks the intervals of one scan."""

    def __init__(self, scan: Scan, history: array[int] | None, found: Found) -> None:
        self.scan, self.found = scan, found
        self.history = history

    def interval(self, first: int, count: int, raw: bytes) -> Interval:
        """Walk ``count`` MCUs over the bytes of one interval, and write its canonical code string."""
        state = _Interval(raw.removesuffix(b"\xff").replace(b"\xff\x00", b"\xff"))
        status, mcu = Status.OK, 0
        for mcu in range(count):
            complete, size = copy.copy(state.coder.encoder), len(state.coder.encoder.data)
            try:
                for c, component in enumerate(self.scan.components):
                    for _ in range(component.units):
                        self._unit(state, c, first + mcu)
            except Stop as stop:
                status = stop.status
                del complete.data[size:]  # the copy shares it
                state.coder.encoder = complete
                break
        else:
            mcu = count
        data = state.coder.encoder.finish()
        self.found.out += data
        return Interval(status, mcu, min(len(data), len(raw)), 8, not raw.startswith(data))

    def _unit(self, state: _Interval, c: int, block: int) -> None:
        scan, mask = self.scan, 0
        if scan.start:
            assert self.history is not None
            mask = self._refine(state, self.history[block]) if scan.high else self._ac(state, c, scan.start, scan.stop)
            self.history[block] |= mask
        elif scan.high:
            mask = state.coder.decide_evenly()
        else:
            self._dc(state, c)
            if scan.stop:
                mask = self._ac(state, c, 1, 63)
        self.found.nonzero[c] |= mask

    def _magnitude(self, coder: Decoder, bins: bytearray, at: int, m: int) -> tuple[int, int]:
        """The category and the magnitude, less 1, behind its first decision (T.81, F.1.4.4.1.3)."""
        while coder.decide(bins, at):
            m <<= 1
            at += 1
            if m == 0x8000:
                raise Stop(Status.BAD_VALUE)
        value, bit = m, m >> 1
        while bit:
            if coder.decide(bins, at + MAGNITUDE_BINS):
                value |= bit
            bit >>= 1
        return m, value

    def _dc(self, state: _Interval, c: int) -> None:
        """A DC coefficient (T.81, F.1.4.1)."""
        component, coder = self.scan.components[c], state.coder
        bins, at = state.dc[component.dc_slot], state.context[c]
        state.context[c] = 0
        if coder.decide(bins, at):
            sign = coder.decide(bins, at + 1)
            m = value = 0
            if coder.decide(bins, at + 2 + sign):
                m, value = self._magnitude(coder, bins, X1_DC, 1)
            lower, upper, _ = component.conditioning
            if m > 1 << upper >> 1:
                state.context[c] = 12 + 4 * sign
            elif m >= 1 << lower >> 1:
                state.context[c] = 4 + 4 * sign
            state.predicted[c] += -(value + 1) if sign else value + 1
        count_dc(self.scan, self.found, c, state.predicted[c])

    def _ac(self, state: _Interval, c: int, start: int, stop: int) -> int:
        """The coefficients of a block (T.81, F.1.4.2): bit k for each that is not zero."""
        component, coder = self.scan.components[c], state.coder
        bins, k, mask = state.ac[component.ac_slot], start, 0
        while k <= stop and not coder.decide(bins, 3 * k - 3):
            while not coder.decide(bins, 3 * k - 2):
                k += 1
                if k > stop:
                    raise Stop(Status.BAD_VALUE)
            coder.decide_evenly()  # sign
            if coder.decide(bins, 3 * k - 1) and coder.decide(bins, 3 * k - 1):
                self._magnitude(coder, bins, X2_LOW if k <= component.conditioning[2] else X2_HIGH, 2)
            mask |= 1 << k
            k += 1
        return mask

    def _refine(self, state: _Interval, known: int) -> int:
        """Refine the coefficients of a block (T.81, G.1.3.3): bit k for each that becomes nonzero."""
        coder, bins = state.coder, state.ac[self.scan.components[0].ac_slot]
        stop, k, fresh = self.scan.stop, self.scan.start, 0
        last = (known & ((2 << stop) - 1)).bit_length() - 1
        while k <= stop and not (k > last and coder.decide(bins, 3 * k - 3)):
            while True:
                if known >> k & 1:
                    coder.decide(bins, 3 * k - 1)
                    break
                if coder.decide(bins, 3 * k - 2):
                    coder.decide_evenly()
                    fresh |= 1 << k
                    break
                k += 1
                if k > stop:
                    raise Stop(Status.BAD_VALUE)
            k += 1
        return fresh
