"""How the numbers of a plain form stand on their lines: as a program lays them out, or as somebody chose for each.

Netpbm, OpenCV, GIMP and libvips begin a line with every row, or with as many numbers or characters, and put the same
space between all of them, or as much as makes columns.
"""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_regular"]

MOST_SPACE = 8  # byte, in one place
NUMBER = re.compile(rb"\S+")


def is_regular(text: bytes, width: int, height: int, channels: int, *, digits: bool) -> bool:
    """Whether nothing of a layout is free but what holds for all of its lines.

    Args:
        text: decimal numbers, and white space.
        width: of the picture, px.
        height: of the picture, px.
        channels: numbers of a pixel.
        digits: whether the digits of a number are numbers of their own (PBM).
    """
    row = width * channels
    every_line = text.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    lines = [line for line in every_line if line]
    numbers = [line.split() for line in lines]
    if not lines or not all(numbers) or text.count(b"\r\n") not in (0, text.count(b"\n")):
        return False
    if not digits and any(number[:1] == b"0" != number for line in numbers for number in line):
        return False
    counts = [sum(map(len, line)) if digits else len(line) for line in numbers]
    if len(lines) < len(every_line) and not _are_behind_rows(every_line, counts, row):
        return False
    if sum(counts) != row * height:
        return False
    has_one_space = _has_one_space(lines, numbers) or _has_columns(lines, numbers, channels)
    return has_one_space and (_has_even_counts(counts, row) or _is_wrapped(lines, numbers, counts, row))


def _are_behind_rows(lines: Sequence[bytes], counts: Sequence[int], row: int) -> bool:
    """Whether empty lines stand behind every row, and nowhere else; behind the last one there may be none."""
    following = iter(counts)
    place, found = 0, list[int]()
    for line in lines:
        place += next(following) if line else 0
        found += [] if line else [place]
    every_row = [*range(row, place + 1, row)]
    return found in (every_row, every_row[:-1])


def _has_one_space(lines: Sequence[bytes], numbers: Sequence[Sequence[bytes]]) -> bool:
    """Whether all lines begin with the same space, end with the same, and have the same between two numbers."""
    longest = max(range(len(lines)), key=lambda at: len(numbers[at]))
    line, first, last = lines[longest], numbers[longest][0], numbers[longest][-1]
    before, behind = line[: line.index(first)], line[line.rindex(last) + len(last) :]
    between = b" "
    if len(numbers[longest]) > 1:
        rest = line[len(before) + len(first) :]
        between = rest[: len(rest) - len(rest.lstrip())]
    is_short = max(map(len, (before, between, behind))) <= MOST_SPACE
    return is_short and all(
        line == before + between.join(its) + behind for line, its in zip(lines, numbers, strict=True)
    )


def _has_columns(lines: Sequence[bytes], numbers: Sequence[Sequence[bytes]], channels: int) -> bool:
    """Whether the numbers of all lines end in the columns of the first line, which are as wide for every pixel."""
    ends = [found.end() for found in NUMBER.finditer(lines[0])]
    widths = [end - start for start, end in pairwise((0, *ends))]
    rest = lines[0][ends[-1] :]
    is_even = widths[2 * channels :] == widths[channels:-channels]
    return (
        is_even
        and max(widths) <= MOST_SPACE
        and all(
            line.rstrip() == b"".join(number.rjust(width) for number, width in zip(its, widths, strict=False))
            and len(line) - len(line.rstrip()) == len(rest)
            for line, its in zip(lines, numbers, strict=True)
        )
    )


def _has_even_counts(counts: Sequence[int], row: int) -> bool:
    """Whether all lines but the last have as many numbers, or the lines of all rows as many as those of the first."""
    if len({*counts[:-1]}) <= 1 and counts[-1] <= counts[0]:
        return True
    ends = [end for end in accumulate(counts) if end <= row]
    if not ends or ends[-1] != row:
        return False
    first = list(counts[: len(ends)])
    return list(counts) == first * (len(counts) // len(ends))


def _is_wrapped(lines: Sequence[bytes], numbers: Sequence[Sequence[bytes]], counts: Sequence[int], row: int) -> bool:
    """Whether lines end where the next number would not have fitted, or a row does."""
    longest = max(len(line.rstrip()) for line in lines)
    ends = accumulate(counts)
    return all(
        end % row == 0 or len(line.rstrip()) + 1 + len(following[0]) >= longest
        for line, following, end in zip(lines, numbers[1:], ends, strict=False)
    )
