"""JPEG (ITU-T T.81): the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.jpeg.signature import matches
from rmexif.types import Format

__all__ = ["JPEG"]


def _load() -> Walker[Any]:
    from rmexif.containers.jpeg import completion, credit, parse, rewrite

    return Walker(
        parse.parse,
        rewrite.rewrite,
        parse.parse_again,
        complete=completion.complete,
        parse_headers=parse.parse_headers,
        with_credit=credit.with_credit,
    )


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
    _load,
)
