"""Rows of PNG: Pillow and OpenCV are the judges of pixels, zlib of streams."""

from __future__ import annotations

import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.native import deflate, png
from rmexif.native.png import Layout
from rmexif.native.status import Status
from tests.native import needs_core, pngs
from tests.native.pngs import image_data
from tests.sets import require

ENGINES = ["python", pytest.param("native", marks=needs_core)]
SIZES = [(1, 1), (9, 7), (33, 5), (5, 40)]
CASES = [(c, d, i, w, h) for c, d in pngs.LAYOUTS for i in (False, True) for w, h in SIZES]


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def survey(engine):
    return getattr(png.survey, engine)


@pytest.fixture
def rewrite(engine):
    return getattr(png.rewrite, engine)


def picture(layout: Layout, seed: int = 1, *, clear: bool = True) -> tuple[bytes, bytes]:
    """Rows without filters, and with one each, all five of them."""
    rows = pngs.random_rows(*layout, seed, clear=clear)
    count = sum(map(len, rows))
    kinds = [n % 5 for n in random.Random(seed).sample(range(5 * count), count)]
    return b"".join(map(b"".join, rows)), pngs.filtered(rows, layout.step, kinds)


def read(layout: Layout, stream: bytes, palette: bytes = b"") -> np.ndarray:
    """What OpenCV decodes, or Pillow, where OpenCV would scale."""
    file = pngs.file(*layout, bytes(stream), palette)
    if layout.depth == 16 or layout.colour == 6:
        return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(Image.open(io.BytesIO(file)))


def shown(pixels: np.ndarray, layout: Layout) -> np.ndarray:
    """Without the colour under alpha 0."""
    return pixels * (pixels[..., -1:] > 0) if layout.colour in (4, 6) else pixels


@pytest.mark.parametrize("colour, depth, interlaced, width, height", CASES)
def test_rows_are_unfiltered_and_filtered(engine, colour, depth, interlaced, width, height):
    layout = Layout(width, height, depth, colour, interlaced)
    plain, filtered = picture(layout)
    assert layout.size == len(filtered)
    assert layout.pixels_size == len(plain)
    found = getattr(png.unfilter, engine)(filtered, layout)
    assert (found.status, bytes(found.pixels)) == (Status.OK, plain)
    again = getattr(png.filter_rows, engine)(found.pixels, layout, found.kinds)
    assert (again.status, bytes(again.pixels), again.kinds) == (Status.OK, filtered, found.kinds)
    own = getattr(png.filter_rows, engine)(found.pixels, layout)
    assert bytes(getattr(png.unfilter, engine)(own.pixels, layout).pixels) == plain
    assert np.array_equal(read(layout, zlib.compress(filtered)), read(layout, zlib.compress(own.pixels)))


@pytest.mark.parametrize("colour, depth, interlaced, width, height", CASES)
def test_clean_pictures_stay(survey, rewrite, colour, depth, interlaced, width, height):
    layout = Layout(width, height, depth, colour, interlaced)
    _, filtered = picture(layout)
    found = survey(zlib.compress(filtered), layout)
    assert (found.status, found.rows, found.invisible, found.padding) == (Status.OK, layout.rows, False, 0)
    assert found.report.is_ordinary
    assert found.report.size == layout.size
    again = rewrite(zlib.compress(filtered), layout)
    assert (again.status, zlib.decompress(again.stream)) == (Status.OK, filtered)


@pytest.mark.parametrize("colour, depth, interlaced, width, height", CASES)
def test_what_no_decoder_shows_is_found_and_goes(survey, rewrite, colour, depth, interlaced, width, height):
    layout = Layout(width, height, depth, colour, interlaced)
    plain, filtered = picture(layout, 2, clear=False)
    stream = zlib.compress(filtered)
    found = survey(stream, layout)
    assert found.invisible == hidden_colour(plain, layout)
    assert found.padding == padded_rows(plain, layout)
    again = rewrite(stream, layout)
    assert again.status is Status.OK
    assert np.array_equal(shown(read(layout, again.stream), layout), shown(read(layout, stream), layout))
    clean = survey(again.stream, layout)
    assert (clean.status, clean.invisible, clean.padding, clean.report.intact) == (Status.OK, False, 0, 1)
    assert png.unfilter(zlib.decompress(again.stream), layout).kinds == png.unfilter(filtered, layout).kinds


def hidden_colour(plain: bytes, layout: Layout) -> bool:
    if layout.colour not in (4, 6):
        return False
    pixels = [plain[n : n + layout.step] for n in range(0, len(plain), layout.step)]
    return any(any(pixel) and not any(pixel[-layout.depth // 8 :]) for pixel in pixels)


def padded_rows(plain: bytes, layout: Layout) -> int:
    count, at = 0, 0
    for width, rows, size in layout.passes:
        spare = (1 << (-width * layout.bits % 8)) - 1
        count += sum(bool(plain[at + n * size + size - 1] & spare) for n in range(rows))
        at += rows * size
    return count


@pytest.mark.parametrize("depth, interlaced", [(d, i) for d in (1, 2, 4, 8) for i in (False, True)])
def test_samples_of_palettes_are_found_and_renumbered(survey, rewrite, depth, interlaced):
    layout = Layout(21, 13, depth, 3, interlaced)
    _, filtered = picture(layout, 3)
    stream, count = zlib.compress(filtered), 1 << depth
    before = read(layout, stream)
    assert sorted(np.flatnonzero(np.frombuffer(survey(stream, layout).used, np.uint8))) == sorted(set(before.ravel()))
    indices = bytes(n ^ 1 if n < count else n for n in range(256))
    palette = bytes(range(3 * count)[: 3 * count]) if count < 86 else None
    again = rewrite(stream, layout, indices)
    assert np.array_equal(read(layout, again.stream, palette or b""), np.asarray(before) ^ 1)


@pytest.mark.parametrize("colour, depth", [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16)])
def test_a_colour_is_looked_for(survey, colour, depth):
    layout = Layout(13, 6, depth, colour, False)
    plain, filtered = picture(layout, 4)
    stream = zlib.compress(filtered)
    if depth < 8:
        there = set(
            read(layout, stream).ravel() * 1
            if depth == 1
            else read(layout, stream).ravel() // (255 // ((1 << depth) - 1))
        )
        assert all(survey(stream, layout, bytes([n])).keyed == (n in there) for n in range(1 << depth))
    else:
        pixels = {plain[n : n + layout.step] for n in range(0, len(plain), layout.step)}
        assert survey(stream, layout, min(pixels)).keyed
        absent = next(key for n in range(1 << 16) if (key := n.to_bytes(layout.step, "little")) not in pixels)
        assert not survey(stream, layout, absent).keyed
    assert not survey(stream, layout).keyed


def test_a_hasty_survey_stops(survey):
    layout = Layout(200, 300, 8, 6, False)
    filtered = b"".join(b"\0" + bytes([1, 2, 3, 0]) * 200 for _ in range(300))
    stream = zlib.compress(filtered, 0)[:-50_000]
    assert survey(stream, layout).status is Status.ENDS_EARLY
    assert survey(stream, layout, hasty=True).status is Status.LIMIT
    assert survey(zlib.compress(bytes(layout.size)), layout, hasty=True).status is Status.OK


def test_a_filter_that_does_not_exist(survey, rewrite, engine):
    layout = Layout(4, 4, 8, 0, False)
    raw = bytearray(layout.size)
    raw[10] = 5
    found = survey(zlib.compress(raw), layout)
    assert (found.status, found.unknown_kind, found.rows) == (Status.BAD_VALUE, True, 2)
    assert rewrite(zlib.compress(raw), layout).status is Status.BAD_VALUE
    rows = getattr(png.unfilter, engine)(raw, layout)
    assert (rows.status, rows.kinds) == (Status.BAD_VALUE, bytes(2))
    assert getattr(png.filter_rows, engine)(bytes(16), layout, bytes([0, 5, 0, 0])).status is Status.BAD_VALUE


@pytest.mark.parametrize("interlaced", [False, True])
def test_pictures_that_are_cut_or_too_long(survey, rewrite, engine, interlaced):
    layout = Layout(7, 6, 16, 6, interlaced)
    _, filtered = picture(layout, 5)
    for size in range(0, layout.size, 7):
        stream = zlib.compress(filtered[:size])
        found = survey(stream, layout)
        assert (found.status, found.report.size) == (Status.OK, size)
        assert rewrite(stream, layout).status is Status.ENDS_EARLY
        assert getattr(png.unfilter, engine)(filtered[:size], layout).status is Status.ENDS_EARLY
    longer = zlib.compress(filtered + b"more")
    assert survey(longer, layout).status is Status.OUTPUT_FULL
    assert zlib.decompress(rewrite(longer, layout).stream)[: layout.size][:1] == filtered[:1]
    cut = zlib.compress(filtered)[:-4]  # the end of the stream is missing, not of the picture
    assert len(zlib.decompress(rewrite(cut, layout).stream)) == layout.size


def test_a_match_that_runs_past_the_picture(rewrite):
    layout = Layout(300, 9, 8, 2)
    again = rewrite(zlib.compress(bytes(layout.size + 1000)), layout)
    assert (again.status, zlib.decompress(again.stream)) == (Status.OK, bytes(layout.size))


@pytest.mark.parametrize(
    "layout",
    [
        Layout(0, 1, 8, 0),
        Layout(1, 1, 3, 0),
        Layout(1, 1, 4, 2),
        Layout(1, 1, 8, 5),
        Layout(1 << 31, 1, 8, 0),
        Layout(1 << 30, 1 << 30, 8, 0),
    ],
)
def test_layouts_that_do_not_exist(survey, rewrite, engine, layout):
    assert survey(zlib.compress(b"\0\0"), layout).status is Status.BAD_ARGUMENT
    assert rewrite(zlib.compress(b"\0\0"), layout).status is Status.BAD_ARGUMENT
    assert getattr(png.unfilter, engine)(b"\0\0", layout).status is Status.BAD_ARGUMENT
    assert getattr(png.filter_rows, engine)(b"\0", layout).status is Status.BAD_ARGUMENT


@pytest.mark.parametrize("level", [1, 6, 9])
def test_a_long_picture_is_coded_again_in_its_own_size(level):
    gradient = np.add.outer(np.arange(300), np.arange(400)).astype(np.uint16)
    noise = np.random.default_rng(1).integers(0, 4, (300, 400, 4))
    pixels = (gradient[..., None] // 3 + noise).astype(np.uint8)
    pixels[..., 3] = np.where((gradient // 50) % 2, 255, 0)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=level)
    stream, layout = image_data(out.getvalue()), Layout(400, 300, 8, 6)
    assert png.survey(stream, layout).invisible
    again = png.rewrite(stream, layout)
    assert np.array_equal(read(layout, again.stream)[..., [2, 1, 0, 3]], pixels * (pixels[..., 3:] > 0))
    assert len(again.stream) < len(stream)
    assert not png.survey(again.stream, layout).invisible
    assert png.survey(again.stream, layout).report.is_ordinary


LAYOUT = st.builds(
    lambda kind, width, height, interlaced: Layout(width, height, kind[1], kind[0], interlaced),
    st.sampled_from(pngs.LAYOUTS),
    st.integers(1, 40),
    st.integers(1, 30),
    st.booleans(),
)


@needs_core
@settings(max_examples=100, deadline=None)
@given(LAYOUT, st.integers(0, 999), st.integers(0, 9), st.data())
def test_twins_agree(layout, seed, level, data):
    _, filtered = picture(layout, seed, clear=False)
    raw = bytearray(filtered)
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 7)), max_size=2), "bytes"):
        raw[place % len(raw)] = value
    raw = raw[: data.draw(st.integers(0, len(raw)), "size")] if data.draw(st.booleans(), "cut") else raw
    stream = bytearray(zlib.compress(raw, level))
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=1), "stream"
    ):
        stream[place % len(stream)] ^= value
    stream = bytes(stream)
    key = data.draw(st.one_of(st.none(), st.binary(min_size=layout.step, max_size=layout.step)), "key")
    hasty = data.draw(st.booleans(), "hasty")
    assert png.survey.python(stream, layout, key, hasty=hasty) == png.survey.native(stream, layout, key, hasty=hasty)
    indices = bytes(data.draw(st.permutations(range(1 << layout.depth)))) if layout.depth < 8 else bytes(256)
    first, second = (one(stream, layout, indices.ljust(256, b"\0")) for one in (png.rewrite.python, png.rewrite.native))
    assert (first.status, first.report, bytes(first.stream)) == (second.status, second.report, bytes(second.stream))
    rows, its = png.unfilter.python(raw, layout), png.unfilter.native(raw, layout)
    assert (rows.status, bytes(rows.pixels), rows.kinds) == (its.status, bytes(its.pixels), its.kinds)
    if rows.status is Status.OK:
        assert png.filter_rows.python(rows.pixels, layout) == png.filter_rows.native(rows.pixels, layout)


@needs_core
@pytest.mark.parametrize("width, level", [(70_001, 1), (300, 1), (3000, 0)])
def test_twins_agree_over_windows(width, level):
    layout = Layout(width, -(-90_000 // width), 8, 6)
    draw = random.Random(width)
    piece = [draw.randbytes(3) + bytes([draw.choice([0, 0, 255])]) for _ in range(999)]
    rows = [
        bytes([draw.randrange(5)]) + b"".join(draw.choices(piece[: draw.choice([1, 9, 999])], k=width))
        for _ in range(layout.height)
    ]
    stream = zlib.compress(b"".join(rows), level)
    first, second = png.rewrite.python(stream, layout), png.rewrite.native(stream, layout)
    assert (first.status, first.report) == (second.status, second.report)
    assert bytes(first.stream) == bytes(second.stream)
    assert png.survey.python(stream, layout) == png.survey.native(stream, layout)
    assert deflate.audit(first.stream, layout.size).report.is_ordinary


def bare(file: bytes, stream: bytes) -> bytes:
    """A file with another stream, and what its pixels need."""
    out, at = file[:8], 8
    while at < len(file) and file[at + 4 : at + 8] != b"IDAT":
        end = at + 12 + int.from_bytes(file[at : at + 4], "big")
        out += file[at:end] if file[at + 4 : at + 8] in (b"IHDR", b"PLTE", b"tRNS") else b""
        at = end
    return out + pngs.chunk(b"IDAT", stream) + pngs.chunk(b"IEND", b"")


def load(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image)


def test_pictures_of_the_corpus_keep_their_pixels():
    read_files = 0
    for path in sorted(require("corpus").rglob("*.png")):
        file = path.read_bytes()
        try:
            before = load(bare(file, image_data(file)))
        except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError):
            continue
        width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", bare(file, b""), 16)
        layout, stream = Layout(width, height, depth, colour, bool(interlaced)), image_data(file)
        found = png.survey(stream, layout)
        again = png.rewrite(stream, layout)
        assert found.report.size == layout.size
        assert again.status is Status.OK
        assert np.array_equal(shown(load(bare(file, bytes(again.stream))), layout), shown(before, layout)), path.name
        assert len(again.stream) <= 1.01 * len(stream) + 8
        read_files += 1
    assert read_files > 30
