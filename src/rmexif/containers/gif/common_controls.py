"""Graphic controls that say no more than the canonical ones (GIF89a, 23), in the way of one encoder throughout a file.

What one picture may have by itself, a thousand pictures may spell with: a file has it in one way, or it is a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rmexif.containers.gif.screen import GifPicture, GifScreen

__all__ = ["DISPOSALS", "common_controls", "is_one_way"]

STILL_DELAYS = frozenset((0, 1, 2, 3, 4, 5, 7, 10, 20, 50, 100))  # 1/100 s, of a picture that nothing follows
CONTROL_LENGTH = 8  # byte of a graphic control extension
FLAGS = 0x1D  # disposal and transparency
LAST = 255  # index that programs take for "none"
DISPOSALS = (0, 1, 2, 3, 3, 0, 0, 0)  # what browsers make of each: nobody defined 4 to 7 (GIF89a, 23.c.iv)
NAMES = ("zero", "last", "last of the table", "behind the picture's")  # what an idle index may be
EVERY = frozenset(NAMES)


def common_controls(blocks: Sequence[bytes], screen: GifScreen, clean: GifScreen) -> list[bool]:
    """Whether the control of each picture is as a common encoder writes it, and as those of the other pictures.

    Args:
        blocks: the extension of each picture; empty where it has none.
        screen: as found in the file.
        clean: as it leaves: what is so already is no choice.
    """
    ways = [_ways(block, picture, screen) for block, picture in zip(blocks, screen.pictures, strict=True)]
    kept = [picture.control.block() if picture.control else b"" for picture in clean.pictures]
    shared: dict[int, frozenset[str]] = {}  # by whether a control says that its index is transparent
    for way, block, same in zip(ways, blocks, kept, strict=True):
        if way and block != same:
            shared[block[3] & 1] = shared.get(block[3] & 1, way) & way
    raw = {block[3] >> 2 & 7 for block in blocks if len(block) == CONTROL_LENGTH}
    is_alike = len({DISPOSALS[disposal] for disposal in raw}) == len(raw)
    return [
        bool(way) and is_alike and bool(shared.get(block[3] & 1, way)) for way, block in zip(ways, blocks, strict=True)
    ]


def is_one_way(choices: Iterable[int]) -> bool:
    """Whether what is free for each picture is the same for all of them."""
    return len({*choices}) <= 1


def _ways(block: bytes, picture: GifPicture, screen: GifScreen) -> frozenset[str]:
    """By which of the rules the index of a control is an idle one; all of them where it is in use.

    Empty where it says more: a time that nobody waits for, or a free byte.
    """
    if len(block) != CONTROL_LENGTH or block[3] & ~FLAGS or block[7]:
        return frozenset()
    control = picture.control
    if len(screen.pictures) > 1 and block[4:6] != (control.delay if control else b"\0\0"):
        return frozenset()
    if len(screen.pictures) == 1 and int.from_bytes(block[4:6], "little") not in STILL_DELAYS:
        return frozenset()
    if block[3] & 1 and block[6] in picture.samples:
        return EVERY
    table = screen.table_of(picture)
    behind = max(picture.samples, default=0) + 1
    indices = (0, LAST, len(table.entries) - 1 if table else -1, behind)
    named = {name for name, index in zip(NAMES, indices, strict=True) if index == block[6]}
    return frozenset(named if block[3] & 1 else {*named, f"index {block[6]}"})  # any one, where none is transparent
