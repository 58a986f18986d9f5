"""JPEG XL: the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.jxl.signature import matches
from rmexif.types import Format

__all__ = ["JXL"]


def _load() -> Walker[Any]:
    from rmexif.containers.jxl import credit, parse, rewrite
    from rmexif.containers.jxl.coded_units import JxlUnits

    return Walker(parse.parse, rewrite.rewrite, coded_units=JxlUnits, with_credit=credit.with_credit)


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
    matches,
    _load,
)
