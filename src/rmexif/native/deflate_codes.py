"""Huffman codes of DEFLATE (RFC 1951, 3.2.2 to 3.2.7), in Python: the specification of ``c/deflate_codes.c``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "DISTANCES",
    "DISTANCE_BASE",
    "DISTANCE_EXTRA",
    "END",
    "FIXED_CODES",
    "FIXED_LENGTHS",
    "LENGTHS_ORDER",
    "LENGTH_BASE",
    "LENGTH_EXTRA",
    "LITERALS",
    "LONGEST_CODE",
    "OPERATION_EXTRA",
    "code_operations",
    "codes",
    "distance_number",
    "free_space",
    "huffman_lengths",
    "length_number",
    "level_out",
    "lookup_table",
    "pack_lengths",
]

LITERALS, DISTANCES, END = 288, 32, 256  # literals and lengths with reserved ones; the end of a block
LONGEST_CODE = 15  # bit
LENGTH_EXTRA = (*[0] * 8, *[n for n in range(1, 6) for _ in range(4)], 0)
DISTANCE_EXTRA = (0, 0, *[n for n in range(14) for _ in range(2)])
LENGTH_BASE = (*(3 + sum(1 << extra for extra in LENGTH_EXTRA[:n]) for n in range(28)), 258)
DISTANCE_BASE = tuple(1 + sum(1 << extra for extra in DISTANCE_EXTRA[:n]) for n in range(30))
LENGTHS_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
FIXED_LENGTHS = (*[8] * 144, *[9] * 112, *[7] * 24, *[8] * 8, *[5] * DISTANCES)
OPERATION_EXTRA = (*[0] * 16, 2, 3, 7)  # bits behind the code of every operation (3.2.7)
INVALID = -1
# Of zopfli, in symbols, and in how often two of them occur:
ZERO_STRETCH, EQUAL_STRETCH, LEVEL_STRETCH, LEVEL_ZEROS, LEVEL_DIFFERENCE = 5, 7, 4, 3, 4

_LENGTH_NUMBERS = [0] * 259
for _number, _base in enumerate(LENGTH_BASE):
    _LENGTH_NUMBERS[_base:] = [_number] * (259 - _base)


def length_number(length: int) -> int:
    """Which of the 29 symbols stands for a length, as encoders choose it."""
    return _LENGTH_NUMBERS[length]


def distance_number(distance: int) -> int:
    """Which of the 30 symbols stands for a distance."""
    value = distance - 1
    if value < 4:
        return value
    top = value.bit_length() - 1
    return 2 * top + (value >> (top - 1) & 1)


def free_space(lengths: Sequence[int]) -> int:
    """Code space that no code takes, in 1 / 2^15; negative where codes overlap."""
    return (1 << LONGEST_CODE) - sum(1 << (LONGEST_CODE - length) for length in lengths if length)


def codes(lengths: Sequence[int]) -> list[int]:
    """The codes (3.2.2) of symbols with these lengths, their first bit lowest; 0 where there is none."""
    out, following, code = [0] * len(lengths), [0], 0
    for length in range(1, LONGEST_CODE + 1):
        following.append(code)
        code = code + lengths.count(length) << 1
    for symbol, length in enumerate(lengths):
        if length:
            out[symbol] = int(f"{following[length]:0{length}b}"[::-1], 2)
            following[length] += 1
    return out


FIXED_CODES = (*codes(FIXED_LENGTHS[:LITERALS]), *codes(FIXED_LENGTHS[LITERALS:]))


def lookup_table(lengths: Sequence[int]) -> tuple[list[tuple[int, int]], int]:
    """Symbol and length of the code that the next bits start with; how many bits to look at.

    Bits that are no code have the symbol INVALID and one bit.
    """
    bits = max(1, *lengths)
    table = [(INVALID, 1)] * (1 << bits)
    for symbol, (length, code) in enumerate(zip(lengths, codes(lengths), strict=True)):
        if length:
            table[code :: 1 << length] = [(symbol, length)] * (1 << (bits - length))
    return table, bits


def pack_lengths(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Operations of 3.2.7 for code lengths, longest runs first: symbol and extra bits."""
    out, at = list[tuple[int, int]](), 0
    while at < len(lengths):
        value, run = lengths[at], 1
        while at + run < len(lengths) and lengths[at + run] == value:
            run += 1
        at += run
        if value:
            out.append((value, 0))
            run -= 1
        while run:
            part = 1 if run < 3 else min(run, 6 if value else 138)
            if part == 1:
                out.append((value, 0))
            elif value:
                out.append((16, part - 3))
            else:
                out.append((17, part - 3) if part < 11 else (18, part - 11))
            run -= part
    return out


def code_operations(operations: Sequence[tuple[int, int]]) -> tuple[list[int], int, int]:
    """The code lengths for the symbols of operations, HCLEN + 4, and the bits of both and of the operations."""
    seen = [0] * 19
    for symbol, _ in operations:
        seen[symbol] += 1
    order = huffman_lengths(seen, 7)
    count = max(4, *(place + 1 for place, symbol in enumerate(LENGTHS_ORDER) if order[symbol]))
    bits = 3 * count + sum(times * (order[symbol] + OPERATION_EXTRA[symbol]) for symbol, times in enumerate(seen))
    return order, count, bits


def _stretches(seen: Sequence[int]) -> list[bool]:
    """Marks symbols that occur equally often, in stretches long enough to repeat a code length as they are."""
    marked = list[bool]()
    for count, group in groupby(seen):
        run = len(list(group))
        marked += [run >= (EQUAL_STRETCH if count else ZERO_STRETCH)] * run
    return marked


def level_out(seen: Sequence[int]) -> list[int]:
    """How often symbols occur, levelled out as zopfli does it (OptimizeHuffmanForRle).

    Lengths of codes that repeat make a shorter header, and symbols between frequent ones get a code although they do
    not occur.
    """
    levelled, count = list(seen), len(seen)
    while count and not seen[count - 1]:
        count -= 1
    marked, limit, stretch, total = _stretches(seen[:count]), seen[0], 0, 0
    for at in range(count + 1 if count else 0):
        here = seen[at] if at < count else 0
        if at == count or marked[at] or abs(here - limit) >= LEVEL_DIFFERENCE:
            if stretch >= LEVEL_STRETCH or (stretch >= LEVEL_ZEROS and not total):
                level = max(1, (total + stretch // 2) // stretch) if total else 0
                levelled[at - stretch : at] = [level] * stretch
            stretch = total = 0
            limit = (sum(seen[at : at + 4]) + 2) // 4 if at + 3 < count else here
        stretch += 1
        total += here
    return levelled


def _tree_depths(weights: Sequence[int]) -> list[int]:
    """The depths of Huffman's tree over sorted weights, of which there are two at least."""
    total = 2 * len(weights) - 1
    all_weights, parents = [*weights], [0] * total
    leaf, node = 0, len(weights)
    for fresh in range(len(weights), total):
        weight = 0
        for _ in range(2):
            if node == fresh or (leaf < len(weights) and all_weights[leaf] <= all_weights[node]):
                least, leaf = leaf, leaf + 1
            else:
                least, node = node, node + 1
            weight += all_weights[least]
            parents[least] = fresh
        all_weights.append(weight)
    depths = [0] * total
    for place in range(total - 2, -1, -1):
        depths[place] = depths[parents[place]] + 1
    return depths[: len(weights)]


def huffman_lengths(seen: Sequence[int], longest: int) -> list[int]:
    """The lengths of a Huffman code of at most ``longest`` bits for symbols that occur so often.

    Where fewer than two occur, the first ones get a code too: not all decoders take an incomplete code.
    """
    lengths = [0] * len(seen)
    order = sorted((count, symbol) for symbol, count in enumerate(seen) if count)
    if len(order) < 2:
        used = order[0][1] if order else 0
        lengths[0] = lengths[used or 1] = 1
        return lengths
    counts = [0] * (longest + 1)
    for depth in _tree_depths([count for count, _ in order]):
        counts[min(depth, longest)] += 1
    space = sum(count << (longest - n) for n, count in enumerate(counts) if n)
    for _ in range(space - (1 << longest)):
        n = max(n for n in range(1, longest) if counts[n])
        counts[longest] -= 1
        counts[n] -= 1
        counts[n + 1] += 2
    symbols = [symbol for _, symbol in order]
    for n in range(1, longest + 1):
        for _ in range(counts[n]):
            lengths[symbols.pop()] = n
    return lengths
