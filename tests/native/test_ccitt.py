"""Fax codes: libtiff is the judge."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.native import ccitt
from rmexif.native.ccitt import Coding
from rmexif.native.status import Status
from tests import sets
from tests.native import ROUNDS, needs_core, tiffs

ENGINES = ["python", pytest.param("native", marks=needs_core)]
CODINGS = list(Coding)
# TIFF's compression, its T4Options, and what Pillow calls it
FORMS = {
    Coding.HUFFMAN: (2, 0, "tiff_ccitt"),
    Coding.GROUP3: (3, 0, "group3"),
    Coding.GROUP3_2D: (3, 1, "group3"),
    Coding.GROUP4: (4, 0, "group4"),
}


@pytest.fixture(params=ENGINES)
def engine(request):
    return lambda name: getattr(getattr(ccitt, name), request.param)


def drawing(width: int, height: int, seed: int = 1) -> bytes:
    """Rows of runs that shift, start and end, with noise and long runs among them."""
    draw = random.Random(seed)
    rows, row = [], [0] * width
    for _ in range(height):
        kind = draw.random()
        if kind < 0.2:
            row = [draw.randrange(2) for _ in row]
        elif kind < 0.4:
            row = [draw.randrange(2)] * width
        for _ in range(draw.randrange(5)):
            start, value = draw.randrange(width), draw.randrange(2)
            row[start : start + draw.randrange(40)] = [value] * len(row[start : start + draw.randrange(40)])
            row = row[:width] + [0] * (width - len(row))
        rows.append(int("".join(map(str, row)).ljust((width + 7) // 8 * 8, "0"), 2).to_bytes((width + 7) // 8, "big"))
    return b"".join(rows)


def write(bitmap: bytes, width: int, height: int, coding: Coding, options: int = 0) -> list[bytes]:
    """What libtiff encodes."""
    image = Image.frombytes("1", (width, height), bitmap)
    tags = {278: height} | ({292: FORMS[coding][1] | options} if FORMS[coding][0] == 3 else {})
    return tiffs.strips(image, FORMS[coding][2], tiffinfo=tags)


def read(strip: bytes, width: int, height: int, coding: Coding, **tags: int) -> bytes:
    """What libtiff decodes."""
    return tiffs.read(strip, width, height, FORMS[coding][0], bits=1, t4=FORMS[coding][1], **tags)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("width, height", [(1, 1), (8, 3), (97, 40), (6000, 12)])
def test_what_libtiff_encodes_is_decoded_up_to_its_last_code(engine, coding, width, height):
    bitmap = drawing(width, height)
    [strip] = write(bitmap, width, height, coding)
    found = engine("decode")(strip + b"more", width, height, coding)
    assert found == (Status.OK, bitmap, height, len(strip))


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("width, height", [(1, 1), (8, 3), (97, 40), (6000, 12)])
def test_the_canonical_coding_is_that_of_libtiff(engine, coding, width, height):
    bitmap = drawing(width, height)
    encoded = engine("encode")(bitmap, width, height, coding)
    assert read(encoded, width, height, coding) == bitmap
    [strip] = write(bitmap, width, height, coding)
    if coding == Coding.GROUP3_2D:
        assert len(encoded) <= len(strip)
        assert engine("decode")(encoded, width, height, coding) == (Status.OK, bitmap, height, len(encoded))
    else:
        assert encoded == strip


@pytest.mark.parametrize("coding", [Coding.GROUP3, Coding.GROUP3_2D])
def test_ends_of_lines_can_end_with_a_byte(engine, coding):
    bitmap = drawing(97, 40)
    [strip] = write(bitmap, 97, 40, coding, 4)
    assert engine("decode")(strip, 97, 40, coding)[:2] == (Status.OK, bitmap)
    encoded = engine("encode")(bitmap, 97, 40, coding, aligned=True)
    assert encoded == strip or coding == Coding.GROUP3_2D
    assert tiffs.read(encoded, 97, 40, 3, bits=1, t4=FORMS[coding][1] | 4) == bitmap
    assert b"".join(encoded.split(b"\x00\x01")) != encoded


def test_every_run_has_its_word(engine):
    for run in [*range(1, 70), *range(64, 2561, 64), 2559, 2623, 2624, 5183, 5184, 9999]:
        for colour in ("01", "10"):
            digits = colour[0] * run + colour[1]
            bitmap = int(digits.ljust(-(-len(digits) // 8) * 8, "0"), 2).to_bytes(-(-len(digits) // 8), "big")
            [strip] = write(bitmap, len(digits), 1, Coding.HUFFMAN)
            assert engine("encode")(bitmap, len(digits), 1, Coding.HUFFMAN) == strip
            assert engine("decode")(strip, len(digits), 1, Coding.HUFFMAN).bitmap == bitmap


def pack(digits: str) -> bytes:
    """Bits, in words with spaces between."""
    digits = digits.replace(" ", "")
    return int(digits.ljust(-(-len(digits) // 8) * 8, "0") or "0", 2).to_bytes(-(-len(digits) // 8), "big")


EOL = "000000000001"
CASES = {
    "two whites": (Coding.GROUP4, "1 1" + EOL * 2, Status.OK, 2, 4),
    "no end of page": (Coding.GROUP4, "1 1 1111", Status.OK, 2, 1),
    "page ends": (Coding.GROUP4, "1" + EOL * 2, Status.ENDS_EARLY, 1, 1),
    "data end": (Coding.GROUP4, "1111 1111", Status.OK, 2, 1),
    "half a run": (Coding.GROUP4, "1 001 000111", Status.ENDS_EARLY, 1, 1),
    "uncompressed mode": (Coding.GROUP4, "1 0000001111 1111111111", Status.BAD_CODE, 1, 1),
    "nothing": (Coding.GROUP4, "", Status.ENDS_EARLY, 0, 0),
    "run beyond the row": (Coding.GROUP4, "001 10011 11 111111", Status.BAD_VALUE, 0, 0),
    "left of the row": (Coding.GROUP4, "001 000111 010 1" + "000010" + "1" * 20, Status.BAD_VALUE, 1, 2),
    "right of the row": (Coding.GROUP4, "011 11111111", Status.BAD_VALUE, 0, 0),
    "lines": (Coding.GROUP3, (EOL + "10011") * 2 + "111", Status.OK, 2, 5),
    "fill": (Coding.GROUP3, "0" * 50 + (EOL + "10011") * 2, Status.OK, 2, 11),
    "no end of line": (Coding.GROUP3, EOL + "10011" + "10011" * 3, Status.BAD_CODE, 1, 3),
    "page ends after a line": (Coding.GROUP3, EOL + "10011" + EOL * 6, Status.ENDS_EARLY, 1, 3),
    "line ends": (Coding.GROUP3, EOL + "000111" + EOL * 2, Status.BAD_CODE, 0, 0),
    "a tag": (Coding.GROUP3_2D, EOL + "1 10011" + EOL + "0 1", Status.OK, 2, 4),
    "bytes": (Coding.HUFFMAN, "10011 101 10011 000", Status.OK, 2, 2),
    "runs of nothing": (Coding.HUFFMAN, "000111 0000110111 1111" + "0" * 4 + "10011", Status.OK, 2, 4),
}


@pytest.mark.parametrize("coding, digits, status, rows, consumed", CASES.values(), ids=CASES)
def test_ends_and_damage_have_a_status(engine, coding, digits, status, rows, consumed):
    """Rows of eight pixels."""
    found = engine("decode")(pack(digits), 8, 2, coding)
    assert (found.status, found.rows, found.consumed) == (status, rows, consumed)
    assert len(found.bitmap) == 2


def test_what_does_not_go_together_is_refused(engine):
    assert engine("decode")(b"", 0, 1, Coding.GROUP4).status is Status.BAD_ARGUMENT
    assert engine("decode")(b"", 1 << 25, 1, Coding.GROUP4).status is Status.BAD_ARGUMENT
    for size, width, rows in [(1, 9, 1), (3, 9, 1), (0, 0, 0), (0, 1 << 25, 0)]:
        with pytest.raises(ValueError, match="ccitt"):
            engine("encode")(bytes(size), width, rows, Coding.GROUP4)


@pytest.mark.parametrize("coding", CODINGS)
def test_bits_behind_a_row_say_nothing(engine, coding):
    width, stride = 13, 2
    bitmap = drawing(width, 20)
    dirty = bytes(byte | (7 if n % stride else 0) for n, byte in enumerate(bitmap))
    assert engine("encode")(dirty, width, 20, coding) == engine("encode")(bitmap, width, 20, coding)


@needs_core
@settings(max_examples=150 * ROUNDS, deadline=None)
@given(st.integers(1, 70), st.integers(0, 12), st.integers(0, 99), st.sampled_from(CODINGS), st.booleans(), st.data())
def test_the_twins_agree(width, height, seed, coding, aligned, data):
    bitmap = drawing(width, height, seed)
    encoded = ccitt.encode.native(bitmap, width, height, coding, aligned=aligned)
    assert encoded == ccitt.encode.python(bitmap, width, height, coding, aligned=aligned)
    damaged = bytearray(encoded)
    for _ in range(data.draw(st.integers(0, 3)) if encoded else 0):
        damaged[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(damaged[: data.draw(st.integers(0, len(encoded)))])
    for stream in (encoded, bytes(damaged), cut, data.draw(st.binary(max_size=20))):
        rows = height + data.draw(st.integers(0, 1))
        assert ccitt.decode.native(stream, width, rows, coding) == ccitt.decode.python(stream, width, rows, coding)


@pytest.mark.parametrize("form", ["fill order", "plain"])
def test_pages_of_a_scanner_keep_pixels_and_bytes(engine, form):
    [path] = sets.require("corpus").glob("*/*G31D_MULTI.TIF")
    image = Image.open(path)
    image.seek(0 if form == "fill order" else 1)
    tags = image.tag_v2
    width, height, [start], [size] = tags[256], tags[257], tags[273], tags[279]
    strip = path.read_bytes()[start : start + size]
    if form == "fill order":
        strip = strip.translate(bytes(int(f"{value:08b}"[::-1], 2) for value in range(256)))
    found = engine("decode")(strip, width, height, Coding.GROUP3)
    assert (found.status, found.rows, found.consumed) == (Status.OK, height, size)
    assert found.bitmap.translate(bytes(range(255, -1, -1))) == image.tobytes()  # white is 0
    assert engine("encode")(found.bitmap, width, height, Coding.GROUP3, aligned=form == "plain") == strip
