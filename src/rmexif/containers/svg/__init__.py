"""SVG (Scalable Vector Graphics 1.1 and 2): a row that is stripped, and decoded by drawing it; it is never encoded."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.svg.parse import matches, parse, rewrite
from rmexif.types import Format

__all__ = ["SVG"]

SVG = FormatRow(
    Format(
        name="svg",
        mime="image/svg+xml",
        extensions=(".svg",),
        has_alpha=True,
        has_frames=False,
        has_icc=False,
        has_quality=False,
        has_16bit=False,
    ),
    matches,
    parse,
    rewrite,
)
