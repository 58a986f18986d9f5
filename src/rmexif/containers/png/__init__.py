"""PNG and APNG: the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.png import completion, parse, rewrite
from rmexif.types import Format

__all__ = ["PNG"]

PNG = FormatRow(
    Format(
        name="png",
        mime="image/png",
        extensions=(".png", ".apng"),
        has_alpha=True,
        has_frames=True,
        has_icc=True,
        has_quality=False,
        has_16bit=True,
    ),
    parse.matches,
    parse.parse,
    rewrite.rewrite,
    parse.parse_again,
    complete=completion.complete,
)
