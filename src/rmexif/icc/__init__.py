"""Read, judge and write a colour profile (ICC.1:2022)."""

from __future__ import annotations

from rmexif.icc.carriers import residual_bytes, table_bytes
from rmexif.icc.colorimetry import PRIMARIES
from rmexif.icc.profile import (
    MAX_TAGS,
    Profile,
    canonical,
    clean,
    describe,
    identify,
    is_clean,
)
from rmexif.icc.spaces import CURVES, NATIVE

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
    "residual_bytes",
    "table_bytes",
]
