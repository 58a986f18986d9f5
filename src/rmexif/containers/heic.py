"""HEIC: the row of the format table; the work is done in ``isobmff``."""

from __future__ import annotations

from rmexif.containers.isobmff import AVIF_BRANDS, HEIC_BRANDS, brands_of, parse, pieces
from rmexif.types import Format

__all__ = ["FORMAT", "matches", "parse", "pieces"]

FORMAT = Format(
    name="heic",
    mime="image/heic",
    extensions=(".heic", ".heif", ".hif"),
    has_alpha=True,
    has_frames=True,
    has_icc=True,
    has_quality=True,
    has_16bit=False,
)


def matches(head: bytes) -> bool:
    """Whether ``head`` names a brand of HEIC, or of HEIF without saying which coding, and none of AVIF."""
    brands = brands_of(head)
    return AVIF_BRANDS.isdisjoint(brands) and not HEIC_BRANDS.isdisjoint(brands)
