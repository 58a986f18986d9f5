"""What of a clean profile a writer chose freely: the entries of its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.icc.profile import TABLES, clean, read_tags
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["residual_bytes", "table_bytes"]

CURVES = (b"rTRC", b"gTRC", b"bTRC", b"kTRC")
ONE_NUMBER = 14  # bytes of a ``curv`` tag with one exponent (10.6): no table


def table_bytes(profile: bytes) -> int:
    """The bytes of colour tables and measured tone curves that clean() keeps of a profile; 0 where it keeps none."""
    cleaned = clean(profile)
    if cleaned is None:
        return 0
    tags = read_tags(cleaned)
    found = {tags[name] for name in TABLES if name in tags}
    found |= {tags[name] for name in CURVES if tags.get(name, b"")[:4] == b"curv" and len(tags[name]) > ONE_NUMBER}
    return sum(map(len, found))  # what several tags share is stored once


def residual_bytes(profiles: Iterable[bytes | None]) -> dict[Residual, int]:
    """What the clean forms of a picture's profiles may still carry, and how many bytes of it; empty: nothing."""
    size = sum(table_bytes(profile) for profile in set(profiles) if profile)
    return {Residual.ICC_TABLE: size} if size else {}
