"""TIFF: the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.tiff.parse import matches, parse
from rmexif.containers.tiff.rewrite import rewrite
from rmexif.types import Format

__all__ = ["TIFF"]

TIFF = FormatRow(
    Format(
        name="tiff",
        mime="image/tiff",
        extensions=(".tif", ".tiff"),
        has_alpha=True,
        has_frames=True,
        has_icc=True,
        has_quality=False,
        has_16bit=True,
    ),
    matches,
    parse,
    rewrite,
    parse,
)
