"""Inverse transforms of VP8L in Python: what ``c/vp8l_rows.c`` must do (RFC 9649, 3.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "Transform",
    "add_pixels",
    "split_pixel",
    "subsampled",
    "undo_colour",
    "undo_colour_table",
    "undo_predictor",
    "undo_subtract_green",
]

BLACK = 0xFF000000


def subsampled(side: int, bits: int) -> int:
    """Tiles along a side, px."""
    return (side + (1 << bits) - 1) >> bits


@dataclass
class Transform:
    """One of the four (3.5)."""

    kind: int
    width: int  # px: of a row behind it
    bits: int = 0
    data: list[int] = field(default_factory=list)


def split_pixel(pixel: int) -> tuple[int, int, int, int]:
    """Alpha, red, green and blue."""
    return pixel >> 24, pixel >> 16 & 255, pixel >> 8 & 255, pixel & 255


def _join(channels: Iterable[int]) -> int:
    alpha, red, green, blue = (value & 255 for value in channels)
    return alpha << 24 | red << 16 | green << 8 | blue


def _each(rule: Callable[..., int]) -> Callable[..., int]:
    """A rule of one channel, applied to the four channels of pixels."""
    return lambda *pixels: _join(rule(*channels) for channels in zip(*map(split_pixel, pixels), strict=True))


def _clamp(value: int) -> int:
    return min(max(value, 0), 255)


add_pixels = _each(lambda a, b: a + b)
_mean = _each(lambda a, b: (a + b) // 2)
_full = _each(lambda left, top, corner: _clamp(left + top - corner))
_half = _each(lambda mean, corner: _clamp(mean + int((mean - corner) / 2)))


def _select(left: int, top: int, corner: int) -> int:
    """The neighbour that is nearer to left + top - corner, the top one where both are (3.5.1)."""
    to_left = sum(abs(a - b) for a, b in zip(split_pixel(top), split_pixel(corner), strict=True))
    to_top = sum(abs(a - b) for a, b in zip(split_pixel(left), split_pixel(corner), strict=True))
    return left if to_left < to_top else top


# By mode, of the pixels on the left, above, above on the right and above on the left; undefined modes as libwebp.
PREDICTORS: tuple[Callable[[int, int, int, int], int], ...] = (
    lambda _l, _t, _r, _c: BLACK,
    lambda left, _t, _r, _c: left,
    lambda _l, top, _r, _c: top,
    lambda _l, _t, right, _c: right,
    lambda _l, _t, _r, corner: corner,
    lambda left, top, right, _c: _mean(_mean(left, right), top),
    lambda left, _t, _r, corner: _mean(left, corner),
    lambda left, top, _r, _c: _mean(left, top),
    lambda _l, top, _r, corner: _mean(corner, top),
    lambda _l, top, right, _c: _mean(top, right),
    lambda left, top, right, corner: _mean(_mean(left, corner), _mean(top, right)),
    lambda left, top, _r, corner: _select(left, top, corner),
    lambda left, top, _r, corner: _full(left, top, corner),
    lambda left, top, _r, corner: _half(_mean(left, top), corner),
    lambda _l, _t, _r, _c: BLACK,
    lambda _l, _t, _r, _c: BLACK,
)


def undo_predictor(transform: Transform, row: list[int], above: list[int], y: int) -> None:
    """Add the predicted pixels to row ``y`` (3.5.1)."""
    tiles = subsampled(transform.width, transform.bits)
    for x, value in enumerate(row):
        if y == 0:
            predicted = row[x - 1] if x else BLACK
        elif x == 0:
            predicted = above[0]
        else:
            mode = transform.data[(y >> transform.bits) * tiles + (x >> transform.bits)] >> 8 & 15
            right = above[x + 1] if x + 1 < len(row) else row[0]
            predicted = PREDICTORS[mode](row[x - 1], above[x], right, above[x - 1])
        row[x] = add_pixels(value, predicted)


def _signed(value: int) -> int:
    return (value & 255) - (value << 1 & 256)


def undo_colour(transform: Transform, row: list[int], y: int) -> None:
    """Add to red and blue what follows from green (3.5.2)."""
    tiles = subsampled(transform.width, transform.bits)
    for x, value in enumerate(row):
        factor = transform.data[(y >> transform.bits) * tiles + (x >> transform.bits)]
        alpha, red, green, blue = split_pixel(value)
        red += _signed(factor) * _signed(green) >> 5
        blue += (_signed(factor >> 8) * _signed(green) >> 5) + (_signed(factor >> 16) * _signed(red) >> 5)
        row[x] = _join((alpha, red, green, blue))


def undo_subtract_green(row: list[int]) -> None:
    """Add green to red and blue (3.5.3)."""
    for x, value in enumerate(row):
        alpha, red, green, blue = split_pixel(value)
        row[x] = _join((alpha, red + green, green, blue + green))


def undo_colour_table(transform: Transform, row: list[int], named: set[int]) -> tuple[list[int], bool]:
    """The row, and whether bits behind its last pixel are set."""
    size, pixels = 8 >> transform.bits, 1 << transform.bits
    indices = [value >> 8 + size * part & (1 << size) - 1 for value in row for part in range(pixels)]
    named.update(indices[: transform.width])
    return [transform.data[index] for index in indices[: transform.width]], any(indices[transform.width :])
