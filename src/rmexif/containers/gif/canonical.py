"""The one form of a GIF that stays: samples, sizes, times and colours that no viewer tells apart are made the same."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from rmexif.containers.common.palette import clear_unused, twins
from rmexif.containers.gif.codes import renumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rmexif.containers.gif.screen import ColourTable, GifPicture, GifScreen

__all__ = ["canonical"]

BACKGROUND = 2  # disposal: restore to background (GIF89a, 23.c.iv)
LARGEST = 0xFFFF  # px of a side that the screen can hold

Used = defaultdict[int, set[int]]  # entries of each table, by its first byte


def canonical(screen: GifScreen) -> GifScreen:
    """The screen as it leaves.

    Entries of one colour get one number, and a transparent sample that no pixel has gets the last free one; the size is
    what decoders show; a single picture has no times; entries that nothing shows are black.
    """
    used = Used(set)
    first = screen.pictures[0]
    if (table := screen.table_of(first)) and first.extent[:2] != (0, 0):
        used[table.start].add(0)
    screen = _renumbered(screen, used)
    screen = _sized(screen)
    return _recoloured(screen, used)


def _renumbered(screen: GifScreen, used: Used) -> GifScreen:
    """Equal entries of a table get one number; ``used`` takes the entries that pixels then show."""
    painted = Used(set)
    for picture in screen.pictures:
        if table := screen.table_of(picture):
            painted[table.start] |= picture.painted
    pictures = []
    for picture in screen.pictures:
        if table := screen.table_of(picture):
            picture = _with_one_number_each(picture, table, painted[table.start])
            used[table.start] |= picture.painted
        pictures.append(picture)
    return replace(screen, pictures=tuple(pictures))


def _with_one_number_each(picture: GifPicture, table: ColourTable, painted: set[int]) -> GifPicture:
    """A choice between entries of one colour could draw another picture."""
    is_idle = picture.transparent is not None and picture.transparent not in picture.samples
    numbers = twins(table.entries, painted - {None if is_idle else picture.transparent})
    if any(numbers[sample] != sample for sample in picture.samples):
        codes = renumber(picture.codes, numbers)
        picture = replace(picture, codes=codes, samples=frozenset(numbers[sample] for sample in picture.samples))
    if picture.control and is_idle:  # a number that no pixel has is a free byte
        free = {*range(len(table.entries))} - picture.samples
        number = max(free, default=min(len(table.entries), 255))
        picture = replace(picture, control=replace(picture.control, transparent=number))
    return picture


def _sized(screen: GifScreen) -> GifScreen:
    """The size that decoders show; a single picture needs no delay, and nobody takes it away again."""
    width, height = screen.shown_size
    if max(width, height) <= LARGEST:
        screen = replace(screen, size=width.to_bytes(2, "little") + height.to_bytes(2, "little"))
    if len(screen.pictures) > 1:
        return screen
    (picture,) = screen.pictures
    control = picture.control and replace(picture.control, delay=b"\0\0", disposal=0)
    if control and control.transparent is None:
        control = None
    return replace(screen, pictures=(replace(picture, control=control),))


def _recoloured(screen: GifScreen, used: Used) -> GifScreen:
    """The background only where it shows, and tables without entries that nothing shows."""
    covered = screen.pictures[0].extent == (0, 0, *screen.shown_size)
    restored = [picture for picture in screen.pictures if picture.control and picture.control.disposal == BACKGROUND]
    if covered and not restored:
        screen = replace(screen, background=0)
    shown = restored if covered else [*restored, screen.pictures[0]]
    for table in (screen.table if shown else None, *(picture.table for picture in shown)):
        if table:
            used[table.start] |= {screen.background if screen.background < len(table.entries) else 0, 0}
    pictures = tuple(replace(picture, table=_without_unused(picture.table, used)) for picture in screen.pictures)
    return replace(screen, table=_without_unused(screen.table, used), pictures=pictures)


def _without_unused(table: ColourTable | None, used: Mapping[int, set[int]]) -> ColourTable | None:
    """A table whose entries out of use are black."""
    return table and replace(table, entries=tuple(clear_unused(table.entries, used.get(table.start, set()))))
