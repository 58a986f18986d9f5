"""APNG composed (W3C PNG, third edition, 11.3.6 and 13.16); the expected samples are worked out by hand."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from rmexif import codecs
from rmexif.containers.png import PNG
from rmexif.types import Limits
from tests.containers.builders_png import actl, chunk, fctl, fdat, png, rows
from tests.native import pngs

NONE, BACKGROUND, PREVIOUS = range(3)
SOURCE, OVER = range(2)


def decoded(data):
    """Every frame as our decoder gives it."""
    return [frame.pixels for frame in codecs.decode(data, PNG.parse(memoryview(data), Limits())).frames]


def drawn(data):
    """Every frame, with an alpha channel even where all of them are opaque."""
    frames = decoded(data)
    if frames[0].shape[2] in (2, 4):
        return frames
    opaque = np.iinfo(frames[0].dtype).max
    return [np.pad(frame, ((0, 0), (0, 0), (0, 1)), constant_values=opaque) for frame in frames]


def animation(*layers, colour=6, depth=8):
    """2 x 2 px; every layer is (pixels of 1 x 1 px or of all four, dispose, blend), a small one at 1, 1."""
    first, *others = layers
    after, sequence, size = [], 1, len(first[0]) // 4
    for pixels, dispose, blend in others:
        side = 2 if len(pixels) == 4 * size else 1
        place = (0, 0) if side == 2 else (1, 1)
        after += [
            fctl(sequence, side, side, *place, dispose=dispose, blend=blend),
            fdat(sequence + 1, pixels, size * side),
        ]
        sequence += 2
    head = [actl(len(layers)), fctl(0, 2, 2, dispose=first[1], blend=first[2])]
    return png(*head, colour=colour, depth=depth, pixels=first[0], after=after)


WHITE, RED, CLEAR = b"\xff" * 4, b"\xff\0\0\xff", bytes(4)


@pytest.mark.parametrize(
    ("dispose", "left"), [(NONE, RED), (BACKGROUND, CLEAR), (PREVIOUS, WHITE)], ids=["none", "background", "previous"]
)
def test_what_a_frame_leaves_behind(dispose, left):
    """Its pixels, a transparent hole, or what was there before."""
    nothing = (CLEAR, NONE, OVER)
    frames = drawn(animation((WHITE * 4, NONE, SOURCE), (RED, dispose, SOURCE), nothing))
    assert bytes(frames[1][1, 1]) == RED
    assert bytes(frames[2][1, 1]) == left
    assert all(bytes(frame[0, 0]) == WHITE for frame in frames)


def test_what_the_first_frame_restores_is_transparent():
    """PREVIOUS of the first frame is BACKGROUND."""
    frames = drawn(animation((WHITE * 4, PREVIOUS, SOURCE), (RED, NONE, OVER)))
    assert not frames[1][0].any()
    assert bytes(frames[1][1, 1]) == RED


@pytest.mark.parametrize(
    ("below", "above", "shown"),
    [
        ([255, 255, 255, 255], [0, 255, 0, 128], [127, 255, 127, 255]),  # 255 x 127 / 255
        ([255, 255, 255, 255], [0, 255, 0, 0], [255, 255, 255, 255]),
        ([0, 0, 0, 0], [10, 20, 30, 100], [10, 20, 30, 100]),
        ([200, 0, 0, 128], [0, 200, 0, 128], [66, 134, 0, 192]),  # 63.75 and 128 of 191.75 parts
    ],
)
def test_over_is_source_over(below, above, shown):
    frames = drawn(animation((bytes(below) * 4, NONE, SOURCE), (bytes(above), NONE, OVER)))
    assert frames[1][1, 1].tolist() == shown
    replaced = drawn(animation((bytes(below) * 4, NONE, SOURCE), (bytes(above), NONE, SOURCE)))
    assert replaced[1][1, 1].tolist() == above


def test_sixteen_bits_are_blended_as_such():
    def wide(*samples):
        return struct.pack(">4H", *samples)

    white, green = wide(*[65535] * 4), wide(0, 65535, 0, 32768)
    frames = drawn(animation((white * 4, NONE, SOURCE), (green, NONE, OVER), depth=16))
    assert frames[1][1, 1].tolist() == [32767, 65535, 32767, 65535]


def test_an_opaque_animation_has_no_alpha_channel():
    frames = decoded(animation((bytes(range(12)), NONE, SOURCE), (b"abc", NONE, OVER), colour=2))
    assert [frame.shape for frame in frames] == [(2, 2, 3)] * 2
    assert bytes(frames[1]) == bytes(range(9)) + b"abc"


def test_a_single_frame_may_be_smaller_than_its_canvas():
    """What it does not reach is transparent."""
    data = png(actl(1), colour=6, pixels=RED * 4, after=[fctl(0, 1, 1, 1, 1), fdat(1, WHITE, 4)])
    (frame,) = drawn(data)
    assert bytes(frame) == CLEAR * 3 + WHITE


@pytest.mark.parametrize("depth", [8, 16])
def test_a_small_frame_may_be_interlaced_grey_with_alpha(depth):
    """Each of its two pixels lies in a pass of its own; empty passes have no rows."""
    sample = b"\x64\xff" if depth == 8 else b"\x64\x64\xff\xff"
    layout = (5, 3, depth, 4, True)
    stream = zlib.compress(b"".join(b"\0" + bytes(row) for rows_ in pngs.random_rows(*layout, 1) for row in rows_))
    small = chunk(b"fdAT", b"\0\0\0\2" + zlib.compress(rows(sample * 2, len(sample))))
    head = [actl(2), fctl(0, 5, 3)]
    data = png(
        *head, width=5, height=3, depth=depth, colour=4, stream=stream, interlace=1, after=[fctl(1, 2, 1, 3, 2), small]
    )
    frames = drawn(data)
    assert frames[1].shape == (3, 5, 2)
    assert frames[1][2, 3:].tolist() == [[100 * (257 if depth == 16 else 1), (1 << depth) - 1]] * 2
    assert np.array_equal(frames[1][:2], frames[0][:2])


def test_sixteen_bit_grey_may_have_a_transparent_colour():
    data = png(chunk(b"tRNS", b"\1\2"), depth=16, colour=0, pixels=b"\1\2\1\3\1\4\1\2")
    (frame,) = drawn(data)
    assert frame[..., 0].tolist() == [[0x102, 0x103], [0x104, 0x102]]
    assert frame[..., 1].tolist() == [[0, 65535], [65535, 0]]
