"""TIFF samples that Pillow leaves out: what comes out, against the numbers that went in."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from rmexif import Policy, codecs, scrub
from rmexif.containers.tiff import TIFF
from rmexif.types import Limits
from tests import samples
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


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
def test_depths_that_are_no_bytes(bits: int, channels: int) -> None:
    """Packed bits, scaled so that full stays full."""
    values = RNG.integers(0, 1 << bits, (HEIGHT, WIDTH, channels))
    spread = values.reshape(HEIGHT, -1, 1) >> np.arange(bits - 1, -1, -1) & 1
    packed = np.packbits(spread.reshape(HEIGHT, -1).astype(np.uint8), axis=1)
    full = 255 if bits <= 8 else 65535

    found = decoded(file(packed[:, :, None], 2 if channels == 3 else 1, 1, bits, channels=channels))

    assert np.abs(found - values * full / ((1 << bits) - 1)).max() <= 0.5


def test_white_is_zero_and_planes() -> None:
    """Inverted; and planes that stand one behind the other."""
    values = RNG.integers(-9, 9, (HEIGHT, WIDTH, 1), np.int16)
    assert np.array_equal(decoded(file(values, 0, 2, 16)), 65535 - decoded(file(values, 1, 2, 16)))
    for kind in ("u1", "<u2"):
        full = np.iinfo(kind).max
        values = RNG.integers(0, full + 1, (HEIGHT, WIDTH, 1)).astype(kind)
        assert np.array_equal(decoded(file(values, 0, 1, 8 * values.itemsize)), full - values)


def test_lab_of_16_bit_looks_as_lab_of_8() -> None:
    """CIELAB and ICCLAB, which has a and b with an offset (TIFF 6.0, section 23)."""
    narrow = np.stack([np.full((HEIGHT, WIDTH), n, np.uint8) for n in (150, 20, 200)], axis=2)
    reference = decoded(file(narrow, 8, 1, 8).replace(b"\x53\x01\x03\0", b"\x54\x01\x03\0"))

    wide = narrow.astype(np.uint16) << 8
    assert np.array_equal(decoded(file(wide.astype("<u2"), 8, 1, 16)), reference)
    offset = narrow ^ np.array([0, 128, 128], np.uint8)
    assert np.array_equal(decoded(file(offset, 9, 1, 8)), reference)


@pytest.mark.parametrize("kind", ["u1", "<u2", "<f4"])
@pytest.mark.parametrize("channels", [2, 4])
def test_colours_multiplied_by_opacity_are_divided_by_it(channels: int, kind: str) -> None:
    """Associated alpha (TIFF 6.0, section 18), and the same picture with the other kind of alpha."""
    plain = RNG.random((HEIGHT, WIDTH, channels)) * 0.6 + 0.4
    multiplied = plain.copy()
    multiplied[:, :, :-1] *= plain[:, :, -1:]
    full = 1 if kind == "<f4" else np.iinfo(kind).max
    sample = 3 if kind == "<f4" else 1
    photometric, bits = (1 if channels == 2 else 2), 8 * np.dtype(kind).itemsize

    for values, meaning in ((plain, 2), (multiplied, 1)):
        numbers = (values * full).round().astype(kind) if full > 1 else values.astype(kind)
        found = decoded(file(numbers, photometric, sample, bits, t338=meaning))
        assert found.shape == plain.shape
        assert np.abs(found / float(np.iinfo(found.dtype).max) - plain).max() < 0.012


def test_alpha_of_a_palette_and_behind_another_sample() -> None:
    """Entries of a colour map with opacity; a sample of no meaning before it."""
    colours = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    values = RNG.integers(1, 256, (HEIGHT, WIDTH, 5), np.uint8)
    head: Fields = {256: (SHORT, (WIDTH,)), 257: (SHORT, (HEIGHT,))}
    map_ = tuple(colours.ravel().tolist())
    indexed = head | {
        258: (SHORT, (8, 8)),
        262: (SHORT, (3,)),
        277: (SHORT, (2,)),
        320: (SHORT, map_),
        338: (SHORT, (2,)),
    }
    five = head | {258: (SHORT, (8,) * 5), 262: (SHORT, (2,)), 277: (SHORT, (5,)), 338: (SHORT, (0, 2))}

    first = decoded(build((indexed, [np.ascontiguousarray(values[:, :, :2]).tobytes()])))
    second = decoded(build((five, [values.tobytes()])))

    assert np.array_equal(first >> 8, np.dstack([colours.T[values[:, :, 0]] >> 8, values[:, :, 1]]))
    assert np.array_equal(second, values[:, :, [0, 1, 2, 4]])


def test_pages_of_several_decoders() -> None:
    """JPEG, which Pillow reads, before 16-bit samples that it shows as a negative."""
    image = Image.fromarray(RNG.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    coded, strips = samples.saved(image, "JPEG"), RNG.integers(0, 65536, (HEIGHT, WIDTH, 1)).astype("<u2")
    head: Fields = {256: (SHORT, (WIDTH,)), 257: (SHORT, (HEIGHT,))}
    jpeg: Fields = head | {258: (SHORT, (8, 8, 8)), 259: (SHORT, (7,)), 262: (SHORT, (6,)), 277: (SHORT, (3,))}
    jpeg |= {530: (SHORT, (2, 2))}
    deep: Fields = head | {258: (SHORT, (16,)), 262: (SHORT, (0,)), 277: (SHORT, (1,))}
    raw = build((jpeg, [coded]), (deep, [strips.tobytes()]))

    first, second = codecs.decode(raw, TIFF.parse(memoryview(raw), Limits())).frames

    assert np.abs(first.pixels[:, :, :3].astype(int) - np.asarray(Image.open(io.BytesIO(coded)))).max() <= 1
    shown = second.pixels[:, :, 0].astype(float) * 65535 / np.iinfo(second.pixels.dtype).max
    assert np.abs(shown - (65535.0 - strips[:, :, 0])).max() <= 257


def test_a_big_endian_file_of_64_bit_offsets() -> None:
    """As OpenCV's libtiff reads it."""
    values = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    fields = [(256, 3, WIDTH), (257, 3, HEIGHT), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 16, 16), (277, 3, 3)]
    fields += [(278, 3, HEIGHT), (279, 16, values.size)]
    at = 16 + values.size
    raw = struct.pack(">2sHHHQ", b"MM", 43, 8, 0, at) + values.tobytes() + struct.pack(">Q", len(fields))
    for tag, kind, number in fields:
        if tag == 258:
            raw += struct.pack(">HHQ4H", tag, kind, 3, 8, 8, 8, 0)
        else:
            raw += struct.pack(">HHQ", tag, kind, 1) + struct.pack(">H6x" if kind == 3 else ">Q", number)
    raw += bytes(8)

    assert np.array_equal(cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1], values)
    assert np.array_equal(decoded(raw), values)
    assert np.array_equal(decoded(scrub(raw, Policy(faces=False, stealth=False))[0]) & 0xFE, values & 0xFE)
