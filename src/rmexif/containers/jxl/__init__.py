"""JPEG XL: the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.jxl import parse, rewrite
from rmexif.containers.jxl.coded_units import JxlUnits
from rmexif.containers.jxl.parse import without_jpeg_reconstruction
from rmexif.types import Format

__all__ = ["JXL", "without_jpeg_reconstruction"]

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
    rewrite.rewrite,
    coded_units=JxlUnits,
)
