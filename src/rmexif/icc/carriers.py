"""What of a clean profile a writer chose freely: the entries of its tables, and the numbers of its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.icc.profile import TABLES, canonical, clean, identify, read_tags
from rmexif.icc.spaces import CURVES as KNOWN_CURVES
from rmexif.icc.spaces import NATIVE
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["number_bytes", "residual_bytes", "table_bytes"]

CURVES = (b"rTRC", b"gTRC", b"bTRC", b"kTRC")
COLORANTS = (b"rXYZ", b"gXYZ", b"bXYZ", b"chad")
HEAD = 8  # bytes of a tag before its numbers: type and reserved (10.1)
ONE_NUMBER = 14  # bytes of a ``curv`` tag with one exponent (10.6): no table


def table_bytes(profile: bytes) -> int:
    """The bytes of colour tables and measured tone curves that clean() keeps of a profile; 0 where it keeps none."""
    cleaned = clean(profile)
    if cleaned is None:
        return 0
    tags = read_tags(cleaned)
    found = {tags[name] for name in TABLES if name in tags}
    found |= {tags[name] for name in CURVES if name in tags and _is_table(tags[name])}
    return sum(map(len, found))  # what several tags share is stored once


def number_bytes(profile: bytes) -> int:
    """The bytes of primaries, white and exponents that clean() keeps of a profile and that are of no known space."""
    cleaned = clean(profile)
    if cleaned is None or identify(cleaned):
        return 0
    tags = read_tags(cleaned)
    known = {*KNOWN_CURVES.values()}
    for space in NATIVE:
        known |= {tag for name, tag in read_tags(canonical(space)).items() if name in COLORANTS}
    found = {tags[name] for name in COLORANTS if name in tags}
    found |= {tags[name] for name in CURVES if name in tags and not _is_table(tags[name])}
    return sum(len(tag) - HEAD for tag in found - known)


def _is_table(curve: bytes) -> bool:
    return curve[:4] == b"curv" and len(curve) > ONE_NUMBER


def residual_bytes(profiles: Iterable[bytes | None]) -> dict[Residual, int]:
    """What the clean forms of a picture's profiles may still carry, and how many bytes of it; empty: nothing."""
    every = {profile for profile in profiles if profile}
    found = {
        Residual.ICC_TABLE: sum(map(table_bytes, every)),
        Residual.DISPLAY_NUMBERS: sum(map(number_bytes, every)),
    }
    return {code: size for code, size in found.items() if size}
