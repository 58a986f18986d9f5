"""A clean GIF with a credit: the notice as a comment, and XMP as an application extension (ISO 16684-3, 1.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.gif.rewrite import sub_blocks
from rmexif.containers.gif.screen import COMMENT, EXTENSION, SCREEN_END

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.gif.screen import GifScreen
    from rmexif.types import Container

__all__ = ["with_credit"]

FLAGS = 10  # byte of the screen descriptor: whether a colour table follows, and how long it is (GIF89a, 18)
XMP_HEAD = b"\x21\xff\x0bXMP DataXMP"
# Readers of sub-blocks fall from any byte of the packet into this slope, and on to its end.
XMP_TRAILER = b"\x01" + bytes(range(0xFF, -1, -1)) + b"\x00"


def with_credit(view: memoryview, container: Container[GifScreen], blocks: CreditBlocks) -> list[bytes | memoryview]:
    """The file with the extensions of a credit behind its screen, whose colour table ends where they begin."""
    table = container.tree.table
    start = SCREEN_END + (3 * (2 << (view[FLAGS] & 7)) if table else 0)
    added = b""
    if blocks.xmp:
        added += XMP_HEAD + blocks.xmp + XMP_TRAILER
    if blocks.comment:
        added += bytes([EXTENSION, COMMENT]) + sub_blocks(blocks.comment.encode())
    return [view[:start], added, view[start:]]
