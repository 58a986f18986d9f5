"""Camera RAW with signatures of makers: ExifTool and LibRaw read the files of these tests as rmexif does."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rmexif import InputError, MissingDependency, Policy, scrub, verify
from rmexif.errors import LimitExceeded, MalformedImage
from rmexif.types import Limits
from tests import samples
from tests.codecs import maker_raw_files as makers
from tests.codecs.raw_files import jpeg
from tests.codecs.test_camera_raw import PATCHES, PICTURE, PLAIN, PREVIEW, SENSOR, only_scrub_takes, shown

SIZE = (100, 68)  # px of a sensor with a border around the picture of 96 x 64
LARGE = PREVIEW.resize((1200, 900))
FULL = {
    "CR3": lambda turn=1: makers.cr3(PREVIEW, SIZE, turn),
    "RAF": lambda turn=1: makers.raf(PREVIEW, SIZE, turn),
    "ORF": lambda turn=1: makers.orf(SENSOR, PREVIEW, turn),
    "ORF, IIRS": lambda turn=1: makers.orf(SENSOR, PREVIEW, turn, b"IIRS"),
    "ORF, big-endian": lambda turn=1: makers.orf(SENSOR, PREVIEW, turn, b"MMOR"),
    "RW2": lambda turn=1: makers.rw2(PREVIEW, SIZE, turn),
    "X3F": lambda turn=1: makers.x3f(PREVIEW, SIZE, rotation={1: 0, 6: 90, 8: 270}[turn]),
    "X3F, version 4": lambda turn=1: makers.x3f(LARGE, SIZE, 4),
}
SMALL = PREVIEW.resize((48, 32))
WITHOUT = {
    "CR3": lambda: makers.cr3(SMALL, SIZE),
    "RAF": lambda: makers.raf(SMALL, SIZE),
    "ORF": lambda: makers.orf(SENSOR, SMALL),
    "RW2": lambda: makers.rw2(SMALL, SIZE),
    "X3F": lambda: makers.x3f(SMALL, SIZE),
}
MRW = makers.mrw(np.tile(SENSOR >> 2, (4, 4)))  # LibRaw looks for borders in smaller ones
ALL = {**FULL, "MRW": lambda: MRW}
EXTRACTED = {"CR3": "JpgFromRaw", "RAF": "PreviewImage", "RW2": "JpgFromRaw", "X3F": "PreviewImage"}


@pytest.mark.parametrize("kind", ALL)
def test_nothing_lossless_takes_it(kind: str) -> None:
    assert only_scrub_takes(ALL[kind]())


@pytest.mark.parametrize("kind", FULL)
def test_the_jpeg_of_full_size_is_taken(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned as the RAW says, without LibRaw, and without what stands beside it."""
    monkeypatch.setitem(sys.modules, "rawpy", None)
    says_nothing = "version 4" in kind  # the JPEG's own Exif block does
    with Image.open(io.BytesIO(jpeg(LARGE if says_nothing else PREVIEW))) as image:
        expected = np.asarray(image).astype(int)
    turns = [3] if says_nothing else [1, 6, 8]

    for turn in turns:
        raw = FULL[kind](turn)
        assert samples.CANARY in raw
        data, stats = scrub(raw, PLAIN)
        upright = {1: expected, 3: expected[::-1, ::-1], 6: np.rot90(expected, -1), 8: np.rot90(expected)}[turn]
        assert stats["format"] == "raw"
        assert np.abs(shown(data) - upright).max() <= 1
        assert samples.CANARY not in data
        assert verify(data, canonical=True) == []
    assert scrub(FULL[kind](), Policy(faces=False))[1]["output_format"] == "jpeg"


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("kind", EXTRACTED)
def test_exiftool_finds_the_same_jpeg(kind: str, tmp_path: Path) -> None:
    """The layout of these files is theirs, not of our making."""
    path = tmp_path / f"picture.{kind.lower()}"
    path.write_bytes(FULL[kind](6))
    found = subprocess.run(["exiftool", "-b", f"-{EXTRACTED[kind]}", str(path)], capture_output=True, check=True).stdout
    with Image.open(io.BytesIO(found)) as image:
        assert image.size == PREVIEW.size
        expected = np.asarray(image).astype(int)
    data, _ = scrub(path.read_bytes(), PLAIN)
    assert np.abs(shown(data) - np.rot90(expected, -1)).max() <= 1


@pytest.mark.parametrize("kind", ["RAF", "ORF", "RW2"])
def test_libraw_finds_the_same_jpeg(kind: str) -> None:
    rawpy = pytest.importorskip("rawpy", reason="the extra rmexif[raw] is not installed")
    with rawpy.imread(io.BytesIO(FULL[kind]())) as file:
        assert Image.open(io.BytesIO(file.extract_thumb().data)).size == PREVIEW.size


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_small_jpeg_is_not_taken_for_the_picture(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where LibRaw is missing it is named, and where it refuses the sensor's data there is no picture."""
    raw = WITHOUT[kind]()
    with pytest.raises((MalformedImage, MissingDependency)):
        scrub(raw, PLAIN)
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(MissingDependency, match=r"rmexif\[raw\]"):
        scrub(raw, PLAIN)


def test_the_sensor_is_developed() -> None:
    """Patches of MRW, in the colours of a camera that LibRaw knows: greys stay grey, red is red."""
    pytest.importorskip("rawpy", reason="the extra rmexif[raw] is not installed")

    data, _ = scrub(MRW, PLAIN)

    got = shown(data)
    assert got.shape == (256, 384, 3)
    assert samples.CANARY not in data
    patches = [
        [got[32 * y + 8 : 32 * y + 24, 32 * x + 8 : 32 * x + 24].mean((0, 1)) for x in range(3)] for y in range(2)
    ]
    assert patches[0][0].min() > patches[0][1].max()
    assert patches[0][2].argmax() == PATCHES[0, 2].argmax()
    assert patches[1][0].argmax() == PATCHES[1, 0].argmax()
    assert patches[1][1].argmax() == PATCHES[1, 1].argmax()
    assert PICTURE.shape == (64, 96, 3)


@pytest.mark.parametrize("kind", ALL)
def test_limits_come_before_the_decoder(kind: str) -> None:
    with pytest.raises(LimitExceeded, match="max_pixels"):
        scrub(ALL[kind](), Policy(limits=Limits(max_pixels=100)))


def test_a_sensor_has_a_bound() -> None:
    raw = bytearray(MRW)
    at = raw.index(b"27820001") + 8
    raw[at : at + 4] = struct.pack(">HH", 14_000, 14_000)
    with pytest.raises(LimitExceeded, match="the decoder takes"):
        scrub(bytes(raw), Policy(faces=False))


@pytest.mark.parametrize("kind", [kind for kind in ALL if "version" not in kind])
def test_a_damaged_raw_gives_an_input_error_or_a_picture(kind: str) -> None:
    """Cut off anywhere, or with a byte of its structure changed."""
    raw = ALL[kind]()
    rng = np.random.default_rng(2)
    for length in rng.integers(4, len(raw) // 2, 12):
        with pytest.raises((InputError, MissingDependency)):
            scrub(raw[: int(length)], PLAIN)
    start = len(raw) * 9 // 10 if kind.startswith(("ORF", "RW2", "X3F")) else 0
    stop = len(raw) if start else 600
    for _ in range(40):
        broken = bytearray(raw)
        broken[rng.integers(start, stop)] = rng.integers(256)
        try:
            scrub(bytes(broken), PLAIN)
        except (InputError, MissingDependency):
            continue


def test_boxes_that_lead_nowhere() -> None:
    """A CR3 without tracks, and one whose boxes are many and empty."""
    head = makers.cr3(PREVIEW, SIZE)[:24]
    for rest in (b"", b"\0\0\0\x08moov", struct.pack(">I4s", 8 + 8 * 100_000, b"moov") + b"\0\0\0\x08trak" * 100_000):
        with pytest.raises(MalformedImage):
            scrub(head + rest, PLAIN)
