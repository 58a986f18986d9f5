"""VP8L in Python: what ``c/vp8l*.c`` must do. The numbers in brackets are sections of RFC 9649."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rmexif.native.status import Status
from rmexif.native.vp8l_code_twin import Bits, Code, Stop, read_code
from rmexif.native.vp8l_rows_twin import (
    Transform,
    add_pixels,
    split_pixel,
    subsampled,
    undo_colour,
    undo_colour_table,
    undo_predictor,
    undo_subtract_green,
)

__all__ = ["Stop", "read"]

GREEN, RED, BLUE, ALPHA, DISTANCE = range(5)
PREDICTOR, COLOUR, SUBTRACT_GREEN, COLOUR_TABLE = range(4)
LITERALS, LENGTHS, DISTANCES = 256, 24, 40
BLACK = 0xFF000000
LARGEST_SIDE = 1 << 14
# (columns left, rows up) of the distance codes 1 to 120 (3.6.2.2): sorted by the distance in a straight line.
NEAR = sorted(
    ((x, y) for y in range(8) for x in range(-7, 9) if y or x > 0),
    key=lambda near: (near[0] ** 2 + near[1] ** 2, abs(near[0]), -near[0]),
)


@dataclass
class _Group:
    """The five codes of a pixel."""

    codes: list[Code]
    used: bool = False


@dataclass
class _Facts:
    """What ``c/vp8l.h`` reports, in its order."""

    bits: int = 0
    width: int = 0
    height: int = 0
    alpha_hint: bool = False
    transforms: int = 0
    groups: int = 0
    unused_groups: int = 0
    symbols: int = 0
    unused_symbols: int = 0
    colours: int = 0
    unused_colours: int = 0
    free_values: int = 0
    decoded: bool = False
    translucent: int = 0
    hidden: int = 0
    hidden_coded: int = 0
    rows: bytes = b""

    def count_symbols(self, group: _Group) -> None:
        """Count the symbols of a used group, and those that never occur; a lone, unused 0 does not count."""
        green = group.codes[GREEN].seen
        literals = any(symbol < LITERALS for symbol in green)
        copies = any(LITERALS <= symbol < LITERALS + LENGTHS for symbol in green)
        for channel, code in enumerate(group.codes):
            self.symbols += code.symbols
            used = channel == GREEN or (copies if channel == DISTANCE else literals)
            if code.symbols > 1 or not (used or code.only == 0):
                self.unused_symbols += code.symbols - len(code.seen)

    def count_free(self, values: list[int], mask: int) -> None:
        """Count values that differ from the first one in bits that decoders ignore."""
        self.free_values += sum((value ^ values[0]) & mask != 0 for value in values[1:])


@dataclass
class _Image:
    """Values of a picture or a sub-image."""

    width: int
    height: int
    cache_bits: int = 0
    tile_bits: int = 0
    group_of: list[int] = field(default_factory=list)  # by tile; empty: one group
    groups: list[_Group] = field(default_factory=list)
    values: list[int] = field(default_factory=list)


def _read_group(bits: Bits, cache_bits: int) -> _Group:
    more = 1 << cache_bits if cache_bits else 0
    alphabets = (LITERALS + LENGTHS + more, LITERALS, LITERALS, LITERALS, DISTANCES)
    return _Group([read_code(bits, alphabet) for alphabet in alphabets])


def _read_cache_bits(bits: Bits) -> int:
    if not bits.take(1):
        return 0
    cache_bits = bits.take(4)
    if not 1 <= cache_bits <= 11:
        raise Stop(Status.BAD_VALUE)
    return cache_bits


def _prefixed(bits: Bits, symbol: int) -> int:
    """A length or a distance (3.6.2.2)."""
    if symbol < 4:
        return symbol + 1
    more = (symbol - 2) >> 1
    return ((2 + (symbol & 1)) << more) + bits.take(more) + 1


def _read_values(bits: Bits, image: _Image) -> None:
    """Literals, copies and references to the colour cache, up to the last pixel (3.6.2)."""
    width, total, values = image.width, image.width * image.height, image.values
    tiles = subsampled(width, image.tile_bits)
    cache, cached = [0] * (1 << image.cache_bits), 0
    while len(values) < total:
        y, x = divmod(len(values), width)
        at = (y >> image.tile_bits) * tiles + (x >> image.tile_bits)
        group = image.groups[image.group_of[at] if image.group_of else 0]
        group.used = True
        symbol = group.codes[GREEN].read(bits)
        if symbol < LITERALS:
            red, blue, alpha = (group.codes[channel].read(bits) for channel in (RED, BLUE, ALPHA))
            values.append(alpha << 24 | red << 16 | symbol << 8 | blue)
        elif symbol < LITERALS + LENGTHS:
            length = _prefixed(bits, symbol - LITERALS)
            code = _prefixed(bits, group.codes[DISTANCE].read(bits))
            back = code - len(NEAR) if code > len(NEAR) else NEAR[code - 1][0] + NEAR[code - 1][1] * width
            back = max(back, 1)
            if back > len(values) or length > total - len(values):
                raise Stop(Status.BAD_VALUE)
            pattern = values[-back:]
            values += (pattern * (length // len(pattern[:length]) + 1))[:length]
        else:
            for value in values[cached:]:
                cache[(value * 0x1E35A7BD & 0xFFFFFFFF) >> 32 - image.cache_bits] = value
            cached = len(values)
            values.append(cache[symbol - LITERALS - LENGTHS])


def _read_sub_image(bits: Bits, facts: _Facts, width: int, height: int, mask: int) -> list[int]:
    """Transform data, the entropy image or a colour table; ``mask``: the bits that decoders ignore."""
    image = _Image(width, height, _read_cache_bits(bits))
    image.groups = [_read_group(bits, image.cache_bits)]
    _read_values(bits, image)
    facts.count_symbols(image.groups[0])
    facts.count_free(image.values, mask)
    return image.values


def _read_transforms(bits: Bits, facts: _Facts, width: int, height: int) -> tuple[list[Transform], int]:
    """The transforms in the order of the stream, and the width of the rows that they leave."""
    found = list[Transform]()
    while bits.take(1):
        transform = Transform(bits.take(2), width)
        if facts.transforms >> transform.kind & 1:
            raise Stop(Status.BAD_VALUE)
        facts.transforms |= 1 << transform.kind
        found.append(transform)
        if transform.kind == COLOUR_TABLE:
            facts.colours = 1 + bits.take(8)
            transform.bits = next(n for n, most in ((3, 2), (2, 4), (1, 16), (0, 256)) if facts.colours <= most)
            width = subsampled(width, transform.bits)
            for value in _read_sub_image(bits, facts, facts.colours, 1, 0):
                transform.data.append(add_pixels(value, transform.data[-1]) if transform.data else value)
            transform.data += [0] * (256 - facts.colours)
        elif transform.kind != SUBTRACT_GREEN:
            transform.bits = 2 + bits.take(3)
            flat = width == 1 or height == 1
            ignored = 0xFF000000 if transform.kind == COLOUR else 0xFFFFFFFF if flat else 0xFFFFF0FF
            tiles = subsampled(width, transform.bits), subsampled(height, transform.bits)
            transform.data = _read_sub_image(bits, facts, *tiles, ignored)
            if transform.kind == PREDICTOR:
                facts.free_values += sum(value >> 8 & 15 > 13 for value in transform.data)
    return found, width


def _read_groups(bits: Bits, facts: _Facts, image: _Image) -> None:
    """The entropy image (3.7.1), and the groups."""
    groups, named = 1, {0}
    if bits.take(1):
        image.tile_bits = 2 + bits.take(3)
        tiles = subsampled(image.width, image.tile_bits), subsampled(image.height, image.tile_bits)
        image.group_of = [value >> 8 & 0xFFFF for value in _read_sub_image(bits, facts, *tiles, 0xFF0000FF)]
        groups, named = max(image.group_of) + 1, set(image.group_of)
    facts.groups = groups
    none = _Group([])
    for index in range(groups):
        group = _read_group(bits, image.cache_bits)
        image.groups.append(group if index in named else none)


def _needs_no_pixels(facts: _Facts, image: _Image, headless: bool) -> bool:
    """Whether the codes alone say what decoding would: all is opaque; in ALPH, no value but green varies."""

    def constant(channel: int) -> int | None:
        found = {group.codes[channel].only for group in image.groups if group.codes}
        return found.pop() if len(found) == 1 else None

    if facts.colours:
        return False
    if headless:
        return not image.cache_bits and None not in map(constant, (RED, BLUE, ALPHA))
    if facts.transforms >> PREDICTOR & 1:
        return constant(ALPHA) == 0
    return constant(ALPHA) == 255 and not image.cache_bits  # a cache starts with transparent black


def _restore(facts: _Facts, image: _Image, transforms: list[Transform], lines: int, rows: int) -> tuple[set[int], int]:
    """Count what the first ``lines`` rows show; the indices that they name, and rows with bits behind their end."""
    named, padded, above, out = set[int](), 0, list[int](), bytearray()
    for y in range(lines):
        row = image.values[y * image.width : (y + 1) * image.width]
        for transform in reversed(transforms):
            if transform.kind == PREDICTOR:
                undo_predictor(transform, row, above, y)
                above = list(row)
            elif transform.kind == COLOUR:
                undo_colour(transform, row, y)
            elif transform.kind == SUBTRACT_GREEN:
                undo_subtract_green(row)
            else:
                row, padding = undo_colour_table(transform, row, named)
                padded += padding
        facts.translucent += sum(pixel < BLACK for pixel in row)
        hidden = [x for x, pixel in enumerate(row) if 0 < pixel < 1 << 24]
        facts.hidden += len(hidden)
        values = image.values[y * image.width : (y + 1) * image.width]
        facts.hidden_coded += sum(bool(facts.colours) or values[x] & 0xFFFFFF != 0 for x in hidden)
        if y < rows:
            out += b"".join(bytes((r, g, b, a)) for a, r, g, b in map(split_pixel, row))
    facts.rows = bytes(out)
    return named, padded


def _read_header(bits: Bits, facts: _Facts) -> None:
    """Signature, sides, hint and version (3.4)."""
    if bits.take(8) != 0x2F:
        raise Stop(Status.BAD_VALUE)
    facts.width, facts.height = 1 + bits.take(14), 1 + bits.take(14)
    facts.alpha_hint = bool(bits.take(1))
    if bits.take(3):
        raise Stop(Status.BAD_VALUE)


def _report_pixels(facts: _Facts, image: _Image, named: set[int], padded: int, headless: bool) -> None:
    facts.decoded = True
    if facts.colours or headless:
        # The predictor of the first pixel is opaque black: in ALPH its value differs from all others.
        first = int(headless and facts.transforms >> PREDICTOR & 1)
        facts.count_free(image.values[first:], 0xFFFF00FF)
    if facts.colours:
        facts.free_values += padded
        facts.unused_colours = sum(index not in named for index in range(facts.colours))
    if headless:
        facts.translucent = facts.hidden = facts.hidden_coded = 0


def read(
    data: bytes | memoryview, width: int, height: int, most_pixels: int, *, decode: bool, rows: int
) -> tuple[Any, ...]:
    """The facts of ``vp8l.Walk`` but the status.

    Raises:
        Stop: no decoder reads the data, a side is out of range, or there are more than ``most_pixels``.
    """
    headless = bool(width or height)
    bits, facts = Bits(data), _Facts(width=width, height=height)
    if headless and not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise Stop(Status.BAD_ARGUMENT)
    if not headless:
        _read_header(bits, facts)
    if facts.width * facts.height > most_pixels:
        raise Stop(Status.LIMIT)
    transforms, inner_width = _read_transforms(bits, facts, facts.width, facts.height)
    image = _Image(inner_width, facts.height, _read_cache_bits(bits))
    _read_groups(bits, facts, image)
    proven = decode and _needs_no_pixels(facts, image, headless)
    _read_values(bits, image)
    complete = decode and not proven
    lines = facts.height if complete else min(rows, facts.height)
    named, padded = _restore(facts, image, transforms, lines, rows)
    if lines == facts.height:
        _report_pixels(facts, image, named, padded, headless)
    else:
        facts.translucent = facts.hidden = facts.hidden_coded = 0
    facts.decoded = facts.decoded or proven
    for group in image.groups:
        if group.used:
            facts.count_symbols(group)
        else:
            facts.unused_groups += 1
    facts.bits = bits.position
    return tuple(vars(facts).values())
