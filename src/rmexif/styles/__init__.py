"""Redaction styles: a place and pixels in, pixels without the face out. A new style is a file and a row here.

Every style is a frozen dataclass whose fields are its parameters, checked when it is made. What every one keeps
(``tests/contracts/test_styles.py``): only pixels under a mask change, every fully covered pixel is replaced, the
result is opaque there, strength is relative to the mask, and no more than ``leak_bits`` of a face survive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rmexif.errors import InvalidPolicy
from rmexif.styles.blur import Blur
from rmexif.styles.fill import Fill, Solid
from rmexif.styles.gaussian import Gaussian
from rmexif.styles.mask import Mask, mask_for
from rmexif.styles.pixelate import Pixelate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "MAX_LEAK_BITS",
    "STYLES",
    "Blur",
    "Fill",
    "Gaussian",
    "Mask",
    "Pixelate",
    "Solid",
    "Style",
    "by_name",
    "mask_for",
]

MAX_LEAK_BITS = 32  # 33 bits single out one of eight billion people: more than this needs allow_weak


class Style(Protocol):
    """What a style offers."""

    @property
    def name(self) -> str:
        """Its row in ``STYLES``."""

    @property
    def leak_bits(self) -> float:
        """Bits of one face that the result can hold, at most; infinite where nothing bounds them."""

    def redact(
        self, pixels: NDArray[np.uint8] | NDArray[np.uint16], masks: Sequence[Mask], rng: np.random.Generator
    ) -> None:
        """Redact in place.

        Args:
            pixels: H x W x C; C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA, straight alpha.
            masks: the places, made by ``mask_for`` for this picture; they may overlap.
            rng: source of grain; the same state gives the same bytes.
        """


STYLES: dict[str, type[Blur | Fill | Solid | Pixelate | Gaussian]] = {
    "blur": Blur,
    "fill": Fill,
    "solid": Solid,
    "pixelate": Pixelate,
    "gaussian": Gaussian,
}


def by_name(name: str) -> Style:
    """The style called ``name`` with its default parameters.

    Raises:
        InvalidPolicy: there is none.
    """
    try:
        return STYLES[name]()
    except KeyError:
        raise InvalidPolicy(f"style: not one of {', '.join(STYLES)}") from None
