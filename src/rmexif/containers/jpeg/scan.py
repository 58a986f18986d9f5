"""What is written of the scans of a JPEG and of their tables: no byte that decoders do not read, no choice that they
do not see.

Every scan is walked code by code. Without the compiled core that is slow, so a long picture is passed through then, if
its tables hold nothing but symbols of the process, each once; else it is walked as well, or refused.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.jpeg import huffman, quantisation
from rmexif.containers.jpeg.huffman import (
    alphabet,
    has_foreign_symbols,
    is_standard,
    oversubscribed,
    symbols_are_distinct,
    table_class,
)
from rmexif.containers.jpeg.restarts import restart_intervals, restart_marker
from rmexif.containers.jpeg.scan_walk import ScanWalker, WalkedScan
from rmexif.containers.jpeg.segments import Marker
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.native import engine
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from rmexif.containers.jpeg.headers import Component, FrameHeader, ScanHeader
    from rmexif.containers.jpeg.progression import Progression
    from rmexif.containers.jpeg.restarts import RestartInterval
    from rmexif.containers.jpeg.segments import ScanData

__all__ = ["CleanScans", "CodedImage", "Scan", "clean_scans", "is_canonical", "is_walkable"]

# Without the compiled core:
WALK_LIMIT = 128 << 10  # byte of entropy-coded data walked code by code; longer data is a residual
LONG_WALK_LIMIT = 256 << 10  # byte walked where a table holds foreign symbols
MCU_LIMIT = 1 << 19  # MCUs walked, all scans together: empty blocks of a progressive scan take time, but no bytes
# With it, 3 s: 10 progressive scans of 800 megapixels.
NATIVE_MCU_LIMIT = 1 << 27


class Scan(NamedTuple):
    """A scan with the tables in force when it starts, and the place of its data."""

    header: ScanHeader
    offset: int  # of its SOS segment
    data: ScanData
    quants: dict[int, bytes]  # by slot
    huffmans: dict[int, bytes]  # by class << 4 | slot
    conditioning: dict[int, int]  # DAC values by class << 4 | slot, for arithmetic coding
    restart_interval: int  # MCUs, 0 = none
    interval_count: int  # restart intervals that the frame asks for

    @property
    def start(self) -> int:
        """Byte where the data starts."""
        return self.data.start

    @property
    def end(self) -> int:
        """Byte of the marker behind the data that is no restart."""
        return self.data.end

    @property
    def intervals(self) -> tuple[RestartInterval, ...]:
        """The restart intervals that have data, as decoders take them."""
        return restart_intervals(self.data, self.interval_count)


class CodedImage(NamedTuple):
    """The frame of a JPEG and the scans that decoders show."""

    frame: FrameHeader
    scans: tuple[Scan, ...]
    offsets: dict[bytes, int]  # Huffman table -> byte where its DHT segment starts
    progression: Progression  # behind the last scan

    @property
    def edge(self) -> int:
        """Bytes of the samples that are coded beyond the picture's edge, in blocks and MCUs that reach over it."""
        frame = self.frame
        most_h, most_v = max(c.h for c in frame.components), max(c.v for c in frame.components)
        interleaved = {c for scan in self.scans if len(scan.header.components) > 1 for c in scan.header.components}
        samples = 0
        for c in frame.components:
            across, down = frame.blocks(c)
            if c in interleaved:
                across, down = frame.mcus[0] * c.h, frame.mcus[1] * c.v
            shown = -(-frame.width * c.h // most_h) * -(-frame.height * c.v // most_v)
            samples += across * down * frame.unit**2 - shown
        return samples * -(-frame.precision // 8)

    def latched(self, component: Component) -> bytes | None:
        """The quantisation table of a component: that of its first scan, as decoders latch it then."""
        first = next((scan for scan in self.scans if component in scan.header.components), None)
        return first.quants.get(component.quant) if first is not None and not self.frame.lossless else None


class CleanScans(NamedTuple):
    """What a rewrite writes.

    Attributes:
        data: of every scan, restart markers included.
        used: byte behind the last code of every scan's data in the file.
        huffmans: tables of every scan by class << 4 | slot; one that is absent stays.
        quants: what takes the place of a quantisation table; one that is absent stays.
        residuals: what stays, and how many bytes a hostile writer has there.
        walks: of every scan; none where they were passed through.
    """

    data: list[list[bytes | memoryview]]
    used: list[int]
    huffmans: list[dict[int, bytes]]
    quants: dict[bytes, bytes]
    residuals: dict[Residual, int]
    walks: tuple[WalkedScan, ...] = ()


def is_walkable(image: CodedImage, limit: int) -> bool:
    """Whether the scans take no more than ``limit`` bytes and few enough MCUs to be walked without the core."""
    size = sum(scan.end - scan.start for scan in image.scans)
    return size <= limit and _mcus(image) <= MCU_LIMIT


def _mcus(image: CodedImage) -> int:
    return sum(scan.header.count(image.frame) for scan in image.scans)


def is_canonical(frame: FrameHeader, entry: bytes) -> bool:
    """Whether a Huffman table may come from a rewrite: each symbol is known, and AC symbols occur once."""
    if is_standard(entry):
        return True
    ac = table_class(entry) > 0
    symbols = entry[17:] if ac else bytes(set(entry[17:]))
    return symbols_are_distinct(symbols, ac, frame.sof)


def clean_scans(
    view: memoryview, image: CodedImage, earlier: CleanScans | None = None, *, reads_codes: bool = True
) -> CleanScans:
    """The scans without what decoders do not read, and their tables without what they do not use.

    Args:
        view: the file.
        image: its frame and scans.
        earlier: of a file that this one is the rewrite of: scans that it had byte for byte are not walked again.
        reads_codes: False: the scans are passed through to a decoder, unless a table has foreign symbols, which not
            every decoder takes.

    Raises:
        MalformedImage: a table has more codes than bits can tell apart.
        UnsupportedFeature: decoders make something of a scan that cannot be written; or a table has foreign symbols,
            and the scans are too long to be walked without the core.
    """
    if image.frame.sof == Marker.SOF11:
        problem = "lossless arithmetic coding is refused; no common decoder shows it"
        raise UnsupportedFeature(problem, structure="jpeg SOS", offset=image.scans[0].offset)
    alphabets = _alphabets(image)
    foreign = [entry for entry, symbols in alphabets.items() if has_foreign_symbols(entry, symbols)]
    has_core = engine() == "native"
    if has_core and _mcus(image) > NATIVE_MCU_LIMIT:
        problem = f"the scans have {_mcus(image)} MCUs in all, at most {NATIVE_MCU_LIMIT} are walked"
        raise UnsupportedFeature(problem, structure="jpeg SOS", offset=image.scans[-1].offset)
    if not reads_codes and not foreign:
        return _passed_through(view, image)
    if has_core or is_walkable(image, LONG_WALK_LIMIT if foreign else WALK_LIMIT):
        return _walked(view, image, alphabets, earlier)
    if foreign:
        raise UnsupportedFeature(
            "the table holds bytes that are no symbols of the process, and the scans are too long to find the codes "
            "in use without the compiled core",
            structure="jpeg DHT",
            offset=image.offsets[foreign[0]],
        )
    return _passed_through(view, image)


def _passed_through(view: memoryview, image: CodedImage) -> CleanScans:
    """The scans as they are, but for what follows their last restart interval."""
    data: list[list[bytes | memoryview]] = [[] for _ in image.scans]
    for scan, pieces in zip(image.scans, data, strict=True):
        for number, start, end in scan.intervals:
            pieces += [restart_marker(number), view[start:end]] if number else [view[start:end]]
    used = [scan.intervals[-1].end for scan in image.scans]
    residuals = {
        Residual.JPEG_ENTROPY_SLACK: sum(scan.end - scan.start for scan in image.scans),
        Residual.JPEG_QUANTISATION_TABLES: sum(len(entry) - 1 for entry in _latched(image)),
    }
    return CleanScans(data, used, [{} for _ in data], {}, residuals)


def _latched(image: CodedImage) -> dict[bytes, list[Component]]:
    """The quantisation tables in use, and the components that use them."""
    tables: dict[bytes, list[Component]] = {}
    for component in image.frame.components:
        entry = image.latched(component)
        if entry is not None:
            tables.setdefault(entry, []).append(component)
    return tables


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


def _walks(view: memoryview, image: CodedImage, earlier: CleanScans | None) -> list[WalkedScan]:
    walker = ScanWalker(view, image.frame)
    if earlier is not None and len(earlier.walks) == len(image.scans):
        pairs = zip(image.scans, earlier.walks, strict=True)
        known = [again for scan, walk in pairs if (again := walker.walk_again(scan, walk)) is not None]
        if len(known) == len(image.scans):
            return known
    return [walker.walk(scan) for scan in image.scans]


def _walked(
    view: memoryview, image: CodedImage, alphabets: dict[bytes, frozenset[int]], earlier: CleanScans | None
) -> CleanScans:
    frame = image.frame
    walks = _walks(view, image, earlier)
    met: dict[bytes, set[int]] = {}
    for walk in walks:
        for entry, numbers in walk.met.items():
            met.setdefault(entry, set()).update(numbers)
    for entry, numbers in met.items():
        if not symbols_are_distinct(bytes(entry[17 + n] for n in numbers), table_class(entry) > 0, frame.sof):
            problem = "scans use several of its codes for the same; which scan has which would be a choice"
            raise UnsupportedFeature(problem, structure="jpeg DHT", offset=image.offsets.get(entry))
    clean = {
        entry: huffman.canonical(entry, met[entry], alphabet(frame.sof, frame.precision, table_class(entry) > 0))
        for entry in alphabets
        if entry in met
    }
    nonzero = _nonzero(image, walks)
    quants = {entry: quantisation.canonical(entry, used) for entry, used in nonzero.items()}
    huffmans = [
        {slot: walk.tables.get(slot, clean.get(entry, entry)) for slot, entry in scan.huffmans.items()}
        for scan, walk in zip(image.scans, walks, strict=True)
    ]
    residuals = {
        Residual.JPEG_QUANTISATION_TABLES: sum(quantisation.freedom(quants[entry], nonzero[entry]) for entry in quants)
    }
    codes = {entry: len(met[entry]) for entry in clean} | {
        entry: len(entry) - 17 for walk in walks for entry in walk.tables.values()
    }
    if codes:
        bits = sum(_freedom(clean.get(entry, entry), used) for entry, used in codes.items())
        residuals[Residual.JPEG_CODE_CHOICE] = math.ceil(bits / 8)
    used = [scan.start + walk.used for scan, walk in zip(image.scans, walks, strict=True)]
    return CleanScans([walk.data for walk in walks], used, huffmans, quants, residuals, tuple(walks))


def _nonzero(image: CodedImage, walks: list[WalkedScan]) -> dict[bytes, int]:
    """Per quantisation table, bit k: the step of coefficient k of the zig-zag order shows somewhere."""
    nonzero = {component.ident: image.progression.smoothed(component) for component in image.frame.components}
    for scan, walk in zip(image.scans, walks, strict=True):
        for component, mask in zip(scan.header.components, walk.nonzero, strict=True):
            nonzero[component.ident] |= mask
    masks: dict[bytes, int] = {}
    for entry, components in _latched(image).items():
        masks[entry] = 0
        for component in components:
            masks[entry] |= nonzero[component.ident]
    return masks


def _freedom(entry: bytes, used: int) -> float:
    """Bits that a writer was free to choose in a table of ``used`` codes in use.

    Which symbol has which of them, which codes between them are not in use, and how many there are of each length.
    """
    listed = len(entry) - 17
    return math.log2(math.factorial(used) * math.comb(listed, used) * math.comb(listed + 15, 15))
