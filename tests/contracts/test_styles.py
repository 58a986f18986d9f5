"""What every style keeps; a new row in ``STYLES`` is tested the moment it is added."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmexif.errors import InvalidPolicy
from rmexif.styles import MAX_LEAK_BITS, STYLES, Pixelate, Style, by_name, mask_for
from rmexif.styles.mask import FULL
from rmexif.types import Box
from tests.styles.measure import surviving_modes
from tests.styles.scenes import CHANNELS, scene

BOX = Box(60, 50, 110, 112)
STRONG = [name for name in STYLES if by_name(name).leak_bits <= MAX_LEAK_BITS]
CODED = [name for name in STRONG if by_name(name).leak_bits > 0]  # the others are blind: test_same_code_same_bytes

every_style = pytest.mark.parametrize("style", [by_name(name) for name in STYLES], ids=list(STYLES))
every_mode = pytest.mark.parametrize(("mode", "kind"), [(m, k) for m in CHANNELS for k in (np.uint8, np.uint16)])


def union(masks, height, width):
    """The greatest weight of any mask, per pixel."""
    return np.max([mask.weights(np.arange(height), np.arange(width)) for mask in masks], axis=0)


@every_style
@every_mode
def test_only_masked_pixels_change_and_all_covered_ones_do(style, mode, kind):
    """Pixels without weight keep their bytes; under full cover no pixel depends on its own former value."""
    before = scene(1, 160, 200, mode, kind, (BOX,))
    masks = [mask_for(BOX, 0.3, 160, 200)]
    after = before.copy()

    style.redact(after, masks, np.random.default_rng(0))

    weights = union(masks, 160, 200)
    assert (after[weights == 0] == before[weights == 0]).all()
    covered = (after != before).any(axis=2)[weights == FULL]
    assert covered.mean() > 0.8  # by chance, some of the new values equal the old
    assert after.shape == before.shape
    assert after.dtype == before.dtype


@every_style
@every_mode
def test_a_crowd_is_covered_as_one_face_is(style, mode, kind):
    """Hundreds of masks, drawn at once: outside nothing changes, under full cover everything does, and is opaque."""
    boxes = [Box(x, y, x + 14, y + 18) for y in range(3, 150, 24) for x in range(2, 190, 21)]
    before = scene(6, 160, 200, mode, kind, tuple(boxes))
    masks = [mask_for(box, 0.25, 160, 200) for box in boxes]
    after = before.copy()

    style.redact(after, masks, np.random.default_rng(0))

    weights = union(masks, 160, 200)
    assert (after[weights == 0] == before[weights == 0]).all()
    assert (after != before).any(axis=2)[weights == FULL].mean() > 0.8
    if CHANNELS[mode] in (2, 4):
        assert (after[weights == FULL][:, -1] == np.iinfo(kind).max).all()


@pytest.mark.parametrize("name", [name for name in STRONG if name != "pixelate"])  # paints masks one by one always
def test_a_crowd_leaks_no_more_than_its_codes(name):
    """C1 for a crowd: other faces of the same codes, or any faces under a style of no bits, give the same bytes."""
    style, boxes = by_name(name), [Box(x, y, x + 16, y + 20) for y in range(8, 140, 40) for x in range(8, 180, 24)]
    masks = [mask_for(box, 0.1, 160, 200) for box in boxes]
    covered = union(masks, 160, 200) == FULL
    outputs = set()
    for level in (66, 74):  # dark grey both: one code
        picture = scene(1, 160, 200)
        picture[covered] = np.random.default_rng(level).integers(level - 6, level + 6, (covered.sum(), 1))
        style.redact(picture, masks, np.random.default_rng(0))
        outputs.add(picture.tobytes())
    assert len(outputs) == 1


@every_style
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_no_transparent_hole(style, mode, kind):
    """Full cover is opaque, and opacity never drops."""
    before = scene(2, 160, 200, mode, kind, (BOX,))
    mask = mask_for(BOX, 0.3, 160, 200)
    after = before.copy()

    style.redact(after, [mask], np.random.default_rng(0))

    weights = union([mask], 160, 200)
    assert (after[weights == FULL][:, -1] == np.iinfo(kind).max).all()
    assert (after[:, :, -1].astype(int) >= before[:, :, -1].astype(int) - 1).all()


@every_style
def test_same_seed_same_bytes(style):
    """The generator is the only source of chance."""
    first, second = scene(3, 160, 200, boxes=(BOX,)), scene(3, 160, 200, boxes=(BOX,))
    masks = [mask_for(BOX, 0.3, 160, 200)]

    style.redact(first, masks, np.random.default_rng(5))
    style.redact(second, masks, np.random.default_rng(5))

    assert first.tobytes() == second.tobytes()


@every_style
@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    corners=st.lists(st.tuples(*[st.integers(-40, 100)] * 4), min_size=0, max_size=4),
    mode=st.sampled_from(list(CHANNELS)),
    kind=st.sampled_from([np.uint8, np.uint16]),
)
def test_any_geometry(style, size, corners, mode, kind):
    """Tiny boxes, boxes over every border, larger than the picture, overlapping: redacted or refused, no other error."""
    height, width = size
    before = scene(4, height, width, mode, kind)
    masks = []
    for left, top, wide, tall in corners:
        try:
            masks.append(mask_for(Box(left, top, left + wide, top + tall), 0.3, height, width))
        except InvalidPolicy:
            continue
    after = before.copy()

    style.redact(after, masks, np.random.default_rng(0))

    if masks:
        kept = union(masks, height, width) == 0
        assert (after[kept] == before[kept]).all()
    else:
        assert (after == before).all()


@pytest.mark.parametrize("name", STRONG)
@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_same_code_same_bytes(name, mode):
    """C1 and C2: under full cover, a picture counts by its code alone, and codes fit in the bits that are claimed."""
    style, mask = by_name(name), mask_for(BOX, 0.3, 160, 200)
    covered = union([mask], 160, 200) == FULL
    rng = np.random.default_rng(8)
    outputs: dict[object, set[bytes]] = {}
    for _ in range(60):
        picture = scene(1, 160, 200, mode)
        inside = (rng.random(3) * 255 * rng.random((*picture.shape[:2], 3)) ** rng.uniform(0.1, 3)).astype(np.uint8)
        if CHANNELS[mode] == 1:
            picture[covered] = inside[covered][:, :1]
        else:
            picture[covered, :3] = inside[covered]
        code = style.code(picture, mask) if hasattr(style, "code") else ()

        style.redact(picture, [mask], np.random.default_rng(0))

        outputs.setdefault(code, set()).add(picture.tobytes())
    assert all(len(found) == 1 for found in outputs.values())
    assert len(outputs) <= 2**style.leak_bits
    assert (len(outputs) > 1) == (style.leak_bits > 0)


@pytest.mark.parametrize("name", CODED)
def test_detail_does_not_survive(name):
    """C2: at most 8 of 4,096 modes of a face are left, whatever its size, in a PNG."""
    for width in (24, 120, 600):
        assert surviving_modes(by_name(name), width) <= 8, width


@pytest.mark.parametrize("name", CODED)
def test_detail_does_not_survive_jpeg(name):
    """C2: nor in a JPEG, which hides differences that a PNG would keep."""
    for width in (24, 240):
        assert surviving_modes(by_name(name), width, quality=90) <= 8, width


@pytest.mark.parametrize("name", CODED)
def test_detail_does_not_survive_close_up(name):
    """C2: a face of 3,000 px is hidden no less than a small one."""
    assert surviving_modes(by_name(name), 3000, faces=24, shifts=1, mode="L") <= 8


def test_the_measure_sees_detail():
    """A grid of 32 x 32 keeps many modes, so that a low count means something."""
    assert surviving_modes(Pixelate(32, 32), 120) > 50


def test_table():
    """Rows answer to their name, satisfy the protocol, and are frozen values that travel to a worker process."""
    for name in STYLES:
        style: Style = by_name(name)

        assert style.name == name
        assert style.leak_bits >= 0
        assert pickle.loads(pickle.dumps(style)) == style
        for field in fields(style):
            with pytest.raises(FrozenInstanceError):
                setattr(style, field.name, 1)


def test_unknown_name():
    """A name that is not in the table is refused with the names that are."""
    with pytest.raises(InvalidPolicy, match="blur, fill, solid, pixelate, gaussian"):
        by_name("smudge")
