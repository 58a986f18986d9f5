"""Argument types that pass a buffer to the core without copying it, and room for what comes back."""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["INPUT", "OUTPUT", "address", "join", "scratch"]

# From here on memory is asked for in pages of 2 MiB where the system offers them (Linux): zeroing 9,000 pages of 4 KiB
# takes three quarters of the time of joining 36 MB.
LARGE = 2 << 20  # byte
PAGE = mmap.PAGESIZE
HUGE_PAGES: int | None = getattr(mmap, "MADV_HUGEPAGE", None)

_EMPTY = (ctypes.c_char * 1)()  # an address for buffers without a byte: the core is never given a null pointer


class _Buffer(ctypes.Structure):
    """``Py_buffer``, part of the stable ABI since Python 3.11."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = (ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)
_get_buffer.restype = ctypes.c_int
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = (ctypes.POINTER(_Buffer),)
_release_buffer.restype = None


def address(view: memoryview) -> int:
    """Where the bytes of a contiguous view lie; they stay there as long as the view does.

    Raises:
        BufferError: the view is not contiguous.
    """
    buffer = _Buffer()
    _get_buffer(view, buffer, 0)
    address = buffer.buf
    _release_buffer(buffer)
    assert address is not None
    return int(address)


_new_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
_new_bytes.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t)
_new_bytes.restype = ctypes.py_object
if HUGE_PAGES is not None:
    _advise = ctypes.CDLL(None).madvise
    _advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class INPUT(ctypes.c_void_p):
    """``const uint8_t *``: bytes, or a contiguous memoryview or bytearray of them, read only."""

    @classmethod
    def from_param(cls, data: Any) -> Any:
        """Convert an argument."""
        if not len(data):
            return ctypes.byref(_EMPTY)
        if isinstance(data, bytes):
            return ctypes.c_char_p(data)
        if isinstance(data, memoryview):
            return ctypes.c_void_p(address(data))
        return ctypes.byref(ctypes.c_char.from_buffer(data))


class OUTPUT(ctypes.c_void_p):
    """``uint8_t *``: a bytearray, or a writable memoryview or ctypes array, that the core fills in place.

    A bytearray cannot be resized while the call runs.
    """

    @classmethod
    def from_param(cls, data: Any) -> Any:
        """Convert an argument."""
        if not len(data):
            return ctypes.byref(_EMPTY)
        return ctypes.byref(ctypes.c_char.from_buffer(data))


def scratch(size: int) -> memoryview:
    """Zeros to be written to, of which a page costs nothing before it is."""
    if size < 1 << 16:
        return memoryview(bytearray(size))
    private = {} if sys.platform == "win32" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}
    return memoryview(mmap.mmap(-1, size, **private))


def join(pieces: Sequence[bytes | bytearray | memoryview]) -> bytes:
    """``b"".join(pieces)``."""
    size = sum(map(len, pieces))
    if HUGE_PAGES is None or size < LARGE:
        return b"".join(pieces)
    data: bytes = _new_bytes(None, size)  # not yet initialised, and not yet seen by anyone else
    start = address(memoryview(data))
    first = start + -start % PAGE
    _advise(first, (start + size - first) // PAGE * PAGE, HUGE_PAGES)  # a system without them says so, and goes on
    room = memoryview((ctypes.c_ubyte * size).from_address(start)).cast("B")
    at = 0
    for piece in pieces:
        room[at : at + len(piece)] = piece
        at += len(piece)
    return data
