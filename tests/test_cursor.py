"""The reader that every parser goes through: integers in both orders, and no byte outside its bounds."""

from __future__ import annotations

import pytest

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

DATA = memoryview(bytes(range(1, 17)))


def test_integers_are_read_in_either_order() -> None:
    """1, 2, 4 and 8 bytes, one after the other."""
    big, little = Cursor(DATA, "x"), Cursor(DATA, "x", order="little")

    assert [big.u8(), big.u16(), big.u32(), big.u64()] == [0x01, 0x0203, 0x04050607, 0x08090A0B0C0D0E0F]
    assert [little.u8(), little.u16(), little.u32()] == [0x01, 0x0302, 0x07060504]
    assert little.u64() == 0x0F0E0D0C0B0A0908
    assert (big.offset, big.remaining) == (15, 1)
    assert Cursor(DATA, "x", 1).uint(3) == 0x020304


def test_bytes_are_taken_without_and_with_a_copy() -> None:
    """A slice of the view, and bytes of their own."""
    cursor = Cursor(DATA, "x", 2, 8)

    taken = cursor.take(2)
    assert (bytes(taken), taken.obj) == (b"\3\4", DATA.obj)
    assert cursor.bytes(2) == b"\5\6"
    cursor.skip(1)
    assert cursor.take(1) == b"\x08"
    assert cursor.take(0) == b""
    assert cursor.remaining == 0


@pytest.mark.parametrize("count", [5, 1 << 40, -1])
def test_nothing_is_read_beyond_the_end(count: int) -> None:
    """The error names the structure and the offset, and the cursor stays where it is."""
    cursor = Cursor(DATA, "png chunk iCCP", 4, 8)

    with pytest.raises(MalformedImage, match=r"png chunk iCCP at byte 4: .* 4 remain") as caught:
        cursor.take(count)

    assert (caught.value.structure, caught.value.offset) == ("png chunk iCCP", 4)
    assert cursor.offset == 4


@pytest.mark.parametrize(("offset", "end"), [(0, 17), (-1, 4), (9, 8), (17, 17)])
def test_a_range_outside_the_view_is_refused(offset: int, end: int) -> None:
    """Before a byte of it is read."""
    with pytest.raises(MalformedImage, match="x at byte"):
        Cursor(DATA, "x", offset, end)


@pytest.mark.parametrize(("offset", "end"), [(0, 16), (16, 16), (0, 0)])
def test_a_range_at_the_edge_is_read(offset: int, end: int) -> None:
    """All of the view, and nothing of it."""
    assert Cursor(DATA, "x", offset, end).remaining == end - offset


def test_a_child_is_bounded_and_stepped_over() -> None:
    """Its own name, the parent's order; the parent goes on behind it."""
    parent = Cursor(DATA, "x", 2, order="little")

    child = parent.child(4, "y")

    assert (child.structure, child.offset, child.end, child.order) == ("y", 2, 6, "little")
    assert parent.offset == 6
    with pytest.raises(MalformedImage, match="y at byte 2"):
        child.take(5)
    with pytest.raises(MalformedImage, match="x at byte 6"):
        parent.child(11, "z")
