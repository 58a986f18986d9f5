"""The walk over the scans of one frame: their data without what a writer was free to choose.

Data stays as it is where it is canonical, is cut where bytes follow the last code of a restart interval, and is coded
again where codes mean the same as fewer or others.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.common.memory import common_length
from rmexif.containers.jpeg.huffman import optimal, symbols_are_distinct
from rmexif.containers.jpeg.restarts import restart_marker
from rmexif.errors import UnsupportedFeature
from rmexif.native import Status, jpeg

if TYPE_CHECKING:
    from rmexif.containers.jpeg.headers import FrameHeader
    from rmexif.containers.jpeg.scan import Scan

__all__ = ["ScanWalker", "WalkedScan"]

DAMAGED_INTERVALS = 1 << 15  # of a damaged scan, each walked by itself: 3 s; 20,000 are a photo of 20 megapixels
CONDITIONING = (0x10, 5)  # of a DC slot and of an AC slot without DAC (T.81, F.1.4.4.1.4, F.1.4.4.2.1)


class WalkedScan(NamedTuple):
    """What a walk made of a scan.

    Attributes:
        native: what was walked.
        data: what is written, restart markers included.
        used: bytes of the file's data up to the last code of the last restart interval.
        tables: Huffman tables by class << 4 | slot, where they are not those of the file.
        met: Huffman table of the file -> numbers of its codes that ``data`` has.
        nonzero: per component of the scan, bit k: coefficient k of the zig-zag order is not zero somewhere.
        is_stored: ``data`` stands in the file as it is.
    """

    native: jpeg.Scan
    data: list[bytes | memoryview]
    used: int
    tables: dict[int, bytes]
    met: dict[bytes, set[int]]
    nonzero: tuple[int, ...]
    is_stored: bool = False
    mcus: int | None = None  # that are coded, where some are missing


class ScanWalker:
    """Walks the scans of one frame in file order."""

    def __init__(self, view: memoryview, frame: FrameHeader) -> None:
        self.view, self.frame = view, frame
        # Per block of a component, bit k: coefficient k is not zero already: what refining scans go by.
        self.history: dict[int, array[int]] = {}

    def walk(self, scan: Scan) -> WalkedScan:
        """Walk a scan, and choose what is written for it.

        Raises:
            UnsupportedFeature: decoders make something of the scan that cannot be written.
        """
        data = self.view[scan.start : scan.end]
        native = self._native(scan)
        history = self._history(scan)
        before = None if history is None else history[:]
        found = jpeg.walk(native, data, history)
        if found.status is Status.BAD_ARGUMENT:
            raise _refusal(scan, "the scan header and its tables do not fit this process of T.81")
        if found.status is not Status.OK:
            return self._damaged(scan, native, before)
        entries = self._entries(scan)
        if found.zero_runs or found.eob_runs or not self._is_distinct(entries, found):
            return self._coded_again(scan, native, before)
        is_stored = not found.padding and found.dropped == found.end - found.used
        piece = data[: found.used] if is_stored else jpeg.walk(native, data, before, jpeg.Output.CUT).data
        return WalkedScan(native, [piece], found.used, {}, _met(entries, [found]), found.nonzero, is_stored)

    def walk_again(self, scan: Scan, earlier: WalkedScan) -> WalkedScan | None:
        """What ``walk`` would give, where the scan is one that was walked in an earlier file, byte for byte; else None.

        For progressive frames, only where that holds for all scans before it as well.
        """
        data = self.view[scan.start : scan.end]
        stored = earlier.data[0]
        if not earlier.is_stored or len(stored) != len(data) or earlier.native != self._native(scan):
            return None
        if common_length(stored, data) < len(data):
            return None
        return earlier._replace(data=[data], used=len(data))

    def _native(self, scan: Scan) -> jpeg.Scan:
        """The scan as the walk wants it."""
        header, frame = scan.header, self.frame
        single = len(header.components) == 1
        components = []
        for component, (dc, ac) in zip(header.components, header.tables, strict=True):
            bounds = scan.conditioning.get(dc, CONDITIONING[0])
            kx = scan.conditioning.get(0x10 | ac, CONDITIONING[1])
            components.append(
                jpeg.Component(
                    units=1 if single else component.h * component.v,
                    dc=scan.huffmans.get(dc, b"")[1:],
                    ac=scan.huffmans.get(0x10 | ac, b"")[1:],
                    dc_slot=dc,
                    ac_slot=ac,
                    conditioning=(bounds & 15, bounds >> 4, kx),
                )
            )
        spectral = (0, 0, 0, 0) if frame.lossless else (header.start, header.stop, header.high, header.low)
        return jpeg.Scan(
            frame.sof, frame.precision, tuple(components), header.count(frame), scan.restart_interval, *spectral
        )

    def _history(self, scan: Scan) -> array[int] | None:
        header = scan.header
        if not self.frame.progressive or not header.start:
            return None
        component = header.components[0]
        if component.ident not in self.history:
            across, down = self.frame.blocks(component)
            self.history[component.ident] = array("Q", bytes(8 * across * down))
        return self.history[component.ident]

    def _entries(self, scan: Scan) -> list[bytes | None]:
        """The Huffman table of each place in ``Walk.codes``; None where the scan reads none."""
        return [None if slot is None else scan.huffmans.get(slot) for slot in self._slots(scan)]

    def _slots(self, scan: Scan) -> list[int | None]:
        """The slot, class << 4 | number, of each of these tables."""
        if self.frame.arithmetic:
            return [None] * (2 * len(scan.header.components))
        reads_dc, reads_ac = scan.header.reads(self.frame)
        pairs = [(dc if reads_dc else None, 0x10 | ac if reads_ac else None) for dc, ac in scan.header.tables]
        return [slot for pair in pairs for slot in pair]

    def _is_distinct(self, entries: list[bytes | None], found: jpeg.Walk) -> bool:
        """Whether no two codes in use mean the same."""
        return all(
            symbols_are_distinct(bytes(entry[17 + number] for number in numbers), entry[0] >> 4 > 0, self.frame.sof)
            for entry, numbers in zip(entries, found.codes, strict=True)
            if entry is not None
        )

    def _coded_again(self, scan: Scan, native: jpeg.Scan, before: array[int] | None) -> WalkedScan:
        """The scan coded canonically, with the tables that need the fewest bits: nothing of its coding was kept."""
        data = self.view[scan.start : scan.end]
        again = None if before is None else before[:]
        counted = jpeg.walk(native, data, again, jpeg.Output.CODE)  # there are no tables yet: it counts
        slots = self._slots(scan)
        counts: dict[int, dict[int, int]] = {slot: {} for slot in slots if slot is not None}
        for slot, symbols in zip(slots, counted.symbols, strict=True):
            if slot is not None:
                counts[slot] = {n: counts[slot].get(n, 0) + symbols.get(n, 0) for n in counts[slot] | symbols}
        tables = {slot: bytes([slot]) + optimal(symbols) for slot, symbols in counts.items()}
        new = tuple(b"" if slot is None else tables[slot][1:] for slot in slots)
        found = jpeg.walk(native, data, before, jpeg.Output.CODE, new)
        if found.status is not Status.OK:
            raise _refusal(scan, "it has more codes than its coefficients need, and cannot be coded again")
        return WalkedScan(native, [found.data], found.used, tables, {}, found.nonzero)

    def _damaged(self, scan: Scan, native: jpeg.Scan, before: array[int] | None) -> WalkedScan:
        """A scan with restart intervals that end early: decoders read them to their end, supply zeros, and go on.

        So nothing in them is unread, and what is written shows the same. Intervals that are missing stay so.
        """
        view = self.view
        if before is not None:
            self.history[scan.header.components[0].ident] = before
        walks: list[jpeg.Walk] = []
        pieces: list[bytes | memoryview] = []
        step = native.interval or native.mcus
        intervals = scan.intervals
        if len(intervals) > DAMAGED_INTERVALS:
            raise _refusal(scan, f"it is damaged, and has {len(intervals)} restart intervals to be walked one by one")
        for number, start, end in intervals:
            if number:
                pieces.append(restart_marker(number))
            first, count = number * step, min(step, native.mcus - number * step)
            part, history = native._replace(mcus=count, interval=0), before and before[first : first + count]
            found, piece = self._interval(scan, part, (start, end), history)
            if before is not None and history is not None:
                before[first : first + count] = history
            walks.append(found)
            pieces.append(piece)
        data = view[scan.start : intervals[-1].end]
        written = b"".join(pieces)
        is_stored = written == bytes(data)
        met = _met(self._entries(scan), walks)
        coded = sum(found.mcus for found in walks)
        pieces = [data if is_stored else written]
        mcus = None if coded == native.mcus else coded
        return WalkedScan(native, pieces, len(data), {}, met, _nonzero(walks), is_stored=is_stored, mcus=mcus)

    def _interval(
        self, scan: Scan, part: jpeg.Scan, place: tuple[int, int], history: array[int] | None
    ) -> tuple[jpeg.Walk, bytes | memoryview]:
        """Walk a restart interval by itself, and choose what is written for it."""
        data = self.view[slice(*place)]
        before = history and history[:]
        found = jpeg.walk(part, data, history)
        if found.status not in (Status.OK, Status.ENDS_EARLY):
            problem = "a code or value that T.81 does not allow; what decoders show of it, only a scrub can write"
            raise _refusal(scan, problem, place[0] + found.used)
        if found.zero_runs or found.eob_runs:
            raise _refusal(scan, "it is damaged, and has more codes than its coefficients need")
        if found.status is Status.ENDS_EARLY:
            return found, bytes(data).rstrip(b"\xff")  # fill bytes (T.81, B.1.1.2)
        if found.padding:
            return found, jpeg.walk(part, data, before, jpeg.Output.CUT).data
        return found, data[: found.used]


def _met(entries: list[bytes | None], walks: list[jpeg.Walk]) -> dict[bytes, set[int]]:
    met: dict[bytes, set[int]] = {entry: set() for entry in entries if entry is not None}
    for found in walks:
        for entry, numbers in zip(entries, found.codes, strict=True):
            if entry is not None:
                met[entry].update(numbers)
    return met


def _nonzero(walks: list[jpeg.Walk]) -> tuple[int, ...]:
    masks = [0] * len(walks[0].nonzero)
    for found in walks:
        masks = [mask | more for mask, more in zip(masks, found.nonzero, strict=True)]
    return tuple(masks)


def _refusal(scan: Scan, problem: str, offset: int | None = None) -> UnsupportedFeature:
    return UnsupportedFeature(problem, structure="jpeg SOS", offset=scan.offset if offset is None else offset)
