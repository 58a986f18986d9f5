"""AV1 inside ISOBMFF: the decoder configuration and a filter over OBUs, by size, never byte by byte.

Kept are the sequence header (re-serialised), frame headers, tile groups and frames of one picture. Metadata, padding,
delimiters and reserved types are dropped and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from rmexif.containers.isobmff.av1_frame import without_render_size
from rmexif.containers.isobmff.av1_sequence import MAX_SEQUENCE_HEADER, Av1SequenceHeader, read_sequence_header
from rmexif.containers.isobmff.coded_data import FilteredData, area
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.common.gathered import Gathered
    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.cursor import Cursor

__all__ = ["Av1Config", "filter_av1", "leb128", "read_av1c"]

SEQUENCE_HEADER, FRAME_HEADER, TILE_GROUP, FRAME = 1, 3, 4, 6  # obu_type (AV1 6.2.2)
FRAMES = (FRAME_HEADER, TILE_GROUP, FRAME)
MAX_FRAME_HEADER = 256  # byte; those of common encoders stay below 150
DROPPED_OBU = {2: "delimiter", 5: "metadata", 7: "redundant", 8: "tile-list", 15: "padding"}


@dataclass(frozen=True, slots=True)
class Av1Config:
    """A decoder configuration of AV1 (AV1-ISOBMFF 2.3.3); the sequence header stays with the coded data."""

    box: bytes  # canonical body of av1C


def read_av1c(cursor: Cursor) -> Av1Config:
    """Parse ``av1C`` and re-serialise it without configOBUs and presentation delay.

    Raises:
        UnsupportedFeature: marker or version are not those of version 1.
    """
    offset, head = cursor.offset, cursor.bytes(4)
    if head[0] != 0x81:
        problem = f"marker and version are {head[0]:#x}, 0x81 is required"
        raise UnsupportedFeature(problem, structure="isobmff av1C", offset=offset)
    return Av1Config(head[:3] + b"\0")


@dataclass(frozen=True, slots=True)
class Obu:
    """Where an OBU lies in the coded data (AV1 5.3.1)."""

    kind: int
    header: bytes  # canonical, with its size
    position: int  # byte
    start: int  # byte, of the payload
    end: int


def filter_av1(
    coded: Gathered, tally: Tally, *, still: bool, sequence: Av1SequenceHeader | None = None
) -> FilteredData:
    """Keep the sequence header, and the frames of the picture that is shown; layers have more than one.

    Args:
        coded: OBUs (AV1 5.3), the item or sample.
        tally: counts the OBUs.
        still: whether one picture is expected in it, as a key frame.
        sequence: the header that holds, where an earlier sample had one.

    Raises:
        MalformedImage: sizes do not tile the data, or no picture is in it.
        UnsupportedFeature: pictures that are never shown, or behind the one that is; or a frame in so many pieces
            that nobody can say where it ends without decoding it.
    """
    out, data = FilteredData(sequence=sequence), coded.data
    frames = _FrameFilter(still)
    position, has_header = 0, False
    while position < len(data):
        tally.add()
        obu = read_obu(coded, position)
        if obu.kind == SEQUENCE_HEADER:
            payload = bytes(data[obu.start : min(obu.end, obu.start + MAX_SEQUENCE_HEADER)])
            new = read_sequence_header(payload, coded.locator(obu.start))
            if has_header and out.sequence and out.sequence.payload != new.payload and not frames.shown:
                _fail(coded, position, "two different sequence headers before one picture")
            keep_sequence_header(out, data, obu, None if has_header else new)
            out.sequence, has_header = out.sequence if has_header else new, True
        elif why := DROPPED_OBU.get(obu.kind, "" if obu.kind in FRAMES else "reserved") or frames.why_dropped(
            obu, coded, out.sequence
        ):
            out.replace(position, obu.end, b"", why)
        else:
            keep_frame(out, coded, obu)
        position = obu.end
    frames.check_complete(coded, 0)
    if not frames.count or (still and not has_header):
        _fail(coded, 0, "a sequence header and a frame are required in an item, a frame in a sample")
    out.sync = has_header and frames.starts
    return out


def _fail(coded: Gathered, position: int, problem: str, *, refused: bool = False) -> NoReturn:
    """Raise with the byte of the file at which byte ``position`` of the coded data lies."""
    error = UnsupportedFeature if refused else MalformedImage
    raise error(problem, structure="isobmff AV1 OBU", offset=coded.offset(position))


class _FrameFilter:
    """Which frames of an item or sample stay."""

    __slots__ = ("count", "shown", "starts", "still", "tile_groups")

    def __init__(self, still: bool) -> None:
        self.still = still
        self.count = 0
        self.tile_groups = 0  # that may follow
        self.shown = False  # the picture has come
        self.starts = False  # with a key frame that is shown

    def why_dropped(self, obu: Obu, coded: Gathered, sequence: Av1SequenceHeader | None) -> str:
        """Why an OBU of a frame goes, or ""."""
        if sequence is None or obu.start == obu.end:
            _fail(coded, obu.position, "a frame that is not empty is required, behind its sequence header")
        if obu.kind == TILE_GROUP:
            return self._tile_group(obu, coded)
        if self.shown:  # a decoder passes over what it can make nothing of: without it nobody knows which one is shown
            _fail(coded, obu.position, "pictures behind the one that is shown are refused", refused=True)
        self.check_complete(coded, obu.position)
        size, first = obu.end - obu.start, coded.data[obu.start]
        if obu.kind == FRAME_HEADER and size > MAX_FRAME_HEADER:
            _fail(coded, obu.position, f"a frame header of {size} bytes, at most {MAX_FRAME_HEADER} are read")
        key = sequence.reduced or first & 0xF0 == 0x10  # not show_existing_frame, KEY_FRAME, show_frame (5.9.2)
        if not self.count:
            self.starts = key
            if self.still and not key:
                _fail(coded, obu.position, "an item must start with a key frame that is shown", refused=True)
        existing = bool(first & 0x80) and not sequence.reduced
        self.count += 1
        self.tile_groups = int(obu.kind == FRAME_HEADER and not existing)
        self.shown = not sequence.layered and (key or bool(first & 0x90))
        return ""

    def check_complete(self, coded: Gathered, position: int) -> None:
        """Refuse a frame header that no tile group follows: decoders wait for one, and show another frame."""
        if self.tile_groups:
            _fail(coded, position, "a tile group is required behind a frame header of its own")

    def _tile_group(self, obu: Obu, coded: Gathered) -> str:
        if not self.count:
            return "picture"
        self.tile_groups -= 1
        if self.tile_groups < 0:
            _fail(coded, obu.position, "a frame in several tile groups is refused", refused=True)
        return ""


def keep_frame(out: FilteredData, coded: Gathered, obu: Obu) -> None:
    """Keep an OBU of a frame, with its header at its shortest, without the size at which video players show it."""
    data, sequence = coded.data, out.sequence
    header = obu.header if sequence and sequence.layered else unlayered(obu.header)
    new = None
    if sequence and obu.kind != TILE_GROUP:
        new = without_render_size(data[obu.start : obu.end], sequence, coded.locator(obu.start))
    if new is not None:
        bare = header[: 1 + (header[0] >> 2 & 1)]
        out.replace(obu.position, obu.end, bare + (leb128(len(new)) if header[0] & 2 else b"") + new, "render-size")
    elif header == data[obu.position : obu.start]:
        out.keep(data, obu.position, obu.end)
    else:
        out.replace(obu.position, obu.start, header, "obu-header")
        out.keep(data, obu.start, obu.end)


def keep_sequence_header(out: FilteredData, data: memoryview, obu: Obu, new: Av1SequenceHeader | None) -> None:
    """Keep a sequence header OBU without what follows its trailing bits; None drops it."""
    old = data[obu.position : obu.end]
    if new is None:
        out.replace(obu.position, obu.end, b"", "repeated")
        return
    out.size = max(out.size, new.size, key=area)
    header = bytes((old[0] & 0x7A,))  # layers have one header
    canonical = header + (leb128(len(new.payload)) if old[0] & 2 else b"") + new.payload
    if canonical == old:
        out.chunks.append(old)
        out.spans.append((obu.position, obu.end, ""))
    else:
        out.replace(obu.position, obu.end, canonical, "sequence-header")


def read_obu(coded: Gathered, position: int) -> Obu:
    """The OBU at ``position`` (AV1 5.3.1).

    Raises:
        MalformedImage: its forbidden bit is set, or it runs past the end of the data.
    """
    data, start = coded.data, position + 1
    first = data[position]
    if first & 0x80:
        _fail(coded, position, "obu_forbidden_bit is set")
    header = bytes((first & 0x7E,))
    if first & 4:
        header += bytes((_byte(coded, position, start) & 0xF8,))
        start += 1
    if not first & 2:
        return Obu(first >> 3 & 15, header, position, start, len(data))
    size = 0
    for index in range(8):  # leb128(), 4.10.5
        byte = _byte(coded, position, start)
        start += 1
        size |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            break
    if size > len(data) - start:
        _fail(coded, position, f"a payload of {size} bytes, {len(data) - start} are there")
    return Obu(first >> 3 & 15, header + leb128(size), position, start, start + size)


def _byte(coded: Gathered, position: int, at: int) -> int:
    """A byte of the header of the OBU at ``position``."""
    if at >= len(coded.data):
        _fail(coded, position, "the header ends early")
    return coded.data[at]


def unlayered(header: bytes) -> bytes:
    """An OBU header without the extension byte, which only layers need."""
    return bytes((header[0] & 0x7A,)) + header[1 + (header[0] >> 2 & 1) :]


def leb128(value: int) -> bytes:
    """The shortest form of a leb128 number (AV1 4.10.5)."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes((value,))
