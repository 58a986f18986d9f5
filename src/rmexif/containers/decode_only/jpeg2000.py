"""JPEG 2000 (ISO/IEC 15444-1): the size, and what a decoder makes room for, from the headers of a codestream."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rmexif.cursor import Cursor
from rmexif.errors import LimitExceeded, MalformedImage

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CODESTREAM", "JP2", "Grid", "read_depth", "read_grid"]

JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"
SOT, SOD, EOC, COD, COC = 0xFF90, 0xFF93, 0xFFD9, 0xFF52, 0xFF53  # table A.2
SSIZ = 42  # byte of a codestream: of the first component, behind SOC and the fields of SIZ for all of them
HAS_PRECINCTS = 1  # Scod, table A.13
DEFAULT_PRECINCT = 0xFF  # 2^15 px along either side
MAX_LEVELS = 32  # table A.15
MAX_BOXES = 64
MAX_BLOCKS = 1_000_000  # precincts and code-blocks, for each of which OpenJPEG holds 400 bytes; 200 MP have 600 000


class Grid(NamedTuple):
    """What SIZ says (A.5.1)."""

    width: int  # px
    height: int  # px
    components: int
    offset: int  # byte of the numbers
    tile: tuple[int, int]  # px


class _Style(NamedTuple):
    """How components are cut up (A.6.1)."""

    block: tuple[int, int]  # exponents of the sides of a code-block
    precincts: tuple[int, ...]  # of each resolution, from the lowest on: exponents of the sides, four bits each


def read_grid(view: memoryview) -> Grid:
    """The reference grid less its offset of the first codestream.

    Raises:
        MalformedImage: no codestream, or a header that is cut.
        LimitExceeded: more precincts and code-blocks than a decoder has room for.
    """
    cursor = Cursor(view, "jpeg2000 SIZ", _codestream(view))
    if cursor.bytes(4) != CODESTREAM:
        raise MalformedImage("SOC and SIZ expected", structure="jpeg2000 codestream", offset=cursor.offset - 4)
    end = cursor.offset + cursor.u16()
    cursor.skip(2)
    right, bottom, left, top, across, down = (cursor.u32() for _ in range(6))
    offset = cursor.offset - 24
    cursor.skip(8)  # where the first tile starts
    grid = Grid(right - left, bottom - top, cursor.u16(), offset, (across, down))
    for style, place in _styles(view, end, grid.components):
        blocks = _blocks(grid, style)
        if blocks > MAX_BLOCKS:
            problem = f"{blocks} precincts and code-blocks, above the limit of {MAX_BLOCKS}"
            raise LimitExceeded(problem, structure="jpeg2000 coding style", offset=place)
    return grid


def read_depth(view: memoryview) -> int:
    """Bits of a sample of the first component (Ssiz, A.5.1)."""
    return (Cursor(view, "jpeg2000 SIZ", _codestream(view) + SSIZ).u8() & 0x7F) + 1


def _codestream(view: memoryview) -> int:
    """Byte where the codestream starts: in a JP2 file the body of the box jp2c (I.5.4)."""
    at = 0
    if bytes(view[:4]) == CODESTREAM[:4]:
        return at
    for _ in range(MAX_BOXES):
        cursor = Cursor(view, "jpeg2000 box", at)
        size, kind = cursor.u32(), cursor.bytes(4)
        if size == 1:
            size = cursor.u64()
        if kind == b"jp2c":
            return cursor.offset
        if size < cursor.offset - at:
            break
        at += size
    raise MalformedImage("no box jp2c", structure="jpeg2000", offset=at)


def _styles(view: memoryview, at: int, components: int) -> Iterator[tuple[_Style, int]]:
    """The coding styles of the main header and of all tile-parts, and their places; what is cut ends them."""
    end = 0  # of the tile-part; 0: of the last one, which goes on to the end
    while at + 4 <= len(view):
        marker, size = int.from_bytes(view[at : at + 2], "big"), int.from_bytes(view[at + 2 : at + 4], "big")
        if marker == EOC or (marker == SOD and not end):
            return
        if marker == SOD:
            at = max(end, at + 2)
            continue
        if marker == SOT:
            length = int.from_bytes(view[at + 6 : at + 10], "big")
            end = at + length if length else 0
        elif marker in (COD, COC):
            yield _style(Cursor(view, "jpeg2000 coding style", at + 4), marker, components), at
        at += 2 + max(2, size)


def _style(cursor: Cursor, marker: int, components: int) -> _Style:
    if marker == COC:
        cursor.skip(1 if components < 257 else 2)
    scheme = cursor.u8()
    if marker == COD:
        cursor.skip(4)  # progression, layers, colour transform
    levels, across, down = cursor.u8(), cursor.u8(), cursor.u8()
    if levels > MAX_LEVELS:
        problem = f"{levels} decomposition levels, at most {MAX_LEVELS} are defined"
        raise MalformedImage(problem, structure="jpeg2000 coding style", offset=cursor.offset - 3)
    cursor.skip(2)  # style and transform
    own = tuple(cursor.bytes(levels + 1)) if scheme & HAS_PRECINCTS else ()
    return _Style((across + 2, down + 2), own or (DEFAULT_PRECINCT,) * (levels + 1))


def _blocks(grid: Grid, style: _Style) -> int:
    """Precincts and code-blocks of all tiles and components, in a style (B.6, B.7)."""
    sides = [max(1, min(tile, full)) for tile, full in zip(grid.tile, (grid.width, grid.height), strict=True)]
    count = 0
    for resolution, packed in enumerate(style.precincts):
        halvings = len(style.precincts) - 1 - resolution
        precincts, blocks = 1, 3 if resolution else 1  # bands
        for side, exponent, block in zip(sides, (packed & 15, packed >> 4), style.block, strict=True):
            reduced = -(-side >> halvings)
            precincts *= -(-reduced >> exponent)
            band = -(-reduced // 2) if resolution else reduced
            blocks *= -(-band >> min(block, max(0, exponent - (resolution > 0))))
        count += precincts + blocks
    tiles = 1
    for side, full in zip(sides, (grid.width, grid.height), strict=True):
        tiles *= -(-full // side)
    return count * tiles * grid.components
