"""Frame and scan headers of a JPEG (ITU-T T.81, B.2.2 and B.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.jpeg.segments import Marker
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.jpeg.segments import Segment
    from rmexif.types import Limits

__all__ = ["Component", "FrameHeader", "ScanHeader", "read_frame_header", "read_scan_header"]

MAX_COMPONENTS = 4  # T.81, B.2.3: of a scan; decoders show frames of no more
MAX_SAMPLING = 4  # T.81, B.2.2
SLOTS = 4  # of each kind of table (T.81, B.2.2, B.2.4)
PRECISIONS = (8, 12, 16)  # bit; T.81, B.2.2: 8 and 12 of DCT processes; of lossless ones, those that decoders know


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


class Component(NamedTuple):
    """One component of the frame (T.81, B.2.2)."""

    ident: int
    h: int  # horizontal sampling factor, 1-4
    v: int  # vertical sampling factor, 1-4
    quant: int  # quantisation table slot, 0-3


class FrameHeader(NamedTuple):
    """The frame header (T.81, B.2.2)."""

    sof: int  # marker byte, 0xC0 ...
    precision: int  # bit
    width: int  # px
    height: int  # px
    components: tuple[Component, ...]

    @property
    def progressive(self) -> bool:
        """SOF2, SOF10."""
        return self.sof in (Marker.SOF2, Marker.SOF10)

    @property
    def arithmetic(self) -> bool:
        """SOF9 and above are arithmetic-coded."""
        return self.sof >= Marker.SOF9

    @property
    def lossless(self) -> bool:
        """SOF3, SOF11: samples are predicted, there are no blocks."""
        return self.sof in (Marker.SOF3, Marker.SOF11)

    @property
    def unit(self) -> int:
        """Px that a data unit is wide and high: a block, or a sample of a lossless frame (T.81, A.1.3)."""
        return 1 if self.lossless else 8

    @property
    def mcus(self) -> tuple[int, int]:
        """MCUs in a row and rows of MCUs of an interleaved scan."""
        h, v = max(c.h for c in self.components), max(c.v for c in self.components)
        return _ceil(self.width, self.unit * h), _ceil(self.height, self.unit * v)

    def blocks(self, component: Component) -> tuple[int, int]:
        """Data units in a row and rows of them in a scan that holds ``component`` alone (T.81, A.2.2)."""
        h, v = max(c.h for c in self.components), max(c.v for c in self.components)
        width, height = _ceil(self.width * component.h, h), _ceil(self.height * component.v, v)
        return _ceil(width, self.unit), _ceil(height, self.unit)


@dataclass(frozen=True, slots=True)
class ScanHeader:
    """The scan header, with the frame's entry of each of its components (T.81, B.2.3)."""

    components: tuple[Component, ...]
    tables: tuple[tuple[int, int], ...]  # (DC slot, AC slot) per component
    start: int  # Ss
    stop: int  # Se
    high: int  # Ah
    low: int  # Al

    def count(self, frame: FrameHeader) -> int:
        """MCUs in the scan."""
        across, down = frame.mcus if len(self.components) > 1 else frame.blocks(self.components[0])
        return across * down

    def reads(self, frame: FrameHeader) -> tuple[bool, bool]:
        """Whether the scan reads DC tables, and AC tables."""
        return _reads(frame, self.start, self.stop, self.high)

    def slots(self, frame: FrameHeader) -> list[int]:
        """Slots (class << 4 | number) of the tables or conditioning that the scan reads, in libjpeg's order."""
        reads_dc, reads_ac = self.reads(frame)
        found = []
        for dc, ac in self.tables:
            if reads_dc:
                found.append(dc)
            if reads_ac:
                found.append(0x10 | ac)
        return list(dict.fromkeys(found))


REPEATED = 256  # is added to an identifier for each component before that has it, as libjpeg-turbo tells them apart


def _reads(frame: FrameHeader, start: int, stop: int, high: int) -> tuple[bool, bool]:
    if frame.lossless:
        return True, False
    return start == 0 and not (frame.progressive and high), stop > 0


def read_frame_header(view: memoryview, segment: Segment, limits: Limits) -> FrameHeader:
    """Read an SOFn segment (T.81, B.2.2).

    Raises:
        MalformedImage: a value that T.81 does not allow.
        UnsupportedFeature: a height of 0.
        LimitExceeded: more pixels than allowed.
    """
    body = segment.cursor(view)

    def refuse(problem: str) -> MalformedImage:
        return MalformedImage(problem, structure=body.structure, offset=segment.start)

    precision, height, width, count = body.u8(), body.u16(), body.u16(), body.u8()
    if not height:
        problem = "a height of 0, to be given by a DNL segment after the first scan; no common decoder shows that"
        raise UnsupportedFeature(problem, structure=body.structure, offset=segment.start)
    if not width:
        raise refuse("a width of 0 px")
    if not 1 <= count <= MAX_COMPONENTS:
        raise refuse(f"{count} components, expected 1 to {MAX_COMPONENTS}")
    if precision not in PRECISIONS:
        raise refuse(f"{precision} bits a sample, expected 8, 12 or 16")
    components = []
    for _ in range(count):
        ident, sampling, quant = body.u8(), body.u8(), body.u8()
        component = Component(ident, sampling >> 4, sampling & 15, quant)
        if not (1 <= component.h <= MAX_SAMPLING and 1 <= component.v <= MAX_SAMPLING):
            raise refuse(f"sampling factors {component.h} x {component.v}, expected 1 to {MAX_SAMPLING}")
        if quant >= SLOTS:
            raise refuse(f"quantisation table {quant}, expected 0 to {SLOTS - 1}")
        components.append(component)
    if count == 1:  # one component is not interleaved, whatever its sampling (T.81, A.2.2)
        components = [components[0]._replace(h=1, v=1)]
    for number, component in enumerate(components):
        earlier = [one.ident & 0xFF for one in components[:number]].count(component.ident)
        components[number] = component._replace(ident=component.ident + REPEATED * earlier)
    limits.check("max_pixels", width * height)
    return FrameHeader(segment.marker, precision, width, height, tuple(components))


def read_scan_header(view: memoryview, segment: Segment, frame: FrameHeader) -> ScanHeader:
    """Read an SOS segment (T.81, B.2.3); parameters without a choice get the value that T.81 gives them.

    Raises:
        MalformedImage: components that the frame does not have, or a value that T.81 does not allow.
    """
    body = segment.cursor(view)

    def refuse(problem: str) -> MalformedImage:
        return MalformedImage(problem, structure=body.structure, offset=segment.start)

    count = body.u8()
    if not 1 <= count <= MAX_COMPONENTS:
        raise refuse(f"{count} components, expected 1 to {MAX_COMPONENTS}")
    selectors = [(body.u8(), body.u8()) for _ in range(count)]
    components = {component.ident: component for component in frame.components}
    for number, (ident, slot) in enumerate(selectors):
        earlier = [one & 0xFF for one, _ in selectors[:number]].count(ident)
        if ident not in components:
            raise refuse("a component selector that the frame header does not have")
        selectors[number] = (ident + REPEATED * earlier, slot)
        if selectors[number][0] not in components:
            raise refuse("a component is selected twice")
    start, stop, approximation = body.u8(), body.u8(), body.u8()
    if frame.lossless:
        stop, approximation = 0, approximation & 15
    elif not frame.progressive:
        start, stop, approximation = 0, 63, 0  # the only values that a sequential scan may have
    if frame.progressive and (start > stop or stop > 63 or (start and count > 1) or (not start and stop)):
        raise refuse(f"a spectral selection of {start} to {stop} for {count} components")
    high, low = approximation >> 4, approximation & 15
    dc, ac = _reads(frame, start, stop, high)
    tables = tuple((slot >> 4 if dc else 0, slot & 15 if ac else 0) for _, slot in selectors)
    if max(max(pair) for pair in tables) >= SLOTS:
        raise refuse(f"an entropy coding table above {SLOTS - 1}")
    return ScanHeader(tuple(components[ident] for ident, _ in selectors), tables, start, stop, high, low)
