"""The sequence header of AV1 (AV1 5.5), read and re-serialised with what decides about pixels, and no more.

Timing, display delays, further operating points of one layer and code points that do not exist go: they are some
hundred bytes that no decoder of pictures asks for. What frame headers depend on stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.common import h273
from rmexif.containers.common.bits import BitRewriter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_SEQUENCE_HEADER", "SELECTED_BY_FRAME", "Av1SequenceHeader", "read_sequence_header"]

MAX_SEQUENCE_HEADER = 1024  # byte that are read of one: 32 operating points with delays and timing take below 200
SRGB = (1, 13, 0)  # color_config() says nothing more about it (AV1 5.5.2)
SELECTED_BY_FRAME = 2  # SELECT_SCREEN_CONTENT_TOOLS, SELECT_INTEGER_MV (AV1 3)


@dataclass(frozen=True, slots=True)
class Av1SequenceHeader:
    """What we need of a sequence header OBU."""

    payload: bytes  # canonical: ends with its trailing bits
    config: bytes  # canonical body of the av1C that goes with it (AV1-ISOBMFF 2.3.3)
    size: tuple[int, int]  # px
    reduced: bool  # reduced_still_picture_header
    layered: bool  # an operating point chooses among layers: no one frame is the picture
    depth: int  # bit
    mono: bool
    side_bits: tuple[int, int]  # bit: of a frame's width and height
    frame_id: int  # bit: of a frame's number; 0: frames have none
    delta_id: int  # bit: of the distance to another frame's number
    screen_content: int  # tools for it: 0 never, 1 always, or SELECTED_BY_FRAME
    integer_mv: int  # likewise
    order_hint: int  # bit: of a frame's place in the order; 0: frames do not carry it
    superres: bool
    superblock: int  # px: a side
    cdef: bool
    restoration: bool
    separate_uv: bool  # separate_uv_delta_q
    film_grain: bool


def read_sequence_header(payload: bytes, locate: Callable[[int], int] = int) -> Av1SequenceHeader:
    """Parse a sequence header to its end (AV1 5.5.1).

    Args:
        payload: of the OBU.
        locate: byte of the file at which a byte of the payload lies.

    Raises:
        MalformedImage: it ends early.
        UnsupportedFeature: a decoder model, or operating points that are no layers of one picture.
    """
    bits = BitRewriter(payload, "isobmff AV1 sequence header", locate=locate)
    profile = bits.copy(3)
    bits.copy(1)  # still_picture
    reduced = bool(bits.copy(1))
    level, tier, layered = (bits.copy(5), 0, False) if reduced else _operating_points(bits)
    widths = bits.copy(4) + 1, bits.copy(4) + 1
    size = bits.copy(widths[0]) + 1, bits.copy(widths[1]) + 1
    frame_id, delta_id = (0, 0) if reduced else _frame_id_bits(bits)
    superblock = 128 if bits.copy(1) else 64  # use_128x128_superblock
    bits.copy(2)  # enable_filter_intra, enable_intra_edge_filter
    screen, integer, order_hint = (SELECTED_BY_FRAME, SELECTED_BY_FRAME, 0) if reduced else _inter_tools(bits)
    superres = bool(bits.copy(1))
    cdef, restoration = bool(bits.copy(1)), bool(bits.copy(1))
    depth, mono, layout, separate_uv = _color_config(bits, profile)
    film_grain = bool(bits.copy(1))
    return Av1SequenceHeader(
        payload=bits.finish(),
        config=bytes((0x81, profile << 5 | level, tier << 7 | layout, 0)),
        size=size,
        reduced=reduced,
        layered=layered,
        depth=depth,
        mono=mono,
        side_bits=widths,
        frame_id=frame_id,
        delta_id=delta_id,
        screen_content=screen,
        integer_mv=integer,
        order_hint=order_hint,
        superres=superres,
        superblock=superblock,
        cdef=cdef,
        restoration=restoration,
        separate_uv=separate_uv,
        film_grain=film_grain,
    )


def _frame_id_bits(bits: BitRewriter) -> tuple[int, int]:
    """Bits of a frame's number, and of the distance to another one; 0 where frames have none."""
    if not bits.copy(1):  # frame_id_numbers_present_flag
        return 0, 0
    delta_id = bits.copy(4) + 2
    return bits.copy(3) + 1 + delta_id, delta_id


def _operating_points(bits: BitRewriter) -> tuple[int, int, bool]:
    """Timing goes, operating points stay where they are layers: level and tier of the first, and whether there are."""
    if bits.flag():  # timing_info_present_flag
        bits.skip(64)
        if bits.flag():  # equal_picture_interval
            bits.golomb()
        if bits.flag():  # decoder_model_info_present_flag: frame headers then hold times
            bits.fail("a decoder model is refused", refused=True)
    bits.put(1, 0)
    has_delays = bits.flag()  # initial_display_delay_present_flag
    bits.put(1, 0)
    points = []
    for _ in range(bits.bits(5) + 1):
        layers, level = bits.bits(12), bits.bits(5)
        tier = bits.bits(1) if level > 7 else 0
        if has_delays and bits.flag():
            bits.skip(4)
        points.append((layers, level, tier))
    layered = any(layers for layers, _, _ in points)
    if layered:
        _check_layers(bits, [layers for layers, _, _ in points])
    else:
        del points[1:]  # all of them mean: decode everything
    bits.put(5, len(points) - 1)
    for layers, level, tier in points:
        bits.put(12, layers)
        bits.put(5, level)
        bits.put(int(level > 7), tier)
    return points[0][1], points[0][2], layered


def _check_layers(bits: BitRewriter, masks: list[int]) -> None:
    """Refuse operating points that are not the lowest layers, best first: 12 free bits each would be left."""
    lowest = all((mask & 255) + 1 & mask & 255 == 0 and (mask >> 8) + 1 & mask >> 8 == 0 for mask in masks)
    filled = all(mask & 255 and mask >> 8 for mask in masks)
    if not lowest or not filled or masks != sorted(set(masks), reverse=True):
        bits.fail("operating points must be the lowest layers of one picture, best first", refused=True)


def _inter_tools(bits: BitRewriter) -> tuple[int, int, int]:
    """Coding tools of a header that is not reduced: screen content, integer motion vectors, bits of order hints."""
    bits.copy(4)  # enable_interintra_compound, enable_masked_compound, enable_warped_motion, enable_dual_filter
    ordered = bits.copy(1)
    if ordered:
        bits.copy(2)  # enable_jnt_comp, enable_ref_frame_mvs
    screen = SELECTED_BY_FRAME if bits.copy(1) else bits.copy(1)  # seq_choose_screen_content_tools, seq_force_...
    integer = SELECTED_BY_FRAME if not screen or bits.copy(1) else bits.copy(1)  # seq_choose_integer_mv, seq_force_...
    return screen, integer, bits.copy(3) + 1 if ordered else 0


def _color_config(bits: BitRewriter, profile: int) -> tuple[int, bool, int, bool]:
    """color_config() (5.5.2): bit depth, whether there is no chroma, the fields of av1C that say the same, and
    separate_uv_delta_q.
    """
    high = bits.copy(1)
    twelve = bits.copy(1) if profile == 2 and high else 0
    mono = 0 if profile == 1 else bits.copy(1)
    described: tuple[int, ...] = (h273.UNSPECIFIED,) * 3
    if bits.copy(1):  # color_description_present_flag
        described = h273.existing((bits.bits(8), bits.bits(8), bits.bits(8)))
        for code in described:
            bits.put(8, code)
    across, down, position = _subsampling(bits, profile, bool(mono), bool(twelve), described)
    separate_uv = not mono and bool(bits.copy(1))
    layout = high << 6 | twelve << 5 | mono << 4 | across << 3 | down << 2 | position
    return 12 if twelve else 10 if high else 8, bool(mono), layout, separate_uv


def _subsampling(
    bits: BitRewriter, profile: int, mono: bool, twelve: bool, described: tuple[int, ...]
) -> tuple[int, int, int]:
    """color_range to chroma_sample_position: subsampling across and down, and the position."""
    if mono:
        bits.copy(1)  # color_range
        return 1, 1, 0
    if described == SRGB:
        return 0, 0, 0
    bits.copy(1)  # color_range
    across, down = (1, 1) if profile == 0 else (0, 0) if profile == 1 else (1, 0)
    if profile == 2 and twelve:
        across = bits.copy(1)
        down = bits.copy(1) if across else 0
    return across, down, bits.copy(2) if across and down else 0
