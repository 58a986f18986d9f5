"""Densities that programs write by themselves: a picture that states one of them says nothing of its maker."""

from __future__ import annotations

__all__ = ["DPI", "is_common_per_inch", "is_common_per_metre"]

DPI = frozenset({72, 75, 90, 96, 100, 110, 120, 144, 150, 180, 192, 200, 220, 240, 300, 350, 400, 600, 1200})
METRE = 39.37008  # inches
ROUNDED = 1 / METRE  # px per inch: what one of them can be off that was px per metre before


def is_common_per_inch(across: float, down: float) -> bool:
    """Whether a density in px per inch is one of those, perhaps by way of metres, the same in both directions."""
    return across == down and any(abs(across - dpi) < ROUNDED for dpi in DPI)


def is_common_per_metre(across: int, down: int) -> bool:
    """Whether a density in px per metre is one of those, rounded or cut off."""
    return across == down and any(abs(across - dpi * METRE) < 1 for dpi in DPI)
