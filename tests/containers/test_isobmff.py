"""HEIF and AVIF: what is kept, what is not, and what a hostile file gets."""

import contextlib
import io
import json
import random
import struct
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif import icc
from rmexif.containers import rebuild
from rmexif.containers.common.gathered import Gathered
from rmexif.containers.isobmff import AVIF, HEIC
from rmexif.containers.isobmff.av1 import filter_av1, leb128
from rmexif.containers.isobmff.av1_sequence import read_sequence_header
from rmexif.containers.isobmff.boxes import Tally
from rmexif.errors import InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import HARMLESS, Limits, PayloadKind, Role
from tests import sets
from tests.containers.heif_builder import Heif, box, boxes, coded, encoded, full, grid, ispe, picture

pillow_heif = pytest.importorskip("pillow_heif")
pillow_heif.register_heif_opener()
ALPHA = full(b"auxC", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0SECRET")
GAIN = full(b"auxC", 0, 0, b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
KINDS = ("AVIF", "HEIF")
TYPE = {"AVIF": b"av01", "HEIF": b"hvc1"}
BRANDS = {"AVIF": b"avif\0\0\0\0avifmif1miaf", "HEIF": b"heic\0\0\0\0mif1heic"}


def module(raw):
    """The format module that takes the file."""
    return next(m for m in (AVIF, HEIC) if m.matches(raw[:64]))


def parse(raw, limits=None):
    """Container of a file whose parts are proved to tile it."""
    container = module(raw).parse(memoryview(raw), limits or Limits())
    position = 0
    for part in container.parts:
        assert part.offset == position
        assert part.length > 0
        position = part.end
    assert position == len(raw)
    return container


def strip(raw, limits=None):
    """The clean file, proved to be a fixed point without a dirty part."""
    out = rebuild(memoryview(raw), parse(raw, limits))
    again = parse(out, limits)
    assert [part.label for part in again.parts if part.role not in HARMLESS] == []
    assert rebuild(memoryview(out), again) == out
    return out


def pixels(raw):
    """Decoded frames."""
    with Image.open(io.BytesIO(raw)) as image:
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.asarray(image))
        return frames


def same(one, other):
    """Whether two files decode to the same frames."""
    a, b = pixels(one), pixels(other)
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def single(kind, data=None, config=None, more=(), **fields):
    """A builder with one picture in it."""
    made, made_config = coded(picture(), kind)
    heif = Heif(BRANDS[kind])
    heif.item(TYPE[kind], made if data is None else data, (ispe(64, 64), config or made_config, *more), **fields)
    return heif


def roles(raw):
    """Role of each kind of part."""
    return {part.label: part.role for part in parse(raw).parts}


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_goes_and_pixels_stay(kind):
    """Exif, XMP and the profile's texts go; the picture decodes to the same numbers."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    picture().save(
        out, kind, quality=80, exif=exif.tobytes(), xmp=b"<x:xmpmeta>SECRET</x:xmpmeta>", icc_profile=profile
    )
    raw = out.getvalue()
    clean = strip(raw)
    assert b"SECRET" in raw
    assert b"SECRET" not in clean
    assert same(raw, clean)
    found = {part.payload for part in parse(raw).parts if part.role not in HARMLESS}
    assert {PayloadKind.EXIF, PayloadKind.XMP, PayloadKind.ICC} <= found
    assert icc.is_clean(parse(clean).colour.icc)


def test_exif_payload_starts_at_the_tiff_header():
    """The 4-byte offset and the ``Exif`` prefix are stepped over (ISO 23008-12 A.2.1)."""
    heif = single("AVIF")
    heif.item(b"Exif", b"\0\0\0\6Exif\0\0MM\0*SECRET")
    raw = heif.build()
    part = next(part for part in parse(raw).parts if part.payload is PayloadKind.EXIF)
    assert bytes(part.body(memoryview(raw))) == b"MM\0*SECRET"


@pytest.mark.parametrize("kind", KINDS)
def test_every_hiding_place_of_the_container(kind):
    """Names, free boxes, unknown items, gaps, properties and bytes behind the end."""
    heif = single(kind, more=(full(b"udes", 0, 0, b"SECRET\0"), box(b"uuid", b"SECRETSECRETSECRET")), name=b"SECRET")
    heif.name = b"SECRET"
    heif.junk = b"SECRET"
    for item in (b"Exif", b"mime", b"uri ", b"xyzw"):
        heif.refer(b"cdsc", heif.item(item, b"SECRET payload", extra=b"SECRET\0", name=b"SECRET", pieces=3), 1)
    heif.inside = box(b"free", b"SECRET") + box(b"grpl", full(b"altr", 0, 0, b"SECRET")) + box(b"xtra", b"SECRET")
    heif.before = box(b"skip", b"SECRET")
    heif.after = (
        box(b"mpvd", b"SECRET") + box(b"uuid", bytes(16), b"SECRET") + box(b"mdat", b"SECRET") + b"SECRET at the end"
    )
    raw = heif.build()
    clean = strip(raw)
    assert b"SECRET" not in clean
    assert same(encoded(picture(), kind), clean)
    dirty = b"".join(raw[p.offset : p.end] for p in parse(raw).parts if p.role not in HARMLESS)
    assert dirty.count(b"SECRET") == raw.count(b"SECRET")


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_the_primary_item_is_made_of_stays(kind):
    """A thumbnail, a gain map and another picture are pictures of the same people."""
    heif = single(kind)
    for number, link in ((1, b"thmb"), (2, b"auxl"), (3, None)):
        other, config = coded(picture(64, 64, number * 20), kind)
        index = heif.item(TYPE[kind], other, (ispe(64, 64), config, *((GAIN,) if link == b"auxl" else ())))
        if link:
            heif.refer(link, index, 1)
    raw = heif.build()
    clean = strip(raw)
    assert np.array_equal(pixels(raw)[0], pixels(clean)[0])
    assert len(pixels(clean)) == 1
    assert roles(raw)[f"mdat/item:{TYPE[kind].decode()}"] in (Role.PIXELS, Role.AUXILIARY)
    assert sum(p.role is Role.AUXILIARY for p in parse(raw).parts) == 3
    assert len(clean) < len(raw) / 2


def test_alpha_stays_and_its_subtype_goes():
    """An alpha picture is tied to its colours by auxl."""
    colours, config = coded(picture(), "AVIF")
    mask, mask_config = coded(picture().convert("L"), "AVIF")
    heif = Heif()
    heif.item(b"av01", colours, (ispe(64, 64), config))
    heif.item(b"av01", mask, (ispe(64, 64), mask_config, ALPHA))
    heif.refer(b"auxl", 2, 1)
    raw = heif.build()
    clean = strip(raw)
    assert b"SECRET" not in clean
    assert same(raw, clean)
    assert pixels(clean)[0].shape == (64, 64, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_grid_in_idat_with_tiles_in_pieces(kind):
    """iloc version 2, 64-bit fields, idat, several extents; surplus tiles beyond the grid are dropped."""
    heif = Heif(BRANDS[kind], primary=4)
    for number in range(3):
        data, config = coded(picture(64, 64, number * 9), kind)
        heif.item(TYPE[kind], data, (ispe(64, 64), config), hidden=1, pieces=number + 1)
    heif.junk = b"SECRET"
    heif.item(b"grid", grid(1, 2, 128, 64), (ispe(128, 64),), method=1)
    heif.refer(b"dimg", 4, 1, 2, 3)
    raw = heif.build()
    clean = strip(raw)
    assert b"SECRET" not in clean
    assert (parse(raw).width, parse(raw).height) == (128, 64)
    assert len(parse(clean).tree.still.items) == 3
    shown = pixels(clean)[0]
    assert shown.shape[:2] == (64, 128)
    heif.references.clear()
    heif.refer(b"dimg", 4, 1, 2)
    assert same(heif.build(), clean)


def test_an_item_cut_out_of_another_one():
    """Construction method 2 (8.11.3): the extents count inside the item that an iloc reference names."""
    data, config = coded(picture(), "AVIF")
    heif = Heif()
    heif.item(b"av01", (3, len(data)), (ispe(64, 64), config), method=2)
    heif.item(b"xyzw", b"abc" + data + b"SECRET", pieces=2)
    heif.refer(b"iloc", 1, 2)
    clean = strip(heif.build())
    assert b"SECRET" not in clean
    assert same(encoded(picture(), "AVIF"), clean)


def test_identity_keeps_its_base():
    """An ``iden`` item turns another one, and has no data of its own."""
    data, config = coded(picture(), "HEIF")
    heif = Heif(BRANDS["HEIF"], primary=2)
    heif.item(b"hvc1", data, (ispe(64, 64), config), hidden=1)
    heif.item(b"iden", b"", (ispe(64, 64), box(b"irot", b"\1")))
    heif.refer(b"dimg", 2, 1)
    raw = heif.build()
    assert same(raw, strip(raw))
    assert pixels(strip(raw))[0].shape[:2] == (64, 64)


@pytest.mark.parametrize("turn", [b"\0", b"\1", b"\2", b"\3"])
def test_turns_keep_the_order_and_lose_their_reserved_bits(turn):
    """irot and imir are the orientation; their reserved bits say nothing."""
    dirty = (box(b"irot", bytes((turn[0] | 0xF0,))), box(b"imir", b"\xff"))
    clean = strip(single("AVIF", more=dirty).build())
    assert box(b"irot", turn) + box(b"imir", b"\1") in clean
    plain = single("AVIF", more=(box(b"irot", turn), box(b"imir", b"\1"))).build()
    with Image.open(io.BytesIO(plain)) as a, Image.open(io.BytesIO(clean)) as b:
        assert a.getexif().get(274) == b.getexif().get(274)
    assert parse(clean).orientation == 1


def test_numbers_that_could_carry_bytes_are_brought_to_lowest_terms():
    """A clean aperture and a pixel ratio are fractions; a pixi of text is no pixi."""
    crop = struct.pack(">IIIIiIiI", 64 * 7, 14, 64 * 5, 5, 0, 77, 0, 99)
    raw = single("AVIF", more=(box(b"clap", crop), box(b"pasp", struct.pack(">II", 77, 77)))).build()
    clean = strip(raw)
    assert box(b"clap", struct.pack(">IIIIiIiI", 32, 1, 64, 1, 0, 1, 0, 1)) in clean
    assert box(b"pasp", struct.pack(">II", 1, 1)) in clean
    assert parse(clean).residuals == ("av1-coded-slack", "heif-area-outside-crop", "coding-choice")
    assert b"SECRET" not in strip(single("HEIF", more=(full(b"pixi", 0, 0, b"\6SECRET"),)).build())


def obu(kind, payload, size=None):
    """An OBU with a size field."""
    return bytes((kind << 3 | 2,)) + (leb128(len(payload)) if size is None else size) + payload


def test_av1_metadata_is_dropped():
    """Metadata, padding, reserved units."""
    data, config = coded(picture(), "AVIF")
    dirty = obu(2, b"") + data + obu(5, b"SECRET\x80") + obu(15, b"SECRET") + obu(9, b"SECRET")
    config = box(b"av1C", config[8:12], obu(5, b"SECRET"))
    raw = single("AVIF", dirty, config).build()
    clean = strip(raw)
    assert b"SECRET" not in clean
    assert same(clean, encoded(picture(), "AVIF"))
    assert {"mdat/item:av01/metadata", "mdat/item:av01/padding"} <= roles(raw).keys()


@pytest.mark.parametrize("kind", [3, 6])
@pytest.mark.parametrize("text", [b"SECRET " * 20, b"\x10" + b"SECRET " * 20])
def test_an_av1_frame_that_decoders_pass_over_does_not_take_the_place_of_the_picture(kind, text):
    """A header without tiles, or a frame, in front of the picture: dav1d waits for the tiles, and shows the picture."""
    data, config = coded(picture(), "AVIF")
    at = 4 + data[3]  # behind the temporal delimiter and the sequence header
    raw = single("AVIF", data[:at] + obu(kind, text) + data[at:], config).build()
    if kind == 3:
        assert same(raw, encoded(picture(), "AVIF"))
    with pytest.raises(UnsupportedFeature, match="behind the one that is shown"):
        strip(raw)


def test_a_header_of_a_frame_without_its_tiles_is_refused():
    data, config = coded(picture(), "AVIF")
    at = 4 + data[3]
    with pytest.raises(MalformedImage, match="tile group is required"):
        strip(single("AVIF", data[:at] + obu(3, b"SECRET " * 9), config).build())


def test_av1_sequence_header_ends_with_its_trailing_bits():
    """What follows the trailing bits, and a size field that is longer than needed, are rewritten."""
    data, config = coded(picture(), "AVIF")
    data = data[2:]  # behind the temporal delimiter
    size = data[1]
    assert data[0] == 0x0A
    assert read_sequence_header(data[2 : 2 + size]).payload == data[2 : 2 + size]
    assert read_sequence_header(data[2 : 2 + size]).size == (64, 64)
    dirty = bytes((0x0B,)) + bytes((size + 6 | 0x80, 0x80, 0)) + data[2 : 2 + size] + b"SECRET" + data[2 + size :]
    raw = single("AVIF", dirty, config).build()
    clean = strip(raw)
    assert data in clean
    assert b"SECRET" not in clean


def nal(kind, payload):
    """A NAL unit behind its length."""
    return struct.pack(">IBB", len(payload) + 2, kind << 1, 1) + payload


def test_hevc_user_data_is_dropped():
    """SEI, delimiter, filler, reserved types and other layers go, in the data and in the configuration."""
    data, config = coded(picture(), "HEIF")
    layer = struct.pack(">IBB", 8, 0, 9) + b"SECRET"
    junk = b"".join(nal(kind, b"SECRET") for kind in (35, 38, 39, 40, 41, 48, 63, 22, 10))
    extra = b"\xa7\0\1\0\x09" + bytes((39 << 1, 1)) + b"\5\5SECRE"
    arrays = config[8 + 22]
    dirty_config = box(b"hvcC", config[8:30], bytes((arrays + 1,)), config[31:], extra)
    raw = single("HEIF", junk + data + layer + nal(40, b"SECRET"), dirty_config).build()
    clean = strip(raw)
    assert b"SECRE" not in clean
    assert same(clean, encoded(picture(), "HEIF"))


@pytest.mark.parametrize("kind", [1, 9, 19, 20, 21])
def test_a_hevc_picture_that_decoders_pass_over_does_not_take_the_place_of_the_picture(kind):
    """A text as the first picture of an item: libde265 makes nothing of it, and shows the one behind it."""
    data, config = coded(picture(), "HEIF")
    raw = single("HEIF", nal(kind, b"\x80" + b"SECRET " * 60) + data, config).build()
    assert same(raw, encoded(picture(), "HEIF"))
    with pytest.raises(UnsupportedFeature, match=r"second picture|may depend on other pictures"):
        strip(raw)


@pytest.mark.parametrize(("kind", "front"), [(20, True), (1, True), (1, False)])
def test_hevc_slices_of_no_picture_go(kind, front):
    """In front of the first slice of the picture, or of another type than it (H.265 7.4.2.2)."""
    data, config = coded(picture(), "HEIF")
    stray = nal(kind, b"\x40" + b"SECRET " * 60)
    assert b"SECRET" not in strip(single("HEIF", stray + data if front else data + stray, config).build())


def animation(count=3, **options):
    """An AVIF sequence by Pillow's encoder."""
    frames = [picture(64, 64, 20 * number) for number in range(count)]
    out = io.BytesIO()
    frames[0].save(
        out, "AVIF", save_all=True, append_images=frames[1:], duration=[100, 250, 400][:count], speed=8, **options
    )
    return out.getvalue()


def test_a_sequence_keeps_frames_and_times():
    """Times of making, names and user data go; frames and durations stay."""
    raw = animation()
    clean = strip(raw)
    assert parse(clean).frames == 3
    assert same(raw, clean)
    with Image.open(io.BytesIO(raw)) as a, Image.open(io.BytesIO(clean)) as b:
        for number in range(3):
            a.seek(number)
            b.seek(number)
            a.load()
            b.load()
            assert a.info["duration"] == b.info["duration"]
    assert roles(raw)["moov/mvhd"] is Role.METADATA
    moov = next((s, e) for kind, s, e in boxes(clean) if kind == b"moov")
    mvhd = next(s for kind, s, _ in boxes(clean, *moov) if kind == b"mvhd")
    assert not any(clean[mvhd + 4 : mvhd + 20])


def test_a_still_that_is_the_first_frame_is_written_once():
    """The primary item of a sequence often shares the first sample's bytes."""
    raw = animation()
    assert len(strip(raw)) <= len(raw)


def test_a_movie_beside_a_still_is_another_picture():
    """A file whose major brand is that of a still shows the still; the movie is dropped."""
    raw = animation().replace(b"ftypavis", b"ftypavif", 1)
    assert roles(raw)["moov"] is Role.AUXILIARY
    assert b"moov" not in strip(raw)


@pytest.mark.parametrize(
    ("head", "owner"),
    [
        (b"avif\0\0\0\0mif1", AVIF),
        (b"mif1\0\0\0\0avif", AVIF),
        (b"heic\0\0\0\0mif1", HEIC),
        (b"mif1\0\0\0\0", HEIC),
        (b"msf1\0\0\0\0hevc", HEIC),
        (b"crx \0\0\0\1crx isom", None),
        (b"isom\0\0\0\0mp41", None),
        (b"qt  \0\0\0\0qt  ", None),
    ],
)
def test_brands_choose_the_format(head, owner):
    """RAW, MP4 and MOV are not ours."""
    ftyp = box(b"ftyp", head)
    assert [m for m in (AVIF, HEIC) if m.matches(ftyp)] == ([owner] if owner else [])


def test_other_codings_are_refused():
    """A JPEG item in HEIF is understood, and refused."""
    heif = Heif(b"mif1\0\0\0\0mif1")
    heif.item(b"jpeg", b"\xff\xd8\xff", (ispe(64, 64),))
    with pytest.raises(UnsupportedFeature):
        parse(heif.build())


def test_limits_come_before_the_decoder():
    """Sizes count from ispe, from the bitstream, and as often as a grid shows a tile."""
    small = Limits(max_pixels=2000)
    with pytest.raises(LimitExceeded, match="max_pixels"):
        parse(single("AVIF").build(), small)
    for kind in KINDS:
        data, config = coded(picture(), kind)
        heif = Heif(BRANDS[kind])
        heif.item(TYPE[kind], data, (ispe(8, 8), config))
        with pytest.raises(LimitExceeded, match="max_pixels"):
            parse(heif.build(), small)
    heif = Heif(primary=2)
    data, config = coded(picture(), "AVIF")
    heif.item(b"av01", data, (ispe(64, 64), config))
    heif.item(b"grid", grid(100, 100, 64, 64), (ispe(64, 64),), method=1)
    heif.refer(b"dimg", 2, *[1] * 10000)
    with pytest.raises(LimitExceeded, match="max_pixels"):
        parse(heif.build(), Limits(max_pixels=1_000_000))
    with pytest.raises(LimitExceeded, match="max_frames"):
        parse(animation(), Limits(max_frames=2))


def test_a_derivation_of_itself_is_refused():
    """A circle of derivations ends."""
    heif = Heif()
    heif.item(b"iden", b"", (ispe(8, 8),))
    heif.item(b"iden", b"", (ispe(8, 8),))
    heif.refer(b"dimg", 1, 2)
    heif.refer(b"dimg", 2, 1)
    with pytest.raises(MalformedImage, match="itself"):
        parse(heif.build())


def test_extents_over_the_same_bytes_do_not_multiply():
    """Many items over one stretch of bytes would make the output larger than the file."""
    data, config = coded(picture(), "AVIF")
    heif = Heif(primary=21)
    heif.item(b"av01", data + b"".join(obu(5, bytes(1000)) for _ in range(40)), (ispe(64, 64), config))
    for number in range(19):
        heif.item(b"av01", (0, len(data) + 1003 * (number + 1)), (ispe(64, 64), config), method=2)
        heif.refer(b"iloc", number + 2, 1)
    heif.item(b"grid", grid(4, 5, 320, 256), (ispe(320, 256),), method=1)
    heif.refer(b"dimg", 21, *range(1, 21))
    with pytest.raises(LimitExceeded, match="max_bytes"):
        parse(heif.build())


def test_items_cut_from_items_do_not_blow_up():
    """Each level names the one below a hundred times: the count of parts ends it."""
    heif = Heif()
    data, config = coded(picture(), "AVIF")
    for _ in range(14):
        heif.item(b"av01", (0, 1), (ispe(64, 64), config), method=2)
    heif.item(b"av01", data, (ispe(64, 64), config))
    for number in range(1, 15):
        heif.refer(b"iloc", number, number + 1)
    build = heif.meta
    heif.meta = lambda places, idat: build({n: e * (100 if n < 15 else 1) for n, e in places.items()}, idat)
    with pytest.raises(LimitExceeded, match=r"max_(parts|depth)"):
        parse(heif.build())


def test_parameter_sets_are_as_many_as_there_can_be():
    """Sixteen sequence parameter sets are the most (H.265 7.4.3.2.1); thousands would be a hiding place."""
    data, config = coded(picture(), "HEIF")
    at = config.index(b"\x42\x01")
    sps = config[at : at + int.from_bytes(config[at - 2 : at], "big")]
    many = b"".join(struct.pack(">H", len(sps) + 4) + sps + struct.pack(">I", number) for number in range(20_000))
    config = box(b"hvcC", config[8:30], b"\1\xa1", struct.pack(">H", 20_000), many)
    with pytest.raises(MalformedImage, match="more than 16 different parameter sets"):
        parse(single("HEIF", data, config).build())


def test_nested_tracks_do_not_recurse():
    """Boxes inside boxes cost no stack where nothing asks for them."""
    raw = animation()
    start = raw.index(b"moov") - 4
    size = int.from_bytes(raw[start : start + 4], "big")
    nest = b""
    for _ in range(5000):
        nest = box(b"trak", nest)
    broken = raw[:start] + box(b"moov", raw[start + 8 : start + size], nest) + raw[start + size :]
    with pytest.raises(InputError):
        parse(broken)


@pytest.mark.parametrize("kind", [*KINDS, "sequence"])
def test_every_prefix_and_damage_is_a_result_or_an_input_error(kind):
    """The law: nothing else escapes, the parts tile, the result is a fixed point."""
    raw = animation() if kind == "sequence" else single(kind, name=b"name").build()
    rng = random.Random(7)
    cases = [raw[:length] for length in range(12, len(raw), 3)]
    for _ in range(500):
        damaged = bytearray(raw)
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(12, min(len(raw), rng.choice((800, len(raw)))))] = rng.choice(
                (0, 1, 127, 255, rng.randrange(256))
            )
        cases.append(bytes(damaged))
    accepted = refused = 0
    for case in cases:
        try:
            if any(m.matches(case[:64]) for m in (AVIF, HEIC)):
                strip(case)
                accepted += 1
        except InputError as error:
            refused += 1
            if not isinstance(error, LimitExceeded):
                assert error.structure.startswith("isobmff")
                assert 0 <= error.offset <= len(case)
    assert accepted >= 200
    assert refused >= 200


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_box_soup_is_an_input_error_or_a_result(data):
    """Random bytes behind a right signature."""
    raw = box(b"ftyp", BRANDS["AVIF"]) + data
    with contextlib.suppress(InputError):
        strip(raw)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_obus_are_an_input_error_or_a_result(data):
    """Random bytes as coded data."""
    try:
        filtered = filter_av1(Gathered.of(memoryview(data)), Tally(Limits()), still=False)
    except InputError:
        return
    assert (
        filter_av1(Gathered.of(memoryview(filtered.bytes())), Tally(Limits()), still=False).bytes() == filtered.bytes()
    )


def test_shared_canaries_are_gone():
    """Every string of the shared canary files is gone, the picture is upright, in its colours, unchanged."""
    base = sets.require("canary")
    sys.path.insert(0, str(base))
    import canary

    entries = json.loads((base / "manifest.json").read_text())
    entries = entries if isinstance(entries, list) else entries["files"]
    entries = [entry for entry in entries if entry["format"] in ("AVIF", "HEIC")]
    assert entries
    for entry in entries:
        raw = (base / "files" / entry["file"]).read_bytes()
        result = canary.check_file(entry, raw, strip(raw), base / "reference")
        assert (result["left"], result["upright"], result["frames"], result["identical"]) == ([], True, True, "yes")
        assert result["colour_error"] < 1


def test_shared_corpus_decodes_to_the_same_pixels():
    """Real files: whatever was readable reads the same, first frame."""
    base = sets.require("corpus")
    files = [f for f in sorted(base.rglob("*")) if f.suffix.lower() in (".heic", ".heif", ".hif", ".avif", ".avifs")]
    assert files
    compared = 0
    for file in files:
        raw = file.read_bytes()
        if "broken" in file.parts:
            continue
        container = parse(raw, Limits(max_pixels=210_000_000))
        clean = strip(raw, Limits(max_pixels=210_000_000))
        if container.width * container.height * container.frames > 3_000_000:
            continue
        try:
            before = pixels(raw)[0]
        except Image.UnidentifiedImageError:
            continue
        assert np.array_equal(before, pixels(clean)[0]), file.name
        compared += 1
    assert compared >= 15, "the corpus holds at least 15 files that a decoder reads"


def tiled(kind, rows, columns, size, count=None, more=(), turn=(), sides=(64, 64), says=None):
    """A grid of tiles; ``more`` are properties of the second tile, ``sides`` its size, ``turn`` those of the grid."""
    count = rows * columns if count is None else count
    heif = Heif(BRANDS[kind], primary=count + 1)
    for number in range(count):
        width, height = sides if number == 1 else (64, 64)
        data, config = coded(picture(width, height, number * 9), kind)
        extra = more if number == 1 else ()
        heif.item(TYPE[kind], data, (ispe(*(says or (width, height))), config, *extra), hidden=1)
    heif.item(b"grid", grid(rows, columns, *size), (ispe(*size), *turn), method=1)
    heif.refer(b"dimg", count + 1, *range(1, count + 1))
    return heif.build()


def test_tiles_that_the_grid_does_not_show_are_refused():
    """Rows and columns beyond the picture: whole pictures that a common decoder passes over in silence."""
    hidden = tiled("HEIF", 1, 3, (64, 64))
    assert np.array_equal(pixels(hidden)[0], pixels(tiled("HEIF", 1, 1, (64, 64)))[0])
    for kind in KINDS:
        for raw in (
            tiled(kind, 1, 3, (64, 64)),
            tiled(kind, 2, 1, (64, 64)),
            tiled(kind, 1, 2, (129, 64)),
            tiled(kind, 1, 2, (128, 64), sides=(128, 64)),
            tiled(kind, 1, 2, (128, 64), sides=(192, 192), says=(64, 64)),
        ):
            with pytest.raises(MalformedImage, match="grid"):
                parse(raw)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tile_has_nothing_of_its_own(kind):
    """How the whole is shown is not said by its tiles; turns and colours of one tile are refused."""
    plain = strip(tiled(kind, 1, 2, (128, 64)))
    light = box(b"mdcv", b"SECRET, TWENTY-FOUR BYTE")
    own = (box(b"pasp", struct.pack(">II", 617, 999)), light, box(b"clli", b"CRET"))
    dirty = tiled(kind, 1, 2, (128, 64), more=own)
    assert strip(dirty) == plain
    assert same(dirty, plain)
    crop = box(b"clap", struct.pack(">IIIIiIiI", 32, 1, 32, 1, 0, 1, 0, 1))
    for more in (crop, box(b"irot", b"\1"), box(b"imir", b"\1")):
        with pytest.raises(UnsupportedFeature):
            parse(tiled(kind, 1, 2, (128, 64), more=(more,)))
    with pytest.raises(MalformedImage):
        parse(tiled(kind, 1, 2, (128, 64), more=(box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 9, 128)),)))


@pytest.mark.parametrize("kind", KINDS)
def test_properties_hold_no_more_than_they_can_mean(kind):
    """Light of displays that do not exist, code points that do not, depths that are not those of the picture."""
    p3 = (13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450)
    noise = struct.pack(">8HII", *(place + 7 for place in p3), 10_001_234, 55)
    raw = single(kind, more=(box(b"mdcv", noise), box(b"clli", struct.pack(">HH", 1000, 200)))).build()
    assert box(b"mdcv", struct.pack(">8HII", *p3, 10_000_000, 55)) in strip(raw)
    assert box(b"clli", struct.pack(">HH", 1000, 200)) in strip(raw)
    assert same(raw, strip(raw))
    text = (box(b"mdcv", b"SECRET, TWENTY-FOUR BYTE"), box(b"clli", b"CRET"))
    assert strip(single(kind, more=text).build()) == strip(single(kind).build())
    wide = single(kind, more=(box(b"colr", b"nclx", struct.pack(">HHHB", 0x53, 0x45, 6, 0x80)),)).build()
    assert box(b"colr", b"nclx", struct.pack(">HHHB", 2, 2, 6, 0x80)) in strip(wide)
    if kind == "AVIF":  # the other decoder refuses such a file
        assert same(wide, strip(wide))
    else:  # and this one such a depth
        assert full(b"pixi", 0, 0, b"\3\x08\x08\x08") in strip(
            single(kind, more=(full(b"pixi", 0, 0, b"\3\x0a\x05\x07"),)).build()
        )


def test_pictures_below_others_are_said():
    """An overlay may cover what it is made of."""
    heif = Heif(BRANDS["HEIF"], primary=3)
    for number in range(2):
        data, config = coded(picture(64, 64, number * 9), "HEIF")
        heif.item(b"hvc1", data, (ispe(64, 64), config), hidden=1)
    heif.item(b"iovl", struct.pack(">BB10H", 0, 0, 0, 0, 0, 65535, 64, 64, 0, 0, 0, 0), (ispe(64, 64),), method=1)
    heif.refer(b"dimg", 3, 1, 2)
    raw = heif.build()
    assert parse(raw).residuals == ("hevc-coded-slack", "heif-area-below-overlay", "coding-choice")
    assert same(raw, strip(raw))


def test_alpha_is_turned_as_its_picture():
    """Decoders do not agree on turns of alpha of its own."""
    turn = box(b"irot", b"\1")
    for own, fine in (((), True), ((turn,), True), ((box(b"irot", b"\2"),), False)):
        colours, config = coded(picture(), "AVIF")
        mask, mask_config = coded(picture().convert("L"), "AVIF")
        heif = Heif()
        heif.item(b"av01", colours, (ispe(64, 64), config, turn))
        heif.item(b"av01", mask, (ispe(64, 64), mask_config, ALPHA, *own))
        heif.refer(b"auxl", 2, 1)
        if fine:
            assert same(heif.build(), strip(heif.build()))
        else:
            with pytest.raises(UnsupportedFeature):
                parse(heif.build())


@pytest.mark.parametrize(
    ("damage", "structure", "box_type", "problem"),
    [
        (lambda raw: raw.replace(b"hdlr" + bytes(8) + b"pict", b"hdlr" + bytes(8) + b"vide"), "meta", b"meta", "pict"),
        (
            lambda raw: raw.replace(b"pitm" + bytes(5), b"pitm" + bytes(4) + b"\x09"),
            "meta",
            b"meta",
            "pitm names item 2305",
        ),
        (lambda raw: raw.replace(b"iloc\2", b"iloc\3"), "iloc", b"iloc", "version 3"),
        (lambda raw: raw.replace(b"av1C\x81", b"av1C\x01"), "av1C", None, "0x81 is required"),
        (
            lambda raw: raw.replace(b"infe\2\0\0\0\0\1\0\0av01", b"infe\2\0\0\0\0\1\0\0jpeg"),
            "item jpeg",
            b"infe",
            "jpeg",
        ),
        (lambda raw: raw.replace(b"av01\0\0", b"av01X\0", 1).replace(b"ispe", b"ixpe"), "item av01", b"infe", "ispe"),
    ],
    ids=["handler", "primary", "iloc", "av1C", "coding", "size"],
)
def test_errors_name_the_box_and_its_byte(damage, structure, box_type, problem):
    """What is wrong, in which box, at which byte of the file: the box's start, as a search for its type finds it."""
    raw = damage(single("AVIF").build())
    with pytest.raises(InputError, match=problem) as caught:
        parse(raw)
    assert caught.value.structure == f"isobmff {structure}"
    start = raw.index(box_type) - 4 if box_type else raw.index(b"av1C") + 4
    assert caught.value.offset == start


def test_errors_in_scattered_data_name_the_byte_of_the_file():
    """An item in three extents with other bytes between: the broken unit is found where it lies in the file."""
    data, config = coded(picture(), "AVIF")
    bad = data + b"\x80SECRET"  # obu_forbidden_bit
    heif = single("AVIF", bad, config, pieces=3)
    heif.junk = b"JUNK" * 5
    raw = heif.build()
    with pytest.raises(MalformedImage, match="obu_forbidden_bit") as caught:
        parse(raw)
    assert caught.value.structure == "isobmff AV1 OBU"
    assert raw[caught.value.offset :].startswith(b"\x80SECRET")


def test_what_nothing_refers_to_is_a_gap_and_what_follows_a_trailer():
    """Bytes of the last media data box that no item names are no trailer, bytes behind it are one."""
    raw = single("HEIF").build()
    start = next(s for kind, s, _ in boxes(raw) if kind == b"mdat") - 8
    size = len(raw) - start + 5
    raw = raw[:start] + struct.pack(">I", size) + raw[start + 4 :] + b"UNUSEDEND"
    shown = [(part.label, part.role, part.payload, part.length) for part in parse(raw).parts[-2:]]
    assert shown == [("gap", Role.GAP, None, 5), ("trailer", Role.TRAILER, PayloadKind.TRAILER, 4)]


def sets_of(config):
    """The NAL units of a decoder configuration (ISO 14496-15, 8.3.3.1), by their type."""
    found, at = {}, 8 + 23
    for _ in range(config[at - 1]):
        kind, count, at = config[at] & 63, int.from_bytes(config[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(config[at : at + 2], "big")
            found.setdefault(kind, []).append(config[at + 2 : at + 2 + size])
            at += 2 + size
    return found


def configuration(config, sets):
    """The configuration with other parameter sets."""
    arrays = [bytes((0x80 | kind,)) + struct.pack(">H", len(nals)) for kind, nals in sets.items()]
    bodies = [b"".join(struct.pack(">H", len(one)) + one for one in nals) for nals in sets.values()]
    joined = b"".join(head + body for head, body in zip(arrays, bodies, strict=True))
    return box(b"hvcC", config[8 : 8 + 22], bytes((len(sets),)), joined)


@pytest.mark.parametrize("inside", [False, True])
def test_parameter_sets_that_no_slice_names_go(inside):
    """Picture parameter sets under other numbers: with scaling lists of the writer's own they could hold 50 KB."""
    data, config = coded(picture(), "HEIF")
    sets = sets_of(config)
    (pps,) = sets[34]
    assert pps[2] >> 7  # pps_pic_parameter_set_id 0, one bit

    def other(number):
        bits = f"{number + 1:b}"
        number_bits = "0" * (len(bits) - 1) + bits
        rest = f"{int.from_bytes(pps[2:], 'big'):0{8 * len(pps) - 16}b}"[1:].rstrip("0")
        joined = number_bits + rest
        joined += "0" * (-len(joined) % 8)
        return pps[:2] + int(joined, 2).to_bytes(len(joined) // 8, "big")

    extra = [other(number) for number in range(1, 60)]
    if inside:
        dirty = b"".join(struct.pack(">I", len(one)) + one for one in extra) + data
        raw = single("HEIF", dirty, config).build()
    else:
        raw = single("HEIF", data, configuration(config, sets | {34: [*extra, pps]})).build()
    assert same(raw, encoded(picture(), "HEIF"))
    assert strip(raw) == strip(single("HEIF").build())


def test_the_last_of_two_parameter_sets_of_one_number_is_in_force():
    """H.265 7.4.1.3.3: what comes later replaces what was there."""
    data, config = coded(picture(), "HEIF")
    sets = sets_of(config)
    (pps,) = sets[34]
    other = pps[:2] + bytes((pps[2] ^ 1,)) + pps[3:]  # sign_data_hiding_enabled_flag
    raw = single("HEIF", data, configuration(config, sets | {34: [pps, other, pps]})).build()
    assert same(raw, encoded(picture(), "HEIF"))
    assert strip(raw) == strip(single("HEIF").build())


class TestSizes:
    """What ispe announces is what decoders show, or counts as a number of the writer's."""

    @pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
    def test_a_grid_over_the_edge_is_named(self, kind):
        """28 px of the right tiles, which viewers cut off, hold a picture: six bytes a pixel at most."""
        data, config = coded(picture(), kind)
        heif = Heif(BRANDS[kind])
        tiles = [heif.item(TYPE[kind], data, (config, ispe(64, 64)), hidden=1) for _ in range(4)]
        heif.primary = heif.item(b"grid", grid(2, 2, 100, 128), (ispe(100, 128),))
        heif.refer(b"dimg", heif.primary, *tiles)

        raw = heif.build()
        with Image.open(io.BytesIO(raw)) as image:
            assert image.size == (100, 128)
        assert parse(raw).residual_bytes[Residual.CODED_EDGE] == 6 * 28 * 128

    @pytest.mark.parametrize("size", [(74, 97), (62, 64), (65, 64)])
    def test_another_size_than_that_of_hevc_is_refused(self, size):
        """So does libheif, and the numbers could be any."""
        data, config = coded(picture(), "HEIF")
        heif = Heif(BRANDS["HEIF"])
        heif.item(b"hvc1", data, (config, ispe(*size)))

        with pytest.raises(ValueError, match="Invalid"):
            Image.open(io.BytesIO(heif.build())).load()
        with pytest.raises(MalformedImage, match="ispe announces"):
            strip(heif.build())

    def test_another_size_than_that_of_av1_is_a_number(self):
        """libavif scales to it; alpha of another size it refuses."""
        data, config = coded(picture(), "AVIF")
        heif = Heif()
        heif.item(b"av01", data, (config, ispe(74, 97)))

        assert Image.open(io.BytesIO(heif.build())).size == (74, 97)
        assert parse(heif.build()).residual_bytes[Residual.DISPLAY_NUMBERS] == 8
        heif.refer(b"auxl", heif.item(b"av01", data, (config, ispe(64, 64), ALPHA)), 1)
        with pytest.raises(RuntimeError, match="alpha"):
            Image.open(io.BytesIO(heif.build())).load()
        with pytest.raises(MalformedImage, match="alpha"):
            strip(heif.build())
