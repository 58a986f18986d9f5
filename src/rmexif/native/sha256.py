"""The SHA-256 of two messages at once, as every report of a file and its clean copy needs them.

Two of them take little longer than one where the processor has instructions for it; the digests are hashlib's.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rmexif.native.library import twin

if TYPE_CHECKING:
    import ctypes

__all__ = ["hexdigests"]

Buffer = bytes | bytearray | memoryview

SIZE = 32  # bytes of a digest


def _hexdigests(core: ctypes.CDLL, first: Buffer, second: Buffer) -> tuple[str, str]:
    if not core.rmexif_sha256_is_offered():
        return hexdigests.python(first, second)
    digests = bytearray(2 * SIZE)
    if core.rmexif_sha256_pair(first, len(first), second, len(second), digests):
        raise ValueError("sha256: the core refuses what is offered")
    return digests[:SIZE].hex(), digests[SIZE:].hex()


@twin(_hexdigests)
def hexdigests(first: Buffer, second: Buffer) -> tuple[str, str]:
    """The SHA-256 of two messages, as hexadecimal digits.

    Args:
        first: contiguous bytes.
        second: contiguous bytes.
    """
    return hashlib.sha256(first).hexdigest(), hashlib.sha256(second).hexdigest()
