"""GIF: the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.gif.signature import matches
from rmexif.types import Format

__all__ = ["GIF"]


def _load() -> Walker[Any]:
    from rmexif.containers.gif import completion, credit, parse, rewrite

    return Walker(
        parse.parse, rewrite.rewrite, parse.parse, complete=completion.complete, with_credit=credit.with_credit
    )


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
    matches,
    _load,
)
