"""inspect, strip and verify."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from rmexif import (
    Category,
    InputError,
    LimitExceeded,
    Limits,
    Policy,
    Scrubber,
    UnknownFormat,
    UnsupportedFeature,
    inspect,
    scrub,
    strip,
    verify,
)
from rmexif.containers.declared import declared_pixels
from tests import samples


def test_inspect_names_what_exiftool_finds(astronaut: bytes) -> None:
    """Place, camera, person, dates and thumbnail of the photograph that the project ships."""
    found = inspect(astronaut, values=True)

    categories = {finding.category for finding in found.findings}
    assert {Category.LOCATION, Category.DEVICE, Category.PERSON, Category.TIME, Category.EMBEDDED_IMAGE} <= categories
    values = " ".join(finding.value or "" for finding in found.findings)
    assert "28.57" in values and "-80.64" in values
    assert "Example Camera Works" in values
    assert "0012345678" in values
    json.dumps(found.as_dict())


def test_values_only_on_request(astronaut: bytes) -> None:
    """Without being asked, no value is in the report."""
    text = json.dumps(inspect(astronaut).as_dict()) + json.dumps(strip(astronaut)[1])

    for value in ("28.57", "80.64", "Example Camera", "0012345678", "Photographer", "Merritt"):
        assert value not in text


def test_strip_stats(astronaut: bytes) -> None:
    """Hashes are of what came in and what went out."""
    data, stats = strip(astronaut)

    assert stats["original_hash"] == hashlib.sha256(astronaut).hexdigest()
    assert stats["new_hash"] == hashlib.sha256(data).hexdigest()
    assert verify(data, canonical=True) == []
    assert {row["code"] for row in stats["residuals"]} >= {"pixels", "jpeg-quantisation-tables"}


@pytest.mark.skipif(not shutil.which("exiftool"), reason="ExifTool is not installed")
def test_exiftool_finds_nothing_after_strip(astronaut: bytes) -> None:
    """The independent judge: no Exif, GPS, XMP, IPTC, comment or thumbnail is left."""
    answer = subprocess.run(
        ["exiftool", "-j", "-G1", "-a", "-"], input=strip(astronaut)[0], capture_output=True, check=True
    )

    groups = {key.split(":")[0] for key in json.loads(answer.stdout)[0] if ":" in key}
    assert groups <= {"ExifTool", "System", "File", "JFIF", "Composite"}
    assert "File:Comment" not in json.loads(answer.stdout)[0]


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_any_bytes_like_is_taken(wrap: type) -> None:
    """bytes, bytearray and memoryview are alike."""
    raw = samples.of("jpeg")["plain"]

    assert strip(wrap(raw))[0] == strip(raw)[0]


@pytest.mark.parametrize("wrong", ["a path", 7, None, ["list"]])
def test_anything_else_is_a_type_error(wrong: object) -> None:
    """A path is not an image."""
    with pytest.raises(TypeError, match="bytes"):
        strip(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", UnknownFormat),
        (b"hello, world", UnknownFormat),
        (b"%PDF-1.7", UnsupportedFeature),
        (b"8BPS\0\1", UnsupportedFeature),
        (b"\xff\xd8\xff\xe0" + bytes(64), InputError),
    ],
)
@pytest.mark.parametrize("call", [strip, inspect, verify])
def test_what_is_no_image_is_refused(raw: bytes, error: type, call: object) -> None:
    """By all three, with the same error."""
    with pytest.raises(error):
        call(raw)  # type: ignore[operator]


def test_byte_limit() -> None:
    """A file above the limit is refused unread."""
    with pytest.raises(LimitExceeded, match="max_bytes"):
        strip(bytes(11), limits=Limits(max_bytes=10))


def test_messages_carry_no_values() -> None:
    """An error quotes structures and offsets, not what the file says."""
    raw = samples.of("jpeg")["baseline"]

    with pytest.raises(InputError) as caught:
        strip(raw[: len(raw) // 2])

    assert samples.CANARY.decode() not in str(caught.value)


def bombs(count: int) -> bytes:
    """A PNG with so many XMP packets of 1 MiB that are small in the file."""
    from tests.containers.builders_png import chunk, png

    text = zlib.compress(b"<x:xmpmeta>" + b" " * (1 << 20), 9)
    return png(*[chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + text)] * count)


def test_readers_of_xmp_share_a_count_of_tags() -> None:
    """A tag of a few bytes takes as long to read as one that says much."""
    texts = PngImagePlugin.PngInfo()
    for _ in range(3):
        packet = samples.xmp().replace(b"</rdf:RDF>", b'<a b="c"/>' * 1000 + b"</rdf:RDF>")
        texts.add_itxt("XML:com.adobe.xmp", packet.decode())
    raw = samples.saved(samples.picture(), "PNG", pnginfo=texts)
    found = {}
    for limit in (1, 3000, 100_000):
        places = [item.where for item in inspect(raw, limits=Limits(max_metadata_tags=limit)).findings]
        found[limit] = sum("beyond the limit" in where for where in places)

    assert found[1] > found[3000] >= 1
    assert found[100_000] == 0
    assert verify(strip(raw, limits=Limits(max_metadata_tags=1))[0], canonical=True) == []


@pytest.mark.parametrize("name", ["max_unpacked_bytes", "max_metadata_bytes"])
def test_readers_of_metadata_share_a_budget(name: str) -> None:
    """What is beyond it is counted, not read, and no file is refused for it; strip takes all of it away."""
    raw = bombs(12)
    places = {
        limit: [item.where for item in inspect(raw, limits=Limits(**{name: limit})).findings]
        for limit in (1, 4 << 20, 1 << 30)
    }
    read = {limit: sum("beyond the limit" not in where for where in found) for limit, found in places.items()}

    assert read[1] <= 1  # the first byte of the first
    assert 0 < read[4 << 20] < 12
    assert read[1 << 30] == 12
    assert verify(strip(raw, limits=Limits(**{name: 1}))[0], canonical=True) == []


def test_what_a_small_file_may_decode_to() -> None:
    """A flat picture of 400 MP is some KB; each limit alone refuses it to scrub, and a byte more explains 64 decoded."""
    limits = Limits(max_flat_bytes=1000, max_flat_pixels=1000)

    limits.check_flat(1000 + 64 * 10, 1000 + 100 * 10, 10)
    for decoded, pixels in ((1001 + 64 * 10, 0), (0, 1001 + 100 * 10)):
        with pytest.raises(LimitExceeded, match="max_flat"):
            limits.check_flat(decoded, pixels, 10)
    flat = samples.saved(Image.new("L", (3000, 3000)), "PNG")
    with pytest.raises(LimitExceeded, match="max_flat_bytes"):
        scrub(flat, Policy(limits=Limits(max_flat_bytes=4_000_000)))
    assert strip(flat)


def test_frames_count_more_than_stills() -> None:
    """Each has to be searched and encoded by itself, however small; formats that are held at once count all of them."""
    frames = [Image.new("L", (9, 9), number) for number in range(20)]
    many = samples.saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    held = samples.saved(
        Image.new("RGB", (300, 200)), "AVIF", save_all=True, append_images=[Image.new("RGB", (300, 200), "red")]
    )

    with pytest.raises(LimitExceeded, match=f"max_flat_pixels: {20 * 393216 - 100 * len(many)} "):
        scrub(many, Policy(limits=Limits(max_flat_pixels=1_000_000)))
    assert scrub(many, Policy(limits=Limits(max_flat_pixels=20 * 393216)))
    with pytest.raises(LimitExceeded, match="max_flat_bytes"):
        scrub(held, Policy(limits=Limits(max_flat_bytes=300 * 200 * 3 + 1)))


def test_a_pixel_of_avif_counts_four_bytes() -> None:
    """Its encoder takes so many for grey, too: 1.6 GB for 64 MP."""
    grey = samples.saved(Image.new("L", (300, 200)), "AVIF")
    most = 4 * 300 * 200 - 64 * len(grey)

    assert scrub(grey, Policy(limits=Limits(max_flat_bytes=most)))
    with pytest.raises(LimitExceeded, match="max_flat_bytes"):
        scrub(grey, Policy(limits=Limits(max_flat_bytes=most - 1)))
    assert scrub(grey, Policy(limits=Limits(max_flat_bytes=most - 1), output="webp"))


def _flat(extension: str, channels: int, kind: type, *settings: int) -> bytes:
    """300 x 200 px of one colour, by OpenCV."""
    pixels = np.full((200, 300, channels), 9, kind)
    return bytes(cv2.imencode(extension, pixels, settings)[1])


@pytest.mark.parametrize(
    ("raw", "channels", "sample_bytes"),
    [
        (_flat(".png", 1, np.uint8), 1, 1),
        (_flat(".png", 3, np.uint16), 3, 2),
        (_flat(".png", 4, np.uint16), 4, 2),
        (_flat(".tif", 3, np.uint16, cv2.IMWRITE_TIFF_COMPRESSION, 8), 3, 2),
        (_flat(".tif", 1, np.float32, cv2.IMWRITE_TIFF_COMPRESSION, 8), 1, 4),
        (_flat(".pgm", 1, np.uint16), 1, 2),
        (_flat(".avif", 3, np.uint16, cv2.IMWRITE_AVIF_DEPTH, 10), 3, 2),
        (_flat(".avif", 3, np.uint8), 4, 1),  # as its encoder holds it
        (samples.saved(Image.new("P", (300, 200)), "PNG", transparency=0), 4, 1),
        (samples.saved(Image.new("I;16", (300, 200)), "JPEG2000"), 1, 2),
        (samples.saved(Image.new("RGB", (300, 200)), "JPEG2000"), 3, 2),  # OpenJPEG holds samples of 32 bits
    ],
)
def test_a_decoded_frame_is_measured_in_bytes(raw: bytes, channels: int, sample_bytes: int) -> None:
    """16 bits a sample take twice the room, and channels that a file does not have take none."""
    size = 300 * 200 * channels * sample_bytes - 64 * len(raw)

    assert Scrubber(raw, Policy(limits=Limits(max_flat_bytes=size))).dry_run()
    with pytest.raises(LimitExceeded, match=f"max_flat_bytes: {size} "):
        Scrubber(raw, Policy(limits=Limits(max_flat_bytes=size - 1))).dry_run()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "JPEG", "WEBP", "AVIF"])
def test_the_declared_size(kind: str) -> None:
    """Of files of Pillow's, cut anywhere; of the rest 0."""
    raw = samples.saved(Image.new("RGB", (300, 200)), kind)

    assert declared_pixels(raw) == 300 * 200
    assert all(declared_pixels(raw[:end]) in (0, 300 * 200) for end in range(len(raw)))
    assert declared_pixels(b"hello") == 0


def test_the_declared_size_of_webp_that_is_lossless_or_has_alpha() -> None:
    """VP8L and VP8X keep it elsewhere."""
    for image in (Image.new("RGB", (300, 200)), Image.new("RGBA", (300, 200), (1, 2, 3, 4))):
        for lossless in (True, False):
            assert declared_pixels(samples.saved(image, "WEBP", lossless=lossless)) == 300 * 200
