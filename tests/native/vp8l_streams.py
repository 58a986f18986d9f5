"""VP8L streams (RFC 9649, 3) drawn at random: any transforms, codes, groups and colour cache, then noise.

A prefix code is complete, so noise behind it is symbols; sub-images are written value by value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.native.deflate_bits import canonical
from tests.native.webps import Bits

if TYPE_CHECKING:
    from random import Random

__all__ = ["drawn"]

ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # of code length codes (3.7.2.1.2)
LENGTHS = [4] * 13 + [5] * 6  # of those codes: complete
CODES = [(int(code[::-1], 2), len(code)) for _, code in sorted(canonical(LENGTHS).items())]
PREDICTOR, COLOUR, SUBTRACT_GREEN, COLOUR_TABLE = range(4)
LITERALS, COPIES, DISTANCES = 256, 24, 40


def drawn(draw: Random) -> tuple[bytes, int, int]:
    """A stream, and the sides of its picture where it lacks a header, as in ALPH; else 0."""
    width, height = draw.randrange(1, 14), draw.randrange(1, 9)
    if draw.random() < 1 / 1500:
        width, height = draw.randrange(300, 400), draw.randrange(200, 300)  # more than the core first has memory for
    bits, headless = Bits(width, height, draw.random() < 0.5), draw.random() < 0.3
    if headless:
        bits.value = bits.count = 0
    inner = _transforms(draw, bits, width, height)
    bits.put((0, 1))
    cached = _cache(draw, bits, 1 if draw.random() < 0.7 else 11)
    for _ in range(_groups(draw, bits, inner, height)):
        _group(draw, bits, cached)
    data = bits.data() + draw.randbytes(draw.randrange(draw.choice([4, 40, 120])))
    return data, *((width, height) if headless else (0, 0))


def _tiles(side: int, bits: int) -> int:
    return (side + (1 << bits) - 1) >> bits


def _transforms(draw: Random, bits: Bits, width: int, height: int) -> int:
    """Up to all four, each once, in any order (3.5); the width behind them."""
    for kind in draw.sample(range(4), draw.choice([0, 1, 1, 2, 2, 3, 4])):
        bits.put((1, 1), (kind, 2))
        if kind == COLOUR_TABLE:
            colours = draw.choice([1, 2, 3, 4, 5, 13, 16, 17, draw.randrange(1, 257)])
            bits.put((colours - 1, 8))
            _sub_image(draw, bits, colours, draw.randrange(3))
            width = _tiles(width, 3 if colours <= 2 else 2 if colours <= 4 else 1 if colours <= 16 else 0)
        elif kind != SUBTRACT_GREEN:
            size = draw.choice([0, 0, 1, 7])
            bits.put((size, 3))
            _sub_image(draw, bits, _tiles(width, 2 + size) * _tiles(height, 2 + size), draw.randrange(5))
    return width


def _cache(draw: Random, bits: Bits, most: int) -> int:
    """Colours in the cache (3.6.2.3), mostly none."""
    if draw.random() < 0.7:
        bits.put((0, 1))
        return 0
    size = draw.randrange(1, most + 1)
    bits.put((1, 1), (size, 4))
    return 1 << size


def _groups(draw: Random, bits: Bits, width: int, height: int) -> int:
    """Whether tiles choose their codes (3.7.2.2), mostly not; how many groups of codes follow."""
    if draw.random() < 0.7:
        bits.put((0, 1))
        return 1
    size = draw.choice([0, 0, 1])
    bits.put((1, 1), (size, 3))
    tiles = _tiles(width, 2 + size) * _tiles(height, 2 + size)
    return 1 + max(_sub_image(draw, bits, tiles, draw.randrange(3), (0,)))


def _sub_image(
    draw: Random, bits: Bits, count: int, size: int, values: tuple[int, ...] = (0, 1, 5, 127, 200, 255)
) -> list[int]:
    """Values with ``size`` bits of green and up to two different ones of the other channels; their greens."""
    cached = _cache(draw, bits, 3)
    first = draw.choice([0, 0, 1 << size]) if size == 1 else 0
    others = [draw.sample(values, min(len(values), draw.choice([1, 1, 2]))) for _ in range(3)]
    symbols = [[*range(first, first + (1 << size))], *others, [0]]
    for channel, its in enumerate(symbols):
        alphabet = DISTANCES if channel == 4 else LITERALS if channel else LITERALS + COPIES + cached
        _code(draw, bits, sorted(its), alphabet, size)
    greens = []
    for _ in range(count):
        number = draw.randrange(1 << size)
        greens.append(first + number)
        bits.put((int(f"{number:0{size}b}"[::-1], 2) if size else 0, size))
        for its in others:
            bits.put((draw.randrange(len(its)), len(its) - 1))
    return greens


def _group(draw: Random, bits: Bits, cached: int) -> None:
    """Codes of green with copies and cached colours, red, blue, alpha and distance (3.7.2)."""
    green = set(draw.sample(range(LITERALS), draw.choice([1, 1, 2, 3, 8, 30])))
    if draw.random() < 0.4:
        green |= {LITERALS + draw.randrange(COPIES >> draw.randrange(3)) for _ in range(draw.randrange(1, 4))}
    if cached:
        green |= {LITERALS + COPIES + draw.randrange(cached) for _ in range(draw.randrange(4))}
    _code(draw, bits, sorted(green), LITERALS + COPIES + cached, None)
    for values in (range(LITERALS), range(LITERALS), (0, 1, 254, 255)):
        _code(draw, bits, sorted(draw.sample(values, draw.choice([1, 1, 1, 2, 3]))), LITERALS, None)
    _code(draw, bits, sorted(draw.sample(range(DISTANCES), draw.choice([1, 1, 2, 5]))), DISTANCES, None)


def _code(draw: Random, bits: Bits, symbols: list[int], alphabet: int, size: int | None) -> None:
    """A code for symbols in their order: of ``size`` bits where it is for so many, else of any."""
    if len(symbols) == 1 and symbols[0] < 2:
        bits.put((1, 1), (0, 1), (0, 1), (symbols[0], 1))
    elif len(symbols) == 1 and symbols[0] < LITERALS:
        bits.codes(symbols[0])
    elif len(symbols) == 2 and symbols[1] < LITERALS and draw.random() < 0.8:
        bits.two(*symbols)
    elif size and len(symbols) == 1 << size:
        _normal_code(draw, bits, dict.fromkeys(symbols, size), alphabet)
    else:
        _normal_code(draw, bits, dict(zip(symbols, _any_lengths(draw, len(symbols)), strict=True)), alphabet)


def _any_lengths(draw: Random, count: int) -> list[int]:
    """Lengths of a complete code; of one symbol any length does."""
    if count == 1:
        return [draw.randrange(1, 16)]
    lengths = [0]
    while len(lengths) < count:
        at = -1 if draw.random() < 0.3 else draw.randrange(len(lengths))
        if lengths[at] < 15:
            lengths[at] += 1
            lengths.append(lengths[at])
    return lengths


def _normal_code(draw: Random, bits: Bits, lengths: dict[int, int], alphabet: int) -> None:
    """Lengths with runs of zeros (3.7.2.1.2), all of the alphabet or as many as there are."""
    operations: list[tuple[int, int, int]] = []
    at = 0
    for symbol, length in [*lengths.items(), (alphabet, 0)]:
        while at < symbol:
            run = symbol - at
            kind, most, least, size = (18, 138, 11, 7) if run > 10 else (17, 10, 3, 3) if run > 2 else (0, 1, 1, 0)
            operations.append((kind, min(run, most) - least, size))
            at += min(run, most)
        if symbol < alphabet:
            last = len(operations)
            operations.append((length, 0, 0))
            at += 1
    bits.put((0, 1), (15, 4), *((LENGTHS[symbol], 3) for symbol in ORDER))
    if last and draw.random() < 0.7:
        operations = operations[: last + 1]
        size = max(0, (last - 1).bit_length() - 1) // 2
        bits.put((1, 1), (size, 3), (last - 1, 2 + 2 * size))
    else:
        bits.put((0, 1))
    for kind, more, size in operations:
        bits.put(CODES[kind], (more, size))
