"""Read, judge and write a colour profile (ICC.1:2022); what does so is imported for the first picture that has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rmexif.icc.carriers import residual_bytes, table_bytes
    from rmexif.icc.colorimetry import PRIMARIES
    from rmexif.icc.judged import JudgedProfiles
    from rmexif.icc.profile import (
        MAX_TAGS,
        Profile,
        canonical,
        clean,
        describe,
        identify,
        is_clean,
    )
    from rmexif.icc.published import is_published
    from rmexif.icc.spaces import CURVES, NATIVE

__all__ = [
    "CURVES",
    "MAX_TAGS",
    "NATIVE",
    "PRIMARIES",
    "JudgedProfiles",
    "Profile",
    "canonical",
    "clean",
    "describe",
    "identify",
    "is_clean",
    "is_published",
    "residual_bytes",
    "table_bytes",
]

_HOMES = {
    **dict.fromkeys(("residual_bytes", "table_bytes"), "carriers"),
    **dict.fromkeys(("CURVES", "NATIVE"), "spaces"),
    "PRIMARIES": "colorimetry",
    "is_published": "published",
    "JudgedProfiles": "judged",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'rmexif.icc' has no attribute {name!r}")
    value = getattr(import_module(f"rmexif.icc.{_HOMES.get(name, 'profile')}"), name)
    globals()[name] = value
    return value
