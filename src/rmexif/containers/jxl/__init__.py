"""JPEG XL: the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.jxl import parse
from rmexif.types import Format

__all__ = ["JXL"]

JXL = FormatRow(
    Format(
        name="jxl",
        mime="image/jxl",
        extensions=(".jxl",),
        has_alpha=True,
        has_frames=True,
        has_icc=True,
        has_quality=True,
        has_16bit=True,
    ),
    parse.matches,
    parse.parse,
    parse.rewrite,
)
