"""BMP: the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.bmp.signature import matches
from rmexif.containers.common.row import FormatRow, Walker
from rmexif.types import Format

__all__ = ["BMP"]


def _load() -> Walker[Any]:
    from rmexif.containers.bmp import completion, low_bits, parse, rewrite

    return Walker(parse.parse, rewrite.rewrite, complete=completion.complete, low_bits=low_bits.low_bits)


BMP = FormatRow(
    Format(
        name="bmp",
        mime="image/bmp",
        extensions=(".bmp", ".dib"),
        has_alpha=True,
        has_frames=False,
        has_icc=True,
        has_quality=False,
        has_16bit=False,
    ),
    matches,
    _load,
)
