"""The start of an AV1 frame header (AV1 5.9.2), up to the size at which video players show the frame.

Pictures have their size from boxes, so nobody asks for that one: four free bytes a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.common.bits import MsbReader
from rmexif.containers.isobmff.av1_sequence import SELECTED_BY_FRAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.containers.isobmff.av1_sequence import Av1SequenceHeader

__all__ = ["LONGEST", "FrameStart", "read_to_render_size", "without_render_size"]

KEY, INTRA_ONLY, SWITCH = 0, 2, 3  # frame_type (6.8.2)
REFS_PER_FRAME, NUM_REF_FRAMES = 7, 8  # AV1 3
ALL_FRAMES = (1 << NUM_REF_FRAMES) - 1  # allFrames of 5.9.2
LONGEST = 96  # byte that are read: the fields of 5.9.2 up to render_size() have at most 334 bits, up to tiles 400


@dataclass(frozen=True, slots=True)
class _FrameType:
    """The fields that decide which others follow."""

    kind: int
    shown: bool
    resilient: bool  # error_resilient_mode

    @property
    def is_intra(self) -> bool:
        """FrameIsIntra."""
        return self.kind in (KEY, INTRA_ONLY)

    @property
    def refreshes_all(self) -> bool:
        """Whether refresh_frame_flags is allFrames without being written."""
        return self.kind == SWITCH or (self.kind == KEY and self.shown)


def without_render_size(
    frame: memoryview, sequence: Av1SequenceHeader, locate: Callable[[int], int] = int
) -> bytes | None:
    """The frame without its render size, where it has one; None where it can stay as it is.

    Args:
        frame: content of a frame or frame header OBU.
        sequence: the header that goes with it.
        locate: byte of the file at which a byte of the frame lies.

    Raises:
        MalformedImage: the header ends early.
    """
    bits = MsbReader(frame[:LONGEST], "isobmff AV1 frame header", locate=locate)
    if read_to_render_size(bits, sequence) is None or not bits.flag():
        return None
    first, place = divmod(bits.position - 1, 8)  # of render_and_frame_size_different
    bits.skip(32)  # render_width_minus_1, render_height_minus_1
    mask = 0xFF >> place + 1  # the bits behind the flag: they come four bytes later
    joined = frame[first] & ~(0xFF >> place) & 0xFF | frame[first + 4] & mask
    return bytes(frame[:first]) + bytes((joined,)) + bytes(frame[first + 5 :])


@dataclass(frozen=True, slots=True)
class FrameStart:
    """The fields up to render_size() that decide about later ones."""

    type: _FrameType
    cdf_disabled: int  # disable_cdf_update
    screen_content: int  # allow_screen_content_tools
    overridden: bool  # frame_size_override_flag


def read_to_render_size(bits: MsbReader, sequence: Av1SequenceHeader) -> FrameStart | None:
    """Step up to render_size() (5.9.6); None where the frame has none of its own."""
    frame = _frame_type(bits, sequence)
    if frame is None:
        return None
    cdf_disabled, screen_content = _screen_content(bits, sequence)
    bits.skip(sequence.frame_id)
    overridden = frame.kind == SWITCH or (not sequence.reduced and bits.flag())  # frame_size_override_flag
    bits.skip(sequence.order_hint)
    if not (frame.is_intra or frame.resilient):
        bits.skip(3)  # primary_ref_frame
    refresh = ALL_FRAMES if frame.refreshes_all else bits.bits(8)
    if (not frame.is_intra or refresh != ALL_FRAMES) and frame.resilient:
        bits.skip(NUM_REF_FRAMES * sequence.order_hint)  # ref_order_hint
    if not frame.is_intra:
        _skip_references(bits, sequence)
        if overridden and not frame.resilient and any(bits.flag() for _ in range(REFS_PER_FRAME)):
            return None  # found_ref: the size is that of another frame
    if overridden:
        bits.skip(sum(sequence.side_bits))
    if sequence.superres and bits.flag():
        bits.skip(3)  # coded_denom
    return FrameStart(frame, cdf_disabled, screen_content, overridden)


def _frame_type(bits: MsbReader, sequence: Av1SequenceHeader) -> _FrameType | None:
    """show_existing_frame to error_resilient_mode; None where an existing frame is shown."""
    if sequence.reduced:
        return _FrameType(KEY, shown=True, resilient=True)
    if bits.flag():  # show_existing_frame
        return None
    kind, shown = bits.bits(2), bits.flag()
    if not shown:
        bits.skip(1)  # showable_frame
    resilient = kind == SWITCH or (kind == KEY and shown) or bits.flag()
    return _FrameType(kind, shown, resilient)


def _screen_content(bits: MsbReader, sequence: Av1SequenceHeader) -> tuple[int, int]:
    """disable_cdf_update to force_integer_mv: the first one, and allow_screen_content_tools."""
    cdf_disabled = bits.bits(1)
    screen = bits.bits(1) if sequence.screen_content == SELECTED_BY_FRAME else sequence.screen_content
    if screen and sequence.integer_mv == SELECTED_BY_FRAME:
        bits.skip(1)
    return cdf_disabled, screen


def _skip_references(bits: MsbReader, sequence: Av1SequenceHeader) -> None:
    """frame_refs_short_signaling to delta_frame_id_minus_1."""
    short = bits.bits(1) if sequence.order_hint else 0
    bits.skip(6 * short)  # last_frame_idx, gold_frame_idx
    bits.skip(REFS_PER_FRAME * (3 * (1 - short) + sequence.delta_id))
