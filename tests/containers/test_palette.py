"""Palettes and packed samples, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmexif.containers.common import palette

RED, BLUE, BLACK = b"\xff\0\0", b"\0\0\xff", bytes(3)


def packed(rows: list[list[int]], bits: int) -> np.ndarray:
    """Samples from the highest bit down, each row filled up with ones."""
    lines = ["".join(f"{sample:0{bits}b}" for sample in row) for row in rows]
    size = -(-len(lines[0]) // 8)
    return np.array([list(int(line.ljust(8 * size, "1"), 2).to_bytes(size, "big")) for line in lines], np.uint8)


@settings(deadline=None)
@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 19), st.integers(1, 5), st.randoms(use_true_random=False))
def test_every_sample_is_counted_and_no_padding(bits: int, width: int, height: int, rng) -> None:
    """Whatever stands behind the last sample of a row."""
    rows = [[rng.randrange(1 << bits) for _ in range(width)] for _ in range(height)]

    assert palette.used_values(packed(rows, bits), width, bits) == {sample for row in rows for sample in row}


def test_the_first_of_equal_entries_in_use_stands_for_all() -> None:
    """Entries that nothing uses are not looked at, and indices beyond the palette stay."""
    colours = [RED, BLUE, RED, RED, BLUE]

    numbers = palette.twins(colours, {2, 3, 4, 9})

    assert [numbers[index] for index in (0, 1, 2, 3, 4, 9)] == [0, 1, 2, 2, 4, 9]


def test_entries_out_of_use_are_black_but_in_a_grey_ramp() -> None:
    """A ramp says nothing, and is a mode of its own to decoders."""
    ramp, pair = [bytes([n] * 3) for n in range(256)], [BLACK, b"\xff\xff\xff"]

    assert palette.clear_unused([RED, BLUE, RED], {2}) == [BLACK, BLACK, RED]
    assert palette.clear_unused(ramp, set()) == ramp
    assert palette.clear_unused(pair, set(), ramp_step=255) == pair
    assert palette.clear_unused(pair, set()) == [BLACK, BLACK]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_table_for_samples_is_one_for_bytes(bits: int) -> None:
    """Every sample of a byte is replaced, and no other bit."""
    table = bytes((3 * value + 1) % (1 << bits) for value in range(256))
    rows = [[(5 * n) % (1 << bits) for n in range(8 // bits * 9)]]

    replaced = palette.packed_table(table, bits)[packed(rows, bits)]

    assert replaced.tolist() == packed([[table[sample] for sample in rows[0]]], bits).tolist()
