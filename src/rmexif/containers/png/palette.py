"""PLTE and tRNS (W3C PNG third edition, 11.2.2 and 11.3.1.1) as they stay."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.common.palette import twins
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["clean_colour_key", "clean_palette"]

KEY_LENGTHS = {0: 2, 2: 6}  # byte of tRNS, by colour type
CLEAR = bytes(4)  # every fully transparent entry
UNUSED = b"\0\0\0\xff"  # an entry that no pixel has: black, opaque

PngChunks = list[tuple[bytes, bytes]]  # type and content


def clean_colour_key(data: bytes, colour_type: int, depth: int) -> tuple[int, ...]:
    """The samples of the transparent colour of a grey or RGB picture; empty where tRNS names none.

    Args:
        data: content of tRNS.
        colour_type: of IHDR.
        depth: bits of a sample; those above it are not read.
    """
    length = KEY_LENGTHS.get(colour_type, 0)
    if not length or len(data) < length:
        return ()
    return tuple(value & (1 << depth) - 1 for value in struct.unpack(f">{length // 2}H", data[:length]))


def clean_palette(colours: bytes, alphas: bytes, used: Collection[int], offset: int) -> tuple[PngChunks, bytes]:
    """PLTE and tRNS without entries that no pixel has, and the new index for every old one.

    Entries out of use are blackened or cut off; entries of one colour (all clear ones are) become one.

    Args:
        colours: content of PLTE.
        alphas: content of tRNS.
        used: indices that pixels have.
        offset: of PLTE, for messages.

    Raises:
        MalformedImage: an index without an entry: no two decoders agree on its colour.
    """
    highest = max(used)
    if len(colours) % 3 or len(colours) <= 3 * highest:
        problem = f"{len(colours)} bytes, at least {3 * highest + 3} and a multiple of 3 expected"
        raise MalformedImage(problem, structure="png chunk PLTE", offset=offset)
    alphas = alphas[:256].ljust(256, b"\xff")
    entries = [
        colours[3 * index : 3 * index + 3] + alphas[index : index + 1] if alphas[index] else CLEAR
        for index in range(highest + 1)
    ]
    indices = twins(entries, used)
    kept = {indices[index] for index in used}
    rows = [entries[index] if index in kept else UNUSED for index in range(max(kept) + 1)]
    chunks = [
        (b"PLTE", b"".join(row[:3] for row in rows)),
        (b"tRNS", b"".join(row[3:] for row in rows).rstrip(b"\xff")),
    ]
    return [chunk for chunk in chunks if chunk[1]], indices
