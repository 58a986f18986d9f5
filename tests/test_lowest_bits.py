"""Text in the lowest bits of samples, laid there by NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from rmexif import lowest_bits
from rmexif.containers.common.low_bits import LowBits, bit_table
from rmexif.native.low_bits import Channel

TEXT = b"stealth_pnginfo", b"A sentence of many different letters, 1234567890."


def reads_as_text(pixels: np.ndarray) -> bool:
    """Of H x W x C."""
    channels = [Channel(place, bit_table()) for place in range(pixels.shape[2])]
    return lowest_bits.has_text([LowBits(pixels.shape[1], pixels.tobytes(), len(channels), channels)])


@pytest.mark.parametrize("text", TEXT)
@pytest.mark.parametrize("start", [*range(9), 1003])
@pytest.mark.parametrize("by_columns", [False, True])
def test_text_is_found_from_any_bit_on_and_in_both_orders(text: bytes, start: int, by_columns: bool) -> None:
    pixels = np.random.default_rng(start).integers(0, 256, (60, 61, 3)).astype(np.uint8)
    assert not reads_as_text(pixels)
    order = (pixels.swapaxes(0, 1) if by_columns else pixels).reshape(-1)
    bits = np.unpackbits(np.frombuffer(text, np.uint8))
    order[start : start + len(bits)] = order[start : start + len(bits)] & 0xFE | bits
    hidden = order.reshape(61, 60, 3).swapaxes(0, 1) if by_columns else order.reshape(60, 61, 3)
    assert reads_as_text(hidden)
