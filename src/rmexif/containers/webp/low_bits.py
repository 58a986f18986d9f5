"""The lowest bits of the first rows of a lossless WebP, kept where its codes were walked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.low_bits import LowBits, bit_table
from rmexif.native.low_bits import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.webp.parse import WebpTree
    from rmexif.types import Container

__all__ = ["low_bits"]


def low_bits(container: Container[WebpTree], most_rows: int) -> Iterator[LowBits]:
    """The lowest bits of the first rows of every lossless picture of a clean file."""
    bits = bit_table()
    for picture in container.tree.pictures:
        if picture.rows:
            *colours, alpha = (Channel(place, bits) for place in range(4))
            yield LowBits(picture.width, bytes(picture.rows[: 4 * picture.width * most_rows]), 4, colours, alpha)
