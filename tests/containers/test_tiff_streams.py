"""TIFF strips that are streams of another format: libwebp, libjxl and OpenJPEG write and read them for the tests."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_jxl  # noqa: F401 - registers the encoder
import pytest
from PIL import Image, TiffImagePlugin

from rmexif import (
    InputError,
    LimitExceeded,
    MalformedImage,
    Policy,
    UnsupportedFeature,
    inspect,
    native,
    scrub,
    strip,
    verify,
)
from rmexif.containers.tiff import page_strips, streams
from rmexif.containers.tiff.coded_strip import CleanStrip, StripSource
from rmexif.containers.tiff.strips import clean_strip
from rmexif.types import Limits
from tests import samples
from tests.codecs.test_decode_only import finely_cut
from tests.containers.tiff_directories import LONG, SHORT, append_directory
from tests.native import tiffs, webps

PLAIN = Policy(faces=False, stealth=False)
SIZE = (70, 52)
PNG, WEBP, JPEG_XL, DNG_JPEG_XL, JPEG_2000, THUNDERSCAN = 34933, 50001, 50002, 52546, 34712, 32809
ENCODERS: dict[str, tuple[int, str, dict[str, object]]] = {
    "png": (PNG, "PNG", {}),
    "webp": (WEBP, "WEBP", {"lossless": True}),
    "webp lossy": (WEBP, "WEBP", {"quality": 80}),
    "jxl": (JPEG_XL, "JXL", {"lossless": True}),
    "jxl lossy": (DNG_JPEG_XL, "JXL", {"quality": 80}),
    "jpeg 2000": (JPEG_2000, "JPEG2000", {"no_jp2": True}),
    "jpeg 2000 in boxes": (33005, "JPEG2000", {}),
}
REWRITTEN = [kind for kind in ENCODERS if "2000" not in kind]
PICTURES = {
    "RGB": samples.picture(*SIZE),
    "RGBA": samples.picture(*SIZE, 4),
    "L": samples.picture(*SIZE, 1),
    "I;16": Image.fromarray(np.asarray(samples.picture(*SIZE, 1)).astype(np.uint16) * 257),
}


def blocks(image: Image.Image, rows: int, tile: int = 0) -> list[Image.Image]:
    """Strips, or square tiles whose padding repeats the edge."""
    pixels = np.asarray(image)
    if not tile:
        return [Image.fromarray(pixels[top : top + rows]) for top in range(0, image.height, rows)]
    grown = [(0, -image.height % tile), (0, -image.width % tile)] + [(0, 0)] * (pixels.ndim - 2)
    pixels = np.pad(pixels, grown, mode="edge")
    places = [(y, x) for y in range(0, pixels.shape[0], tile) for x in range(0, pixels.shape[1], tile)]
    return [Image.fromarray(pixels[y : y + tile, x : x + tile]) for y, x in places]


def file_of(
    streams: list[bytes],
    image: Image.Image,
    number: int,
    rows: int = 20,
    tile: int = 0,
    order: str = "<",
    alpha: int = 2,
) -> bytes:
    """A TIFF of one page of such strips or tiles."""
    out = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0))
    count = {"RGB": 3, "RGBA": 4}.get(image.mode, 1)
    places = []
    for stream in streams:
        out += bytes(len(out) % 2)
        places.append(len(out))
        out += stream
    fields = {
        256: (LONG, (image.width,)),
        257: (LONG, (image.height,)),
        258: (SHORT, (16 if image.mode == "I;16" else 8,) * count),
        259: (SHORT, (number,)),
        262: (SHORT, (2 if count > 2 else 1,)),
        277: (SHORT, (count,)),
        **({338: (SHORT, (alpha,))} if count == 4 else {}),
    }
    if tile:
        fields |= {322: (LONG, (tile,)), 323: (LONG, (tile,))}
    else:
        fields[278] = (LONG, (rows,))
    offsets, sizes = (324, 325) if tile else (273, 279)
    fields |= {offsets: (LONG, tuple(places)), sizes: (LONG, tuple(map(len, streams)))}
    struct.pack_into(order + "I", out, 4, append_directory(out, fields, order))
    return bytes(out)


def coded(kind: str, mode: str, *, rows: int = 20, tile: int = 0, order: str = "<", **options: object) -> bytes:
    """The picture of a mode in a coding."""
    number, name, own = ENCODERS[kind]
    image = PICTURES[mode]
    streams = [samples.saved(block, name, **own, **options) for block in blocks(image, rows, tile)]
    return file_of(streams, image, number, rows, tile, order)


def streams_of(data: bytes) -> list[bytes]:
    """The strips, by Pillow's reader of directories."""
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    places = zip(tags.get(273) or tags[324], tags.get(279) or tags[325], strict=True)
    return [data[start : start + size] for start, size in places]


def shown(data: bytes) -> list[np.ndarray]:
    """The pictures of all strips, by the libraries that Pillow brings."""
    return [np.asarray(Image.open(io.BytesIO(stream))) for stream in streams_of(data)]


def modes(kind: str) -> list[str]:
    return ["RGB", "RGBA"] if kind.startswith("webp") else [*PICTURES]


@pytest.mark.parametrize(
    ("kind", "mode", "layout"),
    [(kind, mode, layout) for kind in REWRITTEN for mode in modes(kind) for layout in ("strips", "tiles")],
)
def test_streams_are_rewritten_with_the_same_samples(kind: str, mode: str, layout: str) -> None:
    """Nothing of the page's coding changes; what cannot be seen into is said."""
    place = {"tile": 32} if layout == "tiles" else {"order": ">"}
    raw = coded(kind, mode, **place)

    data, stats = strip(raw)

    assert all(np.array_equal(one, other) for one, other in zip(shown(raw), shown(data), strict=True))
    assert verify(data, canonical=True) == []
    assert strip(data)[0] == data
    codes = {row["code"] for row in stats["residuals"]}
    assert "coding-choice" in codes
    assert ("jxl-section-slack" in codes) == kind.startswith("jxl")
    assert ("tiff-tile-padding" in codes) == (layout == "tiles")
    assert ("colour-under-alpha" in codes) == (mode == "RGBA")


@pytest.mark.parametrize(
    ("kind", "mode", "layout"),
    [(kind, mode, layout) for kind in ENCODERS for mode in modes(kind) for layout in ("strips", "tiles")],
)
def test_scrub_decodes_them(kind: str, mode: str, layout: str) -> None:
    """As the library shows each of them, in its place."""
    tile = 32 if layout == "tiles" else 0
    raw = coded(kind, mode, tile=tile)
    pieces = [np.asarray(Image.fromarray(piece).convert(mode)) for piece in shown(raw)]
    across = -(-SIZE[0] // tile) if tile else 1
    rows = [np.concatenate(pieces[at : at + across], axis=1) for at in range(0, len(pieces), across)]
    expected = np.concatenate(rows)[: SIZE[1], : SIZE[0]].astype(int)

    data, stats = scrub(raw, PLAIN)

    with Image.open(io.BytesIO(data)) as image:
        got = np.asarray(image).astype(int)
    assert stats["output_format"] == "tiff"
    assert got.shape == expected.shape
    seen = expected[:, :, 3] > 0 if mode == "RGBA" else slice(None)
    assert np.abs(got - expected)[seen].max() <= (256 if mode == "I;16" else 1)  # the lowest bits are replaced
    assert verify(data, canonical=True) == []


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_second_library_agrees(kind: str) -> None:
    """Tifffile with imagecodecs, which no extra brings, reads what these tests write, and what ``strip`` does."""
    tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")
    for mode in modes(kind):
        raw = coded(kind, mode, tile=32)
        before = tifffile.imread(io.BytesIO(raw))
        assert before.shape[:2] == SIZE[::-1]
        if kind in REWRITTEN:
            assert np.array_equal(tifffile.imread(io.BytesIO(strip(raw)[0])), before)


@pytest.mark.parametrize("kind", REWRITTEN)
def test_what_a_stream_says_beside_its_picture_goes(kind: str) -> None:
    """Exif, XMP and a profile of its own, and what lies behind it; the profile of the page counts."""
    number, name, own = ENCODERS[kind]
    image = PICTURES["RGB"]
    told: dict[str, object] = {"exif": samples.exif(1), "xmp": samples.xmp()}
    if number in (PNG, WEBP):
        told["icc_profile"] = samples.profile()
    clean, dirty = samples.saved(image, name, **own), samples.saved(image, name, **own, **told)
    assert samples.CANARY in dirty or number != WEBP

    for stream in (dirty, clean + samples.CANARY):
        raw = file_of([stream], image, number, rows=SIZE[1])
        data, _ = strip(raw)

        assert samples.CANARY not in data
        assert streams_of(data) == streams_of(strip(file_of([clean], image, number, rows=SIZE[1]))[0])
        assert inspect(raw).findings
        assert verify(raw) != []
        assert verify(data, canonical=True) == []


@pytest.mark.parametrize("kind", ["jpeg 2000", "jpeg 2000 in boxes"])
def test_jpeg_2000_is_only_decoded(kind: str) -> None:
    """As a file of its own is; a comment in it does not leave."""
    raw = coded(kind, "RGB", comment=samples.CANARY)
    assert samples.CANARY in raw

    with pytest.raises(UnsupportedFeature, match=r"JPEG 2000.*use scrub"):
        strip(raw)
    with pytest.raises(UnsupportedFeature, match="use scrub"):
        scrub_as_strip(raw)
    assert samples.CANARY not in scrub(raw, PLAIN)[0]
    assert verify(raw) != []


def scrub_as_strip(raw: bytes) -> bytes:
    """The rewrite alone, as pictures inside an SVG take it."""
    from rmexif.containers import rebuild
    from rmexif.containers.tiff import TIFF

    view = memoryview(raw)
    return rebuild(view, TIFF.parse(view, Limits()))


def test_thunderscan_is_only_decoded() -> None:
    """Raw codes of it, which libtiff reads."""
    values = np.arange(160, dtype=np.uint8).reshape(10, 16) * 7 % 16
    raw = tiffs.wrap((values | 0xC0).tobytes(), 16, 10, THUNDERSCAN, bits=4)
    with Image.open(io.BytesIO(raw)) as image:
        expected = np.asarray(image).astype(int)
    assert np.array_equal(expected, values.astype(int) * 17)

    data, _ = scrub(raw + samples.CANARY, PLAIN)

    assert np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - expected).max() <= 1
    with pytest.raises(UnsupportedFeature, match=r"ThunderScan.*use scrub"):
        strip(raw)


@pytest.mark.parametrize("number", [34887, 34934, 33003, 60_001])
def test_what_nothing_reads_is_refused_in_every_way(number: int) -> None:
    """LERC, JPEG XR, JPEG 2000 of a maker, a number of nobody."""
    raw = tiffs.wrap(bytes(64), 8, 8, number)
    for data in (raw, raw + samples.CANARY):
        for call in (strip, lambda data: scrub(data, PLAIN)):
            with pytest.raises(UnsupportedFeature, match=f"compression {number}.*convert"):
                call(data)


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_stream_of_another_size_or_kind_is_refused(kind: str) -> None:
    """Decoders would cut or pad it without a word, or show a page of others."""
    number, name, own = ENCODERS[kind]
    image = PICTURES["RGB"]
    grey = samples.saved(image.convert("L"), name, **own) if number != WEBP else b""
    wrong = [
        samples.saved(samples.picture(71, 52), name, **own),
        samples.saved(samples.picture(70, 60), name, **own),
        samples.saved(samples.picture(70, 30), name, **own),
        samples.saved(PICTURES["RGBA"], name, **own),
        grey,
        samples.saved(image, "GIF"),
        samples.saved(image, name, **own)[:60],
        b"",
    ]
    for stream in wrong:
        raw = file_of([stream], image, number, rows=SIZE[1])
        calls = [lambda data: scrub(data, PLAIN), *([strip] if kind in REWRITTEN else [])]
        for call in calls:
            with pytest.raises(InputError):
                call(raw)


def test_an_animation_is_no_strip() -> None:
    frames = [samples.picture(*SIZE), samples.picture(*SIZE).rotate(180)]
    stream = samples.saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=40)
    with pytest.raises(UnsupportedFeature, match="expected a still"):
        strip(file_of([stream], frames[0], WEBP, rows=SIZE[1]))


def test_codes_that_hide_something_are_refused() -> None:
    """A VP8X that denies the opacity of its picture: to take it out, it would have to be encoded again."""
    image = PICTURES["RGBA"]
    coded_picture = webps.content(samples.saved(image, "WEBP", lossless=True), b"VP8L")
    stream = webps.riff(
        (b"VP8X", bytes(4) + struct.pack("<I", 69)[:3] + struct.pack("<I", 51)[:3]), (b"VP8L", coded_picture)
    )

    with pytest.raises(UnsupportedFeature, match=r"alpha that is not shown.*use scrub"):
        strip(file_of([stream], image, WEBP, rows=SIZE[1]))


def test_a_channel_that_is_no_opacity_clears_nothing() -> None:
    """The alpha of a PNG is whatever its page says: ink, or a mask."""
    pixels = np.asarray(PICTURES["RGBA"]).copy()
    pixels[4:20, :, 3] = 0
    image = Image.fromarray(pixels)
    stream = samples.saved(image, "PNG")
    cleared = shown(strip(file_of([stream], image, PNG, rows=SIZE[1]))[0])[0]
    assert np.array_equal(cleared[pixels[:, :, 3] > 0], pixels[pixels[:, :, 3] > 0])
    assert not cleared[4:20].any()
    with pytest.raises(UnsupportedFeature, match="another channel"):
        strip(file_of([stream], image, PNG, rows=SIZE[1], alpha=0))


def test_a_fill_order_has_no_meaning_here() -> None:
    raw = tiffs.wrap(samples.saved(PICTURES["L"], "JXL", lossless=True), *SIZE, JPEG_XL, fill_order=2)
    with pytest.raises(UnsupportedFeature, match="FillOrder"):
        strip(raw)


def test_opacity_that_an_encoder_left_out_is_full() -> None:
    """Libwebp writes no alpha where every pixel is opaque."""
    image = samples.picture(*SIZE).convert("RGBA")
    raw = file_of([samples.saved(image, "WEBP", lossless=True)], image, WEBP, rows=SIZE[1])

    assert np.array_equal(shown(strip(raw)[0])[0][:, :, :3], np.asarray(image)[:, :, :3])
    data, _ = scrub(raw, PLAIN)
    assert np.abs(np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")).astype(int) - np.asarray(image)).max() <= 1


def test_opacity_in_the_colours_is_taken_out() -> None:
    """ExtraSamples 1 (TIFF 6.0, section 18), as Pillow takes it out of an uncompressed page."""
    image = samples.picture(*SIZE, 4)
    premultiplied = Image.fromarray(np.asarray(image.convert("RGBa")).copy(), "RGBa")
    pixels = np.asarray(Image.frombytes("RGBA", SIZE, premultiplied.tobytes()))
    stream = samples.saved(Image.fromarray(pixels), "WEBP", lossless=True, exact=True)
    with Image.open(io.BytesIO(file_of([pixels.tobytes()], image, 1, rows=SIZE[1], alpha=1))) as plain:
        expected = np.asarray(plain.convert("RGBA")).astype(int)

    data, _ = scrub(file_of([stream], image, WEBP, rows=SIZE[1], alpha=1), PLAIN)

    got = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    assert np.abs(got - expected)[expected[:, :, 3] > 32].max() <= 4  # Pillow rounds down


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_damaged_file_gives_an_input_error_or_a_picture(kind: str) -> None:
    raw = coded(kind, "RGB")
    rng = np.random.default_rng(8)
    for _ in range(25):
        broken = bytearray(raw)
        broken[rng.integers(8, len(raw))] = rng.integers(256)
        for call in (strip, lambda data: scrub(data, PLAIN)):
            try:
                call(bytes(broken))
            except InputError:
                continue


@pytest.mark.parametrize("kind", ["png", "webp", "jxl", "jpeg"])
def test_equal_tiles_are_walked_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk costs milliseconds, and a file of 16 KB has room for 2,000 tiles that are one stream."""
    walks: list[int] = []

    def counted(source: StripSource, *others: object) -> CleanStrip:
        walks.append(source.offset)
        return clean_strip(source, *others)

    monkeypatch.setattr(page_strips, "clean_strip", counted)
    image = samples.picture(160, 160)
    number, name, own = ENCODERS.get(kind, (7, "JPEG", {"subsampling": 0}))
    tile = samples.saved(image.crop((0, 0, 16, 16)), name, **own)
    raw = file_of([tile] * 100, image, number, tile=16)

    data, _ = strip(raw)

    assert len(walks) == 2  # of the file, and of what comes out
    assert len(streams_of(data)) == 100


def test_the_twin_of_the_core_walks_so_much_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads some 100,000 pixels a second."""
    before = native.engine()
    native.use("python")
    try:
        assert verify(strip(coded("webp", "RGB"))[0], canonical=True) == []
        monkeypatch.setattr(streams, "MOST_BY_TWIN", 1000)
        with pytest.raises(LimitExceeded, match="compiled core"):
            strip(coded("webp", "RGB"))
    finally:
        native.use(before)


def test_limits_come_before_the_decoder() -> None:
    image = Image.new("RGB", (300, 300))
    for kind in ("jxl", "jpeg 2000"):
        number, name, own = ENCODERS[kind]
        raw = file_of([samples.saved(image, name, **own)], PICTURES["RGB"], number, rows=SIZE[1])
        with pytest.raises(MalformedImage, match="expected 70"):
            scrub(raw, PLAIN)
    with pytest.raises(LimitExceeded, match="max_pixels"):
        strip(coded("webp", "RGB"), limits=Limits(max_pixels=1000))


def test_precincts_without_number_are_refused_here_too() -> None:
    """As in a file of JPEG 2000: OpenJPEG makes room for each."""
    image = Image.new("L", (2000, 2000))
    raw = file_of([finely_cut("main header")], image, JPEG_2000, rows=2000)
    with pytest.raises(LimitExceeded, match="precincts and code-blocks"):
        scrub(raw, PLAIN)
