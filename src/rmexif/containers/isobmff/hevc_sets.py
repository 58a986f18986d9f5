"""Parameter sets of HEVC, written afresh field by field (H.265, 7.3.2 and annex E).

A decoder needs what says how slices are coded, and the colour description. Timing, buffer models, display hints,
reserved bits and extension data name an encoder or carry whatever one likes: they are not written again. A video
parameter set says nothing that one layer needs; decoders want to see one, so it is made of the sequence's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rmexif.containers.isobmff.units import Bits
from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = ["MAX_SET", "PPS", "SPS", "VPS", "Sequence", "read_pps", "read_profile", "read_sps", "write_vps"]

VPS, SPS, PPS = 32, 33, 34  # nal_unit_type (table 7-1)
MAX_SET = 2048  # byte that are read of one; scaling lists and 64 reference sets stay below
COMPATIBLE = 0x7FF << 20  # general_profile_compatibility_flag 1 to 11: the profiles that exist (annex A)
EMULATION = re.compile(rb"\0\0(?=[\0-\3])")  # 7.4.2: these bytes are kept from looking like a start code
COLOURS = (22, 18, 17)  # highest primaries, transfer and matrix of H.273


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence parameter set."""

    nal: bytes  # written afresh
    video: int  # id of its video parameter set
    profile: bytes  # general profile, tier, compatibility, constraints and level, 12 bytes
    layers: int  # sub-layers
    nested: int  # sps_temporal_id_nesting_flag
    buffering: tuple[int, int, int]  # of the highest sub-layer
    size: tuple[int, int]  # px, coded
    format: tuple[int, int, int]  # chroma format, luma and chroma bit depth minus 8


class _Copy:
    """Reads fields and writes them again, if they are not dropped."""

    def __init__(self, nal: bytes) -> None:
        self.bits = Bits(nal[2:MAX_SET].replace(b"\0\0\3", b"\0\0"))
        self.fields: list[str] = []

    def put(self, value: int, count: int) -> int:
        """Write a number of ``count`` bits."""
        if count:
            self.fields.append(f"{value:0{count}b}")
        return value

    def put_ue(self, value: int) -> int:
        """Write an unsigned Exp-Golomb number (9.2)."""
        self.put(value + 1, 2 * (value + 1).bit_length() - 1)
        return value

    def u(self, count: int) -> int:
        """Copy a field of ``count`` bits."""
        return self.put(self.bits.read(count), count)

    def ue(self, most: int = (1 << 32) - 2) -> int:
        """Copy an Exp-Golomb number; a signed one takes the same bits."""
        value = self.bits.golomb()
        if value > most:
            raise MalformedImage(f"isobmff: an HEVC parameter set says {value} where {most} is the most")
        return self.put_ue(value)

    def many(self, count: int) -> None:
        """Copy ``count`` Exp-Golomb numbers."""
        for _ in range(count):
            self.ue()

    def nal(self, kind: int) -> bytes:
        """What was written, as a NAL unit of the base layer."""
        text = "".join([*self.fields, "1"])
        data = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
        return bytes((kind << 1, 1)) + EMULATION.sub(b"\0\0\3", data)


def read_sps(nal: bytes) -> Sequence:
    """A sequence parameter set (7.3.2.2).

    Raises:
        MalformedImage: it ends early or makes no sense.
        UnsupportedFeature: screen content coding behind an extension of another kind.
    """
    copy = _Copy(nal)
    video, layers, nested = copy.u(4), copy.bits.read(3), 0
    if layers > 6:
        raise MalformedImage("isobmff: an HEVC sequence of more than 7 sub-layers")
    copy.put(layers, 3)
    nested = copy.u(1)
    profile = _profile(copy, layers)
    copy.ue(15)  # sps_seq_parameter_set_id
    chroma = copy.ue(3)
    if chroma == 3:
        copy.u(1)
    size = copy.ue(), copy.ue()
    if copy.u(1):  # conformance_window_flag
        copy.many(4)
    depths = copy.ue(8), copy.ue(8)
    counter = copy.ue(12) + 4  # log2_max_pic_order_cnt_lsb
    buffering = (0, 0, 0)
    for _ in range(layers + 1 if copy.u(1) else 1):
        buffering = copy.ue(), copy.ue(), copy.ue()
    copy.many(6)  # sizes and depths of blocks
    if copy.u(1) and copy.u(1):
        _scaling_lists(copy)
    copy.u(2)  # amp, sample adaptive offset
    if copy.u(1):  # pcm
        copy.u(8)
        copy.many(2)
        copy.u(1)
    _reference_sets(copy)
    if copy.u(1):  # long-term pictures
        for _ in range(copy.ue(32)):
            copy.u(counter + 1)
    copy.u(2)  # motion vector prediction, strong smoothing
    _usability(copy, layers)
    _sequence_extensions(copy, chroma, (depths[0] + 8, depths[1] + 8))
    return Sequence(copy.nal(SPS), video, profile, layers + 1, nested, buffering, size, (chroma, *depths))


def write_vps(sequences: list[Sequence]) -> bytes:
    """The video parameter set of sequences that name the same one (7.3.2.1): one layer, no timing, no extension."""
    first = max(sequences, key=lambda one: one.layers)
    copy = _Copy(b"")
    copy.put(first.video, 4)
    copy.put(0b11, 2)  # the base layer is here
    copy.put(0, 6)
    copy.put(first.layers - 1, 3)
    copy.put(min(one.nested for one in sequences), 1)
    copy.put(0xFFFF, 16)
    copy.put(int.from_bytes(first.profile, "big"), 96)
    copy.put(0, 16 if first.layers > 1 else 0)  # no profiles or levels of sub-layers
    copy.put(0, 1)
    for number in first.buffering:
        copy.put_ue(number)
    copy.put(0, 6)
    copy.put_ue(0)
    copy.put(0, 2)  # timing, extension
    return copy.nal(VPS)


def read_profile(data: bytes) -> bytes:
    """General profile, tier, compatibility, constraints and level, 12 bytes: reserved bits cleared (7.3.3)."""
    return _profile(_Copy(b"\0\0" + EMULATION.sub(b"\0\0\3", data)), 0)


def read_pps(nal: bytes) -> bytes:
    """A picture parameter set, written afresh (7.3.2.3).

    Raises:
        MalformedImage: it ends early or makes no sense.
        UnsupportedFeature: slice headers with an extension, or screen content coding behind one of another kind.
    """
    copy = _Copy(nal)
    copy.ue(63)
    copy.ue(15)
    copy.u(7)  # dependent slices, output flag, extra bits, sign hiding, cabac_init
    copy.many(3)
    skips = copy.u(2) & 1  # constrained intra prediction, transform skip
    if copy.u(1):
        copy.ue()
    copy.many(2)
    copy.u(4)  # chroma offsets in slices, weighted prediction, transquant bypass
    tiles, _ = copy.u(1), copy.u(1)
    if tiles:
        columns, rows = copy.ue(1023), copy.ue(1023)
        if not copy.u(1):
            copy.many(columns + rows)
        copy.u(1)
    copy.u(1)
    if copy.u(1):  # deblocking
        copy.u(1)
        if not copy.u(1):
            copy.many(2)
    if copy.u(1):
        _scaling_lists(copy)
    copy.u(1)
    copy.ue()
    if copy.u(1):
        raise UnsupportedFeature("isobmff: HEVC slice headers with an extension; no decoder of one layer reads it")
    _picture_extensions(copy, skips)
    return copy.nal(PPS)


def _profile(copy: _Copy, layers: int) -> bytes:
    """profile_tier_level (7.3.3): reserved bits cleared, sub-layers without their own."""
    space, flags, compatible = copy.bits.read(2), copy.bits.read(6), copy.bits.read(32)
    source, constraints, level = copy.bits.read(4), copy.bits.read(44), copy.bits.read(8)
    present = [(copy.bits.read(1), copy.bits.read(1)) for _ in range(layers)]
    copy.bits.read(2 * (8 - layers) if layers else 0)
    for profile, below in present:
        copy.bits.read(88 * profile + 8 * below)
    idc = flags & 31
    known = 0x3FF << 34 if idc >= 4 else 1 << 36 if idc == 2 else 0  # what the profile may be narrowed by
    numbers = (
        (space, 2),
        (flags, 6),
        (compatible & COMPATIBLE, 32),
        (source, 4),
        (constraints & known, 44),
        (level, 8),
    )
    value = 0
    for number, count in numbers:
        value = value << count | copy.put(number, count)
    copy.put(0, 16 if layers else 0)
    return value.to_bytes(12, "big")


def _scaling_lists(copy: _Copy) -> None:
    """scaling_list_data (7.3.4)."""
    for kind in range(4):
        for _ in range(2 if kind == 3 else 6):
            copy.many(min(64, 16 << 2 * kind) + (kind > 1) if copy.u(1) else 1)


def _reference_sets(copy: _Copy) -> None:
    """st_ref_pic_set for all sets (7.3.7); one may be told as a difference to the one before (7.4.8)."""
    before: list[int] = []  # distances, nearest first, those back in time before those ahead
    for number in range(copy.ue(64)):
        if number and copy.u(1):
            sign = copy.u(1)
            step = (1 - 2 * sign) * (copy.ue(32767) + 1)
            uses = [copy.u(1) or copy.u(1) for _ in range(len(before) + 1)]
            found = {at + step for at, use in zip([*before, 0], uses, strict=True) if use}
        else:
            found, sides = set(), (copy.ue(16), copy.ue(16))
            for sign, count in zip((-1, 1), sides, strict=True):
                at = 0
                for _ in range(count):
                    at += sign * (copy.ue(32767) + 1)
                    copy.u(1)
                    found.add(at)
        before = [*sorted((at for at in found if at < 0), reverse=True), *sorted(at for at in found if at > 0)]


def _usability(copy: _Copy, layers: int) -> None:
    """vui_parameters (E.2.1): only colour and the place of chroma samples are written again."""
    bits, full = copy.bits, 0
    colours: tuple[int, ...] = ()
    chroma: tuple[int, ...] = ()
    if not bits.read(1):
        copy.put(0, 1)
        return
    if bits.read(1) and bits.read(8) == 255:
        bits.read(32)
    if bits.read(1):
        bits.read(1)
    if bits.read(1):
        bits.read(3)
        full = bits.read(1)
        colours = tuple(bits.read(8) for _ in range(3)) if bits.read(1) else ()
        if any(number > most for number, most in zip(colours, COLOURS, strict=False)):
            colours = ()
    if bits.read(1):
        chroma = bits.golomb(), bits.golomb()
    bits.read(3)
    if bits.read(1):  # default display window
        for _ in range(4):
            bits.golomb()
    if bits.read(1):
        bits.read(64)
        if bits.read(1):
            bits.golomb()
        if bits.read(1):
            _buffer_model(bits, layers)
    if bits.read(1):  # bitstream restrictions
        bits.read(3)
        for _ in range(5):
            bits.golomb()
    chroma = chroma if max(chroma, default=9) <= 5 else ()
    if not copy.put(int(bool(full or colours or chroma)), 1):
        return
    copy.put(0, 2)
    if copy.put(int(bool(full or colours)), 1):
        copy.put(5, 3)
        copy.put(full, 1)
        copy.put(int(bool(colours)), 1)
        for number in colours:
            copy.put(number, 8)
    copy.put(int(bool(chroma)), 1)
    for number in chroma:
        copy.put_ue(number)
    copy.put(0, 6)  # fields, display window, timing, restrictions


def _buffer_model(bits: Bits, layers: int) -> None:
    """Step over hrd_parameters (E.2.2)."""
    kinds, parts = bits.read(1) + bits.read(1), 0
    if kinds:
        parts = bits.read(1)
        bits.read(19 if parts else 0)
        bits.read(8 + 4 * parts + 15)
    for _ in range(layers + 1):
        general = bits.read(1)
        delayed = 0
        if general or bits.read(1):
            bits.golomb()
        else:
            delayed = bits.read(1)
        count = 1 if delayed else bits.golomb() + 1
        if count > 32:
            raise MalformedImage("isobmff: an HEVC buffer model of more than 32 buffers")
        for _ in range(kinds * count):
            for _ in range(4 if parts else 2):
                bits.golomb()
            bits.read(1)


def _extensions(copy: _Copy) -> tuple[bool, bool, bool]:
    """Flags of the extensions: range, layers (one bit behind it), screen content; others are not written again."""
    if not copy.bits.read(1):
        copy.put(0, 1)
        return False, False, False
    flags = copy.bits.read(8)
    ranged, layered, deep, screen = (bool(flags >> at & 1) for at in (7, 6, 5, 4))
    if screen and deep:
        raise UnsupportedFeature("isobmff: HEVC screen content coding behind a 3D extension")
    if copy.put(int(ranged or screen), 1):
        copy.put(ranged << 7 | screen << 4, 8)
    return ranged, layered, screen


def _sequence_extensions(copy: _Copy, chroma: int, depths: tuple[int, int]) -> None:
    ranged, layered, screen = _extensions(copy)
    if ranged:
        copy.u(9)
    if not screen:
        return
    copy.bits.read(int(layered))
    copy.u(1)
    if copy.u(1):  # palette
        copy.many(2)
        if copy.u(1):
            count = copy.ue(255) + 1
            for depth in (depths[0], depths[1], depths[1])[: 3 if chroma else 1]:
                for _ in range(count):
                    copy.u(depth)
    copy.u(3)


def _picture_extensions(copy: _Copy, skips: int) -> None:
    ranged, layered, screen = _extensions(copy)
    if ranged:
        if skips:
            copy.ue()
        copy.u(1)
        if copy.u(1):
            copy.ue()
            copy.many(2 * (copy.ue(5) + 1))
        copy.many(2)
    if not screen:
        return
    if layered:
        raise UnsupportedFeature("isobmff: HEVC screen content coding behind an extension for layers")
    copy.u(1)
    if copy.u(1):  # colour transform
        copy.u(1)
        copy.many(3)
    if copy.u(1):
        count = copy.ue(256)
        if count:
            grey = copy.u(1)
            depth = copy.ue(8) + 8
            depths = [depth] if grey else [depth, *[copy.ue(8) + 8] * 2]
            for depth in depths:
                for _ in range(count):
                    copy.u(depth)
