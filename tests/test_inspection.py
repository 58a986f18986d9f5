"""inspect, strip and verify."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess

import pytest

from rmexif import (
    Category,
    InputError,
    LimitExceeded,
    Limits,
    UnknownFormat,
    UnsupportedFeature,
    inspect,
    strip,
    verify,
)
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
    assert verify(data) == []
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
