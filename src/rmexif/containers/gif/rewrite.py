"""The clean GIF file, as GIF89a."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.gif.screen import PICTURE, RESOLUTION, TRAILER, ColourTable, loop_block

if TYPE_CHECKING:
    from rmexif.containers.gif.screen import GifScreen
    from rmexif.types import Container

__all__ = ["rewrite", "sub_blocks"]

LONGEST = 255  # byte of a data sub-block (15)


def rewrite(view: memoryview, container: Container[GifScreen]) -> list[bytes | memoryview]:
    """The lossless clean file; sub-blocks are as long as they can be."""
    del view  # the screen holds what stays
    screen = container.tree
    flags, table = _table(screen.table)
    out: list[bytes | memoryview] = [b"GIF89a", screen.size, bytes((flags | RESOLUTION, screen.background, 0)), table]
    if screen.loop is not None and len(screen.pictures) > 1:
        out.append(loop_block(screen.loop))
    for picture in screen.pictures:
        if picture.control is not None:
            out.append(picture.control.block())
        flags, table = _table(picture.table)
        out += [
            bytes([PICTURE]),
            picture.place,
            bytes([flags | picture.flags]),
            table,
            bytes([picture.codes.code_size]),
        ]
        out.append(sub_blocks(picture.codes.data))
    out.append(bytes([TRAILER]))
    return out


def sub_blocks(data: bytes) -> bytes:
    """Data in blocks that are as long as they can be, and their terminator."""
    size = bytes([LONGEST])
    full = len(data) // LONGEST * LONGEST
    rest = data[full:]
    blocks = b"".join([size + data[at : at + LONGEST] for at in range(0, full, LONGEST)])
    return blocks + (bytes([len(rest)]) + rest if rest else b"") + b"\0"


def _table(table: ColourTable | None) -> tuple[int, bytes]:
    """Flags and bytes of a colour table."""
    return (table.flags, b"".join(table.entries)) if table else (0, b"")
