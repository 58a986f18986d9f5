"""What is coded beyond a picture's edge: codecs code whole blocks, and viewers cut off what reaches over it."""

from __future__ import annotations

__all__ = ["area_beyond"]


def area_beyond(width: int, height: int, block: int) -> int:
    """Px between the edge of a picture and that of the blocks of ``block`` x ``block`` px that cover it."""
    across, down = (-(-side // block) * block for side in (width, height))
    return across * down - width * height
