"""Huffman tables of a JPEG (ITU-T T.81, annexes C and F): which codes a picture uses, and what is written for the rest.

A decoder looks up a symbol only where the picture has its code, so the symbols of all other codes can hold any text.
A walk over the scans finds the codes in use; ``HuffmanTable.canonical`` replaces the others. Where no walk is made,
``has_foreign_symbols`` says whether a table holds more than symbols of the process, each once.
"""

from __future__ import annotations

from functools import cache

from rmexif.containers.jpeg.segments import Marker

__all__ = [
    "UNMET",
    "HuffmanTable",
    "Lookup",
    "ScanError",
    "alphabet",
    "has_foreign_symbols",
    "is_standard",
    "oversubscribed",
    "symbols_are_distinct",
    "table_class",
]

Lookup = list[int]  # 65,536 entries, by the next 16 bits
UNMET = 255  # an entry that no walk has needed yet: a code of no bits that steps over more coefficients than there are


class ScanError(Exception):
    """The entropy-coded data holds no code, or ends early; decoders then show the scan as far as they read it."""


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


def _standard(ac: bool, counts: str, frequent: str) -> bytes:
    """A table of annex K: class, codes of each length, the frequent symbols by name and the others in order."""
    first = bytes.fromhex(frequent)
    rest = alphabet(Marker.SOF0, 8, ac).difference(first)
    return bytes([ac]) + bytes.fromhex(counts) + first + bytes(sorted(rest))


# T.81, tables K.3 to K.6: what an encoder writes that does not optimise its tables.
STANDARD = frozenset(
    {
        _standard(False, "00010501010101010100000000000000", ""),
        _standard(False, "00030101010101010101010000000000", ""),
        _standard(
            True,
            "0002010303020403050504040000017d",
            "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282",
        ),
        _standard(
            True,
            "00020102040403040705040400010277",
            "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f1",
        ),
    }
)


# What a decoder tells apart, sizes that no coefficient needs included: they show in the picture.
_DC = bytes(range(16))
_PROGRESSIVE = bytes(range(256))
_SEQUENTIAL = bytes(symbol for symbol in range(256) if symbol & 15 or symbol in (0x00, 0xF0))


def is_standard(entry: bytes) -> bool:
    """Whether a DHT entry is a table of annex K, in whatever slot."""
    return bytes([table_class(entry)]) + entry[1:] in STANDARD


def has_foreign_symbols(entry: bytes, symbols: frozenset[int]) -> bool:
    """Whether a DHT entry lists a symbol that is not among ``symbols``, or one twice."""
    listed = set(entry[17:])
    return len(listed) < len(entry) - 17 or not listed <= symbols


def oversubscribed(entry: bytes) -> bool:
    """Whether a DHT entry has more codes than 16 bits can tell apart (T.81, C.2)."""
    return sum(count << (16 - length) for length, count in enumerate(entry[1:17], 1)) > 1 << 16


def symbols_are_distinct(symbols: bytes, ac: bool, progressive: bool) -> bool:
    """Whether a decoder takes no two of the symbols for the same, and knows each of them."""
    known = (_PROGRESSIVE if progressive else _SEQUENTIAL) if ac else _DC
    return not symbols.translate(None, known) and len(set(symbols)) == len(symbols)


class HuffmanTable:
    """One table during a walk: its lookup starts empty and gets every code when the picture first uses it.

    So the loops that run once per coefficient have nothing to count, and what the lookup holds is what is used.

    Args:
        entry: class and slot, codes of 1 to 16 bits, symbols, as in a DHT segment (T.81, B.2.4.2); may be empty.
        sequential: lookup entries are code and value bits << 8 | coefficients stepped over.
            Else code bits << 8 | symbol.
    """

    __slots__ = ("entry", "lookup", "sequential", "used")

    def __init__(self, entry: bytes, sequential: bool) -> None:
        self.entry, self.sequential = entry, sequential
        self.lookup: Lookup = [UNMET] * (1 << 16)
        self.used: list[tuple[int, int, int]] = []  # (code followed by zeros to 16 bits, its length, symbol)

    def learn(self, window: int) -> int:
        """Find the code that the 16 bits ``window`` start with, count it as used, and give its lookup entry.

        Raises:
            ScanError: no code starts like this.
        """
        start = taken = 0
        for length, count in enumerate(self.entry[1:17], 1):
            width = 1 << (16 - length)
            if window < start + count * width:
                number = (window - start) // width
                return self._add(start + number * width, length, self.entry[17 + taken + number])
            start += count * width
            taken += count
        raise ScanError("no code starts with these bits")

    def _add(self, code: int, length: int, symbol: int) -> int:
        self.used.append((code, length, symbol))
        entry = length << 8 | symbol
        if self.sequential:
            size, zeros = symbol & 15, symbol >> 4
            skip = zeros + 1 if size or zeros == 15 else 64  # a size of 0 ends the block, or is a run of 16
            entry = (length + size) << 8 | skip
        width = 1 << (16 - length)
        self.lookup[code : code + width] = [entry] * width
        return entry

    def canonical(self, symbols: frozenset[int]) -> bytes:
        """The entry without a free choice: the used codes in their places, between them the fewest codes that keep
        these places, none behind the last; for those the smallest of ``symbols`` that are not in use, in order.

        A table of annex K stays as it is, so that an ordinary encoder's output is already clean.
        """
        if is_standard(self.entry):
            return self.entry
        spare = iter(sorted(symbols.difference(symbol for _, _, symbol in self.used)))
        counts, listed = [0] * 16, bytearray()
        at, length = 0, 1
        for code, bits, symbol in sorted(self.used):
            while at < code:  # codes get longer, never shorter (T.81, C.2)
                if code - at < 1 << (16 - length):
                    length += 1
                    continue
                counts[length - 1] += 1
                listed.append(next(spare, 0))
                at += 1 << (16 - length)
            length = bits
            counts[bits - 1] += 1
            listed.append(symbol)
            at += 1 << (16 - bits)
        return self.entry[:1] + bytes(counts) + bytes(listed)
