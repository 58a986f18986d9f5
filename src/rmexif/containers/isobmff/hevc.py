"""HEVC inside ISOBMFF: the decoder configuration and a filter over NAL units, by length, never byte by byte.

Kept are parameter sets, re-serialised, and the slices of the base layer, which are those of one picture. User data,
delimiters, reserved types and other layers are dropped and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rmexif.containers.common.bits import MsbReader
from rmexif.containers.isobmff.coded_data import FilteredData, area
from rmexif.containers.isobmff.hevc_parameter_sets import (
    MAX_SET,
    PPS,
    SPS,
    VPS,
    HevcPicture,
    HevcSequence,
    read_pps,
    read_profile,
    read_sps,
    write_vps,
)
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rmexif.containers.common.gathered import Gathered
    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.containers.isobmff.hevc_vui import Samples
    from rmexif.cursor import Cursor

__all__ = ["HevcConfig", "filter_hevc", "read_hvcc", "sample_without_primaries", "with_used_sets"]
__all__ += ["without_primaries", "without_windows"]

PARAMETER_SETS = {VPS: 16, SPS: 16, PPS: 64}  # how many there can be (H.265 7.4.3)
SLICES = frozenset((*range(10), *range(16, 22)))  # coded slice segments; 10-15 and 22-31 are reserved (table 7-1)
IRAP = frozenset(range(16, 22))  # pictures that decoding can start with
RETAINED = frozenset(range(16, 24))  # nal_unit_type with no_output_of_prior_pics_flag (7.3.6.1)
SEI = frozenset((39, 40))  # prefix and suffix (table 7-1)
MAIN_PROFILES = (1, 3)  # Main, Main Still Picture (H.265 A.3)
HVCC = "isobmff hvcC"
ARRAYS = 23  # byte of the body at which the arrays of parameter sets begin (ISO 14496-15, 8.3.3.1.2)

Sets = dict[int, dict[bytes, int]]  # parameter sets by kind: NAL unit -> byte of the file at which it first lies


@dataclass(frozen=True, slots=True)
class HevcConfig:
    """A decoder configuration of HEVC (ISO 14496-15, 8.3.3.1)."""

    box: bytes  # canonical body of hvcC
    length_size: int  # byte, of the length before each NAL unit
    nals: frozenset[bytes]  # parameter sets in it, as they came and as they are written
    size: tuple[int, int]  # px, largest coded picture of its sequence parameter sets
    main: bool  # Main or Main Still Picture profile: brand "heic"; anything else is "heix"
    sequences: tuple[HevcSequence, ...]
    pictures: tuple[HevcPicture, ...]


def read_hvcc(cursor: Cursor, tally: Tally) -> HevcConfig:
    """Parse ``hvcC`` and re-serialise it: parameter sets only, reserved bits set, hints at their neutral value.

    Raises:
        MalformedImage: the box ends early, a parameter set is broken, or there are too many.
        UnsupportedFeature: a configuration version other than 1, or a parameter set that is refused.
    """
    offset, version = cursor.offset, cursor.u8()
    if version != 1:
        raise UnsupportedFeature(f"configurationVersion {version}, 1 is required", structure=HVCC, offset=offset)
    profile = cursor.bytes(12)  # profile space, tier, idc, compatibility, constraints, level
    cursor.skip(3)  # min_spatial_segmentation_idc and parallelismType: hints
    chroma, luma_depth, chroma_depth = cursor.u8() & 3, cursor.u8() & 7, cursor.u8() & 7
    cursor.skip(2)  # avgFrameRate
    last = cursor.u8() & 0x3F  # numTemporalLayers, temporalIdNested, lengthSizeMinusOne
    sets = _read_arrays(cursor, tally)
    if last & 3 == 2:
        raise MalformedImage("lengthSizeMinusOne 2, 0, 1 or 3 is allowed", structure=HVCC, offset=offset)
    tally.add(sum(len(nal[:MAX_SET]) for nals in sets.values() for nal in nals))
    written, sequences, pictures = _reserialise(sets)
    if sequences:  # all of this only repeats the sequence parameter set
        first = sequences[0]
        profile, chroma, luma_depth, chroma_depth = first.profile, *first.format
        last = first.sub_layers << 3 | first.temporal_id_nesting << 2 | last & 3
    head = b"\x01" + read_profile(profile, offset) + b"\xf0\0\xfc"
    body = head + bytes((0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0, 0, last)) + _arrays(written)
    every = frozenset(nal for table in (sets, written) for nals in table.values() for nal in nals)
    size = max((sequence.size for sequence in sequences), key=area, default=(0, 0))
    main = profile[0] & 0x1F in MAIN_PROFILES
    return HevcConfig(body, (last & 3) + 1, every, size, main, tuple(sequences), tuple(pictures))


def with_used_sets(config: HevcConfig, used: frozenset[int]) -> HevcConfig:
    """A configuration without parameter sets that no slice asks for.

    Args:
        config: all that the file has.
        used: numbers of the picture parameter sets that slices name.
    """
    latest = {picture.pps_id: picture for picture in config.pictures if picture.pps_id in used}
    named = {picture.sps_id for picture in latest.values()}
    sequences = {sequence.sps_id: sequence for sequence in config.sequences if sequence.sps_id in named}
    if len(latest) == len(config.pictures) and len(sequences) == len(config.sequences):
        return config
    first = next(iter(sequences.values()), None)
    if first is None:  # they lie between the slices
        return config
    by_vps = dict[int, list[HevcSequence]]()
    for sequence in sequences.values():
        by_vps.setdefault(sequence.vps_id, []).append(sequence)
    vps = [write_vps(named_by) for named_by in by_vps.values()]
    spss, ppss = [sequence.nal for sequence in sequences.values()], [picture.nal for picture in latest.values()]
    chroma, luma_depth, chroma_depth = first.format
    last = first.sub_layers << 3 | first.temporal_id_nesting << 2 | config.length_size - 1
    body = b"\x01" + read_profile(first.profile) + b"\xf0\0\xfc"
    body += bytes((0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0, 0, last))
    body += _arrays({VPS: vps, SPS: spss, PPS: ppss})
    size = max((sequence.size for sequence in sequences.values()), key=area)
    main = first.profile[0] & 0x1F in MAIN_PROFILES
    kept = frozenset((*vps, *spss, *ppss))
    sets = tuple(sequences.values()), tuple(latest.values())
    return HevcConfig(body, config.length_size, kept, size, main, *sets)


def _arrays(written: dict[int, list[bytes]]) -> bytes:
    """The arrays of parameter sets, and how many there are."""
    arrays = [(kind, nals) for kind, nals in written.items() if nals]
    body = bytes((len(arrays),))
    for kind, nals in arrays:
        body += bytes((0x80 | kind,)) + len(nals).to_bytes(2, "big")
        body += b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
    return body


def without_windows(config: HevcConfig) -> bytes:
    """The body of ``hvcC`` with no conformance window in its sequence parameter sets: all that is coded is shown."""
    return _with_sequences(config, lambda nal: read_sps(nal, windowed=False).nal)


def without_primaries(config: HevcConfig, samples: Samples) -> bytes:
    """The body of ``hvcC`` with no primaries and transfer in its sequence parameter sets: decoders convert by them."""
    return _with_sequences(config, lambda nal: read_sps(nal, samples=samples).nal)


def sample_without_primaries(data: bytes, config: HevcConfig, samples: Samples) -> bytes:
    """The same for clean data of a sample, between whose slices parameter sets may lie."""
    out, position = [], 0
    while position < len(data):
        start = position + config.length_size
        position = start + int.from_bytes(data[position:start], "big")
        nal = data[start:position]
        nal = read_sps(nal, samples=samples).nal if nal[0] >> 1 == SPS else nal
        out += [len(nal).to_bytes(config.length_size, "big"), nal]
    return b"".join(out)


def _with_sequences(config: HevcConfig, change: Callable[[bytes], bytes]) -> bytes:
    """The body of ``hvcC`` with other sequence parameter sets."""
    body, at = config.box, ARRAYS
    out = [body[:at]]
    for _ in range(body[at - 1]):  # numOfArrays
        kind, count = body[at] & 0x3F, int.from_bytes(body[at + 1 : at + 3], "big")
        out.append(body[at : at + 3])
        at += 3
        for _ in range(count):
            end = at + 2 + int.from_bytes(body[at : at + 2], "big")
            nal = body[at + 2 : end]
            nal = change(nal) if kind == SPS else nal
            out += [len(nal).to_bytes(2, "big"), nal]
            at = end
    return b"".join(out)


def _read_arrays(cursor: Cursor, tally: Tally) -> Sets:
    """The parameter sets of the base layer in a decoder configuration, each once."""
    sets: Sets = {kind: {} for kind in PARAMETER_SETS}
    for _ in range(cursor.u8()):
        kind = cursor.u8() & 0x3F
        for _ in range(cursor.u16()):
            tally.add()
            size = cursor.u16()
            offset, nal = cursor.offset, cursor.bytes(size)
            if kind not in sets or size <= 2 or nal[0] >> 1 != kind or nal[1] >> 3:
                continue
            sets[kind].pop(nal, None)  # the last one with a number is in force
            sets[kind][nal] = offset
            if len(sets[kind]) > PARAMETER_SETS[kind]:
                problem = f"more than {PARAMETER_SETS[kind]} different parameter sets of NAL unit type {kind}"
                raise MalformedImage(problem, structure=HVCC, offset=offset)
    return sets


def _reserialise(sets: Sets) -> tuple[dict[int, list[bytes]], list[HevcSequence], list[HevcPicture]]:
    """Parameter sets re-serialised, each once, by kind; a video parameter set only where a sequence names it."""
    sequences = [read_sps(nal, offset) for nal, offset in sets[SPS].items()]
    pictures = [read_pps(nal, offset) for nal, offset in sets[PPS].items()]
    vps_ids = dict.fromkeys(nal[2] >> 4 for nal in sets[VPS])
    by_vps = [[sequence for sequence in sequences if sequence.vps_id == vps_id] for vps_id in vps_ids]
    written = {
        VPS: [write_vps(named) for named in by_vps if named],
        SPS: list(dict.fromkeys(sequence.nal for sequence in sequences)),
        PPS: list(dict.fromkeys(picture.nal for picture in pictures)),
    }
    return written, sequences, pictures


@dataclass(frozen=True, slots=True)
class _NalUnit:
    """A NAL unit behind its length."""

    position: int  # byte: of its length
    start: int
    end: int
    kind: int
    problem: str  # why it is dropped, or ""

    @property
    def is_parameter_set(self) -> bool:
        """Whether it is a parameter set of the base layer."""
        return not self.problem and self.kind in PARAMETER_SETS


def filter_hevc(coded: Gathered, config: HevcConfig, tally: Tally, *, still: bool) -> FilteredData:
    """Keep slices of the base layer and parameter sets.

    Args:
        coded: NAL units, each behind its length (ISO 14496-15, 4.3.3).
        config: the item's decoder configuration.
        tally: counts the NAL units.
        still: whether one picture is expected in it.

    Raises:
        MalformedImage: lengths do not tile the data, or no picture is in it.
        UnsupportedFeature: several pictures, a still that may depend on others, a parameter set that is refused.
    """
    out, data = FilteredData(size=config.size), coded.data
    first, found = None, list(_nal_units(coded, config, tally))
    out.pps_ids.update(_pps_id(coded, unit) for unit in found if not unit.problem and unit.kind in SLICES)
    for are_sets, units in groupby(found, key=lambda unit: unit.is_parameter_set):
        if are_sets and not (still and first):
            _keep_parameter_sets(coded, list(units), config, tally, out, out.pps_ids if still else None)
            continue
        for unit in units:
            why = unit.problem
            if not why and unit.kind in SLICES:
                first = _first_of_picture(coded, unit, first, still=still)
                why = "early" if first is None else "kind" if unit.kind != first.kind else ""
            elif not why:
                why = "late"
            if why:
                out.replace(unit.position, unit.end, b"", why)
            else:
                out.keep(data, unit.position, unit.end)
    if first is None:
        problem = "a first slice segment of a picture is required"
        raise MalformedImage(problem, structure="isobmff HEVC NAL units", offset=coded.offset(0))
    return out


def _pps_id(coded: Gathered, unit: _NalUnit) -> int:
    """slice_pic_parameter_set_id (H.265 7.3.6.1)."""
    head = coded.data[unit.start + 2 : min(unit.end, unit.start + 8)]
    bits = MsbReader(head, "isobmff HEVC slice header", locate=lambda at: coded.offset(unit.start + 2 + at))
    bits.skip(2 if unit.kind in RETAINED else 1)  # first_slice_segment_in_pic_flag, no_output_of_prior_pics_flag
    return bits.golomb()


def _first_of_picture(coded: Gathered, unit: _NalUnit, first: _NalUnit | None, *, still: bool) -> _NalUnit | None:
    """The first slice segment of the one picture that there may be, once ``unit`` is seen.

    A decoder passes over pictures that it cannot start with or make sense of, so of several nobody can say without it
    which one is shown (ISO/IEC 14496-15, 8.3.2: a sample is one access unit; 23008-12, B.2: an item too).
    """
    if not coded.data[unit.start + 2] >> 7:  # first_slice_segment_in_pic_flag
        return first
    if first is not None:
        problem = "a second picture in one item or sample is refused"
    elif still and unit.kind not in IRAP:
        problem = f"a still of NAL unit type {unit.kind} is refused, it may depend on other pictures"
    else:
        return unit
    raise UnsupportedFeature(problem, structure="isobmff HEVC NAL unit", offset=coded.offset(unit.position))


def _nal_units(coded: Gathered, config: HevcConfig, tally: Tally) -> Iterator[_NalUnit]:
    data, position = coded.data, 0
    while position < len(data):
        tally.add()
        start = position + config.length_size
        end = start + int.from_bytes(data[position:start], "big")
        if end > len(data) or start > len(data):
            problem = f"a length of {end - start} bytes, {max(0, len(data) - start)} are there"
            raise MalformedImage(problem, structure="isobmff HEVC NAL unit", offset=coded.offset(position))
        kind = data[start] >> 1 if end > start else -1
        yield _NalUnit(position, start, end, kind, _nal_problem(data[start : min(end, start + 3)]))
        position = end


def _keep_parameter_sets(
    coded: Gathered,
    units: list[_NalUnit],
    config: HevcConfig,
    tally: Tally,
    out: FilteredData,
    used: set[int] | None,
) -> None:
    """Re-serialise parameter sets that lie between slices, but not those that the configuration has.

    ``used``: numbers of the picture parameter sets that slices name, where all of them are known.
    """
    data = coded.data
    tally.add(sum(min(MAX_SET, unit.end - unit.start) for unit in units))
    sets: Sets = {kind: {} for kind in PARAMETER_SETS}
    for unit in units:
        nal = bytes(data[unit.start : unit.end])
        if nal not in config.nals:
            sets[unit.kind].setdefault(nal, coded.offset(unit.start))
    kept, sequences, pictures = _reserialise(sets)
    if used is not None:
        pictures = [picture for picture in pictures if picture.pps_id in used]
        named = {picture.sps_id for picture in (*config.pictures, *pictures) if picture.pps_id in used}
        sequences = [sequence for sequence in sequences if sequence.sps_id in named]
        kept = {
            VPS: kept[VPS] if sequences else [],
            SPS: list(dict.fromkeys(sequence.nal for sequence in sequences)),
            PPS: list(dict.fromkeys(picture.nal for picture in pictures)),
        }
    new = [nal for nals in kept.values() for nal in nals if nal not in config.nals]
    written = b"".join(len(nal).to_bytes(config.length_size, "big") + nal for nal in new)
    begin, end = units[0].position, units[-1].end
    if written == data[begin:end]:
        out.keep(data, begin, end)
    else:
        out.replace(begin, end, written, "rewritten" if written else "repeated")
    out.size = max((out.size, *(sequence.size for sequence in sequences)), key=area)


def _nal_problem(head: memoryview) -> str:
    """Why a NAL unit that starts with ``head`` is dropped, or "" (H.265 7.3.1.2, table 7-1)."""
    if len(head) < 3:
        return "empty"
    kind = head[0] >> 1
    if not head[1] & 7 or head[0] & 0x80:  # nuh_temporal_id_plus1, forbidden_zero_bit
        return "invalid"
    if head[0] & 1 or head[1] >> 3:
        return "layer"
    if kind in SEI:
        return "sei"
    return "" if kind in SLICES or kind in PARAMETER_SETS else "reserved"
