"""Huffman tables of a JPEG (ITU-T T.81, annexes C, F and K): what they may hold, and what is written in their place.

A decoder looks up a symbol only where the picture has its code, so the symbols of all other codes can hold any text.
A walk over the scans finds the codes in use; ``canonical`` replaces the others. Where no walk is made,
``has_foreign_symbols`` says whether a table holds more than symbols of the process, each once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rmexif.containers.jpeg.segments import Marker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = [
    "STANDARD_SLOTS",
    "alphabet",
    "canonical",
    "has_foreign_symbols",
    "is_standard",
    "optimal",
    "oversubscribed",
    "symbols_are_distinct",
    "table_class",
]

RESERVED = 256  # a symbol that is never coded: it takes the code of all ones, which T.81, C.2 forbids
LONGEST = 16  # bit of a code (T.81, C.2)


def table_class(entry: bytes) -> int:
    """Class of a DHT entry: 0 for DC and lossless tables, 1 for AC tables (T.81, B.2.4.2)."""
    return entry[0] >> 4


@cache
def alphabet(sof: int, precision: int, ac: bool, refining: bool = False) -> frozenset[int]:
    """Symbols that a code may stand for (T.81, F.1.2.1.1, F.1.2.2.1, G.1.2.2, G.1.2.3, H.1.2.2).

    Args:
        sof: marker byte of the frame header, 0xC0 ...
        precision: bit per sample.
        ac: class of the table.
        refining: nothing but scans that refine AC coefficients use the table: a new coefficient has a size of 1.
    """
    if not ac:
        return frozenset(range(17 if sof == Marker.SOF3 else 12 if precision == 8 else 16))
    largest = 1 if refining else 10 if precision == 8 else 14
    coefficients = {run << 4 | size for run in range(16) for size in range(1, largest + 1)}
    ends = {run << 4 for run in range(16)} if sof == Marker.SOF2 else {0x00, 0xF0}
    return frozenset(coefficients | ends)


def _standard(slot: int, counts: str, frequent: str) -> bytes:
    """A table of annex K: its slot, codes of each length, the frequent symbols by name and the others in order."""
    first = bytes.fromhex(frequent)
    rest = alphabet(Marker.SOF0, 8, slot >> 4 > 0).difference(first)
    return bytes([slot]) + bytes.fromhex(counts) + first + bytes(sorted(rest))


# T.81, tables K.3 to K.6: what an encoder writes that does not optimise its tables. Decoders assume them in these slots
# where a sequential datastream defines none, as frames of Motion JPEG do.
STANDARD_SLOTS = {
    entry[0]: entry
    for entry in (
        _standard(0x00, "00010501010101010100000000000000", ""),
        _standard(0x01, "00030101010101010101010000000000", ""),
        _standard(
            0x10,
            "0002010303020403050504040000017d",
            "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282",
        ),
        _standard(
            0x11,
            "00020102040403040705040400010277",
            "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f1",
        ),
    )
}
_STANDARD = frozenset((table_class(entry), entry[1:]) for entry in STANDARD_SLOTS.values())

# What a decoder tells apart, sizes that no coefficient needs included: they show in the picture.
_DC = bytes(range(16))
_LOSSLESS = bytes(range(17))
_PROGRESSIVE = bytes(range(256))
_SEQUENTIAL = bytes(symbol for symbol in range(256) if symbol & 15 or symbol in (0x00, 0xF0))


def is_standard(entry: bytes) -> bool:
    """Whether a DHT entry is a table of annex K, in whatever slot."""
    return (table_class(entry), entry[1:]) in _STANDARD


def has_foreign_symbols(entry: bytes, symbols: frozenset[int]) -> bool:
    """Whether a DHT entry lists a symbol that is not among ``symbols``, or one twice."""
    listed = set(entry[17:])
    return len(listed) < len(entry) - 17 or not listed <= symbols


def oversubscribed(entry: bytes) -> bool:
    """Whether a DHT entry has more codes than 16 bits can tell apart (T.81, C.2)."""
    return sum(count << (LONGEST - length) for length, count in enumerate(entry[1:17], 1)) > 1 << LONGEST


def symbols_are_distinct(symbols: bytes, ac: bool, sof: int) -> bool:
    """Whether a decoder takes no two of the symbols for the same, and knows each of them."""
    dc_known = _LOSSLESS if sof == Marker.SOF3 else _DC
    ac_known = _PROGRESSIVE if sof == Marker.SOF2 else _SEQUENTIAL
    known = ac_known if ac else dc_known
    return not symbols.translate(None, known) and len(set(symbols)) == len(symbols)


def _codes(entry: bytes) -> Iterator[tuple[int, int, int]]:
    """Every code followed by zeros to 16 bits, its length and its symbol (T.81, C.2)."""
    code, symbols = 0, iter(entry[17:])
    for length, count in enumerate(entry[1:17], 1):
        for _ in range(count):
            yield code, length, next(symbols)
            code += 1 << (LONGEST - length)


def canonical(entry: bytes, used: Collection[int], symbols: frozenset[int]) -> bytes:
    """The entry without a free choice: the used codes in their places, between them the fewest codes that keep
    these places, none behind the last; for those the smallest of ``symbols`` that are not in use, in order.

    A table of annex K stays as it is, so that an ordinary encoder's output is already clean.

    Args:
        entry: of a DHT segment.
        used: numbers of the codes in use.
        symbols: of the process.
    """
    if is_standard(entry):
        return entry
    kept = [code for number, code in enumerate(_codes(entry)) if number in used]
    spare = iter(sorted(symbols.difference(symbol for _, _, symbol in kept)))
    counts, listed = [0] * LONGEST, bytearray()
    at, length = 0, 1
    for code, bits, symbol in kept:
        while at < code:  # codes get longer, never shorter (T.81, C.2)
            if code - at < 1 << (LONGEST - length):
                length += 1
                continue
            counts[length - 1] += 1
            listed.append(next(spare, 0))
            at += 1 << (LONGEST - length)
        length = bits
        counts[bits - 1] += 1
        listed.append(symbol)
        at += 1 << (LONGEST - bits)
    return entry[:1] + bytes(counts) + bytes(listed)


def optimal(counts: Mapping[int, int]) -> bytes:
    """The numbers of codes of each length, and the symbols, that code ``counts`` in the fewest bits.

    T.81, K.2, with libjpeg's choice among equal counts: the larger symbol gets the longer code.

    Args:
        counts: symbol -> how often it is coded.
    """
    groups = {symbol: (count, [symbol]) for symbol, count in counts.items() if count}
    groups[RESERVED] = (1, [RESERVED])
    sizes = dict.fromkeys(groups, 0)
    while len(groups) > 1:  # figure K.1: join the two rarest groups
        first, second = sorted(groups, key=lambda symbol: (groups[symbol][0], -symbol))[:2]
        (count, members), (other, others) = groups[first], groups.pop(second)
        groups[first] = (count + other, members + others)
        for symbol in members + others:
            sizes[symbol] += 1
    lengths = [0] * (max(sizes.values()) + 1)
    for size in sizes.values():
        lengths[size] += 1
    _shorten(lengths)
    lengths += [0] * (LONGEST + 1 - len(lengths))
    lengths[max(size for size, count in enumerate(lengths) if count)] -= 1  # the reserved code
    listed = sorted((symbol for symbol in sizes if symbol != RESERVED), key=lambda symbol: (sizes[symbol], symbol))
    return bytes(lengths[1 : LONGEST + 1]) + bytes(listed)


def _shorten(lengths: list[int]) -> None:
    """Change numbers of codes so that none is longer than 16 bits (T.81, figure K.3)."""
    for size in range(len(lengths) - 1, LONGEST, -1):
        while lengths[size]:
            shorter = next(n for n in range(size - 2, 0, -1) if lengths[n])
            lengths[size] -= 2
            lengths[size - 1] += 1
            lengths[shorter + 1] += 2
            lengths[shorter] -= 1
