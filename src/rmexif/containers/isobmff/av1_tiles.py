"""The tiles of an AV1 intra frame: how many there are, and where each one lies (AV1 5.9, 5.11.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.common.bits import MsbReader
from rmexif.containers.isobmff.av1_frame import LONGEST, read_to_render_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.containers.isobmff.av1_sequence import Av1SequenceHeader

__all__ = ["TileLayout", "tile_layout", "tiles_of"]

MAX_TILE_WIDTH, MAX_TILE_AREA = 4096, 4096 * 2304  # px (AV1 3)
MAX_TILES = 64  # MAX_TILE_COLS, MAX_TILE_ROWS (AV1 3)
LOOP_FILTER_DELTAS = 10  # TOTAL_REFS_PER_FRAME and two modes (5.9.11)
BOTH = 0b1100  # of the third byte of av1C: chroma_subsampling_x, chroma_subsampling_y


@dataclass(frozen=True, slots=True)
class TileLayout:
    """In how many tiles a frame is coded, and how their sizes are written (5.9.15)."""

    count: int
    size_bytes: int  # TileSizeBytes
    header: int  # byte: the frame header ends before it; 0: in an OBU of its own


def tile_layout(
    frame: memoryview, sequence: Av1SequenceHeader, locate: Callable[[int], int] = int
) -> TileLayout | None:
    """The tiles of an intra frame of the sequence's size, where they are spaced uniformly; None where not known.

    Args:
        frame: content of a frame or frame header OBU.
        sequence: the header that goes with it.
        locate: byte of the file at which a byte of the frame lies.

    Raises:
        MalformedImage: the header ends early.
    """
    bits = MsbReader(frame[:LONGEST], "isobmff AV1 frame header", locate=locate)
    start = read_to_render_size(bits, sequence)
    if start is None or start.overridden or not start.type.is_intra or sequence.superres:
        return None
    bits.skip(32 if bits.flag() else 0)  # render_size()
    intrabc = bool(start.screen_content) and bits.flag()  # allow_intrabc
    bits.skip(0 if sequence.reduced or start.cdf_disabled else 1)  # disable_frame_end_update_cdf
    if not bits.flag():  # uniform_tile_spacing_flag
        return None
    columns, rows = (-(-(-(-side // 8) * 8) // sequence.superblock) for side in sequence.size)
    least_columns = _tile_log2(MAX_TILE_WIDTH // sequence.superblock, columns)
    least = max(least_columns, _tile_log2(MAX_TILE_AREA // sequence.superblock**2, columns * rows))
    across = _increments(bits, least_columns, columns)
    down = _increments(bits, max(least - across, 0), rows)
    if not across + down:
        return TileLayout(1, 0, 0)
    bits.skip(across + down)  # context_update_tile_id
    size_bytes = bits.bits(2) + 1
    count = _tiles_of(columns, across) * _tiles_of(rows, down)
    return TileLayout(count, size_bytes, -(-bits.position // 8)) if _skip_to_end(bits, sequence, intrabc) else None


def _skip_to_end(bits: MsbReader, sequence: Av1SequenceHeader, intrabc: bool) -> bool:
    """Step from quantization_params() to the end of an intra frame's header (5.9.2); False where that is not known."""
    lossless = _skip_quantization(bits, sequence)
    if bits.flag():  # segmentation_enabled
        return False
    if lossless is None and bits.flag():  # delta_q_present
        bits.skip(2)  # delta_q_res
        if not intrabc and bits.flag():  # delta_lf_present
            bits.skip(3)  # delta_lf_res, delta_lf_multi
    if not lossless and not intrabc:
        _skip_filters(bits, sequence)
    bits.skip(1 if lossless else 2)  # tx_mode_select, reduced_tx_set
    return not (sequence.film_grain and bits.flag())  # apply_grain


def tiles_of(frame: memoryview, layout: TileLayout) -> list[tuple[int, int]] | None:
    """Start and end of each tile in a frame or tile group OBU with all of them (5.11.1); None where it holds fewer."""
    at = layout.header
    if at >= len(frame) or frame[at]:
        return None
    tiles, at = list[tuple[int, int]](), at + 1
    for _ in range(layout.count - 1):
        at += layout.size_bytes
        end = at + int.from_bytes(frame[at - layout.size_bytes : at], "little") + 1  # tile_size_minus_1
        if end >= len(frame):
            return None
        tiles.append((at, end))
        at = end
    return [*tiles, (at, len(frame))]


def _tile_log2(size: int, target: int) -> int:
    """tile_log2 (5.9.16): the least k for which size << k reaches the target."""
    return max(0, -(-target // size) - 1).bit_length()


def _increments(bits: MsbReader, least: int, blocks: int) -> int:
    """TileColsLog2 or TileRowsLog2: one bit for each step up."""
    log2, most = least, _tile_log2(1, min(blocks, MAX_TILES))
    while log2 < most and bits.flag():
        log2 += 1
    return log2


def _tiles_of(blocks: int, log2: int) -> int:
    """TileCols or TileRows."""
    return -(-blocks // (blocks + (1 << log2) - 1 >> log2))


def _skip_delta(bits: MsbReader) -> bool:
    """read_delta_q (5.9.13), also a delta of the loop filter: whether there is one."""
    has_delta = bits.flag()
    bits.skip(7 * has_delta)
    return has_delta


def _skip_quantization(bits: MsbReader, sequence: Av1SequenceHeader) -> bool | None:
    """quantization_params (5.9.12): whether all is lossless; None where base_q_idx is not 0."""
    base = bits.bits(8)
    deltas = [_skip_delta(bits)]
    if not sequence.mono:
        planes = 2 if sequence.separate_uv and bits.flag() else 1  # diff_uv_delta
        deltas += [_skip_delta(bits) for _ in range(2 * planes)]
    if bits.flag():  # using_qmatrix
        bits.skip(12 if sequence.separate_uv else 8)
    return None if base else not any(deltas)


def _skip_filters(bits: MsbReader, sequence: Av1SequenceHeader) -> None:
    """loop_filter_params, cdef_params and lr_params (5.9.11, 5.9.19, 5.9.20)."""
    if bits.bits(12) and not sequence.mono:  # loop_filter_level
        bits.skip(12)
    bits.skip(3)  # loop_filter_sharpness
    if bits.flag() and bits.flag():  # loop_filter_delta_enabled, loop_filter_delta_update
        for _ in range(LOOP_FILTER_DELTAS):
            _skip_delta(bits)
    if sequence.cdef:
        bits.skip(2)  # cdef_damping_minus_3
        bits.skip((1 << bits.bits(2)) * (6 if sequence.mono else 12))  # cdef_bits, strengths
    if not sequence.restoration:
        return
    types = [bits.bits(2) for _ in range(1 if sequence.mono else 3)]  # lr_type
    if any(types):
        if bits.flag() and sequence.superblock == 64:  # lr_unit_shift
            bits.skip(1)  # lr_unit_extra_shift
        if any(types[1:]) and sequence.config[2] & BOTH == BOTH:
            bits.skip(1)  # lr_uv_shift
