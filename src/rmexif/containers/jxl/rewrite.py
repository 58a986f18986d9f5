"""The clean JPEG XL file: a bare codestream, or the least boxes that declare level 10 around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.jxl.parse import FTYP, LEVELS, JxlTree
from rmexif.containers.jxl.signature import BOXED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.types import Container

__all__ = ["boxed", "codestream_pieces", "rewrite"]


def rewrite(view: memoryview, container: Container[JxlTree]) -> list[bytes | memoryview]:
    """The clean codestream; in boxes only for level 10, because a bare one means level 5 (18181-2, 9.6)."""
    return boxed(container.tree.level, codestream_pieces(container.tree))


def codestream_pieces(tree: JxlTree) -> list[bytes | memoryview]:
    """The clean codestream."""
    return [piece if isinstance(piece, bytes) else tree.data[slice(*piece)] for piece in tree.codestream.pieces]


def boxed(level: int, stream: Sequence[bytes | memoryview], added: bytes = b"") -> list[bytes | memoryview]:
    """A codestream in the boxes that its level needs (18181-2, 9.6), behind boxes that are ``added``."""
    if level == LEVELS[0] and not added:
        return list(stream)
    size = sum(map(len, stream)) + 8
    header = size.to_bytes(4, "big") + b"jxlc"
    if size >> 32:
        header = (1).to_bytes(4, "big") + b"jxlc" + (size + 8).to_bytes(8, "big")
    levels = b"" if level == LEVELS[0] else b"\x00\x00\x00\x09jxll" + bytes([level])
    return [BOXED, FTYP, levels, added, header, *stream]
