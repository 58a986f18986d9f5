"""AVIF: the row of the format table; the work is done in ``isobmff``."""

from __future__ import annotations

from rmexif.containers.isobmff import AVIF_BRANDS, brands_of, parse, pieces
from rmexif.types import Format

__all__ = ["FORMAT", "matches", "parse", "pieces"]

FORMAT = Format(
    name="avif",
    mime="image/avif",
    extensions=(".avif", ".avifs"),
    has_alpha=True,
    has_frames=True,
    has_icc=True,
    has_quality=True,
    has_16bit=False,
)


def matches(head: bytes) -> bool:
    """Whether ``head`` names a brand of AVIF."""
    return not AVIF_BRANDS.isdisjoint(brands_of(head))
