"""Colour by numbers: curves, primaries and matrices against the standards that define them."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image, ImageCms

from rmexif.raster import colour
from rmexif.raster.colour import to_srgb
from rmexif.types import Colour, Frame, Raster
from tests.containers import profiles

# ITU-T H.273 (07/2024), table 2: white, red, green, blue.
H273 = {
    1: (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),
    5: (0.3127, 0.3290, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
# Linear Display P3 to linear sRGB, as CSS Color 4 publishes the two matrices, multiplied.
P3_TO_SRGB = np.array([[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09827]])
RAMP = np.linspace(0, 1, 256)


def pq_code(nits: float) -> float:
    """SMPTE ST 2084, 5.2: the inverse of the curve that the code under test computes."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    y = (nits / 10000) ** m1
    return float(((c1 + c2 * y) / (1 + c3 * y)) ** m2)


def hlg_code(light: float) -> float:
    """ITU-R BT.2100, table 5: the OETF, the inverse of the curve that the code under test computes."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * math.log(4 * a)
    return math.sqrt(3 * light) if light <= 1 / 12 else a * math.log(12 * light - b) + c


def srgb_code(light: float) -> float:
    """IEC 61966-2-1."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def converted(pixels: np.ndarray, **about: object) -> np.ndarray:
    """Pixels in sRGB."""
    return to_srgb(Raster((Frame(pixels),), colour=Colour(**about))).frames[0].pixels


@pytest.mark.parametrize("code", H273)
def test_primaries_are_those_of_h273(code: int) -> None:
    """Every code point that is not shown as sRGB."""
    assert colour.CICP_PRIMARIES.get(code, colour.SRGB) == pytest.approx(H273[code], abs=1e-9)


def test_transfers_are_those_of_h273() -> None:
    """Table 3, with the display curve of BT.1886 for the television codes; what is missing is shown as sRGB."""
    television = dict.fromkeys((1, 6, 11, 14, 15), 2.4)
    others = {4: 2.2, 5: 2.8, 7: "smpte-240m", 8: "linear", 16: "pq", 17: "st-428", 18: "hlg"}
    assert television | others == colour.CICP_TRANSFER


# What Chromium 156 shows of PNG files with a cICP chunk: RGB codes 0 to 255, and the sRGB codes on the screen.
COLOURS = [[200, 100, 50], [180, 120, 140], [120, 160, 200], [200, 210, 160], [255, 128, 128], [128, 255, 255]]
GREYS = list(range(0, 256, 32))
CHROMIUM = {
    (9, 16): [[255, 0, 0], [255, 0, 123], [0, 137, 255], [197, 255, 75], [255, 0, 0], [0, 255, 255]],
    (12, 16): [[255, 0, 0], [255, 74, 132], [25, 136, 255], [210, 255, 84], [255, 0, 0], [0, 255, 255]],
    (1, 16): [[255, 51, 8], [255, 97, 140], [66, 138, 255], [220, 255, 114], [255, 33, 33], [25, 255, 255]],
    (9, 18): [[230, 48, 17], [184, 84, 113], [42, 138, 197], [186, 216, 124], [255, 0, 71], [0, 255, 255]],
    (9, 1): [[239, 63, 5], [204, 101, 135], [56, 159, 202], [193, 209, 147], [255, 85, 117], [0, 255, 255]],
    (4, 13): [[232, 93, 30], [200, 120, 140], [84, 164, 203], [199, 207, 156]],
    (8, 13): [[222, 92, 32], [195, 116, 140], [101, 161, 203], [197, 211, 155]],
    (11, 13): [[211, 93, 32], [187, 117, 141], [112, 161, 204], [198, 211, 154]],
    (22, 13): [[202, 102, 49], [181, 122, 140], [119, 161, 200], [200, 208, 160]],
}
CHROMIUM_GREYS = {
    1: [0, 20, 54, 87, 121, 155, 189, 222],
    4: [0, 26, 62, 96, 129, 161, 193, 225],
    5: [0, 10, 40, 72, 106, 142, 179, 217],
    7: [0, 50, 81, 112, 141, 170, 199, 228],
    8: [0, 99, 137, 165, 188, 208, 225, 241],
    16: [0, 5, 30, 70, 132, 213, 255, 255],
    17: [0, 15, 48, 83, 118, 154, 191, 228],
    18: [0, 14, 43, 71, 99, 135, 189, 228],
}


@pytest.mark.parametrize("codes", CHROMIUM)
@pytest.mark.parametrize("depth", [8, 16])
def test_colours_are_those_of_chromium(codes: tuple[int, int], depth: int) -> None:
    """SDR and HDR, colours outside of sRGB cut channel by channel where Chromium cuts them."""
    pixels = np.array([COLOURS[: len(CHROMIUM[codes])]], np.uint8)
    pixels = pixels if depth == 8 else pixels.astype(np.uint16) * 257

    found = converted(pixels, cicp=(*codes, 0, 1)) / (1 if depth == 8 else 257)

    assert np.abs(found[0] - np.array(CHROMIUM[codes])).max() <= 1.5


@pytest.mark.parametrize("code", CHROMIUM_GREYS)
def test_greys_are_those_of_chromium(code: int) -> None:
    """Every curve that it knows."""
    found = converted(np.array([GREYS], np.uint8)[..., None], cicp=(1, code, 0, 1))

    assert np.abs(found[0, :, 0].astype(int) - CHROMIUM_GREYS[code]).max() <= 1


@pytest.mark.parametrize("nits", [0.005, 0.1, 1, 10, 92.2457, 203, 1000, 4000, 10000])
def test_pq(nits: float) -> None:
    """In multiples of the reference white of BT.2408, 203 cd/m2."""
    light = colour._light("pq", 65536)
    at = pq_code(nits) * 65535
    found = np.interp(at, np.arange(65536), light) * 203

    assert found == pytest.approx(nits, rel=2e-4)
    assert light[0] == 0


@pytest.mark.parametrize("light", [0.0, 0.01, 1 / 12, 0.1, 0.265, 0.5, 1.0])
def test_hlg(light: float) -> None:
    """Scene light; half of the code range is 1/12."""
    table = colour._light("hlg", 65536)

    assert np.interp(hlg_code(light) * 65535, np.arange(65536), table) == pytest.approx(light, abs=2e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_srgb_codes(dtype: type) -> None:
    """The linear foot and the power above it, and nothing outside 0 to 1."""
    light = np.concatenate((np.linspace(0, 0.01, 200), np.linspace(0, 1, 500), [-1.0, 2.0]))
    full = np.iinfo(dtype).max
    expected = [round(srgb_code(min(1.0, max(0.0, value))) * full) for value in light]

    assert np.abs(colour._encoded(light, np.dtype(dtype)).astype(int) - expected).max() <= 1
    assert colour._encoded(np.array([0.0, 0.18, 0.5, 1.0]), np.dtype(np.uint8)).tolist() == [0, 118, 188, 255]


def test_the_matrix_of_display_p3() -> None:
    """Against the published one; white stays white."""
    matrix = colour._matrix(H273[12])

    assert matrix == pytest.approx(P3_TO_SRGB, abs=2e-4)
    assert matrix.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-9)


def test_another_white_is_adapted() -> None:
    """DCI white becomes sRGB's white (Bradford)."""
    assert colour._matrix(H273[11]).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-9)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_display_p3_by_code_points(channels: int, dtype: type) -> None:
    """Linear, matrix, sRGB; alpha as it was."""
    rng = np.random.default_rng(1)
    full = int(np.iinfo(dtype).max)
    pixels = rng.integers(0, full, (9, 11, channels), dtype, endpoint=True)
    codes = pixels[..., :3] / full
    linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    expected = np.vectorize(srgb_code)((linear @ P3_TO_SRGB.T).clip(0, 1)) * full

    found = converted(pixels, cicp=(12, 13, 0, 1))

    assert np.abs(found[..., :3] - expected).max() <= full * 0.006
    assert channels == 3 or np.array_equal(found[..., 3], pixels[..., 3])


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_by_gamma(gamma: float, dtype: type) -> None:
    """gAMA of a grey picture, with alpha beside it."""
    full = int(np.iinfo(dtype).max)
    ramp = np.round(RAMP * full).astype(dtype)
    pixels = np.stack((ramp, ramp[::-1]), axis=-1)[None]
    expected = np.array([srgb_code(value**gamma) for value in ramp / full]) * full

    found = converted(pixels, gamma=1 / gamma)

    assert np.abs(found[0, :, 0] - expected).max() <= max(1, full * 1e-4)
    assert np.array_equal(found[0, :, 1], pixels[0, :, 1])


@pytest.mark.parametrize(
    ("gamma", "measured"), [(0.45455, False), (0.435, False), (0.47, False), (0.43, True), (0.48, True), (1.0, True)]
)
def test_what_is_measured(gamma: float, measured: bool) -> None:
    """GAMA alone within 5 % of sRGB's is shown as sRGB by Chromium 156, primaries alone too; both together count."""
    assert colour.is_measured(Colour(gamma=gamma)) is measured
    assert colour.is_measured(Colour(gamma=gamma, primaries=H273[1]))
    assert not colour.is_measured(Colour(gamma=gamma, cicp=(1, 13, 0, 1)))
    assert not colour.is_measured(Colour(gamma=gamma, icc=b"profile"))
    assert not colour.is_measured(Colour(primaries=H273[9]))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_samples_are_brought_back_to_a_power(channels: int) -> None:
    """sRGB 188 of 255 is half of the light (IEC 61966-2-1), 0.5 to the power of gAMA in samples; alpha stays."""
    grey = round(srgb_code(0.5) * 65535)
    raster = Raster((Frame(np.full((2, 3, channels), grey, np.uint16)),))

    found = colour.from_srgb(raster, Colour(gamma=0.55556, primaries=H273[12]))

    colours = found.frames[0].pixels[..., : 1 if channels < 3 else 3]
    assert np.abs(colours / 65535 - 0.5**0.55556).max() < 1e-4
    assert channels in (1, 3) or (found.frames[0].pixels[..., -1] == grey).all()
    assert np.abs(to_srgb(found).frames[0].pixels.astype(int) - grey).max() <= 4
    assert colour.from_srgb(raster, Colour()) is raster


def test_tone_mapping_keeps_hue_and_order() -> None:
    """Up to reference white light is halved, the peak of 1000 cd/m2 is white, and channels keep their ratios."""
    grey = np.linspace(0, 1000 / 203, 2000)[:, None].repeat(3, axis=1)
    mapped = colour._tone_mapped(grey, "pq")
    assert np.array_equal(mapped[grey <= 1], grey[grey <= 1] / 2)
    assert (np.diff(mapped[:, 0]) > 0).all()
    assert mapped[-1, 0] == pytest.approx(1, abs=1e-6)

    bright = np.array([[3.0, 1.5, 0.75]])
    assert colour._tone_mapped(bright, "pq")[0] / colour._tone_mapped(bright, "pq")[0, 0] == pytest.approx(
        [1, 0.5, 0.25]
    )


def test_the_ootf_of_hlg() -> None:
    """BT.2100, table 5: gamma 1.2 of the luminance at 1000 cd/m2; 75 % is the reference white of BT.2408."""
    light = np.interp(0.75 * 65535, np.arange(65536), colour._light("hlg", 65536))
    white = np.full((1, 3), light)
    displayed = 1000 * light**1.2 / 203

    assert displayed == pytest.approx(1, abs=0.01)
    assert colour._tone_mapped(white, "hlg")[0, 0] == pytest.approx(
        colour._tone_mapped(np.full((1, 3), displayed), "pq")[0, 0]
    )


@pytest.mark.parametrize("code", [16, 18])
def test_grey_hdr_is_as_its_colours_are(code: int) -> None:
    """One channel or three equal ones: the same picture."""
    ramp = np.round(RAMP * 255).astype(np.uint8)[None, :, None]

    grey = converted(ramp, cicp=(1, code, 0, 1))
    rgb = converted(ramp.repeat(3, axis=2), cicp=(1, code, 0, 1))

    assert np.abs(grey[..., 0].astype(int) - rgb[..., 1]).max() <= 1
    assert (np.diff(grey[0, :, 0].astype(int)) >= 0).all()


# -- profiles that only tables describe, against LittleCMS itself ----------------------------------------------------


def swapped(device: np.ndarray) -> np.ndarray:
    """A model that no matrix describes: 0-1 device values to 0-1 encoded Lab."""
    return 0.3 + 0.4 * device[..., [0, -1, device.shape[-1] // 2]]


def by_littlecms(pixels: np.ndarray, mode: str, data: bytes) -> np.ndarray:
    """8-bit pixels to sRGB, relative colorimetric."""
    image = Image.frombytes(mode, pixels.shape[1::-1], np.ascontiguousarray(pixels).tobytes())
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(data)), ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(ImageCms.profileToProfile(image, source, target, renderingIntent=intent, outputMode="RGB"))


def table_profile(space: bytes, channels: int) -> bytes:
    """A profile with a table and nothing else."""
    return profiles.profile({b"A2B0": profiles.mft(2, swapped, channels, 3)}, space=space, pcs=b"Lab ", kind=b"scnr")


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rgb_by_a_table(dtype: type, channels: int) -> None:
    """16-bit pictures keep their range; alpha is no colour."""
    unit = 1 if dtype is np.uint8 else 257
    narrow = np.random.default_rng(2).integers(0, 255, (7, 9, channels), np.uint8, endpoint=True)
    data = table_profile(b"RGB ", 3)

    found = converted(narrow.astype(dtype) * dtype(unit), icc=data)

    assert found.dtype == dtype
    assert np.array_equal(found[..., :3], by_littlecms(narrow[..., :3], "RGB", data).astype(dtype) * dtype(unit))
    assert np.array_equal(found[..., 3:], narrow[..., 3:].astype(dtype) * dtype(unit))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_by_a_table(dtype: type) -> None:
    """One channel, with alpha beside it: the ramp tells all; 16 bits are between its steps."""
    unit = 1 if dtype is np.uint8 else 257
    ramp = np.arange(256, dtype=np.uint8)
    pixels = np.stack((ramp, ramp[::-1]), axis=-1)[None].astype(dtype) * dtype(unit)
    data = table_profile(b"GRAY", 1)
    expected = by_littlecms(ramp[None, :, None], "L", data)[0, :, 1].astype(int) * unit
    raster = to_srgb(Raster((Frame(pixels),), colour=Colour(icc=data), space="L"))

    found = raster.frames[0].pixels

    assert np.abs(found[0, :, 0].astype(int) - expected).max() == 0
    assert np.array_equal(found[0, :, 1], pixels[0, :, 1])


def test_ink_by_a_table() -> None:
    """CMYK with its profile, and with one of another kind of picture, which is ignored."""
    pixels = np.random.default_rng(3).integers(0, 255, (7, 9, 4), np.uint8, endpoint=True)
    data = table_profile(b"CMYK", 4)

    found = to_srgb(Raster((Frame(pixels),), colour=Colour(icc=data), space="CMYK")).frames[0].pixels
    other = (
        to_srgb(Raster((Frame(pixels),), colour=Colour(icc=table_profile(b"RGB ", 3)), space="CMYK")).frames[0].pixels
    )

    assert np.array_equal(found, by_littlecms(pixels, "CMYK", data))
    assert np.array_equal(other, np.asarray(Image.frombytes("CMYK", (9, 7), pixels.tobytes()).convert("RGB")))
