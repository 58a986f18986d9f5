"""GIF: what the contract cannot know about this format."""

from __future__ import annotations

import contextlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif import verify
from rmexif.containers.gif import GIF
from rmexif.errors import InputError, LimitExceeded, MalformedImage
from rmexif.native import lzw
from rmexif.types import Limits
from tests.containers.strict import assert_corpus_survives, assert_no_canary, assert_same_picture, clean, kinds

# A picture of 2 x 2 px by hand (GIF89a, appendix D): four colours, clear, codes 1 2 3 1, end; LZW of 2 bits.
TABLE = bytes((0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255))


def pack(*codes: tuple[int, int]) -> bytes:
    """Codes (value, bits) from the lowest bit up."""
    number = shift = 0
    for value, bits in codes:
        number |= value << shift
        shift += bits
    return number.to_bytes((shift + 7) // 8, "little")


CODES = pack((4, 3), (1, 3), (2, 3), (3, 3), (1, 4), (5, 4))


def build(
    codes: bytes = CODES, *, before: bytes = b"", screen: bytes = b"\0\0", tail: bytes = b"\x3b", size: int = 2
) -> bytes:
    """A GIF of one picture; ``before`` stands in front of it, ``screen`` is background and aspect."""
    head = b"GIF89a" + struct.pack("<HH", size, size) + b"\xf1" + screen + TABLE
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, size, size, 0) + b"\x02" + bytes([len(codes)]) + codes + b"\0"
    return head + before + picture + tail


def save(image: Image.Image, **options: object) -> bytes:
    """``image`` as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, "GIF", **options)
    return out.getvalue()


PLAIN = clean(GIF, build())


def test_the_hand_made_picture_is_what_it_says() -> None:
    """Pillow reads the four pixels that the codes spell."""
    shown = np.array(Image.open(io.BytesIO(build())).convert("RGB")).reshape(-1, 3).tolist()

    assert shown == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 0]]
    assert_same_picture(build(), PLAIN)


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (b"!\xfe\x06CANARY\0", "comment"),
        (b"!\xff\x0bXMP DataXMP\x06CANARY\0", "application"),
        (b"!\xff\x0bICCRGBG1012\x06CANARY\0", "application"),
        (b"!\x01\x0c" + bytes(12) + b"\x06CANARY\0", "plain text"),
        (b"!\x99\x06CANARY\0", "extension"),
        (b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\x06CANARY\0", "application/loop"),
        (b"!\xf9\x04\0\0\0\0\0!\x01\x0c" + bytes(12) + b"\x06CANARY\0", "control/unused"),
    ],
)
def test_extensions_go_and_are_named(before: bytes, kind: str) -> None:
    """Comments, applications, plain text with its control: none is on the allow-list."""
    raw = build(before=before)

    assert kind in kinds(GIF, raw)
    assert b"CANARY" not in clean(GIF, raw)
    assert_same_picture(raw, clean(GIF, raw))


@pytest.mark.parametrize(
    "raw",
    [
        build(CODES + b"CANARY"),
        build(pack((4, 3), (1, 3), (2, 3), (3, 3), (1, 4), (2, 4), (3, 4), (5, 4))),
        build(screen=b"\x03\x31"),
        build(tail=b"\x3bCANARY"),
        build(tail=b""),
        build(before=b"\0\0"),
    ],
    ids=["after the end code", "more codes than pixels", "aspect", "trailer", "no trailer", "empty blocks"],
)
def test_what_no_pixel_needs_goes(raw: bytes) -> None:
    """All of these are the same picture, so they give the same file."""
    assert clean(GIF, raw) == PLAIN
    assert bool(kinds(GIF, raw)) == (raw != build(tail=b""))


def test_a_string_that_runs_past_the_picture_is_cut() -> None:
    """The last code stands for two pixels where one is needed: its first pixel stays."""
    codes = pack((4, 3), (1, 3), (2, 3), (3, 3), (6, 4), (5, 4))  # code 6 is the string 1 2

    assert clean(GIF, build(codes)) == PLAIN


def test_unused_entries_are_black() -> None:
    """Three of four entries are used; the canary in the fourth is reported and gone."""
    raw = build(pack((4, 3), (1, 3), (1, 3), (3, 3), (1, 4), (5, 4)))

    assert kinds(GIF, raw) == {"table/unused"}
    assert clean(GIF, raw)[13:25] == bytes((0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 255))


def test_delays_disposal_transparency_and_loop_stay() -> None:
    """An animation plays as before, by Pillow's reading."""
    pictures = [Image.new("RGB", (9, 7), colour).quantize(4) for colour in ("red", "lime", "blue")]
    options = {"save_all": True, "append_images": pictures[1:], "duration": [40, 80, 120], "disposal": [1, 2, 3]}
    raw = save(pictures[0], **options, loop=5, transparency=0)
    before, after = Image.open(io.BytesIO(raw)), Image.open(io.BytesIO(clean(GIF, raw)))

    assert (after.n_frames, after.info["loop"]) == (3, 5)
    for number in range(3):
        before.seek(number)
        after.seek(number)
        assert after.info["duration"] == before.info["duration"] == (40, 80, 120)[number]
        assert after.disposal_method == before.disposal_method
    assert_same_picture(raw, clean(GIF, raw))


def test_the_other_loop_extension_becomes_the_known_one() -> None:
    """ANIMEXTS1.0 says the same as NETSCAPE2.0, which every decoder knows."""
    raw = save(Image.new("L", (4, 4)), save_all=True, append_images=[Image.new("L", (4, 4), 9)], loop=7)

    data = clean(GIF, raw.replace(b"NETSCAPE2.0", b"ANIMEXTS1.0"))

    assert Image.open(io.BytesIO(data)).info["loop"] == 7


def test_interlace_and_local_tables_stay() -> None:
    """Rows in four passes, and a table of its own for each picture."""
    noise = np.random.default_rng(3).integers(0, 256, (40, 33, 3)).astype(np.uint8)
    pictures = [Image.fromarray(noise).quantize(90), Image.fromarray(255 - noise).quantize(40)]
    raw = save(pictures[0], save_all=True, append_images=pictures[1:], interlace=True)

    assert_same_picture(raw, clean(GIF, raw))


def test_what_is_no_block_ends_the_file() -> None:
    """Browsers show the pictures before it, and nothing behind; before the first picture there is nothing to show."""
    damaged = build(tail=b"\x47CANARY" + build()[13:])
    assert clean(GIF, damaged) == PLAIN
    assert "trailer" in kinds(GIF, damaged)
    with pytest.raises(MalformedImage, match="no block starts with 0x47"):
        GIF.parse(memoryview(build(before=b"\x47")), Limits())


def test_a_picture_that_ends_early_is_kept() -> None:
    """Decoders show what there is; the end code stays where it is."""
    raw = build(pack((4, 3), (1, 3), (2, 3), (5, 4)))

    assert clean(GIF, raw).count(pack((4, 3), (1, 3), (2, 3), (5, 4))) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"GIF89a",
        b"GIF89a" + bytes(7) + b"\x3b",
        build()[:-4],
        build(pack((4, 3), (7, 3))),
        build(before=b"\x99"),
        build().replace(b"\x02\x03" + CODES, b"\x0c\x03" + CODES),
        b"GIF89a" + bytes(7) + b"\x2c" + bytes(9) + b"\x02\x02\x54\x01\0\x3b",
    ],
    ids=["header only", "no picture", "cut", "impossible code", "no block", "code size", "no pixels"],
)
def test_what_cannot_be_understood_is_refused(raw: bytes) -> None:
    """Fail closed, by a typed error."""
    with pytest.raises(MalformedImage):
        GIF.parse(memoryview(raw), Limits())


def test_limits_count_frames_and_all_their_pixels() -> None:
    """Three small frames are more than two frames allow, and more pixels than one of them."""
    frames = [Image.new("L", (10, 10), value) for value in (0, 99, 200)]
    raw = save(frames[0], save_all=True, append_images=frames[1:])

    with pytest.raises(LimitExceeded, match="max_frames"):
        GIF.parse(memoryview(raw), Limits(max_frames=2))
    assert GIF.parse(memoryview(raw), Limits(max_pixels=100)).frames == 3
    with pytest.raises(LimitExceeded, match="max_total_pixels"):
        GIF.parse(memoryview(raw), Limits(max_total_pixels=250))


@settings(deadline=None)
@given(st.binary(max_size=80), st.integers(0, 60))
def test_any_damage_gives_a_picture_or_an_input_error(noise: bytes, at: int) -> None:
    """Nothing else escapes."""
    raw = build()
    with contextlib.suppress(InputError):
        clean(GIF, raw[:at] + noise + raw[at + len(noise) // 2 :])


@pytest.mark.parametrize("size", [1, 4])
def test_damage_to_colours_and_behind_the_picture_is_no_reason_to_refuse(size: int) -> None:
    """Every place in the screen's table and behind the codes: another picture, or the same one, but a picture."""
    raw = build(tail=b"\x3b" + bytes(8))
    for at in (*range(13, 26 - size), *range(len(raw) - 8, len(raw) - size + 1)):
        damaged = raw[:at] + b"\xa5" * size + raw[at + size :]
        assert clean(GIF, damaged)[25:] == PLAIN[25:]


def test_no_canary_is_left() -> None:
    """The planted set: still, animation."""
    assert_no_canary(GIF, "gif")


def test_the_corpus_keeps_its_pixels(corpus: list[dict]) -> None:
    """Files that others made."""
    assert_corpus_survives(GIF, corpus, 7)


def shows(data: bytes) -> list[np.ndarray]:
    """Every frame as a viewer shows it, by Pillow: black where nothing is."""
    found = []
    image = Image.open(io.BytesIO(data))
    for number in range(image.n_frames):
        image.seek(number)
        frame = np.array(image.convert("RGBA"))
        frame[frame[..., 3] == 0] = 0
        found.append(frame)
    return found


def with_table(image: Image.Image, colours: bytes, **options: object) -> bytes:
    """A palette picture by Pillow, whose table is then overwritten: its samples stay what they are."""
    image.putpalette(bytes(range(256)) * 3)
    raw = save(image, optimize=False, **options)
    assert raw[10] & 0x87 == 0x87
    return raw[:13] + colours + raw[13 + 768 :]


@pytest.mark.parametrize("size", [(40, 3), (300, 200)])
def test_entries_of_one_colour_become_one(size: tuple[int, int]) -> None:
    """A choice between twin entries is a second picture, which nobody sees: here a text, a byte a pixel."""
    text = (b"SECRET IN THE INDICES! " * 4000)[: size[0] * size[1]]
    noise = np.frombuffer(text, np.uint8) ^ np.arange(len(text), dtype=np.uint32).astype(np.uint8) >> 6
    raw = with_table(Image.fromarray(noise.reshape(size[::-1]), "P"), b"\x10\x20\x30" * 256)

    data = clean(GIF, raw)

    assert len(set(np.asarray(Image.open(io.BytesIO(raw))).ravel())) > 8
    assert len(set(np.asarray(Image.open(io.BytesIO(data))).ravel())) == 1
    assert all(np.array_equal(old, new) for old, new in zip(shows(raw), shows(data), strict=True))
    assert verify(raw)


def test_a_transparent_entry_is_no_twin() -> None:
    """It has a colour too, but does not show it."""
    samples = np.tile(np.arange(8, dtype=np.uint8), (4, 5))
    colours = bytes((9, 9, 9)) * 4 + bytes((1, 2, 3)) * 4 + bytes(3 * 248)
    raw = with_table(Image.fromarray(samples, "P"), colours, transparency=2)

    data = clean(GIF, raw)

    assert sorted(set(np.asarray(Image.open(io.BytesIO(data))).ravel())) == [0, 2, 4]
    assert all(np.array_equal(old, new) for old, new in zip(shows(raw), shows(data), strict=True))


def test_a_transparent_sample_that_no_pixel_has_hides_no_twin() -> None:
    """Entries 4 and 6 are alike; that the second frame calls 4 transparent, and has no such pixel, changes nothing."""
    colours = bytes((9, 9, 9)) * 4 + bytes((1, 2, 3)) * 4 + bytes(3 * 248)
    raw = with_table(Image.fromarray(np.tile(np.array([0, 4, 6], np.uint8), (4, 5)), "P"), colours)
    control = b"!\xf9\x04\x05\x0a\x00\x04\x00"
    picture = b",\0\0\0\0\1\0\1\0\0\x08" + bytes([4]) + pack((256, 9), (6, 9), (257, 9)) + b"\0"
    raw = raw[:-1] + control + picture + b";"

    data = clean(GIF, raw)

    assert clean(GIF, data) == data
    assert all(np.array_equal(old, new) for old, new in zip(shows(raw), shows(data), strict=True))


@pytest.mark.parametrize("number", [0, 83, 255])
def test_a_transparent_sample_that_no_pixel_has_says_nothing(number: int) -> None:
    """One byte a picture."""
    frames = [Image.fromarray(np.full((4, 4), 40 + n, np.uint8), "P") for n in range(2)]
    for frame in frames:
        frame.putpalette(bytes(range(256)) * 3)
    raw = save(frames[0], save_all=True, append_images=frames[1:], duration=[50, 70], optimize=False)
    control = raw.index(b"!\xf9\x04")
    planted = (
        raw[: control + 3]
        + bytes([raw[control + 3] | 1])
        + raw[control + 4 : control + 6]
        + bytes([number])
        + (raw[control + 7 :])
    )
    other = planted[: control + 6] + bytes([number ^ 9]) + planted[control + 7 :]

    assert clean(GIF, planted) == clean(GIF, other)
    assert verify(planted) or verify(other)
    assert all(np.array_equal(a, b) for a, b in zip(shows(planted), shows(clean(GIF, planted)), strict=True))


def test_one_picture_has_no_times_and_the_screen_is_what_is_shown() -> None:
    """Delay and disposal of a still; a screen that is smaller than its first picture is widened by decoders."""
    delayed = build(before=b"!\xf9\x04\x0cSE\0\0")
    assert verify(delayed)
    assert clean(GIF, delayed) == PLAIN
    assert_same_picture(delayed, PLAIN)
    small = PLAIN[:6] + b"\1\0\2\0" + PLAIN[10:]
    assert clean(GIF, small) == PLAIN
    assert_same_picture(small, PLAIN)
    assert verify(small)


def test_frames_beside_the_screen_are_said() -> None:
    """A second picture that browsers cut off; decoders do not agree, so it stays, and is a residual."""
    beside = b"\x2c" + struct.pack("<HHHHB", 40, 0, 2, 2, 0) + b"\x02" + bytes([len(CODES)]) + CODES + b"\0"
    raw = build(tail=beside + b"\x3b")
    assert "gif-area-outside-screen" in GIF.parse(memoryview(raw), Limits()).residuals
    assert "gif-area-outside-screen" not in GIF.parse(memoryview(build()), Limits()).residuals


@pytest.mark.parametrize("code_size", [6, 8])
def test_codes_depend_on_pixels_alone(code_size: int) -> None:
    """The same pixels in the codes of two encoders leave as one file; clear codes at any place are a choice."""
    pixels = np.random.default_rng(3).integers(0, 50, 8100).astype(np.uint8).tobytes()
    files = [gif_of(pixels, codes, code_size) for codes in choices(pixels, code_size)]
    cleaned = {clean(GIF, raw) for raw in files}

    assert len(set(files)) == 3
    assert len(cleaned) == 1
    assert np.asarray(Image.open(io.BytesIO(cleaned.pop()))).tobytes() == pixels


def choices(pixels: bytes, code_size: int) -> list[bytes]:
    """Codes with a table that is cleared when it is full, and at two places that say something."""
    return [
        lzw.encode(pixels, code_size),
        lzw.encode(pixels, code_size, resets=(3000, 6100)),
        lzw.encode(pixels, code_size, resets=(2900, 6000)),
    ]


def gif_of(pixels: bytes, codes: bytes, code_size: int) -> bytes:
    """A grey picture 90 px wide."""
    palette = b"".join(bytes([n, n, n]) for n in range(64))
    head = b"GIF89a" + struct.pack("<HHBBB", 90, len(pixels) // 90, 0xF5, 0, 0) + palette
    blocks = b"".join(bytes([len(codes[n : n + 255])]) + codes[n : n + 255] for n in range(0, len(codes), 255))
    place = struct.pack("<HHHHB", 0, 0, 90, len(pixels) // 90, 0)
    return head + b"\x2c" + place + bytes([code_size]) + blocks + b"\0;"


def test_a_lossy_encoders_clear_codes_stay() -> None:
    """Pixels chosen for a table that stays full grow when it is cleared: the places are a residual with a bound."""
    strings = np.random.default_rng(5).integers(0, 50, (300, 12)).astype(np.uint8)
    order = np.random.default_rng(6).integers(0, 300, 4000)
    pixels = strings[np.concatenate((np.arange(300), order))].tobytes()
    pixels = pixels[: len(pixels) // 90 * 90]
    raw = gif_of(pixels, lzw.encode(pixels, 6, resets=(24000,)), 6)
    container = GIF.parse(memoryview(raw), Limits())

    assert container.residuals == ("gif-code-choice",)
    assert container.residual_size(container.residuals[0]) == 4
    assert clean(GIF, clean(GIF, raw)) == clean(GIF, raw)
    assert len(clean(GIF, raw)) <= len(raw)
