"""GIF frames, composed as browsers show them: what no frame has painted, and what one restored, is transparent."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rmexif.codecs.frames import frames_of, without_needless_alpha
from rmexif.containers.gif.parse import parse
from rmexif.containers.gif.screen import INTERLACED
from rmexif.native import lzw
from rmexif.types import Frame, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rmexif.containers.gif.screen import GifPicture, GifScreen
    from rmexif.types import FrameStream

__all__ = ["compose", "read_screen"]

BACKGROUND, PREVIOUS = 2, 3  # disposal (GIF89a, 23.c.iv)
UNLIMITED = Limits(*[sys.maxsize] * 7)
PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))  # first row and step of each pass (appendix E)


def read_screen(raw: bytes | memoryview) -> GifScreen:
    """What a file holds whose limits were checked.

    Raises:
        MalformedImage: a block is cut off, a code is impossible, or there is no picture.
    """
    return parse(memoryview(raw), UNLIMITED).tree


def compose(screen: GifScreen, most: int) -> tuple[Frame, ...] | FrameStream:
    """At most so many frames in full size: RGBA, or RGB where no pixel of any of them is transparent."""
    count = min(most, len(screen.pictures))

    def composed() -> Iterator[Frame]:
        for pixels, delay in islice(_composed(screen), count):
            yield Frame(pixels, delay if count > 1 else 0.0)

    return without_needless_alpha(frames_of(count, screen.shown_size, composed))


def _composed(screen: GifScreen) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """The canvas as each picture leaves it, and how long it stays (ms)."""
    width, height = screen.shown_size
    canvas = np.zeros((height, width, 4), np.uint8)
    for picture in screen.pictures:
        left, top, right, bottom = picture.extent
        area = canvas[top:bottom, left:right]
        disposal = picture.control.disposal if picture.control else 0
        before = area.copy() if disposal == PREVIOUS else None
        _paint(area, screen, picture)
        delay = int.from_bytes(picture.control.delay, "little") * 10.0 if picture.control else 0.0
        yield canvas.copy(), delay
        if disposal == BACKGROUND:
            area[...] = 0
        elif before is not None:
            area[...] = before


def _paint(area: NDArray[np.uint8], screen: GifScreen, picture: GifPicture) -> None:
    """Put a picture on the part of the canvas that it reaches."""
    left, top, right, bottom = picture.extent
    width, height = right - left, bottom - top
    codes = picture.codes
    found = lzw.decode(codes.data, width * height, codes.code_size).samples
    found += bytes(width * height - len(found))  # a picture that ends early
    rows = np.frombuffer(found, np.uint8).reshape(height, width)
    if picture.flags & INTERLACED:
        order = [row for first, step in PASSES for row in range(first, height, step)]
        plain = np.empty_like(rows)
        plain[order] = rows
        rows = plain
    rows = rows[: area.shape[0], : area.shape[1]]
    colours = _colours(screen, picture)
    if picture.transparent is None:
        area[...] = colours[rows]
    else:
        shown = rows != picture.transparent
        area[shown] = colours[rows[shown]]


def _colours(screen: GifScreen, picture: GifPicture) -> NDArray[np.uint8]:
    """256 colours: black beyond the table, and where there is none."""
    colours = np.full((256, 4), 255, np.uint8)
    colours[:, :3] = 0
    if table := screen.table_of(picture):
        colours[: len(table.entries), :3] = np.frombuffer(b"".join(table.entries), np.uint8).reshape(-1, 3)
    return colours
