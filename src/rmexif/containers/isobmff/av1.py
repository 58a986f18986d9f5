"""AV1 inside ISOBMFF: the decoder configuration and a filter over OBUs, by size, never byte by byte.

Kept are the sequence header (written afresh), frame headers, tile groups and frames; of a still, its first picture.
Metadata, padding, delimiters, reserved types and further pictures are dropped and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.isobmff.av1_frame import without_render_size
from rmexif.containers.isobmff.av1_sequence import Sequence, read_sequence
from rmexif.containers.isobmff.filtered_units import MAX_HEADER, Filtered, area
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.isobmff.boxes import Tally

__all__ = ["Av1Config", "filter_av1", "read_av1c"]

SEQUENCE, FRAME_HEADER, TILES, FRAME = 1, 3, 4, 6  # OBU types (AV1 6.2.2)
FRAMES = (FRAME_HEADER, TILES, FRAME)
MAX_FRAME_HEADER = 256  # byte; real ones stay below 150
DROPPED_OBU = {2: "delimiter", 5: "metadata", 7: "redundant", 8: "tile-list", 15: "padding"}


@dataclass(frozen=True, slots=True)
class Av1Config:
    """A decoder configuration of AV1 (AV1-ISOBMFF 2.3.3); the sequence header stays with the coded data."""

    box: bytes  # canonical body of av1C


def read_av1c(cursor: Cursor) -> Av1Config:
    """Read ``av1C`` and write it afresh without configOBUs and presentation delay.

    Raises:
        UnsupportedFeature: marker or version are not those of version 1.
    """
    head = cursor.bytes(4)
    if head[0] != 0x81:
        raise UnsupportedFeature("isobmff: av1C of a version other than 1")
    return Av1Config(head[:3] + b"\0")


def filter_av1(data: memoryview, tally: Tally, *, still: bool, sequence: Sequence | None = None) -> Filtered:
    """Keep the sequence header, and the frames up to the one that is shown; layers have more than one.

    Args:
        data: OBUs (AV1 5.3), the item or sample.
        tally: counts the OBUs.
        still: whether one picture is meant to be in it, as a key frame.
        sequence: the header that holds, where an earlier sample had one.

    Raises:
        MalformedImage: sizes do not tile the data, or no picture is in it.
        UnsupportedFeature: pictures that are never shown, or a frame in so many pieces that nobody can say where
            it ends without decoding it.
    """
    out = Filtered(sequence=sequence)
    walk = _Walk(still)
    position, fresh = 0, False
    while position < len(data):
        tally.add()
        kind, header, start, end = obu(data, position)
        if kind == SEQUENCE:
            new = read_sequence(bytes(data[start : min(end, start + MAX_HEADER)]))
            if fresh and out.sequence and out.sequence.payload != new.payload and not walk.shown:
                raise MalformedImage("isobmff: two AV1 sequence headers for one picture")
            keep_sequence(out, data[position:end], position, None if fresh else new)
            out.sequence, fresh = out.sequence if fresh else new, True
        elif why := DROPPED_OBU.get(kind, "" if kind in FRAMES else "reserved") or walk.step(
            kind, data[start:end], out.sequence
        ):
            out.replace(position, end, b"", why)
        else:
            header = header if out.sequence and out.sequence.layered else unlayered(header)
            keep_frame(out, data, (position, start, end), header, kind)
        position = end
    if not walk.frames or (still and not fresh):
        raise MalformedImage("isobmff: no coded picture in an item or sample")
    out.sync = fresh and walk.starts
    return out


class _Walk:
    """Which frames of an item or sample stay."""

    __slots__ = ("closed", "frames", "room", "shown", "starts", "still")

    def __init__(self, still: bool) -> None:
        self.still = still
        self.frames = 0
        self.room = 0  # tile groups that may follow
        self.shown = False  # the picture has come
        self.closed = False  # of a still: another frame followed it
        self.starts = False  # with a key frame that is shown

    def step(self, kind: int, frame: memoryview, sequence: Sequence | None) -> str:
        """Why an OBU of a frame goes, or ""."""
        if sequence is None or len(frame) == 0:
            raise MalformedImage("isobmff: an AV1 frame before its sequence header")
        if kind == TILES:
            if self.closed or not self.frames:
                return "picture"
            self.room -= 1
            if self.room < 0:
                raise UnsupportedFeature("isobmff: an AV1 frame in several tile groups is refused")
            return ""
        if self.shown and self.still:
            self.closed = True
            return "picture"
        if self.shown:
            raise UnsupportedFeature("isobmff: an AV1 sample with pictures behind the one that is shown is refused")
        if kind == FRAME_HEADER and len(frame) > MAX_FRAME_HEADER:
            raise MalformedImage(f"isobmff: an AV1 frame header of {len(frame)} bytes")
        key = sequence.reduced or frame[0] & 0xF0 == 0x10  # not show_existing_frame, KEY_FRAME, show_frame (5.9.2)
        if not self.frames:
            self.starts = key
            if self.still and not key:
                raise UnsupportedFeature("isobmff: an AV1 picture that does not start with a key frame that is shown")
        existing = bool(frame[0] & 0x80) and not sequence.reduced
        self.frames += 1
        self.room = int(kind == FRAME_HEADER and not existing)
        self.shown = not sequence.layered and (key or bool(frame[0] & 0x90))
        return ""


def keep_frame(out: Filtered, data: memoryview, place: tuple[int, int, int], header: bytes, kind: int) -> None:
    """Keep an OBU of a frame, without the size at which video players show it."""
    position, start, end = place
    fresh = without_render_size(data[start:end], out.sequence) if out.sequence and kind != TILES else None
    if fresh is None:
        keep_obu(out, data, position, start, end, header)
        return
    bare = header[: 1 + (header[0] >> 2 & 1)]
    out.replace(position, end, bare + (leb128(len(fresh)) if header[0] & 2 else b"") + fresh, "render-size")


def keep_obu(out: Filtered, data: memoryview, position: int, start: int, end: int, header: bytes) -> None:
    """Keep an OBU, with its header at its shortest."""
    if header == data[position:start]:
        out.keep(data, position, end)
    else:
        out.replace(position, start, header, "obu-header")
        out.keep(data, start, end)


def keep_sequence(out: Filtered, whole: memoryview, position: int, new: Sequence | None) -> None:
    """Keep a sequence header OBU without what follows its trailing bits; None drops it."""
    end = position + len(whole)
    if new is None:
        out.replace(position, end, b"", "repeated")
        return
    out.size = max(out.size, new.size, key=area)
    header = bytes((whole[0] & 0x7A,))  # layers have one header
    fresh = header + (leb128(len(new.payload)) if whole[0] & 2 else b"") + new.payload
    if fresh == whole:
        out.chunks.append(whole)
        out.spans.append((position, end, ""))
    else:
        out.replace(position, end, fresh, "sequence-header")


def obu(data: memoryview, position: int) -> tuple[int, bytes, int, int]:
    """Type, canonical header, payload start and end of the OBU at ``position`` (AV1 5.3.1)."""
    cursor = Cursor(data, "isobmff: AV1 OBU", position)
    first = cursor.u8()
    if first & 0x80:
        raise MalformedImage(f"isobmff: OBU at byte {position} of an item has its forbidden bit set")
    header = bytes((first & 0x7E,)) + (bytes((cursor.u8() & 0xF8,)) if first & 4 else b"")
    if not first & 2:
        return first >> 3 & 15, header, cursor.offset, len(data)
    size = 0
    for index in range(8):  # leb128(), 4.10.5
        byte = cursor.u8()
        size |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            break
    start = cursor.offset
    cursor.skip(size)
    return first >> 3 & 15, header + leb128(size), start, cursor.offset


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
