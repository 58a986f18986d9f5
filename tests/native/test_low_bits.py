"""Bits of samples packed into bytes: NumPy is the judge."""

from __future__ import annotations

import numpy as np
import pytest

from rmexif.containers.common.low_bits import bit_table
from rmexif.native import low_bits
from rmexif.native.low_bits import Channel
from tests.native import needs_core

ENGINES = ["python", pytest.param("native", marks=needs_core)]
SAMPLES = np.random.default_rng(7).integers(0, 256, (21, 13, 4)).astype(np.uint8)


@pytest.fixture(params=ENGINES)
def pack(request):
    return getattr(low_bits.pack, request.param)


@pytest.mark.parametrize("bit", [0, 5])
@pytest.mark.parametrize("places", [[0], [2, 1, 0], [3, 0, 1, 2]])
def test_bits_row_by_row_and_column_by_column(pack, places, bit):
    channels = [Channel(place, bit_table(bit)) for place in places]
    bits = SAMPLES[:, :, places] >> bit & 1

    assert pack(SAMPLES.tobytes() + b"rest", 4, channels, 13) == np.packbits(bits).tobytes()
    for columns in (1, 9, 13, 200):
        expected = np.packbits(bits.swapaxes(0, 1)[:columns]).tobytes()
        assert pack(SAMPLES.tobytes(), 4, channels, 13, columns) == expected


def test_a_picture_without_a_row_has_no_bit(pack):
    assert pack(bytes(12), 4, [Channel(0, bit_table())], 13) == b""


@pytest.mark.parametrize(
    ("pixel", "channels", "width"),
    [
        (4, [], 1),
        (4, [Channel(0, bytes(256))] * 5, 1),
        (4, [Channel(4, bytes(256))], 1),
        (4, [Channel(-1, bytes(256))], 1),
        (4, [Channel(0, bytes(255))], 1),
        (4, [Channel(0, bytes(256))], 0),
        (0, [Channel(0, bytes(256))], 1),
    ],
)
def test_arguments_outside_their_range_are_refused(pack, pixel, channels, width):
    with pytest.raises(ValueError, match="low bits"):
        pack(bytes(64), pixel, channels, width)
