"""Image data that is too long for the Python twin to audit: inflated with zlib, cleared, and deflated again.

Nothing of how the stream was coded is left, so no audit is needed; the choice of a filter for every row stays.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from rmexif.containers.common.zlib_stream import compressed_well
from rmexif.errors import MalformedImage
from rmexif.native.png import packed_table, specification

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.native.png import Layout

__all__ = ["End", "ZlibSurvey", "deflate", "recompressed", "survey"]

DATA = "png image data"  # for messages
MOST_GROWTH = 1.01


class End(Enum):
    """How a stream ends behind the last row."""

    COMPLETE = 0
    ROWS_BEYOND = 1  # with more bytes
    OPEN = 2  # not at all
    CHECKSUM = 3  # with another checksum, or none


@dataclass(frozen=True, slots=True)
class ZlibSurvey:
    """What a stream holds."""

    consumed: int  # byte
    end: End
    invisible: bool  # colour under alpha 0
    padding: bool  # bits behind the last pixel of a row
    keyed: bool  # the colour that was asked for
    used: frozenset[int]  # indices of a palette


def survey(data: memoryview, layout: Layout, offset: int, key: bytes | None) -> ZlibSurvey:
    """Inflate a picture and look into its pixels; arguments as those of ``scanlines.survey``.

    Raises:
        MalformedImage: the stream is broken or short, or names a filter that does not exist (9.2).
    """
    raw, consumed, end = _inflate(data, layout.size, offset)
    if specification().has_unknown_kind(raw, layout):
        raise MalformedImage("a row has a filter above 4", structure=DATA, offset=offset)
    if key is None and layout.colour in (0, 2) and layout.depth >= 8:
        return ZlibSurvey(consumed, end, False, False, False, frozenset())
    found = specification().look(raw, layout, key)
    used = frozenset(value for value in range(256) if found.used[value]) if layout.colour == 3 else frozenset[int]()
    return ZlibSurvey(consumed, end, found.invisible, found.padding > 0, found.keyed, used)


def recompressed(data: memoryview, layout: Layout, indices: bytes, offset: int) -> bytes:
    """A picture deflated again, without what no decoder shows; arguments as those of ``scanlines.cleaned``."""
    raw, _, _ = _inflate(data, layout.size, offset)
    if layout.colour not in (0, 2) or layout.depth < 8:
        raw = specification().cleared(raw, layout, packed_table(indices, min(layout.depth, 8)))
    return _shortest(raw, len(data))


def _shortest(raw: bytes, size: int) -> bytes:
    """A zlib stream, coded with more effort where it would be larger than the ``size`` bytes that there were.

    The second time, the same one is chosen: with the effort it is smaller than without by as much as it may grow.
    """
    quick = deflate([raw])
    if len(quick) <= MOST_GROWTH * size:
        return quick
    thorough = compressed_well(raw)
    return thorough if len(quick) > MOST_GROWTH * len(thorough) else quick


def deflate(pieces: Iterable[bytes]) -> bytes:
    """A zlib stream with fixed settings: on photographs faster than the default, and smaller."""
    writer = zlib.compressobj(6, strategy=zlib.Z_FILTERED)
    return b"".join([*map(writer.compress, pieces), writer.flush()])


def _inflate(data: memoryview, size: int, offset: int) -> tuple[bytes, int, End]:
    """The first ``size`` bytes of a zlib stream, the bytes that it takes, and how it ends.

    Raises:
        MalformedImage: no zlib stream (RFC 1950), broken, or shorter than the picture.
    """
    if len(data) < 2 or data[0] & 15 != 8 or data[0] >> 4 > 7 or data[1] & 32 or (data[0] << 8 | data[1]) % 31:
        raise MalformedImage("no zlib header", structure=DATA, offset=offset)
    reader = zlib.decompressobj(-15)  # without its envelope: a wrong checksum then does not cost the picture
    try:
        raw = reader.decompress(data[2:], size)
    except zlib.error as error:
        raise MalformedImage("the deflate stream is broken", structure=DATA, offset=offset) from error
    if len(raw) < size:
        raise MalformedImage(f"it inflates to {len(raw)} bytes, {size} expected", structure=DATA, offset=offset)
    try:
        beyond = b"" if reader.eof else reader.decompress(reader.unconsumed_tail, 1)
    except zlib.error:
        return raw, len(data), End.OPEN
    if beyond or not reader.eof:
        return raw, len(data), End.ROWS_BEYOND if beyond else End.OPEN
    at = len(data) - len(reader.unused_data)
    intact = bytes(data[at : at + 4]) == zlib.adler32(raw).to_bytes(4, "big")
    return raw, min(len(data), at + 4), End.COMPLETE if intact else End.CHECKSUM
