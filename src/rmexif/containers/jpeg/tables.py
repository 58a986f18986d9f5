"""Tables and the restart interval of a JPEG, as they are in force while its segments are read (ITU-T T.81, B.2.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rmexif.containers.jpeg.segments import Marker
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.jpeg.segments import Segment
    from rmexif.cursor import Cursor

__all__ = ["TABLES", "Table", "TablesInForce", "is_default_conditioning"]

TABLES = frozenset({Marker.DQT, Marker.DHT, Marker.DAC, Marker.DRI})
Table = tuple[int, int, bytes]  # marker, destination (DHT: class << 4 | slot; DQT: slot), entry as in the segment

SLOTS = 4  # T.81, B.2.4.1 to B.2.4.3
MAX_CODES = 256  # of a Huffman table: a symbol is a byte (T.81, B.2.4.2)
BLOCK = 64  # coefficients (T.81, A.3.3)
DEFAULTS = (0x10, 5)  # DAC values of a DC slot (L 0, U 1) and of an AC slot (T.81, F.1.4.4.1.4)


@dataclass(slots=True)
class TablesInForce:
    """The tables that the next scan would use."""

    quants: dict[int, bytes] = field(default_factory=dict)  # by slot
    huffmans: dict[int, bytes] = field(default_factory=dict)  # by class << 4 | slot
    conditioning: dict[int, int] = field(default_factory=dict)  # DAC values by class << 4 | slot
    restart_interval: int = 0  # MCUs, 0 = none
    conditioning_flaw: MalformedImage | None = None  # of a DAC segment; decoders of Huffman codes do not read it
    offsets: dict[bytes, int] = field(default_factory=dict)  # Huffman table -> byte where its DHT segment starts

    def conditioning_in_force(self) -> dict[int, int]:
        """The DAC values that an arithmetic-coded scan would use.

        Raises:
            MalformedImage: a DAC segment is cut short, or has values that T.81 does not allow.
        """
        if self.conditioning_flaw is not None:
            raise self.conditioning_flaw
        return dict(self.conditioning)

    def define(self, view: memoryview, segment: Segment) -> tuple[Table, ...]:
        """Read a DQT, DHT, DAC or DRI segment, and give the quantisation and Huffman tables that it defines.

        Raises:
            MalformedImage: a table is cut short, or has values that T.81 does not allow.
        """
        body = segment.cursor(view)
        if segment.marker == Marker.DRI:
            self.restart_interval = body.u16()
            return ()
        if segment.marker == Marker.DAC:
            try:
                while body.remaining:
                    destination = _destination(body)
                    self.conditioning[destination] = _conditioning(body, destination >> 4)
            except MalformedImage as error:
                self.conditioning_flaw = error.with_traceback(None)
            return ()
        found: list[Table] = []
        while body.remaining:
            destination = _destination(body)
            if segment.marker == Marker.DQT:
                entry = bytes([destination]) + body.bytes(BLOCK * 2 if destination >> 4 else BLOCK)
                self.quants[destination & 15] = entry
                found.append((Marker.DQT, destination & 15, entry))
            else:
                entry = bytes([destination]) + _huffman_lists(body)
                self.huffmans[destination] = entry
                self.offsets.setdefault(entry, segment.start)
                found.append((Marker.DHT, destination, entry))
        return tuple(found)


def is_default_conditioning(body: bytes) -> bool:
    """Whether a DAC segment states, for each slot at most once, what holds without it (T.81, F.1.4.4.1.4)."""
    slots, values = body[::2], body[1::2]
    return (
        len(slots) == len(values) == len(set(slots))
        and all(slot & 15 < SLOTS and slot >> 4 <= 1 for slot in slots)
        and all(value == DEFAULTS[slot >> 4] for slot, value in zip(slots, values, strict=True))
    )


def _destination(body: Cursor) -> int:
    """Class or precision << 4 | slot of a table (T.81, B.2.4.1 to B.2.4.3)."""
    destination = body.u8()
    if destination & 15 >= SLOTS or destination >> 4 > 1:
        problem = f"slot {destination & 15} of class {destination >> 4}, expected 0 to 3 of class 0 or 1"
        raise MalformedImage(problem, structure=body.structure, offset=body.offset - 1)
    return destination


def _huffman_lists(body: Cursor) -> bytes:
    """The numbers of codes of each length, and the symbols (T.81, B.2.4.2)."""
    counts = body.bytes(16)
    if sum(counts) > MAX_CODES:
        problem = f"a table of {sum(counts)} codes, at most {MAX_CODES} fit"
        raise MalformedImage(problem, structure=body.structure, offset=body.offset - 16)
    return counts + body.bytes(sum(counts))


def _conditioning(body: Cursor, table_class: int) -> int:
    """A DAC value (T.81, B.2.4.3): bounds L and U of a DC slot, Kx of an AC slot."""
    value = body.u8()
    if table_class and not 1 <= value < BLOCK:
        problem = f"an AC conditioning value of {value}, expected 1 to {BLOCK - 1}"
        raise MalformedImage(problem, structure=body.structure, offset=body.offset - 1)
    if not table_class and value & 15 > value >> 4:
        problem = f"a DC lower bound of {value & 15} above its upper bound of {value >> 4}"
        raise MalformedImage(problem, structure=body.structure, offset=body.offset - 1)
    return value
