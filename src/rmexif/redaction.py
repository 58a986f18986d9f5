"""From boxes to covered pixels: masks of what was found, the style that covers them, and the check afterwards."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from rmexif import detectors, styles
from rmexif.errors import VerificationError
from rmexif.raster.alpha import shown_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rmexif.policy import Policy
    from rmexif.styles import Mask, Style
    from rmexif.types import Detection

__all__ = ["mask_of", "redact", "spread_over_neighbours"]

RECHECK = 0.5  # confidence above which a redacted face counts as still there (redaction.md, C4)
LETTERS = frozenset({"code", "text"})  # labels whose detail is a message: nothing of it may stay, so they become solid
LETTER_MARGIN = 0.1  # fraction of the box side
ESCALATION = ("fill", "solid")  # what follows where the chosen style leaves a face


def mask_of(detection: Detection, policy: Policy, height: int, width: int) -> Mask:
    """The mask of one detection in a picture of ``height`` x ``width`` px."""
    margin = LETTER_MARGIN if detection.label in LETTERS else policy.margin
    return styles.mask_for(detection.box, margin, height, width)


def spread_over_neighbours(boxes: Sequence[list[Detection]]) -> list[list[Detection]]:
    """In an animation a face is masked in the frames beside the one it was found in, too: it blinks, we do not."""
    return [list(dict.fromkeys(chain.from_iterable(boxes[max(0, i - 1) : i + 2]))) for i in range(len(boxes))]


def redact(
    pixels: NDArray[Any], found: Sequence[Detection], style: Style, policy: Policy, rng: np.random.Generator
) -> int:
    """Cover what was found, in place; where the detector still sees a face, cover it harder.

    Args:
        pixels: H x W x C, uint8 or uint16.
        found: in px of ``pixels``.
        style: of faces and regions; what is written becomes solid.
        policy: margin, and whether a weak style is permitted.
        rng: source of grain.

    Returns:
        How many faces had to be covered harder.

    Raises:
        VerificationError: a face can still be found after all of it.
    """
    size = pixels.shape[:2]
    letters = [mask_of(d, policy, *size) for d in found if d.label in LETTERS]
    if letters:
        styles.by_name("solid").redact(pixels, letters, rng)
    covers = [mask_of(d, policy, *size) for d in found if d.label not in LETTERS]
    if not covers:
        return 0
    style.redact(pixels, covers, rng)
    return 0 if policy.allow_weak else _escalate(pixels, covers, rng)


def _escalate(pixels: NDArray[Any], covers: list[Mask], rng: np.random.Generator) -> int:
    """Search the covered places again, in every view, and cover by stronger styles what is still seen there."""
    watch = detectors.CenterFace()
    escalated = 0
    for name in (*ESCALATION, None):
        regions = [cover.region for cover in covers]
        seen = zip(*(watch.found_in(view, regions) for view in shown_views(pixels)), strict=True)
        covers = [cover for cover, sureness in zip(covers, seen, strict=True) if max(sureness) >= RECHECK]
        if not covers:
            break
        if name is None:
            raise VerificationError(f"{len(covers)} faces can still be found after redaction")
        escalated += len(covers)
        styles.by_name(name).redact(pixels, covers, rng)
    return escalated
