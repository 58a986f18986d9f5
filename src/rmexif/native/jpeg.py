"""Entropy-coded data of JPEG (ITU-T T.81)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rmexif.native.library import twin

if TYPE_CHECKING:
    import ctypes

__all__ = ["next_marker"]

Buffer = bytes | memoryview

_MARKER = re.compile(rb"\xff[^\x00]", re.DOTALL)


def _next_marker(core: ctypes.CDLL, data: Buffer, start: int) -> int:
    return int(core.rmexif_jpeg_next_marker(data, len(data), start))


@twin(_next_marker)
def next_marker(data: Buffer, start: int) -> int:
    """The offset of the first marker at or behind byte ``start``, ``len(data)`` where there is none.

    A marker starts with a 0xFF that another byte than 0x00 follows (T.81, B.1.1.2). Fill bytes belong to it.
    """
    found = _MARKER.search(data, start)
    return found.start() if found else len(data)
