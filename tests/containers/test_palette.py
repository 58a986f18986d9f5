"""Palettes and packed samples, counted by hand."""

from __future__ import annotations

import pytest

from rmexif.containers.common import palette
from rmexif.native.png import packed_table

RED, BLUE, BLACK = b"\xff\0\0", b"\0\0\xff", bytes(3)


def packed(samples: list[int], bits: int) -> bytes:
    """Samples from the highest bit down."""
    line = "".join(f"{sample:0{bits}b}" for sample in samples)
    return int(line, 2).to_bytes(len(line) // 8, "big")


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
    samples = [(5 * n) % (1 << bits) for n in range(8 // bits * 9)]

    replaced = packed(samples, bits).translate(packed_table(table, bits))

    assert replaced == packed([table[sample] for sample in samples], bits)
