"""A picture made smaller by less than half: cubic (Keys 1981, a = -1/2), in integers, where it lies or elsewhere.

Every output sample is a weighted sum of 4 x 4 input samples, across first. Weights are 128ths, of one of 256 phases,
and each pass rounds to 8 bits; so both engines, and every processor, give the same bytes.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from rmexif.native.buffers import scratch
from rmexif.native.library import twin

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ONE", "Axis", "shrink"]

ONE = 1 << 32  # px, as positions and steps are counted
MOST_CHANNELS = 4
PHASES, TAPS, UNIT = 256, 4, 128
ROWS = 64  # of output that the twin works on at a time


class Axis(NamedTuple):
    """Where the samples of one axis come from, in units of 2^-32 px.

    Attributes:
        first: position of the first output sample, 0 or more; the centre of an input sample is a whole number.
        step: from one output sample to the next: from 1 to below 2 px.
        size: px of the input.
        output: px.
    """

    first: int
    step: int
    size: int
    output: int

    @classmethod
    def between(cls, start: float, stop: float, size: int, output: int) -> Axis:
        """The axis that maps the px from ``start`` to ``stop`` of ``size`` to ``output`` of them."""
        step = (stop - start) / output
        return cls(round((start + step / 2 - 0.5) * ONE), round(step * ONE), size, output)

    def is_offered(self) -> bool:
        """Whether ``shrink`` takes it."""
        return (
            1 <= self.output <= self.size < ONE
            and ONE <= self.step < 2 * ONE
            and self.first >= 0
            and self.first + (self.output - 1) * self.step < self.size * ONE
        )

    def positions(self) -> list[int]:
        """Where each output sample lies."""
        return [self.first + number * self.step for number in range(self.output)]


class _Axis(ctypes.Structure):
    """``rmexif_resample_axis``."""

    _fields_ = (
        ("first", ctypes.c_uint64),
        ("step", ctypes.c_uint64),
        ("input", ctypes.c_uint32),
        ("output", ctypes.c_uint32),
    )


def _require(data: memoryview, channels: int, across: Axis, down: Axis, out: memoryview) -> None:
    if not (1 <= channels <= MOST_CHANNELS and across.is_offered() and down.is_offered()):
        raise ValueError("resample: a size or position that is not offered")
    if len(data) < across.size * down.size * channels or len(out) < across.output * down.output * channels:
        raise ValueError("resample: a buffer is too small")


def _shrink(core: ctypes.CDLL, data: memoryview, channels: int, across: Axis, down: Axis, out: memoryview) -> None:
    _require(data, channels, across, down, out)
    room = scratch(core.rmexif_resample_scratch(channels, across.output))
    axes = (ctypes.byref(_Axis(*axis)) for axis in (across, down))
    if core.rmexif_resample_shrink(data, len(data), channels, *axes, out, len(out), room, len(room)):
        raise ValueError("resample: the core refuses what is offered")


@twin(_shrink)
def shrink(data: memoryview, channels: int, across: Axis, down: Axis, out: memoryview) -> None:
    """Scale 8-bit samples in dense rows.

    Args:
        data: the input's samples.
        channels: samples of a pixel, 1 to 4, all alike.
        across: the axis of columns.
        down: the axis of rows.
        out: takes the output's samples, from its start on; may be ``data``.

    Raises:
        ValueError: a size or position that is not offered, or a buffer that is too small.
    """
    _require(data, channels, across, down, out)
    import numpy as np

    samples = np.frombuffer(bytes(data), np.uint8, across.size * down.size * channels)
    picture, columns, written = samples.reshape(down.size, across.size, channels), across.positions(), 0
    for start in range(0, down.output, ROWS):  # so that sums of 32 bit take little room
        rows = down.positions()[start : start + ROWS]
        top = max(0, rows[0] // ONE - 1)
        lines = picture[top : rows[-1] // ONE + TAPS - 1]
        narrow = _scaled(lines.swapaxes(0, 1), columns).swapaxes(0, 1)
        flat = _scaled(narrow, [position - top * ONE for position in rows]).ravel()
        out[written : written + flat.size] = flat.data
        written += flat.size


def _scaled(lines: NDArray[np.uint8], positions: Sequence[int]) -> NDArray[np.uint8]:
    """One pass, along the first axis of an array."""
    import numpy as np

    middles = np.array([position // ONE for position in positions])
    weights = np.array([kernel(position % ONE * PHASES // ONE) for position in positions], np.int32)
    total = np.full((len(positions), *lines.shape[1:]), UNIT // 2, np.int32)
    for tap in range(TAPS):
        source = lines[(middles + tap - 1).clip(0, len(lines) - 1)]
        total += source * weights[:, tap].reshape(-1, *(1 for _ in lines.shape[1:]))
    scaled: NDArray[Any] = (total >> 7).clip(0, 255).astype(np.uint8)
    return scaled


@cache
def kernel(phase: int) -> tuple[int, int, int, int]:
    """Keys' kernel at phase / 256, in 128ths that sum up to 128; 127 is the most that a weight has."""
    cube, square, line = phase**3, phase**2 * PHASES, phase * PHASES**2
    before, behind = ((value + (1 << 17)) >> 18 for value in (-cube + 2 * square - line, cube - square))
    following = min(UNIT - 1, (-3 * cube + 4 * square + line + (1 << 17)) >> 18)
    following = max(following, 1 - before - behind)  # so that the middle one is at most 127
    return before, UNIT - before - following - behind, following, behind
