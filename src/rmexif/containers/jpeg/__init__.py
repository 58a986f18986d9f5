"""JPEG (ITU-T T.81): the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.jpeg.parse import matches, parse, parse_again, parse_headers
from rmexif.containers.jpeg.rewrite import rewrite
from rmexif.types import Format

__all__ = ["JPEG"]

JPEG = FormatRow(
    Format(
        name="jpeg",
        mime="image/jpeg",
        extensions=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        has_alpha=False,
        has_frames=False,
        has_icc=True,
        has_quality=True,
        has_16bit=False,
    ),
    matches,
    parse,
    rewrite,
    parse_again,
    parse_headers,
)
