"""What mat2's tests ask of image cleaners, asked of rmexif, with files of our own.

For each format: is what was planted shown before, is nothing left behind beside what a plain file of the picture has
too (ExifTool is the judge), can the clean file be cleaned again, is the picture the same? And of the command: several
files of which one is none, a file under a wrong name, names that look like options, modes, control characters.
"""

from __future__ import annotations

import io
import json
import shutil
import stat
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - for Image.save
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from rmexif import RmexifError, inspect, strip, verify
from tests.cli.running import run

if TYPE_CHECKING:
    from pathlib import Path

pillow_heif.register_heif_opener()

WORDS = "Jane Doe wrote this"
MAKER = "Example Optics"
TIME = "2018:03:20 21:59:25"
# Of a file, of a reader, and what follows from the size: tags that say nothing of what is in a file.
NOT_OF_THE_PICTURE = {"SourceFile", "ExifTool", "System", "File", "Composite"}
HEAD = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
SHAPE = b'<rect x="10" y="10" width="80" height="60" fill="navy"/>'


@cache
def picture() -> Image.Image:
    """Edges and a gradient."""
    y, x = np.mgrid[0:80, 0:120]
    pixels = np.stack([x * 2, y * 3, (x // 16 + y // 16) % 2 * 200], -1).astype(np.uint8)
    return Image.fromarray(pixels)


def saved(kind: str, **options: Any) -> bytes:
    """As Pillow and its plugins write it."""
    out = io.BytesIO()
    (picture().quantize(64) if kind == "GIF" else picture()).save(out, kind, **options)
    return out.getvalue()


def exif() -> bytes:
    """Somebody's words, a maker and a time."""
    block = Image.Exif()
    block[0x010E], block[0x010F], block[0x0132] = WORDS, MAKER, TIME
    return block.tobytes()


def png_text() -> PngImagePlugin.PngInfo:
    """A comment, as GIMP has it."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", WORDS)
    return info


def svg(*inside: bytes, attributes: bytes = b"") -> bytes:
    """A drawing of one rectangle."""
    return HEAD + attributes + b'width="120" height="80" viewBox="0 0 120 80">' + b"".join(inside) + SHAPE + b"</svg>"


def ppm(*comments: str) -> bytes:
    """A header with comments between its numbers."""
    first, second, third = comments or ("", "", "")
    head = f"P6\n{first}120 {second}80\n{third}255\n"
    return head.encode() + picture().tobytes()


def profile() -> bytes:
    """An sRGB profile made just now."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# What a clean file says of the picture, and the plain one does not, by how a tag begins: the colours of a profile.
STRUCTURE: dict[str, tuple[str, ...]] = {"HEIC": ("ICC",)}
METADATA = f"<metadata><rdf:RDF><title>{WORDS}</title></rdf:RDF></metadata><title>{WORDS}</title>".encode()
# format -> extension, the file with somebody's words in it, and the same picture plain
FORMATS: dict[str, tuple[str, bytes, bytes]] = {
    "PNG": ("png", saved("PNG", pnginfo=png_text(), exif=exif(), dpi=(72, 72)), saved("PNG")),
    "JPG": ("jpg", saved("JPEG", comment=WORDS.encode(), exif=exif(), dpi=(72, 72)), saved("JPEG")),
    "TIFF": ("tif", saved("TIFF", tiffinfo={270: WORDS, 271: MAKER, 306: TIME}, dpi=(72, 72)), saved("TIFF")),
    "BMP": ("bmp", saved("BMP")[:6] + b"Jane" + saved("BMP")[10:] + WORDS.encode(), saved("BMP")),
    "GIF": ("gif", saved("GIF", comment=WORDS.encode()), saved("GIF")),
    "WEBP": ("webp", saved("WEBP", exif=exif(), lossless=True), saved("WEBP", lossless=True)),
    "HEIC": ("heic", saved("HEIF", exif=exif(), icc_profile=profile()), saved("HEIF")),
    "AVIF": ("avif", saved("AVIF", exif=exif()), saved("AVIF")),
    "JXL": ("jxl", saved("JXL", exif=exif(), lossless=True), saved("JXL", lossless=True)),
    "SVG": ("svg", svg(METADATA, f"<!-- {WORDS} -->".encode(), attributes=b'data-author="Jane" '), svg()),
    "PPM": ("ppm", ppm(f"# {WORDS}\n", f"# {MAKER}\n", f"# {TIME}\n"), ppm()),
}


def tags(path: Path) -> dict[str, str]:
    """What ExifTool reads in a file, but for what it says of the file itself."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    done = subprocess.run([program, "-j", "-G1", "-a", "-U", str(path)], capture_output=True, check=False, timeout=60)
    found = json.loads(done.stdout)[0]
    return {
        name: str(value)
        for name, value in found.items()
        if name == "File:Comment" or name.partition(":")[0] not in NOT_OF_THE_PICTURE
    }


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_planted_is_shown(name: str) -> None:
    """With its values, and without a trace of them where they were not asked for."""
    _, dirty, plain = FORMATS[name]
    loud, quiet = str(inspect(dirty, values=True).findings), str(inspect(dirty).findings)

    assert inspect(dirty).findings
    assert (WORDS in loud and WORDS not in quiet) or name in ("BMP", "SVG")  # whose words are counted, not read
    assert inspect(plain).findings == () or name == "SVG"  # which any program writes in a way of its own


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_left_beside_what_a_plain_file_has(name: str, tmp_path: Path) -> None:
    """Whichever tag ExifTool finds in the clean file, it finds in one that never had anything, too."""
    extension, dirty, plain = FORMATS[name]
    files = {kind: tmp_path / f"{kind}.{extension}" for kind in ("dirty", "plain", "clean")}
    files["dirty"].write_bytes(dirty)
    files["plain"].write_bytes(plain)
    files["clean"].write_bytes(strip(dirty)[0])
    found = {kind: tags(path) for kind, path in files.items()}

    assert any(WORDS in value for value in found["dirty"].values()) or name in ("BMP", "SVG", "PPM")
    left = found["clean"].keys() - found["plain"].keys()
    assert {tag for tag in left if not tag.startswith(STRUCTURE.get(name, ()))} == set()
    assert all(value.startswith("0000") for tag, value in found["clean"].items() if "Date" in tag)
    assert not any(word in value for word in (WORDS, MAKER, TIME, "Jane") for value in found["clean"].values())
    assert not any(word.encode() in strip(dirty)[0] for word in (WORDS, MAKER, TIME, "Jane"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_clean_file_is_cleaned_again(name: str) -> None:
    """To the same bytes; and it passes both questions."""
    clean = strip(FORMATS[name][1])[0]

    assert strip(clean)[0] == clean
    assert verify(clean) == verify(clean, canonical=True) == []


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"SVG"}))
def test_the_picture_is_the_same(name: str) -> None:
    """Pixel by pixel, as Pillow decodes it."""
    dirty = FORMATS[name][1]
    with Image.open(io.BytesIO(dirty)) as before, Image.open(io.BytesIO(strip(dirty)[0])) as after:
        assert np.array_equal(np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB")))


def test_a_drawing_in_a_namespace_of_its_own_is_none() -> None:
    """What renderers draw is in SVG's own namespace: such a file is refused, or comes out without what is not drawn."""
    strange = svg(METADATA).replace(b"http://www.w3.org/2000/svg", b"http://www.w3.org/1337/svg")
    try:
        data = strip(strange)[0]
    except RmexifError:
        return
    assert WORDS.encode() not in data


@pytest.mark.parametrize(("content", "name"), [("PNG", "a.jpg"), ("JPG", "a.png"), ("GIF", "a.bmp"), ("HEIC", "a.jpg")])
def test_a_file_under_a_wrong_name(content: str, name: str, tmp_path: Path) -> None:
    """It is what it is: cleaned as that, or refused and left as it was, never spoilt."""
    dirty = FORMATS[content][1]
    (tmp_path / name).write_bytes(dirty)
    done = run("strip", "--in-place", name, cwd=tmp_path)
    after = (tmp_path / name).read_bytes()

    assert after == (strip(dirty)[0] if done.returncode == 0 else dirty)
    assert WORDS.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize("content", [b"", b"d8:announce22:torrent", b"ID3\x03\0\0\0\0\0\0", b"import unittest\n" * 40])
def test_what_is_no_image_is_refused(content: bytes, tmp_path: Path) -> None:
    """A torrent, a song and a program, called picture.png."""
    (tmp_path / "picture.png").write_bytes(content)
    done = run("strip", "--in-place", "picture.png", cwd=tmp_path)

    assert done.returncode != 0
    assert (tmp_path / "picture.png").read_bytes() == content
    with pytest.raises(RmexifError):
        inspect(content)


def test_one_of_several_fails(tmp_path: Path) -> None:
    """The others are clean; the command says which one is not."""
    names = [f"clean_{number}.jpg" for number in range(4)]
    for name in names:
        (tmp_path / name).write_bytes(FORMATS["JPG"][1])
    (tmp_path / "bad.jpg").write_bytes(b"d8:announce22:torrent")
    done = run("strip", "--in-place", *names[:2], "bad.jpg", *names[2:], cwd=tmp_path)

    assert done.returncode != 0
    assert b"bad.jpg" in done.stderr
    assert all(verify((tmp_path / name).read_bytes()) == [] for name in names)


def test_names_that_look_like_options(tmp_path: Path) -> None:
    """Behind ``--``, or with a folder before them."""
    for name in ("-ver", "--output"):
        (tmp_path / name).write_bytes(FORMATS["PNG"][1])
        assert WORDS.encode() in run("inspect", "--values", "--", name, cwd=tmp_path).stdout
        assert run("strip", "--in-place", f"./{name}", cwd=tmp_path).returncode == 0
        assert verify((tmp_path / name).read_bytes()) == []


def test_the_mode_of_a_file_stays(tmp_path: Path) -> None:
    """777 as well, in place and beside it."""
    path = tmp_path / "a.jpg"
    path.write_bytes(FORMATS["JPG"][1])
    path.chmod(0o777)

    assert run("strip", "--in-place", "a.jpg", cwd=tmp_path).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o777
    assert verify(path.read_bytes()) == []


def test_control_characters_are_not_sent_to_a_terminal(tmp_path: Path) -> None:
    """A comment that would colour a line, or worse."""
    (tmp_path / "a.jpg").write_bytes(saved("JPEG", comment=b"\x1b[31mJane\x07\x1b]0;x\x07"))
    shown = run("inspect", "--values", "a.jpg", cwd=tmp_path).stdout

    assert b"Jane" in shown
    assert not set(shown) & (set(range(32)) - {9, 10, 13})


def test_answers_of_the_command(tmp_path: Path) -> None:
    """Its name and version, its help, and an error for an option that there is not."""
    assert run("--version", cwd=tmp_path).stdout.startswith(b"rmexif ")
    assert b"strip" in run("--help", cwd=tmp_path).stdout
    assert run("--whololo", cwd=tmp_path).returncode != 0
