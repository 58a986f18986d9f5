"""The lowest bits of a frame that leaves, against the formula of PNG 13.12."""

from __future__ import annotations

import numpy as np
import pytest

from rmexif.raster.precision import STRIP, replace_lowest_bits


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("height", [3, 2 * STRIP // 300 + 1])
def test_colours_repeat_their_highest_bit_and_alpha_stays(channels: int, height: int) -> None:
    pixels = np.random.default_rng(channels).integers(0, 256, (height, 300, channels)).astype(np.uint8)
    count = channels - (channels in (2, 4))
    if count < channels:
        pixels[:, :, -1] = 255
    expected = pixels.copy()
    for k in range(count):
        expected[:, :, k] = pixels[:, :, k] // 2 * 2 + pixels[:, :, k] // 128
    assert (replace_lowest_bits(pixels.copy(), np.random.default_rng(0)) == expected).all()
    assert (replace_lowest_bits(pixels[:, ::2], np.random.default_rng(0)) == expected[:, ::2]).all()
    assert (replace_lowest_bits(pixels.copy(), np.random.default_rng(0), colours=False) == pixels).all()
