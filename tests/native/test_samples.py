"""Samples in rows: NumPy, Pillow and libtiff are the judges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.native import lzw, samples
from tests.native import ROUNDS, needs_core, tiffs

ENGINES = ["python", pytest.param("native", marks=needs_core)]
RANDOM = np.random.default_rng(5)


@pytest.fixture(params=ENGINES)
def engine(request):
    return lambda name: getattr(getattr(samples, name), request.param)


def rows(width: int, height: int, bits: int) -> tuple[bytearray, int, np.ndarray]:
    """Packed rows with padding that is not clear, their stride, and the samples."""
    values = RANDOM.integers(0, 1 << bits, (height, width), np.uint8)
    unpacked = np.unpackbits(values[..., None], axis=-1)[..., 8 - bits :].reshape(height, -1)
    stride = (width * bits + 7) // 8 + 3
    full = RANDOM.integers(0, 2, (height, stride * 8), np.uint8)
    full[:, : width * bits] = unpacked
    return bytearray(np.packbits(full, axis=1).tobytes()), stride, values


def unpack(data: bytes, width: int, stride: int, bits: int) -> np.ndarray:
    """The samples of packed rows."""
    flat = np.unpackbits(np.frombuffer(data, np.uint8).reshape(-1, stride), axis=1)[:, : width * bits]
    return np.packbits(flat.reshape(len(flat), width, bits), axis=2)[..., 0] >> (8 - bits)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("width", [1, 7, 8, 13])
def test_values_that_occur(engine, bits, width):
    data, stride, values = rows(width, 2, bits)
    assert list(engine("used")(data, width, bits, stride=stride, rows=2)) == np.unique(values).tolist()
    assert list(engine("used")(bytes([9, 3, 5]), 2)) == [3, 9]
    assert list(engine("used")(bytes([9, 3, 5, 7]), 2, stride=2, rows=2)) == [3, 5, 7, 9]
    assert list(engine("used")(bytes([9, 3, 5]), 3)) == [3, 5, 9]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("width", [1, 7, 8, 13])
def test_other_values(engine, bits, width):
    data, stride, values = rows(width, 5, bits)
    before, table = bytes(data), RANDOM.permutation(256).astype(np.uint8)
    changed = engine("remap")(data, table.tobytes(), width, bits, stride=stride, rows=5)
    assert (unpack(data, width, stride, bits) == table[values] & (1 << bits) - 1).all()
    assert changed == (data != before)
    assert not engine("remap")(data, bytes(range(256)), width, bits, stride=stride, rows=5)
    padding = np.unpackbits(np.frombuffer(before, np.uint8) ^ np.frombuffer(data, np.uint8)).reshape(5, -1)
    assert not padding[:, width * bits :].any()


@pytest.mark.parametrize("bits", [1, 8, 11, 24])
def test_what_belongs_to_no_pixel(engine, bits):
    data, stride, _ = rows(40, 6, 1)
    expected = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(6, -1)
    expected[:, bits:] = 0
    expected[4:] = 0
    clear = engine("clear_padding")
    assert clear(data, bits, stride=stride, rows=4)
    assert data == np.packbits(expected).tobytes()
    assert not clear(data, bits, stride=stride, rows=4)
    short = bytearray(b"\xff\xff\xff")  # the last row may end with its samples
    assert clear(short, 8, stride=2, rows=2)
    assert short == b"\xff\0\xff"


@pytest.mark.parametrize("channels, alpha, depth", [(2, 1, 1), (4, 3, 1), (5, 3, 1), (1, 0, 1), (2, 1, 2), (4, 0, 2)])
def test_colour_without_opacity(engine, channels, alpha, depth):
    pixels = RANDOM.integers(0, 4, (50, channels), np.uint8).astype(f">u{depth}")
    pixels *= 1 if depth == 1 else RANDOM.choice([1, 256], pixels.shape).astype(pixels.dtype)  # either byte may be 0
    data = bytearray(pixels.tobytes() + b"\1")
    pixels[pixels[:, alpha] == 0] = 0
    assert engine("clear_hidden")(data, channels, alpha, depth) == (channels > 1)
    assert data == pixels.tobytes() + b"\1"
    assert not engine("clear_hidden")(data, channels, alpha, depth)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_plane_of_opacity(engine, depth):
    colour, opacity = (RANDOM.integers(0, 3, 60).astype(f"<u{depth}") << 8 * (depth - 1) for _ in range(2))
    data = bytearray(colour.tobytes())
    assert engine("clear_where")(data, opacity.tobytes(), depth)
    assert data == np.where(opacity, colour, 0).astype(colour.dtype).tobytes()


@pytest.mark.parametrize("depth, keep, alpha", [(4, 0xFFFFFF, 0), (4, 0xFFFFFFFF, 0xFF000000), (2, 0xFFFF, 0x8000)])
def test_bits_of_no_channel(engine, depth, keep, alpha):
    pixels = RANDOM.integers(0, 1 << 8 * depth, 99).astype(f"<u{depth}")
    pixels[::3] &= 0xFFFFFF if depth == 4 else 0x7FFF
    data = bytearray(pixels.tobytes())
    pixels &= keep
    if alpha:
        pixels[pixels & alpha == 0] = 0
    assert engine("mask")(data, depth, keep, alpha)
    assert data == pixels.tobytes()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "<u4", ">u4"])
def test_the_predictor_is_undone_and_applied(engine, channels, kind):
    depth = int(kind[-1])
    pixels = RANDOM.integers(0, 1 << 8 * depth, (7, 9, channels)).astype(kind)
    stored = np.diff(pixels, axis=1, prepend=np.zeros_like(pixels[:, :1])).astype(kind)
    data, big = bytearray(stored.tobytes()), kind[0] == ">"
    engine("undo_predictor")(data, len(data) // 7, channels, depth, big=big)
    assert data == pixels.tobytes()
    engine("apply_predictor")(data, len(data) // 7, channels, depth, big=big)
    assert data == stored.tobytes()


def test_libtiff_undoes_the_predictor_that_is_applied(engine):
    pixels = RANDOM.integers(0, 256, 600, np.uint8).tobytes()
    data = bytearray(pixels)
    engine("apply_predictor")(data, 60)

    assert tiffs.read(lzw.encode(data, tiff=True), 60, 10, 5, predictor=2) == pixels
    [strip] = tiffs.strips(Image.frombytes("L", (60, 10), pixels), "tiff_lzw", tiffinfo={317: 2})
    stored = lzw.decode(strip, 600, tiff=True).samples
    engine("undo_predictor")(stored, 60)
    assert stored == pixels


@pytest.mark.parametrize(
    "name, arguments, named",
    [
        ("used", (9,), {}),
        ("used", (1, 3), {}),
        ("used", (1,), {"stride": 3, "rows": 4}),
        ("remap", (bytes(256), 65, 1), {}),
        ("remap", (bytes(255), 1), {}),
        ("clear_padding", (17,), {"stride": 2, "rows": 1}),
        ("clear_padding", (8,), {"stride": 0, "rows": 2}),
        ("clear_hidden", (65, 1), {}),
        ("clear_hidden", (2, 2), {}),
        ("clear_hidden", (2, 1, 4), {}),
        ("clear_where", (b"\0",), {}),
        ("mask", (3, 1), {}),
        ("undo_predictor", (0,), {}),
        ("undo_predictor", (4, 1, 3), {}),
        ("apply_predictor", (4, 0), {}),
    ],
)
def test_what_does_not_fit_is_refused(engine, name, arguments, named):
    with pytest.raises(ValueError, match="samples"):
        engine(name)(bytearray(8), *arguments, **named)


SIZES = st.fixed_dictionaries({"stride": st.integers(0, 9), "rows": st.integers(0, 9)})
CALLS = st.one_of(
    st.tuples(st.just("used"), st.tuples(st.integers(0, 40), st.sampled_from([1, 2, 4, 8])), SIZES),
    st.tuples(
        st.just("remap"),
        st.tuples(st.binary(min_size=256, max_size=256), st.integers(0, 40), st.sampled_from([1, 2, 4, 8])),
        SIZES,
    ),
    st.tuples(st.just("clear_padding"), st.tuples(st.integers(0, 80)), SIZES),
    st.tuples(st.just("clear_hidden"), st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), st.just({})),
    st.tuples(st.just("clear_where"), st.tuples(st.binary(max_size=9), st.integers(0, 3)), st.just({})),
    st.tuples(
        st.just("mask"), st.tuples(st.sampled_from([2, 4]), st.integers(0, 2**32 - 1), st.integers(0, 255)), st.just({})
    ),
    st.tuples(
        st.sampled_from(["undo_predictor", "apply_predictor"]),
        st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 4)),
        st.fixed_dictionaries({"big": st.booleans()}),
    ),
)


@needs_core
@settings(max_examples=300 * ROUNDS, deadline=None)
@given(st.binary(max_size=60), CALLS)
def test_the_twins_agree(data, call):
    name, arguments, named = call
    results = []
    for engine in ("python", "native"):
        buffer = bytearray(data)
        try:
            results.append((getattr(getattr(samples, name), engine)(buffer, *arguments, **named), bytes(buffer)))
        except ValueError:
            results.append("refused")
    assert results[0] == results[1]
