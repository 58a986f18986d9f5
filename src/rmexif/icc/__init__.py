"""Read, judge and write a colour profile (ICC.1:2022)."""

from __future__ import annotations

from rmexif.icc.colorimetry import PRIMARIES
from rmexif.icc.profile import (
    CURVES,
    MAX_TAGS,
    NATIVE,
    Profile,
    canonical,
    clean,
    describe,
    identify,
    is_clean,
)

__all__ = [
    "CURVES",
    "MAX_TAGS",
    "NATIVE",
    "PRIMARIES",
    "Profile",
    "canonical",
    "clean",
    "describe",
    "identify",
    "is_clean",
]
