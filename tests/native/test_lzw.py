"""LZW: Pillow's GIF coder and libtiff are the judges."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.native import lzw
from rmexif.native.status import Status
from tests.native import ROUNDS, needs_core, tiffs

ENGINES = ["python", pytest.param("native", marks=needs_core)]
RUNS = st.lists(st.tuples(st.integers(0, 255), st.integers(1, 40)), min_size=1, max_size=60).map(
    lambda runs: b"".join(bytes([value]) * count for value, count in runs)
)


@pytest.fixture(params=ENGINES)
def decode(request):
    return getattr(lzw.decode, request.param)


@pytest.fixture(params=ENGINES)
def encode(request):
    return getattr(lzw.encode, request.param)


@pytest.fixture(params=ENGINES)
def walk(request):
    return getattr(lzw.walk, request.param)


def picture(values: int, size: int, seed: int = 1) -> bytes:
    """Samples below ``values``: noise, flat runs and repeats, so that tables fill and strings get long."""
    draw, out = random.Random(seed), bytearray()
    while len(out) < size:
        start = draw.randrange(len(out) + 1)
        out += (
            draw.randbytes(40)
            if draw.random() < 0.6
            else out[start : start + draw.randrange(90)] or bytes([draw.randrange(256)]) * 30
        )
    return bytes(value % values for value in out[:size])


def gif(codes: bytes, bits: int, width: int, height: int) -> bytes:
    """A GIF of one grey picture."""
    place = bytes(4) + width.to_bytes(2, "little") + height.to_bytes(2, "little")
    blocks = b"".join(bytes([len(codes[n : n + 255])]) + codes[n : n + 255] for n in range(0, len(codes), 255))
    ramp = b"".join(bytes([n]) * 3 for n in range(256))
    return b"GIF87a" + place[4:] + b"\xf7\0\0" + ramp + b"," + place + b"\0" + bytes([bits]) + blocks + b"\0;"


def read_gif(codes: bytes, bits: int, size: int) -> bytes:
    """What Pillow decodes."""
    return Image.open(io.BytesIO(gif(codes, bits, size, 1))).tobytes()


def write_gif(samples: bytes) -> bytes:
    """What Pillow encodes."""
    image = Image.frombytes("P", (len(samples), 1), samples)
    image.putpalette(bytes(range(256)) * 3)
    out = io.BytesIO()
    image.save(out, "GIF", optimize=False)
    raw = out.getvalue()
    at, codes = raw.index(b",", 13 + 768) + 11, b""
    assert raw[at - 1] == 8
    while size := raw[at]:
        codes += raw[at + 1 : at + 1 + size]
        at += 1 + size
    return codes


@pytest.mark.parametrize("values, size", [(256, 1), (1, 9000), (4, 30_000), (256, 30_000)])
def test_what_pillow_encodes_is_decoded_and_canonical(decode, encode, values, size):
    samples = picture(values, size)
    codes = write_gif(samples)
    read = decode(codes + b"more", size)
    assert (read.status, bytes(read.samples), read.consumed, read.canonical) == (Status.OK, samples, len(codes), True)
    assert encode(samples) == codes


@pytest.mark.parametrize("values, size", [(256, 1), (1, 9000), (4, 30_000), (256, 30_000)])
def test_what_libtiff_encodes_is_decoded_and_canonical(decode, encode, walk, values, size):
    samples = picture(values, size)
    [codes] = tiffs.strips(Image.frombytes("L", (size, 1), samples), "tiff_lzw")
    read = decode(codes + b"more", size, tiff=True)
    assert (read.status, bytes(read.samples), read.consumed, read.canonical) == (Status.OK, samples, len(codes), True)
    assert encode(samples, tiff=True) == codes
    assert walk(codes + b"more", size) == len(codes)
    assert walk(codes, size - 1) == walk(codes, size + 1) == walk(codes[:-1], size) == 0


DRAWING = b"".join(bytes([250]) * 9000 + random.Random(seed).randbytes(900) for seed in range(9))


@pytest.mark.parametrize("samples", [DRAWING, bytes(70_000), bytes(25_000) + picture(256, 30_000)])
def test_a_table_that_codes_no_better_is_cleared_where_libtiff_does_it(decode, encode, walk, samples):
    [codes] = tiffs.strips(Image.frombytes("L", (len(samples), 1), samples), "tiff_lzw")
    assert encode(samples, tiff=True) == codes
    read = decode(codes, len(samples), tiff=True)
    assert (bytes(read.samples), read.consumed, read.canonical) == (samples, len(codes), True)
    assert walk(codes, len(samples)) == len(codes)


def test_no_clear_code_may_be_missing_or_added_where_a_table_codes_no_better(decode, walk):
    size = len(DRAWING)
    for resets in ([], [12_345], [9_000, 18_000]):
        codes = lzw.encode(DRAWING, tiff=True, resets=resets)
        read = decode(codes, size, tiff=True)
        assert (bytes(read.samples), read.canonical, walk(codes, size)) == (DRAWING, False, 0)


@pytest.mark.parametrize("size", [1, 5000, 30_000])
def test_no_other_codes_of_a_picture_pass_a_walk(walk, size):
    samples = picture(256, size)
    [codes] = tiffs.strips(Image.frombytes("L", (size, 1), samples), "tiff_lzw")
    assert walk(codes[:-1] + bytes([codes[-1] ^ 1]), size) == 0  # a bit of the end code, or one behind it
    assert walk(lzw.encode(samples), size) == 0  # the order of GIF
    if size > 1:
        assert walk(lzw.encode(samples, tiff=True, resets=[size // 2]), size) == 0  # a clear code more
        assert walk(lzw.encode(samples, tiff=True, resets=[*range(1, size)]), size) == 0  # no string is the longest


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("resets", [None, (), (1, 2, 7000, 12_000)])
def test_pillow_reads_every_size_of_roots_and_places_of_clear_codes(encode, bits, resets):
    samples = picture(1 << bits, 20_000)
    assert read_gif(encode(samples, bits, resets=resets), bits, len(samples)) == samples


def test_roots_of_one_bit(decode):
    """The specification asks for two bits at least; giflib widens after the first code, because no entry has two."""
    codes = pack([(2, 2), (1, 2), (0, 3), (4, 3), (5, 3), (6, 3), (3, 4)])
    read = decode(codes, 9, 1)
    assert read[:4] == (Status.OK, b"\1\0\1\0\0\1\1\0\0", len(codes), False)


def test_libtiff_reads_both_orders(encode):
    samples = picture(200, 20_000)
    assert tiffs.read(encode(samples, tiff=True), len(samples), 1, 5) == samples
    assert tiffs.read(encode(samples), len(samples), 1, 5) == samples  # as before TIFF 5.0


def test_resets_of_a_full_table_are_found_and_can_be_kept(decode, encode):
    samples = picture(256, 60_000)
    codes = encode(samples, resets=[100, 21_000, 45_000])
    read = decode(codes, len(samples))
    assert (bytes(read.samples), read.canonical, read.resets) == (samples, False, (21_000, 45_000))
    again = encode(samples, resets=read.resets)
    assert decode(again, len(samples)).resets == read.resets
    assert read_gif(again, 8, len(samples)) == samples


def test_a_reset_that_no_sample_follows_is_none(decode, encode):
    samples = picture(256, 20_000)
    codes = int.from_bytes(encode(samples, resets=()), "little")
    end = codes.bit_length() - 9  # of 12 bits; the end code is 257
    codes = codes & (1 << end) - 1 | 256 << end | 257 << (end + 12)
    read = decode(codes.to_bytes(codes.bit_length() // 8 + 1, "little"), len(samples))
    assert (bytes(read.samples), read.canonical, read.resets) == (samples, False, ())
    short = decode(codes.to_bytes(codes.bit_length() // 8 + 1, "little"), len(samples) + 1)
    assert (bytes(short.samples), short.canonical, short.resets) == (samples, False, ())


def pack(codes: list[tuple[int, int]]) -> bytes:
    """Codes and their widths, lowest bit first."""
    number = held = 0
    for code, width in codes:
        number |= code << held
        held += width
    return number.to_bytes(-(-held // 8), "little")


CLEAR, END = 4, 5  # of two bits


@pytest.mark.parametrize(
    "codes, samples, canonical",
    [
        ([(CLEAR, 3), (1, 3), (6, 3), (END, 3)], b"\1\1\1", True),
        ([(CLEAR, 3), (1, 3), (1, 3), (1, 3), (END, 4)], b"\1\1\1", False),  # not the longest string
        ([(1, 3), (6, 3), (END, 3)], b"\1\1\1", False),  # no clear code
        ([(CLEAR, 3), (CLEAR, 3), (1, 3), (6, 3), (END, 3)], b"\1\1\1", False),  # two of them
        ([(CLEAR, 3), (1, 3), (CLEAR, 3), (2, 3), (END, 3)], b"\1\2", False),  # one that no full table needs
        ([(CLEAR, 3), (1, 3), (6, 3), (CLEAR, 3), (END, 3)], b"\1\1\1", False),
        ([(CLEAR, 3), (1, 3), (6, 3)], b"\1\1\1", False),  # no end code
        ([(CLEAR, 3), (1, 3), (6, 3), (END, 3), (1, 1)], b"\1\1\1", False),  # a bit behind it
        ([(CLEAR, 3), (END, 3)], b"", True),
        ([(END, 3)], b"", False),
    ],
)
def test_only_one_coding_is_canonical(decode, codes, samples, canonical):
    read = decode(pack(codes), len(samples) or 9, 2)
    assert (bytes(read.samples), read.canonical) == (samples, canonical)


def test_a_string_that_runs_past_the_picture_is_cut(decode):
    read = decode(pack([(CLEAR, 3), (1, 3), (6, 3), (END, 3)]), 2, 2)
    assert (read.status, bytes(read.samples), read.canonical) == (Status.OK, b"\1\1", False)


def test_what_cannot_be_decoded_has_a_status(decode):
    assert decode(pack([(CLEAR, 3), (1, 3), (7, 3)]), 9, 2)[:3] == (Status.BAD_VALUE, b"\1", 0)
    assert decode(pack([(CLEAR, 3), (6, 3)]), 9, 2)[:3] == (Status.BAD_VALUE, b"", 0)
    assert decode(pack([(CLEAR, 3), (1, 3)]), 9, 2)[:3] == (Status.ENDS_EARLY, b"\1", 1)
    assert decode(b"", 9, 2)[:3] == (Status.ENDS_EARLY, b"", 0)
    assert decode(b"\x24\x49\x92" * 3000, 9, 2)[:2] == (Status.ENDS_EARLY, b"")  # clear codes
    assert decode(b"\0", 9, 0).status == decode(b"\0", 9, 9).status == Status.BAD_ARGUMENT
    assert decode(b"\0", 9, 7, tiff=True).status == Status.BAD_ARGUMENT


@pytest.mark.parametrize("arguments", [{"bits": 1}, {"bits": 2}, {"resets": [2, 2]}, {"resets": [0]}, {"resets": [4]}])
def test_what_cannot_be_encoded_is_refused(encode, arguments):
    with pytest.raises(ValueError, match="lzw"):
        encode(b"\0\1\2\4", **arguments)


@needs_core
@settings(max_examples=60 * ROUNDS, deadline=None)
@given(st.one_of(RUNS, st.integers(0, 99).map(lambda seed: picture(256, 6000, seed))), st.booleans(), st.data())
def test_the_twins_agree(samples, tiff, data):
    """On what the encoder writes, on damage to it, and on noise."""
    bits = 8 if tiff else data.draw(st.integers(max(2, max(samples).bit_length()), 8))
    resets = data.draw(st.none() | st.sets(st.integers(1, len(samples)), max_size=3).map(sorted))
    if resets and resets[-1] == len(samples):
        resets = resets[:-1]
    codes = lzw.encode.native(samples, bits, tiff=tiff, resets=resets)
    assert codes == lzw.encode.python(samples, bits, tiff=tiff, resets=resets)
    damaged = bytearray(codes)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(codes) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    noise = data.draw(st.binary(max_size=40))
    size = max(0, len(samples) + data.draw(st.integers(-9, 9)))
    for stream in (codes, bytes(damaged), bytes(damaged[: data.draw(st.integers(0, len(codes)))]), noise):
        assert lzw.decode.native(stream, size, bits, tiff=tiff) == lzw.decode.python(stream, size, bits, tiff=tiff)
        assert lzw.walk.native(stream, size) == lzw.walk.python(stream, size)
