"""Parameter sets of HEVC, written afresh field by field (H.265, 7.3.2 and annex E).

A decoder needs what says how slices are coded, and the colour description. Timing, buffer models, display hints,
reserved bits and extension data name an encoder or carry whatever one likes: they are not written again. A video
parameter set says nothing that one layer needs; decoders want to see one, so it is made of the sequence's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rmexif.containers.common import h273
from rmexif.containers.isobmff.filtered_units import Bits, Rewriter
from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = ["MAX_SET", "PPS", "SPS", "VPS", "Sequence", "read_pps", "read_profile", "read_sps", "write_vps"]

VPS, SPS, PPS = 32, 33, 34  # nal_unit_type (table 7-1)
MAX_SET = 2048  # byte that are read of one; scaling lists and 64 reference sets stay below
COMPATIBLE = 0x7FF << 20  # general_profile_compatibility_flag 1 to 11: the profiles that exist (annex A)
EMULATION = re.compile(rb"\0\0(?=[\0-\3])")  # 7.4.2: these bytes are kept from looking like a start code
COLOURS = tuple(map(max, h273.TABLES))  # highest primaries, transfer and matrix


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


class _Set(Rewriter):
    """A parameter set that is read and written again, but for the fields that are dropped."""

    __slots__ = ()

    def __init__(self, nal: bytes) -> None:
        super().__init__(nal[2:MAX_SET].replace(b"\0\0\3", b"\0\0"))

    def put_ue(self, value: int) -> None:
        """Write an unsigned Exp-Golomb number (9.2)."""
        self.put(value + 1, 2 * (value + 1).bit_length() - 1)

    def ue(self, most: int = (1 << 32) - 2) -> int:
        """Copy an Exp-Golomb number; a signed one takes the same bits."""
        value = self.golomb()
        if value > most:
            raise MalformedImage(f"isobmff: an HEVC parameter set says {value} where {most} is the most")
        self.put_ue(value)
        return value

    def many(self, count: int) -> None:
        """Copy ``count`` Exp-Golomb numbers."""
        for _ in range(count):
            self.ue()

    def nal(self, kind: int) -> bytes:
        """What was written, as a NAL unit of the base layer."""
        return bytes((kind << 1, 1)) + EMULATION.sub(b"\0\0\3", self.finish())


def read_sps(nal: bytes) -> Sequence:
    """A sequence parameter set (7.3.2.2).

    Raises:
        MalformedImage: it ends early or makes no sense.
        UnsupportedFeature: screen content coding behind an extension of another kind.
    """
    bits = _Set(nal)
    video, layers, nested = bits.copy(4), bits.read(3), 0
    if layers > 6:
        raise MalformedImage("isobmff: an HEVC sequence of more than 7 sub-layers")
    bits.put(layers, 3)
    nested = bits.copy(1)
    profile = _profile(bits, layers)
    bits.ue(15)  # sps_seq_parameter_set_id
    chroma = bits.ue(3)
    if chroma == 3:
        bits.copy(1)
    size = bits.ue(), bits.ue()
    if bits.copy(1):  # conformance_window_flag
        bits.many(4)
    depths = bits.ue(8), bits.ue(8)
    counter = bits.ue(12) + 4  # log2_max_pic_order_cnt_lsb
    buffering = (0, 0, 0)
    for _ in range(layers + 1 if bits.copy(1) else 1):
        buffering = bits.ue(), bits.ue(), bits.ue()
    bits.many(6)  # sizes and depths of blocks
    if bits.copy(1) and bits.copy(1):
        _scaling_lists(bits)
    bits.copy(2)  # amp, sample adaptive offset
    if bits.copy(1):  # pcm
        bits.copy(8)
        bits.many(2)
        bits.copy(1)
    _reference_sets(bits)
    if bits.copy(1):  # long-term pictures
        for _ in range(bits.ue(32)):
            bits.copy(counter + 1)
    bits.copy(2)  # motion vector prediction, strong smoothing
    _usability(bits, layers)
    _sequence_extensions(bits, chroma, (depths[0] + 8, depths[1] + 8))
    return Sequence(bits.nal(SPS), video, profile, layers + 1, nested, buffering, size, (chroma, *depths))


def write_vps(sequences: list[Sequence]) -> bytes:
    """The video parameter set of sequences that name the same one (7.3.2.1): one layer, no timing, no extension."""
    first = max(sequences, key=lambda one: one.layers)
    bits = _Set(b"")
    bits.put(first.video, 4)
    bits.put(0b11, 2)  # the base layer is here
    bits.put(0, 6)
    bits.put(first.layers - 1, 3)
    bits.put(min(one.nested for one in sequences), 1)
    bits.put(0xFFFF, 16)
    bits.put(int.from_bytes(first.profile, "big"), 96)
    bits.put(0, 16 if first.layers > 1 else 0)  # no profiles or levels of sub-layers
    bits.put(0, 1)
    for number in first.buffering:
        bits.put_ue(number)
    bits.put(0, 6)
    bits.put_ue(0)
    bits.put(0, 2)  # timing, extension
    return bits.nal(VPS)


def read_profile(data: bytes) -> bytes:
    """General profile, tier, compatibility, constraints and level, 12 bytes: reserved bits cleared (7.3.3)."""
    return _profile(_Set(b"\0\0" + EMULATION.sub(b"\0\0\3", data)), 0)


def read_pps(nal: bytes) -> bytes:
    """A picture parameter set, written afresh (7.3.2.3).

    Raises:
        MalformedImage: it ends early or makes no sense.
        UnsupportedFeature: slice headers with an extension, or screen content coding behind one of another kind.
    """
    bits = _Set(nal)
    bits.ue(63)
    bits.ue(15)
    bits.copy(7)  # dependent slices, output flag, extra bits, sign hiding, cabac_init
    bits.many(3)
    skips = bits.copy(2) & 1  # constrained intra prediction, transform skip
    if bits.copy(1):
        bits.ue()
    bits.many(2)
    bits.copy(4)  # chroma offsets in slices, weighted prediction, transquant bypass
    tiles, _ = bits.copy(1), bits.copy(1)
    if tiles:
        columns, rows = bits.ue(1023), bits.ue(1023)
        if not bits.copy(1):
            bits.many(columns + rows)
        bits.copy(1)
    bits.copy(1)
    if bits.copy(1):  # deblocking
        bits.copy(1)
        if not bits.copy(1):
            bits.many(2)
    if bits.copy(1):
        _scaling_lists(bits)
    bits.copy(1)
    bits.ue()
    if bits.copy(1):
        raise UnsupportedFeature("isobmff: HEVC slice headers with an extension; no decoder of one layer reads it")
    _picture_extensions(bits, skips)
    return bits.nal(PPS)


def _profile(bits: _Set, layers: int) -> bytes:
    """profile_tier_level (7.3.3): reserved bits cleared, sub-layers without their own."""
    space, flags, compatible = bits.read(2), bits.read(6), bits.read(32)
    source, constraints, level = bits.read(4), bits.read(44), bits.read(8)
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    bits.read(2 * (8 - layers) if layers else 0)
    for profile, below in present:
        bits.read(88 * profile + 8 * below)
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
        value = value << count | bits.put(number, count)
    bits.put(0, 16 if layers else 0)
    return value.to_bytes(12, "big")


def _scaling_lists(bits: _Set) -> None:
    """scaling_list_data (7.3.4)."""
    for kind in range(4):
        for _ in range(2 if kind == 3 else 6):
            bits.many(min(64, 16 << 2 * kind) + (kind > 1) if bits.copy(1) else 1)


def _reference_sets(bits: _Set) -> None:
    """st_ref_pic_set for all sets (7.3.7); one may be told as a difference to the one before (7.4.8)."""
    before: list[int] = []  # distances, nearest first, those back in time before those ahead
    for number in range(bits.ue(64)):
        if number and bits.copy(1):
            sign = bits.copy(1)
            step = (1 - 2 * sign) * (bits.ue(32767) + 1)
            uses = [bits.copy(1) or bits.copy(1) for _ in range(len(before) + 1)]
            found = {at + step for at, use in zip([*before, 0], uses, strict=True) if use}
        else:
            found, sides = set(), (bits.ue(16), bits.ue(16))
            for sign, count in zip((-1, 1), sides, strict=True):
                at = 0
                for _ in range(count):
                    at += sign * (bits.ue(32767) + 1)
                    bits.copy(1)
                    found.add(at)
        before = [*sorted((at for at in found if at < 0), reverse=True), *sorted(at for at in found if at > 0)]


def _usability(bits: _Set, layers: int) -> None:
    """vui_parameters (E.2.1): only colour and the place of chroma samples are written again."""
    full = 0
    colours: tuple[int, ...] = ()
    chroma: tuple[int, ...] = ()
    if not bits.read(1):
        bits.put(0, 1)
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
    if not bits.put(int(bool(full or colours or chroma)), 1):
        return
    bits.put(0, 2)
    if bits.put(int(bool(full or colours)), 1):
        bits.put(5, 3)
        bits.put(full, 1)
        bits.put(int(bool(colours)), 1)
        for number in colours:
            bits.put(number, 8)
    bits.put(int(bool(chroma)), 1)
    for number in chroma:
        bits.put_ue(number)
    bits.put(0, 6)  # fields, display window, timing, restrictions


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


def _extensions(bits: _Set) -> tuple[bool, bool, bool]:
    """Flags of the extensions: range, layers (one bit behind it), screen content; others are not written again."""
    if not bits.read(1):
        bits.put(0, 1)
        return False, False, False
    flags = bits.read(8)
    ranged, layered, deep, screen = (bool(flags >> at & 1) for at in (7, 6, 5, 4))
    if screen and deep:
        raise UnsupportedFeature("isobmff: HEVC screen content coding behind a 3D extension")
    if bits.put(int(ranged or screen), 1):
        bits.put(ranged << 7 | screen << 4, 8)
    return ranged, layered, screen


def _sequence_extensions(bits: _Set, chroma: int, depths: tuple[int, int]) -> None:
    ranged, layered, screen = _extensions(bits)
    if ranged:
        bits.copy(9)
    if not screen:
        return
    bits.read(int(layered))
    bits.copy(1)
    if bits.copy(1):  # palette
        bits.many(2)
        if bits.copy(1):
            count = bits.ue(255) + 1
            for depth in (depths[0], depths[1], depths[1])[: 3 if chroma else 1]:
                for _ in range(count):
                    bits.copy(depth)
    bits.copy(3)


def _picture_extensions(bits: _Set, skips: int) -> None:
    ranged, layered, screen = _extensions(bits)
    if ranged:
        if skips:
            bits.ue()
        bits.copy(1)
        if bits.copy(1):
            bits.ue()
            bits.many(2 * (bits.ue(5) + 1))
        bits.many(2)
    if not screen:
        return
    if layered:
        raise UnsupportedFeature("isobmff: HEVC screen content coding behind an extension for layers")
    bits.copy(1)
    if bits.copy(1):  # colour transform
        bits.copy(1)
        bits.many(3)
    if bits.copy(1):
        count = bits.ue(256)
        if count:
            grey = bits.copy(1)
            depth = bits.ue(8) + 8
            depths = [depth] if grey else [depth, *[bits.ue(8) + 8] * 2]
            for depth in depths:
                for _ in range(count):
                    bits.copy(depth)
