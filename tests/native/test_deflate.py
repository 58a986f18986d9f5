"""DEFLATE: zlib is the judge of bytes, a bit writer of the test's own makes what no encoder writes."""

from __future__ import annotations

import io
import random
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.native import deflate
from rmexif.native.status import Status
from tests.native import needs_core
from tests.native.deflate_bits import Bits, literal_lengths
from tests.native.pngs import image_data
from tests.sets import require

ENGINES = ["python", pytest.param("native", marks=needs_core)]
TEXT = b"a deflate stream, and again a deflate stream: " * 3
SETTINGS = [(level, memory, strategy) for level in (0, 1, 6, 9) for memory in (5, 8, 9) for strategy in range(5)]


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def inflate(engine):
    return getattr(deflate.inflate, engine)


@pytest.fixture
def recode(engine):
    return getattr(deflate.recode, engine)


def compress(
    data: bytes, level: int = 6, memory: int = 8, strategy: int = 0, flush: int = 0, window: int = 15
) -> bytes:
    coder = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    half = len(data) // 2
    return (
        coder.compress(data[:half])
        + (coder.flush(flush) if flush else b"")
        + coder.compress(data[half:])
        + coder.flush()
    )


def samples(size: int, seed: int = 1) -> bytes:
    """Filtered rows as pictures have them: small differences, repeats, noise."""
    draw, out = random.Random(seed), bytearray()
    while len(out) < size:
        kind, count = draw.random(), draw.randrange(1, 300)
        if kind < 0.4:
            out += bytes(int(draw.gauss(0, 3)) % 256 for _ in range(count))
        elif kind < 0.7 and out:
            start = draw.randrange(len(out))
            out += out[start : start + count]
        else:
            out += bytes(count) if kind < 0.9 else draw.randbytes(count)
    return bytes(out[:size])


@pytest.mark.parametrize("level, memory, strategy", SETTINGS)
@pytest.mark.parametrize("flush", [0, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH])
def test_what_zlib_writes_is_inflated_and_ordinary(level, memory, strategy, flush):
    data = samples(20_000)
    stream = compress(data, level, memory, strategy, flush)
    found = deflate.inflate(stream + b"behind", len(data))
    assert (found.status, bytes(found.data)) == (Status.OK, data)
    assert (found.report.used, found.report.size, found.report.intact) == (len(stream), len(data), 1)
    assert found.report.is_ordinary
    assert found.report.empty_stored + found.report.empty_coded == (flush > 0 and level + 1 > 0)
    assert deflate.audit(stream + b"behind", len(data)) == (found.status, found.report)


def test_without_an_envelope(inflate):
    stream = compress(TEXT, window=-15)
    found = inflate(stream + b"behind", 1000, bare=True)
    assert (found.status, bytes(found.data)) == (Status.OK, TEXT)
    assert (found.report.used, found.report.intact, found.report.envelope) == (len(stream), 1, 0)


@pytest.mark.parametrize("size", range(len(TEXT)))
def test_more_than_was_asked_for(inflate, size):
    found = inflate(compress(TEXT), size)
    assert (found.status, bytes(found.data), found.report.size) == (Status.OUTPUT_FULL, TEXT[:size], size)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_stream_cut_anywhere(inflate, level):
    stream = compress(TEXT, level)
    for size in range(len(stream)):
        found = inflate(stream[:size], len(TEXT))
        whole = size >= len(stream) - 4  # without the checksum, or a part of it
        assert found.status is (Status.OK if whole else Status.ENDS_EARLY)
        assert bytes(found.data) == zlib.decompressobj().decompress(stream[:size])
        assert not found.report.intact
        assert found.report.used == (size if size > 1 else 0)


def test_a_wrong_checksum_costs_nothing_else(inflate):
    stream = compress(TEXT)
    found = inflate(stream[:-1] + bytes([stream[-1] ^ 1]), len(TEXT))
    assert (found.status, bytes(found.data), found.report.intact) == (Status.OK, TEXT, 0)


@pytest.mark.parametrize(
    "head, status",
    [
        (b"x", Status.ENDS_EARLY),
        (b"x\x9d", Status.BAD_VALUE),
        (b"x\xbb", Status.BAD_VALUE),
        (b"\x88\x1c", Status.BAD_VALUE),
        (b"y\x9c", Status.BAD_VALUE),
    ],
)
def test_no_envelope_of_zlib(inflate, head, status):
    with pytest.raises(zlib.error):
        zlib.decompress(head + compress(TEXT)[2:] if len(head) > 1 else head)
    assert inflate(head + compress(TEXT)[2:] if len(head) > 1 else head, 1000).status is status


FAR = Bits().number(3, 3).code("10110001").code("0000001").code("00101").number(0, 1)  # one literal, then distance 7
BROKEN = {
    "block kind": (Bits().number(7, 3), Status.BAD_CODE),
    "stored length": (Bits().number(1, 8).number(5, 16).number(5, 16), Status.BAD_VALUE),
    "length symbol 286": (Bits().number(3, 3).code("11000110"), Status.BAD_CODE),
    "distance symbol 30": (Bits().number(3, 3).code("10110001").code("0000001").code("11110"), Status.BAD_CODE),
    "distance too far": (FAR, Status.BAD_VALUE),
    "287 literals": (Bits().number(5, 3).number(30, 5).number(0, 5).number(0, 4).number(0o111, 12), Status.BAD_CODE),
    "31 distances": (Bits().number(5, 3).number(0, 5).number(30, 5).number(0, 4).number(0o111, 12), Status.BAD_CODE),
    "no code lengths": (Bits().number(5, 3).number(0, 10).number(0, 4).number(0, 12), Status.BAD_CODE),
    "codes overlap": (Bits().dynamic(literal_lengths(b"abcd", 2), [0], b""), Status.BAD_CODE),
    "codes leave space": (Bits().dynamic(literal_lengths(b"ab", 2), [0], b""), Status.BAD_CODE),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_streams(inflate, name):
    bits, status = BROKEN[name]
    data = bits.bytes + bytes(40)
    with pytest.raises(zlib.error):
        zlib.decompress(data, -15)
    assert inflate(data, 1000, bare=True).status is status


def test_what_lies_before_a_fault_is_there(inflate):
    found = inflate(FAR.bytes + bytes(40), 1000, bare=True)
    assert bytes(found.data) == bytes([0b10110001 - 0x30])


ODD = {
    "padding before a stored block": (Bits().fixed(b"ab").stored(b"cd", last=True, padding=5), "padding"),
    "padding behind the last block": (Bits().fixed(b"ab", last=True).number(1, 1), "padding"),
    "codes without symbols": (Bits().dynamic(literal_lengths(b"abc", 3, dict.fromkeys(range(4), 3)), [0], b"abc" * 9, last=True), "unused_codes"),
    "distances without matches": (Bits().dynamic(literal_lengths(b"abc", 2), [2, 2, 2, 2], b"abc" * 9, last=True), "unused_codes"),
    "rare symbols with short codes": (
        Bits().dynamic(literal_lengths(b"", 1, {97: 2, 98: 3, 99: 4, 100: 5, 101: 6, 102: 6}), [0], b"f" * 900 + b"abcde", last=True, runs=True),
        "long_codes",
    ),
    "zeros one by one": (Bits().dynamic(literal_lengths(b"abc", 2), [0], b"abcabc", last=True), "loose_headers"),
    "lengths behind the last literal": (Bits().dynamic([*literal_lengths(b"abc", 2), 0, 0], [0], b"abcabc", last=True, runs=True), "loose_headers"),
    "a length behind the last distance": (Bits().dynamic(literal_lengths(b"abc", 2), [1, 0], b"abcabc", last=True, runs=True), "loose_headers"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_no_encoder_writes_is_found(inflate, recode, name):
    bits, fact = ODD[name]
    data = zlib.decompress(bits.bytes, -15)
    found = inflate(bits.bytes, len(data), bare=True, symbols=True)
    assert (found.status, bytes(found.data)) == (Status.OK, data)
    assert getattr(found.report, fact) > 0
    assert not found.report.is_ordinary
    fresh = bytes(recode(found.symbols, found.data))
    assert zlib.decompress(fresh) == data
    assert inflate(fresh, len(data)).report.is_ordinary


@pytest.mark.parametrize("block", ["stored", "fixed"])
def test_empty_blocks_are_counted(inflate, recode, block):
    bits = Bits()
    for letter in b"text":
        bits = bits.fixed(b"abcd")
        for _ in range(letter):
            bits = getattr(bits, block)(b"")
    stream = bits.fixed(b"", last=True).bytes
    found = inflate(stream, 100, bare=True, symbols=True)
    count = found.report.empty_stored if block == "stored" else found.report.empty_coded
    assert count == sum(b"text")
    assert not found.report.is_ordinary
    assert bytes(recode(found.symbols, found.data)) == bytes(recode([], b"abcd" * 4))


def test_short_blocks_are_counted_and_joined(inflate, recode):
    bits = Bits()
    for letter in b"a message in the lengths of blocks":
        bits = bits.fixed(b"-" * letter)
    data = b"-" * sum(b"a message in the lengths of blocks")
    stream = bits.fixed(b"", last=True).bytes
    found = inflate(stream, len(data), bare=True, symbols=True)
    assert found.report.short_blocks == found.report.fixed - 1 == 34
    assert not found.report.is_ordinary
    again = inflate(bytes(recode(found.symbols, data)), len(data))
    assert again.report.is_ordinary
    assert again.report.blocks <= 1 + len(data) // 256  # symbols of the shortest block that stays


@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize("kind", ["text", "drawing", "noise"])
def test_what_zopfli_writes_is_ordinary(inflate, kind, iterations):
    """Its headers repeat other runs than the longest ones, and give codes to symbols that do not occur."""
    zopfli = pytest.importorskip("imagecodecs").zopfli_encode
    drawing = bytes(range(40, 90)) * 40 + bytes(x * y % 251 for y in range(60) for x in range(60))
    data = {"text": TEXT * 3 + TEXT[::-1], "drawing": drawing, "noise": samples(6000)}[kind]
    found = inflate(bytes(zopfli(data, numiterations=iterations)), len(data))

    assert bytes(found.data) == data
    assert found.report.is_ordinary


def test_a_window_smaller_than_declared(inflate):
    stream = compress(TEXT * 20, window=15)
    head = b"\x08" + bytes([31 - 0x800 % 31])  # 256 bytes
    data = samples(2000) + samples(2000)
    found = inflate(head + compress(data)[2:], len(data))
    assert found.report.far_matches > 0
    assert inflate(stream, len(TEXT) * 20).report.far_matches == 0


def test_the_case_is_found():
    file = (require("cases") / "png-stored-block-padding.png").read_bytes()
    size = int.from_bytes(file[33:37], "big")
    stream = file[41 : 41 + size]
    report = deflate.audit(stream, 1 << 20).report
    assert report.padding > 1000
    assert not report.is_ordinary


@pytest.mark.parametrize("level", [0, 1, 3, 6, 9])
@pytest.mark.parametrize("writer", ["pillow", "opencv"])
def test_what_writers_of_png_write_is_ordinary(level, writer):
    picture = np.frombuffer(samples(300 * 200 * 3), np.uint8).reshape(200, 300, 3)
    if writer == "pillow":
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "PNG", compress_level=level)
        file = out.getvalue()
    else:
        file = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes()
    stream = image_data(file)
    found = deflate.audit(stream, 200 * 901)
    assert (found.status, found.report.used, found.report.intact) == (Status.OK, len(stream), 1)
    assert found.report.is_ordinary


@pytest.mark.parametrize("level, memory, strategy", SETTINGS)
def test_coded_again_it_does_not_grow(level, memory, strategy):
    data = samples(60_000)
    stream = compress(data, level, memory, strategy)
    found = deflate.inflate(stream, len(data), symbols=True)
    fresh = bytes(deflate.recode(found.symbols, found.data))
    assert zlib.decompress(fresh) == data
    assert len(fresh) <= len(stream) * 1.002 + 8
    again = deflate.inflate(fresh, len(data), symbols=True)
    assert bytes(deflate.recode(again.symbols, data)) == fresh


def test_changed_bytes_cost_little():
    data = bytearray(samples(200_000))
    stream = compress(bytes(data), 9)
    found = deflate.inflate(stream, len(data), symbols=True)
    for start in range(0, len(data), 2000):
        data[start : start + 500] = bytes(500)
    fresh = bytes(deflate.recode(found.symbols, data))
    assert zlib.decompress(fresh) == bytes(data)
    assert len(fresh) < len(stream)


def test_without_symbols_it_is_literals_and_zeros(recode):
    for data in (b"", b"\0", bytes(1000), samples(70_000)):
        assert zlib.decompress(recode([], data)) == data
    assert len(recode([], bytes(100_000))) < 500
    noise = random.Random(1).randbytes(140_000)  # stored
    assert len(recode([], noise)) <= len(noise) + 2 + 3 * 5 + 4 + 1
    assert zlib.decompress(recode([], noise)) == noise


@needs_core
def test_zeros_at_the_end_are_the_same_by_both():
    for size in range(70):
        data = b"a" + bytes(size)
        fresh = bytes(deflate.recode.native([], data))
        assert fresh == bytes(deflate.recode.python([], data))
        assert zlib.decompress(fresh) == data


def test_blocks_of_the_longest_kind_are_the_same_by_both():
    data = samples(300_000, 5)
    symbols = deflate.inflate(compress(data, 1, 9, zlib.Z_HUFFMAN_ONLY), len(data), symbols=True).symbols
    assert bytes(deflate.recode.python(symbols[:0], data)) == bytes(deflate.recode(symbols[:0], data))


STREAMS = st.builds(
    compress,
    st.one_of(st.binary(max_size=600), st.builds(samples, st.integers(0, 3000), st.integers(0, 99))),
    st.integers(0, 9),
    st.integers(1, 9),
    st.integers(0, 4),
    st.sampled_from([0, 1, 2, 3, 5]),
    st.integers(9, 15),
)


@needs_core
@settings(max_examples=150, deadline=None)
@given(
    STREAMS,
    st.integers(0, 4000),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3),
    st.data(),
)
def test_twins_agree(stream, size, changes, data):
    mutated = bytearray(stream)
    for place, value in changes:
        mutated[place % len(mutated)] ^= value
    end = data.draw(st.integers(0, len(mutated)), "end") if changes else len(mutated)
    bare = data.draw(st.booleans(), "bare")
    mutated = bytes(mutated[2:end] if bare else mutated[:end])
    first = deflate.inflate.python(mutated, size, bare=bare, symbols=True)
    second = deflate.inflate.native(mutated, size, bare=bare, symbols=True)
    assert (first.status, first.report, bytes(first.data)) == (second.status, second.report, bytes(second.data))
    assert list(first.symbols) == list(second.symbols)
    assert deflate.audit.python(mutated, size, bare=bare) == deflate.audit.native(mutated, size, bare=bare)
    fresh = bytearray(first.data)
    for start, count in data.draw(
        st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 300)), max_size=3), "cleared"
    ):
        fresh[start : start + count] = bytes(len(fresh[start : start + count]))
    coded = bytes(deflate.recode.python(first.symbols, fresh))
    assert coded == bytes(deflate.recode.native(second.symbols, fresh))
    assert zlib.decompress(coded) == fresh
