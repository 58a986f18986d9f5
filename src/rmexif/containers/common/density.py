"""Densities that programs write by themselves, or people ask them for: whole numbers of dots per inch or centimetre.

One that is whole, and the same in both directions, says at most ten bits. A screen or a scanner that states what was
measured of it has another one, and that is a finding.
"""

from __future__ import annotations

__all__ = ["CENTIMETRES", "is_common_per_inch", "is_common_per_metre"]

MOST = 1200  # dots per inch
METRE = 39.37008  # inches
CENTIMETRES = 100  # per metre
ROUNDED = 1 / METRE  # px per inch: what one of them can be off that was px per metre before


def is_common_per_inch(across: float, down: float) -> bool:
    """Whether a density in px per inch is such a number, perhaps by way of metres, the same in both directions."""
    return across == down and 1 <= round(across) <= MOST and abs(across - round(across)) < ROUNDED


def is_common_per_metre(across: int, down: int) -> bool:
    """Whether a density in px per metre is one of those, rounded or cut off."""
    if across != down or not 1 <= round(across / METRE) <= MOST:
        return False
    return across % CENTIMETRES == 0 or abs(across - round(across / METRE) * METRE) < 1
