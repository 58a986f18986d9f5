"""Argument types that pass a buffer to the core without copying it."""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

__all__ = ["INPUT", "OUTPUT", "scratch"]

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


def _address(view: memoryview) -> int:
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
            return ctypes.c_void_p(_address(data))
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
