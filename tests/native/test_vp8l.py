"""VP8L: libwebp decodes the same pixels, and the core and its twin see the same in them."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from rmexif.native import vp8l
from rmexif.native.status import Status
from tests import sets
from tests.native import ROUNDS, needs_core, vp8l_streams
from tests.native.webps import SIZES, Bits, chunks, content, decode, encode, palette, photo, riff

ENGINES = ["python", pytest.param("native", marks=needs_core)]
BLACK = (0, 0, 0, 255, 0)  # codes of an opaque black pixel: green, red, blue, alpha, distance


@pytest.fixture(params=ENGINES)
def walk(request):
    return getattr(vp8l.walk, request.param)


def pictures():
    """Pictures of libwebp's encoder: photographs, alpha, colour tables of every size class."""
    for index, size in enumerate(SIZES):
        method, exact = index % 7, bool(index & 1)
        for pixels in (photo(*size), photo(*size, 4), *(palette(*size, n) for n in (1, 2, 3, 5, 100))):
            yield encode(pixels, lossless=True, method=method, exact=exact, quality=100 if index & 2 else 30)


def used(found: vp8l.Walk) -> int:
    """Bytes."""
    return (found.bits + 7) // 8


def test_every_pixel_is_libwebps(walk):
    for file in pictures():
        pixels, data = decode(file), content(file, b"VP8L")
        found = walk(data, rows=1 << 14)
        assert found.status is Status.OK
        assert (found.height, found.width) == pixels.shape[:2]
        assert found.rows == pixels.tobytes()
        assert found.decoded
        assert found.translucent == np.count_nonzero(pixels[..., 3] < 255)
        assert found.hidden == np.count_nonzero((pixels[..., 3] == 0) & pixels[..., :3].any(-1))
        assert found.free_values == found.unused_groups == found.unused_colours == 0


def test_any_transforms_codes_groups_and_caches_are_libwebps(walk):
    count, transforms = 0, set()
    for seed in range(400):
        data, width, _ = vp8l_streams.drawn(random.Random(seed))
        found = walk(data, rows=1 << 9) if not width else None
        if found is None or found.status is not Status.OK:
            continue
        pixels = decode(riff((b"VP8L", data)))
        assert pixels is not None
        shown = np.frombuffer(found.rows, np.uint8).reshape(pixels.shape).copy()
        if not found.alpha_hint:
            shown[..., 3] = 255  # a viewer takes the header's word
        assert np.array_equal(shown, pixels)
        transforms.add(found.transforms)
        count += 1
    assert count > 100
    assert transforms == set(range(16))


def test_the_last_bit_is_found_and_what_follows_it_is_not_read(walk):
    for file in pictures():
        data = content(file, b"VP8L")
        found = walk(data)
        assert used(found) == len(data)
        assert data[-1] >> 1 + (found.bits - 1) % 8 == 0  # libwebp fills with zeros
        assert walk(data + b"a second picture") == found
        assert walk(data[:-1]).status is Status.ENDS_EARLY


def test_a_stream_cut_anywhere_ends_early(walk):
    data = content(encode(palette(17, 9, 5), lossless=True), b"VP8L")
    assert {walk(data[:size]).status for size in range(len(data))} == {Status.ENDS_EARLY}


def test_first_rows_are_handed_out_alone(walk):
    for pixels in (photo(33, 18), photo(33, 18, 4), palette(33, 18, 5)):
        file = encode(pixels, lossless=True, exact=True)
        for rows, whole in ((0, False), (5, False), (5, True), (18, False)):
            found = walk(content(file, b"VP8L"), rows=rows, decode=whole)
            assert found.rows == decode(file)[:rows].tobytes()
            assert found.decoded == (whole or rows == 18)
            assert found.bits == walk(content(file, b"VP8L")).bits


def test_colour_under_alpha_is_counted(walk):
    pixels = photo(40, 30, 4)
    pixels[10:20, :, 3] = 0
    told, clean = (content(encode(pixels, lossless=True, exact=exact), b"VP8L") for exact in (True, False))
    assert walk(told).hidden == np.count_nonzero(pixels[10:20, :, :3].any(-1)) > 300
    assert walk(clean).hidden_coded == 0
    assert walk(told).hidden_coded > 300
    assert walk(told).translucent == walk(clean).translucent == np.count_nonzero(pixels[..., 3] < 255)


def test_an_opaque_photograph_is_proven_opaque_by_its_codes(walk):
    found = walk(content(encode(photo(64, 40), lossless=True), b"VP8L"))
    assert found.decoded
    assert not found.alpha_hint
    assert found.translucent == 0


def plain(width: int = 8, height: int = 8) -> Bits:
    """No transform, no cache, one group."""
    return Bits(width, height).put((0, 1), (0, 1), (0, 1))


def check(walk, stream: Bits, **facts) -> None:
    """libwebp reads the stream, and the walk says this of it."""
    file = riff((b"VP8L", stream.data()))
    found = walk(stream.data(), rows=1 << 14)
    assert found.status is Status.OK
    assert found.bits == stream.count
    assert decode(file).tobytes() == found.rows
    assert {name: getattr(found, name) for name in facts} == facts


def test_a_code_of_one_symbol_takes_no_bits(walk):
    check(walk, plain().codes(7, 8, 9, 200, 0), symbols=5, unused_symbols=0, translucent=64, groups=1)


def test_symbols_that_never_occur_are_counted(walk):
    stream = plain(2, 1).two(10, 20).codes(8, 9, 255, 39).put((0, 2))  # green is 10 twice; a distance for no copy
    check(walk, stream, symbols=6, unused_symbols=2)


def test_groups_that_no_tile_names_are_counted(walk):
    stream = Bits(8, 8).put((0, 1), (0, 1), (1, 1), (1, 3))  # tiles of 8 x 8
    stream.put((0, 1)).codes(2, 0, 0, 0, 0)  # the entropy image: group 2
    stream.codes(1, 2, 3, 255, 0).codes(4, 5, 6, 255, 0).codes(*BLACK)
    check(walk, stream, groups=3, unused_groups=2, translucent=0)


def test_a_named_group_that_codes_nothing_is_counted(walk):
    """A copy covers its tile."""
    stream = Bits(8, 1).put((0, 1), (0, 1), (1, 1), (0, 3))  # tiles of 4 x 4
    stream.put((0, 1)).two(0, 1).codes(0, 0, 0, 0).put((0, 1), (1, 1))
    lengths = {5: 1, 256 + 5: 1}  # of green's code: a literal, and copies of 7 or 8 pixels
    stream.put((0, 1)).put((9, 4), *((n, 3) for n in code_lengths())).put((0, 1))
    for symbol in range(280):
        stream.put((int(symbol in lengths), 1))
    stream.codes(0, 0, 255, 1)
    stream.codes(*BLACK).put((0, 1), (1, 1), (0, 1))  # the distance takes no bits
    check(walk, stream, groups=2, unused_groups=1)


def code_lengths() -> list[int]:
    """Lengths of the code of code lengths: 0 and 1 take a bit each (RFC 9649, 3.7.2.1.2)."""
    order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9]
    return [int(symbol in (0, 1)) for symbol in order]


def test_values_that_decoders_ignore_are_counted(walk):
    stream = Bits(16, 8).put((1, 1), (0, 2), (1, 3))  # a predictor in tiles of 8 x 8: two of them
    stream.put((0, 1)).codes(1).two(7, 200).codes(0, 255, 0).put((0, 1), (1, 1))  # red differs, and nobody reads it
    stream.put((0, 1), (0, 1), (0, 1)).codes(1, 1, 1, 0, 0)
    check(walk, stream, transforms=1, free_values=1, translucent=0)


def test_an_undefined_predictor_is_counted(walk):
    stream = Bits(8, 8).put((1, 1), (0, 2), (1, 3)).put((0, 1)).codes(15, 0, 0, 255, 0)
    stream.put((0, 1), (0, 1), (0, 1)).codes(1, 1, 1, 0, 0)
    check(walk, stream, free_values=1)


def test_colours_that_no_pixel_names_are_counted(walk):
    stream = Bits(8, 8).put((1, 1), (3, 2), (19, 8))  # 20 colours
    stream.put((0, 1)).codes(1, 2, 3, 255, 0)
    stream.put((0, 1), (0, 1), (0, 1)).codes(7, 0, 0, 255, 0)
    check(walk, stream, transforms=8, colours=20, unused_colours=19, translucent=64)


def test_bits_behind_the_last_pixel_of_a_row_are_counted(walk):
    stream = Bits(5, 3).put((1, 1), (3, 2), (1, 8))  # two colours: eight pixels in a value
    stream.put((0, 1)).codes(1, 2, 3, 255, 0)
    stream.put((0, 1), (0, 1), (0, 1)).codes(0b01011010, 0, 0, 255, 0)
    check(walk, stream, colours=2, unused_colours=0, free_values=3)


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (Bits(1, 1).put((1, 1), (2, 2), (1, 1), (2, 2)).put((0, 64)), Status.BAD_VALUE),  # a transform twice
        (Bits(1, 1).put((0, 1), (1, 1), (12, 4), (0, 64)), Status.BAD_VALUE),  # a cache of 12 bits
        (plain().put((0, 64)), Status.BAD_CODE),  # a code without a symbol
        (plain().put((0, 1), (15, 4), (0, 20)), Status.ENDS_EARLY),
        (plain().put((0, 1), (15, 4), (0, 99)), Status.BAD_CODE),
        (plain(2, 1).codes(0, 0, 0, 0).put((1, 1), (0, 1), (1, 1), (77, 8), (0, 64)), Status.BAD_CODE),  # distance 77
    ],
)
def test_what_no_decoder_reads_has_a_status(walk, stream, status):
    assert walk(stream.data()) == vp8l.Walk(status)
    assert decode(riff((b"VP8L", stream.data()))) is None


def test_sides_and_bounds_are_the_callers(walk):
    data = plain().codes(*BLACK).data()
    assert walk(data, most_pixels=63).status is Status.LIMIT
    assert walk(data, most_pixels=64).status is Status.OK
    assert walk(data[5:], 8, 0).status is Status.BAD_ARGUMENT
    assert walk(data[5:], 8, 16385).status is Status.BAD_ARGUMENT
    assert walk(b"\x2e" + data[1:]).status is Status.BAD_VALUE
    assert walk(b"").status is Status.ENDS_EARLY


@pytest.mark.parametrize("quality", [10, 100])
def test_alpha_chunks(walk, quality):
    count = 0
    for size in SIZES:
        for channels in (photo(*size, 4, noise=0), palette(*size, 3), palette(*size, 100)):
            file = encode(channels, quality=50, alpha_quality=quality, method=4)
            kinds = dict(chunks(file))
            head = kinds.get(b"ALPH", b"\0")
            if head[0] & 3 != 1:
                continue
            found = walk(head[1:] + b"behind it", *size, rows=size[1])
            assert found.status is Status.OK
            assert used(found) == len(head) - 1
            assert found.free_values == found.unused_groups == found.unused_colours == found.translucent == 0
            if not head[0] >> 2 & 3:
                assert found.rows[1::4] == decode(file)[..., 3].tobytes()
            count += 1
    assert count > 5


def examples(seed: int, rounds: int):
    """Streams of libwebp's encoder, a few bits of them flipped, some cut short."""
    draw = random.Random(seed)
    seeds = [data for data in (content(file, b"VP8L") for file in pictures()) if len(data) < 3000]
    for _ in range(rounds):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(5, min(len(data), draw.choice((10, 40, 4000))))] ^= 1 << draw.randrange(8)
        yield bytes(data[: draw.randrange(5, len(data))] if draw.random() < 0.2 else data), draw


@needs_core
def test_core_and_twin_agree_on_mutations():
    seen = set[Status]()
    for data, draw in examples(1, 3000 * ROUNDS):
        wanted = {"rows": draw.choice((0, 1, 5, 100)), "decode": draw.random() < 0.6}
        if draw.random() < 0.3:
            data, wanted = data[5:], wanted | {"width": draw.randint(1, 40), "height": draw.randint(1, 40)}
        found = vp8l.walk.native(data, **wanted)
        assert found == vp8l.walk.python(data, **wanted)
        seen.add(found.status)
    assert seen == {Status.OK, Status.ENDS_EARLY, Status.BAD_CODE, Status.BAD_VALUE}


@needs_core
def test_libwebp_reads_what_the_core_reads():
    count = 0
    for data, _ in examples(2, 3000 * ROUNDS):
        data += b"\0" * (len(data) & 1)  # libwebp would read the padding of the chunk
        found, pixels = vp8l.walk.native(data, rows=1 << 14), decode(riff((b"VP8L", data)))
        assert (found.status is Status.OK) == (pixels is not None)
        if pixels is not None:
            shown = np.frombuffer(found.rows, np.uint8).reshape(pixels.shape).copy()
            if not found.alpha_hint:
                shown[..., 3] = 255  # a viewer takes the header's word
            assert np.array_equal(shown, pixels)
            count += 1
    assert count > 200


@needs_core
@pytest.mark.parametrize("data", [Bits(1 << 14, 1 << 14).data() + bytes(20), Bits(1 << 14, 1 << 14).put((0, 3)).data()])
def test_the_largest_picture_without_data_ends_at_once(data):
    started = time.process_time()
    assert vp8l.walk.native(data).status in (Status.BAD_CODE, Status.ENDS_EARLY)
    assert time.process_time() - started < 0.5


@needs_core
def test_the_largest_picture_of_one_colour_takes_a_second():
    stream = Bits(1 << 14, 1 << 14).put((0, 3)).codes(*BLACK)
    started = time.process_time()
    found = vp8l.walk.native(stream.data())
    assert (found.status, found.bits, found.translucent) == (Status.OK, stream.count, 0)
    assert time.process_time() - started < 1


def test_files_of_the_world_are_libwebps_too(walk):
    most, count = 1 << (18 if walk == vp8l.walk.python else 22), 0  # px
    for path in sorted(sets.require("corpus").rglob("*.webp")) + sorted(sets.require("cases").glob("*.webp")):
        for kind, data in chunks(path.read_bytes()):
            if kind != b"VP8L" or walk(data, most_pixels=most, decode=False).status is Status.LIMIT:
                continue
            pixels, found = decode(riff((kind, data))), walk(data, rows=1 << 14)
            assert (found.status is Status.OK) == (pixels is not None), path.name
            if pixels is not None:
                shown = np.frombuffer(found.rows, np.uint8).reshape(pixels.shape)
                assert np.array_equal(shown[..., :3], pixels[..., :3]), path.name
                assert used(found) == len(data) or "tail" in path.name, path.name
                count += 1
    assert count >= 8
