"""JPEG (ITU-T T.81): the row of the format table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.jpeg.signature import matches
from rmexif.types import Format

if TYPE_CHECKING:
    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.containers.common.row import Completed
    from rmexif.types import Container, Limits

__all__ = ["JPEG"]


def _load() -> Walker[Any]:
    from rmexif.containers.jpeg import parse, rewrite

    return Walker(
        parse.parse,
        rewrite.rewrite,
        parse.parse_again,
        complete=_complete,
        parse_headers=parse.parse_headers,
        with_credit=_with_credit,
    )


def _complete(view: memoryview, limits: Limits) -> Completed:
    from rmexif.containers.jpeg import completion

    return completion.complete(view, limits)


def _with_credit(view: memoryview, container: Container[Any], blocks: CreditBlocks) -> list[bytes | memoryview]:
    from rmexif.containers.jpeg import credit

    return credit.with_credit(view, container, blocks)


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
