"""The start of an AV1 frame header (AV1 5.9.2), up to the size at which video players show the frame.

Pictures have their size from boxes, so nobody asks for that one: four free bytes a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.isobmff.filtered_units import Bits

if TYPE_CHECKING:
    from rmexif.containers.isobmff.av1_sequence import Sequence

__all__ = ["without_render_size"]

KEY, INTRA_ONLY, SWITCH = 0, 2, 3  # frame types
SELECTED = 2  # said by each frame
REFERENCES, SLOTS = 7, 8  # of a frame; kept frames
LONGEST = 96  # byte: what is read here is shorter


def without_render_size(frame: memoryview, sequence: Sequence) -> bytes | None:
    """The frame without its render size, where it has one; None where it can stay as it is.

    Args:
        frame: content of a frame or frame header OBU.
        sequence: the header that goes with it.

    Raises:
        MalformedImage: the header ends early.
    """
    head = bytes(frame[:LONGEST])
    bits = Bits(head)
    if not _step_to_render_size(bits, sequence) or not bits.read(1):
        return None
    bits.read(32)
    flag = 8 * len(head) - bits.left - 33  # bit: render_and_frame_size_different
    first, place = divmod(flag, 8)
    mask = 0xFF >> place + 1  # the bits behind the flag: they come four bytes later
    joined = frame[first] & ~(0xFF >> place) & 0xFF | frame[first + 4] & mask
    return bytes(frame[:first]) + bytes((joined,)) + bytes(frame[first + 5 :])


def _step_to_render_size(bits: Bits, sequence: Sequence) -> bool:
    """Step up to render_size() (5.9.6); False where the frame has none of its own."""
    kind, resilient, shown = KEY, 1, 1
    if not sequence.reduced:
        if bits.read(1):  # show_existing_frame
            return False
        kind, shown = bits.read(2), bits.read(1)
        if not shown:
            bits.read(1)  # showable_frame
        resilient = 1 if kind == SWITCH or (kind == KEY and shown) else bits.read(1)
    intra = kind in (KEY, INTRA_ONLY)
    bits.read(1)  # disable_cdf_update
    screen = bits.read(1) if sequence.screen_content == SELECTED else sequence.screen_content
    if screen and sequence.integer_mv == SELECTED:
        bits.read(1)
    bits.read(sequence.frame_id)
    override = 1 if kind == SWITCH else 0 if sequence.reduced else bits.read(1)
    bits.read(sequence.order_hint)
    if not (intra or resilient):
        bits.read(3)  # primary_ref_frame
    refresh = 0xFF if kind == SWITCH or (kind == KEY and shown) else bits.read(8)
    if (not intra or refresh != 0xFF) and resilient:
        bits.read(SLOTS * sequence.order_hint)
    if not intra:
        short = bits.read(1) if sequence.order_hint else 0  # frame_refs_short_signaling
        bits.read(6 * short)
        bits.read(REFERENCES * (3 * (1 - short) + sequence.delta_id))
        if override and not resilient and any(bits.read(1) for _ in range(REFERENCES)):
            return False  # found_ref: the size is that of another frame
    if override:
        bits.read(sum(sequence.side_bits))
    if sequence.superres and bits.read(1):
        bits.read(3)
    return True
