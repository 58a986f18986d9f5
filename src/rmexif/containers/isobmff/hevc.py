"""HEVC inside ISOBMFF: the decoder configuration and a filter over NAL units, by length, never byte by byte.

Kept are parameter sets, written afresh, and the slices of the base layer; of a still, only those of its first picture.
User data, delimiters, reserved types, other layers and further pictures are dropped and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rmexif.containers.isobmff.filtered_units import Filtered, area
from rmexif.containers.isobmff.hevc_parameter_sets import (
    MAX_SET,
    PPS,
    SPS,
    VPS,
    Sequence,
    read_pps,
    read_profile,
    read_sps,
    write_vps,
)
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.cursor import Cursor

__all__ = ["HevcConfig", "filter_hevc", "read_hvcc"]

PARAMETER_SETS = {VPS: 16, SPS: 16, PPS: 64}  # how many there can be (H.265 7.4.3)
SLICES = frozenset((*range(10), *range(16, 22)))  # coded slice segments; 10-15 and 22-31 are reserved


@dataclass(frozen=True, slots=True)
class HevcConfig:
    """A decoder configuration of HEVC (ISO 14496-15, 8.3.3.1)."""

    box: bytes  # canonical body of hvcC
    length_size: int  # byte, of the length before each NAL unit
    nals: frozenset[bytes]  # parameter sets in it, as they came and as they are written
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
    tally.add(sum(len(nal[:MAX_SET]) for nals in sets.values() for nal in nals))
    fresh, sequences = _fresh(sets)
    if sequences:  # all of this only repeats the sequence parameter set
        first = sequences[0]
        profile, chroma, luma_depth, chroma_depth = first.profile, *first.format
        last = first.layers << 3 | first.nested << 2 | last & 3
    arrays = [(kind, nals) for kind, nals in fresh.items() if nals]
    body = b"\x01" + read_profile(profile) + b"\xf0\0\xfc"
    body += bytes((0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0, 0, last, len(arrays)))
    for kind, nals in arrays:
        body += bytes((0x80 | kind,)) + len(nals).to_bytes(2, "big")
        body += b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
    every = frozenset(nal for table in (sets, fresh) for nals in table.values() for nal in nals)
    size = max((one.size for one in sequences), key=area, default=(0, 0))
    return HevcConfig(body, (last & 3) + 1, every, size, profile[0] & 0x1F in (1, 3))


def _fresh(sets: dict[int, list[bytes]]) -> tuple[dict[int, list[bytes]], list[Sequence]]:
    """Parameter sets written afresh, each once, by kind; a video parameter set only where a sequence names it."""
    sequences = [read_sps(nal) for nal in sets[SPS]]
    named = dict.fromkeys(nal[2] >> 4 for nal in sets[VPS])
    videos = [found for video in named if (found := [one for one in sequences if one.video == video])]
    fresh = {
        VPS: [write_vps(found) for found in videos],
        SPS: list(dict.fromkeys(one.nal for one in sequences)),
        PPS: list(dict.fromkeys(map(read_pps, sets[PPS]))),
    }
    return fresh, sequences


@dataclass(frozen=True, slots=True)
class _Unit:
    """A NAL unit behind its length."""

    position: int  # byte: of its length
    start: int
    end: int
    kind: int
    problem: str  # why it is dropped, or ""

    @property
    def is_set(self) -> bool:
        """Whether it is a parameter set of the base layer."""
        return not self.problem and self.kind in PARAMETER_SETS


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
    pictures = 0
    for are_sets, units in groupby(_units(data, config, tally), key=lambda unit: unit.is_set):
        if are_sets and not (still and pictures):
            _keep_sets(data, list(units), config, tally, out)
            continue
        for unit in units:
            why = unit.problem
            if not why and unit.kind in SLICES:
                pictures += data[unit.start + 2] >> 7  # first_slice_segment_in_pic_flag
                why = "picture" if still and pictures > 1 else ""
            elif not why:
                why = "late"
            if why:
                out.replace(unit.position, unit.end, b"", why)
            else:
                out.keep(data, unit.position, unit.end)
    if not pictures:
        raise MalformedImage("isobmff: no coded picture in an item or sample")
    return out


def _units(data: memoryview, config: HevcConfig, tally: Tally) -> Iterator[_Unit]:
    position = 0
    while position < len(data):
        tally.add()
        start = position + config.length_size
        end = start + int.from_bytes(data[position:start], "big")
        if end > len(data) or start > len(data):
            raise MalformedImage(f"isobmff: NAL unit at byte {position} of an item runs past its end")
        kind = data[start] >> 1 if end > start else -1
        yield _Unit(position, start, end, kind, nal_problem(data[start : min(end, start + 3)]))
        position = end


def _keep_sets(data: memoryview, units: list[_Unit], config: HevcConfig, tally: Tally, out: Filtered) -> None:
    """Write parameter sets that lie between slices afresh, but not those that the configuration has."""
    tally.add(sum(min(MAX_SET, unit.end - unit.start) for unit in units))
    sets: dict[int, list[bytes]] = {kind: [] for kind in PARAMETER_SETS}
    for unit in units:
        nal = bytes(data[unit.start : unit.end])
        if nal not in config.nals:
            sets[unit.kind].append(nal)
    fresh, sequences = _fresh(sets)
    left = [nal for nals in fresh.values() for nal in nals if nal not in config.nals]
    written = b"".join(len(nal).to_bytes(config.length_size, "big") + nal for nal in left)
    begin, end = units[0].position, units[-1].end
    if written == data[begin:end]:
        out.keep(data, begin, end)
    else:
        out.replace(begin, end, written, "rewritten" if written else "repeated")
    out.size = max((out.size, *(one.size for one in sequences)), key=area)


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
