"""The zlib stream of iCCP (W3C PNG, third edition, 11.3.2.3): short, and the same with every zlib.

Matches are looked for here, at the last place of the same bytes, and coded by ``native.deflate.recode``.
"""

from __future__ import annotations

import zlib
from array import array

from rmexif.containers.common.memory import common_length
from rmexif.native import deflate

__all__ = ["deflated"]

LONGEST = 1 << 16  # byte of a profile whose matches are looked for; a longer one is stored: bounds the time
KEY = 4  # byte that a match begins with
SHORTEST_MATCH, LONGEST_MATCH, WINDOW = 3, 258, 1 << 15  # byte (RFC 1951, 3.2.5)
NO_MATCH = 511  # literals before a match, at most; see ``native.deflate.inflate``


def deflated(content: bytes) -> bytes:
    """A zlib stream of ``content``."""
    if len(content) > LONGEST:
        return zlib.compress(content, 0)
    return bytes(deflate.recode(memoryview(array("I", _symbols(content))), content))


def _symbols(content: bytes) -> list[int]:
    """Literals and matches: how many bytes stand before a match, its length and its distance."""
    view, places, symbols = memoryview(content), dict[bytes, int](), list[int]()
    at = unpacked = 0
    while at < len(content):
        key = content[at : at + KEY]
        place = places.get(key, -WINDOW - 1)
        places[key] = at
        length = common_length(view[at : at + LONGEST_MATCH], view[place:]) if at - place <= WINDOW else 0
        if length < KEY:
            at += 1
        else:
            if at - unpacked >= NO_MATCH:
                symbols.append(NO_MATCH << 23 | at - unpacked)
                unpacked = at
            symbols.append((at - unpacked) << 23 | (length - SHORTEST_MATCH) << 15 | at - place - 1)
            at = unpacked = at + length
    return symbols
