"""One row of the report on attacks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Attack"]


@dataclass(frozen=True, slots=True)
class Attack:
    """What was tried, what it cost, and whether rmexif held."""

    tried: str
    cost: str
    held: bool
