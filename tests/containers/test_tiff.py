"""TIFF: what the contract cannot know about this format."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from rmexif import verify
from rmexif.containers.tiff import TIFF
from rmexif.errors import LimitExceeded
from rmexif.native import lzw
from rmexif.types import Limits
from tests.containers.strict import assert_same_picture, clean, frames, kinds
from tests.containers.tiff_directories import BYTE, append_directory

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


def sharing(count: int, tag: int, kind: int, value: bytes) -> bytes:
    """Pages of one pixel, each with a field that points at the same value."""
    out = bytearray(b"II*\0\0\0\0\0\1\0" + value)
    pointer, number = 4, len(value) // {SHORT: 2, UNDEFINED: 1}[kind]
    rows = [*((place, SHORT, 1, 1) for place in (256, 257, 259, 277, 278)), (258, SHORT, 1, 8), (262, SHORT, 1, 1)]
    rows += [(273, LONG, 1, 8), (279, LONG, 1, 1), (tag, kind, number, 10)]
    for _ in range(count):
        out += bytes(len(out) % 2)
        struct.pack_into("<I", out, pointer, len(out))
        out += struct.pack("<H", len(rows)) + b"".join(struct.pack("<HHII", *row) for row in sorted(rows))
        pointer = len(out)
        out += bytes(4)
    return bytes(out)


def test_what_all_pages_point_at_is_not_read_for_each_without_end() -> None:
    """2000 pages of 150 B that share 200 kB would come out as 400 MB."""
    for tag, kind in ((34675, UNDEFINED), (320, SHORT), (50000, UNDEFINED)):
        with pytest.raises(LimitExceeded, match="times the file"):
            clean(TIFF, sharing(1000, tag, kind, bytes(200_000)))
        assert len(clean(TIFF, sharing(20, tag, kind, bytes(20_000)))) < 30_000


def jpeg_strips(count: int) -> bytes:
    """A page of so many strips of 8 x 8 px, which all point at the same JPEG stream."""
    with Image.open(io.BytesIO(saved_jpeg := _saved(Image.new("L", (8, 8)), compression="jpeg"))) as image:
        tags = image.tag_v2
        start, size = tags[273][0], tags[279][0]
        tables = tags[347]
    out = bytearray(b"II*\0\0\0\0\0" + saved_jpeg[start : start + size])
    fields = {256: (SHORT, [8]), 257: (LONG, [8 * count]), 258: (SHORT, [8]), 259: (SHORT, [7]), 262: (SHORT, [1])}
    fields |= {273: (LONG, [8] * count), 277: (SHORT, [1]), 278: (SHORT, [8]), 279: (LONG, [size] * count)}
    at = append_directory(out, fields | {347: (BYTE, list(tables))}, "<")
    struct.pack_into("<I", out, 4, at)
    return bytes(out)


def _saved(image: Image.Image, **options: str) -> bytes:
    out = io.BytesIO()
    image.save(out, "TIFF", **options)
    return out.getvalue()


def test_jpeg_strips_are_as_many_as_the_file_explains() -> None:
    """Each is parsed like a file: 110 000 that share 30 B took 100 s."""
    assert len(frames(clean(TIFF, jpeg_strips(30)))) == 1
    with pytest.raises(LimitExceeded, match="1100 JPEG strips or tiles"):
        clean(TIFF, jpeg_strips(1100))


def test_different_profiles_are_counted() -> None:
    """A thousand pages with the profile of their scanner are ordinary; a thousand profiles are not."""
    pages = [(grey() | {34675: (UNDEFINED, SRGB + bytes([number]))}, [DATA]) for number in range(9)]

    assert len(frames(clean(TIFF, build(*[pages[0]] * 30, *pages[1:8])))) == 37
    with pytest.raises(LimitExceeded, match="max_profiles: 9 "):
        clean(TIFF, build(*pages))


def coded(compression: int, data: bytes) -> bytes:
    """``data`` in a coding."""
    return {
        1: bytes,
        5: lambda raw: lzw.encode(raw, tiff=True),
        8: zlib.compress,
        32773: lambda raw: bytes([len(raw) - 1]) + raw,
    }[compression](data)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "group4"])
def test_a_byte_count_of_zero_means_up_to_the_next_strip(compression: str) -> None:
    """As libtiff reads it."""
    image = Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64))
    right = save(image.convert("1") if compression == "group4" else image, compression=compression)
    at = right.index(b"\x17\x01\x04\0\x01\0\0\0") + 8

    assert clean(TIFF, right[:at] + bytes(4) + right[at + 4 :]) == clean(TIFF, right)


@pytest.mark.parametrize(
    "field",
    [
        (1, 1, b"\6"),
        (2, 2, b"6\0"),
        (3, 1, b"\6\0"),
        (4, 1, b"\6\0\0\0"),
        (6, 1, b"\6"),
        (8, 1, b"\6\0"),
        (9, 1, b"\6\0\0\0"),
    ],
)
def test_an_orientation_of_any_type_is_read(field: tuple[int, int, bytes]) -> None:
    """As ExifTool and exiv2 read it."""
    raw = build((grey(t274=6), [DATA]))
    at = raw.index(b"\x12\x01\x03\0")
    kind, count, value = field
    entry = b"\x12\x01" + struct.pack("<HI", kind, count) + value.ljust(4, b"\0")

    assert TIFF.parse(memoryview(raw[:at] + entry + raw[at + 12 :]), Limits()).orientation == 6


SIDE, SHOWN = 16, 20  # px of a tile, and of the picture
PADDINGS = {
    "zeros": (lambda inside, before: np.where(inside < 0, 0, inside), True),
    "ones": (lambda inside, before: np.where(inside < 0, 255, inside), True),
    "the tile before": (lambda inside, before: np.where(inside < 0, before, inside), True),
    "a text": (lambda inside, before: np.where(inside < 0, np.resize(list(b"Jane Doe "), inside.shape), inside), False),
}


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("name", PADDINGS)
def test_what_encoders_leave_beside_the_picture(name: str, compression: int) -> None:
    """Section 15: tiles are filled up; libtiff's tools leave there what the tile before it had."""
    picture = np.random.default_rng(4).integers(0, 200, (SHOWN, SHOWN))
    padded = np.pad(picture, (0, 2 * SIDE - SHOWN), constant_values=-1)
    fill, is_common = PADDINGS[name]
    before, tiles = np.zeros((SIDE, SIDE), int), []
    for top in (0, SIDE):
        for left in (0, SIDE):
            before = fill(padded[top : top + SIDE, left : left + SIDE], before)
            tiles.append(before.astype(np.uint8).tobytes())
    pack = {1: bytes, 5: lambda data: lzw.encode(data, tiff=True), 8: zlib.compress}[compression]
    raw = build((grey(SHOWN, SHOWN, t259=compression, t322=SIDE, t323=SIDE), [pack(tile) for tile in tiles]))

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(raw))), picture)
    assert ([finding.where for finding in verify(raw)] == []) is is_common
    assert verify(raw, canonical=True) or name == "zeros"


@pytest.mark.parametrize(
    ("pair", "unit", "is_common"),
    [
        ((0xFFFFFFFF, 151551421), 3, True),  # 28.34 per centimetre, by an old libtiff
        ((0xFFFFFFFF, 151550421), 3, False),
        ((300, 1), 2, True),
        ((118, 1), 3, True),
        ((0, 1), 2, True),
        ((364, 5), 2, False),
    ],
)
def test_resolutions_of_programs(pair: tuple[int, int], unit: int, is_common: bool) -> None:
    """Page 38: whole numbers, and what a library makes of them."""
    fields = grey() | {282: (5, pair), 283: (5, pair), 296: (SHORT, (unit,))}
    raw = build((fields, [bytes(8)]))

    assert (verify(raw) == []) is is_common
