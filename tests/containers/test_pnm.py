"""Netpbm files: what stays, what goes, and the same pixels in Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rmexif import Policy, inspect, scrub, strip, verify
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import Limits

PAM = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\n# name\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(
    [1, 2, 3, 0, 4, 5, 6, 255]
)


def shown(data: bytes) -> list[list[int]]:
    """Samples as Pillow reads them."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).tolist()


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"P1\n# name\n5 2\n10110\n0 1 0 1 1\n", b"P4\n5 2\n\xb0\x58"),
        (b"P2 3 1 7\n0  3 7", b"P5\n3 1\n7\n\0\3\7"),
        (b"P3\n#name\n1 1 255 1 2 3 tail", b"P6\n1 1\n255\n\1\2\3"),
        (b"P4\n5 2\n\xbf\x59", b"P4\n5 2\n\xb8\x58"),
        (b"P5 2#name\n 1 255\nAB", b"P5\n2 1\n255\nAB"),
        (b"P5\n1 1\n255\nAP5\n1 1\n255\nB", b"P5\n1 1\n255\nA"),
        (b"P6 1 1 31\n\1\x1f\xff", b"P6\n1 1\n31\n\1\x1f\x1f"),
    ],
)
def test_the_picture_alone_stays(raw: bytes, clean: bytes) -> None:
    """Comments, padding, values above the largest one, text and pictures behind the first are gone."""
    data, stats = strip(raw)

    assert data == clean
    assert shown(data) == shown(raw)
    assert verify(raw)
    assert verify(data, canonical=True) == []
    assert stats["findings"]


def test_a_comment_is_found() -> None:
    """By its place and its length."""
    (found,) = [item for item in inspect(b"P5 1 1 # Jane\n255\nA", values=True).findings if "comment" in item.where]

    assert (found.length, found.value) == (6, "# Jane")


def test_pam_keeps_alpha_and_clears_what_nobody_sees() -> None:
    """Colour under opacity 0; lines that say no more than the channels."""
    data, _ = strip(PAM)

    assert data == PAM.replace(b"# name\n", b"").replace(b"\1\2\3\0", bytes(4))
    picture, stats = scrub(PAM, Policy(faces=False, stealth=False, output="png"))
    assert stats["format"] == "pnm"
    assert np.asarray(Image.open(io.BytesIO(picture)))[0, :, 3].tolist() == [0, 255]


def test_deep_samples_stay_deep() -> None:
    """16 bit, scaled from their largest value."""
    data, _ = scrub(b"P5 2 1 4095\n\x0f\xff\0\0", Policy(faces=False, stealth=False))

    assert data == b"P5\n2 1\n65535\n\xff\xff\0\0"


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"P5 2 2 255\nAB", MalformedImage),
        (b"P5 2 x 255\nAB", MalformedImage),
        (b"P5 2 0 255\nAB", MalformedImage),
        (b"P5 1 1 65536\nAB", MalformedImage),
        (b"P5 99999999999 1 255\nAB", MalformedImage),
        (b"P2 2 1 7\n1", MalformedImage),
        (b"P2 1 1 7\n8", MalformedImage),
        (b"P1 2 1\n12", MalformedImage),
        (b"P5 ", MalformedImage),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\nABCDE", UnsupportedFeature),
        (b"P7\nWIDTH 1\nHEIGHT 1\nOWNER Jane\nENDHDR\nA", MalformedImage),
        (b"P7\nWIDTH 1\nENDHDR\nA", MalformedImage),
    ],
)
def test_what_is_not_all_there_is_refused(raw: bytes, error: type[Exception]) -> None:
    """Samples, or the numbers of the header."""
    with pytest.raises(error, match="pnm"):
        strip(raw)


def test_the_limit_comes_from_the_header() -> None:
    """And names the option that changes it."""
    with pytest.raises(LimitExceeded, match="max_pixels: 200 is above the limit of 100; --max-pixels"):
        strip(b"P5 20 10 255\n", limits=Limits(max_pixels=100))
