"""JPEG: what the contract cannot know about this format."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rmexif.containers import rebuild
from rmexif.containers.jpeg import JPEG
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.types import Limits, Role
from tests import samples

PLAIN = samples.of("jpeg")["plain"]


def clean(raw: bytes) -> bytes:
    """Parse and rebuild."""
    return rebuild(memoryview(raw), JPEG.parse(memoryview(raw), Limits()))


def roles(raw: bytes) -> dict[str, Role]:
    """Role by kind."""
    return {part.label: part.role for part in JPEG.parse(memoryview(raw), Limits()).parts}


def insert(raw: bytes, segment: bytes, before: bytes = b"\xff\xdb") -> bytes:
    """``raw`` with a segment in front of the first marker ``before``."""
    at = raw.index(before)
    return raw[:at] + segment + raw[at:]


def test_a_plain_encoder_output_is_left_as_it_is() -> None:
    """libjpeg's own order and headers are the canonical ones."""
    assert clean(PLAIN) == PLAIN


@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE])
def test_every_application_segment_and_comment_goes(marker: int) -> None:
    """No APPn and no COM is on the allow-list by its number."""
    raw = insert(PLAIN, bytes([0xFF, marker, 0, 10]) + b"CANARY\0\0")

    assert clean(raw) == PLAIN


def test_bytes_between_segments_and_after_the_end_go() -> None:
    """Fill bytes, stray bytes and trailers are parts, and no part of the picture."""
    raw = insert(PLAIN, b"stray\xff\xff\xff") + b"PK\x03\x04trailer"

    assert roles(raw)["gap"] is Role.GAP
    assert roles(raw)["trailer"] is Role.TRAILER
    assert clean(raw) == PLAIN


def test_unused_tables_go() -> None:
    """A quantisation or Huffman table in a slot that no component names carries anything but the picture."""
    spare = b"\xff\xdb\x00\x43\x03" + bytes(range(1, 65))
    huffman = b"\xff\xc4\x00\x16\x13" + bytes([0, 3] + [0] * 14) + b"\x42\x43\x44"

    raw = insert(insert(PLAIN, spare), huffman)

    assert roles(raw)["DQT (unused)"] is Role.UNKNOWN
    assert clean(raw) == PLAIN


def test_surplus_before_a_restart_goes() -> None:
    """Bytes between the last code of a restart interval and its marker are shown to nobody."""
    raw = samples.saved(samples.picture(), "JPEG", restart_marker_blocks=2)
    at = raw.index(b"\xff\xd0", raw.index(b"\xff\xda"))

    assert clean(raw[:at] + b"CANARY" + raw[at:]) == clean(raw)


@pytest.mark.parametrize("progressive", [False, True])
def test_surplus_after_the_last_code_goes(progressive: bool) -> None:
    """The same at the end of the last scan, sequential and progressive."""
    raw = samples.saved(samples.picture(131, 77), "JPEG", progressive=progressive)

    assert clean(raw[:-2] + b"CANARY" + raw[-2:]) == clean(raw) == raw


def test_padding_bits_are_ones() -> None:
    """T.81, F.1.2.3: the bits after the last code are ones; zeros there would be a place to write."""
    raw = bytearray(PLAIN)
    for bit in range(8):
        if raw[-3] >> bit & 1:
            raw[-3] ^= 1 << bit
            break
    try:
        before = np.asarray(Image.open(io.BytesIO(bytes(raw))))
    except OSError:
        pytest.skip("the last bit of this picture is no padding")
    if np.array_equal(before, np.asarray(Image.open(io.BytesIO(PLAIN)))):
        assert clean(bytes(raw)) == PLAIN


def test_a_second_picture_after_the_end_is_a_trailer() -> None:
    """MPF, gain maps and motion photos hang a second file behind the first."""
    assert clean(PLAIN + PLAIN) == PLAIN


def test_adobe_segment_is_cut_to_its_transform() -> None:
    """Without APP14 the colours of RGB, CMYK and YCCK files break; beyond its 12 bytes it carries what one likes."""
    raw = samples.of("jpeg")["cmyk"]
    at = raw.index(b"\xff\xee")
    dirty = raw[:at] + b"\xff\xee\x00\x14Adobe\x00\x64CA\x00\x00" + raw[at + 15 : at + 16] + b"NARY!!" + raw[at + 16 :]

    assert b"NARY" not in clean(dirty)
    before, after = (np.asarray(Image.open(io.BytesIO(data))) for data in (raw, clean(dirty)))
    assert np.array_equal(before, after)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_survives_as_one_tag(orientation: int) -> None:
    """The picture stays upright by an Exif block of one tag, and by none where there is nothing to say."""
    raw = samples.saved(samples.picture(), "JPEG", exif=samples.exif(orientation))

    data = clean(raw)

    assert Image.open(io.BytesIO(data)).getexif().get(0x0112, 1) == orientation
    assert len(Image.open(io.BytesIO(data)).getexif()) == (orientation != 1)
    assert samples.CANARY not in data


def test_profile_in_several_chunks_is_joined() -> None:
    """ICC.1, B.4: chunks are numbered and may come in any order."""
    whole = samples.saved(samples.picture(), "JPEG", icc_profile=samples.profile())
    half = len(samples.profile()) // 2
    parts = [samples.profile()[:half], samples.profile()[half:]]
    chunks = [
        b"\xff\xe2" + (len(part) + 16).to_bytes(2, "big") + b"ICC_PROFILE\0" + bytes([n, 2]) + part
        for n, part in enumerate(parts, 1)
    ]

    assert clean(insert(PLAIN, chunks[1] + chunks[0])) == clean(whole)


@pytest.mark.parametrize("damage", ["cut", "no-sof", "no-eoi", "length"])
def test_broken_files_are_refused(damage: str) -> None:
    """What a decoder would guess at is refused, with the structure and its place."""
    sof = PLAIN.index(b"\xff\xc0")
    raw = {
        "cut": PLAIN[: len(PLAIN) // 2],
        "no-sof": PLAIN[:sof] + PLAIN[sof + 19 :],
        "no-eoi": PLAIN[:-2],
        "length": insert(PLAIN, b"\xff\xe5\x00\x01"),
    }[damage]

    with pytest.raises(MalformedImage, match="jpeg"):
        JPEG.parse(memoryview(raw), Limits())


def test_hierarchical_coding_is_refused() -> None:
    """No common decoder shows it."""
    with pytest.raises(UnsupportedFeature, match="hierarchical"):
        JPEG.parse(memoryview(insert(PLAIN, b"\xff\xde\x00\x0b" + bytes(9))), Limits())


def test_a_damaged_scan_is_said_to_be_copied() -> None:
    """Where no walk comes to the end of a scan, nobody can tell what lies behind its damage."""
    scan = PLAIN.index(b"\xff\xda") + 14
    short = PLAIN[: (scan + len(PLAIN)) // 2].rstrip(b"\xff") + b"\xff\xd9"

    whole, broken = (JPEG.parse(memoryview(raw), Limits()) for raw in (PLAIN, short))

    assert "jpeg-entropy-slack" not in whole.residuals
    assert "jpeg-entropy-slack" in broken.residuals
    assert clean(short) == short
