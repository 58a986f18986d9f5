"""AV1 inside ISOBMFF: the decoder configuration and a filter over OBUs, by size, never byte by byte.

Kept are the sequence header (cut at its end), frame headers, tile groups and frames; of a still, only those of its
first shown picture. Metadata, padding, delimiters, reserved types and further pictures are dropped and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.cursor import Cursor
from rmexif.containers.isobmff.units import MAX_HEADER, Bits, Filtered, area
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.isobmff.boxes import Tally

__all__ = ["Av1Config", "filter_av1", "read_av1c"]

SEQUENCE, FRAME_HEADER, TILES, FRAME = 1, 3, 4, 6  # OBU types (AV1 6.2.2)
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


@dataclass(frozen=True, slots=True)
class Sequence:
    """What we need of a sequence header OBU."""

    payload: bytes  # canonical: ends with its trailing bits
    size: tuple[int, int]  # px
    reduced: bool  # reduced_still_picture_header
    layered: bool  # an operating point chooses among layers: no one frame is the picture


def filter_av1(data: memoryview, tally: Tally, *, still: bool) -> Filtered:
    """Keep sequence header, frame headers, tile groups and frames; of a still, its first shown frame only.

    Args:
        data: OBUs (AV1 5.3), the item or sample.
        tally: counts the OBUs.
        still: whether one picture is meant to be in it; a layered one may have several frames.

    Raises:
        MalformedImage: sizes do not tile the data, or no picture is in it.
    """
    out = Filtered()
    sequence: Sequence | None = None
    position, frames = 0, 0
    shown = closed = False  # the picture has begun; another frame followed it
    while position < len(data):
        tally.add()
        kind, header, start, end = obu(data, position)
        why = DROPPED_OBU.get(kind, "" if kind in (SEQUENCE, FRAME_HEADER, TILES, FRAME) else "reserved")
        if why or (kind == TILES and (closed or not frames)):
            out.replace(position, end, b"", why or "picture")
        elif kind == SEQUENCE:
            new = read_sequence(bytes(data[start : min(end, start + MAX_HEADER)]))
            keep_sequence(out, data[position:end], position, None if still and sequence else new)
            sequence = sequence or new
        else:
            closed = closed or (shown and kind != TILES)
            if closed:
                out.replace(position, end, b"", "picture")
            else:
                frames += kind != TILES
                shown = shown or (still and kind != TILES and is_shown(data[start:end], sequence))
                keep_obu(out, data, position, start, end, header)
        position = end
    if not frames or (still and not sequence):
        raise MalformedImage("isobmff: no coded picture in an item or sample")
    return out


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
    header = bytes((whole[0] & 0x7E,)) + (bytes((whole[1] & 0xF8,)) if whole[0] & 4 else b"")
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


def leb128(value: int) -> bytes:
    """The shortest form of a leb128 number (AV1 4.10.5)."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes((value,))


def is_shown(frame: memoryview, sequence: Sequence | None) -> bool:
    """Whether a frame header shows the picture: show_existing_frame or show_frame (AV1 5.9.2)."""
    if sequence is None or len(frame) == 0:
        raise MalformedImage("isobmff: an AV1 frame before its sequence header")
    return not sequence.layered and (sequence.reduced or bool(frame[0] & 0x90))


def read_sequence(payload: bytes) -> Sequence:
    """Walk a sequence header to its end (AV1 5.5.1)."""
    bits = Bits(payload)
    total = bits.left
    profile = bits.read(3)
    bits.read(1)  # still_picture
    reduced = bool(bits.read(1))
    layered = _operating_points(bits, reduced)
    widths = bits.read(4) + 1, bits.read(4) + 1
    size = bits.read(widths[0]) + 1, bits.read(widths[1]) + 1
    if not reduced and bits.read(1):  # frame_id_numbers_present_flag
        bits.read(4 + 3)
    bits.read(3)  # superblock size, filter_intra, intra_edge_filter
    if not reduced:
        _inter_tools(bits)
    bits.read(3)  # superres, cdef, restoration
    _color_config(bits, profile)
    bits.read(1)  # film_grain_params_present
    used = total - bits.left
    whole = (used + 8) // 8  # trailing_bits(): a one, then zeros up to the byte
    value = (bits.value >> bits.left << 1 | 1) << (whole * 8 - used - 1)
    return Sequence(value.to_bytes(whole, "big"), size, reduced, layered)


def _operating_points(bits: Bits, reduced: bool) -> bool:
    """Step over timing and operating points; whether one of them chooses among layers."""
    if reduced:
        bits.read(5)
        return False
    delay = -1  # buffer_delay_length, bit; -1: no decoder model
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)
        if bits.read(1):  # equal_picture_interval
            bits.golomb()
        if bits.read(1):  # decoder_model_info_present_flag
            delay = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    display = bits.read(1)
    layered = False
    for _ in range(bits.read(5) + 1):
        layered |= bits.read(12) != 0
        if bits.read(5) > 7:
            bits.read(1)
        if delay > 0 and bits.read(1):
            bits.read(2 * delay + 1)
        if display and bits.read(1):
            bits.read(4)
    return layered


def _inter_tools(bits: Bits) -> None:
    """Step over the coding tools of a header that is not reduced."""
    bits.read(4)  # interintra, masked, warped, dual filter
    order_hint = bits.read(1)
    if order_hint:
        bits.read(2)
    if bits.read(1) or bits.read(1):  # seq_choose_screen_content_tools, else seq_force_screen_content_tools
        bits.read(0 if bits.read(1) else 1)  # seq_choose_integer_mv
    if order_hint:
        bits.read(3)


def _color_config(bits: Bits, profile: int) -> None:
    """Step over color_config() (AV1 5.5.2)."""
    high = bits.read(1)
    twelve = bits.read(1) if profile == 2 and high else 0
    mono = 0 if profile == 1 else bits.read(1)
    described = (bits.read(8), bits.read(8), bits.read(8)) if bits.read(1) else (2, 2, 2)
    if mono:
        bits.read(1)
        return
    if described != (1, 13, 0):  # not sRGB identity
        bits.read(1)  # color_range
        across, down = (1, 1) if profile == 0 else (0, 0) if profile == 1 else (1, 0)
        if profile == 2 and twelve:
            across = bits.read(1)
            down = bits.read(1) if across else 0
        if across and down:
            bits.read(2)  # chroma_sample_position
    bits.read(1)  # separate_uv_delta_q
