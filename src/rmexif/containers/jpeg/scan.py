"""What is written of the scans of a JPEG and of their Huffman tables: data cut at its last code, tables without choice.

A short picture is walked code by code. A long one is passed through, if its tables hold nothing but symbols of the
process, each once; else it is walked as well, or refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.jpeg.huffman import (
    ScanError,
    alphabet,
    has_foreign_symbols,
    is_standard,
    oversubscribed,
    symbols_are_distinct,
    table_class,
)
from rmexif.containers.jpeg.scan_walk import ScanWalker
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.jpeg.headers import FrameHeader, ScanHeader
    from rmexif.containers.jpeg.huffman import HuffmanTable
    from rmexif.containers.jpeg.scan_walk import TablePair

__all__ = ["CleanScans", "CodedImage", "Scan", "clean_scans", "is_canonical", "is_walkable"]

WALK_LIMIT = 128 << 10  # byte of entropy-coded data walked code by code; longer data is a residual
LONG_WALK_LIMIT = 256 << 10  # byte walked where a table holds foreign symbols: 0.05 s, progressive 0.4 s
MCU_LIMIT = 1 << 21  # MCUs walked, all scans together: empty blocks of a progressive scan take time, but no bytes


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan with the tables in force when it starts, and the place of its data."""

    header: ScanHeader
    quants: dict[int, bytes]  # by slot
    huffmans: dict[int, bytes]  # by class << 4 | slot
    conditioning: dict[int, int]  # DAC values by class << 4 | slot, for arithmetic coding
    restart_interval: int  # MCUs, 0 = none
    intervals: tuple[tuple[int, int], ...]  # (first, last + 1) byte of the data of each restart interval


@dataclass(frozen=True, slots=True)
class CodedImage:
    """The frame of a JPEG and its scans."""

    frame: FrameHeader
    scans: tuple[Scan, ...]
    offsets: dict[bytes, int]  # Huffman table -> byte where its DHT segment starts


@dataclass(frozen=True, slots=True)
class CleanScans:
    """What a rewrite writes.

    Attributes:
        data: of every restart interval of every scan.
        tables: what takes the place of a Huffman table; one that is absent stays.
        walked: whether the data was walked to its last code; else it is passed through.
    """

    data: list[list[bytes | memoryview]]
    tables: dict[bytes, bytes]
    walked: bool


def is_walkable(image: CodedImage, limit: int | None = None) -> bool:
    """Whether the scans can be walked, in a bounded time, and take no more than ``limit`` bytes."""
    frame = image.frame
    if frame.arithmetic or frame.lossless:
        return False
    size = sum(end - start for scan in image.scans for start, end in scan.intervals)
    mcus = sum(scan.header.count(frame) for scan in image.scans)
    return size <= (WALK_LIMIT if limit is None else limit) and mcus <= MCU_LIMIT


def is_canonical(frame: FrameHeader, entry: bytes) -> bool:
    """Whether a Huffman table may come from a rewrite: each symbol is known, and AC symbols occur once."""
    if is_standard(entry) or frame.lossless:
        return True
    ac = table_class(entry) > 0
    symbols = entry[17:] if ac else bytes(set(entry[17:]))
    return symbols_are_distinct(symbols, ac, frame.progressive)


def clean_scans(view: memoryview, image: CodedImage) -> CleanScans:
    """The scans cut at their last code where a walk finds it, and their Huffman tables without unused codes.

    Raises:
        MalformedImage: a table has more codes than bits can tell apart.
        UnsupportedFeature: a table has foreign symbols, and the scans cannot be walked; or the picture uses codes that
            a decoder takes for the same.
    """
    alphabets = _alphabets(image)
    foreign = [entry for entry, symbols in alphabets.items() if has_foreign_symbols(entry, symbols)]
    if is_walkable(image, LONG_WALK_LIMIT if foreign else WALK_LIMIT):
        try:
            return _walked(view, image, alphabets)
        except ScanError:
            pass  # decoders show a damaged scan as far as it goes, so it is passed through
    if foreign:
        raise UnsupportedFeature(
            "the table holds bytes that are no symbols of the process, and the codes in use cannot be found, because "
            "the scans are too long, damaged, arithmetic-coded or lossless",
            structure="jpeg DHT",
            offset=image.offsets[foreign[0]],
        )
    return CleanScans([[view[start:end] for start, end in scan.intervals] for scan in image.scans], {}, walked=False)


def _alphabets(image: CodedImage) -> dict[bytes, frozenset[int]]:
    """The symbols that may be in each Huffman table that a scan reads; those of annex K are left out."""
    frame = image.frame
    refining: dict[bytes, bool] = {}
    for scan in image.scans if not frame.arithmetic else ():
        refines = frame.progressive and scan.header.start > 0 and scan.header.high > 0
        for slot in scan.header.slots(frame):
            entry = scan.huffmans.get(slot)
            if entry is not None and not is_standard(entry):
                refining[entry] = refining.get(entry, True) and refines
    for entry in filter(oversubscribed, refining):
        problem = "the table has more codes than 16 bits can tell apart"
        raise MalformedImage(problem, structure="jpeg DHT", offset=image.offsets[entry])
    return {
        entry: alphabet(frame.sof, frame.precision, table_class(entry) > 0, only) for entry, only in refining.items()
    }


def _walked(view: memoryview, image: CodedImage, alphabets: dict[bytes, frozenset[int]]) -> CleanScans:
    walker = ScanWalker(image.frame)
    tables: dict[bytes, HuffmanTable] = {}
    data: list[list[bytes | memoryview]] = []
    for scan in image.scans:
        entries = [(scan.huffmans.get(dc, b""), scan.huffmans.get(0x10 | ac, b"")) for dc, ac in scan.header.tables]
        for entry in {entry for pair in entries for entry in pair} - tables.keys():
            tables[entry] = walker.table(entry)
        pairs = [(tables[dc], tables[ac]) for dc, ac in entries]
        total = scan.header.count(image.frame)
        step = scan.restart_interval or total
        data.append(
            [
                _cut(walker, scan.header, pairs, (number * step, min(step, total - number * step)), view[start:end])
                for number, (start, end) in enumerate(scan.intervals)
            ]
        )
    return CleanScans(data, {entry: _canonical(image, tables[entry]) for entry in alphabets}, walked=True)


def _cut(
    walker: ScanWalker, header: ScanHeader, tables: list[TablePair], mcus: tuple[int, int], raw: memoryview
) -> bytes:
    """The data of a restart interval up to its last code; ``mcus`` are its first and their number."""
    data = bytes(raw).replace(b"\xff\x00", b"\xff")  # T.81, B.1.1.5: stuffing
    used, bits = walker.interval(header, tables, *mcus, data)
    clean = bytearray(data[:used])
    if used:
        clean[-1] |= (1 << (8 - bits)) - 1  # T.81, F.1.2.3: padding bits are ones
    return bytes(clean).replace(b"\xff", b"\xff\x00")


def _canonical(image: CodedImage, table: HuffmanTable) -> bytes:
    """What is written for a walked table, if a decoder tells the codes in use apart."""
    frame, ac = image.frame, table_class(table.entry) > 0
    if not symbols_are_distinct(bytes(symbol for _, _, symbol in table.used), ac, frame.progressive):
        problem = "codes in use have symbols that the process does not know, or that mean the same"
        raise UnsupportedFeature(problem, structure="jpeg DHT", offset=image.offsets[table.entry])
    return table.canonical(alphabet(frame.sof, frame.precision, ac))
