"""SVG (Scalable Vector Graphics 1.1 and 2): a row that is stripped, and decoded by drawing it; it is never encoded."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.svg.signature import matches
from rmexif.types import Format

__all__ = ["SVG"]


def _load() -> Walker[Any]:
    from rmexif.containers.svg import parse

    return Walker(parse.parse, parse.rewrite)


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
    _load,
)
