"""VP8 key frames, the lossy bitstream of WebP (RFC 6386).

There is no Python twin: it would be a second codec. Without the core, ``rewrite`` answers None, and a caller is left
with what decoding can tell.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from rmexif.native import library
from rmexif.native.status import Status

__all__ = ["Partition", "Rewrite", "rewrite"]

Buffer = bytes | memoryview

MOST_PARTITIONS = 9  # VP8_MOST_PARTITIONS of c/vp8.h
STARTS = 9  # VP8_STARTS
FACTS = STARTS + 3 * MOST_PARTITIONS  # VP8_FACTS
HEAD = 10  # byte: frame tag, start code, sides


class Partition(NamedTuple):
    """Where a partition lies."""

    start: int  # byte
    size: int  # byte: that the file gives it
    needed: int  # byte: that its booleans depend on


class Rewrite(NamedTuple):
    """A frame in canonical form, and what was found on the way. On any other status than OK the rest says nothing.

    Attributes:
        data: the frame; it decodes to the same pixels.
        width: px.
        height: px.
        free: bytes of partitions behind what an encoder flushes.
        header_flags: fields that viewers ignore and that were set; 1: colour space, 2: clamping, 4: enlargement,
            8: a version other than that of the filter in use.
        probabilities: of tokens that the frame replaces.
        unused_probabilities: those of them that no token is read with.
        redundant_blocks: zeros up to the last coefficient, and macroblocks without any that are not skipped. They
            stay: one bit each could be a message.
        partitions: the first one, and those of tokens.
    """

    status: Status
    data: bytes = b""
    width: int = 0
    height: int = 0
    free: int = 0
    header_flags: int = 0
    probabilities: int = 0
    unused_probabilities: int = 0
    redundant_blocks: int = 0
    partitions: tuple[Partition, ...] = ()


def rewrite(data: Buffer) -> Rewrite | None:
    """Read the content of a VP8 chunk up to the last boolean of every partition, and write it in canonical form.

    Returns:
        None without the core. Statuses: ENDS_EARLY; BAD_VALUE for what is no key frame that is shown;
        BAD_CODE for what no encoder can have written.
    """
    if library.engine() == "python" or library.loaded is None:
        return None
    width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    scratch = bytearray(library.loaded.rmexif_vp8_scratch(width, height))
    facts, room = (ctypes.c_uint64 * FACTS)(), len(data) + 64 + width * height // (256 * 64)
    status = Status.OUTPUT_FULL
    while status is Status.OUTPUT_FULL:
        out = bytearray(room)
        status = Status(library.loaded.rmexif_vp8_rewrite(data, len(data), scratch, len(scratch), out, len(out), facts))
        room *= 2
    if status is not Status.OK:
        return Rewrite(status)
    size, used = facts[3], range(STARTS, STARTS + facts[2])
    partitions = tuple(Partition(*facts[at : at + 2 * MOST_PARTITIONS + 1 : MOST_PARTITIONS]) for at in used)
    return Rewrite._make((status, bytes(out[:size]), *facts[:2], *facts[4:STARTS], partitions))
