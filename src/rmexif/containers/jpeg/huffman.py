"""Huffman tables of a JPEG (ITU-T T.81, annexes C and F): which codes a picture uses, and what is written for the rest.

A decoder looks at a symbol only where the picture has its code, so the symbols of all other codes can hold any text.
A walk over the scans tells which codes are used; ``Table.canonical`` writes the others afresh. Where no walk is made,
``proper`` says whether every symbol could at least be one.
"""

from __future__ import annotations

from functools import cache

__all__ = ["UNMET", "Lookup", "ScanError", "Table", "alphabet", "is_standard", "meant", "overfull", "proper"]

Lookup = list[int]  # 65,536 entries, by the next 16 bits
UNMET = 255  # an entry that no walk has needed yet: a code of no bits that steps over more coefficients than there are


class ScanError(Exception):
    """The codes of a scan do not make sense; the caller decides what that means."""


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
        return frozenset(range(17 if sof == 0xC3 else 12 if precision == 8 else 16))
    largest = 1 if refining else 10 if precision == 8 else 14
    coefficients = {run << 4 | size for run in range(16) for size in range(1, largest + 1)}
    ends = {run << 4 for run in range(16)} if sof == 0xC2 else {0x00, 0xF0}
    return frozenset(coefficients | ends)


def _standard(ac: bool, counts: str, frequent: str) -> bytes:
    """A table of annex K: class, codes of each length, the frequent symbols by name and the others in order."""
    first = bytes.fromhex(frequent)
    rest = alphabet(0xC0, 8, ac).difference(first)
    return bytes([ac]) + bytes.fromhex(counts) + first + bytes(sorted(rest))


# T.81, tables K.3 to K.6: what an encoder writes that does not count symbols.
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
    return bytes([entry[0] >> 4]) + entry[1:] in STANDARD


def proper(entry: bytes, symbols: frozenset[int]) -> bool:
    """Whether the symbols of a DHT entry are all different and all among ``symbols``."""
    listed = set(entry[17:])
    return len(listed) == len(entry) - 17 and listed <= symbols


def overfull(entry: bytes) -> bool:
    """Whether a DHT entry has more codes than 16 bits can tell apart (T.81, C.2)."""
    return sum(count << (16 - length) for length, count in enumerate(entry[1:17], 1)) > 1 << 16


def meant(symbols: bytes, ac: bool, progressive: bool) -> bool:
    """Whether each symbol has a meaning and a value of its own: no two that a decoder takes for the same."""
    known = (_PROGRESSIVE if progressive else _SEQUENTIAL) if ac else _DC
    return not symbols.translate(None, known) and len(set(symbols)) == len(symbols)


class Table:
    """One table during a walk: its lookup starts empty and learns every code when the picture first uses it.

    So the loops that run once per coefficient have nothing to note, and what has been learnt is what is used.

    Args:
        entry: class and slot, codes of 1 to 16 bits, symbols, as in a DHT segment (T.81, B.2.4.2); may be empty.
        sequential: lookup entries are code and value bits << 8 | coefficients stepped over.
            Else code bits << 8 | symbol.
    """

    __slots__ = ("entry", "sequential", "steps", "used")

    def __init__(self, entry: bytes, sequential: bool) -> None:
        self.entry, self.sequential = entry, sequential
        self.steps: Lookup = [UNMET] * (1 << 16)
        self.used: list[tuple[int, int, int]] = []  # (code followed by zeros to 16 bits, its length, symbol)

    def learn(self, window: int) -> int:
        """The lookup entry of the code that the 16 bits ``window`` start with, noted as used.

        Raises:
            ScanError: no code starts like this.
        """
        start = taken = 0
        for length, count in enumerate(self.entry[1:17], 1):
            width = 1 << (16 - length)
            if window < start + count * width:
                number = (window - start) // width
                return self._note(start + number * width, length, self.entry[17 + taken + number])
            start += count * width
            taken += count
        raise ScanError("no such code")

    def _note(self, code: int, length: int, symbol: int) -> int:
        self.used.append((code, length, symbol))
        step = length << 8 | symbol
        if self.sequential:
            size, zeros = symbol & 15, symbol >> 4
            skip = zeros + 1 if size or zeros == 15 else 64  # a size of 0 ends the block, or is a run of 16
            step = (length + size) << 8 | skip
        width = 1 << (16 - length)
        self.steps[code : code + width] = [step] * width
        return step

    def canonical(self, symbols: frozenset[int]) -> bytes:
        """The entry with nothing chosen in it: the used codes in their places, between them the fewest codes that keep
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
