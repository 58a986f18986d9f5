"""The specification of ``c/deflate_recode.c``: bytes coded with the symbols of an older stream, in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.native.deflate_codes import (
    DISTANCE_BASE,
    DISTANCE_EXTRA,
    DISTANCES,
    END,
    FIXED_CODES,
    FIXED_LENGTHS,
    LENGTH_BASE,
    LENGTH_EXTRA,
    LENGTHS_ORDER,
    LITERALS,
    OPERATION_EXTRA,
    code_operations,
    codes,
    distance_number,
    huffman_lengths,
    length_number,
    pack_lengths,
)
from rmexif.native.deflate_twin import BLOCK_END, NO_MATCH, SHORT_BLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Recoder"]

SHORTEST_MATCH, LONGEST_MATCH = 3, 258
SHORTEST_BLOCK, MOST_SHORT_BLOCKS = 256, 16  # RECODE_SHORT_BLOCK and RECODE_SHORT_BLOCKS
BLOCK = 65535  # symbols of the longest block; as many bytes fit a stored one
ZERO_RUN = 32  # byte: encoders code fewer zeros as literals where these are short
EXTRA = (*[0] * 257, *LENGTH_EXTRA, 0, 0, *DISTANCE_EXTRA, 0, 0)  # bits behind the code of every symbol


class _Bits:
    """Bits, the lowest first."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.bits = self.held = 0

    def put(self, value: int, count: int) -> None:
        self.bits |= value << self.held
        self.held += count
        if self.held >= 256:
            complete = self.held // 8
            self.out += (self.bits & (1 << 8 * complete) - 1).to_bytes(complete, "little")
            self.bits >>= 8 * complete
            self.held -= 8 * complete

    def flush(self) -> None:
        """Fill the last byte with zeros."""
        size = (self.held + 7) // 8
        self.out += self.bits.to_bytes(size, "little")
        self.bits = self.held = 0


class Recoder:
    """Codes bytes; what it promises stands in ``c/deflate_recode.h``."""

    def __init__(self, fresh: bytes | bytearray | memoryview) -> None:
        self._fresh = bytes(fresh)
        self._at = 0
        self._symbols = list[tuple[int, int]]()  # of the open block: a byte and 0, or a length and a distance
        self._seen = [0] * (LITERALS + DISTANCES)
        self._has_matches = False
        self._short_blocks = 0  # closed so far
        self._bits = _Bits()
        self._bits.put(0x9C78, 16)

    def follow(self, symbols: Sequence[int] | memoryview) -> None:
        """Code the bytes that the old symbols reach."""
        place, size = 0, len(self._fresh)
        for number in symbols:
            if place >= size:
                break
            is_match = number >> 23 < NO_MATCH
            place += number >> 23 if is_match else number & BLOCK_END - 1
            self._literals_until(min(place, size))
            if is_match:
                place += (number >> 15 & 0xFF) + SHORTEST_MATCH
                self._matches_until(min(place, size), (number & 0x7FFF) + 1)
            elif number & BLOCK_END and self._at < size and self._is_long_enough():
                self._close_block(last=False)

    def _is_long_enough(self) -> bool:
        """Whether the open block ends where the old one does; short ones are counted."""
        count = len(self._symbols)
        self._short_blocks += SHORTEST_BLOCK <= count < SHORT_BLOCK
        return count >= (SHORTEST_BLOCK if self._short_blocks <= MOST_SHORT_BLOCKS else SHORT_BLOCK)

    def close(self, adler: int) -> bytes:
        """Code what is left, and end the stream."""
        self._literals_until(len(self._fresh))
        self._close_block(last=True)
        self._bits.flush()
        return bytes(self._bits.out) + adler.to_bytes(4, "big")

    def _common_length(self, distance: int, most: int) -> int:
        here, fresh = self._at, self._fresh
        if fresh[here : here + most] == fresh[here - distance : here - distance + most]:
            return most
        return next(n for n in range(most) if fresh[here + n] != fresh[here + n - distance])

    def _zero_run(self) -> int:
        """Length of a long run of zeros behind a zero, else 0."""
        at = self._at
        if not at or self._fresh[at - 1 : at + ZERO_RUN].strip(b"\0") or len(self._fresh) - at < ZERO_RUN:
            return 0
        return self._common_length(1, min(LONGEST_MATCH, len(self._fresh) - at))

    def _put(self, symbol: tuple[int, int]) -> None:
        if len(self._symbols) == BLOCK:
            self._close_block(last=False)
        value, distance = symbol
        self._symbols.append(symbol)
        if distance:
            self._has_matches = True
            self._seen[257 + length_number(value)] += 1
            self._seen[LITERALS + distance_number(distance)] += 1
        else:
            self._seen[value] += 1
        self._at += value if distance else 1

    def _literals_until(self, stop: int) -> None:
        while self._at < stop:
            zeros = self._zero_run()
            self._put((zeros, 1) if zeros else (self._fresh[self._at], 0))

    def _matches_until(self, stop: int, distance: int) -> None:
        while self._at < stop:
            left, same = stop - self._at, 0
            if distance <= self._at and left >= SHORTEST_MATCH:
                same = self._common_length(distance, left)
            zeros = self._zero_run() if same < left else 0
            if same >= SHORTEST_MATCH and same >= zeros:
                self._put((same, distance))
            elif zeros:
                self._put((zeros, 1))
            else:
                self._put((self._fresh[self._at], 0))

    def _bits_of_symbols(self, lengths: Sequence[int]) -> int:
        return sum(n * (length + extra) for n, length, extra in zip(self._seen, lengths, EXTRA, strict=True))

    def _close_block(self, *, last: bool) -> None:
        self._seen[END] = 1
        literals = huffman_lengths(self._seen[:286], 15)
        distances = huffman_lengths(self._seen[LITERALS : LITERALS + 30], 15)
        lengths = [*literals, 0, 0, *distances, 0, 0]
        header = _header(literals, distances)
        fixed = 3 + self._bits_of_symbols(FIXED_LENGTHS)
        dynamic = 3 + sum(count for _, count in header) + self._bits_of_symbols(lengths)
        if not self._has_matches and 40 + 8 * len(self._symbols) < min(fixed, dynamic):
            self._put_stored(last=last)
        elif fixed <= dynamic:
            self._bits.put(last | 1 << 1, 3)
            self._put_symbols(FIXED_LENGTHS, FIXED_CODES)
        else:
            self._bits.put(last | 2 << 1, 3)
            for value, count in header:
                self._bits.put(value, count)
            self._put_symbols(lengths, [*codes(lengths[:LITERALS]), *codes(lengths[LITERALS:])])
        self._symbols.clear()
        self._seen = [0] * (LITERALS + DISTANCES)
        self._has_matches = False

    def _put_stored(self, *, last: bool) -> None:
        count = len(self._symbols)
        self._bits.put(int(last), 3)
        self._bits.flush()
        self._bits.put(count | (count ^ 0xFFFF) << 16, 32)
        self._bits.flush()
        self._bits.out += bytes(byte for byte, _ in self._symbols)

    def _put_symbols(self, lengths: Sequence[int], its: Sequence[int]) -> None:
        for value, distance in self._symbols:
            if not distance:
                self._bits.put(its[value], lengths[value])
                continue
            number = length_number(value)
            symbol = 257 + number
            self._bits.put(its[symbol], lengths[symbol])
            self._bits.put(value - LENGTH_BASE[number], LENGTH_EXTRA[number])
            number = distance_number(distance)
            symbol = LITERALS + number
            self._bits.put(its[symbol], lengths[symbol])
            self._bits.put(distance - DISTANCE_BASE[number], DISTANCE_EXTRA[number])
        self._bits.put(its[END], lengths[END])


def _header(literals: Sequence[int], distances: Sequence[int]) -> list[tuple[int, int]]:
    """The header of a dynamic block behind its first three bits: values and how many bits they have."""
    first = literals[: max(n for n, length in enumerate(literals) if length) + 1]
    second = distances[: max(n for n, length in enumerate(distances) if length) + 1]
    operations = [*pack_lengths(first), *pack_lengths(second)]
    lengths, count, _ = code_operations(operations)
    out = [(len(first) - 257, 5), (len(second) - 1, 5), (count - 4, 4)]
    out += [(lengths[place], 3) for place in LENGTHS_ORDER[:count]]
    its = codes(lengths)
    for symbol, extra in operations:
        out.append((its[symbol], lengths[symbol]))
        if symbol > 15:
            out.append((extra, OPERATION_EXTRA[symbol]))
    return out
