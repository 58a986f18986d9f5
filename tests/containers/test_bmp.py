"""BMP: what the contract cannot know about this format."""

from __future__ import annotations

import contextlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from rmexif import codecs
from rmexif.containers.bmp import BMP
from rmexif.errors import InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Limits
from tests.containers.strict import assert_corpus_survives, assert_no_canary, assert_same_picture, clean, frames, kinds

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def build(
    rows: bytes,
    width: int = 3,
    height: int = 2,
    bits: int = 24,
    *,
    compression: int = 0,
    header: int = 40,
    extra: bytes = b"",
    palette: bytes = b"",
    density: bytes = bytes(8),
    colours: int = 0,
    reserved: bytes = bytes(4),
    gap: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """A BMP; ``extra`` is the header behind its first 40 bytes, or the masks behind it."""
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHII", header, width, height, 1, bits, compression, 0) + density
        head += struct.pack("<II", colours, 0) + extra
    start = 14 + len(head) + len(palette) + len(gap)
    total = start + len(rows) + len(tail)
    return b"BM" + struct.pack("<I", total) + reserved + struct.pack("<I", start) + head + palette + gap + rows + tail


ROWS = bytes(range(9)) + b"\0\0\0" + bytes(range(9, 18)) + b"\0\0\0"
PLAIN = clean(BMP, build(ROWS))


def v5(space: bytes, profile: bytes, *, masks: tuple[int, ...] = (0, 0, 0, 0), endpoints: bytes = bytes(48)) -> bytes:
    """The V5 header behind its first 40 bytes, with a profile behind two rows of 12 bytes."""
    place = struct.pack("<III", 4, 124 + 24, len(profile)) + b"\xee\0\0\0"
    return struct.pack("<4I", *masks) + space + endpoints + place


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (build(ROWS, density=b"DENSDENS"), "header/density"),
        (build(ROWS, reserved=b"RSVD"), "header/reserved"),
        (build(ROWS, gap=b"CANARY"), "gap"),
        (build(ROWS, tail=b"CANARY"), "trailer"),
        (build(ROWS[:9] + b"CAN" + ROWS[12:]), "pixels/padding"),
        (build(ROWS, header=64, extra=b"CANARY".ljust(24, b"!")), "header/os2"),
        (build(ROWS, header=124, extra=v5(b"KNIL", b"C:\\p.icc\0"), tail=b"C:\\p.icc\0"), "profile/path"),
        (build(ROWS, header=108, extra=bytes(16) + b"BGRs" + b"CANARY".ljust(48, b"!")), "header/calibration"),
        (build(ROWS, colours=2, palette=b"CANARY!!"), "gap"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_pixel_needs_goes(raw: bytes, kind: str) -> None:
    """All of these are the same picture, so they give the same file, and say what was in them."""
    assert kind in kinds(BMP, raw)
    assert clean(BMP, raw) == PLAIN
    assert_same_picture(raw, PLAIN)


def test_a_core_header_stays() -> None:
    """OS/2 1.x: 16-bit sizes, palette entries of three bytes, as many as there were: no field counts them."""
    colours = [bytes((n * 16, 255 - n * 16, n)) for n in range(16)]
    raw = build(b"\x01\x23\0\0" * 2, 4, 2, 4, header=12, palette=b"".join(colours))

    data = clean(BMP, raw)

    assert data[14:18] == b"\x0c\0\0\0"
    assert data[26:74] == b"".join(colours[:4]) + bytes(36)  # entries 4 to 15 are unused
    assert data[74:] == b"\x01\x23\0\0" * 2
    assert_same_picture(raw, data)


@pytest.mark.parametrize(("bits", "row"), [(1, b"\xa0\0\0\0"), (8, bytes((1, 2, 3, 0))), (24, bytes(12))])
def test_a_core_file_grows_by_nothing(bits: int, row: bytes) -> None:
    """Whatever its depth."""
    palette = bytes(range(256)) if bits <= 8 else b""
    raw = build(row * 2, 3, 2, bits, header=12, palette=(palette * 4)[: 3 << bits] if bits <= 8 else b"")

    data = clean(BMP, raw)

    assert len(data) == len(raw)
    assert_same_picture(raw, data)


def test_an_embedded_profile_is_cleaned() -> None:
    """LittleCMS' own profile names the library and the day; what stays is colorimetric."""
    raw = build(ROWS, header=124, extra=v5(b"DEBM", PROFILE), tail=PROFILE)

    data = clean(BMP, raw)

    assert b"lcms" in raw
    assert b"lcms" not in data
    assert BMP.parse(memoryview(raw), Limits()).colour.icc == data[-int.from_bytes(data[130:134], "little") :]


def test_calibrated_colours_stay_in_round_figures() -> None:
    """End points and gamma of a display that is not sRGB (Adobe RGB) are colour; noise is not."""
    xyz = (0.57667, 0.29734, 0.02703, 0.18556, 0.62736, 0.07069, 0.18823, 0.07529, 0.99134)
    points = struct.pack("<12I", *(round(value * (1 << 30)) for value in xyz), *[round(2.2 * 65536)] * 3)
    raw = build(ROWS, header=108, extra=bytes(16) + bytes(4) + points)

    colour = BMP.parse(memoryview(clean(BMP, raw)), Limits()).colour

    assert colour.gamma == pytest.approx(1 / 2.2, abs=1e-3)
    assert colour.primaries == pytest.approx((0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), abs=2e-3)
    assert clean(BMP, raw)[74:122] != points  # rounded


def test_the_unused_byte_of_32_bits_goes_and_alpha_stays() -> None:
    """BI_RGB has no alpha channel; with a mask it has, and then colour under alpha 0 goes."""
    pixels = b"\1\2\3\xaa\4\5\6\xbb\7\x08\x09\0" * 2
    opaque = build(pixels, bits=32)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    alpha = build(pixels, bits=32, compression=3, header=56, extra=struct.pack("<4I", *masks))

    assert clean(BMP, opaque)[54:] == b"\1\2\3\0\4\5\6\0\7\x08\x09\0" * 2
    assert_same_picture(opaque, clean(BMP, opaque))
    assert clean(BMP, alpha)[138:] == b"\1\2\3\xaa\4\5\6\xbb\0\0\0\0" * 2
    assert frames(clean(BMP, alpha))[0].shape == (2, 3, 4)
    assert_same_picture(alpha, clean(BMP, alpha))


@pytest.mark.parametrize("masks", [(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)])
def test_16_bits_keep_their_masks(masks: tuple[int, ...]) -> None:
    """5-6-5 and 5-5-5; a bit in no mask is cleared."""
    raw = build(b"\xff\xff\x34\x92" * 4, 4, 2, 16, compression=3, extra=struct.pack("<3I", *masks))

    assert_same_picture(raw, clean(BMP, raw))
    assert max(struct.unpack("<8H", clean(BMP, raw)[66:])) == sum(masks)


def test_alpha_bitfields_become_readable() -> None:
    """BI_ALPHABITFIELDS is Windows CE's; V5 says the same, and Pillow knows it."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    raw = build(b"\1\2\3\4" * 6, bits=32, compression=6, extra=masks)

    assert frames(clean(BMP, raw))[0].tolist() == [[[3, 2, 1, 4]] * 3] * 2


def test_top_down_stays() -> None:
    """A negative height says that the first row is on top."""
    raw = build(ROWS, height=-2, tail=b"CANARY")

    assert clean(BMP, raw)[22:26] == struct.pack("<i", -2)
    assert_same_picture(raw, clean(BMP, raw))


RLE8 = b"\x02\x01\x00\x03\x02\x01\x03\x00\x00\x00\x04\x02\x01\x01"  # 1 1 2 1 3 / 2 2 2 2 1


def test_rle8_is_cut_behind_the_last_pixel() -> None:
    """Padding of a literal run, runs past a row, codes behind the picture: gone."""
    palette = b"".join(bytes((n, 99, 200, 0)) for n in range(8))
    parts = {"compression": 1, "palette": palette, "colours": 8}
    plain = build(RLE8 + b"\0\1", 5, 2, 8, **parts)
    dirty = RLE8.replace(b"\x03\x00\x00\x00\x04", b"\x03\xcc\x09\x07\0\0\x04") + b"\x05\x01\0\0\0\1CANARY"

    data = clean(BMP, build(dirty, 5, 2, 8, **parts))

    assert data == clean(BMP, plain)
    assert data[54 : int.from_bytes(data[10:14], "little")] == bytes(4) + palette[4:16]  # up to the last one in use
    assert_same_picture(plain, data)


def test_rle4_clears_the_odd_half_byte() -> None:
    """Three pixels in two bytes leave four bits."""
    palette = bytes(range(64))
    raw = build(b"\0\x03\x12\x3f\x01\x4f\0\0\x04\x56\0\1", 4, 2, 4, compression=2, palette=palette)

    data = clean(BMP, raw)

    assert b"\0\x04\x12\x34" in data  # joined with the pixel behind it
    assert_same_picture(raw, data)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"BM", MalformedImage),
        (build(ROWS)[:60], MalformedImage),
        (build(ROWS, bits=7), MalformedImage),
        (build(ROWS, width=0), MalformedImage),
        (build(ROWS, compression=4, bits=0), UnsupportedFeature),
        (build(ROWS, compression=5, bits=0), UnsupportedFeature),
        (build(ROWS, bits=32, compression=3, extra=struct.pack("<3I", 0xF0, 0xFF, 0)), MalformedImage),
        (build(b"\0\x05\1\2\3\4\5\0", 3, 2, 8, compression=1, palette=bytes(1024)), MalformedImage),
        (build(b"\x03\1", 3, 2, 8, compression=1, palette=bytes(1024)), MalformedImage),
    ],
)
def test_what_cannot_be_understood_is_refused(raw: bytes, error: type[InputError]) -> None:
    """Fail closed, by a typed error."""
    with pytest.raises(error):
        BMP.parse(memoryview(raw), Limits())


def test_the_size_is_checked_before_anything_is_allocated() -> None:
    """A header that claims 6 terapixels."""
    with pytest.raises(LimitExceeded, match="max_pixels"):
        BMP.parse(memoryview(build(b"", 3_000_000, 2_000_000)), Limits())


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_pillow_files_keep_their_mode(mode: str) -> None:
    """Grey stays grey: a ramp in the palette is left alone."""
    noise = np.random.default_rng(1).integers(0, 200, (23, 37, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, "BMP", dpi=(300, 300))

    assert_same_picture(out.getvalue(), clean(BMP, out.getvalue()))


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 70))
def test_any_damage_gives_a_picture_or_an_input_error(noise: bytes, at: int) -> None:
    """Nothing else escapes."""
    raw = build(RLE8 + b"\0\1", 5, 2, 8, compression=1, palette=bytes(32), colours=8)
    with contextlib.suppress(InputError):
        clean(BMP, raw[:at] + noise + raw[at + len(noise) // 2 :])


def test_no_canary_is_left() -> None:
    """The planted set: embedded and linked profiles, a palette."""
    assert_no_canary(BMP, "bmp")


def test_the_corpus_keeps_its_pixels(corpus: list[dict]) -> None:
    """Files that others made."""
    assert_corpus_survives(BMP, corpus, 3)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_entries_of_one_colour_become_one(bits: int) -> None:
    """A choice between twin entries is a second picture, which nobody sees: here a text, a byte or less a pixel."""
    text = b"SECRET IN THE INDICES".ljust(24, b"!")
    width, colours = 24 * 8 // bits // 2, 1 << bits
    raw = build(text, width, 2, bits, palette=b"\x10\x20\x30\0" * colours)

    data = clean(BMP, raw)
    start = int.from_bytes(data[10:14], "little")

    assert b"SECRET" not in data
    assert data[start:] == bytes([min(text[:12] + text[12:])] * 24) if bits == 8 else not any(data[start:])
    assert "pixels/twins" in kinds(BMP, raw)
    assert_same_picture(raw, data)


def spelled(text: bytes) -> bytes:
    """Runs of entry 7 whose lengths spell a text, and moves over nothing (a row of 255 x 200 px each)."""
    rows = []
    for letter in text:
        moves = b"\0\2" + bytes((letter // 2, 0)) + b"\0\2\0\0"
        rows.append(bytes((letter, 7, letter, 7)) + b"\0\3\7\7\7\0" + moves + b"\0\0")
    return b"".join(rows)


def test_lengths_of_runs_and_moves_over_nothing_are_written_afresh() -> None:
    """One picture, one way to write its runs; what is moved over shows the first entry."""
    palette = b"".join(bytes((n, 99, 200, 0)) for n in range(8))
    texts = [b"SECRET", b"TERCES"]
    found = []
    for text in texts:
        body = b"".join(spelled(bytes((letter,))) for letter in text)
        raw = build(body + b"\0\1", 600, len(text), 8, compression=1, palette=palette, colours=8)
        found.append(clean(BMP, raw))
        assert_same_picture(raw, found[-1])
        assert "pixels/codes" in kinds(BMP, raw)
        assert bytes((text[0], 7, text[0], 7)) not in found[-1]
    moved = build(
        b"\0\2\5\0" * 20 + b"\0\2\0\0\0\0" + b"\x64\1\0\1", 100, 2, 8, compression=1, palette=palette, colours=8
    )
    plain = build(b"\0\2\0\1" + b"\x64\1\0\1", 100, 2, 8, compression=1, palette=palette, colours=8)
    assert clean(BMP, moved) == clean(BMP, plain)
    assert_same_picture(moved, clean(BMP, moved))


def test_the_shape_of_a_pixel_stays_in_small_numbers() -> None:
    """Twice as many pixels across as down; the density itself goes."""
    raw = build(ROWS, density=struct.pack("<ii", 7874, 3937))
    assert clean(BMP, raw)[38:46] == struct.pack("<ii", 2, 1)
    assert clean(BMP, clean(BMP, raw)) == clean(BMP, raw)


MASKS = (0xF00, 0xF0, 0xF, 0xF000)


@pytest.mark.parametrize("opacity", [0, 0xF])
def test_alpha_that_is_zero_everywhere_is_left_to_the_viewer(opacity: int) -> None:
    """Windows shows colours, Chromium 156 nothing: both find what they found. With one pixel that shows, others go."""
    pixels = [0x0123, 0x0456, opacity << 12 | 0x0789, 0x0ABC]
    raw = build(struct.pack("<4H", *pixels), 2, 2, 16, compression=3, header=56, extra=struct.pack("<4I", *MASKS))
    data = clean(BMP, raw)
    container = BMP.parse(memoryview(data), Limits())
    decoded = codecs.decode(data, container).frames[0].pixels

    assert (Residual.COLOUR_UNDER_ALPHA in container.residuals) is not bool(opacity)
    assert struct.unpack_from("<4I", data, 54) == MASKS
    assert struct.unpack_from("<4H", data, 138) == (tuple(pixels) if not opacity else (0, 0, pixels[2], 0))
    assert decoded.shape[2] == (4 if opacity else 3)
    bottom = decoded[1, :, :3].tolist()
    assert bottom == ([[0, 0, 0]] * 2 if opacity else [[0x11, 0x22, 0x33], [0x44, 0x55, 0x66]])
    assert decoded[0, 0, :3].tolist() == [0x77, 0x88, 0x99]


@pytest.mark.parametrize("header", [40, 56, 108, 124])
def test_an_alpha_mask_without_bit_fields_counts_from_v4_on(header: int) -> None:
    """Chromium 156 takes the highest byte for alpha then, whatever the mask; other masks mean nothing."""
    masks = struct.pack("<4I", 0xF0000000, 0xF00000, 0xF000, 0xF0) if header > 40 else b""
    masks += bytes(header - 40 - len(masks))
    raw = build(struct.pack("<2I", 0x80C86432, 0xFF000001), 2, 1, 32, compression=0, header=header, extra=masks)

    data = clean(BMP, raw)
    decoded = codecs.decode(data, BMP.parse(memoryview(data), Limits())).frames[0].pixels

    assert decoded[0, 0].tolist() == ([200, 100, 50, 0x80] if header >= 108 else [200, 100, 50])


def test_what_no_run_reaches_is_black() -> None:
    """As Chromium shows it, not in the colour of entry 0."""
    palette = b"\x10\x20\x30\0" + b"\x40\x50\x60\0"
    raw = build(b"\x01\x01\0\0\0\2\x01\0\x01\x01\0\1", 2, 2, 8, compression=1, palette=palette, colours=2)

    decoded = codecs.decode(raw, BMP.parse(memoryview(raw), Limits())).frames[0].pixels

    assert decoded.tolist() == [[[0, 0, 0], [0x60, 0x50, 0x40]], [[0x60, 0x50, 0x40], [0, 0, 0]]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 24, 32])
def test_pixels_are_those_of_pillow(bits: int) -> None:
    """Every depth that Pillow reads, from its own rows."""
    rng = np.random.default_rng(bits)
    stride = (13 * bits + 31) // 32 * 4
    palette = rng.bytes(4 << bits) if bits <= 8 else b""
    raw = build(rng.bytes(stride * 7), 13, 7, bits, palette=palette)
    if bits == 2:  # which Pillow refuses
        assert codecs.decode(raw, BMP.parse(memoryview(raw), Limits())).frames[0].pixels.shape == (7, 13, 3)
        return
    decoded = codecs.decode(raw, BMP.parse(memoryview(raw), Limits())).frames[0].pixels
    assert np.array_equal(decoded, np.asarray(Image.open(io.BytesIO(raw)).convert("RGB")))


def test_rows_that_start_where_the_palette_should_be_are_refused() -> None:
    """Readers that find no entry take the first rows for the palette, or show nothing (Chromium)."""
    with pytest.raises(MalformedImage, match="bmp palette"):
        BMP.parse(memoryview(build(bytes(4 * 8), 4, 8, 8)), Limits())
