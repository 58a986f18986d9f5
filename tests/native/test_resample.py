"""Resampling: Keys' formula in floating point, and Pillow, are the judges."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest
from PIL import Image

from rmexif.native import prototypes, resample
from rmexif.native.resample import ONE, Axis
from tests.native import needs_core

build_native = pytest.importorskip("build_native", reason="the build files are not beside the tests")
ENGINES = ["python", pytest.param("native", marks=needs_core)]
RANDOM = np.random.default_rng(3)


@pytest.fixture(params=ENGINES)
def shrink(request):
    return getattr(resample.shrink, request.param)


def keys(distance: np.ndarray) -> np.ndarray:
    """R. Keys, Cubic convolution interpolation for digital image processing (1981), equation 15."""
    s = np.abs(distance)
    near = 1.5 * s**3 - 2.5 * s**2 + 1
    far = -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2
    return np.where(s <= 1, near, np.where(s <= 2, far, 0))


def interpolated(lines: np.ndarray, axis: Axis) -> np.ndarray:
    """The first axis of an array at the positions of an axis, what is outside being as the border."""
    positions = (axis.first + np.arange(axis.output) * float(axis.step)) / ONE
    taps = np.arange(-3, axis.size + 3)
    weights = keys(positions[:, None] - taps[None])
    return np.tensordot(weights, lines[taps.clip(0, axis.size - 1)], 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("width, output", [(400, 396), (97, 96), (33, 33), (60, 31), (5, 4), (1, 1)])
def test_as_the_formula_says(shrink, channels, width, output):
    data = RANDOM.integers(0, 256, (20, width, channels), np.uint8)
    across, down = Axis.between(0, width, width, output), Axis.between(0.2, 19.7, 20, 19)
    out = bytearray(19 * output * channels)
    shrink(data.tobytes(), channels, across, down, out)
    got = np.frombuffer(out, np.uint8).reshape(19, output, channels).astype(float)
    rows = interpolated(data.swapaxes(0, 1).astype(float), across).swapaxes(0, 1).round().clip(0, 255)
    assert np.abs(got - interpolated(rows, down).clip(0, 255)).max() <= 6  # weights are 128ths, of 256 phases
    assert np.abs(got - interpolated(rows, down).clip(0, 255)).mean() < 0.8


def test_as_pillow_scales(shrink):
    picture = Image.fromarray(RANDOM.integers(0, 256, (30, 40, 3), np.uint8)).resize(
        (400, 300), Image.Resampling.BICUBIC
    )
    out = bytearray(396 * 297 * 3)
    shrink(picture.tobytes(), 3, Axis.between(1.5, 399, 400, 396), Axis.between(0, 299.25, 300, 297), out)
    want = picture.resize((396, 297), Image.Resampling.BICUBIC, box=(1.5, 0, 399, 299.25))
    difference = np.abs(np.asarray(want).astype(int) - np.frombuffer(out, np.uint8).reshape(297, 396, 3))
    assert difference.max() <= 3
    assert difference.mean() < 0.6


@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
def test_flat_colour_stays(shrink, value):
    out = bytearray(99 * 49)
    shrink(bytes([value]) * 5000, 1, Axis.between(0.3, 99.9, 100, 99), Axis.between(0, 50, 50, 49), out)
    assert set(out) == {value}


def test_in_place(shrink):
    data = RANDOM.integers(0, 256, 90 * 40 * 3, np.uint8).tobytes()
    across, down = Axis.between(0, 90, 90, 89), Axis.between(0, 40, 40, 39)
    out, both = bytearray(89 * 39 * 3), bytearray(data)
    shrink(data, 3, across, down, out)
    shrink(both, 3, across, down, both)
    assert both[: len(out)] == out


@pytest.mark.parametrize(
    "change",
    [
        {"first": -1},
        {"first": 9 * ONE},
        {"step": ONE - 1},
        {"step": 2 * ONE},
        {"size": 0},
        {"output": 0},
        {"output": 11},
    ],
)
def test_what_is_not_offered_is_refused(shrink, change):
    axis = Axis.between(0, 10, 10, 9)._replace(**change)
    with pytest.raises(ValueError, match="resample"):
        shrink(bytes(200), 1, axis, Axis.between(0, 10, 10, 9), bytearray(200))
    with pytest.raises(ValueError, match="resample"):
        shrink(bytes(99), 1, Axis.between(0, 10, 10, 9), Axis.between(0, 10, 10, 9), bytearray(80))
    with pytest.raises(ValueError, match="resample"):
        shrink(bytes(100), 5, Axis.between(0, 10, 10, 9), Axis.between(0, 2, 2, 2), bytearray(99))


@needs_core
def test_processors_without_avx2_give_the_same_bytes(tmp_path):
    command = build_native.system_compiler()
    if command is None:
        pytest.skip("no C compiler")
    source = build_native.ROOT / build_native.NATIVE / "c" / "resample.c"
    flags = [*build_native.LANGUAGE, *build_native.RELEASE, "-fPIC", "-DRMEXIF_WITHOUT_AVX2"]
    subprocess.run([*command, *flags, "-o", tmp_path / "plain.so", source], check=True)
    plain = ctypes.CDLL(str(tmp_path / "plain.so"))
    for name in ("rmexif_resample_scratch", "rmexif_resample_shrink"):
        getattr(plain, name).restype, getattr(plain, name).argtypes = prototypes.PROTOTYPES[name]
    for width, channels in ((400, 3), (77, 1), (500, 4), (9, 2)):
        data = RANDOM.integers(0, 256, width * 60 * channels, np.uint8).tobytes()
        across, down = Axis.between(0.4, width - 0.1, width, width - max(1, width // 80)), Axis.between(0, 60, 60, 59)
        one, other = (bytearray(across.output * down.output * channels) for _ in range(2))
        resample.shrink.native(data, channels, across, down, one)
        resample._shrink(plain, data, channels, across, down, other)
        assert one == other
