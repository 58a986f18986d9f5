"""Colour and orientation survive ``strip``, in every format that has them; judged by Pillow, LittleCMS and ExifTool."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from rmexif import Policy, Scrubber, inspect, strip, verify
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
PLAIN = Policy(faces=False, stealth=False)

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
    assert {row.format.name for row in FORMATS} == {*PILLOW, "bmp", "gif", "pnm"}  # the last three have no orientation


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
def test_an_orientation_in_xmp_alone_turns_nothing(form: bytes, tmp_path: Path) -> None:
    """JPEG: ExifTool reads it there, but Chromium shows the picture as it is stored, and so does the clean file."""
    before = {f"before{n}.jpg": samples.saved(SCENE, "JPEG", xmp=packet(form, n)) for n in UPRIGHT}
    after = {f"after{n}.jpg": strip(raw)[0] for n, raw in zip(UPRIGHT, before.values(), strict=True)}

    seen = by_exiftool(tmp_path, before | after, "-Orientation", "-XMP:all", "-G")

    for n, old, new in zip(UPRIGHT, seen[:8], seen[8:], strict=True):
        assert old["XMP:Orientation"] == n
        assert new == {"SourceFile": new["SourceFile"]}
        assert inspect(before[f"before{n}.jpg"]).orientation == 1
        assert_shown(after[f"after{n}.jpg"], 1)


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


def exif_of_one(field_type: int, count: int, value: bytes) -> bytes:
    """A big-endian TIFF block whose only entry is an orientation; a long value stands behind the IFD."""
    head = b"MM\0*" + struct.pack(">IHHHI", 8, 1, 274, field_type, count)
    return head + (value.ljust(4, b"\0") + bytes(4) if len(value) <= 4 else struct.pack(">II", 26, 0) + value)


STORED_AS = {  # TIFF 6.0, section 2: field type, number of values, value
    "byte": (1, 1, b"\6"),
    "ascii": (2, 2, b"6\0"),
    "short": (3, 1, b"\0\6"),
    "long": (4, 1, b"\0\0\0\6"),
    "rational": (5, 1, struct.pack(">II", 12, 2)),
    "sbyte": (6, 1, b"\6"),
    "undefined": (7, 1, b"\6"),
    "sshort": (8, 1, b"\0\6"),
    "slong": (9, 1, b"\0\0\0\6"),
    "srational": (10, 1, struct.pack(">ii", -6, -1)),
    "float": (11, 1, struct.pack(">f", 6)),
    "double": (12, 1, struct.pack(">d", 6)),
}
NO_ORIENTATION = {
    "fraction": (5, 1, struct.pack(">II", 13, 2)),
    "divided by zero": (5, 1, struct.pack(">II", 6, 0)),
    "infinite": (11, 1, struct.pack(">f", float("inf"))),
    "negative": (9, 1, struct.pack(">i", -6)),
    "nine": (3, 1, b"\0\x09"),
    "letters": (2, 4, b"top\0"),
    "empty": (3, 0, b"\0\6"),
    "no type": (99, 1, b"\0\6"),
}


@needs_exiftool
def test_an_orientation_of_another_type_is_read_as_exiftool_reads_it(tmp_path: Path) -> None:
    """JPEG: Exif asks for SHORT, some writers take another type; the clean file states the same as SHORT."""
    blocks = {name: exif_of_one(*stored) for name, stored in (STORED_AS | NO_ORIENTATION).items()}
    before = {f"{name}.jpg": samples.saved(SCENE, "JPEG", exif=b"Exif\0\0" + block) for name, block in blocks.items()}
    after = {f"clean {name}": strip(raw)[0] for name, raw in before.items()}

    seen = by_exiftool(tmp_path, before | after, "-Orientation")

    for name, old, new in zip(blocks, seen[: len(blocks)], seen[len(blocks) :], strict=True):
        assert (old.get("Orientation") == 6) is (name in STORED_AS)
        assert new.get("Orientation", 1) == (6 if name in STORED_AS else 1), name
        assert_shown(after[f"clean {name}.jpg"], 6 if name in STORED_AS else 1)


@needs_exiftool
def test_any_byte_pads_the_identifier_of_exif(tmp_path: Path) -> None:
    """JPEG (Exif 2.32, 4.7.2): Chromium and ExifTool read the block whatever the sixth byte; what leaves has zero."""
    raw = samples.saved(SCENE, "JPEG", exif=b"Exif\0\0" + exif_of_one(3, 1, b"\0\6"))
    padded = raw.replace(b"Exif\0\0", b"Exif\0\xff")
    assert by_exiftool(tmp_path, {"padded.jpg": padded}, "-Orientation")[0]["Orientation"] == 6

    data = strip(padded)[0]

    assert_shown(data, 6)
    assert data == strip(raw)[0]
    one_tag = data.replace(b"Exif\0\0", b"Exif\0\xff")  # not clean all the same
    assert [finding.where.split("/")[0] for finding in inspect(one_tag).findings] == ["APP1"]
    assert not inspect(data).findings
    assert verify(one_tag)
    clean, _ = Scrubber(padded, PLAIN).process()
    assert_shown(clean, 6)
    assert not Image.open(io.BytesIO(clean)).getexif()


def test_exif_behind_the_first_scan_turns_nothing() -> None:
    """JPEG: decoders have read their header by then."""
    raw = samples.saved(SCENE, "JPEG", progressive=True)
    at = raw.index(b"\xff\xda", raw.index(b"\xff\xda") + 2)
    late = raw[:at] + segment(0xE1, b"Exif\0\0" + exif_of_one(3, 1, b"\0\6")) + raw[at:]

    assert_shown(late, 1)
    assert strip(late)[0] == strip(raw)[0]


def dcf(index: str = "R03", colour_space: int = 0xFFFF, mode: str = "RGB", **options: bytes) -> bytes:
    """A JPEG whose Exif block states a colour space by DCF 2.0, as cameras write it."""
    exif = Image.Exif()
    exif[0x010F] = samples.CANARY.decode()
    exif[0x8769] = {0xA001: colour_space, 0xA005: {1: index, 2: b"0100"}}
    return samples.saved(SCENE.convert(mode), "JPEG", quality=95, exif=exif.tobytes(), **options)


@needs_exiftool
def test_adobe_rgb_by_exif_alone_survives(tmp_path: Path) -> None:
    """JPEG: strip gives the clean profile and scrub converts; the judge is LittleCMS with a profile of our own."""
    raw = dcf()
    tags = by_exiftool(tmp_path, {"raw.jpg": raw}, "-InteropIndex", "-ColorSpace")[0]
    assert (tags["InteropIndex"], tags["ColorSpace"]) == ("R03", 0xFFFF)
    source = ImageCms.ImageCmsProfile(io.BytesIO(WIDE))
    pixels = Image.open(io.BytesIO(raw))
    wanted = np.asarray(ImageCms.profileToProfile(pixels, source, ImageCms.createProfile("sRGB"), 1)).astype(int)
    assert np.abs(wanted - np.asarray(pixels).astype(int)).mean() > 6  # the loss would be seen

    data = strip(raw)[0]

    assert_same_colours(WIDE, profile_of("jpeg", data))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(pixels))
    assert samples.CANARY not in data and not Image.open(io.BytesIO(data)).getexif()
    assert verify(raw) and not verify(data) and strip(data)[0] == data
    clean = Image.open(io.BytesIO(Scrubber(raw, PLAIN).process()[0]))
    assert "icc_profile" not in clean.info
    assert np.abs(np.asarray(clean).astype(int) - wanted).mean() < 3


@pytest.mark.parametrize(
    "raw",
    [dcf("R98"), dcf("THM"), dcf(colour_space=1), dcf(mode="L"), dcf(mode="CMYK"), dcf().replace(b"R03\0", b"R03C")],
    ids=["R98", "thumbnail", "sRGB", "grey", "CMYK", "longer"],
)
def test_what_does_not_state_adobe_rgb_gets_no_profile(raw: bytes) -> None:
    """JPEG: both tags have to say so, of a picture in three colours."""
    assert "icc_profile" not in Image.open(io.BytesIO(strip(raw)[0])).info


def test_an_embedded_profile_goes_before_exif() -> None:
    """JPEG: the profile is more exact than the tags, unless nobody can read it."""
    assert_same_colours(SRGB, profile_of("jpeg", strip(dcf(icc_profile=SRGB))[0]))
    broken = dcf(icc_profile=b"no profile at all")
    assert_same_colours(WIDE, profile_of("jpeg", strip(broken)[0]))
    assert any(finding.where.startswith("APP2/ICC") for finding in inspect(broken).findings)


def test_an_exif_block_cut_anywhere_is_no_fault() -> None:
    """JPEG: with every length of its block the picture is cleaned; the colours are Adobe RGB while both tags stand."""
    raw = dcf()
    at = raw.index(b"\xff\xe1")
    end = at + 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
    found = []
    for size in range(end - at - 4):
        data = strip(raw[:at] + segment(0xE1, raw[at + 4 : at + 4 + size]) + raw[end:])[0]
        found.append("icc_profile" in Image.open(io.BytesIO(data)).info)
    assert not found[0] and found[-1]
    assert found == sorted(found)


def behind_idat() -> bytes:
    """A PNG with its Exif block behind the picture."""
    raw = samples.saved(SCENE, "PNG")
    body = b"eXIf" + exif_of_one(3, 1, b"\0\6")
    late = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return raw[:-12] + late + raw[-12:]


RULES = {name: (rotated(name, 6), 6) for name in PILLOW} | {  # the table in docs/formats.md
    "jpeg, XMP alone": (samples.saved(SCENE, "JPEG", xmp=packet(ATTRIBUTE, 6)), 1),
    "png, behind IDAT": (behind_idat(), 1),
}


@pytest.mark.parametrize("case", RULES)
def test_strip_and_scrub_follow_one_rule(case: str) -> None:
    """What strip leaves to the viewer, scrub has done."""
    raw, orientation = RULES[case]

    assert_shown(strip(raw)[0], orientation)
    clean = Scrubber(raw, PLAIN).process()[0]
    assert_shown(clean, orientation)
    assert Image.open(io.BytesIO(clean)).getexif().get(0x0112, 1) == 1
