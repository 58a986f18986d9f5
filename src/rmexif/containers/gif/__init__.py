"""GIF: the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.gif import parse, rewrite
from rmexif.types import Format

__all__ = ["GIF"]

GIF = FormatRow(
    Format(
        name="gif",
        mime="image/gif",
        extensions=(".gif",),
        has_alpha=True,
        has_frames=True,
        has_icc=False,
        has_quality=False,
        has_16bit=False,
    ),
    parse.matches,
    parse.parse,
    rewrite.rewrite,
    parse.parse,
)
