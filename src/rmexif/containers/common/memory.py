"""Bytes compared as memory; two memoryviews are compared element by element, twenty times as slow."""

from __future__ import annotations

import ctypes
from contextlib import suppress

__all__ = ["give_back_memory", "holds_at"]


def holds_at(view: memoryview, piece: bytes | bytearray | memoryview, at: int) -> bool:
    """Whether ``piece`` stands in ``view`` from byte ``at`` on."""
    if isinstance(view.obj, bytes) and len(view.obj) == len(view) and view.c_contiguous:
        return view.obj.startswith(piece, at)
    return bytes(view[at : at + len(piece)]).startswith(piece)


def give_back_memory() -> None:
    """Hand freed memory back to the system: glibc keeps it in pools per thread, which grow over time."""
    with suppress(OSError, AttributeError):  # another C library has no such call, and no such pools
        ctypes.CDLL(None).malloc_trim(0)
