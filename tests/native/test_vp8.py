"""VP8: libwebp's encoder writes what a rewrite must keep, its decoder judges what a rewrite may change."""

from __future__ import annotations

import random

import numpy as np
import pytest

from rmexif import native
from rmexif.native import library, vp8
from rmexif.native.status import Status
from tests import sets
from tests.native import ROUNDS, needs_core
from tests.native.webps import chunks, content, decode, encode, frame, photo, riff

pytestmark = needs_core
SIZES = [(1, 1), (1, 17), (16, 16), (33, 18), (100, 60)]


def shown(data: bytes) -> np.ndarray | None:
    """What libwebp makes of a frame."""
    return decode(riff((b"VP8 ", data)))


def frames(noise: float = 6):
    """Frames of libwebp's encoder over sizes, qualities and methods."""
    for size in SIZES:
        for quality in (0, 30, 75, 100):
            for method in (0, 2, 4, 6):
                yield content(encode(photo(*size, noise=noise), quality=quality, method=method), b"VP8 ")


def empty(macroblocks: int) -> list[tuple[int, int]]:
    """Booleans of macroblocks without a coefficient: Y2, then Y behind it, then chroma, by default probabilities."""
    one = [(0, 198), *[(0, 253)] * 16, *[(0, 253)] * 8]
    return one * macroblocks


@pytest.mark.parametrize("noise", [0, 6, 60])
def test_a_rewrite_shows_the_same_and_changes_nothing_the_second_time(noise):
    kept = count = 0
    for data in frames(noise):
        found = vp8.rewrite(data)
        assert found.status is Status.OK
        assert np.array_equal(shown(found.data), shown(data))
        assert vp8.rewrite(found.data).data == found.data
        assert len(found.data) <= len(data) + 2
        count += 1
        kept += data in (found.data, found.data + b"\0")  # a chunk's padding counts as its content for libwebp
    assert count == 80
    assert kept >= 30  # all but those with segments that no macroblock is in


def test_what_lies_behind_the_last_boolean_goes():
    for data in frames():
        found, clean = vp8.rewrite(data + b"a text of 23 characters"), vp8.rewrite(data)
        assert found.data == clean.data
        assert found.free == clean.free + 23


def test_decoders_need_exactly_the_bytes_that_are_reported():
    for data in frames():
        first, tokens = vp8.rewrite(data).partitions
        assert first.start == 10
        assert tokens.start == first.start + first.size
        assert tokens.start + tokens.size == len(data)
        end = tokens.start + max(tokens.needed, 1)
        short, noisy = data[:end], bytearray(data)
        for part in (first, tokens):
            for at in range(part.start + part.needed, part.start + part.size):
                noisy[at] ^= 0xA5
        assert np.array_equal(shown(bytes(noisy)), shown(data))
        assert vp8.rewrite(short).status is Status.OK
        assert vp8.rewrite(data[: end - 1]).status is Status.ENDS_EARLY
        if end % 2 == 0:  # else libwebp reads the padding of the chunk
            assert np.array_equal(shown(short), shown(data))
        elif tokens.needed:
            assert shown(data[: end - 1]) is None


def test_a_first_partition_that_is_one_byte_short_is_refused():
    data = frame(16, 16, [{}], [empty(1)])
    first = vp8.rewrite(data).partitions[0]
    for needed, status in ((first.needed, Status.OK), (first.needed - 1, Status.ENDS_EARLY)):
        tag = (needed << 5 | 1 << 4).to_bytes(3, "little")
        short = tag + data[3 : 10 + needed] + data[10 + first.size :]
        assert vp8.rewrite(short).status is status
        assert (shown(short) is None) == (status is not Status.OK)


@pytest.mark.parametrize(
    ("field", "flag"),
    [({"space": 1}, 1), ({"clamp": 1}, 2), ({"scale": 2}, 4), ({"version": 3}, 8), ({"refresh": 1}, 0)],
)
def test_fields_that_no_viewer_looks_at_are_cleared(field, flag):
    plain, told = (frame(32, 16, [{}, {}], [empty(2)], level=9, **more) for more in ({}, field))
    assert np.array_equal(shown(told), shown(plain))
    assert vp8.rewrite(plain).data == plain
    assert vp8.rewrite(told).data == plain
    assert vp8.rewrite(told).header_flags == flag


def test_the_widest_picture_has_no_scale():
    """Sides have 14 bits, the scale two above them (RFC 6386, 9.1)."""
    count = 1024
    told = frame(16383, 16, [{}] * count, [empty(count)])
    assert vp8.rewrite(told).header_flags == 0
    assert vp8.rewrite(told).data == told


def test_a_text_in_probabilities_that_no_token_is_read_with_goes():
    text = b"N 48.8584 E 2.2945"
    told = frame(32, 16, [{}, {}], [empty(2)], probabilities=dict(enumerate(text, 800)))
    found = vp8.rewrite(told)
    assert found.data == frame(32, 16, [{}, {}], [empty(2)])
    assert (found.probabilities, found.unused_probabilities) == (len(text), len(text))
    assert np.array_equal(shown(told), shown(found.data))


def test_a_probability_in_use_stays():
    at = 264  # of Y2, the first node without neighbours
    told = frame(16, 16, [{}], [[(0, 77), *empty(1)[1:]]], probabilities={at: 77})
    assert vp8.rewrite(told).data == told
    assert vp8.rewrite(told).unused_probabilities == 0


def test_bits_in_segments_that_are_alike_go():
    alike = {"map": 1, "absolute": 1, "q": [40] * 4, "f": [9] * 4, "nodes": [128, 128, 128]}
    told = frame(64, 16, [{"segment": n} for n in (3, 0, 2, 1)], [empty(4)], segments=alike, level=9, quantiser=7)
    assert vp8.rewrite(told).data == frame(64, 16, [{}] * 4, [empty(4)], level=9)


@pytest.mark.parametrize("absolute", [0, 1])
def test_segments_in_use_keep_their_values(absolute):
    quantisers, levels = ([30, 1, 50, 1], [5, 1, 9, 1]) if absolute else ([-10, 3, 10, 3], [-4, 1, 0, 1])
    told = {"map": 1, "absolute": absolute, "q": quantisers, "f": levels, "nodes": [99, 12, 200]}
    clean = {"map": 1, "absolute": 1, "q": [30, 30, 50, 50], "f": [5, 5, 9, 9], "nodes": [128]}
    blocks, header = [{"segment": 0}, {"segment": 2}], {"level": 9}
    data = frame(32, 16, blocks, [coefficients(2)], segments=told, **header)
    found = vp8.rewrite(data)
    assert np.array_equal(shown(found.data), shown(data))
    assert np.ptp(shown(data)[..., 0]) > 0
    again = frame(
        32, 16, blocks, [coefficients(2)], segments=told | {"q": [quantisers[0], 7, quantisers[2], 9]}, **header
    )
    assert vp8.rewrite(again).data == found.data
    assert (
        vp8.rewrite(frame(32, 16, blocks, [coefficients(2)], segments=clean | {"nodes": [128, 3, 4]}, **header)).data
        == found.data
    )


def coefficients(macroblocks: int) -> list[tuple[int, int]]:
    """Macroblocks with one coefficient in Y2, +1: contexts 0 for the first, 1 or 2 behind it."""
    out = list[tuple[int, int]]()
    for index in range(macroblocks):
        node = [(198, 35, 237), (131, 45, 198)][min(index, 1)]
        out += [(1, node[0]), (1, node[1]), (0, node[2]), (0, 128), (0, 184)]  # then end of block in band 1, context 1
        out += [(0, 253)] * 24
    return out


def test_skipping_says_its_probability_by_count():
    told = frame(32, 16, [{"skip": 1}, {"skip": 0}], [empty(1)], skip=3)
    assert vp8.rewrite(told).data == frame(32, 16, [{"skip": 1}, {"skip": 0}], [empty(1)], skip=127)
    assert vp8.rewrite(told).redundant_blocks == 1


def test_filter_values_without_an_effect_go():
    told = frame(16, 16, [{}], [empty(1)], level=0, sharpness=5, simple=1, version=1, deltas=[1, 2, 3, 4, 5, 6, 7, 8])
    assert vp8.rewrite(told).data == frame(16, 16, [{}], [empty(1)], level=0)
    told = frame(16, 16, [{}], [empty(1)], level=7, deltas=[3, 2, 3, 4, 5, 6, 7, 8])
    assert vp8.rewrite(told).data == frame(16, 16, [{}], [empty(1)], level=7, deltas=[3, 0, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("count", [2, 4, 8])
def test_several_partitions_with_gaps(count):
    tokens = [empty(2) for _ in range(count)]
    clean = frame(32, 16 * count, [{}] * 2 * count, tokens)
    first = vp8.rewrite(clean).partitions[0]
    table = first.start + first.size
    parts, sizes = list[bytes](), b""
    for part in vp8.rewrite(clean).partitions[1:]:
        parts.append(clean[part.start : part.start + part.size] + b"gap")
        sizes += len(parts[-1]).to_bytes(3, "little")
    told = clean[:table] + sizes[:-3] + b"".join(parts)
    found = vp8.rewrite(told)
    assert found.data == clean == vp8.rewrite(clean).data
    assert found.free == 3 * count
    assert np.array_equal(shown(told), shown(clean))


def test_partitions_without_rows_end_as_libwebp_ends_them():
    clean = frame(16, 16, [{}], [empty(1), [], [], []])
    assert shown(clean) is not None
    assert vp8.rewrite(clean).data == clean


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", Status.ENDS_EARLY),
        (b"\0" * 9, Status.ENDS_EARLY),
        (b"\0" * 40, Status.BAD_VALUE),
        (frame(16, 16, [{}], [empty(1)], version=4), Status.BAD_VALUE),
        (frame(0, 16, [], [[]]), Status.BAD_VALUE),
        (frame(16, 16, [{}], [empty(1)])[:15], Status.ENDS_EARLY),
        (b"\x10\0\x03\x9d\x01\x2a" + b"\xff\x3f" * 2 + bytes(28), Status.ENDS_EARLY),
    ],
)
def test_what_is_no_frame_has_a_status(data, status):
    assert vp8.rewrite(data) == vp8.Rewrite(status)


def test_a_partition_outside_the_first_interval_is_no_encoders():
    data = bytearray(frame(16, 16, [{}], [empty(1)]))
    data[vp8.rewrite(bytes(data)).partitions[1].start] = 0xFF
    assert vp8.rewrite(bytes(data) + b"\xff" * 4000).status is Status.BAD_CODE


def test_mutations_decode_as_before_or_not_at_all():
    draw, seeds = random.Random(5), list(frames(20))
    outcomes = {"same": 0, "refused": 0}
    for _ in range(1500 * ROUNDS):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(10, min(len(data), draw.choice((16, 400))))] ^= 1 << draw.randrange(8)
        before, found = shown(bytes(data)), vp8.rewrite(bytes(data))
        if found.status is Status.OK:
            assert np.array_equal(before, shown(found.data))
            outcomes["same"] += 1
        else:
            outcomes["refused"] += before is None
    assert min(outcomes.values()) > 100


def test_without_the_core_the_answer_is_none():
    native.use("python")
    try:
        assert vp8.rewrite(frame(16, 16, [{}], [empty(1)])) is None
    finally:
        native.use("native")
    assert library.engine() == "native"


def test_files_of_the_world_show_the_same():
    files = sorted(sets.require("corpus").rglob("*.webp"))
    count = 0
    for path in files:
        for kind, data in chunks(path.read_bytes()):
            if kind == b"VP8 " and shown(data) is not None:
                found = vp8.rewrite(data)
                assert found.status is Status.OK, path.name
                assert np.array_equal(shown(found.data), shown(data)), path.name
                assert len(found.data) <= len(data) + 2, path.name
                assert found.redundant_blocks == found.unused_probabilities == 0, path.name
                count += 1
    assert count >= 30
