"""Looking and painting: neighbours never lend their faces, grain fits, transparency leaves no fringe."""

from __future__ import annotations

import numpy as np
import pytest

from rmexif.styles import Blur, Fill, mask_for
from rmexif.styles.mask import FULL
from rmexif.styles.noise import Grain, noise_level
from rmexif.types import Box
from tests.styles.scenes import scene

BOXES = (Box(60, 60, 110, 120), Box(120, 70, 165, 125), Box(95, 20, 130, 60))


def cover(masks, height, width):
    """The greatest weight of any mask, per pixel."""
    return np.max([mask.weights(np.arange(height), np.arange(width)) for mask in masks], axis=0)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_neighbours_do_not_lend_their_faces(mode):
    """Where masks meet, fill takes colour from outside of all of them: other faces leave the same bytes."""
    masks = [mask_for(box, 0.3, 200, 240) for box in BOXES]
    covered = cover(masks, 200, 240) == FULL
    first, second = scene(1, 200, 240, mode), scene(1, 200, 240, mode)
    colours = 1 if mode == "L" else 3
    second[covered, :colours] = np.random.default_rng(3).integers(0, 256, (int(covered.sum()), colours))

    Fill().redact(first, masks, np.random.default_rng(0))
    Fill().redact(second, masks, np.random.default_rng(0))

    assert first.tobytes() == second.tobytes()


def test_rim_is_no_source():
    """What stands under the feather of a mask shows there, as far as it fades, and nowhere else."""
    mask = mask_for(BOXES[0], 0.3, 200, 240)
    weights = cover([mask], 200, 240)
    first, second = scene(1, 200, 240), scene(1, 200, 240)
    second[(weights > 0) & (weights < FULL)] = 255

    Fill().redact(first, [mask], np.random.default_rng(0))
    Fill().redact(second, [mask], np.random.default_rng(0))

    full = weights == FULL
    assert (first[full] == second[full]).all()


def test_fill_of_a_plain_wall_is_the_wall():
    """Surroundings of one colour are drawn inwards as that colour, up to the grain."""
    pixels = np.full((200, 240, 3), (30, 120, 210), np.uint8)
    pixels[70:110, 70:100] = 0

    Fill().redact(pixels, [mask_for(BOXES[0], 0.3, 200, 240)], np.random.default_rng(0))

    assert np.abs(pixels.astype(int) - (30, 120, 210)).max() <= 5
    assert np.abs(pixels.reshape(-1, 3).mean(0) - (30, 120, 210)).max() < 0.5


def test_nothing_left_of_the_picture():
    """A mask over everything leaves the luma of mid grey, whatever stood there, under blur as under fill."""
    for style in (Blur(), Fill()):
        outputs = [scene(seed, 64, 64) for seed in (5, 6)]
        for pixels in outputs:
            style.redact(pixels, [mask_for(Box(-40, -40, 104, 104), 0.3, 64, 64)], np.random.default_rng(0))

        luma = outputs[0] @ np.array([0.299, 0.587, 0.114])
        assert abs(luma.mean() - 127.5) < 1
        assert luma.std() < 3
        assert (outputs[0] == outputs[1]).all()


def test_a_picture_of_nothing_but_a_face_gives_no_code():
    """Light or dark, grey or skin: under a mask that leaves next to nothing, the result is the same."""
    mask = mask_for(Box(10, 5, 190, 195), 0.25, 200, 200)
    covered = mask.weights(np.arange(200), np.arange(200)) == FULL
    outputs = []
    for colour in ((235, 200, 180), (60, 45, 35), (128, 128, 128)):
        pixels = scene(5, 200, 200)
        pixels[covered] = colour
        Blur().redact(pixels, [mask], np.random.default_rng(0))
        outputs.append(pixels[covered].tobytes())

    assert len(set(outputs)) == 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("level", [2.0, 4.0])
def test_grain_matches_the_surroundings(kind, level):
    """Noise of a known strength around a mask is found inside of it, at every depth."""
    rng = np.random.default_rng(2)
    step = np.iinfo(kind).max // 255
    noise = rng.normal(0, level * step, (300, 300, 1))
    pixels = np.clip(128 * step + np.repeat(noise, 3, axis=2), 0, np.iinfo(kind).max).astype(kind)
    mask = mask_for(Box(110, 110, 190, 190), 0.3, 300, 300)

    Fill().redact(pixels, [mask], rng)

    inside = pixels[120:180, 120:180].astype(float) / step
    assert inside.std() == pytest.approx(level, rel=0.25)


def test_grain_reads_as_it_was_strewn():
    """The measure and the maker of grain agree, and texture is not taken for noise."""
    grain = Grain.strewn(np.random.default_rng(0), 4.0, 300, np.dtype(np.uint8), 3)
    picture = grain.add(np.full((64, 300, 3), 100, np.uint8), 0)
    taken = np.array([[120, 0, 180, 64]])
    stripes = np.zeros((64, 300, 3), np.uint8)
    stripes[::2] = 255

    assert noise_level(picture, taken) == pytest.approx(4.0, rel=0.2)
    assert noise_level(stripes, taken) <= 0.02 * 255


def test_no_dark_fringe_on_transparent_ground():
    """Where the picture is clear, the colour hidden below does not shine into the rim."""
    pixels = np.zeros((200, 240, 4), np.uint8)
    pixels[60:130, 50:120] = (200, 180, 160, 255)
    mask = mask_for(BOXES[0], 0.3, 200, 240)
    clear = pixels[:, :, 3] == 0

    Fill().redact(pixels, [mask], np.random.default_rng(0))

    weights = mask.weights(np.arange(200), np.arange(240))
    rim = clear & (weights > 8) & (weights < FULL)
    assert rim.sum() > 500
    assert pixels[rim][:, 0].min() > 100
    assert np.abs(pixels[rim][:, 3].astype(int) - weights[rim]).max() <= 1


def test_no_masks_no_change():
    """Without faces, nothing is touched."""
    pixels = scene(1, 40, 40)

    Blur().redact(pixels, [], np.random.default_rng(0))

    assert (pixels == scene(1, 40, 40)).all()
