"""Prefix codes of VP8L in Python: what ``c/vp8l_code.c`` must do (RFC 9649, 3.7.2)."""

from __future__ import annotations

from rmexif.native.status import Status

__all__ = ["Bits", "Code", "Stop", "read_code"]

ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # of code length codes (3.7.2.1.2)
REPEATS = {16: (2, 3), 17: (3, 3), 18: (7, 11)}  # bits, and what is added to them


class Stop(Exception):
    """The walk ends here."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Bits:
    """Bits of a stream, the lowest of a byte first."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = bytes(data)
        self.position = 0  # bit
        self.size = 8 * len(self.data)

    def peek(self, count: int) -> int:
        """The next ``count`` bits, up to 32; zeros follow the data."""
        start = self.position >> 3
        return int.from_bytes(self.data[start : start + 5], "little") >> (self.position & 7) & (1 << count) - 1

    def skip(self, count: int) -> None:
        """Go on."""
        self.position += count
        if self.position > self.size:
            raise Stop(Status.ENDS_EARLY)

    def take(self, count: int) -> int:
        """The next ``count`` bits, up to 32."""
        value = self.peek(count)
        self.skip(count)
        return value


class Code:
    """A prefix code (3.7.2)."""

    def __init__(self, lengths: list[int]) -> None:
        coded = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
        self.symbols = len(coded)
        self.seen = set[int]()
        self.only = coded[0][1] if len(coded) == 1 else None
        self.codes = dict[tuple[int, int], int]()
        self.longest = coded[-1][0] if coded else 0
        if self.only is None and sum(1 << 15 - length for length, _ in coded) != 1 << 15:
            raise Stop(Status.BAD_CODE)
        code, previous = 0, 0
        for length, symbol in coded:
            code <<= length - previous
            previous = length
            self.codes[length, int(f"{code:0{length}b}"[::-1], 2)] = symbol
            code += 1
        self.table = self._table(min(8, self.longest))

    def _table(self, bits: int) -> list[tuple[int, int] | None]:
        """Symbol and length by the next ``bits`` bits."""
        table: list[tuple[int, int] | None] = [None] * (1 << bits)
        for (length, code), symbol in self.codes.items():
            if length <= bits:
                for index in range(code, 1 << bits, 1 << length):
                    table[index] = symbol, length
        return table

    def read(self, bits: Bits) -> int:
        """The next symbol."""
        if self.only is not None:
            self.seen.add(self.only)
            return self.only
        ahead = bits.peek(15)
        found = self.table[ahead & len(self.table) - 1]
        if found is None:
            length = next(n for n in range(9, 16) if (n, ahead & (1 << n) - 1) in self.codes)
            found = self.codes[length, ahead & (1 << length) - 1], length
        bits.skip(found[1])
        self.seen.add(found[0])
        return found[0]


def read_code(bits: Bits, alphabet: int) -> Code:
    """The description of a code (3.7.2.1)."""
    if bits.take(1):
        two, first_bits = bits.take(1), 8 if bits.take(1) else 1
        symbols = [bits.take(first_bits)] + [bits.take(8) for _ in range(two)]
        lengths = [0] * max(256, alphabet)
        for symbol in symbols:
            lengths[symbol] = 1
        return Code(lengths[:alphabet])
    count = 4 + bits.take(4)
    if count > len(ORDER):
        raise Stop(Status.BAD_VALUE)
    own_lengths = dict.fromkeys(ORDER, 0) | {symbol: bits.take(3) for symbol in ORDER[:count]}
    own = Code([own_lengths[symbol] for symbol in range(len(ORDER))])
    left = alphabet
    if bits.take(1):
        left = 2 + bits.take(2 + 2 * bits.take(3))
        if left > alphabet:
            raise Stop(Status.BAD_VALUE)
    lengths, previous = list[int](), 8
    while len(lengths) < alphabet and left:
        left -= 1
        length = own.read(bits)
        if length < 16:
            lengths.append(length)
            previous = length or previous
            continue
        run_bits, least = REPEATS[length]
        lengths += [previous if length == 16 else 0] * (bits.take(run_bits) + least)
        if len(lengths) > alphabet:
            raise Stop(Status.BAD_VALUE)
    return Code(lengths + [0] * (alphabet - len(lengths)))
