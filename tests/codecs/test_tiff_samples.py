"""TIFF samples that Pillow leaves out: what comes out, against the numbers that went in."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from rmexif import Policy, codecs, scrub
from rmexif.containers.tiff import TIFF
from rmexif.types import Limits
from tests.containers.test_tiff import Fields, build

WIDTH, HEIGHT = 16, 8
SHORT = 3
RNG = np.random.default_rng(4)


def file(values: np.ndarray, photometric: int, kind: int, bits: int, **more: int) -> bytes:
    """An uncompressed TIFF of H x W x C numbers; ``kind`` is SampleFormat."""
    count = more.pop("channels", values.shape[2])
    fields: Fields = {
        256: (SHORT, (WIDTH,)),
        257: (SHORT, (HEIGHT,)),
        258: (SHORT, (bits,) * count),
        262: (SHORT, (photometric,)),
        277: (SHORT, (count,)),
        339: (SHORT, (kind,) * count),
    }
    fields |= {int(tag[1:]): (SHORT, (number,)) for tag, number in more.items()}
    return build((fields, [values.tobytes()]))


def decoded(raw: bytes) -> np.ndarray[Any, Any]:
    """What the codecs make of a file."""
    return codecs.decode(raw, TIFF.parse(memoryview(raw), Limits())).frames[0].pixels


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["<i2", "<i4", "<i8", "<u4", "<u8", "<f2", "<f4", "<f8", "i1"])
def test_numbers_without_a_scale_are_shown_from_least_to_most(kind: str, channels: int) -> None:
    """Signed and wide integers, and floats beyond 0 to 1."""
    dtype = np.dtype(kind)
    values = (RNG.random((HEIGHT, WIDTH, channels)) * 200 - (0 if dtype.kind == "u" else 100)).astype(dtype)
    low, high = float(values.min()), float(values.max())
    expected = np.rint((values.astype(np.float64) - low) / (high - low) * 65535)
    raw = file(values, 2 if channels == 3 else 1, {"u": 1, "i": 2, "f": 3}[dtype.kind], 8 * dtype.itemsize)

    assert np.abs(decoded(raw).astype(float) - expected).max() <= 1
    assert scrub(raw, Policy(faces=False))[1]["format"] == "tiff"


def test_floats_between_0_and_1_are_as_they_are() -> None:
    """By OpenCV too, which writes the predictor of floats."""
    values = (RNG.random((HEIGHT, WIDTH, 3)) * 0.5 + 0.2).astype(np.float32)
    settings = [cv2.IMWRITE_TIFF_COMPRESSION, 8, cv2.IMWRITE_TIFF_PREDICTOR, 3]
    written = cv2.imencode(".tif", values[:, :, ::-1], settings)[1].tobytes()

    for raw in (file(values, 2, 3, 32), written):
        assert np.abs(decoded(raw) - values * 65535.0).max() <= 1


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
def test_depths_that_are_no_bytes(bits: int) -> None:
    """Packed bits, scaled so that full stays full."""
    values = RNG.integers(0, 1 << bits, (HEIGHT, WIDTH, 3))
    spread = values.reshape(HEIGHT, -1, 1) >> np.arange(bits - 1, -1, -1) & 1
    packed = np.packbits(spread.reshape(HEIGHT, -1).astype(np.uint8), axis=1)
    full = 255 if bits <= 8 else 65535

    found = decoded(file(packed[:, :, None], 2, 1, bits, channels=3))

    assert np.abs(found - values * full / ((1 << bits) - 1)).max() <= 0.5


def test_white_is_zero_and_planes() -> None:
    """Inverted; and planes that stand one behind the other."""
    values = RNG.integers(-9, 9, (HEIGHT, WIDTH, 1), np.int16)
    assert np.array_equal(decoded(file(values, 0, 2, 16)), 65535 - decoded(file(values, 1, 2, 16)))


def test_lab_of_16_bit_looks_as_lab_of_8() -> None:
    """CIELAB and ICCLAB, which has a and b with an offset (TIFF 6.0, section 23)."""
    narrow = np.stack([np.full((HEIGHT, WIDTH), n, np.uint8) for n in (150, 20, 200)], axis=2)
    reference = decoded(file(narrow, 8, 1, 8).replace(b"\x53\x01\x03\0", b"\x54\x01\x03\0"))

    wide = narrow.astype(np.uint16) << 8
    assert np.array_equal(decoded(file(wide.astype("<u2"), 8, 1, 16)), reference)
    offset = narrow ^ np.array([0, 128, 128], np.uint8)
    assert np.array_equal(decoded(file(offset, 9, 1, 8)), reference)
