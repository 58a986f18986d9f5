"""Palettes in which one colour has several numbers, as PNG, GIF, BMP and TIFF store them.

A choice between entries of one colour could draw a second picture that no viewer shows, and entries that no pixel
uses are free bytes: the first of equal entries stands for all of them, the others are black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sequence

__all__ = ["SAME", "clear_unused", "twins"]

SAME = bytes(range(256))  # a table that leaves every sample as it is


def twins(palette: Sequence[Hashable], used: Iterable[int]) -> bytes:
    """The number to write for every palette index: that of the first entry in use that has the same colour.

    Args:
        palette: the colours.
        used: indices that pixels have; only these are looked at.
    """
    first: dict[Hashable, int] = {}
    table = bytearray(SAME)
    for index in sorted(used):
        if index < len(palette):
            table[index] = first.setdefault(palette[index], index)
    return bytes(table)


def clear_unused(palette: Sequence[bytes], used: Collection[int], ramp_step: int = 1) -> list[bytes]:
    """The palette with black for every entry that is not in use; a grey ramp carries no information, and stays.

    Args:
        palette: the colours, three bytes each.
        used: indices that pixels show.
        ramp_step: between neighbours of a grey ramp; decoders show a picture with one in a mode of its own.
    """
    if all(colour == bytes([ramp_step * index & 255] * 3) for index, colour in enumerate(palette)):
        return list(palette)
    return [colour if index in used else bytes(3) for index, colour in enumerate(palette)]
