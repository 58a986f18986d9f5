"""Where a style works: a rounded shape that contains the box, covers it fully and fades outwards only.

The shape is a superellipse of exponent 3, ``|dx / a|^3 + |dy / b|^3 <= 1``, whose semi-axes are never less than
``2 ** (1 / 3)`` times those of the box: with less, the corners of the box (eyes, hairline) would stand outside.
Weights are made from two integer ramps, one per axis, so that any subset of rows and columns gets exactly the
weights that the full array would hold, and a large mask costs three passes of small integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.errors import InvalidPolicy
from rmexif.types import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FULL", "Mask", "mask_for"]

FULL = 255  # the weight of a pixel that is replaced altogether
EXPONENT = 3
CONTAINS = 2 ** (1 / EXPONENT)  # least ratio of a semi-axis to the box's half side
HAIR = 1 / 3  # of the margin, added once more at the top
FEATHER = 0.22  # width of the fading rim, as a share of the semi-axis
# By the side of a box as a share of the frame's: what is taken of margin and fade. The box of a tiny face is off by a
# larger share of it; around a close-up there is little left to spare.
SHARES = (0.0, 0.1, 0.2, 0.5)
MARGINS = (1.6, 1.0, 1.0, 0.4)
FEATHERS = (1.0, 1.0, 1.0, 0.4)
MIN_FEATHER = 1.5  # px
FAR = 8_000  # a ramp's end: more than any start, and two of them fit 16 bits
MAX_MARGIN = 4.0  # fraction of the box side, before its share of the frame is looked at


def _smoothstep() -> NDArray[np.uint8]:
    t = np.arange(FULL + 1) / FULL
    return np.floor(FULL * t * t * (3 - 2 * t)).astype(np.uint8)


FADE = _smoothstep()  # strictly below FULL everywhere but at its end: only the covered area is FULL


@dataclass(frozen=True, slots=True)
class Mask:
    """A rounded area of one picture; ``mask_for`` makes them."""

    bounds: Box  # px: everything with a weight above 0, clipped to the picture
    region: Box  # px: bounds of the fully covered area, clipped to the picture
    centre: tuple[float, float]  # px: x, y
    axes: tuple[float, float]  # px: semi-axes of the fully covered area
    rim: float  # width of the feather as a share of the semi-axes

    def weights(
        self, rows: NDArray[np.intp] | None = None, columns: NDArray[np.intp] | None = None
    ) -> NDArray[np.uint8]:
        """How much of each pixel is replaced: 0 (kept) to 255 (replaced altogether).

        Args:
            rows: px, the rows wanted; all of ``bounds`` where None.
            columns: px, the columns wanted; all of ``bounds`` where None.
        """
        if rows is None:
            rows = np.arange(self.bounds.top, self.bounds.bottom)
        if columns is None:
            columns = np.arange(self.bounds.left, self.bounds.right)
        return self.ramps(rows, columns).weights()

    def ramps(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Ramps:
        """The weights of some rows and columns, before they are multiplied out."""
        end = (1 + self.rim) ** EXPONENT
        scale = FULL / (end - 1)
        # Floors here and a ceiling there: whatever is inside the shape comes out as FULL, never one less.
        down = np.minimum(_cube((rows + 0.5 - self.centre[1]) / self.axes[1]) * scale, FAR)
        across = np.minimum(_cube((columns + 0.5 - self.centre[0]) / self.axes[0]) * scale, FAR)
        return Ramps(np.int16(math.ceil(scale * end)), down.astype(np.int16), across.astype(np.int16))

    def radius(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        """Distance from the centre in the shape's own norm: 0 at the centre, 1 where full cover ends."""
        across = _cube((columns + 0.5 - self.centre[0]) / self.axes[0])
        down = _cube((rows + 0.5 - self.centre[1]) / self.axes[1])
        return np.asarray(np.cbrt(np.add.outer(down, across)), np.float32)

    def meets(self, other: Mask) -> bool:
        """Whether the bounds of the two have a pixel in common."""
        a, b = self.bounds, other.bounds
        return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


@dataclass(frozen=True, slots=True)
class Ramps:
    """``start - down - across`` is the weight of a pixel, before it is cut to 0-255 and faded."""

    start: np.int16
    down: NDArray[np.int16]
    across: NDArray[np.int16]

    def weights(self) -> NDArray[np.uint8]:
        """0-255, rows x columns."""
        level = np.subtract.outer(self.start - self.down, self.across)
        cut: NDArray[Any] = cv2.add(level, 0, dtype=cv2.CV_8U)  # type: ignore[call-overload]  # a scalar; cuts to 0-255
        faded = cv2.LUT(cut, FADE)
        return faded.astype(np.uint8, copy=False)

    def part(self, rows: slice, columns: slice = slice(None)) -> Ramps:
        """Some of the rows and columns."""
        return Ramps(self.start, self.down[rows], self.across[columns])

    def spans(self) -> tuple[int, int, int, int]:
        """Begin, left, right, end: the columns between left and right have full weight in every row; none has any
        weight before begin or from end on.
        """
        begin, end = _ends(self.across < self.start - self.down.min())
        left, right = _ends(self.across <= self.start - FULL - self.down.max())
        return (begin, left, right, end) if left < right else (begin, end, end, end)


def _cube(values: NDArray[Any]) -> NDArray[Any]:
    sizes = np.abs(values)
    return np.asarray(sizes * sizes * sizes)


def _ends(true: NDArray[np.bool_]) -> tuple[int, int]:
    """First true and one past the last; (0, 0) where none is."""
    if not true.any():
        return 0, 0
    return int(true.argmax()), true.size - int(true[::-1].argmax())


def mask_for(box: Box, margin: float, height: int, width: int) -> Mask:
    """The mask of one box, the same shape at every size.

    Args:
        box: px; may reach over the picture's border.
        margin: 0-4, fraction of the box side added on every side; the top gets a third more, for hair. It and the
            fade fall as the box takes more of the picture: of a close-up, what is not the face stays.
        height: px, of the picture.
        width: px, of the picture.

    Raises:
        InvalidPolicy: the box is empty or misses the picture, or the margin is out of range.
    """
    if not 0 <= margin <= MAX_MARGIN:
        raise InvalidPolicy(f"margin: {margin} is not within 0 and {MAX_MARGIN}")
    if box.width < 1 or box.height < 1:
        raise InvalidPolicy(f"box: {box.width} x {box.height} px is empty")
    if box.left >= width or box.top >= height or box.right <= 0 or box.bottom <= 0:
        raise InvalidPolicy(f"box: it lies outside the picture of {width} x {height} px")
    share = math.sqrt(box.width * box.height / (height * width))
    margin *= float(np.interp(share, SHARES, MARGINS))
    grow = max(CONTAINS, 1 + 2 * margin)
    hair = HAIR * margin * box.height
    tall = max(grow * box.height + hair, CONTAINS * (box.height + hair))
    axes = (grow * box.width / 2, tall / 2)
    centre = ((box.left + box.right) / 2, (box.top + box.bottom - hair) / 2)
    rim = max(FEATHER * float(np.interp(share, SHARES, FEATHERS)), MIN_FEATHER / min(axes))
    return Mask(
        bounds=_clip(centre, (axes[0] * (1 + rim), axes[1] * (1 + rim)), height, width),
        region=_clip(centre, axes, height, width),
        centre=centre,
        axes=axes,
        rim=rim,
    )


def _clip(centre: tuple[float, float], axes: tuple[float, float], height: int, width: int) -> Box:
    return Box(
        max(0, math.floor(centre[0] - axes[0])),
        max(0, math.floor(centre[1] - axes[1])),
        min(width, math.ceil(centre[0] + axes[0])),
        min(height, math.ceil(centre[1] + axes[1])),
    )
