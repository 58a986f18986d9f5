"""PNG and APNG: the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.png.signature import matches
from rmexif.types import Format

__all__ = ["PNG"]


def _load() -> Walker[Any]:
    from rmexif.containers.png import completion, credit, low_bits, parse, rewrite

    return Walker(
        parse.parse,
        rewrite.rewrite,
        parse.parse_again,
        complete=completion.complete,
        low_bits=low_bits.low_bits,
        with_credit=credit.with_credit,
    )


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
    matches,
    _load,
)
