"""WebP: the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.webp import low_bits, parse, rewrite
from rmexif.types import Format

__all__ = ["WEBP"]

WEBP = FormatRow(
    Format(
        name="webp",
        mime="image/webp",
        extensions=(".webp",),
        has_alpha=True,
        has_frames=True,
        has_icc=True,
        has_quality=True,
        has_16bit=False,
    ),
    parse.matches,
    parse.parse,
    rewrite.rewrite,
    low_bits=low_bits.low_bits,
)
