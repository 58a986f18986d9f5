"""The clean PNG file of what ``parse`` found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.png.chunks import serialise
from rmexif.containers.png.signature import SIGNATURE

if TYPE_CHECKING:
    from rmexif.containers.png.parse import PngTree
    from rmexif.types import Container

__all__ = ["rewrite"]

MAX_CHUNK = 1 << 30  # byte; the format allows 2^31 - 1 (5.3)

Piece = bytes | memoryview


def rewrite(view: memoryview, container: Container[PngTree]) -> list[Piece]:
    """The lossless clean file: one chunk per picture (several above 1 GiB), frames numbered from 0."""
    del view  # the tree holds what is passed through
    tree = container.tree
    out: list[Piece] = [SIGNATURE]
    for kind, data in tree.head:
        out += serialise(kind, data)
    if tree.cover:
        out += _data_chunks(tree.cover, None)[0]
    sequence, is_default = 0, not tree.cover
    for frame, image in tree.pictures:
        if frame.control:
            out += serialise(b"fcTL", sequence.to_bytes(4, "big") + frame.control)
            sequence += 1
        chunks, used = _data_chunks(image.clean, None if is_default else sequence)
        out += chunks
        sequence += used
        is_default = False
    return [*out, *serialise(b"IEND")]


def _data_chunks(stream: Piece, sequence: int | None) -> tuple[list[Piece], int]:
    """IDAT chunks, or fdAT chunks numbered from ``sequence`` on; and how many numbers they take."""
    out = list[Piece]()
    pieces = [memoryview(stream)[start : start + MAX_CHUNK] for start in range(0, len(stream), MAX_CHUNK)]
    for number, piece in enumerate(pieces):
        if sequence is None:
            out += serialise(b"IDAT", piece)
        else:
            out += serialise(b"fdAT", (sequence + number).to_bytes(4, "big"), piece)
    return out, 0 if sequence is None else len(pieces)
