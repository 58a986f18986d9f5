"""The colour map of a palette picture (TIFF 6.0, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.palette import SAME, twins
from rmexif.containers.tiff.tags import Tag
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.tiff.fields import Fields
    from rmexif.containers.tiff.page_strips import PageStrips

__all__ = ["MAX_COLOUR", "clean_color_map", "read_color_map"]

MAX_PALETTE_BITS = 16  # of a sample: its colour map would be larger than a field may be
MAX_COLOUR = 65535  # TIFF 6.0, page 23


def clean_color_map(numbers: tuple[int, ...], strips: PageStrips) -> tuple[int, ...] | None:
    """The colour map, black where no pixel asks, equal entries made one; None where pixels cannot be read.

    Args:
        numbers: all red, all green, all blue.
        strips: of the page; they get other indices where entries are made one.
    """
    size = len(numbers) // 3
    used = strips.used_values()
    if used is None:
        return None
    colours = list(zip(numbers[:size], numbers[size : 2 * size], numbers[2 * size :], strict=True))
    indices = twins(colours, used)
    if indices != SAME:
        strips.renumber(indices)
        used = frozenset(indices[number] for number in used)
    return tuple(number if n % size in used else 0 for n, number in enumerate(numbers))


def read_color_map(fields: Fields, bits: int) -> tuple[int, ...]:
    """The numbers of the colour map: all red, all green, all blue; 16 bits as the 8 that decoders take.

    Args:
        fields: of the page.
        bits: of a sample.

    Raises:
        MalformedImage: there are too few of them, or one is too large.
    """
    numbers = fields.numbers(Tag.COLOR_MAP)
    if bits > MAX_PALETTE_BITS or len(numbers) < 3 << bits or max(numbers) > MAX_COLOUR:
        problem = (
            f"expected 3 x {1 << min(bits, MAX_PALETTE_BITS)} numbers up to {MAX_COLOUR}, as a palette picture needs"
        )
        raise MalformedImage(problem, structure="tiff IFD entry 320", offset=fields.offset(Tag.COLOR_MAP))
    numbers = numbers[: 3 << bits]
    return tuple((number >> 8) * 257 for number in numbers) if max(numbers) > 255 else numbers
