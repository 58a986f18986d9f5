"""Strips in XZ and Zstandard (libtiff 4.0.10): unpacked within bounds, up to the last byte that a decoder reads."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol

from rmexif.errors import LimitExceeded, MissingDependency

__all__ = ["Unpacked", "pack_xz", "pack_zstandard", "unpack_xz", "unpack_zstandard"]

NEEDS_XZ = "TIFF in XZ needs a Python with liblzma"
NEEDS_ZSTANDARD = "TIFF in Zstandard needs Python 3.14, or: pip install 'rmexif[zstd]'"
MOST_MEMORY = 1 << 27  # byte: of a decoder; the highest preset of xz takes 65 MB, of Zstandard 8 MB
MOST_WINDOW_BITS = 27  # the same for Zstandard
TOO_MUCH = ("Memory usage limit", "too much memory")  # how liblzma and libzstd say that it is more

Unpacked = tuple[bytes, int, bool]  # bytes, at most as many as asked for; how many were read; whether they are intact


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def unpack_xz(data: bytes | memoryview, size: int) -> Unpacked:
    """The first ``size`` bytes of an XZ stream.

    Raises:
        LimitExceeded: its dictionary is larger than any that an encoder takes by itself.
        MissingDependency: Python was built without liblzma.
    """
    lzma = _module(NEEDS_XZ, "lzma")
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_MEMORY)
    return _unpacked(decoder, data, size, lzma.LZMAError)


def unpack_zstandard(data: bytes | memoryview, size: int) -> Unpacked:
    """The first ``size`` bytes of a Zstandard frame (RFC 8878).

    Raises:
        LimitExceeded: its window is larger than any that an encoder takes by itself.
        MissingDependency: Python is older than 3.14, and the extra zstd is not installed.
    """
    zstd = _zstandard()
    decoder = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MOST_WINDOW_BITS})
    return _unpacked(decoder, data, size, zstd.ZstdError)


def pack_xz(data: bytes) -> bytes:
    """An XZ stream."""
    return bytes(_module(NEEDS_XZ, "lzma").compress(data))


def pack_zstandard(data: bytes) -> bytes:
    """A Zstandard frame."""
    return bytes(_zstandard().compress(data))


def _zstandard() -> Any:
    return _module(NEEDS_ZSTANDARD, "compression.zstd", "backports.zstd")


def _module(needed: str, *names: str) -> Any:
    """The first of some modules that is there."""
    for name in names:
        with suppress(ImportError):
            return import_module(name)
    raise MissingDependency(needed)


def _unpacked(decoder: _Decoder, data: bytes | memoryview, size: int, error: type[Exception]) -> Unpacked:
    """As many bytes as asked for, and one more step, which reads what ends the stream behind them."""
    out, source = bytearray(), bytes(data)
    piece, more = b"", source
    try:
        while not decoder.eof and len(out) <= size and (more or piece):
            piece, more = decoder.decompress(more, max(1, size - len(out))), b""
            out += piece
    except error as problem:
        if any(words in str(problem) for words in TOO_MUCH):
            raise LimitExceeded(f"tiff strip or tile: its decoder asks for more than {MOST_MEMORY} bytes") from problem
        return bytes(out[:size]), len(source), len(out) >= size
    return bytes(out[:size]), len(source) - len(decoder.unused_data), True
