"""Formats that are read and never written: their picture leaves in another one."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from rmexif import InputError, Policy, UnsupportedFeature, codecs, inspect, scrub, strip, verify
from rmexif.containers import DECODE_ONLY, FORMATS, sniff_source
from rmexif.errors import LimitExceeded, MalformedImage
from rmexif.types import Limits
from tests import samples
from tests.cli.running import run

PLAIN = Policy(faces=False, stealth=False)


def photoshop(image: Image.Image) -> bytes:
    """A PSD with a comment among its resources, and its flat picture uncompressed."""
    pixels = np.asarray(image)
    height, width, channels = pixels.shape
    head = b"8BPS\0\1" + bytes(6) + channels.to_bytes(2, "big") + height.to_bytes(4, "big") + width.to_bytes(4, "big")
    resource = b"8BIM\x03\xf0\0\0" + len(samples.CANARY).to_bytes(4, "big") + samples.CANARY + b"\0"
    sections = bytes(4) + len(resource).to_bytes(4, "big") + resource + bytes(4)
    return head + b"\0\x08\0\3" + sections + b"\0\0" + pixels.transpose(2, 0, 1).tobytes()


def cursor() -> bytes:
    """A Windows cursor: an icon with a hot spot."""
    cursor = bytearray(
        samples.saved(samples.picture(64, 64, 4), "ICO", sizes=[(16, 16), (64, 64)], bitmap_format="bmp")
    )
    cursor[2] = 2
    for at in (10, 26):  # planes and bits
        cursor[at : at + 4] = bytes(4)
    return bytes(cursor)


def files() -> dict[str, tuple[str, bytes]]:
    """Format and file, by what is special about it."""
    square, image = samples.picture(64, 64, 4), samples.picture()
    return {
        "qoi": ("qoi", samples.saved(image, "QOI")),
        "tga": ("tga", samples.saved(image, "TGA", id_section=samples.CANARY)),
        "tga run lengths": ("tga", samples.saved(samples.picture(channels=4), "TGA", compression="tga_rle")),
        "tga palette": ("tga", samples.saved(image.quantize(7), "TGA")),
        "tga grey": ("tga", samples.saved(samples.picture(channels=1), "TGA")),
        "ico png": ("ico", samples.saved(square, "ICO", sizes=[(16, 16), (64, 64)])),
        "ico bitmap": ("ico", samples.saved(square, "ICO", sizes=[(16, 16), (64, 64)], bitmap_format="bmp")),
        "jp2": ("jpeg2000", samples.saved(image, "JPEG2000", comment=samples.CANARY)),
        "codestream": ("jpeg2000", samples.saved(image, "JPEG2000", no_jp2=True)),
        "psd": ("psd", photoshop(image)),
    }


FILES = files()


def test_every_row_is_tried() -> None:
    """A new row of the table has to be added here as well (camera RAW: test_camera_raw); no output is named by it."""
    assert {row.name for row in DECODE_ONLY} == {name for name, _ in FILES.values()} | {"raw"}
    assert {row.output for row in DECODE_ONLY} <= {row.format.name for row in FORMATS}


@pytest.mark.parametrize("kind", FILES)
def test_the_picture_leaves_in_another_format(kind: str) -> None:
    """As Pillow shows it, without what stood beside it."""
    name, raw = FILES[kind]

    data, stats = scrub(raw, Policy(faces=False, stealth=False, output="png"))

    before, after = (np.asarray(Image.open(io.BytesIO(file)).convert("RGBA")).astype(int) for file in (raw, data))
    assert np.abs(before - after)[before[:, :, 3] > 0].max() <= 1  # the lowest bits are replaced
    assert stats["format"] == name
    assert samples.CANARY not in data
    assert verify(data, canonical=True) == []
    output = next(row.output for row in DECODE_ONLY if row.name == name)
    assert scrub(raw, PLAIN)[1]["output_format"] == output


def test_a_cursor_is_read_as_an_icon() -> None:
    """Its mask included."""
    icon = scrub(FILES["ico bitmap"][1], Policy(faces=False, stealth=False, seed=1))[0]

    assert scrub(cursor(), Policy(faces=False, stealth=False, seed=1))[0] == icon


@pytest.mark.parametrize("kind", FILES)
def test_the_other_ways_say_what_to_use(kind: str) -> None:
    """Nothing is stripped, verified or inspected that could not be written again."""
    for call in (strip, verify, inspect):
        with pytest.raises(UnsupportedFeature, match="use scrub"):
            call(FILES[kind][1])


@pytest.mark.parametrize("kind", FILES)
def test_limits_come_before_the_decoder(kind: str) -> None:
    """The size is read from the header; a file that is cut short is refused."""
    raw = FILES[kind][1]

    with pytest.raises(LimitExceeded, match="max_pixels"):
        scrub(raw, Policy(limits=Limits(max_pixels=100)))
    with pytest.raises(InputError):
        scrub(raw[:40], PLAIN)


def test_a_picture_of_an_icon_that_lies_about_its_size() -> None:
    """The size is that of the picture's own header, not of the directory."""
    raw = bytearray(FILES["ico png"][1])
    at = raw.rindex(b"IHDR") + 4
    raw[at : at + 4] = (60_000).to_bytes(4, "big")
    raw[at + 4 : at + 8] = (60_000).to_bytes(4, "big")

    with pytest.raises(LimitExceeded, match="max_pixels"):
        scrub(bytes(raw), PLAIN)


def test_noise_is_no_picture() -> None:
    """The format without a signature does not take what is none."""
    with pytest.raises((MalformedImage, InputError)):
        scrub(np.random.default_rng(3).integers(0, 256, 5000, np.uint8).tobytes())


def test_a_folder_gets_the_extension_of_what_comes_out(tmp_path: Path) -> None:
    """A PNG is not called .qoi."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.qoi").write_bytes(FILES["qoi"][1])

    done = run("in", "--no-faces", "-o", "out", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_folder_is_stripped_of_what_can_be(tmp_path: Path) -> None:
    """A file that is only decoded is named, and so is one that would be replaced by another format; the rest goes on."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.qoi").write_bytes(FILES["qoi"][1])
    (tmp_path / "in" / "b.svg").write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / "in" / "c.png").write_bytes(samples.saved(samples.picture(), "PNG"))

    done = run("strip", "in", "-o", "out", cwd=tmp_path)

    assert done.returncode != 0
    assert b"a.qoi" in done.stderr
    assert b"use scrub" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.svg", "c.png"]
    done = run("scrub", "in/a.qoi", "--no-faces", "--in-place", cwd=tmp_path)
    assert b"qoi leaves as png" in done.stderr
    assert (tmp_path / "in" / "a.qoi").read_bytes() == FILES["qoi"][1]


def test_jpeg_2000_of_16_bit() -> None:
    """White stays white; by the numbers that OpenCV has coded without loss."""
    values = np.random.default_rng(5).integers(0, 1 << 16, (32, 48, 3)).astype(np.uint16)
    values[:8] = 65535
    raw = cv2.imencode(".jp2", values[:, :, ::-1], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()

    found = codecs.decode(raw, sniff_source(memoryview(raw)).parse(memoryview(raw), Limits())).frames[0].pixels

    assert np.array_equal(found, values)


def test_a_bilevel_photoshop_file(tmp_path: Path) -> None:
    """A bit is ink, as FFmpeg reads it."""
    bits = np.random.default_rng(5).integers(0, 2, (32, 48), dtype=np.uint8)
    head = b"8BPS\0\1" + bytes(6) + b"\0\1" + (32).to_bytes(4, "big") + (48).to_bytes(4, "big") + b"\0\1\0\0"
    raw = head + bytes(14) + np.packbits(bits, axis=1).tobytes()
    (tmp_path / "bits.psd").write_bytes(raw)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(tmp_path / "bits.psd")]
    command += ["-pix_fmt", "gray", "-f", "rawvideo", "-"]
    shown = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)

    found = np.asarray(Image.open(io.BytesIO(scrub(raw, PLAIN)[0])).convert("L"))

    assert np.array_equal(shown.reshape(32, 48), 255 * (1 - bits))
    assert np.abs(found.astype(int) - shown.reshape(32, 48)).max() <= 1
