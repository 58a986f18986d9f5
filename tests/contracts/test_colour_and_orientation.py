"""Colour and orientation survive ``strip``, in every format that has them; judged by Pillow, LittleCMS and ExifTool."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from rmexif import strip
from rmexif.containers import FORMATS
from tests import samples
from tests.containers import jxl_files, profiles
from tests.containers.builders_jpeg import segment

WIDE = profiles.matrix(profiles.ADOBE, profiles.gamma(563 / 256))  # Adobe RGB (1998), by nobody's library
SRGB = samples.profile()
PILLOW = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF", "avif": "AVIF", "heic": "HEIF", "jxl": "JXL"}
LOSSLESS = {"png": {}, "webp": {"lossless": True}, "tiff": {}, "jxl": {"lossless": True}}
SCENE = samples.picture(64, 32)  # unlike itself in every other orientation
UPRIGHT = range(1, 9)

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is the judge")


def bmp_v5(profile: bytes) -> bytes:
    """A BMP with an embedded profile (bV5CSType PROFILE_EMBEDDED), which Pillow does not write."""
    pixels = np.asarray(SCENE)[::-1, :, ::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, *SCENE.size, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    head += bytes(16) + b"DEBM" + bytes(48) + struct.pack("<IIII", 4, 124 + len(pixels), len(profile), 0)
    size = 14 + len(head) + len(pixels) + len(profile)
    return b"BM" + struct.pack("<III", size, 0, 14 + len(head)) + head + pixels + profile


def profile_of(name: str, data: bytes) -> bytes:
    """The profile that a file carries, by Pillow; of a BMP by its header (bV5ProfileData, bV5ProfileSize)."""
    if name == "bmp":
        at, size = struct.unpack_from("<II", data, 14 + 112)
        return data[14 + at : 14 + at + size]
    return Image.open(io.BytesIO(data)).info["icc_profile"]


def tagged(name: str, profile: bytes) -> bytes:
    """A picture with a profile."""
    if name == "bmp":
        return bmp_v5(profile)
    if name == "jxl":  # Pillow's plugin writes no profile; this one is cjxl's, of the same primaries and curve
        return jxl_files.ADOBE_LOSSLESS
    return samples.saved(SCENE, PILLOW[name], icc_profile=profile, **LOSSLESS.get(name, {}))


def rendered(profile: bytes, mode: str = "RGB") -> np.ndarray:
    """A spread of code values in sRGB, by LittleCMS."""
    axis = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(*[axis] * len(mode)), -1)
    image = Image.frombytes(mode, (9, grid.size // 9 // len(mode)), grid.tobytes())
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return np.asarray(ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), 1, "RGB")).astype(int)


def assert_same_colours(before: bytes, after: bytes, mode: str = "RGB") -> None:
    """Both profiles show every code value alike, to one step of 8 bits."""
    assert np.abs(rendered(before, mode) - rendered(after, mode)).max() <= 1


def by_exiftool(folder: Path, files: dict[str, bytes], *tags: str) -> list[dict]:
    """What ExifTool reads in each of the files."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    command = ["exiftool", "-j", "-n", *tags, *(folder / name for name in files)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def test_every_format_with_a_profile_is_tried() -> None:
    """A new row of the table has to be added here as well."""
    assert {row.format.name for row in FORMATS if row.format.has_icc} == {*PILLOW, "bmp"}
    assert {row.format.name for row in FORMATS} == {*PILLOW, "bmp", "gif"}  # GIF and BMP have no orientation


def test_the_loss_of_the_profile_would_be_seen() -> None:
    """The judge tells Adobe RGB from the sRGB that a file without a profile is shown in."""
    assert np.abs(rendered(WIDE) - rendered(SRGB)).max() > 40


@pytest.mark.parametrize("name", [*PILLOW, "bmp"])
def test_the_profile_survives(name: str) -> None:
    """A wide-gamut picture is shown in the same colours, and the profile gives nobody away."""
    raw = tagged(name, WIDE)

    data = strip(raw)[0]

    assert profiles.CANARY in profile_of(name, raw) or name == "jxl"  # its codestream has fields for colours
    assert_same_colours(WIDE, profile_of(name, raw))
    assert_same_colours(WIDE, profile_of(name, data))
    assert profiles.CANARY not in data


def chunked(profile: bytes, sizes: list[int], order: list[int]) -> bytes:
    """A JPEG with a profile in chunks of the given sizes, in the given order (ICC.1:2022, B.4)."""
    ends = np.cumsum(sizes)
    assert ends[-1] == len(profile)
    chunks = [profile[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    segments = [segment(0xE2, b"ICC_PROFILE\0" + bytes([n, len(chunks)]) + chunk) for n, chunk in enumerate(chunks, 1)]
    raw = samples.saved(SCENE, "JPEG", quality=90)
    at = raw.index(b"\xff\xdb")
    return raw[:at] + b"".join(segments[number] for number in order) + raw[at:]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_a_profile_in_several_segments_survives(order: list[int]) -> None:
    """JPEG: the chunks are numbered, so that their order in the file does not matter."""
    raw = chunked(WIDE, [300, len(WIDE) - 301, 1], order)

    data = strip(raw)[0]

    assert_same_colours(WIDE, profile_of("jpeg", data))


def test_an_incomplete_profile_is_none() -> None:
    """JPEG: a chunk is missing, so that nobody can read the profile."""
    raw = chunked(WIDE, [300, len(WIDE) - 300], [1])

    data = strip(raw)[0]

    assert "icc_profile" not in Image.open(io.BytesIO(data)).info
    assert b"ICC_PROFILE" not in data


@pytest.mark.parametrize("size", [0, 1])
def test_a_segment_too_short_for_a_chunk_hides_no_profile(size: int) -> None:
    """JPEG: without both numbers it is no chunk, so libjpeg, and every browser, steps over it."""
    raw = samples.saved(SCENE, "JPEG", icc_profile=WIDE)
    at = raw.index(b"\xff\xe2")

    data = strip(raw[:at] + segment(0xE2, b"ICC_PROFILE\0" + bytes(size)) + raw[at:])[0]

    assert_same_colours(WIDE, profile_of("jpeg", data))


@needs_exiftool
@pytest.mark.parametrize("points", [9, 13])
def test_a_profile_longer_than_a_segment_survives(points: int, tmp_path: Path) -> None:
    """JPEG: the tables of an ink profile take more than the 65,519 bytes of one segment; two readers join it again."""
    table = profiles.mft(2, profiles.inks, 4, 3, points)
    profile = profiles.profile({b"A2B0": table}, space=b"CMYK", pcs=b"Lab ", kind=b"prtr")
    raw = samples.saved(SCENE.convert("CMYK"), "JPEG", icc_profile=profile)
    assert len(table) < 65_519 if points == 9 else len(table) > 2 * 65_519

    data = strip(raw)[0]

    found = profile_of("jpeg", data)
    assert_same_colours(profile, found, "CMYK")
    (tmp_path / "clean.jpg").write_bytes(data)
    command = ["exiftool", "-b", "-ICC_Profile", tmp_path / "clean.jpg"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == found
    assert data.count(b"ICC_PROFILE\0") == -(-len(found) // 65_519)


def jxl_head(orientation: int | None) -> bytes:
    """Signature and image header (ISO 18181-1, D.2 and D.3) of SCENE without loss, by value and width in bits."""
    fields = [(0x0AFF, 16), (1, 1), (SCENE.height // 8 - 1, 5), (7, 3), (0, 1)]  # a ratio of 2:1; not all default
    if orientation is None:
        fields += [(0, 1)]
    else:
        fields += [(1, 1), (orientation - 1, 3), (0, 1), (0, 1), (0, 1)]  # no intrinsic size, preview, animation
    fields += [(0, 1), (0, 2), (1, 1), (0, 2), (0, 1), (1, 1)]  # 8 bits, 16-bit buffers, no channels, no XYB, sRGB
    fields += [(1, 1)] if orientation else []  # tone mapping
    fields += [(0, 2), (1, 1)]  # no extensions, default transform
    value = at = 0
    for number, width in fields:
        value |= number << at
        at += width
    return value.to_bytes((at + 7) // 8, "little")


def rotated(name: str, orientation: int) -> bytes:
    """A picture that is stored in another orientation than it is shown in."""
    if name == "jxl":  # ISO 18181-2: viewers obey its codestream, and no Exif block
        plain = samples.saved(SCENE, "JXL", lossless=True)
        assert plain.startswith(jxl_head(None))
        return jxl_head(orientation) + plain[len(jxl_head(None)) :]
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = samples.CANARY.decode()
    options = {"tiffinfo": {274: orientation}} if name == "tiff" else {"exif": exif.tobytes()}
    return samples.saved(SCENE, PILLOW[name], **options, **LOSSLESS.get(name, {}))


def upright(data: bytes) -> np.ndarray:
    """The picture as Pillow shows it, with every orientation of the file obeyed."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")).astype(int)


def expected(orientation: int) -> np.ndarray:
    """SCENE, stored as it is, and shown by the rules of Exif 2.32, 4.6.4 A."""
    by_rule = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }
    image = SCENE
    for step in by_rule.get(orientation, []):
        image = image.transpose(step)
    return np.asarray(image).astype(int)


def assert_shown(data: bytes, orientation: int) -> None:
    """A file shows SCENE in its orientation, but for what a lossy codec changes."""
    seen, wanted = upright(data), expected(orientation)
    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted).mean() < 12


def test_a_wrong_orientation_would_be_seen() -> None:
    """The eight pictures are far from each other, so that none passes for another."""
    for one in UPRIGHT:
        others = [expected(n) for n in UPRIGHT if n != one and expected(n).shape == expected(one).shape]
        assert len(others) == 3
        assert min(np.abs(other - expected(one)).mean() for other in others) > 24


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", PILLOW)
def test_the_orientation_survives(name: str, orientation: int) -> None:
    """The picture stays upright, and what stood beside the orientation is gone."""
    raw = rotated(name, orientation)
    assert_shown(raw, orientation)

    data = strip(raw)[0]

    assert_shown(data, orientation)
    assert samples.CANARY not in data


ATTRIBUTE = b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/>'
ELEMENT = (
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/">'
    b"<tiff:Orientation>%d</tiff:Orientation></rdf:Description>"
)


def packet(form: bytes, orientation: int) -> bytes:
    """An XMP packet that states an orientation, as attribute or as element."""
    return (
        b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        + form % orientation
        + b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


@needs_exiftool
@pytest.mark.parametrize("form", [ATTRIBUTE, ELEMENT], ids=["attribute", "element"])
def test_an_orientation_in_xmp_alone_survives(form: bytes, tmp_path: Path) -> None:
    """JPEG: browsers and editors read it there as well; ExifTool reads the eight files before, and after."""
    before = {f"before{n}.jpg": samples.saved(SCENE, "JPEG", xmp=packet(form, n)) for n in UPRIGHT}
    after = {f"after{n}.jpg": strip(raw)[0] for n, raw in zip(UPRIGHT, before.values(), strict=True)}

    seen = by_exiftool(tmp_path, before | after, "-Orientation", "-XMP:all", "-G")

    for n, old, new in zip(UPRIGHT, seen[:8], seen[8:], strict=True):
        assert old["XMP:Orientation"] == n
        assert new.get("EXIF:Orientation", 1) == n
        assert not any(key.startswith("XMP:") for key in new)
        assert_shown(after[f"after{n}.jpg"], n)


@needs_exiftool
def test_an_orientation_in_exif_survives_for_exiftool(tmp_path: Path) -> None:
    """JPEG: one tag stays where it says something, and it is the right one."""
    files = {f"{n}.jpg": strip(rotated("jpeg", n))[0] for n in UPRIGHT}

    for n, tags in zip(UPRIGHT, by_exiftool(tmp_path, files, "-EXIF:all"), strict=True):
        assert tags == {"SourceFile": tags["SourceFile"]} | ({"Orientation": n} if n > 1 else {})


def test_exif_goes_before_xmp() -> None:
    """JPEG: where both state an orientation, viewers obey Exif, even where it says 1."""
    for in_exif, in_xmp in ((3, 6), (1, 6), (8, 1)):
        exif = Image.Exif()
        exif[0x0112] = in_exif
        raw = samples.saved(SCENE, "JPEG", exif=exif.tobytes(), xmp=packet(ATTRIBUTE, in_xmp))
        assert_shown(raw, in_exif)

        assert_shown(strip(raw)[0], in_exif)
