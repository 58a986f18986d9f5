"""The sequence header of AV1 (AV1 5.5), read and written afresh with what decides about pixels, and no more.

Timing, display delays, further operating points of one layer and code points that do not exist go: they are some
hundred bytes that no decoder of pictures asks for. What frame headers depend on stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from rmexif.containers.common import h273
from rmexif.containers.isobmff.filtered_units import Rewriter
from rmexif.errors import UnsupportedFeature

__all__ = ["Sequence", "read_sequence"]

SRGB = (1, 13, 0)  # color_config() says nothing more about it (AV1 5.5.2)


@dataclass(frozen=True, slots=True)
class Sequence:
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
    screen_content: int  # tools for it: 0 never, 1 always, 2 said by each frame
    integer_mv: int  # likewise
    order_hint: int  # bit: of a frame's place in the order; 0: frames do not say it
    superres: bool


def read_sequence(payload: bytes) -> Sequence:
    """Walk a sequence header to its end (AV1 5.5.1).

    Raises:
        MalformedImage: it ends early.
        UnsupportedFeature: a decoder model, or operating points that are no layers of one picture.
    """
    bits = Rewriter(payload)
    profile = bits.copy(3)
    bits.copy(1)  # still_picture
    reduced = bool(bits.copy(1))
    level, tier, layered = (bits.copy(5), 0, False) if reduced else _operating_points(bits)
    widths = bits.copy(4) + 1, bits.copy(4) + 1
    size = bits.copy(widths[0]) + 1, bits.copy(widths[1]) + 1
    delta_id = frame_id = 0
    if not reduced and bits.copy(1):  # frame_id_numbers_present_flag
        delta_id = bits.copy(4) + 2
        frame_id = bits.copy(3) + 1 + delta_id
    bits.copy(3)  # superblock size, filter_intra, intra_edge_filter
    screen, integer, order_hint = (2, 2, 0) if reduced else _inter_tools(bits)
    superres = bool(bits.copy(1))
    bits.copy(2)  # cdef, restoration
    depth, mono, layout = _color_config(bits, profile)
    bits.copy(1)  # film_grain_params_present
    config = bytes((0x81, profile << 5 | level, tier << 7 | layout, 0))
    return Sequence(
        bits.finish(),
        config,
        size,
        reduced,
        layered,
        depth,
        mono,
        (widths[0], widths[1]),
        frame_id,
        delta_id,
        screen,
        integer,
        order_hint,
        superres,
    )


def _operating_points(bits: Rewriter) -> tuple[int, int, bool]:
    """Timing goes, operating points stay where they are layers: level and tier of the first, and whether there are."""
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)
        if bits.read(1):  # equal_picture_interval
            bits.golomb()
        if bits.read(1):  # decoder_model_info_present_flag: frame headers then hold times
            raise UnsupportedFeature("isobmff: AV1 with a decoder model is refused")
    bits.put(0, 1)
    display = bits.read(1)
    bits.put(0, 1)
    points = []
    for _ in range(bits.read(5) + 1):
        layers, level = bits.read(12), bits.read(5)
        tier = bits.read(1) if level > 7 else 0
        if display and bits.read(1):
            bits.read(4)
        points.append((layers, level, tier))
    layered = any(layers for layers, _, _ in points)
    if layered:
        _check_layers([layers for layers, _, _ in points])
    else:
        del points[1:]  # all of them mean: decode everything
    bits.put(len(points) - 1, 5)
    for layers, level, tier in points:
        bits.put(layers, 12)
        bits.put(level, 5)
        bits.put(tier, int(level > 7))
    return points[0][1], points[0][2], layered


def _check_layers(masks: list[int]) -> None:
    """Refuse operating points that are not the lowest layers, best first: 12 free bits each would be left."""
    whole = all((mask & 255) + 1 & mask & 255 == 0 and (mask >> 8) + 1 & mask >> 8 == 0 for mask in masks)
    if not whole or not all(mask & 255 and mask >> 8 for mask in masks) or masks != sorted(set(masks), reverse=True):
        raise UnsupportedFeature("isobmff: AV1 operating points that are no layers of one picture")


def _inter_tools(bits: Rewriter) -> tuple[int, int, int]:
    """Coding tools of a header that is not reduced: screen content, whole motion vectors, bits of order hints."""
    bits.copy(4)  # interintra, masked, warped, dual filter
    ordered = bits.copy(1)
    if ordered:
        bits.copy(2)
    screen = 2 if bits.copy(1) else bits.copy(1)  # seq_choose_screen_content_tools, else seq_force_...
    integer = 2 if not screen or bits.copy(1) else bits.copy(1)  # seq_choose_integer_mv, else seq_force_...
    return screen, integer, bits.copy(3) + 1 if ordered else 0


def _color_config(bits: Rewriter, profile: int) -> tuple[int, bool, int]:
    """color_config() (5.5.2): bit depth, whether there is no chroma, and the fields of av1C that say the same."""
    high = bits.copy(1)
    twelve = bits.copy(1) if profile == 2 and high else 0
    mono = 0 if profile == 1 else bits.copy(1)
    described: tuple[int, ...] = (h273.UNSPECIFIED,) * 3
    if bits.copy(1):  # color_description_present_flag
        described = h273.existing((bits.read(8), bits.read(8), bits.read(8)))
        for code in described:
            bits.put(code, 8)
    across, down = (1, 1) if profile == 0 or mono else (0, 0) if profile == 1 else (1, 0)
    position = 0
    if mono:
        bits.copy(1)  # color_range
    elif described == SRGB:
        across = down = 0
    else:
        bits.copy(1)
        if profile == 2 and twelve:
            across = bits.copy(1)
            down = bits.copy(1) if across else 0
        if across and down:
            position = bits.copy(2)
    if not mono:
        bits.copy(1)  # separate_uv_delta_q
    layout = high << 6 | twelve << 5 | mono << 4 | across << 3 | down << 2 | position
    return 12 if twelve else 10 if high else 8, bool(mono), layout
