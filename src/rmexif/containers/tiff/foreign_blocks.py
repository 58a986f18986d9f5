"""The blocks of XZ streams and Zstandard frames: as encoders cut them, or as somebody did to say something.

What is left free are the codes inside a block, as the matches of Deflate are. All else is one of a few values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.tiff.coded_strip import STRUCTURE
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["has_common_blocks_xz", "has_common_blocks_zstandard"]

Buffer = bytes | memoryview

FEW = 2  # blocks or chunks beyond those that a size takes
# The .xz File Format (1.2.1), 2.1.1 and 3.1, and LZMA2:
STREAM_HEADER, CHECK_PLACE = 12, 7  # byte
CHECK_SIZES = {0: 0, 1: 4, 4: 8, 10: 32}  # byte, of none, CRC32, CRC64 and SHA-256
LZMA2, DELTA = 0x21, 0x03  # filters; libtiff puts Delta before LZMA2
HAS_PACKED_SIZE, HAS_SIZE = 0x40, 0x80  # of the flags of a block
LAST_BYTES = 40  # byte: of an index of one record, and of the footer
PACKED_CHUNK, CHUNK = 1 << 15, 1 << 20  # byte: what a chunk has at the least, packed or not
IS_PACKED, NEW_PROPERTIES = 0x80, 0xC0  # of the control byte of a chunk
# Zstandard (RFC 8878, 3.1.1):
FRAME = 0xFD2FB528
UNUSED, DICTIONARY, SINGLE_SEGMENT, CHECKSUM = 0x10, 0x03, 0x20, 0x04  # of the frame header descriptor
MANTISSA = 0x07  # of the window descriptor
CONTENT_SIZES = (0, 2, 4, 8)  # byte, of the field of the size
RLE = 1  # type of a block
BLOCK = 1 << 12  # byte: what a block holds at the least, on the whole


def has_common_blocks_xz(data: Buffer, size: int) -> bool:
    """Whether an XZ stream is one block, of chunks that are no shorter than liblzma's.

    Args:
        data: the stream, which a decoder has read to its end.
        size: bytes that it decodes to.
    """
    return _holds(_is_one_block, data, size)


def _holds(check: Callable[[Cursor, int], bool], data: Buffer, size: int) -> bool:
    """What a check answers; no where its reading fails."""
    try:
        return check(Cursor(memoryview(data), STRUCTURE, order="little"), size)
    except MalformedImage:
        return False


def _is_one_block(cursor: Cursor, size: int) -> bool:
    check = CHECK_SIZES.get(cursor.bytes(STREAM_HEADER)[CHECK_PLACE])
    start = cursor.offset
    end, flags = start + 4 * cursor.u8(), cursor.u8()  # without the checksum
    for flag in (HAS_PACKED_SIZE, HAS_SIZE):
        if flags & flag:
            _variable(cursor)
    filters = []
    for _ in range(1 + (flags & 3)):
        filters.append(_variable(cursor))
        cursor.skip(_variable(cursor))
    padding = cursor.bytes(end - cursor.offset)
    if check is None or filters not in ([LZMA2], [DELTA, LZMA2]) or len(padding) > 3:
        return False
    cursor.skip(4)
    if not _has_few_chunks(cursor, size):
        return False
    cursor.skip((start - cursor.offset) % 4 + check)
    return cursor.remaining <= LAST_BYTES and cursor.bytes(2) == b"\0\1"  # an index of one record


def _has_few_chunks(cursor: Cursor, size: int) -> bool:
    """Whether there are no more chunks than their bytes, packed or not, take; read up to their end."""
    chunks = packed = 0
    while control := cursor.u8():
        if control >= IS_PACKED:
            cursor.skip(2)  # of the size of what is packed
        length = int.from_bytes(cursor.take(2), "big") + 1
        cursor.skip(length + (control >= NEW_PROPERTIES))
        chunks, packed = chunks + 1, packed + length
        if chunks > FEW + packed // PACKED_CHUNK + size // CHUNK:
            return False
    return True


def _variable(cursor: Cursor) -> int:
    """A number of seven bits a byte, the lowest first (.xz, 1.2)."""
    value = 0
    for shift in range(0, 63, 7):
        byte = cursor.u8()
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise MalformedImage("a number of more than 63 bits", structure=cursor.structure, offset=cursor.offset)


def has_common_blocks_zstandard(data: Buffer, size: int) -> bool:
    """Whether a Zstandard frame has no unused bit, dictionary or empty block, and few blocks; arguments as above."""
    return _holds(_has_few_blocks, data, size)


def _has_few_blocks(cursor: Cursor, size: int) -> bool:
    is_frame, descriptor = cursor.u32() == FRAME, cursor.u8()
    if not is_frame or descriptor & (UNUSED | DICTIONARY):
        return False
    if not descriptor & SINGLE_SEGMENT and cursor.u8() & MANTISSA:
        return False
    content = CONTENT_SIZES[descriptor >> 6]
    cursor.skip(1 if descriptor & SINGLE_SEGMENT and not content else content)
    blocks, is_last = 0, False
    while not is_last:
        header = cursor.uint(3)
        is_last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        blocks += 1
        if (not length and not is_last) or blocks > FEW + size // BLOCK:
            return False
        cursor.skip(1 if kind == RLE else length)
    return cursor.remaining == 4 * bool(descriptor & CHECKSUM)
