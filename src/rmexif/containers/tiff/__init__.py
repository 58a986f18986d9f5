"""TIFF: the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.tiff.signature import matches
from rmexif.types import Format

__all__ = ["TIFF"]


def _load() -> Walker[Any]:
    from rmexif.containers.tiff import completion, credit, parse, rewrite

    return Walker(
        parse.parse,
        rewrite.rewrite,
        parse.parse,
        complete=completion.complete,
        for_decoder=rewrite.for_decoder,
        with_credit=credit.with_credit,
    )


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
    _load,
)
