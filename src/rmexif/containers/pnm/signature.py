"""How a Netpbm file is known by its first bytes."""

from __future__ import annotations

import re

__all__ = ["matches"]

SIGNATURE = re.compile(rb"P[1-7][\s#]")


def matches(head: bytes) -> bool:
    """``P``, a digit, white space."""
    return SIGNATURE.match(head) is not None
