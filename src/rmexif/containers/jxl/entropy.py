"""The entropy coding of JPEG XL header data (ISO/IEC 18181-1, annex C): prefix codes, ANS, LZ77, clustered contexts.

Only the ICC stream and permutations of the table of contents are read with it; both are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.containers.jxl.field_types import Dist, FieldReader

__all__ = ["CODE_LENGTH_ORDER", "SymbolReader"]

MIN_SYMBOL: Dist = ((224, 0), (512, 0), (4096, 0), (8, 15))  # LZ77Params.min_symbol
MIN_LENGTH: Dist = ((3, 0), (4, 0), (5, 2), (9, 8))  # LZ77Params.min_length
WINDOW = 1 << 20  # C.3.3: numbers that LZ77 reaches back
MAX_CLUSTERS = 256  # C.2.2
ANS_BITS = 12  # C.2.5: the counts of a distribution add up to 4096
ANS_FINAL = 0x130000  # C.3.1: where a stream that ended well leaves the state
PREFIX_BITS = 15  # C.2.4: the longest prefix code
MAX_SYMBOLS = 1 << 16  # bounds the prefix tables of one stream together; headers use some hundreds
Prefix = tuple[list[tuple[int, int]], int]  # (symbol, bits) by the next bits, and how many of them are looked at
CODE_LENGTH_ORDER = (1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15)
# C.2.4, C.2.5: the fixed codes, as value -> (bits, code read least significant bit first)
CODE_LENGTH_CODE = {0: (2, 0), 4: (2, 1), 3: (2, 2), 2: (3, 3), 1: (4, 7), 5: (4, 15)}
LOG_COUNT_CODE = {
    10: (3, 0), 6: (3, 4), 7: (3, 2), 9: (3, 6), 8: (3, 5), 4: (4, 9), 3: (4, 3), 1: (4, 11),
    5: (4, 7), 2: (4, 15), 0: (5, 17), 11: (6, 33), 12: (7, 1), 13: (7, 65),
}  # fmt: skip


def _table(code: dict[int, tuple[int, int]], width: int) -> list[tuple[int, int]]:
    """(value, bits) by the next ``width`` bits."""
    table = [(0, 0)] * (1 << width)
    for value, (bits, word) in code.items():
        table[word :: 1 << bits] = [(value, bits)] * (1 << width - bits)
    return table


CODE_LENGTH_TABLE = _table(CODE_LENGTH_CODE, 4)
LOG_COUNT_TABLE = _table(LOG_COUNT_CODE, 7)


@dataclass(frozen=True, slots=True)
class _Hybrid:
    """How a token becomes a number (C.3.3)."""

    split: int  # exponent
    msb: int
    lsb: int

    def number(self, bits: FieldReader, token: int) -> int:
        """The number that ``token`` and the bits after it say."""
        base = 1 << self.split
        if token < base:
            return token
        in_token = self.msb + self.lsb
        extra = self.split - in_token + (token - base >> in_token)
        if extra > 31:
            bits.fail(f"a number has {extra} extra bits, at most 31 are allowed")
        top = 1 << self.msb | token >> self.lsb & (1 << self.msb) - 1
        return (top << extra | bits.bits(extra)) << self.lsb | token & (1 << self.lsb) - 1


def _hybrid(bits: FieldReader, alphabet: int) -> _Hybrid:
    split = bits.bits(alphabet.bit_length())
    if split == alphabet:
        return _Hybrid(split, 0, 0)
    msb = bits.bits(split.bit_length())
    lsb = bits.bits((split - msb).bit_length()) if msb <= split else 0
    if msb + lsb > split:
        bits.fail(f"{msb} + {lsb} bits in the token, at most {split} fit")
    return _Hybrid(split, msb, lsb)


def _take(bits: FieldReader, table: list[tuple[int, int]], width: int) -> int:
    """One symbol of a prefix code."""
    value, length = table[bits.peek(width)]
    bits.skip(length)
    return value


def _variable(bits: FieldReader, width: int) -> int:
    """A number by its own length: U8 (``width`` 3) and U16 (4) of annex C."""
    if not bits.flag():
        return 0
    count = bits.bits(width)
    return (1 << count) + bits.bits(count)


def _prefix_table(bits: FieldReader, lengths: list[int]) -> Prefix:
    """The canonical code of the ``lengths``, 0 for symbols that do not occur."""
    width = max(lengths)
    order = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    if sum(1 << width - length for length, _ in order) != 1 << width:
        bits.fail("a prefix code is not complete")
    table, code = [(0, 0)] * (1 << width), 0
    for length, symbol in order:
        word = int(f"{code >> width - length:0{length}b}"[::-1], 2)
        table[word :: 1 << length] = [(symbol, length)] * (1 << width - length)
        code += 1 << width - length
    return table, width


def _simple_code(bits: FieldReader, size: int) -> Prefix:
    """A prefix code of one to four symbols that are named (as Brotli, RFC 7932, 3.4)."""
    count = bits.bits(2) + 1
    symbols = [bits.bits((size - 1).bit_length()) for _ in range(count)]
    if len(set(symbols)) < count or max(symbols) >= size:
        bits.fail(f"a prefix code names a symbol twice, or one above {size - 1}")
    if count == 1:
        return [(symbols[0], 0)], 0
    own = {2: (1, 1), 3: (1, 2, 2), 4: (2, 2, 2, 2)}[count]
    if count == 4 and bits.flag():
        own = (1, 2, 3, 3)
    lengths = [0] * size
    for symbol, length in zip(symbols, own, strict=True):
        lengths[symbol] = length
    return _prefix_table(bits, lengths)


def _length_code(bits: FieldReader, skipped: int) -> Prefix:
    """The code that code lengths are written in."""
    own, space = [0] * 18, 32
    for symbol in CODE_LENGTH_ORDER[skipped:]:
        own[symbol] = _take(bits, CODE_LENGTH_TABLE, 4)
        space -= 32 >> own[symbol] if own[symbol] else 0
        if space <= 0:
            break
    used = [symbol for symbol in range(18) if own[symbol]]
    if not used:
        bits.fail("a prefix code is empty, at least one symbol is required")
    return ([(used[0], 0)], 0) if len(used) == 1 else _prefix_table(bits, own)


def _complex_code(bits: FieldReader, size: int, skipped: int) -> Prefix:
    """A prefix code by its code lengths, themselves prefix-coded, with repeats (RFC 7932, 3.5)."""
    code = _length_code(bits, skipped)
    lengths: list[int] = []
    space, previous, run_of, run = 1 << PREFIX_BITS, 8, -1, 0
    while len(lengths) < size and space > 0:
        symbol = _take(bits, *code)
        if symbol < 16:
            run_of = -1
            lengths.append(symbol)
            previous = symbol or previous
            space -= 1 << PREFIX_BITS - symbol if symbol else 0
            continue
        value, extra = (previous, 2) if symbol == 16 else (0, 3)
        run = run if run_of == symbol else 0
        longer = (run - 2 << extra if run else 0) + bits.bits(extra) + 3
        if len(lengths) + longer - run > size:
            bits.fail(f"a prefix code has more than {size} lengths")
        lengths += [value] * (longer - run)
        space -= (longer - run) << PREFIX_BITS - value if value else 0
        run_of, run = symbol, longer
    if space:
        bits.fail("a prefix code is not complete")
    return _prefix_table(bits, lengths)


def _prefix_code(bits: FieldReader, size: int) -> Callable[[], int]:
    """A prefix code over ``size`` symbols (C.2.4)."""
    if size == 1:
        return lambda: 0
    kind = bits.bits(2)
    code = _simple_code(bits, size) if kind == 1 else _complex_code(bits, size, kind)
    return partial(_take, bits, *code)


def _histogram(bits: FieldReader, alphabet: int) -> list[int]:
    """How often each symbol occurs in 4096 (C.2.5)."""
    total = 1 << ANS_BITS
    if bits.flag():
        two = bits.flag()
        symbols = [_variable(bits, 3) for _ in range(1 + two)]
        counts = [0] * (max(symbols) + 1)
        counts[symbols[0]] = bits.bits(ANS_BITS) if two else total
        if two:
            if symbols[0] == symbols[1]:
                bits.fail("a distribution of two symbols names one twice")
            counts[symbols[1]] = total - counts[symbols[0]]
    elif bits.flag():
        size = _variable(bits, 3) + 1
        counts = [total // size + (k < total % size) for k in range(size)]
    else:
        counts = _log_counts(bits)
    if len(counts) > 1 << alphabet:
        bits.fail(f"a distribution of {len(counts)} symbols, at most {1 << alphabet} are allowed")
    return counts


def _log_counts(bits: FieldReader) -> list[int]:
    """A distribution by the logarithms of its counts; the first largest one is what the others leave."""
    width = 0
    while width < 3 and bits.flag():
        width += 1
    shift = (bits.bits(width) | 1 << width) - 1
    if shift > ANS_BITS + 1:
        bits.fail(f"a distribution has the precision {shift}, at most {ANS_BITS + 1} is allowed")
    size = _variable(bits, 3) + 3
    logs: list[int] = []
    runs: dict[int, int] = {}
    while len(logs) < size:
        log = _take(bits, LOG_COUNT_TABLE, 7)
        if log == ANS_BITS + 1:
            runs[len(logs)] = _variable(bits, 3) + 4
            logs += [-1] * runs[len(logs)]
        else:
            logs.append(log)
    if len(logs) > size or max(logs) < 0:
        bits.fail(f"a distribution repeats past its {size} symbols")
    rest = logs.index(max(logs))
    counts: list[int] = []
    for k, log in enumerate(logs):
        if k in runs:
            previous = counts[-1] if counts else 0
        if log < 0:
            counts.append(previous)
        elif k == rest or log == 0:
            counts.append(0)
        else:
            exact = max(0, min(log - 1, shift - (ANS_BITS - log + 1 >> 1)))
            counts.append((1 << log - 1) + (bits.bits(exact) << log - 1 - exact))
    counts[rest] = (1 << ANS_BITS) - sum(counts)
    if counts[rest] <= 0:
        bits.fail(f"the counts of a distribution add up to more than {1 << ANS_BITS}")
    return counts


def _alias(counts: list[int], alphabet: int) -> tuple[list[int], list[int], list[int]]:
    """(symbol, offset, count) for each of the 4096 states of an alias table (C.2.6)."""
    if max(counts) == 1 << ANS_BITS:
        size = 1 << ANS_BITS
        return [counts.index(size)] * size, list(range(size)), [size] * size
    bucket = 1 << ANS_BITS - alphabet
    counts = counts + [0] * ((1 << alphabet) - len(counts))
    cut = list(counts)
    other, shift = list(range(len(cut))), [0] * len(cut)
    over = [k for k, count in enumerate(cut) if count > bucket]
    under = [k for k, count in enumerate(cut) if count < bucket]
    while over:
        rich, poor = over.pop(), under.pop()
        cut[rich] -= bucket - cut[poor]
        other[poor], shift[poor] = rich, cut[rich]
        if cut[rich] < bucket:
            under.append(rich)
        elif cut[rich] > bucket:
            over.append(rich)
    symbols: list[int] = []
    offsets: list[int] = []
    for k, own in enumerate(cut):
        symbols += [k] * own + [other[k]] * (bucket - own)
        offsets += [*range(own), *range(shift[k], shift[k] + bucket - own)]
    return symbols, offsets, [counts[symbol] for symbol in symbols]


def _contexts(bits: FieldReader, count: int) -> list[int]:
    """Which cluster each of ``count`` contexts uses (C.2.2)."""
    if bits.flag():
        width = bits.bits(2)
        clusters = [bits.bits(width) for _ in range(count)]
    else:
        moved = bits.flag()
        reader = SymbolReader(bits, 1, lz77=count > 2)
        clusters = [reader.read(0) for _ in range(count)]
        reader.finish()
        if max(clusters) >= MAX_CLUSTERS:
            bits.fail(f"cluster {max(clusters)} of contexts, {MAX_CLUSTERS - 1} is the highest")
        if moved:
            recent = list(range(MAX_CLUSTERS))
            for k, position in enumerate(clusters):
                clusters[k] = recent.pop(position)
                recent.insert(0, clusters[k])
    if set(clusters) != set(range(max(clusters) + 1)):
        bits.fail("a cluster of contexts is not used")
    return clusters


class SymbolReader:
    """Reads entropy-coded numbers.

    Args:
        bits: where they stand; the distributions are read at once.
        contexts: how many contexts there are.
        lz77: whether copies are allowed.
    """

    def __init__(self, bits: FieldReader, contexts: int, lz77: bool = True) -> None:
        self.bits = bits
        self.out: list[int] = []  # all numbers so far: what copies copy
        self._copy = 0  # numbers still to copy
        self._distance = 0
        self._has_copies = bits.flag()
        if self._has_copies:
            if not lz77:
                bits.fail("LZ77 copies in a stream that may have none")
            self._min_symbol, self._min_length = bits.u32(MIN_SYMBOL), bits.u32(MIN_LENGTH)
            self._length = _hybrid(bits, 8)
            contexts += 1
        self.clusters = _contexts(bits, contexts) if contexts > 1 else [0]
        number = max(self.clusters) + 1
        prefix = bits.flag()
        alphabet = PREFIX_BITS if prefix else 5 + bits.bits(2)
        self._hybrids = [_hybrid(bits, alphabet) for _ in range(number)]
        self._state = ANS_FINAL
        if prefix:
            sizes = [_variable(bits, 4) + 1 for _ in range(number)]
            if max(sizes) > 1 << PREFIX_BITS or sum(sizes) > MAX_SYMBOLS:
                bits.fail(
                    f"prefix codes of {sum(sizes)} symbols, the largest of {max(sizes)}, "
                    f"at most {MAX_SYMBOLS} and {1 << PREFIX_BITS} are allowed"
                )
            self._tokens = [_prefix_code(bits, size) for size in sizes]
        else:
            tables = [_alias(_histogram(bits, alphabet), alphabet) for _ in range(number)]
            self._state = bits.bits(32)
            self._tokens = [partial(self._ans, *table) for table in tables]

    def _ans(self, symbols: list[int], offsets: list[int], counts: list[int]) -> int:
        """One token of an ANS stream (C.3.2)."""
        low = self._state & (1 << ANS_BITS) - 1
        state = counts[low] * (self._state >> ANS_BITS) + offsets[low]
        self._state = state if state >> 16 else state << 16 | self.bits.bits(16)
        return symbols[low]

    def read(self, context: int) -> int:
        """The next number."""
        if not self._copy:
            cluster = self.clusters[context]
            token = self._tokens[cluster]()
            if not self._has_copies or token < self._min_symbol:
                value = self._hybrids[cluster].number(self.bits, token)
                self.out.append(value)
                return value
            self._start_copy(token)
        self._copy -= 1
        self.out.append(self.out[-self._distance])
        return self.out[-1]

    def _start_copy(self, token: int) -> None:
        """LZ77 (C.3.3): the length from the token, the distance from a context of its own."""
        self._copy = self._length.number(self.bits, token - self._min_symbol) + self._min_length
        cluster = self.clusters[-1]
        distance = 1 + self._hybrids[cluster].number(self.bits, self._tokens[cluster]())
        self._distance = min(distance, len(self.out), WINDOW)
        if not self._distance:
            self.bits.fail("an LZ77 copy before the first number")

    def finish(self) -> None:
        """Check that an ANS stream ended where it has to."""
        if self._state != ANS_FINAL:
            self.bits.fail(f"an ANS stream ends in another state than {ANS_FINAL:#x}")
