"""What is written of the scans of a JPEG and of their Huffman tables: data cut at its last code, tables with no choice.

A short picture is walked code by code. A long one is copied, if its tables hold nothing but symbols that a code may
stand for; else it is walked as well, or refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rmexif.containers.jpeg.huffman import ScanError, Table, alphabet, is_standard, meant, overfull, proper
from rmexif.containers.jpeg.scan import Frame, Scan, Walker
from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = ["Intervals", "Step", "Tree", "copied", "reads", "settled", "slots", "suspicious"]

WALK_LIMIT = 128 << 10  # byte of entropy-coded data walked code by code; more is stated as a residual
LONG_WALK_LIMIT = 256 << 10  # byte walked where a table holds more than symbols: 0.05 s, progressive 0.4 s
MCU_LIMIT = 1 << 21  # MCUs walked, all scans together: empty blocks of a progressive scan take time, but no bytes

Intervals = list[list[bytes | memoryview]]  # data of every restart interval of every scan


@dataclass(slots=True)
class Step:
    """A scan with the tables in force when it starts, and where its data lies."""

    scan: Scan
    quants: dict[int, bytes]
    huffmans: dict[int, bytes]  # class << 4 | slot
    conditioning: dict[int, int]  # DAC values by class << 4 | slot, for arithmetic coding
    interval: int  # MCUs between restarts, 0 = none
    data: list[tuple[int, int]] = field(default_factory=list)  # (first, last + 1) byte of each restart interval


@dataclass(slots=True)
class Tree:
    """What a parse leaves for the rewrite."""

    frame: Frame | None = None
    jfif: bool = False
    adobe: int | None = None  # colour transform
    icc: bytes | None = None
    steps: list[Step] = field(default_factory=list)
    places: dict[bytes, int] = field(default_factory=dict)  # Huffman table -> byte where its DHT segment starts
    walked: tuple[Intervals, dict[bytes, bytes]] | None = None  # what a walk over short scans found, once it was made


def reads(frame: Frame, start: int, stop: int, high: int) -> tuple[bool, bool]:
    """Whether a scan of these parameters reads DC tables, and AC tables."""
    if frame.lossless:
        return True, False
    return start == 0 and not (frame.progressive and high), stop > 0


def slots(frame: Frame, scan: Scan) -> list[int]:
    """Slots (class << 4 | number) of the tables or conditioning that a scan reads, in libjpeg's order."""
    reads_dc, reads_ac = reads(frame, scan.start, scan.stop, scan.high)
    found = []
    for dc, ac in scan.tables:
        if reads_dc:
            found.append(dc)
        if reads_ac:
            found.append(0x10 | ac)
    return list(dict.fromkeys(found))


def walkable(tree: Tree, limit: int = WALK_LIMIT) -> bool:
    """Whether the scans can be walked, in a bounded time, and take no more than ``limit`` bytes."""
    frame = tree.frame
    assert frame is not None
    if frame.arithmetic or frame.lossless:
        return False
    size = sum(end - start for step in tree.steps for start, end in step.data)
    return size <= limit and sum(step.scan.count(frame) for step in tree.steps) <= MCU_LIMIT


def suspicious(tree: Tree, entry: bytes) -> bool:
    """Whether a Huffman table holds what no rewrite leaves there: a symbol without a meaning, or one twice."""
    assert tree.frame is not None
    if is_standard(entry):
        return False
    ac = entry[0] >> 4 > 0
    symbols = entry[17:] if ac else bytes(set(entry[17:]))
    return not tree.frame.lossless and not meant(symbols, ac, tree.frame.progressive)


def copied(view: memoryview, tree: Tree) -> bool:
    """Whether data is written as it came: its scans are too long to be walked, of a kind that is not, or damaged."""
    if not walkable(tree):
        return True
    try:
        settled(view, tree)
    except (MalformedImage, UnsupportedFeature):
        return False  # nothing is written
    return tree.walked is None


def settled(view: memoryview, tree: Tree) -> tuple[Intervals, dict[bytes, bytes]]:
    """The data of the scans, cut at its last code where that can be told, and what is written for each Huffman table.

    Raises:
        MalformedImage: a table has more codes than there can be.
        UnsupportedFeature: a table holds something else than symbols, and the scans cannot be walked; or the picture
            uses codes that mean nothing or the same.
    """
    if tree.walked is not None:
        return tree.walked
    plain: Intervals = [[view[start:end] for start, end in step.data] for step in tree.steps]
    odd = [entry for entry, symbols in _alphabets(tree).items() if not proper(entry, symbols)]
    if walkable(tree, LONG_WALK_LIMIT if odd else WALK_LIMIT):
        try:
            walked = _walked(tree, plain)
            if walkable(tree):
                tree.walked = walked
            return walked
        except ScanError:
            # Decoders show a damaged scan as far as it goes, so it stays as it is.
            pass
    if odd:
        raise UnsupportedFeature(
            f"jpeg: segment DHT at byte {tree.places[odd[0]]} holds bytes that are no symbols, and its scans are too "
            "long, damaged or of a kind that is not walked to tell which codes are in use"
        )
    return plain, {}


def _alphabets(tree: Tree) -> dict[bytes, frozenset[int]]:
    """Every Huffman table that a scan reads and that is none of the standard's, and the symbols that may be in it."""
    frame = tree.frame
    assert frame is not None
    refining: dict[bytes, bool] = {}
    for step in tree.steps if not frame.arithmetic else ():
        refines = frame.progressive and step.scan.start > 0 and step.scan.high > 0
        for slot in slots(frame, step.scan):
            entry = step.huffmans.get(slot)
            if entry is not None and not is_standard(entry):
                refining[entry] = refining.get(entry, True) and refines
    for entry in filter(overfull, refining):
        raise MalformedImage(f"jpeg: segment DHT at byte {tree.places[entry]} has more codes than bits can tell apart")
    return {e: alphabet(frame.sof, frame.precision, e[0] > 0x0F, only) for e, only in refining.items()}


def _walked(tree: Tree, plain: Intervals) -> tuple[Intervals, dict[bytes, bytes]]:
    frame = tree.frame
    assert frame is not None
    walker = Walker(frame)
    tables: dict[bytes, Table] = {}
    cut: Intervals = []
    for step, intervals in zip(tree.steps, plain, strict=True):
        entries = [(step.huffmans.get(dc, b""), step.huffmans.get(0x10 | ac, b"")) for dc, ac in step.scan.tables]
        for entry in {entry for pair in entries for entry in pair} - tables.keys():
            tables[entry] = walker.table(entry)
        pairs = [(tables[dc], tables[ac]) for dc, ac in entries]
        total = step.scan.count(frame)
        row: list[bytes | memoryview] = []
        for number, raw in enumerate(intervals):
            row.append(_cut(walker, step, pairs, number, total, raw))
        cut.append(row)
    return cut, {entry: _canonical(tree, tables[entry]) for entry in _alphabets(tree)}


def _cut(
    walker: Walker, step: Step, tables: list[tuple[Table, Table]], number: int, total: int, raw: bytes | memoryview
) -> bytes:
    """The data of restart interval ``number`` up to its last code."""
    first = number * step.interval
    count = min(step.interval or total, total - first)
    data = bytes(raw).replace(b"\xff\x00", b"\xff")
    used, bits = walker.interval(step.scan, tables, first, count, data)
    kept = bytearray(data[:used])
    if used:
        kept[-1] |= (1 << (8 - bits)) - 1  # T.81, F.1.2.3: padding bits are ones
    return bytes(kept).replace(b"\xff", b"\xff\x00")


def _canonical(tree: Tree, table: Table) -> bytes:
    """What is written for a walked table, if its used codes have a meaning each."""
    frame = tree.frame
    assert frame is not None
    ac = table.entry[0] > 0x0F
    if not meant(bytes(symbol for _, _, symbol in table.used), ac, frame.progressive):
        place = tree.places[table.entry]
        raise UnsupportedFeature(f"jpeg: segment DHT at byte {place} has codes in use that mean nothing or the same")
    return table.canonical(alphabet(frame.sof, frame.precision, ac))
