"""TIFF strips in codings that are written otherwise: XZ, Zstandard, old-style JPEG; libtiff in Pillow is the judge."""

from __future__ import annotations

import io
import lzma
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from rmexif import LimitExceeded, MalformedImage, Policy, UnsupportedFeature, inspect, scrub, strip, verify
from rmexif.errors import MissingDependency
from tests import samples
from tests.containers import old_jpeg_tiffs
from tests.containers.old_jpeg_tiffs import FORMS, old_jpeg
from tests.native import tiffs

PLAIN = Policy(faces=False, stealth=False)
XZ, ZSTANDARD = 34925, 50000
MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16", "LA")


def picture(mode: str) -> Image.Image:
    """A drawn picture."""
    image = samples.picture(70, 52)
    if mode == "LAB":
        return Image.merge("LAB", image.split())
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


def shown(data: bytes) -> np.ndarray:
    """Samples by libtiff."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def compression_of(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        return int(image.tag_v2[259])


@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("compression", ["lzma", "zstd"])
def test_strong_codings_become_deflate_with_the_same_samples(compression: str, mode: str, predictor: int) -> None:
    fields = {317: predictor} if predictor > 1 and mode not in ("1", "F") else {}
    raw = samples.saved(picture(mode), "TIFF", compression=compression, tiffinfo=fields)

    data, stats = strip(raw)

    assert np.array_equal(shown(data), shown(raw))
    assert compression_of(data) == 8
    assert verify(data, canonical=True) == []
    assert strip(data)[0] == data
    assert not {row["code"] for row in stats["residuals"]} & {"tiff-unread-coding"}
    assert scrub(raw, PLAIN)[1]["output_format"] == "tiff"


@pytest.mark.parametrize("compression", ["lzma", "zstd"])
def test_what_is_behind_a_stream_goes(compression: str) -> None:
    """It is named, too."""
    image = picture("L")
    (coded,) = tiffs.strips(image, compression, strip_size=1 << 20)
    number = XZ if compression == "lzma" else ZSTANDARD
    clean, dirty = (tiffs.wrap(coded + tail, *image.size, number) for tail in (b"", samples.CANARY))

    data, _ = strip(dirty)

    assert data == strip(clean)[0]
    assert samples.CANARY not in data
    assert "IFD0/picture/surplus" in {finding.where for finding in inspect(dirty).findings}
    assert np.array_equal(shown(data), np.asarray(image))


@pytest.mark.parametrize("size", [(70, 52), (900, 700)])
@pytest.mark.parametrize("compression", ["lzma", "zstd"])
def test_streams_of_libtiff_are_no_finding(compression: str, size: tuple[int, int]) -> None:
    """Their blocks are those of liblzma and libzstd; the file is another one behind a strip."""
    noise = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    for image in (samples.picture(*size), Image.fromarray(noise)):
        raw = samples.saved(image, "TIFF", compression=compression)

        assert verify(raw) == []
        assert verify(raw, canonical=True)


TEXT = b"Jane Doe, 12 Lime Street, 51.5072 N 0.1276 W"


def frame(data: bytes, lengths: list[int], descriptor: int = 0x20) -> bytes:
    """A Zstandard frame (RFC 8878, 3.1.1) of raw blocks of these lengths, and a last one for the rest."""
    rest = len(data) - sum(lengths)
    out, at = struct.pack("<IBB", 0xFD2FB528, descriptor | 0x40, 0)[:5] + struct.pack("<H", len(data) - 256), 0
    for number, length in enumerate([*lengths, rest]):
        out += ((number == len(lengths)) | length << 3).to_bytes(3, "little") + data[at : at + length]
        at += length
    return out


def xz_with_padding(data: bytes) -> bytes:
    """An XZ stream whose block header (.xz 1.2.1, 3.1) is longer than its fields."""
    plain = lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32)
    size = 4 * (plain[12] + 1)
    header = bytes([plain[12] + 1]) + plain[13 : 12 + size - 4] + bytes(4)
    block = header + struct.pack("<I", zlib.crc32(header)) + plain[12 + size :]
    records = block[:-16].rindex(
        b"\0\1"
    )  # of the index: one record, its sizes, padding, a checksum; 12 bytes of footer
    index = bytearray(block[records:-16])
    unpadded = index[2] & 0x7F | index[3] << 7
    index[2:4] = (unpadded + 4 & 0x7F | 0x80, unpadded + 4 >> 7)
    return plain[:12] + block[:records] + bytes(index) + struct.pack("<I", zlib.crc32(index)) + block[-12:]


def test_blocks_that_spell_are_found() -> None:
    """In their lengths, in a bit that no decoder reads, in a header that is longer than it has to be."""
    image = picture("L")
    data = image.tobytes()
    cases = {
        "one block": (ZSTANDARD, frame(data, []), True),
        "lengths": (ZSTANDARD, frame(data, list(TEXT)), False),
        "empty blocks": (ZSTANDARD, frame(data, [0] * 9), False),
        "unused bit": (ZSTANDARD, frame(data, [], 0x30), False),
        "xz": (XZ, lzma.compress(data), True),
        "longer header": (XZ, xz_with_padding(data), False),
    }
    for name, (number, stream, is_common) in cases.items():
        raw = tiffs.wrap(stream, *image.size, number)
        assert np.array_equal(shown(raw), np.asarray(image)), name
        assert ("IFD0/picture/padding" in {finding.where for finding in verify(raw)}) is not is_common, name


@pytest.mark.parametrize("compression", ["lzma", "zstd"])
def test_a_damaged_or_short_stream_is_refused(compression: str) -> None:
    image = picture("L")
    (coded,) = tiffs.strips(image, compression, strip_size=1 << 20)
    number = XZ if compression == "lzma" else ZSTANDARD
    broken = bytearray(coded)
    broken[8:16] = b"\xff" * 8  # headers: libtiff asks Zstandard for no checksum

    for wrong in (bytes(broken), coded[:-40], b"", b"nothing of the kind"):
        with pytest.raises(MalformedImage, match="tiff strip or tile"):
            strip(tiffs.wrap(wrong, *image.size, number))


def test_a_dictionary_has_a_bound() -> None:
    """Memory is taken as a header asks for it, before there is a byte of data."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    coded = lzma.compress(bytes(64), lzma.FORMAT_XZ, filters=filters)
    frame = bytes.fromhex("28b52ffd 00 a0") + b"\1\0\0"  # RFC 8878, 3.1.1: a window of 1 GiB, an empty block

    for number, stream in ((XZ, coded), (ZSTANDARD, frame)):
        with pytest.raises(LimitExceeded, match="asks for more"):
            strip(tiffs.wrap(stream, 8, 8, number))


def test_a_stream_unpacks_to_what_the_picture_needs() -> None:
    """And to no byte more, however long it is."""
    coded = lzma.compress(bytes(1 << 28), preset=0)
    assert strip(tiffs.wrap(coded, 8, 8, XZ))[1]["width"] == 8


def test_a_missing_decoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what brings it."""
    raw = samples.saved(picture("L"), "TIFF", compression="zstd")
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependency, match=r"rmexif\[zstd\]"):
        strip(raw)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("mode", "subsampling", "rows"),
    [("L", 0, None), ("L", 0, 8), ("RGB", 0, None), ("RGB", 1, 8), ("RGB", 2, 16), ("RGB", 2, None)],
)
def test_old_style_jpeg_becomes_jpeg(mode: str, subsampling: int, rows: int | None, form: str, order: str) -> None:
    """The samples are those of the JPEG; libtiff reads the original too, with another filter for chroma."""
    image = samples.picture(70, 52).convert(mode)
    options = {"subsampling": subsampling} if mode == "RGB" else {}
    raw = old_jpeg(image, form, order, rows, **options)
    with Image.open(io.BytesIO(old_jpeg_tiffs.jpeg(image, **options))) as stream:
        expected = np.asarray(stream)

    data, _ = strip(raw)

    with Image.open(io.BytesIO(data)) as done:
        assert done.tag_v2[259] == 7
        assert np.array_equal(np.asarray(done.convert(mode)), expected)
    if mode == "RGB" and subsampling == 0:
        assert np.abs(shown(raw).astype(int) - expected).max() <= 1
    assert verify(data, canonical=True) == []
    assert strip(data)[0] == data
    assert scrub(raw, PLAIN)[1]["width"] == 70


@pytest.mark.parametrize(("rows", "subsampling"), [(None, 0), (16, 2)])
@pytest.mark.parametrize("form", FORMS)
def test_tiles_of_old_style_jpeg_become_one(form: str, rows: int | None, subsampling: int) -> None:
    """One as wide as the picture below the other, as libtiff reads them."""
    image = samples.picture(80, 64)
    raw = old_jpeg(image, form, rows=rows, shown=(70, 52), subsampling=subsampling)
    with Image.open(io.BytesIO(old_jpeg_tiffs.jpeg(image, subsampling=subsampling))) as stream:
        expected = np.asarray(stream)[:52, :70]
    difference = np.abs(shown(raw).astype(int) - expected)
    assert difference.max() <= 1 if subsampling == 0 else difference.mean() < 12  # libtiff smooths no chroma

    data, _ = strip(raw)

    assert np.array_equal(shown(data), expected)
    assert verify(data, canonical=True) == []


def test_tiles_side_by_side_in_old_style_jpeg_are_refused() -> None:
    raw = old_jpeg(samples.picture(80, 64), "stream", shown=(90, 52))
    with pytest.raises(UnsupportedFeature, match="side by side"):
        strip(raw)


@pytest.mark.parametrize("predictor", [1, 2])
def test_lzw_of_before_tiff_5_is_written_as_of_today(predictor: int) -> None:
    """Its codes are those of GIF with roots of 8 bits: Pillow's GIF encoder writes them, libtiff reads them."""
    image = Image.fromarray(np.random.default_rng(3).integers(0, 256, (40, 50), np.uint8) // 3 * 3)
    file = samples.saved(image, "GIF", interlace=0, optimize=False)
    at = file.index(b"\x08", file.index(b"\x2c\0\0\0\0\x32\0\x28\0") + 10)
    codes, at = b"", at + 1
    while file[at]:
        codes += file[at + 1 : at + 1 + file[at]]
        at += 1 + file[at]
    raw = tiffs.wrap(codes, 50, 40, 5, predictor=predictor)
    before = shown(raw)

    data, _ = strip(raw)

    assert np.array_equal(shown(data), before)
    assert predictor == 2 or np.array_equal(before, np.asarray(image))
    assert verify(raw) == []
    assert verify(data, canonical=True) == []
    assert strip(data)[0] == data


@pytest.mark.parametrize("form", FORMS)
def test_old_style_jpeg_keeps_nothing_but_the_picture(form: str) -> None:
    """A comment in the stream, and text between the pieces."""
    raw = old_jpeg(samples.picture(70, 52), form, comment=samples.CANARY, gap=samples.CANARY)
    assert samples.CANARY in raw

    data, _ = strip(raw)

    assert samples.CANARY not in data
    assert verify(raw) != []
    sizes = sum(finding.length for finding in inspect(raw).findings)
    assert sizes >= len(samples.CANARY)


def test_pages_of_old_style_jpeg_are_no_previews() -> None:
    """The thumbnail of an Exif file is one; a page says where its strips are."""
    data, stats = strip(old_jpeg(samples.picture(70, 52), "header and strips", pages=2))
    assert stats["frames"] == 2
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 2


@pytest.mark.parametrize(
    ("tag", "value", "words"), [(512, 14, "process 14"), (284, 2, "plane"), (278, 12, "restart intervals")]
)
def test_rare_forms_of_old_style_jpeg_are_refused(tag: int, value: int, words: str) -> None:
    """With a reason."""
    raw = bytearray(old_jpeg(samples.picture(70, 52), "tables", rows=16, subsampling=2))
    place = raw.rindex(struct.pack("<HHI", tag, 3, 1)) + 8
    raw[place : place + 2] = struct.pack("<H", value)

    with pytest.raises(UnsupportedFeature, match=words):
        strip(bytes(raw))


def test_damaged_old_style_jpeg_is_refused_or_read() -> None:
    """No byte of it leads to another error."""
    raw = old_jpeg(samples.picture(24, 16), "tables", rows=8, subsampling=0)
    rng = np.random.default_rng(6)
    for _ in range(150):
        broken = bytearray(raw)
        broken[rng.integers(len(raw))] = rng.integers(256)
        try:
            strip(bytes(broken))
        except (MalformedImage, UnsupportedFeature, LimitExceeded):
            continue


@pytest.mark.parametrize("kind", ["complex", "logluv"])
def test_samples_that_no_decoder_shows_are_named(kind: str) -> None:
    """``strip`` keeps them as they are."""
    tags = {"bits": 64, "photometric": 1} if kind == "complex" else {"bits": 8, "photometric": 32845}
    raw = bytearray(tiffs.wrap(bytes(8 * 8 * 8), 8, 8, 1, **tags, **({"format": 6} if kind == "complex" else {})))

    assert strip(bytes(raw))[1]["width"] == 8
    with pytest.raises(UnsupportedFeature, match="photometric interpretation"):
        scrub(bytes(raw), PLAIN)
