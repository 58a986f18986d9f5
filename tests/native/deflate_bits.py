"""Writes DEFLATE streams (RFC 1951) bit by bit, also such as no encoder writes."""

from __future__ import annotations


class Bits:
    """Bits of a stream, the lowest of a byte first."""

    def __init__(self) -> None:
        self.bits = ""

    def number(self, value: int, count: int) -> Bits:
        self.bits += f"{value:0{count}b}"[::-1] if count else ""
        return self

    def code(self, bits: str) -> Bits:
        self.bits += bits
        return self

    def stored(self, data: bytes, *, last: bool = False, padding: int = 0) -> Bits:
        self.number(last, 3)
        count = -len(self.bits) % 8
        self.number(padding & (1 << count) - 1, count)
        return (
            self.number(len(data), 16)
            .number(len(data) ^ 0xFFFF, 16)
            .number(int.from_bytes(data, "little"), 8 * len(data))
        )

    def fixed(self, data: bytes, *, last: bool = False) -> Bits:
        """Literals up to 143 only (3.2.6)."""
        self.number(last | 2, 3)
        for byte in data:
            assert byte < 144
            self.code(f"{byte + 0x30:08b}")
        return self.code("0" * 7)

    def dynamic(
        self, literals: list[int], distances: list[int], data: bytes, *, last: bool = False, runs: bool = False
    ) -> Bits:
        """Code lengths one by one, in 4 bits each (with ``runs`` zeros in runs), then literals."""
        self.number(last | 4, 3).number(len(literals) - 257, 5).number(len(distances) - 1, 5).number(15, 4)
        order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
        sizes = {n: 4 if n < 13 else 5 for n in range(19)} if runs else dict.fromkeys(range(16), 4)
        for n in order:
            self.number(sizes.get(n, 0), 3)
        codes = canonical([sizes.get(n, 0) for n in range(19)])
        lengths, at = [*literals, *distances], 0
        while at < len(lengths):
            run = next((n for n, its in enumerate(lengths[at:]) if its), len(lengths) - at)
            if runs and run >= 11:
                self.code(codes[18]).number(min(run, 138) - 11, 7)
                at += min(run, 138)
            else:
                self.code(codes[lengths[at]])
                at += 1
        codes = canonical(literals)
        for byte in data:
            self.code(codes[byte])
        return self.code(codes[256])

    @property
    def bytes(self) -> bytes:
        padded = self.bits + "0" * (-len(self.bits) % 8)
        return bytes(int(padded[n : n + 8][::-1], 2) for n in range(0, len(padded), 8))


def canonical(lengths: list[int]) -> dict[int, str]:
    codes, code = {}, 0
    for size in range(1, 16):
        for symbol, its in enumerate(lengths):
            if its == size:
                codes[symbol] = f"{code:0{size}b}"
                code += 1
        code <<= 1
    return codes


def literal_lengths(data: bytes, size: int, more: dict[int, int] | None = None) -> list[int]:
    lengths = [0] * 257
    for symbol in {*data, 256}:
        lengths[symbol] = size
    for symbol, its in (more or {}).items():
        lengths[symbol] = its
    return lengths
