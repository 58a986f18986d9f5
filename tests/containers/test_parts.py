"""The tiler that all formats share, against a model that asks byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmexif.containers.common.parts import PartBuilder
from rmexif.errors import LimitExceeded
from rmexif.types import Limits, PayloadKind, Role

SIZE = 40
PLACES = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE + 5)), max_size=8)


def built(stretches) -> PartBuilder:
    builder = PartBuilder(SIZE, Limits())
    for label, role, start, end, payload in stretches:
        builder.add(label, role, start, end, payload)
    return builder


@settings(deadline=None)
@given(PLACES)
def test_every_byte_belongs_to_the_stretch_that_starts_first(places) -> None:
    """Of two that start together to the longer one; a byte of none is in a gap, behind all of them in the trailer."""
    stretches = [(str(number), Role.STRUCTURE, *place, None) for number, place in enumerate(places)]

    parts = built(stretches).tile()

    covering = [[s for s in stretches if s[2] <= at < min(s[3], SIZE)] for at in range(SIZE)]
    last = max((at + 1 for at in range(SIZE) if covering[at]), default=0)
    owners = [min(over, key=lambda s: (s[2], -min(s[3], SIZE)))[0] if over else None for over in covering]
    expected = [owner or ("gap" if at < last else "trailer") for at, owner in enumerate(owners)]
    assert [part.label for part in parts for _ in range(part.length)] == expected
    assert [part.offset for part in parts] == [sum(p.length for p in parts[:n]) for n in range(len(parts))]


def test_neighbours_that_are_alike_are_one_part() -> None:
    """How an encoder cuts its data says nothing; a payload is a part of its own."""
    alike = [("a", Role.PIXELS, 0, 10, None), ("a", Role.PIXELS, 10, 20, None)]
    texts = [("t", Role.METADATA, 20, 30, PayloadKind.TEXT), ("t", Role.METADATA, 30, SIZE, PayloadKind.TEXT)]

    found = [(part.label, part.offset, part.length) for part in built(alike + texts).tile()]

    assert found == [("a", 0, 20), ("t", 20, 10), ("t", 30, 10)]


@pytest.mark.parametrize("covered", range(1, 25))
def test_a_payload_keeps_its_place_where_its_start_is_covered(covered: int) -> None:
    """Bytes 8 to 17 of the file, without those that another part has."""
    view = memoryview(bytes(range(SIZE)))
    builder = PartBuilder(SIZE, Limits())
    builder.add("first", Role.STRUCTURE, 0, covered)
    builder.add("second", Role.METADATA, 1, SIZE, PayloadKind.TEXT, 7, body_length=10)

    (_, part) = builder.tile()

    assert bytes(part.body(view)) == bytes(range(max(8, covered), max(18, covered)))


def test_what_follows_the_last_stretch_is_a_trailer() -> None:
    """In every format: one label, one role, one reader."""
    (first, trailer) = built([("a", Role.STRUCTURE, 0, 7, None)]).tile()

    assert (trailer.label, trailer.role, trailer.payload) == ("trailer", Role.TRAILER, PayloadKind.TRAILER)
    assert (first.end, trailer.end) == (7, SIZE)


def test_the_number_of_parts_is_bounded() -> None:
    """While they are collected, and when holes are added."""
    builder = PartBuilder(SIZE, Limits(max_parts=3))
    for start in (0, 10, 20):
        builder.add("a", Role.STRUCTURE, start, start + 2)

    with pytest.raises(LimitExceeded, match="max_parts"):
        builder.add("a", Role.STRUCTURE, 30, 32)
    with pytest.raises(LimitExceeded, match="max_parts"):
        builder.tile()
