"""How a SVG file is known by its first bytes."""

from __future__ import annotations

import re

__all__ = ["matches"]

# Atomic groups: what was read as a comment is not read again as something longer, so that the time is linear.
SIGNATURE = (
    rb"(?:\xef\xbb\xbf)?\s*+(?><\?xml[^>]*\?>\s*+)?"
    rb"(?><!--.*?-->\s*+|<!DOCTYPE[^\[>]*+(?:\[.*?\]\s*+)?>\s*+|<\?[^>]*+>\s*+)*+"
    rb"<(?:[\w.-]+:)?svg[\s>/]"
)


def matches(head: bytes) -> bool:
    """A root element ``svg``, behind what XML allows before it."""
    return re.match(SIGNATURE, head, re.DOTALL) is not None  # compiled on use, by re
