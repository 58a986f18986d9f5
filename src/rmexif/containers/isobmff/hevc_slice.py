"""The entry points in a slice segment header of HEVC: where its tiles or rows of blocks are coded (H.265 7.3.6.1).

Read are the headers of pictures that start a sequence and refer to no other one, as stills have them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from rmexif.containers.common.bits import MsbReader, MsbWriter
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.isobmff.hevc import HevcConfig
    from rmexif.containers.isobmff.hevc_parameter_sets import HevcPicture, HevcSequence

__all__ = ["SliceSegment", "read_slice_segment"]

IDR = frozenset((19, 20))  # nal_unit_type (H.265 table 7-1)
INTRA = 2  # slice_type (table 7-7)
MAX_HEADER = 4096  # byte that are read of one; an offset of 32 bits for each of 1000 rows stays below
PREVENTION = re.compile(b"\0\0\3")  # 7.4.2
EMULATION = re.compile(rb"\0\0(?=[\0-\3])")


@dataclass(frozen=True, slots=True)
class SliceSegment:
    """A slice segment of several streams.

    Attributes:
        header: from the byte behind the header of the NAL unit, without emulation prevention.
        first_offset: bit of ``header`` at which entry_point_offset_minus1 starts.
        width: bits of each of these numbers.
        bounds: byte of the NAL unit at which each stream starts, and at which the last one ends.
    """

    header: bytes
    first_offset: int
    width: int
    bounds: tuple[int, ...]

    @property
    def lengths(self) -> list[int]:
        """Bytes of each stream."""
        return [end - start for start, end in pairwise(self.bounds)]

    def head(self, lengths: Sequence[int]) -> bytes:
        """The header, with emulation prevention, of streams of these lengths."""
        writer, total = MsbWriter(), 8 * len(self.header)
        number, start = int.from_bytes(self.header, "big"), self.first_offset
        writer.bits(start, number >> total - start)
        for length in lengths[:-1]:
            writer.bits(self.width, length - 1)
        writer.bits(total - start - (len(lengths) - 1) * self.width, number)
        writer.align()
        return EMULATION.sub(b"\0\0\3", bytes(writer.out))


def read_slice_segment(nal: memoryview, config: HevcConfig) -> SliceSegment | None:
    """The streams of a slice segment.

    Args:
        nal: its NAL unit.
        config: the decoder configuration, which has its parameter sets.

    Returns:
        What the header says; None where that is not read: parameter sets elsewhere, a predicted picture.
    """
    kind, raw = nal[0] >> 1, bytes(nal[2 : 2 + MAX_HEADER])
    if kind not in IDR:
        return None
    bits = MsbReader(PREVENTION.sub(b"\0\0", raw), "isobmff HEVC slice header")
    try:
        found = _entry_points(bits, config)
    except MalformedImage:
        return None
    if found is None:
        return None
    first, width, offsets = found
    header = bytes(bits.data[: bits.position >> 3])
    start = 2 + _stored(raw, len(header))
    bounds = (*accumulate(offsets, initial=start), len(nal))
    if any(begin >= end for begin, end in pairwise(bounds)):
        return None
    return SliceSegment(header, first, width, bounds)


def _stored(raw: bytes, count: int) -> int:
    """Bytes that ``count`` bytes take with emulation prevention."""
    for at in PREVENTION.finditer(raw):
        if at.start() + 2 >= count:
            break
        count += 1
    return count


def _entry_points(bits: MsbReader, config: HevcConfig) -> tuple[int, int, list[int]] | None:
    """Bit of the first offset, bits of each, and the offsets; the reader stands behind byte_alignment()."""
    first = bits.flag()  # first_slice_segment_in_pic_flag
    bits.skip(1)  # no_output_of_prior_pics_flag
    pps_id = bits.golomb()
    picture = next((one for one in config.pictures if one.pps_id == pps_id), None)
    sequence = next((one for one in config.sequences if picture and one.sps_id == picture.sps_id), None)
    if picture is None or sequence is None or picture.screen:
        return None
    blocks = _blocks(sequence)
    dependent = not first and picture.dependent_slices and bits.flag()
    if not first:
        bits.skip((blocks - 1).bit_length())  # slice_segment_address
    if not dependent and not _skip_independent(bits, sequence, picture):
        return None
    offsets, width, start = list[int](), 0, bits.position
    if picture.has_substreams and (count := bits.golomb()):  # num_entry_point_offsets
        width = bits.golomb() + 1
        if count >= blocks or width > 32:
            return None
        start = bits.position
        offsets = [bits.bits(width) + 1 for _ in range(count)]
    if not bits.flag():  # byte_alignment() (7.3.2.12)
        return None
    bits.align()
    return start, width, offsets


def _blocks(sequence: HevcSequence) -> int:
    """PicSizeInCtbsY."""
    across, down = (-(-side >> min(sequence.ctb, 16)) for side in sequence.size)
    return max(1, across * down)


def _skip_independent(bits: MsbReader, sequence: HevcSequence, picture: HevcPicture) -> bool:
    """Step from slice_reserved_flag to the entry points; False where the slice is predicted."""
    bits.skip(picture.extra_bits)
    if bits.golomb() != INTRA:
        return False
    bits.skip(picture.output_flag + 2 * sequence.separate_planes)
    has_chroma = sequence.format[0] and not sequence.separate_planes
    offsets = False
    if sequence.adaptive_offset:
        flags = [bits.flag() for _ in range(2 if has_chroma else 1)]  # slice_sao_luma_flag, slice_sao_chroma_flag
        offsets = any(flags)
    for _ in range(3 if picture.chroma_offsets else 1):  # slice_qp_delta, slice_cb_qp_offset, slice_cr_qp_offset
        bits.golomb()
    bits.skip(picture.offset_list)  # cu_chroma_qp_offset_enabled_flag
    deblocking = picture.deblocking
    if picture.deblocking_override and bits.flag():
        deblocking = not bits.flag()  # slice_deblocking_filter_disabled_flag
        for _ in range(2 if deblocking else 0):  # slice_beta_offset_div2, slice_tc_offset_div2
            bits.golomb()
    if picture.across_slices and (offsets or deblocking):
        bits.skip(1)  # slice_loop_filter_across_slices_enabled_flag
    return True
