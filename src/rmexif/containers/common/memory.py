"""Bytes compared as memory; two memoryviews are compared element by element, twenty times as slow."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

from rmexif.native.buffers import address

__all__ = ["as_bytes", "common_length", "give_back_memory", "holds_at"]

LARGE = 1 << 16  # byte: from here on a look at two addresses takes less time than the bytes
BLOCK = 1 << 16  # byte: compared at once


def holds_at(view: memoryview, piece: bytes | bytearray | memoryview, at: int) -> bool:
    """Whether ``piece`` stands in ``view`` from byte ``at`` on."""
    if len(piece) >= LARGE and isinstance(piece, memoryview) and _is_part(view, piece, at):
        return True
    if isinstance(view.obj, bytes) and len(view.obj) == len(view) and view.c_contiguous:
        return view.obj.startswith(piece, at)
    return bytes(view[at : at + len(piece)]).startswith(piece)


def _is_part(view: memoryview, piece: memoryview, at: int) -> bool:
    """Whether ``piece`` is a view of these very bytes, which needs no look at them."""
    return piece.obj is view.obj and at + len(piece) <= len(view) and address(piece) == address(view) + at


def as_bytes(view: memoryview) -> bytes:
    """The bytes of a view; what it is a view of where these are all of them, without a copy."""
    source = view.obj
    return source if type(source) is bytes and len(source) == len(view) and view.c_contiguous else bytes(view)


def common_length(first: bytes | memoryview, second: bytes | memoryview) -> int:
    """How many bytes two strings have in common from their start."""
    shorter = min(len(first), len(second))
    for at in range(0, shorter, BLOCK):
        if bytes(first[at : at + BLOCK]) != bytes(second[at : at + BLOCK]):
            pairs = zip(first[at : at + BLOCK], second[at : at + BLOCK], strict=False)
            return next((at + index for index, (one, other) in enumerate(pairs) if one != other), shorter)
    return shorter


def give_back_memory() -> None:
    """Hand freed memory back to the system: glibc keeps it in pools per thread, which grow over time."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library has no such call, and no such pools
        ctypes.CDLL(None).malloc_trim(0)
