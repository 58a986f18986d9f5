"""Blur: looks like the heavy Gaussian of a careful editor, and carries at most a few bits of the face.

The mask is not filtered, it is replaced: by the surroundings drawn inwards, and in the middle by one colour out
of ``2 ** leak_bits``. A linear filter keeps everything that its precision can hold, and recognisers trained on
blurred faces read it; two bits (light or dark, grey or skin) do not tell one person from another, whatever reads
them, and are enough for the patch to look like a blurred face and not like a hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rmexif.errors import InvalidPolicy
from rmexif.styles import tone
from rmexif.styles.painting import repaint
from rmexif.styles.patch import backdrop, sample_surroundings, soften

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.styles.mask import Mask
    from rmexif.styles.patch import Field, Pixels, Site

__all__ = ["Blur"]

MAX_BITS = 24  # both indices together
CORE = 0.62  # Mask.radius: about the box, where the colour is taken from
FREE = 0.3  # share of a site that must be in sight for the face's colour to be looked at; else one stands for all faces
SOLID = 0.42  # Mask.radius up to which the colour stands alone
GONE = 1.0  # Mask.radius from which only the surroundings stand
MUTED = 0.6  # of the tone's chroma: paler than the skin that it stands for, so that no cheek shows through by chance


@dataclass(frozen=True, slots=True)
class Blur:
    """An information budget that looks like a blur."""

    luma_bits: int = 1  # bits of the face's brightness that survive
    tone_bits: int = 1  # bits of the face's skin tone that survive
    softness: float = 0.1  # 0.02-0.5, sigma of the final Gaussian as a share of the mask's longer side

    name = "blur"

    def __post_init__(self) -> None:
        """Check the fields."""
        if min(self.luma_bits, self.tone_bits) < 0 or self.leak_bits > MAX_BITS:
            raise InvalidPolicy(f"blur: {self.luma_bits} + {self.tone_bits} bits are not within 0 and {MAX_BITS}")
        if not 0.02 <= self.softness <= 0.5:
            raise InvalidPolicy(f"blur: softness {self.softness} is not within 0.02 and 0.5")

    @property
    def leak_bits(self) -> int:
        """Bits of one face that the result can hold, at most."""
        return self.luma_bits + self.tone_bits

    def redact(self, pixels: Pixels, masks: Sequence[Mask], rng: np.random.Generator) -> None:
        """Redact in place; see ``Style``."""
        repaint(pixels, masks, rng, self._field)

    def code(self, pixels: Pixels, mask: Mask, others: Sequence[Mask] = ()) -> tuple[int, int] | None:
        """All that the result will know of what stands under the mask: indices of luma and tone, or nothing."""
        return self._code(sample_surroundings(pixels, mask, others))

    def _code(self, site: Site) -> tuple[int, int] | None:
        # Of a picture that is next to nothing but a face, two bits would tell more than everything that is left of it.
        if (site.outside > 0).mean() < FREE:
            return None
        weight = site.opacity * (site.radius <= max(CORE, float(site.radius.min())))
        mean = (site.colours * weight[:, :, None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return tone.measure(mean, self.luma_bits, self.tone_bits)

    def _field(self, site: Site) -> Field:
        code, bits = self._code(site), (self.luma_bits, self.tone_bits)
        field = backdrop(site)
        colour = tone.colour((0, 0), 0, 0, field.shape[2]) if code is None else tone.colour(code, *bits, field.shape[2])
        t = np.clip((site.radius - SOLID) / (GONE - SOLID), 0, 1)
        field += (tone.muted(colour, MUTED) - field) * (1 - t * t * (3 - 2 * t))[:, :, None]
        return soften(field, self.softness * site.cells)[site.inner]
