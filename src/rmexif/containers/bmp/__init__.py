"""BMP: the row of the format table."""

from __future__ import annotations

from rmexif.containers.bmp import completion, parse, rewrite
from rmexif.containers.common.row import FormatRow
from rmexif.types import Format

__all__ = ["BMP"]

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
    parse.matches,
    parse.parse,
    rewrite.rewrite,
    complete=completion.complete,
)
