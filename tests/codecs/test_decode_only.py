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


def portable_floats(image: Image.Image, order: str = "<") -> bytes:
    """A PFM of numbers between 0 and 1, the last row first."""
    values = np.asarray(image).astype(order + "f4") / 255
    head = f"P{'F' if values.ndim == 3 else 'f'}\n{image.width} {image.height}\n{'-1.0' if order == '<' else '1'}\n"
    return head.encode() + values[::-1].astype(order + "f4").tobytes()


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
        "dib": ("dib", samples.saved(image, "DIB")),
        "dib palette": ("dib", samples.saved(image.quantize(200), "DIB")),
        "dib two colours": ("dib", samples.saved(image.convert("1"), "DIB")),
        "pfm grey": ("pfm", portable_floats(samples.picture(channels=1))),
        "pfm grey, big-endian": ("pfm", portable_floats(samples.picture(channels=1), ">")),
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

    before, after = shown(raw), shown(data)
    assert np.abs(before - after)[before[:, :, 3] > 0].max() <= 1  # the lowest bits are replaced
    assert stats["format"] == name
    assert samples.CANARY not in data
    assert verify(data, canonical=True) == []
    output = next(row.output for row in DECODE_ONLY if row.name == name)
    assert scrub(raw, PLAIN)[1]["output_format"] == output


def shown(raw: bytes) -> np.ndarray:
    """What Pillow shows, 8 bit; floats from 0 to 1."""
    with Image.open(io.BytesIO(raw)) as image:
        if image.mode == "F":
            image = Image.fromarray(np.rint(np.asarray(image) * 255).astype(np.uint8))
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return np.asarray(image.convert("RGBA")).astype(int)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pfm_of_colours(order: str) -> None:
    """OpenCV reads it as rmexif does, Pillow knows grey alone."""
    image = samples.picture()
    raw = portable_floats(image, order)
    judge = cv2.cvtColor(cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB)
    assert np.abs(judge * 255 - np.asarray(image)).max() < 0.01

    data, _ = scrub(raw, Policy(faces=False, stealth=False, output="png"))

    got = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB)
    assert got.dtype == np.uint16
    assert np.abs(got / 257 - np.asarray(image).astype(int)).max() <= 1.1


def test_floats_without_a_scale_are_shown_from_the_least_to_the_most() -> None:
    values = np.linspace(-3, 12, 48 * 32, dtype=np.float32).reshape(32, 48)
    values[4, 4] = np.nan
    _, coded = cv2.imencode(".pfm", values)
    data, _ = scrub(coded.tobytes(), Policy(faces=False, stealth=False, output="png"))
    got = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    assert got[0, 0] < 600
    assert got[-1, -1] > 64_900


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (65, 9)])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_dib_is_the_bmp_of_its_header(mode: str, size: tuple[int, int]) -> None:
    """As Pillow writes both; with surplus behind it, and not with rows missing."""
    image = samples.picture(*size).convert(mode)
    policy = Policy(faces=False, stealth=False, output="png", seed=1)
    raw = samples.saved(image, "DIB")
    found, expected = (shown(scrub(data, policy)[0]) for data in (raw + samples.CANARY, samples.saved(image, "BMP")))
    assert np.array_equal(found, expected)
    with pytest.raises(MalformedImage):
        scrub(raw[: -max(4, len(raw) // 3)], policy)


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


def finely_cut(place: str) -> bytes:
    """2000 x 2000 px of JPEG 2000 in precincts of 2 px, as the main header or that of a tile-part says."""
    raw = samples.saved(Image.new("L", (2000, 2000)), "JPEG2000", no_jp2=place != "box")
    at, tile = raw.index(b"\xff\x52"), raw.index(b"\xff\x90")
    size = int.from_bytes(raw[at + 2 : at + 4], "big")
    levels = raw[at + 9]
    fine = b"\xff\x52" + (size + levels + 1).to_bytes(2, "big") + b"\1" + raw[at + 5 : at + 14] + b"\x11" * (levels + 1)
    if place != "tile-part":
        return raw[:at] + fine + raw[at + 2 + size :]
    length = int.from_bytes(raw[tile + 6 : tile + 10], "big") + len(fine)
    return raw[: tile + 6] + length.to_bytes(4, "big") + raw[tile + 10 : tile + 12] + fine + raw[tile + 12 :]


@pytest.mark.parametrize("place", ["box", "main header", "tile-part"])
def test_precincts_without_number_are_refused(place: str) -> None:
    """OpenJPEG holds 400 bytes for each: it took 6.6 GB for a file of 90 kB."""
    with pytest.raises(LimitExceeded, match="precincts and code-blocks"):
        scrub(finely_cut(place), PLAIN)


@pytest.mark.parametrize(
    "options", [{}, {"tile_size": (128, 128)}, {"precinct_size": (64, 64)}, {"codeblock_size": (16, 16)}], ids=str
)
def test_ordinary_precincts_and_tiles_are_decoded(options: dict[str, tuple[int, int]]) -> None:
    """In every way that OpenJPEG cuts a picture."""
    image = samples.picture(700, 500)

    data, _ = scrub(samples.saved(image, "JPEG2000", **options), Policy(faces=False, stealth=False, output="png"))

    found, expected = np.asarray(Image.open(io.BytesIO(data))).astype(int), np.asarray(image).astype(int)
    assert np.abs(found - expected).max() <= 2  # the lowest bit is replaced
