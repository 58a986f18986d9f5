"""The reference picture sets of an HEVC sequence: which pictures others are predicted from (H.265 7.3.7, 7.4.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.common.bits import BitRewriter

__all__ = ["copy_reference_sets"]


def copy_reference_sets(bits: BitRewriter) -> None:
    """st_ref_pic_set for all sets (7.3.7); one may be predicted from the one before (7.4.8)."""
    before: list[int] = []  # distances, nearest first, those back in time before those ahead
    for number in range(bits.copy_golomb(64)):  # num_short_term_ref_pic_sets
        predicted = number and bits.copy(1)  # inter_ref_pic_set_prediction_flag
        found = _predicted_distances(bits, before) if predicted else _distances(bits)
        before = [*sorted((at for at in found if at < 0), reverse=True), *sorted(at for at in found if at > 0)]


def _predicted_distances(bits: BitRewriter, before: list[int]) -> set[int]:
    """Distances as a difference to those of the set before."""
    sign = bits.copy(1)  # delta_rps_sign
    delta = (1 - 2 * sign) * (bits.copy_golomb(32767) + 1)
    uses = [bits.copy(1) or bits.copy(1) for _ in range(len(before) + 1)]  # used_by_curr_pic_flag, use_delta_flag
    return {at + delta for at, use in zip([*before, 0], uses, strict=True) if use}


def _distances(bits: BitRewriter) -> set[int]:
    """Distances to num_negative_pics and num_positive_pics."""
    found, counts = set[int](), (bits.copy_golomb(16), bits.copy_golomb(16))
    for sign, count in zip((-1, 1), counts, strict=True):
        at = 0
        for _ in range(count):
            at += sign * (bits.copy_golomb(32767) + 1)
            bits.copy(1)
            found.add(at)
    return found
