"""What is left in the coded pictures of a WebP file, and takes a codec to see: the caller lends one."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from rmexif.containers.webp import parse
from rmexif.errors import MalformedImage
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.types import Container, Part

    Decode = Callable[[bytes], bytes | None]
    Encode = Callable[[bytes], bytes]

__all__ = ["settle"]

READ_AHEAD = 4  # byte: an encoder's flush may leave as much behind what a decoder needs


def settle(view: memoryview, container: Container[Any], decode: Decode, encode: Encode) -> bytes:
    """The lossless clean file; VP8L coded again, ALPH and VP8 cut behind the last byte that a decoder needs.

    Args:
        view: the file.
        container: what parse.parse() said about it.
        decode: the pixels of a WebP file with one picture, None where it cannot be read.
        encode: such a file with the same pixels as VP8L; the colour under alpha 0 cleared.

    Raises:
        MalformedImage: a picture cannot be decoded.
        EncodeError: ``encode`` gave something else.
    """
    fresh = [_settled(file, decode, encode) for file in parse.pictures(view, container)]
    return b"".join(parse.rewrite(view, container, fresh))


def _settled(file: bytes, decode: Decode, encode: Encode) -> bytes:
    """A file with one picture and nothing behind its data."""
    parts = {part.label: part for part in parse.parse(memoryview(file), Limits()).parts}
    if "VP8L" in parts:
        return encode(file)
    pixels = decode(file)
    if pixels is None:
        raise MalformedImage("webp: the coded picture cannot be decoded")
    for kind in ("VP8", "ALPH"):  # the last one first: the other keeps its place
        if kind in parts:
            file = _shortest(file, parts[kind], lambda cut: decode(cut) == pixels)
    return file


def _shortest(file: bytes, part: Part, same: Callable[[bytes], bool]) -> bytes:
    """``file`` with the least bytes in one chunk that give the same picture; most often one try says: as it is."""
    good = int.from_bytes(file[part.offset + 4 : part.offset + 8], "little")
    bad, middle = 0, good - READ_AHEAD
    while bad + 1 < good and middle > 0:
        if same(_cut(file, part, middle)):
            good = middle
        elif good - middle == READ_AHEAD:
            break
        else:
            bad = middle
        middle = max(bad + 1, (bad + good) // 2)
    return _cut(file, part, good)


def _cut(file: bytes, part: Part, length: int) -> bytes:
    """``file`` with ``length`` bytes in one chunk."""
    chunk = file[part.offset : part.offset + 4] + struct.pack("<I", length)
    chunk += file[part.offset + 8 : part.offset + 8 + length] + b"\0" * (length & 1)
    body = file[8 : part.offset] + chunk + file[part.end :]
    return file[:4] + struct.pack("<I", len(body)) + body
