"""Parameter sets of HEVC, re-serialised field by field (H.265, 7.3.2).

A decoder needs what says how slices are coded, and the colour description. Timing, buffer models, display hints,
reserved bits and extension data name an encoder or carry whatever one likes: they are not written again. A video
parameter set says nothing that one layer needs; decoders require one, so it is made of the sequence's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from rmexif.containers.common.bits import BitRewriter
from rmexif.containers.isobmff.hevc_reference_sets import copy_reference_sets
from rmexif.containers.isobmff.hevc_vui import Samples, rewrite_vui
from rmexif.errors import MalformedImage, UnsupportedFeature

__all__ = [
    "MAX_SET",
    "PPS",
    "SPS",
    "VPS",
    "HevcPicture",
    "HevcSequence",
    "read_pps",
    "read_profile",
    "read_sps",
    "write_vps",
]

VPS, SPS, PPS = 32, 33, 34  # nal_unit_type (table 7-1)
NAMES = {VPS: "VPS", SPS: "SPS", PPS: "PPS"}
MAX_SET = 2048  # byte that are read of one; scaling lists and 64 reference sets stay below
COMPATIBLE = 0x7FF << 20  # general_profile_compatibility_flag 1 to 11: the profiles that exist (annex A)
EMULATION = re.compile(rb"\0\0(?=[\0-\3])")  # 7.4.2: these bytes are kept from looking like a start code
CHROMA_UNITS = ((1, 1), (2, 2), (2, 1), (1, 1))  # SubWidthC, SubHeightC by chroma format (6.2)
MAX_SUB_LAYERS = 6  # sps_max_sub_layers_minus1 (7.4.3.2.1)


@dataclass(frozen=True, slots=True)
class HevcSequence:
    """A sequence parameter set."""

    nal: bytes  # re-serialised
    vps_id: int  # of its video parameter set
    profile: bytes  # general profile, tier, compatibility, constraints and level, 12 bytes
    sub_layers: int
    temporal_id_nesting: int  # sps_temporal_id_nesting_flag
    buffering: tuple[int, int, int]  # of the highest sub-layer
    size: tuple[int, int]  # px, coded
    format: tuple[int, int, int]  # chroma format, luma and chroma bit depth minus 8
    sps_id: int = 0
    ctb: int = 0  # px: side of a coding tree block, as its binary logarithm
    separate_planes: bool = False  # separate_colour_plane_flag
    adaptive_offset: bool = False  # sample_adaptive_offset_enabled_flag
    scaling: int = 0  # bit: of its scaling lists
    shown: tuple[int, int] = (0, 0)  # px, of the conformance window


@dataclass(frozen=True, slots=True)
class HevcPicture:
    """A picture parameter set, with what a slice header depends on."""

    nal: bytes  # re-serialised
    pps_id: int
    sps_id: int
    dependent_slices: bool  # dependent_slice_segments_enabled_flag
    output_flag: bool  # output_flag_present_flag
    extra_bits: int  # num_extra_slice_header_bits
    chroma_offsets: bool  # pps_slice_chroma_qp_offsets_present_flag
    has_substreams: bool  # slices may be coded in several streams: tiles or wavefronts
    across_slices: bool  # pps_loop_filter_across_slices_enabled_flag
    deblocking_override: bool  # deblocking_filter_override_enabled_flag
    deblocking: bool  # not pps_deblocking_filter_disabled_flag
    offset_list: bool  # chroma_qp_offset_list_enabled_flag
    screen: bool  # it has an extension for screen content
    scaling: int  # bit: of its scaling lists


class _ParameterSet(BitRewriter):
    """A parameter set that is read and written again, but for the fields that are dropped.

    Args:
        nal: the NAL unit.
        kind: its type.
        offset: byte of the file at which it lies; emulation prevention hides where in it a bit lies.
    """

    __slots__ = ("kind", "nal_offset")

    def __init__(self, nal: bytes, kind: int, offset: int) -> None:
        super().__init__(nal[2:MAX_SET].replace(b"\0\0\3", b"\0\0"), f"isobmff HEVC {NAMES[kind]}")
        self.kind = kind
        self.nal_offset = offset

    def fail(self, problem: str, *, refused: bool = False) -> NoReturn:
        """Raise with the byte at which the NAL unit starts."""
        error = UnsupportedFeature if refused else MalformedImage
        raise error(problem, structure=self.structure, offset=self.nal_offset)

    def ue(self, most: int = (1 << 32) - 2) -> int:
        """Copy an Exp-Golomb number; a signed one takes the same bits."""
        return self.copy_golomb(most)

    def many(self, count: int) -> None:
        """Copy ``count`` Exp-Golomb numbers."""
        for _ in range(count):
            self.ue()

    def nal(self) -> bytes:
        """What was written, as a NAL unit of the base layer."""
        return bytes((self.kind << 1, 1)) + EMULATION.sub(b"\0\0\3", self.finish())


def read_sps(
    nal: bytes,
    offset: int = 0,
    *,
    windowed: bool = True,
    keeps_timing: bool = False,
    samples: Samples | None = None,
) -> HevcSequence:
    """A sequence parameter set (7.3.2.2).

    Args:
        nal: the NAL unit.
        offset: byte of the file at which it lies, for errors.
        windowed: whether it is written with its conformance window; without it all that is coded is shown.
        keeps_timing: whether it is written with a rate that encoders write by themselves.
        samples: to be written without primaries and transfer.

    Raises:
        MalformedImage: it ends early, or a number is above what its field allows.
        UnsupportedFeature: screen content coding behind an extension of another kind.
    """
    bits = _ParameterSet(nal, SPS, offset)
    vps_id, layers = bits.copy(4), bits.bits(3)
    if layers > MAX_SUB_LAYERS:
        bits.fail(f"{layers + 1} sub-layers, at most {MAX_SUB_LAYERS + 1} are allowed")
    bits.put(3, layers)
    nesting = bits.copy(1)
    profile = _profile_tier_level(bits, layers)
    sps_id = bits.ue(15)
    chroma, separate, size, shown = _picture_format(bits, windowed)
    depths = bits.ue(8), bits.ue(8)
    counter = bits.ue(12) + 4  # log2_max_pic_order_cnt_lsb
    buffering = (0, 0, 0)
    for _ in range(layers + 1 if bits.copy(1) else 1):  # sps_sub_layer_ordering_info_present_flag
        buffering = bits.ue(), bits.ue(), bits.ue()
    ctb, adaptive_offset, scaling = _coding_tools(bits)
    copy_reference_sets(bits)
    if bits.copy(1):  # long_term_ref_pics_present_flag
        for _ in range(bits.ue(32)):
            bits.copy(counter + 1)
    bits.copy(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    rewrite_vui(bits, layers, keeps_timing=keeps_timing, samples=samples)
    _sps_extensions(bits, chroma, (depths[0] + 8, depths[1] + 8))
    more = sps_id, ctb, separate, adaptive_offset, scaling, shown
    return HevcSequence(bits.nal(), vps_id, profile, layers + 1, nesting, buffering, size, (chroma, *depths), *more)


def _picture_format(bits: _ParameterSet, windowed: bool) -> tuple[int, bool, tuple[int, int], tuple[int, int]]:
    """chroma_format_idc to the conformance window: chroma format, separate planes, coded and shown size in px."""
    chroma = bits.ue(3)
    separate = chroma == 3 and bits.copy(1) == 1  # separate_colour_plane_flag
    size = bits.ue(), bits.ue()
    has_window = bits.flag()  # conformance_window_flag
    bits.put(1, int(has_window and windowed))
    read = bits.ue if windowed else bits.golomb
    left, right, top, bottom = (read() for _ in range(4)) if has_window else (0, 0, 0, 0)
    across, down = CHROMA_UNITS[0 if separate else chroma]
    return chroma, separate, size, (size[0] - across * (left + right), size[1] - down * (top + bottom))


def _coding_tools(bits: _ParameterSet) -> tuple[int, bool, int]:
    """log2_min_luma_coding_block_size_minus3 to pcm_loop_filter_disabled_flag.

    Returns:
        CtbLog2SizeY, whether offsets adapt, bits of scaling lists.
    """
    ctb = bits.ue() + 3 + bits.ue()
    bits.many(4)  # sizes and depths of transform blocks
    scaling = 0
    if bits.copy(1) and bits.copy(1):  # scaling_list_enabled_flag, sps_scaling_list_data_present_flag
        scaling = _scaling_lists(bits)
    offsets = bits.copy(2) & 1 == 1  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.copy(1):  # pcm_enabled_flag
        bits.copy(8)
        bits.many(2)
        bits.copy(1)
    return ctb, offsets, scaling


def write_vps(sequences: list[HevcSequence], *, ordered: bool = False) -> bytes:
    """The video parameter set of sequences that name the same one (7.3.2.1): one layer, no timing, no extension.

    Args:
        sequences: all of them.
        ordered: vps_sub_layer_ordering_info_present_flag, which says nothing of a single sub-layer.
    """
    first = max(sequences, key=lambda sequence: sequence.sub_layers)
    bits = _ParameterSet(b"", VPS, 0)
    bits.put(4, first.vps_id)
    bits.put(2, 0b11)  # vps_base_layer_internal_flag, vps_base_layer_available_flag
    bits.put(6, 0)  # vps_max_layers_minus1
    bits.put(3, first.sub_layers - 1)
    bits.put(1, min(sequence.temporal_id_nesting for sequence in sequences))
    bits.put(16, 0xFFFF)  # vps_reserved_0xffff_16bits
    bits.put(96, int.from_bytes(first.profile, "big"))
    bits.put(16 if first.sub_layers > 1 else 0, 0)  # no profiles or levels of sub-layers
    bits.put(1, int(ordered))  # vps_sub_layer_ordering_info_present_flag
    for number in first.buffering:
        bits.put_golomb(number)
    bits.put(6, 0)  # vps_max_layer_id
    bits.put_golomb(0)  # vps_num_layer_sets_minus1
    bits.put(2, 0)  # vps_timing_info_present_flag, vps_extension_flag
    return bits.nal()


def read_profile(data: bytes, offset: int = 0) -> bytes:
    """General profile, tier, compatibility, constraints and level, 12 bytes: reserved bits cleared (7.3.3)."""
    return _profile_tier_level(_ParameterSet(b"\0\0" + EMULATION.sub(b"\0\0\3", data), SPS, offset), 0)


def read_pps(nal: bytes, offset: int = 0) -> HevcPicture:
    """A picture parameter set, re-serialised (7.3.2.3).

    Args:
        nal: the NAL unit.
        offset: byte of the file at which it lies, for errors.

    Raises:
        MalformedImage: it ends early, or a number is above what its field allows.
        UnsupportedFeature: slice headers with an extension, or screen content coding behind one of another kind.
    """
    bits = _ParameterSet(nal, PPS, offset)
    pps_id, sps_id = bits.ue(63), bits.ue(15)
    dependent, output, extra = bits.copy(1), bits.copy(1), bits.copy(3)
    bits.copy(2)  # sign_data_hiding_enabled_flag, cabac_init_present_flag
    bits.many(3)
    skips = bits.copy(2) & 1  # constrained_intra_pred_flag, transform_skip_enabled_flag
    if bits.copy(1):  # cu_qp_delta_enabled_flag
        bits.ue()
    bits.many(2)  # pps_cb_qp_offset, pps_cr_qp_offset
    chroma_offsets = bits.copy(1)
    bits.copy(3)  # weighted prediction, transquant bypass
    substreams = _tiles(bits)
    across = bits.copy(1)  # pps_loop_filter_across_slices_enabled_flag
    override, disabled = _deblocking(bits)
    scaling = _scaling_lists(bits) if bits.copy(1) else 0  # pps_scaling_list_data_present_flag
    bits.copy(1)  # lists_modification_present_flag
    bits.ue()  # log2_parallel_merge_level_minus2
    if bits.copy(1):  # slice_segment_header_extension_present_flag: no decoder of one layer reads it
        bits.fail("slice headers with an extension are refused", refused=True)
    offset_list, screen = _pps_extensions(bits, skips)
    return HevcPicture(
        nal=bits.nal(),
        pps_id=pps_id,
        sps_id=sps_id,
        dependent_slices=dependent == 1,
        output_flag=output == 1,
        extra_bits=extra,
        chroma_offsets=chroma_offsets == 1,
        has_substreams=substreams == 1,
        across_slices=across == 1,
        deblocking_override=override == 1,
        deblocking=not disabled,
        offset_list=offset_list == 1,
        screen=screen,
        scaling=scaling,
    )


def _deblocking(bits: _ParameterSet) -> tuple[int, int]:
    """deblocking_filter_override_enabled_flag and pps_deblocking_filter_disabled_flag, with what follows them."""
    if not bits.copy(1):  # deblocking_filter_control_present_flag
        return 0, 0
    override, disabled = bits.copy(1), bits.copy(1)
    if not disabled:
        bits.many(2)
    return override, disabled


def _tiles(bits: _ParameterSet) -> int:
    """tiles_enabled_flag to loop_filter_across_tiles_enabled_flag: whether there are tiles or wavefronts."""
    enabled, wavefronts = bits.copy(1), bits.copy(1)  # and entropy_coding_sync_enabled_flag
    if enabled:
        columns, rows = bits.ue(1023), bits.ue(1023)
        if not bits.copy(1):  # uniform_spacing_flag
            bits.many(columns + rows)
        bits.copy(1)
    return enabled | wavefronts


def _profile_tier_level(bits: _ParameterSet, layers: int) -> bytes:
    """profile_tier_level (7.3.3): reserved bits cleared, sub-layers without their own."""
    space, flags, compatible = bits.bits(2), bits.bits(6), bits.bits(32)
    source, constraints, level = bits.bits(4), bits.bits(44), bits.bits(8)
    present = [(bits.bits(1), bits.bits(1)) for _ in range(layers)]
    bits.skip(2 * (8 - layers) if layers else 0)
    for profile, below in present:
        bits.skip(88 * profile + 8 * below)
    idc = flags & 31
    known = 0x3FF << 34 if idc >= 4 else 1 << 36 if idc == 2 else 0  # what the profile may be narrowed by
    fields = ((2, space), (6, flags), (32, compatible & COMPATIBLE), (4, source), (44, constraints & known), (8, level))
    value = 0
    for count, number in fields:
        value = value << count | bits.put(count, number)
    bits.put(16 if layers else 0, 0)
    return value.to_bytes(12, "big")


def _scaling_lists(bits: _ParameterSet) -> int:
    """scaling_list_data (7.3.4): how many bits it takes."""
    start = bits.position
    for kind in range(4):
        for _ in range(2 if kind == 3 else 6):
            bits.many(min(64, 16 << 2 * kind) + (kind > 1) if bits.copy(1) else 1)
    return bits.position - start


def _extension_flags(bits: _ParameterSet) -> tuple[bool, bool, bool]:
    """Flags of the extensions: range, layers (one bit behind it), screen content; others are not written again."""
    if not bits.flag():
        bits.put(1, 0)
        return False, False, False
    flags = bits.bits(8)
    ranged, layered, deep, screen = (bool(flags >> at & 1) for at in (7, 6, 5, 4))
    if screen and deep:
        bits.fail("screen content coding behind a 3D extension is refused", refused=True)
    if bits.put(1, int(ranged or screen)):
        bits.put(8, ranged << 7 | screen << 4)
    return ranged, layered, screen


def _sps_extensions(bits: _ParameterSet, chroma: int, depths: tuple[int, int]) -> None:
    """sps_range_extension (7.3.2.2.2) and sps_scc_extension (7.3.2.2.3)."""
    ranged, layered, screen = _extension_flags(bits)
    if ranged:
        bits.copy(9)
    if not screen:
        return
    bits.skip(int(layered))  # inter_view_mv_vert_constraint_flag
    bits.copy(1)  # sps_curr_pic_ref_enabled_flag
    if bits.copy(1):  # palette_mode_enabled_flag
        bits.many(2)
        if bits.copy(1):  # sps_palette_predictor_initializers_present_flag
            count = bits.ue(255) + 1
            for depth in (depths[0], depths[1], depths[1])[: 3 if chroma else 1]:
                for _ in range(count):
                    bits.copy(depth)
    bits.copy(3)  # motion_vector_resolution_control_idc, intra_boundary_filtering_disabled_flag


def _pps_extensions(bits: _ParameterSet, skips: int) -> tuple[int, bool]:
    """pps_range_extension (7.3.2.3.2) and pps_scc_extension (7.3.2.3.3): the list of offsets, whether there is one."""
    ranged, layered, screen = _extension_flags(bits)
    offset_list = 0
    if ranged:
        if skips:
            bits.ue()  # log2_max_transform_skip_block_size_minus2
        bits.copy(1)
        if offset_list := bits.copy(1):  # chroma_qp_offset_list_enabled_flag
            bits.ue()
            bits.many(2 * (bits.ue(5) + 1))
        bits.many(2)
    if screen:
        _pps_screen(bits, layered)
    return offset_list, screen


def _pps_screen(bits: _ParameterSet, layered: bool) -> None:
    """pps_scc_extension (7.3.2.3.3)."""
    if layered:
        bits.fail("screen content coding behind an extension for layers is refused", refused=True)
    bits.copy(1)  # pps_curr_pic_ref_enabled_flag
    if bits.copy(1):  # residual_adaptive_colour_transform_enabled_flag
        bits.copy(1)
        bits.many(3)
    if bits.copy(1):  # pps_palette_predictor_initializers_present_flag
        _palette(bits)


def _palette(bits: _ParameterSet) -> None:
    """pps_num_palette_predictor_initializers and the entries."""
    count = bits.ue(256)
    if not count:
        return
    grey = bits.copy(1)  # monochrome_palette_flag
    depth = bits.ue(8) + 8
    depths = [depth] if grey else [depth, *[bits.ue(8) + 8] * 2]
    for depth in depths:
        for _ in range(count):
            bits.copy(depth)
