"""What a writer chose among ways that show the same, in every format: orders, numbers, frames, codes.

Each is named as a residual, with the bytes that a hostile writer has there.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, lgamma, log
from typing import TYPE_CHECKING, TypeVar

from rmexif.containers.common.aspect import SQUARE
from rmexif.containers.common.palette import is_fixed
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rmexif.types import Container

__all__ = ["F16", "LIGHT", "PRIMARIES", "aspect_bytes", "with_choices"]

FRAME_TIME = 4  # byte: how long a frame is shown, in the formats that have the widest field for it
REPEATS = 4  # byte: how often all are shown
SHAPE = 2  # byte: two numbers up to 100
# Bytes of numbers as they are rounded, see where each is read:
PRIMARIES = 14  # eight coordinates of four decimals
LIGHT = 4  # two lights in cd/m2
F16 = 2

TreeT = TypeVar("TreeT")


def with_choices(
    container: Container[TreeT],
    *,
    palettes: Iterable[Sequence[bytes]] = (),
    numbers: int = 0,
    time_unit: int = 0,
    is_recoded: bool = True,
    are_frames: bool = True,
) -> Container[TreeT]:
    """The container with the residuals of what its writer chose freely.

    Args:
        container: of a file.
        palettes: the entries of each palette, as they stay.
        numbers: bytes of the numbers that say how the picture is shown.
        time_unit: bytes of the unit that times are in, where the writer chooses it.
        is_recoded: whether nothing of the coding of its pictures is the writer's choice, or a residual of the format
            names it.
        are_frames: whether several pictures are one animation, and not pages.
    """
    sizes, codes = dict(container.residual_bytes), list(container.residuals)
    own = {
        Residual.PALETTE_ORDER: ceil(sum(map(_order_bits, palettes)) / 8),
        Residual.DISPLAY_NUMBERS: sizes.get(Residual.DISPLAY_NUMBERS, 0) + numbers,
    }
    if container.frames > 1 and are_frames:
        own[Residual.FRAME_TIMES] = FRAME_TIME * container.frames + REPEATS + time_unit
        codes.append(Residual.FRAME_CHOICE)
    if not is_recoded:
        codes.append(Residual.CODING_CHOICE)
    sizes |= {code: size for code, size in own.items() if size}
    codes += [code for code in sizes if code not in codes]
    if len(codes) == len(container.residuals):
        return container
    return replace(container, residuals=tuple(codes), residual_bytes=sizes)


def aspect_bytes(shape: tuple[int, int]) -> int:
    """Bytes of the shape of a pixel that is not square."""
    return SHAPE * (shape not in (SQUARE, (0, 0)))


def _order_bits(palette: Sequence[bytes]) -> float:
    """Which of the places of a palette has which of its colours, where it is not one that programs bring along."""
    places, colours = len(palette), len({*palette})
    if colours < 2 or is_fixed(palette):
        return 0
    return (lgamma(places + 1) - lgamma(places - colours + 1)) / log(2)
