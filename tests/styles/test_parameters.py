"""Parameters of the styles: what they refuse, and what they say that they let through."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rmexif.errors import InvalidPolicy
from rmexif.styles import MAX_LEAK_BITS, Blur, Fill, Gaussian, Pixelate, Solid, mask_for, tone
from rmexif.types import Box
from tests.styles.scenes import scene


@pytest.mark.parametrize(
    "make",
    [
        lambda: Blur(luma_bits=-1),
        lambda: Blur(luma_bits=13, tone_bits=12),
        lambda: Blur(softness=0.01),
        lambda: Blur(softness=math.nan),
        lambda: Fill(softness=0.6),
        lambda: Solid((0, 0, 256)),
        lambda: Solid((0, 0)),  # type: ignore[arg-type]
        lambda: Pixelate(columns=0),
        lambda: Pixelate(rows=33),
        lambda: Gaussian(strength=0.01),
        lambda: Gaussian(strength=math.nan),
    ],
)
def test_refuses(make):
    """A value out of range is refused when the style is made."""
    with pytest.raises(InvalidPolicy):
        make()


def test_leak_bits():
    """The stated bits follow from the fields; only what bounds nothing, or much, is weak."""
    assert Blur().leak_bits == 2
    assert Blur(luma_bits=3, tone_bits=2).leak_bits == 5
    assert Fill().leak_bits == Solid().leak_bits == 0
    assert Pixelate().leak_bits == 24
    assert Pixelate(8, 8).leak_bits > MAX_LEAK_BITS
    assert Gaussian().leak_bits > MAX_LEAK_BITS


@pytest.mark.parametrize(("luma_bits", "tone_bits"), [(0, 0), (1, 1), (2, 3), (6, 6)])
def test_tone_is_a_fixed_point(luma_bits, tone_bits):
    """A decoded colour has the code that it was decoded from, and the codes are as many as the bits say."""
    codes = [(luma, along) for luma in range(2**luma_bits) for along in range(2**tone_bits)]

    again = [tone.measure(tone.colour(code, luma_bits, tone_bits, 3), luma_bits, tone_bits) for code in codes]

    clipped = [code for code in codes if tone.colour(code, luma_bits, tone_bits, 3).max() >= 1]
    assert not clipped
    assert again == codes


@pytest.mark.parametrize(
    ("colour", "code"),
    [((0.95, 0.8, 0.7), (1, 1)), ((0.35, 0.22, 0.15), (0, 1)), ((0.9, 0.9, 0.9), (1, 0)), ((0, 0, 0), (0, 0))],
)
def test_tone_of_known_colours(colour, code):
    """Light skin, dark skin, white and black."""
    assert tone.measure(np.array(colour), 1, 1) == code


def test_blur_takes_the_tone_of_the_face():
    """The middle of the patch is light where the face is light, and dark where it is dark, in grey and in colour."""
    box = Box(70, 70, 130, 140)
    for mode in ("L", "RGB"):
        light, dark = scene(1, 200, 200, mode), scene(1, 200, 200, mode)
        light[60:150, 60:140], dark[60:150, 60:140] = 230, 25
        for pixels in (light, dark):
            Blur().redact(pixels, [mask_for(box, 0.3, 200, 200)], np.random.default_rng(0))

        assert light[95:115, 90:110].mean() > dark[95:115, 90:110].mean() + 30


def test_solid_is_one_colour():
    """Under full cover a solid patch holds its colour and nothing else; grey pictures get its luma."""
    pixels, grey = scene(1, 200, 200), scene(1, 200, 200, "L")
    mask = mask_for(Box(70, 70, 130, 140), 0.3, 200, 200)

    Solid((10, 200, 30)).redact(pixels, [mask], np.random.default_rng(0))
    Solid((10, 200, 30)).redact(grey, [mask], np.random.default_rng(0))

    assert (pixels[70:140, 70:130] == (10, 200, 30)).all()
    assert (grey[70:140, 70:130] == 124).all()  # 0.299 x 10 + 0.587 x 200 + 0.114 x 30


def test_pixelate_has_its_cells():
    """A grid of 2 x 3 shows at most six colours, up to the grain."""
    pixels = scene(1, 200, 200)

    Pixelate().redact(pixels, [mask_for(Box(70, 70, 130, 140), 0.3, 200, 200)], np.random.default_rng(0))

    red = pixels[70:140, 70:130, 0].astype(int)
    assert np.abs(np.diff(red[:, 25:35].mean(1))).max() < 60
    assert len(np.unique(np.round(red / 16))) <= 12
