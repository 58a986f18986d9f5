"""The mask: contains the box, covers it fully, fades outwards only, at any size and place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexif.errors import InvalidPolicy
from rmexif.styles import mask_for
from rmexif.styles.mask import FULL, Mask
from rmexif.types import Box

PICTURE = (st.integers(1, 90), st.integers(1, 90))


@st.composite
def places(draw):
    """A picture and a box that touches it, mostly reaching over a border."""
    height, width = (draw(side) for side in PICTURE)
    left, top = draw(st.integers(-120, width - 1)), draw(st.integers(-120, height - 1))
    right = draw(st.integers(max(left, 0) + 1, width + 120))
    bottom = draw(st.integers(max(top, 0) + 1, height + 120))
    return height, width, Box(left, top, right, bottom), draw(st.sampled_from([0.0, 0.1, 0.13, 0.3, 1.0, 4.0]))


@given(places())
def test_contains_the_box(place):
    """Every pixel of the box has full weight, whatever the margin."""
    height, width, box, margin = place

    weights = mask_for(box, margin, height, width).weights(np.arange(height), np.arange(width))

    inside = weights[max(0, box.top) : box.bottom, max(0, box.left) : box.right]
    assert inside.size
    assert (inside == FULL).all()


@given(places())
def test_bounds_and_region(place):
    """Nothing has a weight outside the bounds, and the full cover fits its region's border."""
    height, width, box, margin = place
    mask = mask_for(box, margin, height, width)

    whole = mask.weights(np.arange(height), np.arange(width))

    b, r = mask.bounds, mask.region
    assert 0 <= b.left <= r.left < r.right <= b.right <= width
    assert 0 <= b.top <= r.top < r.bottom <= b.bottom <= height
    assert (whole[b.top : b.bottom, b.left : b.right] == mask.weights()).all()
    whole[b.top : b.bottom, b.left : b.right] = 0
    assert not whole.any()


@given(places())
def test_ramps_agree_with_weights(place):
    """The spans of a few rows say where weights are full, partial and absent."""
    height, width, box, margin = place
    mask = mask_for(box, margin, height, width)
    rows = np.arange(mask.bounds.top, mask.bounds.bottom)[:7]
    columns = np.arange(mask.bounds.left, mask.bounds.right)

    begin, left, right, end = mask.ramps(rows, columns).spans()

    weights = mask.weights(rows)
    assert (weights[:, left:right] == FULL).all()
    assert not weights[:, :begin].any()
    assert not weights[:, end:].any()


def test_shape_is_the_published_superellipse():
    """Full weight where |dx / a|^3 + |dy / b|^3 <= 1 of 1.6 x the box plus a tenth above; less outside of it."""
    mask = mask_for(Box(400, 400, 600, 600), 0.3, 1000, 1000)
    y, x = np.mgrid[0:1000, 0:1000] + 0.5
    shape = np.abs((x - 500) / 160) ** 3 + np.abs((y - 490) / 170) ** 3

    weights = mask.weights(np.arange(1000), np.arange(1000))

    assert (weights[shape <= 1] == FULL).all()
    assert (weights[shape > 1.02] < FULL).all()
    assert (weights[shape > 1.23**3] == 0).all()
    assert mask.region == Box(340, 320, 660, 660)


@pytest.mark.parametrize("side", [24, 200, 3000])
def test_scales_with_the_box(side):
    """The share of a picture that is covered does not depend on the face's size in pixels."""
    mask = mask_for(Box(side, side, 2 * side, 2 * side), 0.3, 6 * side, 5 * side)

    sample = (np.arange(96) + 0.5) / 32 * side
    weights = mask.weights(sample.astype(int), sample.astype(int))

    assert (weights == FULL).mean() == pytest.approx(0.268, abs=0.01)


def test_falls_with_the_share_of_the_frame():
    """Margin and fade, as shares of the face: all of them for a face in a scene, less and less up to a close-up."""
    grown, faded = [], []
    for side in (2000, 1000, 700, 500, 400, 300):
        mask = mask_for(Box(0, 0, 200, 200), 0.5, side, side)
        grown.append(round(mask.axes[0] / 100, 3))
        faded.append(round(mask.rim, 3))

    assert grown == [2.0, 2.0, 1.829, 1.6, 1.4, 1.4]
    assert faded == [0.22, 0.22, 0.182, 0.132, 0.088, 0.088]


def test_what_is_not_the_face_of_a_close_up_stays():
    """A face of a third of the picture: no more than a tenth of what lies beyond 15 % of the face is touched at all."""
    box = Box(220, 180, 780, 820)
    weights = mask_for(box, 0.25, 1000, 1000).weights(np.arange(1000), np.arange(1000))
    beside = np.ones((1000, 1000), bool)
    beside[180 - 96 : 820 + 96, 220 - 84 : 780 + 84] = False

    assert (weights[beside] > 0).mean() < 0.1


@pytest.mark.parametrize(
    ("box", "margin"),
    [
        (Box(5, 5, 5, 9), 0.3),
        (Box(9, 5, 5, 9), 0.3),
        (Box(100, 5, 120, 9), 0.3),
        (Box(-9, 5, 0, 9), 0.3),
        (Box(5, 5, 9, 9), -0.1),
        (Box(5, 5, 9, 9), float("nan")),
        (Box(5, 5, 9, 9), 5.0),
    ],
)
def test_refuses(box, margin):
    """Empty boxes, boxes beside the picture and margins out of range are the caller's mistake."""
    with pytest.raises(InvalidPolicy):
        mask_for(box, margin, 50, 100)


def test_the_feather_is_the_smoothstep_of_the_ramp():
    """t^2 (3 - 2t), as Perlin's smoothstep defines it: every level of the table, in exact integers."""
    from rmexif.styles.mask import FADE

    expected = [255 * t * t * (3 * 255 - 2 * t) // 255**3 for t in range(256)]
    assert FADE.tolist() == expected


@pytest.mark.parametrize("side", [12, 60, 400])
@pytest.mark.parametrize("margin", [0.0, 0.25, 2.0])
def test_the_feather_is_smooth_and_monotone(side, margin):
    """From the centre outwards weights never rise, and between two pixels they fall by no more than the ramp allows."""
    size = 8 * side
    mask = mask_for(Box(3 * side, 3 * side, 5 * side, 5 * side), margin, size, size)
    weights = np.zeros((size, size), int)
    bounds = mask.bounds
    weights[bounds.top : bounds.bottom, bounds.left : bounds.right] = mask.weights()
    row = weights[round(mask.centre[1]), round(mask.centre[0]) :]
    column = weights[round(mask.centre[1]) :, round(mask.centre[0])]
    for line, axis in ((row, mask.axes[0]), (column, mask.axes[1])):
        steps = np.diff(line)
        rim = line[(line > 0) & (line < 255)]
        assert steps.max(initial=0) <= 0
        assert line[0] == 255
        if line[-1] == 0:  # the fade ends inside the picture
            width = mask.rim * axis  # px
            # Smoothstep's steepest slope is 1.5 over the rim; the cubic norm bends the ramp by (1 + rim)^2 at most.
            assert -steps.min() <= 255 * 1.5 * (1 + mask.rim) ** 2 / width + 2
            assert abs(len(rim) - width) <= 2 + width / 16  # the ends of the curve round to 255 and 0
            assert rim.size < 4 or 60 < np.median(rim) < 200


@pytest.mark.parametrize(
    ("other", "meets"),
    [((40, 40), True), ((60, 40), False), ((59, 40), True), ((40, 60), False), ((40, 59), True), ((20, 40), False)],
)
def test_two_masks_meet_where_their_bounds_share_a_pixel(other, meets):
    """Half-open bounds: the one that begins where the other ends shares nothing."""
    shape = {"region": Box(0, 0, 1, 1), "centre": (0.0, 0.0), "axes": (1.0, 1.0), "rim": 0.2}
    one = Mask(bounds=Box(40, 40, 60, 60), **shape)
    two = Mask(bounds=Box(other[0], other[1], other[0] + 20, other[1] + 20), **shape)

    assert one.meets(two) is meets
    assert two.meets(one) is meets


@pytest.mark.parametrize("rows", [slice(40, 41), slice(45, 60), slice(0, 100), slice(0, 3)])
def test_spans_tell_full_from_faded_columns(rows):
    """Between left and right every row is full; before begin and from end on nothing has any weight."""
    mask = mask_for(Box(40, 30, 80, 70), 0.2, 100, 120)
    ramps = mask.ramps(np.arange(100)[rows], np.arange(120))
    begin, left, right, end = ramps.spans()
    weights = ramps.weights()

    some, full = (weights > 0).any(axis=0), (weights == 255).all(axis=0)
    assert not some[:begin].any()
    assert not some[end:].any()
    assert full[left:right].all()
    assert not full[:left].any() or left == right
    assert not full[right:].any() or left == right
    assert (begin, end) == ((some.argmax(), 120 - some[::-1].argmax()) if some.any() else (0, 0))


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (Box(99, 5, 120, 9), True),
        (Box(100, 5, 120, 9), False),
        (Box(5, 49, 9, 70), True),
        (Box(5, 50, 9, 70), False),
        (Box(-9, 5, 1, 9), True),
        (Box(-9, 5, 0, 9), False),
        (Box(5, -9, 9, 1), True),
        (Box(5, -9, 9, 0), False),
    ],
)
def test_one_pixel_inside_the_picture_is_enough(box, inside):
    """100 x 50 px; a box that only touches the border misses the picture."""
    if inside:
        assert mask_for(box, 0.0, 50, 100).weights().max() == 255
    else:
        with pytest.raises(InvalidPolicy):
            mask_for(box, 0.0, 50, 100)
