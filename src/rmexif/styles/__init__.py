"""Redaction styles: a place and pixels in, pixels without the face out. A new style is a file and a row here.

Every style is a frozen dataclass whose fields are its parameters, checked when it is made. What every one keeps
(``tests/contracts/test_styles.py``): only pixels under a mask change, every fully covered pixel is replaced, the
result is opaque there, strength is relative to the mask, and no more than ``leak_bits`` of a face survive.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from rmexif.errors import InvalidPolicy
from rmexif.table import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rmexif.styles.blur import Blur
    from rmexif.styles.fill import Fill, Solid
    from rmexif.styles.gaussian import Gaussian
    from rmexif.styles.mask import Mask, mask_for
    from rmexif.styles.pixelate import Pixelate

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


STYLES: dict[str, Row[Style]] = {
    "blur": Row("rmexif.styles.blur:Blur", "looks like a heavy blur, keeps 2 bits"),
    "fill": Row("rmexif.styles.fill:Fill", "the surroundings drawn inwards, keeps nothing"),
    "solid": Row("rmexif.styles.fill:Solid", "one colour, keeps nothing"),
    "pixelate": Row("rmexif.styles.pixelate:Pixelate", "a few coarse blocks"),
    "gaussian": Row("rmexif.styles.gaussian:Gaussian", "a plain Gaussian; weak: a recogniser may see through"),
}

# Where the classes live. They are fetched on first use, because a list of names needs no codec.
_HOMES = {
    "Blur": "blur",
    "Fill": "fill",
    "Gaussian": "gaussian",
    "Mask": "mask",
    "Pixelate": "pixelate",
    "Solid": "fill",
    "mask_for": "mask",
}


def by_name(name: str) -> Style:
    """The style called ``name`` with its default parameters.

    Raises:
        InvalidPolicy: there is none.
    """
    if name not in STYLES:
        raise InvalidPolicy(f"style must be one of {', '.join(STYLES)}, got {name!r}")
    return STYLES[name].load()()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
