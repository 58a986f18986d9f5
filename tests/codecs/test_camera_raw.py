"""Camera RAW: known by its directories, decoded by its own JPEG of full size or by LibRaw, never stripped."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from rmexif import InputError, MissingDependency, Policy, UnsupportedFeature, inspect, scrub, strip, verify
from rmexif.containers import sniff_source
from rmexif.containers.tiff import TIFF
from rmexif.errors import LimitExceeded, MalformedImage
from rmexif.types import Limits
from tests import samples
from tests.codecs import raw_files

PLAIN = Policy(faces=False, stealth=False, output="png")
SIZE = (96, 64)
PATCHES = np.array(
    [[[255, 255, 255], [128, 128, 128], [200, 60, 50]], [[60, 160, 70], [40, 70, 190], [220, 200, 40]]], np.uint8
)
PICTURE = PATCHES.repeat(32, 0).repeat(32, 1)
SENSOR = raw_files.mosaic(raw_files.linear(PICTURE))
PREVIEW = samples.picture(*SIZE)
FULL = {
    "DNG": lambda: raw_files.dng(SENSOR, PREVIEW),
    "DNG, big-endian": lambda: raw_files.dng(SENSOR, PREVIEW, order=">"),
    "NEF": lambda: raw_files.nef(SENSOR, PREVIEW),
    "ARW": lambda: raw_files.arw(SENSOR, PREVIEW),
    "CR2": lambda: raw_files.cr2(SENSOR, PREVIEW),
}
DEVELOPED = {
    "DNG without a preview": lambda: raw_files.dng(SENSOR),
    "DNG with a small preview": lambda: raw_files.dng(SENSOR, PREVIEW.resize((48, 32))),
}
ALL = {**FULL, **DEVELOPED}


def shown(data: bytes) -> np.ndarray:
    """Pixels by Pillow."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def only_scrub_takes(raw: bytes) -> bool:
    """Whether it is known for a RAW, and what is lossless refuses it and says what to do."""
    for call in (strip, verify, inspect):
        with pytest.raises(UnsupportedFeature, match=r"camera RAW.*use scrub"):
            call(raw)
    return sniff_source(memoryview(raw)).name == "raw"


@pytest.mark.parametrize("kind", ALL)
def test_it_is_never_taken_for_a_tiff(kind: str) -> None:
    """What is lossless refuses it, and says what to do; Pillow would open some of them."""
    raw = ALL[kind]()

    assert only_scrub_takes(raw)
    with pytest.raises(UnsupportedFeature, match="camera RAW"):
        TIFF.parse(memoryview(raw), Limits())


@pytest.mark.parametrize("kind", FULL)
def test_the_jpeg_of_full_size_is_taken(kind: str) -> None:
    """Its pixels by Pillow, turned as the RAW says, and nothing of what is beside them."""
    turn = 6 if kind == "ARW" else 1
    with Image.open(io.BytesIO(raw_files.jpeg(PREVIEW))) as image:
        expected = np.asarray(image).astype(int)

    data, stats = scrub(FULL[kind](), PLAIN)

    assert stats["format"] == "raw"
    assert np.abs(shown(data) - (np.rot90(expected, -1) if turn == 6 else expected)).max() <= 1
    assert samples.CANARY not in data
    assert verify(data, canonical=True) == []
    assert scrub(FULL[kind](), Policy(faces=False))[1]["output_format"] == "jpeg"


@pytest.mark.parametrize("orientation", [1, 8])
@pytest.mark.parametrize("kind", DEVELOPED)
def test_the_sensor_is_developed_where_there_is_no_such_jpeg(kind: str, orientation: int) -> None:
    """Patches of known colour, whose camera sees sRGB; mosaics blur at their edges."""
    pytest.importorskip("rawpy", reason="the extra rmexif[raw] is not installed")
    preview = None if kind == "DNG without a preview" else PREVIEW.resize((48, 32))

    data, _ = scrub(raw_files.dng(SENSOR, preview, orientation), PLAIN)

    got = shown(data) if orientation == 1 else np.rot90(shown(data), -1)
    assert got.shape[:2] == (64, 96)
    for row in range(2):
        for column in range(3):
            patch = got[32 * row + 8 : 32 * row + 24, 32 * column + 8 : 32 * column + 24]
            assert np.abs(patch - PATCHES[row, column]).max() <= 6


def test_adobe_rgb_that_the_raw_states_is_converted() -> None:
    """The camera's JPEG has no profile: the Exif directory beside it says R03 (DCF 2.0)."""
    plain = shown(scrub(raw_files.dng(SENSOR, PREVIEW), PLAIN)[0])
    wide = shown(scrub(raw_files.dng(SENSOR, PREVIEW, is_adobe_rgb=True), PLAIN)[0])

    reddish = (plain[:, :, 0] - plain[:, :, 1:].max(2)) > 60
    assert reddish.any()
    assert (wide[reddish] - plain[reddish])[:, 0].mean() > 5  # the same numbers are more colourful there


def test_a_missing_decoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what brings it; a JPEG of full size takes none."""
    monkeypatch.setitem(sys.modules, "rawpy", None)

    with pytest.raises(MissingDependency, match=r"rmexif\[raw\]"):
        scrub(raw_files.dng(SENSOR), PLAIN)
    assert scrub(raw_files.dng(SENSOR, PREVIEW), PLAIN)[1]["width"] == 96


def test_limits_come_before_the_decoder() -> None:
    with pytest.raises(LimitExceeded, match="max_pixels"):
        scrub(raw_files.dng(SENSOR), Policy(limits=Limits(max_pixels=100)))
    raw = bytearray(raw_files.dng(SENSOR))
    for tag in (256, 257):
        at = raw.index(struct.pack("<HHI", tag, 4, 1)) + 8
        raw[at : at + 4] = struct.pack("<I", 14_000)
    with pytest.raises(LimitExceeded, match="the decoder takes"):
        scrub(bytes(raw), Policy(faces=False))


@pytest.mark.parametrize("kind", ALL)
def test_a_damaged_raw_gives_an_input_error_or_a_picture(kind: str) -> None:
    """Cut off anywhere, or with a byte changed."""
    raw = ALL[kind]()
    rng = np.random.default_rng(2)
    for length in rng.integers(8, len(raw), 12):
        with pytest.raises(InputError):
            scrub(raw[:length], PLAIN)
    for _ in range(40):
        broken = bytearray(raw)
        broken[rng.integers(len(raw) * 9 // 10, len(raw))] = rng.integers(256)
        try:
            scrub(bytes(broken), PLAIN)
        except InputError:
            continue


def test_no_picture_at_all() -> None:
    empty = raw_files.write(raw_files.Ifd({50706: (1, (1, 4, 0, 0))}))
    with pytest.raises(MalformedImage, match="sensor"):
        scrub(empty, PLAIN)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_an_ordinary_tiff_is_none(compression: str | None) -> None:
    raw = samples.saved(PREVIEW, "TIFF", compression=compression)
    assert sniff_source(memoryview(raw)) is TIFF


def test_a_field_of_many_numbers_is_not_read() -> None:
    """A file of nothing but pointers to directories would cost ten times its size."""
    pointers = tuple(range(8, 400_008))
    raw = raw_files.write(raw_files.Ifd({254: (4, (0,)), 256: (4, (8,)), 330: (4, pointers)}))
    tracemalloc.start()
    try:
        sniff_source(memoryview(raw))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
