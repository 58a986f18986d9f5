"""TIFF: what the contract cannot know about this format."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, TiffImagePlugin

from rmexif.containers import rebuild
from rmexif.containers.tiff import TIFF
from rmexif.errors import InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.native import lzw
from rmexif.types import Limits
from tests.containers.strict import assert_corpus_survives, assert_no_canary, assert_same_picture, clean, frames, kinds

SHORT, LONG, UNDEFINED = 3, 4, 7
LETTERS = {1: "B", 2: "B", 5: "I", SHORT: "H", LONG: "I", UNDEFINED: "B", 16: "Q"}
Fields = dict[int, tuple[int, tuple[int, ...] | bytes]]


def build(*pages: tuple[Fields, list[bytes]], order: str = "<", gap: bytes = b"", loop: bool = False) -> bytes:
    """A classic TIFF: data, values and directory of each page, with ``gap`` before each; strips or tiles by 322."""
    out = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0))
    pointer, first = 4, 0
    for fields, data in pages:
        out += gap
        places = []
        for chunk in data:
            places.append(len(out))
            out += chunk
        tags = (324, 325) if 322 in fields else (273, 279)
        fields = {tags[0]: (LONG, tuple(places)), tags[1]: (LONG, tuple(map(len, data)))} | fields
        cells = {}
        for tag, (kind, values) in sorted(fields.items()):
            raw = struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
            if len(raw) > 4:
                out += bytes(len(out) % 2)
                cells[tag] = struct.pack(order + "I", len(out))
                out += raw
            else:
                cells[tag] = raw.ljust(4, b"\0")
        out += bytes(len(out) % 2)
        struct.pack_into(order + "I", out, pointer, len(out))
        first = first or len(out)
        out += struct.pack(order + "H", len(cells))
        for tag, cell in cells.items():
            kind, values = fields[tag]
            count = len(values) // 2 if kind == 5 else len(values)
            out += struct.pack(order + "HHI", tag, kind, count) + cell
        pointer = len(out)
        out += struct.pack(order + "I", first if loop else 0)
    return bytes(out)


def grey(width: int = 4, height: int = 2, **more: int) -> Fields:
    """The fields of an 8-bit grey picture; ``more`` as t317=2."""
    fields: Fields = {256: (SHORT, (width,)), 257: (SHORT, (height,)), 258: (SHORT, (8,)), 262: (SHORT, (1,))}
    return fields | {int(tag[1:]): (SHORT, (number,)) for tag, number in more.items()}


def save(image: Image.Image, **options: object) -> bytes:
    """``image`` as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, "TIFF", **options)
    return out.getvalue()


def strips(raw: bytes, tag: int = 273) -> list[bytes]:
    """The strips of the first page, by Pillow's reading of the fields."""
    tags = Image.open(io.BytesIO(raw)).tag_v2
    counts = tags[tag + (6 if tag == 273 else 1)]
    return [raw[at : at + size] for at, size in zip(tags[tag], counts, strict=True)]


DATA = bytes(range(8))
PLAIN = clean(TIFF, build((grey(), [DATA])))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        (270, 2, b"CANARY\0"),
        (305, 2, b"CAN\0"),
        (306, 2, b"2024:01:01 00:00:00\0"),
        (315, 2, b"CANARY\0"),
        (700, 1, b"<x:xmpmeta>CANARY"),
        (33723, UNDEFINED, b"\x1c\x02\x50\0\x06CANARY"),
        (34377, 1, b"8BIM\x04\x04\0\0\0\0\0\x06CANARY"),
        (37724, UNDEFINED, b"CANARY"),
        (34737, 2, b"CANARY\0"),
        (65000, UNDEFINED, b"CANARY"),
        (301, SHORT, (1, 2, 3)),
    ],
)
def test_fields_outside_the_allow_list_go_and_are_named(tag: int, kind: int, value: bytes | tuple[int, ...]) -> None:
    """Every field that a decoder does not need, by its number."""
    raw = build((grey() | {tag: (kind, value)}, [DATA]))

    assert f"IFD0/{tag}" in kinds(TIFF, raw)
    assert clean(TIFF, raw) == PLAIN


@pytest.mark.parametrize("tag", [34665, 34853, 330])
def test_directories_behind_a_field_go(tag: int) -> None:
    """Exif, GPS and previews: the pointer, the directory, its values, its strips."""
    inner = build((grey() | {270: (2, b"CANARY\0")}, [b"PREVIEWS"]))
    at = int.from_bytes(inner[4:8], "little")
    raw = build((grey() | {tag: (LONG, (at,))}, [DATA]), gap=inner[8:])

    assert any(kind.startswith(f"IFD0/{tag}/") for kind in kinds(TIFF, raw))
    assert clean(TIFF, raw) == PLAIN


@pytest.mark.parametrize(
    "raw",
    [
        build((grey(), [DATA]), gap=b"CANARY"),
        build((grey(), [DATA])) + b"CANARY",
        build((grey(), [DATA + b"CANARY"])),
    ],
    ids=["gap", "trailer", "behind the strip"],
)
def test_bytes_that_no_pixel_needs_go(raw: bytes) -> None:
    """Unreferenced bytes are parts too."""
    assert kinds(TIFF, raw)
    assert clean(TIFF, raw) == PLAIN


def test_spare_bytes_of_inline_values_go() -> None:
    """A SHORT in a cell of four bytes leaves two."""
    raw = bytearray(build((grey(), [DATA])))
    at = raw.index(struct.pack("<HHI", 262, SHORT, 1)) + 10
    raw[at : at + 2] = b"!!"

    assert kinds(TIFF, bytes(raw)) == {"IFD0/262"}
    assert clean(TIFF, bytes(raw)) == PLAIN


@pytest.mark.parametrize("compression", [None, "packbits", "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "LAB"])
def test_pillow_files_keep_their_pixels(mode: str, compression: str | None) -> None:
    """Depths, palettes, alpha and inks, as libtiff codes them."""
    noise = np.random.default_rng(2).integers(0, 200, (23, 37, 3)).astype(np.uint8)
    image = Image.fromarray(noise)
    if mode == "I;16":
        image = Image.fromarray(noise[..., 0].astype(np.uint16) * 300)
    elif mode == "LAB":
        image = Image.merge("LAB", image.split())
    else:
        image = image.convert(mode)
    raw = save(image, compression=compression, description="CANARY", dpi=(300, 300))

    data = clean(TIFF, raw)

    assert b"CANARY" not in data
    assert_same_picture(raw, data)


@pytest.mark.parametrize("options", [{"big_tiff": True}, {"tiffinfo": {278: 5}}, {"tiffinfo": {317: 2}}])
def test_layouts_stay(options: dict[str, object]) -> None:
    """BigTIFF, several strips, a predictor."""
    noise = np.random.default_rng(2).integers(0, 200, (23, 37, 3)).astype(np.uint8)
    raw = save(Image.fromarray(noise), compression="tiff_lzw", **options)

    assert clean(TIFF, raw)[:4] == raw[:4]
    assert_same_picture(raw, clean(TIFF, raw))


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_order_and_orientation_stay(order: str) -> None:
    """An orientation is a field that a viewer needs."""
    raw = build((grey(t274=6), [DATA]), order=order)

    assert clean(TIFF, raw)[:2] == (b"II" if order == "<" else b"MM")
    assert TIFF.parse(memoryview(clean(TIFF, raw)), Limits()).orientation == 6
    assert_same_picture(raw, clean(TIFF, raw))


def test_pages_stay_and_thumbnails_go() -> None:
    """A page that calls itself reduced is another picture of the same thing."""
    second = grey(2, 4) | {254: (LONG, (2,))}
    thumbnail = grey(2, 1) | {254: (LONG, (1,))}
    raw = build((grey(), [DATA]), (thumbnail, [b"TH"]), (second, [DATA]))

    assert {"IFD1", "IFD1/picture"} <= kinds(TIFF, raw)
    assert [page.tolist() for page in frames(clean(TIFF, raw))] == [
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        [[0, 1], [2, 3], [4, 5], [6, 7]],
    ]


def test_a_profile_is_cleaned_per_page() -> None:
    """LittleCMS' own profile names the library; the picture's colours stay."""
    raw = save(Image.new("RGB", (3, 3), "red"), icc_profile=SRGB)

    data = clean(TIFF, raw)

    assert "IFD0/34675" in kinds(TIFF, raw)
    assert b"lcms" not in data
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == TIFF.parse(memoryview(raw), Limits()).colour.icc


def coded(compression: int, data: bytes) -> bytes:
    """``data`` in a coding."""
    return {
        1: bytes,
        5: lambda raw: lzw.encode(raw, tiff=True),
        8: zlib.compress,
        32773: lambda raw: bytes([len(raw) - 1]) + raw,
    }[compression](data)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_what_lies_behind_the_last_sample_goes(compression: int) -> None:
    """Behind the end of the codes, and inside them: rows beyond the picture."""
    fields = grey(t259=compression)
    plain = clean(TIFF, build((fields, [coded(compression, DATA)])))

    assert b"CANARY" not in clean(TIFF, build((fields, [coded(compression, DATA) + b"CANARY"])))
    longer = clean(TIFF, build((fields, [coded(compression, DATA + b"CANARY")])))
    assert decoded(compression, strips(longer)[0]) == DATA
    assert_same_picture(plain, longer)


def decoded(compression: int, data: bytes) -> bytes:
    """A strip, decoded to the end of its codes."""
    if compression == 5:
        return bytes(lzw.decode(data, 999, tiff=True).samples)
    if compression == 8:
        return zlib.decompress(data)
    out = b"" if compression == 32773 else data
    while compression == 32773 and data:
        code = data[0]
        out += data[1 : 2 + code] if code < 128 else data[1:2] * (257 - code)
        data = data[2 + code :] if code < 128 else data[2:]
    return out


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_padding_of_edge_tiles_is_cleared(compression: int) -> None:
    """A picture of 17 x 16 px in tiles of 16: fifteen columns of the second tile show nowhere."""
    tiles = [bytes([1]) * 256, (b"\2" + b"CANARY-PADDING!") * 16]
    fields = grey(17, 16, t259=compression, t322=16, t323=16)
    parts = [b"".join(coded(compression, tile[at : at + 128]) for at in (0, 128)) for tile in tiles]
    raw = build((fields, parts if compression == 32773 else [coded(compression, tile) for tile in tiles]))

    data = clean(TIFF, raw)

    assert decoded(compression, strips(data, 324)[1]) == (b"\2" + bytes(15)) * 16
    assert b"PADDING" not in data
    assert_same_picture(raw, data)


def test_padding_bits_are_cleared() -> None:
    """Three bilevel pixels in a byte leave five bits; FillOrder 2 leaves the other five."""
    fields = {256: (SHORT, (3,)), 257: (SHORT, (2,)), 258: (SHORT, (1,)), 262: (SHORT, (1,))}

    assert strips(clean(TIFF, build((fields, [b"\xbf\x5f"])))) == [b"\xa0\x40"]
    assert strips(clean(TIFF, build((fields | {266: (SHORT, (2,))}, [b"\xfd\xfa"])))) == [b"\x05\x02"]


def test_colour_under_alpha_0_goes() -> None:
    """With and without a predictor."""
    pixels = np.random.default_rng(4).integers(1, 255, (8, 9, 4)).astype(np.uint8)
    pixels[2:5, 3:7, 3] = 0
    for options in ({}, {"compression": "tiff_lzw", "tiffinfo": {317: 2}}):
        raw = save(Image.fromarray(pixels), **options)
        shown = np.array(Image.open(io.BytesIO(clean(TIFF, raw))))
        assert not shown[2:5, 3:7].any()
        assert_same_picture(raw, clean(TIFF, raw))


def test_unused_palette_entries_are_black() -> None:
    """Four colours of 256 are used; the low bytes of the 16-bit entries follow the high ones."""
    entries = tuple((n * 7 % 251) << 8 | 0x41 for n in range(768))
    fields = grey(t262=3) | {262: (SHORT, (3,)), 320: (SHORT, entries)}
    raw = build((fields, [b"\0\1\2\3\3\2\1\0"]))

    data = clean(TIFF, raw)

    table = np.array(Image.open(io.BytesIO(data)).tag_v2[320]).reshape(3, 256)
    assert not table[:, 4:].any()
    assert (table % 257 == 0).all()
    assert_same_picture(raw, data)


def test_jpeg_strips_lose_everything_but_the_picture() -> None:
    """COM and APPn in strips and tables, a table that no component names, bytes behind EOI."""
    noise = np.random.default_rng(2).integers(0, 200, (32, 48, 3)).astype(np.uint8)
    raw = save(Image.fromarray(noise).resize((480, 320)), compression="jpeg", quality=80)
    tags = Image.open(io.BytesIO(raw)).tag_v2
    comment = b"\xff\xfe\0\x08CANARY\xff\xe1\0\x08CANARY"
    spare = b"\xff\xdb\0\x43\x03" + b"CANARY".ljust(64, b"!")
    tables = tags[347][:2] + comment + spare + tags[347][2:]
    data = [strip[:2] + comment + strip[2:] + b"CANARY" for strip in strips(raw)]
    fields: Fields = {tag: (SHORT, (tags[tag],)) for tag in (256, 257, 259, 262, 277, 278)}
    fields |= {258: (SHORT, (8, 8, 8)), 347: (UNDEFINED, tables), 530: (SHORT, tuple(tags.get(530, (2, 2))))}
    dirty = build((fields, data))

    assert dirty.count(b"CANARY") >= 3 * len(data)
    assert b"CANARY" not in clean(TIFF, dirty)
    assert_same_picture(raw, clean(TIFF, dirty))


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax_strips(compression: str) -> None:
    """Cut behind the last code of the last row."""
    noise = np.random.default_rng(2).integers(0, 255, (40, 50)).astype(np.uint8)
    raw = save(Image.fromarray(noise).convert("1"), compression=compression)
    tags = Image.open(io.BytesIO(raw)).tag_v2
    fields: Fields = {tag: (LONG, (tags[tag],)) for tag in (256, 257, 259, 262, 278, 292, 293) if tag in tags}
    dirty = build((fields, [strip + b"CANARY" for strip in strips(raw)]))

    assert_same_picture(raw, clean(TIFF, dirty))
    assert TIFF.parse(memoryview(dirty), Limits()).residuals == ()
    assert b"CANARY" not in clean(TIFF, dirty)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"II*\0", MalformedImage),
        (b"II*\0\0\0\0\0", MalformedImage),
        (build((grey(), [DATA]))[:-8], MalformedImage),
        (build((grey(), [DATA[:7]]))[: 8 + 7], MalformedImage),
        (build((grey(0), [DATA])), MalformedImage),
        (build((grey(t259=8), [DATA])), MalformedImage),
        (build((grey(t259=8), [zlib.compress(DATA[:7])])), MalformedImage),
        (build((grey(t259=5), [lzw.encode(DATA[:7], tiff=True)])), MalformedImage),
        (build((grey(t278=1), [DATA])), MalformedImage),
        (build((grey(), [DATA]), loop=True), MalformedImage),
        (build((grey(t259=6), [DATA])), UnsupportedFeature),
        (build((grey(t259=50000), [DATA])), UnsupportedFeature),
        (build((grey(t262=32803), [DATA])), UnsupportedFeature),
        (build((grey() | {50706: (1, (1, 4, 0, 0))}, [DATA])), UnsupportedFeature),
        (build((grey() | {254: (LONG, (1,)), 330: (LONG, (8,))}, [DATA])), UnsupportedFeature),
        (build((grey(), [DATA]), gap=b"CR\2\0"), UnsupportedFeature),
        (build((grey(t277=65), [DATA])), UnsupportedFeature),
    ],
)
def test_what_cannot_be_understood_is_refused(raw: bytes, error: type[InputError]) -> None:
    """Fail closed, by a typed error with its place: broken, a camera RAW, a coding that is not decoded."""
    with pytest.raises(error) as caught:
        rebuild(memoryview(raw), TIFF.parse(memoryview(raw), Limits()))

    assert caught.value.structure
    assert caught.value.structure.startswith("tiff ")
    assert caught.value.offset is not None


def test_strips_that_share_bytes_cannot_blow_up_the_file() -> None:
    """Offsets may repeat; what they add up to is bounded."""
    fields = grey(1000, 1000, t278=1) | {273: (LONG, (8,) * 1000), 279: (LONG, (1000,) * 1000)}
    raw = build((fields, [bytes(1000)]))

    with pytest.raises(LimitExceeded, match="max_bytes"):
        TIFF.parse(memoryview(raw), Limits(max_bytes=100_000))


def test_limits() -> None:
    """Pixels of all pages together, pages, strips."""
    raw = build((grey(), [DATA]), (grey(), [DATA]))

    for limits in (Limits(max_pixels=3), Limits(max_total_pixels=9), Limits(max_frames=1), Limits(max_parts=3)):
        with pytest.raises(LimitExceeded):
            TIFF.parse(memoryview(raw), limits)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_damage_gives_a_picture_or_an_input_error(noise: bytes, at: int) -> None:
    """The law of the house."""
    raw = build((grey(t259=8) | {270: (2, b"CANARY\0")}, [zlib.compress(DATA)]), (grey(), [DATA]))
    with contextlib.suppress(InputError):
        clean(TIFF, raw[:at] + noise + raw[at + len(noise) // 2 :])


def test_most_damage_to_fields_is_survived() -> None:
    """A parser that refuses every damaged file would pass the test above; a picture needs few of its bytes."""
    raw = build((grey(t259=8) | {270: (2, b"CANARY\0")}, [zlib.compress(DATA)]))
    clean_files = 0
    for at in range(len(raw)):
        with contextlib.suppress(InputError):
            clean(TIFF, raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
            clean_files += 1

    assert clean_files >= len(raw) // 5


def test_no_canary_is_left() -> None:
    """The planted set: both orders, BigTIFF, tiles, pages, JPEG."""
    assert_no_canary(TIFF, "tiff")


def test_the_corpus_keeps_its_pixels(corpus: list[dict]) -> None:
    """Files that others made."""
    assert TiffImagePlugin.READ_LIBTIFF is False
    assert_corpus_survives(TIFF, corpus)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("predictor", [1, 2])
def test_palette_entries_of_one_colour_become_one(compression: int, predictor: int) -> None:
    """A choice between twin entries is a second picture, which nobody sees: here a text, a byte a pixel."""
    text = b"SECRET IN THE INDICES"
    samples = np.frombuffer(text, np.uint8)
    predicted = predictor == 2 and compression in (5, 8)  # elsewhere decoders do not ask for it
    coded = bytes(np.diff(samples, prepend=np.uint8(0))) if predicted else text
    packed = {
        1: coded,
        5: lzw.encode(coded, tiff=True),
        8: zlib.compress(coded, 0),
        32773: bytes((len(coded) - 1,)) + coded,
    }
    fields = grey(len(text), 1, t259=compression, t262=3, t317=predictor) | {320: (SHORT, (0x5A5A,) * 768)}
    raw = build((fields, [packed[compression]]))

    data = clean(TIFF, raw)

    assert set(frames(data)[0].ravel()) == set(frames(raw)[0].ravel())
    assert_same_picture(raw, data)
    indices = np.asarray(Image.open(io.BytesIO(data)))
    assert set(indices.ravel()) == {min(text)}


def test_lengths_of_packbits_runs_are_re_encoded() -> None:
    """Runs of one value could spell a text by their lengths; what Pillow writes stays as it is."""
    text = b"SECRETS!"
    runs = b"".join(bytes((257 - letter, 9)) for letter in text) + bytes((2, 9, 9, 9))
    width = sum(text) + 3
    raw = build((grey(width, 1, t259=32773), [runs]))
    assert bytes((257 - text[0], 9, 257 - text[1])) not in clean(TIFF, raw)
    assert_same_picture(raw, clean(TIFF, raw))
    rng = np.random.default_rng(4)
    for span in (2, 3, 40):
        noise = np.repeat(rng.integers(0, span, (7, 150)), rng.integers(1, 5, 150), axis=1)
        noise = np.concatenate((noise, np.full((7, 300), 5)), axis=1).astype(np.uint8)
        saved = save(Image.fromarray(noise), compression="packbits")
        assert strips(clean(TIFF, saved)) == strips(saved)
        assert_same_picture(saved, clean(TIFF, saved))


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_under_alpha_0_goes_in_planes_too(compression: int, bits: int) -> None:
    """Colour and opacity in planes of their own: what is transparent there is a picture nobody sees."""
    text = b"SECRET, SECRET, SECRET!!"
    size = len(text) * 8 // bits
    clear = bytes(len(text))
    planes = [text, text[::-1], b"\1" * len(text), clear]
    packed = [
        {1: p, 5: lzw.encode(p, tiff=True), 8: zlib.compress(p, 0), 32773: bytes((len(p) - 1,)) + p}[compression]
        for p in planes
    ]
    fields = grey(size, 1, t259=compression, t262=2, t277=4, t284=2) | {258: (SHORT, (bits,) * 4), 338: (SHORT, (2,))}
    raw = build((fields, packed))

    data = clean(TIFF, raw)

    assert TIFF.parse(memoryview(raw), Limits()).residuals == ()
    assert b"SECRET" not in data
    if bits == 8:
        assert not np.asarray(Image.open(io.BytesIO(data)))[..., :3].any()
    visible = build((fields, [*packed[:3], packed[2]]))
    assert [decoded(compression, plane) for plane in strips(clean(TIFF, visible))] == planes[:3] + planes[2:3]


def test_colour_under_alpha_that_cannot_be_cleared_is_a_residual() -> None:
    """Four bits a sample."""
    fields = grey(2, 1, t262=2, t277=4) | {258: (SHORT, (4,) * 4), 338: (SHORT, (2,))}
    assert TIFF.parse(memoryview(build((fields, [b"\x12\x30\x45\x60"]))), Limits()).residuals == ("colour-under-alpha",)


def test_jpeg_pages_need_no_coefficients() -> None:
    """Inside JPEG they are what JFIF says: 18 bytes a page that no decoder reads."""
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").convert("YCbCr").save(out, "TIFF", compression="jpeg")
    assert 532 in Image.open(io.BytesIO(out.getvalue())).tag_v2
    data = clean(TIFF, out.getvalue())
    assert not {529, 532} & set(Image.open(io.BytesIO(data)).tag_v2)
    assert_same_picture(out.getvalue(), data)


def jpeg_strip(width: int, height: int) -> bytes:
    """A grey JPEG picture with something to see below its first rows."""
    out = io.BytesIO()
    Image.fromarray(np.arange(width * height, dtype=np.uint32).reshape(height, width).astype(np.uint8)).save(
        out, "JPEG"
    )
    return out.getvalue()


def test_a_jpeg_that_is_larger_than_its_strip_is_refused() -> None:
    """Decoders show the part that the strip has room for, and the rest is a picture that nobody sees."""
    fields = grey(32, 16, t259=7, t278=16)
    plain, tall = build((fields, [jpeg_strip(32, 16)])), build((fields, [jpeg_strip(32, 800)]))
    assert_same_picture(plain, clean(TIFF, plain))
    assert frames(tall)[0].shape[:2] == (16, 32)
    for data in (jpeg_strip(32, 800), jpeg_strip(48, 16), jpeg_strip(32, 8)):
        with pytest.raises(MalformedImage, match="JPEG of"):
            TIFF.parse(memoryview(build((fields, [data]))), Limits())
    whole = build((grey(32, 24, t259=7, t278=16), [jpeg_strip(32, 16)] * 2))  # the last strip is as tall as the first
    assert_same_picture(whole, clean(TIFF, whole))
    assert "tiff-tile-padding" in TIFF.parse(memoryview(whole), Limits()).residuals


def test_the_shape_of_a_pixel_stays_in_small_numbers() -> None:
    """204 x 98 dpi is a fax; of square pixels nothing stays."""
    fields = {282: (5, (204_000, 1000)), 283: (5, (98, 1)), 296: (SHORT, (2,))}
    tags = Image.open(io.BytesIO(clean(TIFF, build((grey() | fields, [DATA]))))).tag_v2
    assert (tags[282], tags[283]) == (102, 49)
    assert 296 not in tags
    square = fields | {283: (5, (204, 1))}
    assert clean(TIFF, build((grey() | square, [DATA]))) == PLAIN


def test_tables_of_all_strips_are_written_once() -> None:
    """As libtiff shares them; pixels are the same, and a second pass changes nothing."""
    noise = np.random.default_rng(4).integers(0, 255, (256, 64, 3)).astype(np.uint8)
    raw = save(Image.fromarray(noise), compression="jpeg", quality=60, tiffinfo={278: 16})
    out = clean(TIFF, raw)

    assert 347 in Image.open(io.BytesIO(out)).tag_v2
    assert len(out) <= 1.01 * len(raw)
    assert clean(TIFF, out) == out
    assert_same_picture(raw, out)
