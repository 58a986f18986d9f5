"""Run-length codes: libtiff and Pillow's BMP reader are the judges."""

from __future__ import annotations

import io
import random
import struct
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.native import rle
from rmexif.native.status import Status
from tests.native import ROUNDS, needs_core, tiffs

ENGINES = ["python", pytest.param("native", marks=needs_core)]
PACKBITS = 32773
RUNS = st.lists(st.tuples(st.integers(0, 255), st.integers(1, 300) | st.integers(1, 3)), max_size=40).map(
    lambda runs: b"".join(bytes([value]) * count for value, count in runs)
)


@pytest.fixture(params=ENGINES)
def engine(request):
    return lambda name: getattr(getattr(rle, name), request.param)


def runs(size: int, values: int, seed: int) -> bytes:
    """Runs of all lengths, most of them short."""
    draw, out = random.Random(seed), bytearray()
    while len(out) < size:
        out += bytes([draw.randrange(values)]) * draw.choice([1, 1, 1, 2, 2, 3, 4, 5, 130, 260])
    return bytes(out[:size])


@pytest.mark.parametrize(
    "width, height, values", [(1, 1, 2), (700, 9, 2), (700, 9, 256), (129, 4, 1), (3, 50, 2), (700, 9, 0)]
)
def test_packbits_are_those_of_libtiff(engine, width, height, values):
    data = runs(width * height, values, width) if values else random.Random(1).randbytes(width * height)
    [strip] = tiffs.strips(Image.frombytes("L", (width, height), data), "packbits")
    assert engine("encode_packbits")(data, width) == strip
    assert engine("decode_packbits")(strip + b"\0", len(data)) == (Status.OK, data, len(strip))


@pytest.mark.parametrize("run", [2, 3, 127, 128, 129, 130])
def test_a_run_behind_a_literal_of_any_length_is_coded_as_by_libtiff(engine, run):
    """Two equal bytes join a literal of up to 126 bytes (TIFF 6.0, section 9, leaves it to the encoder)."""
    literal = bytes(range(150))
    rows = [
        literal[:size] + bytes([200]) * run + tail
        for size in range(118, 135)
        for tail in (b"", b"\1", b"\1\1", b"\1\2")
    ]
    for row in rows:
        [strip] = tiffs.strips(Image.frombytes("L", (len(row), 1), row), "packbits")
        assert engine("encode_packbits")(row, len(row)) == strip


@given(RUNS.filter(bool), st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_libtiff_reads_packbits(data, row):
    width = min(row, len(data))
    data = data[: len(data) // width * width]
    packed = rle.encode_packbits(data, width)
    assert tiffs.read(packed, width, len(data) // width, PACKBITS) == data
    assert len(packed) <= len(data) * 3 // 2 + len(data) // width


@pytest.mark.parametrize(
    "codes, size, expected",
    [
        (b"\x01ab\xfex", 5, (Status.OK, b"abxxx", 5)),
        (b"\x80\x80\x00a", 1, (Status.OK, b"a", 4)),  # codes that mean nothing
        (b"\xfexyz", 2, (Status.OK, b"xx", 2)),  # a run beyond the end
        (b"\x05abcdef", 2, (Status.OK, b"ab", 7)),
        (b"\x05abc", 9, (Status.ENDS_EARLY, b"abc", 4)),
        (b"\xfe", 9, (Status.ENDS_EARLY, b"", 1)),
        (b"", 9, (Status.ENDS_EARLY, b"", 0)),
        (b"\0a", 0, (Status.OK, b"", 0)),
    ],
)
def test_packbits_of_any_kind(engine, codes, size, expected):
    assert engine("decode_packbits")(codes, size) == expected


def test_a_row_has_bytes(engine):
    with pytest.raises(ValueError, match="row"):
        engine("encode_packbits")(b"abc", 0)


def bmp(codes: bytes, width: int, height: int, nibbles: bool) -> bytes:
    """A run-length coded BMP with a palette that is a grey ramp."""
    colours = 16 if nibbles else 256
    ramp = b"".join(bytes([n, n, n, 0]) for n in range(colours))
    form = (40, width, height, 1, 4 if nibbles else 8, 2 if nibbles else 1, len(codes), 0, 0, colours, 0)
    start = 54 + len(ramp)
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", start + len(codes), 0, 0, start, *form) + ramp + codes


def read_bmp(codes: bytes, width: int, height: int, nibbles: bool) -> bytes:
    """What Pillow decodes, rows in the order of the file."""
    image = Image.open(io.BytesIO(bmp(codes, width, height, nibbles)))
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes()


def all_of(width: int, height: int) -> array[int]:
    """The spans of a picture that is painted whole."""
    return array("I", [number for row in range(height) for number in (row, 0, width)])


@pytest.mark.parametrize("nibbles", [False, True])
@pytest.mark.parametrize("width, height", [(1, 1), (600, 7), (33, 5), (2, 9)])
def test_pillow_reads_what_is_encoded(engine, nibbles, width, height):
    pixels = runs(width * height, 16 if nibbles else 256, width)
    codes = engine("encode_bmp")(pixels, width, height, all_of(width, height), nibbles=nibbles, complete=True)
    assert read_bmp(codes, width, height, nibbles) == pixels
    painted = engine("decode_bmp")(codes + b"more", width, height, nibbles=nibbles)
    assert painted == (Status.OK, pixels, all_of(width, height), len(codes), True, height)
    assert painted.painted == width * height


CODES = {
    "run": (b"\x03\x21\0\0\x05\x43\0\1", True),
    "literal": (b"\0\x03\x12\x34\0\0\0\x05\x12\x34\x50\0\0\1", True),
    "jump": (b"\0\2\1\1\x04\x65\0\1", True),
    "end of line": (b"\x01\x70\0\0\x02\x70\0\0", True),
    "bytes": (b"\x02\x80\0\x03\1\2\3\0\0\0\x05\x09\0\1", False),
    "no end code": (b"\x05\x80\0\0\x05\x81", False),
}


@pytest.mark.parametrize("codes, nibbles", CODES.values(), ids=CODES)
def test_what_pillow_reads_is_decoded_and_encoded_again(engine, codes, nibbles):
    painted = engine("decode_bmp")(codes, 5, 2, nibbles=nibbles)
    assert painted.status is Status.OK
    assert painted.consumed == len(codes)
    seen = read_bmp(codes, 5, 2, nibbles)
    assert painted.pixels == seen
    form = {"nibbles": nibbles, "complete": painted.complete}
    again = engine("encode_bmp")(painted.pixels, 5, 2, painted.spans, **form)
    assert engine("decode_bmp")(again, 5, 2, nibbles=nibbles)[:3] == painted[:3]
    assert read_bmp(again, 5, 2, nibbles) == seen


def test_one_picture_has_one_coding(engine):
    ways = [
        b"\x01\x07\x04\x07\0\0\0\2\2\0\x03\x08\0\1",
        b"\x05\x07\0\0\0\2\1\0\0\2\1\0\0\x03\x08\x08\x08\0\0\0\0\1",
        b"\x05\x07\0\2\0\0\0\0\0\2\2\0\x02\x08\xff\x08",
    ]
    encoded = set()
    for codes in ways:
        painted = engine("decode_bmp")(codes, 5, 2, nibbles=False)
        assert (list(painted.spans), painted.consumed) == ([0, 0, 5, 1, 2, 5], len(codes))
        encoded.add(engine("encode_bmp")(painted.pixels, 5, 2, painted.spans, nibbles=False, complete=painted.complete))
    assert encoded == {b"\x05\x07\0\0\0\2\2\0\3\x08\0\1"}


@pytest.mark.parametrize(
    "pixels, nibbles, codes",
    [
        (b"\1" * 300, False, b"\xff\1\x2d\1"),
        (b"\1\1\1\1\2\2\3\3\3\3", False, b"\4\1\2\2\4\3"),
        (b"\1\2\3\1\1\1\1", False, b"\0\3\1\2\3\0\4\1"),
        (b"\1\2\1\2\1\3\4\5\6\7", True, b"\5\x12\0\5\x34\x56\x70\0"),
    ],
)
def test_the_shorter_code_is_taken(engine, pixels, nibbles, codes):
    spans = array("I", [0, 0, len(pixels)])
    assert engine("encode_bmp")(pixels, len(pixels), 1, spans, nibbles=nibbles, complete=True) == codes + b"\0\1"


def test_a_picture_that_ends_early_stays_so(engine):
    painted = engine("decode_bmp")(b"\x02\x80\0\1", 5, 2, nibbles=False)
    assert (painted.pixels, painted.complete, painted.row) == (b"\x80\x80" + bytes(8), False, 0)
    arguments = (painted.pixels, 5, 2, painted.spans)
    assert engine("encode_bmp")(*arguments, nibbles=False, complete=False) == b"\x02\x80\0\1"
    assert engine("encode_bmp")(*arguments, nibbles=False, complete=True) == b"\x02\x80\0\0\0\2\5\0\0\1"


@pytest.mark.parametrize(
    "codes, status, row",
    [
        (b"\x05\x01\0\0", Status.ENDS_EARLY, 1),
        (b"\x05", Status.ENDS_EARLY, 0),
        (b"\0\x04ab", Status.ENDS_EARLY, 0),
        (b"\0\2\1", Status.ENDS_EARLY, 0),
        (b"\0\2\6\0", Status.BAD_VALUE, 0),
        (b"\0\2\0\2", Status.BAD_VALUE, 0),
        (b"\x01\0\0\x05abcde\0", Status.BAD_VALUE, 0),
    ],
)
def test_what_leaves_the_picture_has_a_status(engine, codes, status, row):
    painted = engine("decode_bmp")(codes, 5, 2, nibbles=False)
    assert (painted.status, painted.row) == (status, row)


def test_half_a_byte_of_a_literal_is_not_enough(engine):
    assert engine("decode_bmp")(b"\0\5\x12\x34", 5, 1, nibbles=True).status is Status.ENDS_EARLY


def test_a_run_beyond_the_row_is_cut(engine):
    assert engine("decode_bmp")(b"\xff\x07\0\0\1\1\0\1", 5, 2, nibbles=False).pixels == b"\7\7\7\7\7\1\0\0\0\0"


@pytest.mark.parametrize(
    "pixels, spans, nibbles",
    [
        (b"\0" * 9, [0, 0, 5], False),
        (b"\0" * 10, [0, 0, 6], False),
        (b"\0" * 10, [2, 0, 5], False),
        (b"\0" * 10, [0, 3, 3], False),
        (b"\0" * 10, [1, 0, 5, 0, 0, 5], False),
        (b"\0" * 10, [0, 0, 3, 0, 3, 5], False),
        (b"\x10" * 10, [0, 0, 5], True),
    ],
)
def test_what_does_not_go_together_is_refused(engine, pixels, spans, nibbles):
    with pytest.raises(ValueError, match="rle"):
        engine("encode_bmp")(pixels, 5, 2, array("I", spans), nibbles=nibbles, complete=True)
    assert engine("decode_bmp")(b"", 0, 2, nibbles=False).status == Status.BAD_ARGUMENT


@needs_core
@settings(max_examples=150 * ROUNDS, deadline=None)
@given(RUNS | st.binary(max_size=80), st.integers(0, 400), st.integers(1, 300))
def test_the_twins_of_packbits_agree(data, size, row):
    assert rle.encode_packbits.native(data, row) == rle.encode_packbits.python(data, row)
    assert rle.decode_packbits.native(data, size) == rle.decode_packbits.python(data, size)


CODE = st.one_of(
    st.tuples(st.integers(0, 255), st.integers(0, 255)).map(bytes),
    st.tuples(st.just(0), st.integers(0, 3)).map(bytes),
    st.tuples(st.just(0), st.just(2), st.integers(0, 9), st.integers(0, 2)).map(bytes),
    st.integers(3, 9).flatmap(
        lambda n: st.binary(min_size=n + n % 2, max_size=n + n % 2).map(lambda b: bytes((0, n)) + b)
    ),
)


@needs_core
@settings(max_examples=300 * ROUNDS, deadline=None)
@given(st.lists(CODE, max_size=30).map(b"".join), st.integers(1, 40), st.integers(1, 9), st.booleans(), st.booleans())
def test_the_twins_of_bmp_agree(codes, width, height, nibbles, whole):
    painted = rle.decode_bmp.native(codes, width, height, nibbles=nibbles)
    assert painted == rle.decode_bmp.python(codes, width, height, nibbles=nibbles)
    arguments = (painted.pixels, width, height, painted.spans)
    encoded = rle.encode_bmp.native(*arguments, nibbles=nibbles, complete=whole)
    assert encoded == rle.encode_bmp.python(*arguments, nibbles=nibbles, complete=whole)
    again = rle.decode_bmp(encoded, width, height, nibbles=nibbles)
    assert (again.status, again.pixels, again.spans) == (Status.OK, painted.pixels, painted.spans)
