"""Bytes compared and joined as memory, against Python's own operators."""

from __future__ import annotations

import random

import pytest

from rmexif.containers.common.memory import LARGE, holds_at
from rmexif.native import buffers

DATA = random.Random(1).randbytes(LARGE + 99)


@pytest.mark.parametrize("view", [memoryview(DATA), memoryview(bytearray(DATA)), memoryview(b"x" + DATA)[1:]])
@pytest.mark.parametrize("start", [0, 7])
@pytest.mark.parametrize("size", [0, 40, LARGE])
def test_a_piece_is_found_where_it_stands_and_nowhere_else(view: memoryview, start: int, size: int) -> None:
    own, copy = view[start : start + size], bytes(view[start : start + size])
    for piece in (own, copy, memoryview(copy), bytearray(copy)):
        assert holds_at(view, piece, start)
        assert holds_at(view, piece, start + 1) == (size == 0)
    assert not holds_at(view, view, 1)


@pytest.mark.parametrize("count", [0, 1, 40])
def test_large_files_are_joined_as_small_ones(count: int) -> None:
    pieces = [b"head", b"", *[memoryview(DATA)[n:] for n in range(count)], bytearray(b"tail")]
    joined = buffers.join(pieces)
    assert count < 40 or len(joined) > buffers.LARGE
    assert type(joined) is bytes
    assert joined == b"".join(pieces)
    assert hash(joined) == hash(b"".join(pieces))
