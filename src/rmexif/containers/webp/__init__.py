"""WebP: the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.webp.signature import matches
from rmexif.types import Format

__all__ = ["WEBP"]


def _load() -> Walker[Any]:
    from rmexif.containers.webp import completion, credit, low_bits, parse, rewrite

    return Walker(
        parse.parse,
        rewrite.rewrite,
        complete=completion.complete,
        low_bits=low_bits.low_bits,
        with_credit=credit.with_credit,
    )


WEBP = FormatRow(
    Format(
        name="webp",
        mime="image/webp",
        extensions=(".webp",),
        has_alpha=True,
        has_frames=True,
        has_icc=True,
        has_quality=True,
        has_16bit=False,
    ),
    matches,
    _load,
)
