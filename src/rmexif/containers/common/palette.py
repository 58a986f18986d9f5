"""Palettes in which one colour has several numbers, as PNG, GIF, BMP and TIFF store them.

A choice between entries of one colour could draw a second picture that no viewer shows, and entries that no pixel
uses are free bytes: the first of equal entries stands for all of them, the others are black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sequence

__all__ = ["SAME", "are_few", "clear_unused", "is_fixed", "is_padding", "strays", "twins"]

SAME = bytes(range(256))  # a table that leaves every sample as it is


SIXTHS = (0, 51, 102, 153, 204, 255)  # of the web palette
# Palettes that programs bring along, entry by entry.
FIXED: tuple[tuple[bytes, ...], ...] = (
    tuple(bytes([value] * 3) for value in range(256)),
    tuple(bytes([17 * value] * 3) for value in range(16)),
    tuple(bytes([85 * value] * 3) for value in range(4)),
    tuple(bytes([255 * value] * 3) for value in range(2)),
    # Pillow's: ten entries of its own (black), then the web palette with blue slowest
    (bytes(3),) * 10 + tuple(bytes((r, g, b)) for b in SIXTHS for g in SIXTHS for r in SIXTHS),
    # three, three and two bits, as OpenCV has them
    tuple(bytes((36 * r, 36 * g, 85 * b)) for r in range(8) for g in range(8) for b in range(4)),
    tuple(bytes((36 * r, 36 * g, 85 * b)) for b in range(4) for g in range(8) for r in range(8)),  # FFmpeg
)
ENTRIES_PER_STRAY = 32  # of a palette, for one that an encoder chose and no pixel came to need (ImageMagick: 8 of 256)
PLAIN = frozenset((bytes(3), b"\xff\xff\xff", b"GpL", b"Liq"))  # the last two: of pngquant and libimagequant


def is_fixed(palette: Sequence[bytes]) -> bool:
    """Whether the entries, black ones aside, stand as in a palette that programs bring along.

    Args:
        palette: the colours, three bytes each.
    """
    black = bytes(3)
    return any(
        len(palette) <= len(fixed) and all(colour in (black, fixed[index]) for index, colour in enumerate(palette))
        for fixed in FIXED
    )


def is_padding(palette: Sequence[bytes], used: Collection[int]) -> bool:
    """Whether the entries out of use are what programs fill up palettes with, but for a few that are no text.

    Args:
        palette: the colours, three bytes each.
        used: indices that pixels show.
    """
    return are_few(strays(palette, used), len(palette))


def strays(palette: Sequence[bytes], used: Collection[int], elsewhere: Collection[bytes] = ()) -> list[bytes]:
    """The entries out of use that no program fills up palettes with.

    Args:
        palette: the colours, three bytes each.
        used: indices that pixels show.
        elsewhere: colours that pixels show by way of other palettes.
    """
    shown = {palette[index] for index in used if index < len(palette)} | PLAIN
    unused = [(index, colour) for index, colour in enumerate(palette) if index not in used]
    colours = {colour for _, colour in unused}
    if colours <= shown and len(colours) <= 1:  # which of them, behind the last one in use, is one colour again
        return []
    if _is_grey_scale([colour for _, colour in unused]) or (len(colours) == len(unused) and colours <= {*elsewhere}):
        return []
    left = ([colour for index, colour in unused if fixed[index : index + 1] != (colour,)] for fixed in FIXED)
    return min(left, key=len)


def are_few(found: Sequence[bytes], entries: int) -> bool:
    """Whether so few colours stand in a palette of so many entries as a program leaves there, and spell no text."""
    text = b"".join(found)
    is_text = len(found) > 1 and text.isascii() and text.decode().isprintable()
    return len(found) * ENTRIES_PER_STRAY <= entries and not is_text


def _is_grey_scale(colours: Sequence[bytes]) -> bool:
    """Whether all colours are grey, each lighter than the one before it, or each darker."""
    greys = [colour[0] for colour in colours]
    is_grey = all(len({*colour}) == 1 for colour in colours)
    return is_grey and len({*greys}) == len(greys) and greys in (sorted(greys), sorted(greys, reverse=True))


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
