"""Bits in both orders and both directions, against strings of binary digits; and bytes that lie in several ranges."""

from __future__ import annotations

import random

import pytest

from rmexif.containers.common.bits import BitRewriter, LsbReader, LsbWriter, MsbReader, MsbWriter
from rmexif.containers.common.boxes import box_at, tiff_offset
from rmexif.containers.common.gathered import Gathered
from rmexif.errors import MalformedImage, UnsupportedFeature

GOLOMB = {  # H.265, table 9-2
    0: "1", 1: "010", 2: "011", 3: "00100", 4: "00101", 5: "00110", 6: "00111", 7: "0001000", 8: "0001001", 9: "0001010",
}  # fmt: skip


def fields(seed: int) -> list[tuple[int, int]]:
    """(bits, value) of many fields."""
    rng = random.Random(seed)
    counts = [rng.choice((0, 1, 1, 2, 5, 8, 13, 32, 64)) for _ in range(200)]
    return [(count, rng.getrandbits(count) if count else 0) for count in counts]


@pytest.mark.parametrize("seed", range(5))
def test_most_significant_bit_first(seed: int) -> None:
    """What is written are the binary digits of the values, one after the other; it is read back."""
    out, rows = MsbWriter(), fields(seed)
    digits = "".join(f"{value:0{count}b}" for count, value in rows if count)
    assert [out.bits(count, value) for count, value in rows] == [value for _, value in rows]
    out.align()
    padded = digits + "0" * (-len(digits) % 8)

    assert bytes(out.out) == int(padded, 2).to_bytes(len(padded) // 8, "big")
    bits = MsbReader(bytes(out.out), "test")
    assert [bits.bits(count) for count, _ in rows] == [value for _, value in rows]
    assert bits.align() == len(out.out)


@pytest.mark.parametrize("seed", range(5))
def test_least_significant_bit_first(seed: int) -> None:
    """The same in the other order: the digits of one large number, from its end."""
    out, rows = LsbWriter(), fields(seed)
    digits = "".join(f"{value:0{count}b}" for count, value in reversed(rows) if count)
    for count, value in rows:
        out.bits(count, value)
    out.align()

    assert bytes(out.out) == int(digits, 2).to_bytes(len(out.out), "little")
    bits = LsbReader(memoryview(out.out), "test")
    for count, value in rows:
        assert bits.peek(count) == value
        assert bits.bits(count) == value


@pytest.mark.parametrize("number", GOLOMB)
def test_exp_golomb(number: int) -> None:
    """The codes of the table, in both directions."""
    out = MsbWriter()
    assert out.golomb(number) == number
    size = out.count + 8 * len(out.out)
    out.align()

    assert size == len(GOLOMB[number])
    assert f"{out.out[0]:08b}".startswith(GOLOMB[number])
    assert MsbReader(bytes(out.out), "test").golomb() == number


def test_what_is_missing_is_reported_with_its_place() -> None:
    """Too few bits, padding that is not zero, a number without an end."""
    for reader in (MsbReader, LsbReader):
        bits = reader(b"\xff\xff", "jpeg XYZ", locate=lambda byte: 100 + byte)
        bits.bits(11)
        with pytest.raises(MalformedImage, match="6 bits expected, 5 are there") as caught:
            bits.bits(6)
        assert (caught.value.structure, caught.value.offset) == ("jpeg XYZ", 101)
        with pytest.raises(MalformedImage, match="must be zero"):
            bits.align()
    with pytest.raises(MalformedImage, match="more than 32 leading zeros"):
        MsbReader(bytes(9), "test").golomb()
    with pytest.raises(UnsupportedFeature, match="refused"):
        MsbReader(b"", "test").fail("it is refused", refused=True)


def test_a_header_is_rewritten() -> None:
    """Copied fields stay, dropped ones go, put ones come; then the trailing bits of H.265 7.3.2.11."""
    bits = BitRewriter(bytes((0b10110011, 0b01001000)), "test")
    assert bits.copy(3) == 0b101
    bits.skip(2)
    assert bits.flag() is False
    bits.put(2, 0b11)
    assert bits.copy(2) == 0b11
    assert bits.copy_golomb(1) == 1
    bits.put_golomb(0)

    assert bits.finish() == bytes((0b10111110, 0b10110000))
    with pytest.raises(MalformedImage, match="is 3, at most 2 is allowed"):
        BitRewriter(b"\x20", "test").copy_golomb(2)


def test_gathered_bytes_know_their_places() -> None:
    """Every byte of the data is the byte of the file that ``offset`` and ``places`` name."""
    rng, view = random.Random(2), memoryview(bytes(range(256)))
    for _ in range(200):
        starts = [rng.randrange(256) for _ in range(rng.randrange(1, 6))]
        ranges = tuple((start, min(256, start + rng.choice((0, 1, 3, 40)))) for start in starts)
        gathered = Gathered.of(view, ranges)
        assert bytes(gathered.data) == b"".join(view[slice(*place)] for place in ranges)
        assert [view[gathered.offset(at)] for at in range(len(gathered.data))] == list(gathered.data)
        first = rng.randrange(len(gathered.data) + 1)
        last = rng.randrange(first, len(gathered.data) + 1)
        found = b"".join(view[slice(*place)] for place in gathered.places(first, last))
        assert found == bytes(gathered.data[first:last])
        assert gathered.offset(len(gathered.data)) == ranges[-1][1]
    assert Gathered.of(view, ()).offset(5) == 0
    assert Gathered.of(view).data.obj is view.obj, "no copy of one range"


def test_boxes() -> None:
    """Sizes of 32 and 64 bits, up to the end, and such as do not fit (ISO 14496-12, 4.2.2)."""
    view = memoryview(b"\0\0\0\x0aabcdXX" + b"\0\0\0\1free" + (18).to_bytes(8, "big") + b"XX" + b"\0\0\0\0mdatX")
    found, start = [], 0
    while box := box_at(view, start, len(view)):
        found.append((box.type, box.offset, box.body, box.end))
        start = box.end
    assert found == [(b"abcd", 0, 8, 10), (b"free", 10, 26, 28), (b"mdat", 28, 36, 37)]
    for broken in (b"\0\0\0\7abcd", b"\0\0\0\x09abcd", b"\0\0\0\1abcd\0\0\0\0", b"abc"):
        assert box_at(memoryview(broken), 0, len(broken)) is None


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        (b"II*\0", 0),
        (b"MM\0*", 0),
        (b"Exif\0\0II*\0", 6),
        (b"\0\0\0\0II*\0", 4),
        (b"\0\0\0\6Exif\0\0II*\0", 10),
        (b"\0\0\xff\xffII*\0", 4),
        (b"\0\0", 2),
        (b"", 0),
    ],
)
def test_the_tiff_block_of_exif(body: bytes, offset: int) -> None:
    """With the offset of ISO 23008-12 A.2.1, with a prefix, or with neither."""
    assert tiff_offset(memoryview(body)) == offset
