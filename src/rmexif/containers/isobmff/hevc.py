"""HEVC inside ISOBMFF: the decoder configuration and a filter over NAL units, by length, never byte by byte.

Kept are parameter sets and the slices of the base layer; of a still, only those of its first picture. User data,
delimiters, reserved types, other layers and further pictures are dropped and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.isobmff.units import MAX_HEADER, Bits, Filtered, area
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.containers.cursor import Cursor
    from rmexif.containers.isobmff.boxes import Tally

__all__ = ["HevcConfig", "filter_hevc", "read_hvcc"]

PARAMETER_SETS = {32: 16, 33: 16, 34: 64}  # VPS, SPS, PPS (H.265 table 7-1): how many there can be (7.4.3)
SLICES = frozenset((*range(10), *range(16, 22)))  # coded slice segments; 10-15 and 22-31 are reserved


@dataclass(frozen=True, slots=True)
class HevcConfig:
    """A decoder configuration of HEVC (ISO 14496-15, 8.3.3.1)."""

    box: bytes  # canonical body of hvcC
    length_size: int  # byte, of the length before each NAL unit
    nals: frozenset[bytes]  # parameter sets in it
    size: tuple[int, int]  # px, largest coded picture of its sequence parameter sets
    main: bool  # Main or Main Still Picture profile: brand "heic"; anything else is "heix"


def read_hvcc(cursor: Cursor, tally: Tally) -> HevcConfig:
    """Read ``hvcC`` and write it afresh: parameter sets only, reserved bits set, hints at their neutral value.

    Raises:
        MalformedImage, UnsupportedFeature: a broken box, or a configuration version other than 1.
    """
    if cursor.u8() != 1:
        raise UnsupportedFeature("isobmff: hvcC of a version other than 1")
    profile = cursor.bytes(12)  # profile space, tier, idc, compatibility, constraints, level
    cursor.skip(3)  # min_spatial_segmentation_idc and parallelismType: hints
    chroma, luma_depth, chroma_depth = cursor.u8() & 3, cursor.u8() & 7, cursor.u8() & 7
    cursor.skip(2)  # avgFrameRate
    last = cursor.u8() & 0x3F  # numTemporalLayers, temporalIdNested, lengthSizeMinusOne
    sets: dict[int, list[bytes]] = {kind: [] for kind in PARAMETER_SETS}
    for _ in range(cursor.u8()):
        kind = cursor.u8() & 0x3F
        for _ in range(cursor.u16()):
            tally.add()
            nal = cursor.bytes(cursor.u16())
            if kind in sets and len(nal) > 2 and nal[0] >> 1 == kind and nal[1] >> 3 == 0 and nal not in sets[kind]:
                sets[kind].append(nal)
                if len(sets[kind]) > PARAMETER_SETS[kind]:
                    raise MalformedImage(
                        f"isobmff: hvcC with more than {PARAMETER_SETS[kind]} parameter sets of one kind"
                    )
    if last & 3 == 2:
        raise MalformedImage("isobmff: hvcC says that NAL lengths have 3 bytes")
    spaces = [read_sps(nal) for nal in sets[33]]
    if spaces:  # all of this only repeats the sequence parameter set
        profile, chroma, luma_depth, chroma_depth = spaces[0].profile, *spaces[0].format
        last = spaces[0].layers << 2 | last & 3
    arrays = [(kind, nals) for kind, nals in sets.items() if nals]
    body = b"\x01" + profile + b"\xf0\0\xfc" + bytes((0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth))
    body += b"\0\0" + bytes((last, len(arrays)))
    for kind, nals in arrays:
        body += bytes((0x80 | kind,)) + len(nals).to_bytes(2, "big")
        body += b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
    main = profile[0] & 0x1F in (1, 3)
    every = frozenset(nal for _, nals in arrays for nal in nals)
    return HevcConfig(body, (last & 3) + 1, every, max((one.size for one in spaces), key=area, default=(0, 0)), main)


@dataclass(frozen=True, slots=True)
class Sps:
    """What we need of a sequence parameter set."""

    profile: bytes  # general profile, tier, compatibility, constraints and level
    layers: int  # numTemporalLayers << 1 | temporalIdNested, as hvcC has them
    size: tuple[int, int]  # px, coded
    format: tuple[int, int, int]  # chroma format, luma and chroma bit depth minus 8


def read_sps(nal: bytes) -> Sps:
    """The start of a sequence parameter set (H.265 7.3.2.2.1)."""
    data = nal[2:MAX_HEADER].replace(b"\0\0\3", b"\0\0")
    bits = Bits(data)
    bits.read(4)
    layers = bits.read(3)  # sps_max_sub_layers_minus1
    nested = bits.read(1)
    bits.read(96)  # general profile, tier, level
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.golomb()  # sps_seq_parameter_set_id
    chroma = bits.golomb()
    if chroma == 3:
        bits.read(1)
    size = bits.golomb(), bits.golomb()
    if bits.read(1):  # conformance_window_flag
        for _ in range(4):
            bits.golomb()
    depths = bits.golomb(), bits.golomb()
    if chroma > 3 or max(depths) > 7 or layers > 6:
        raise MalformedImage("isobmff: a sequence parameter set with an unknown pixel format or layering")
    return Sps(data[1:13], (layers + 1) << 1 | nested, size, (chroma, *depths))


def filter_hevc(data: memoryview, config: HevcConfig, tally: Tally, *, still: bool) -> Filtered:
    """Keep slices of the base layer and parameter sets; of a still, its first picture only.

    Args:
        data: NAL units, each behind its length (ISO 14496-15, 4.3.3).
        config: the item's decoder configuration.
        tally: counts the NAL units.
        still: whether one picture is meant to be in it.

    Raises:
        MalformedImage: lengths do not tile the data, or no picture is in it.
    """
    out = Filtered(size=config.size)
    position, pictures = 0, 0
    while position < len(data):
        tally.add()
        start = position + config.length_size
        end = start + int.from_bytes(data[position:start], "big")
        if end > len(data) or start > len(data):
            raise MalformedImage(f"isobmff: NAL unit at byte {position} of an item runs past its end")
        why = nal_problem(data[start : min(end, start + 3)])
        kind = data[start] >> 1 if end > start else -1
        if not why and kind in SLICES:
            pictures += data[start + 2] >> 7  # first_slice_segment_in_pic_flag
            why = "picture" if still and pictures > 1 else ""
        elif not why and still and pictures:
            why = "late"
        elif not why:
            small = bytes(data[start : min(end, start + MAX_HEADER)])
            if small in config.nals:
                why = "repeated"
            elif kind == 33:
                out.size = max(out.size, read_sps(small).size, key=area)
        if why:
            out.replace(position, end, b"", why)
        else:
            out.keep(data, position, end)
        position = end
    if not pictures:
        raise MalformedImage("isobmff: no coded picture in an item or sample")
    return out


def nal_problem(head: memoryview) -> str:
    """Why a NAL unit that starts with ``head`` is dropped, or "" (H.265 7.3.1.2, table 7-1)."""
    if len(head) < 3:
        return "empty"
    kind = head[0] >> 1
    if kind > 63 or not head[1] & 7:
        return "invalid"
    if head[0] & 1 or head[1] >> 3:
        return "layer"
    if kind in (39, 40):
        return "sei"
    return "" if kind in SLICES or kind in PARAMETER_SETS else "reserved"
