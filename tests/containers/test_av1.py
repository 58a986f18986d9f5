"""AV1 in AVIF: what of its headers and units stays, and what a decoder shows of files that carry more."""

import io
import random

import pytest
from PIL import Image

from rmexif import verify
from rmexif.containers.common.gathered import Gathered
from rmexif.containers.isobmff.av1 import filter_av1, leb128
from rmexif.containers.isobmff.av1_sequence import read_sequence_header
from rmexif.containers.isobmff.boxes import Tally
from rmexif.errors import InputError, MalformedImage, UnsupportedFeature
from rmexif.types import Limits
from tests.containers.heif_builder import box, boxes, coded, encoded, picture
from tests.containers.test_isobmff import animation, obu, pixels, same, single, strip


def filtered(data, *, still):
    """Coded data through the filter."""
    return filter_av1(Gathered.of(memoryview(data)), Tally(Limits()), still=still)


def bits(data):
    """Bytes as a string of bits."""
    return "".join(f"{byte:08b}" for byte in data)


def packed(text):
    """A string of bits, behind which a one and zeros follow, as bytes."""
    text += "1"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def sample():
    """Sequence header and frame of the first picture of a sequence: its header is not the short one of stills."""
    data = strip(animation())
    start = next(s for kind, s, _ in boxes(data) if kind == b"mdat")
    assert data[start] == 0x0A
    header = data[start + 2 : start + 2 + data[start + 1]]
    at = start + 2 + len(header)
    assert data[at] == 0x32
    size, behind = data[at + 1] & 127 | (data[at + 2] & 127) << 7, at + 3
    assert data[at + 2] < 128
    return header, data[behind : behind + size]


def with_header(header, frame):
    """A still with this sequence header."""
    _, config = coded(picture(), "AVIF")
    return single("AVIF", obu(1, header) + obu(6, frame), config).build()


def planted_header(header, text):
    """The header with timing, 32 operating points and their display delays, which spell ``text``."""
    old = bits(header)
    body = old[: old.rindex("1")]  # without trailing bits
    assert body[4:12] == "00000000"  # not reduced, no timing, no delays, one operating point
    free = iter(bits(text) * 9)
    timing = "1" + bits(text[:8]) + "0" + "0"
    points = ""
    for _ in range(32):
        level = "".join(next(free) for _ in range(5))
        points += "0" * 12 + level + ("0" if int(level, 2) > 7 else "")
        points += "1" + "".join(next(free) for _ in range(4))
    after = body[12 + 12 :]  # behind the layers of the one operating point
    after = after[6:] if int(after[:5], 2) > 7 else after[5:]
    return packed(body[:5] + timing + "1" + "11111" + points + after)


def test_timing_and_further_operating_points_go():
    """Some hundred bytes of a sequence header that no decoder of pictures asks for."""
    header, frame = sample()
    planted = planted_header(header, b"SECRETS!")
    raw = with_header(planted, frame)
    assert b"ECRET" in (int(bits(planted)[6 : 6 + 64], 2)).to_bytes(8, "big")
    assert verify(raw)
    clean = strip(raw)
    fresh = read_sequence_header(planted)
    assert len(fresh.payload) <= len(header) + 1
    assert len(planted) - len(fresh.payload) > 40
    assert same(raw, clean)
    assert same(with_header(header, frame), clean)
    assert read_sequence_header(fresh.payload) == fresh


def test_the_configuration_says_what_the_sequence_header_says():
    """Profile, level and layout of av1C are written from the data, whatever stood there."""
    data, config = coded(picture(), "AVIF")
    raw = single("AVIF", data, config).build()
    clean = strip(raw)
    assert config in clean
    for at, flip in ((1, 0x1F), (2, 0x8C), (2, 0x40)):
        dirty = bytearray(config)
        dirty[8 + at] ^= flip
        planted = single("AVIF", data, bytes(dirty)).build()
        assert verify(planted)
        assert strip(planted) == clean


def test_a_decoder_model_is_refused():
    """With it, frames hold times."""
    header, frame = sample()
    old = bits(header)
    model = "1" + "0" * 64 + "0" + "1" + "00111" + "0" * 42 + "0" + "00000" + "0" * 12 + "00000" + "0"
    with pytest.raises(UnsupportedFeature, match="decoder model"):
        strip(with_header(packed(old[:5] + model + old[29 : old.rindex("1")]), frame))


def test_code_points_that_do_not_exist_become_unspecified():
    """Three bytes of colour description: only what H.273 lists."""
    header, frame = sample()
    old = bits(header)
    matrix = 6  # BT.601, as Pillow writes it
    where = old.rindex("1" + bits(bytes((1, 13, matrix)))) + 1
    dirty = old[:where] + bits(b"CA") + old[where + 16 :]
    dirty = int(dirty, 2).to_bytes(len(dirty) // 8, "big")
    fresh = bits(read_sequence_header(dirty).payload)
    assert bits(b"CA") not in fresh
    assert bits(bytes((2, 2, matrix))) in fresh
    assert same(with_header(dirty, frame), strip(with_header(dirty, frame)))


def test_units_behind_a_whole_frame_are_refused():
    """A tile group behind a frame that has all its tiles is never read: any bytes could be in it."""
    data, config = coded(picture(), "AVIF")
    raw = single("AVIF", data + obu(4, b"SECRET" * 50), config).build()
    with pytest.raises(UnsupportedFeature, match="tile groups"):
        strip(raw)
    assert_refused(raw)


def assert_refused(raw):
    """Verify does not call it clean."""
    with pytest.raises(InputError):
        verify(raw)


def test_a_picture_before_the_one_that_is_shown_is_refused():
    """A key frame that is not shown, in front of one that is: a second picture in the same item."""
    header, frame = sample()
    assert frame[0] >> 4 == 1  # a key frame, shown
    hidden = bytes((frame[0] & 0xEF,)) + frame[1:]
    _, config = coded(picture(), "AVIF")
    raw = single("AVIF", obu(1, header) + obu(6, hidden) + obu(6, frame), config).build()
    with pytest.raises(UnsupportedFeature, match="key frame"):
        strip(raw)


def test_frames_behind_the_shown_one_of_a_sample_are_refused():
    """A sample is one picture; in a sequence the ones behind it would be shown at no time."""
    header, frame = sample()
    data = obu(1, header) + obu(6, frame) + obu(6, frame)
    with pytest.raises(UnsupportedFeature, match="behind"):
        filtered(data, still=False)
    with pytest.raises(MalformedImage, match="two different sequence headers"):
        other = bytes((header[0] ^ 0x08,)) + header[1:]
        filtered(obu(1, header) + obu(1, other) + obu(6, frame), still=True)


def test_header_and_tiles_may_come_in_two_units_but_not_with_much_behind():
    """A frame header of its own stays; one that is longer than any is refused."""
    header, frame = sample()
    parts = obu(1, header) + obu(3, frame[:20]) + obu(4, frame[20:])
    assert filtered(parts, still=True).bytes() == parts
    for more, error in ((obu(4, frame), UnsupportedFeature), (b"", MalformedImage)):
        long = obu(3, frame[:20] + b"SECRET" * (0 if more else 50))
        with pytest.raises(error):
            filtered(obu(1, header) + long + obu(4, frame[20:]) + more, still=True)


def test_layer_numbers_go_where_there_are_no_layers():
    """The extension byte of a unit chooses among layers; without layers it says nothing."""
    data, config = coded(picture(), "AVIF")
    plain = strip(single("AVIF", data, config, more=(box(b"a1op", b"\0"), box(b"lsel", b"\0\3"))).build())
    header, frame = sample()
    tagged = bytes((0x0E, 0xB0)) + leb128(len(header)) + header + bytes((0x36, 0x58)) + leb128(len(frame)) + frame
    found = filtered(tagged, still=True).bytes()
    assert found == obu(1, header) + obu(6, frame)
    assert b"a1op" not in plain
    assert b"lsel" not in plain
    assert same(plain, encoded(picture(), "AVIF"))


def test_layers_are_the_lowest_ones_best_first():
    """Operating points of layered pictures: masks without holes, in falling order."""
    header, _ = sample()
    old = bits(header)
    rest = old[29 : old.rindex("1")]

    def points(*masks):
        rows = "".join(f"{mask:012b}" + "00000" for mask in masks)
        return packed(old[:7] + f"{len(masks) - 1:05b}" + rows + rest)

    assert read_sequence_header(points(0x303, 0x103)).layered
    for masks in ((0x103, 0x303), (0x303, 0x303), (0x501, 0x101), (0x301, 0)):
        with pytest.raises(UnsupportedFeature):
            read_sequence_header(points(*masks))


def test_noise_in_sequence_headers_is_a_header_or_an_error():
    """The law, for the one parser here that writes bits."""
    rng = random.Random(5)
    header, _ = sample()
    for _ in range(2000):
        dirty = bytearray(header)
        dirty[rng.randrange(len(dirty))] ^= 1 << rng.randrange(8)
        try:
            found = read_sequence_header(bytes(dirty))
        except InputError:
            continue
        assert read_sequence_header(found.payload) == found


def test_ordinary_pictures_stay_as_they_are():
    """What the common encoder writes is a fixed point: nothing in its units is taken for a message."""
    for image in (picture(), picture().convert("L"), picture().convert("RGBA")):
        for options in ({"quality": 100, "subsampling": "4:4:4"}, {"quality": 60}, {"subsampling": "4:2:2"}):
            out = io.BytesIO()
            image.save(out, "AVIF", speed=9, max_threads=1, **options)
            start, end = next((s, e) for kind, s, e in boxes(out.getvalue()) if kind == b"mdat")
            clean = strip(out.getvalue())
            assert out.getvalue()[start:end].removeprefix(b"\x12\0")[-40:] in clean
            assert pixels(clean)[0].shape == pixels(out.getvalue())[0].shape
            with Image.open(io.BytesIO(clean)) as again:
                assert again.size == (64, 64)


def with_render_size(header, frame, text):
    """The key frame of a sequence with a size for players, which spells four bytes."""
    assert frame[0] >> 4 == 1
    found = read_sequence_header(header)
    assert (found.frame_id, found.superres) == (0, False)
    at = 4 + 1 + (found.screen_content == 2)  # existing, type, shown; cdf; screen content
    if found.screen_content == 1 or (found.screen_content == 2 and bits(frame)[5] == "1"):
        at += found.integer_mv == 2
    at += 1 + found.order_hint  # override
    old = bits(frame)
    assert old[at] == "0"
    new = old[:at] + "1" + bits(text) + old[at + 1 :]
    return int(new, 2).to_bytes(len(new) // 8, "big")


def test_the_size_for_players_goes():
    """Four bytes a frame that decoders of pictures do not ask for (AV1 5.9.6)."""
    header, frame = sample()
    planted = with_render_size(header, frame, b"\x53\x45\x43\x52")
    raw = with_header(header, planted)
    assert len(planted) == len(frame) + 4
    assert same(raw, with_header(header, frame))
    assert verify(raw)
    assert strip(raw) == strip(with_header(header, frame))
    assert same(raw, strip(raw))


def test_frames_of_sequences_are_walked_without_a_change():
    """Frames that build on others: nothing in them is taken for a size (the common encoder writes none)."""
    rng = random.Random(3)
    for size, speed in (((64, 64), 4), ((200, 120), 6), ((96, 64), 9)):
        frames = []
        for number in range(12):
            image = picture(*size, shift=2 * number)
            for _ in range(20):
                image.putpixel((rng.randrange(size[0]), rng.randrange(size[1])), (rng.randrange(256), 9, 200))
            frames.append(image)
        out = io.BytesIO()
        frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], duration=40, speed=speed, quality=50)
        raw = out.getvalue()
        data = next(raw[s:e] for kind, s, e in boxes(raw) if kind == b"mdat")
        clean = strip(raw)
        assert same(raw, clean)
        assert len(clean) < len(raw)
        found = next(clean[s:e] for kind, s, e in boxes(clean) if kind == b"mdat")
        assert len(data) - len(found) == 2 * 12  # temporal delimiters
