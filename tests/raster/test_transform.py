"""Pixels: upright, in sRGB, scaled; LittleCMS, Pillow and the specifications' numbers are the expectation."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from rmexif import codecs, icc, native
from rmexif.raster import transform
from rmexif.types import Box, Colour, Raster
from tests.raster_helpers import container, opened, raster, smooth

SRGB = ImageCms.createProfile("sRGB")


def _lcms(image: Image.Image, profile: bytes, intent: int = 1) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return np.array(ImageCms.profileToProfile(image, source, SRGB, renderingIntent=intent, outputMode="RGB"))


def _srgb(array: np.ndarray, **fields) -> np.ndarray:
    return transform.to_srgb(raster(array, **fields)).frames[0].pixels


# -- orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_orientations_as_pillow_turns_them(orientation, channels, dtype):
    """All eight turns, in every pixel type, against Pillow's exif_transpose on each channel."""
    picture = smooth(5, 7, channels, dtype)
    turned = transform.orient(raster(picture, picture, durations=(30, 40), orientation=orientation, loop=2))
    exif = Image.Exif()
    exif[274] = orientation
    planes = []
    for number in range(channels):
        plane = Image.fromarray(picture[:, :, number].copy())
        plane.info["exif"] = exif.tobytes()
        planes.append(np.array(ImageOps.exif_transpose(plane)))
    for frame in turned.frames:
        assert np.array_equal(frame.pixels, np.stack(planes, axis=2))
        assert frame.pixels.flags.c_contiguous
    assert (turned.orientation, turned.loop, [f.duration for f in turned.frames]) == (1, 2, [30, 40])


def test_an_upright_raster_is_not_copied():
    """Nothing to do costs nothing."""
    upright = raster(smooth())
    assert transform.orient(upright) is upright
    assert transform.to_srgb(upright).frames[0].pixels is upright.frames[0].pixels


# -- colour


@pytest.mark.parametrize("name", ["display-p3", "adobe-rgb", "rec2020", "prophoto", "acescg", "srgb-gamma-1.8"])
@pytest.mark.parametrize("channels", [3, 4])
def test_rgb_profiles_as_littlecms_converts_them(name, channels):
    """A matrix profile, 8 bit: within one code of LittleCMS, alpha untouched."""
    picture = np.random.default_rng(5).integers(0, 256, (40, 50, channels), np.uint8)
    got = _srgb(picture, colour=Colour(icc=icc.canonical(name)))
    want = _lcms(Image.fromarray(np.ascontiguousarray(picture[:, :, :3])), icc.canonical(name))
    diff = np.abs(got[:, :, :3].astype(int) - want)
    assert diff.mean() < 0.3
    assert np.percentile(diff, 99) <= 2
    assert np.array_equal(got[:, :, 3:], picture[:, :, 3:])


def test_16_bit_profiles_stay_16_bit():
    """Finer than 8 bit, and equal to LittleCMS where it can look: on the codes that both have."""
    picture = np.random.default_rng(5).integers(0, 256, (40, 50, 3), np.uint8)
    got = _srgb(picture.astype(np.uint16) * 257, colour=Colour(icc=icc.canonical("display-p3")))
    want = _lcms(Image.fromarray(picture), icc.canonical("display-p3"))
    assert got.dtype == np.uint16
    assert np.abs(got / 257 - want).mean() < 0.4
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    assert len(np.unique(_srgb(ramp, colour=Colour(icc=icc.canonical("adobe-rgb"))))) > 40_000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_profiles(dtype):
    """A grey ramp in gamma 1.8 against LittleCMS, one channel in and out, alpha untouched."""
    profile = icc.canonical("gray-gamma-1.8")
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    unit = 257 if dtype == np.uint16 else 1
    got = _srgb(np.concatenate((ramp, ramp[::-1]), axis=2).astype(dtype) * unit, colour=Colour(icc=profile), space="L")
    want = _lcms(Image.fromarray(ramp[:, :, 0]), profile)[:, :, 1]
    assert np.abs(got[:, :, 0] / unit - want).max() <= 1.5
    assert np.array_equal(got[:, :, 1], ramp[::-1, :, 0].astype(dtype) * unit)


LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@pytest.mark.parametrize("profile", [b"", b"junk", b"\0" * 200, LAB])
def test_a_profile_that_does_not_fit_is_ignored(profile):
    """Broken profiles, and a LAB profile on RGB, change nothing, as in viewers."""
    for picture in (smooth(), smooth(channels=4), smooth(channels=1), smooth(dtype=np.uint16)):
        got = _srgb(picture.copy(), colour=Colour(icc=profile), space="L" if picture.shape[2] == 1 else "RGB")
        assert np.array_equal(got, picture)


def test_a_grey_profile_says_nothing_about_colours():
    """As above, for a profile that is fine in itself."""
    assert np.array_equal(_srgb(smooth(), colour=Colour(icc=icc.canonical("gray-linear"))), smooth())


def test_ink_without_a_profile():
    """CMYK by the plain formula: full black is black, no ink is white."""
    ink = np.array([[[0, 0, 0, 255], [0, 0, 0, 0], [255, 0, 0, 0], [0, 128, 255, 0]]], np.uint8)
    got = _srgb(ink, space="CMYK")
    assert np.abs(got[0].astype(int) - [[0, 0, 0], [255, 255, 255], [0, 255, 255], [255, 127, 0]]).max() <= 1


def test_lab_without_a_profile():
    """L = 50 % and no chroma is mid grey (118.9 in sRGB), L = 100 % is white."""
    lab = np.array([[[128, 0, 0], [255, 0, 0], [0, 0, 0]]], np.uint8)  # a and b are signed bytes
    got = _srgb(lab, space="LAB")
    assert np.abs(got[0].astype(int) - [[119] * 3, [255] * 3, [0] * 3]).max() <= 2


def test_gamma_and_primaries_of_png():
    """gAMA 1.0 is linear light: half of it is sRGB 188 (IEC 61966-2-1); 0.45455 means sRGB."""
    half = np.full((2, 2, 3), 128, np.uint8)
    assert np.abs(_srgb(half, colour=Colour(gamma=1.0)).astype(int) - 188).max() <= 1
    assert _srgb(half, colour=Colour(gamma=0.45455)) is half
    assert np.abs(_srgb(half[:, :, :1], colour=Colour(gamma=1.0), space="L").astype(int) - 188).max() <= 1
    p3 = icc.PRIMARIES["display-p3"]
    got = _srgb(np.array([[[200, 100, 20]]], np.uint8), colour=Colour(gamma=0.45455, primaries=p3))
    assert np.abs(got.astype(int) - [216, 93, 0]).max() <= 1  # Chromium 156: with cHRM the curve is a power


def test_cicp_goes_before_a_profile():
    """PNG third edition, 4.3: cICP wins; primaries 12 with transfer 13 are Display P3; 1 and 13 are sRGB."""
    other = icc.canonical("prophoto")
    got = _srgb(smooth(), colour=Colour(icc=other, cicp=(12, 13, 0, 1)))
    assert np.abs(got.astype(int) - _lcms(Image.fromarray(smooth()), icc.canonical("display-p3"))).mean() < 0.5
    assert np.array_equal(_srgb(smooth(), colour=Colour(icc=other, cicp=(1, 13, 0, 1))), smooth())


@pytest.mark.parametrize(("transfer", "code"), [(16, 0.5807), (18, 0.75)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_hdr_is_tone_mapped(transfer, code, dtype):
    """HDR reference white (BT.2408: 58 % PQ, 75 % HLG) is half of SDR white; greys stay grey, and in order."""
    full = np.iinfo(dtype).max
    ramp = (np.linspace(0, 1, 64) * full).astype(dtype).reshape(1, 64, 1).repeat(3, axis=2)
    got = _srgb(ramp, colour=Colour(cicp=(9, transfer, 0, 1)))[0].astype(int)
    assert np.ptp(got, axis=1).max() <= full // 100
    assert (np.diff(got[:, 1]) >= 0).all()
    assert got[0, 1] == 0
    assert got[-1, 1] >= 0.98 * full
    assert 0.72 * full < np.interp(code * 63, np.arange(64), got[:, 1]) < 0.75 * full  # sRGB: 0.735
    grey = _srgb(ramp[:, :, :1], colour=Colour(cicp=(9, transfer, 0, 1)), space="L")[0, :, 0]
    assert np.abs(grey.astype(int) - got[:, 1]).max() <= full // 100


def test_large_pictures_are_converted_in_strips():
    """The strips meet without a seam."""
    picture = np.full((700, 2000, 3), (200, 40, 40), np.uint8)
    got = _srgb(picture, colour=Colour(icc=icc.canonical("display-p3")))
    assert (got == got[0, 0]).all()


# -- hidden colours, scaling, hashes


def test_hidden_colours_are_cleared():
    """Colour where alpha is 0 goes, all else stays, in place."""
    for channels in (2, 4):
        picture = smooth(channels=channels)
        before = picture.copy()
        transform.clear_transparent(picture)
        hidden = before[:, :, -1] == 0
        assert hidden.any()
        assert not picture[hidden].any()
        assert np.array_equal(picture[~hidden], before[~hidden])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resize_as_pillow_does_bicubic(channels, dtype):
    """0.99x of a cut, against Pillow's filter on the premultiplied float channels."""
    picture = smooth(80, 100, channels, dtype)
    plan = transform.Geometry(1, 2, 99, 80, 97, 77)
    got = transform.resize(picture, plan)
    assert got.shape == (77, 97, channels)
    assert got.dtype == dtype
    full = np.iinfo(dtype).max
    cut = picture[2:80, 1:99].astype(np.float32) / full
    for number in range(channels):
        want = np.array(Image.fromarray(cut[:, :, number]).resize((97, 77), Image.Resampling.BICUBIC))
        visible = got[:, :, -1] > full // 10 if channels in (2, 4) else np.ones((77, 97), bool)
        assert np.abs(got[:, :, number] / full - want)[visible].max() < 0.02


@pytest.mark.parametrize("right", [98.0, 98.4, 98.5, 98.9])
@pytest.mark.parametrize("left", [0, 1, 1.25])
def test_a_cut_at_a_fraction_is_meant(left, right):
    """A ramp shows where each pixel of the target comes from; OpenCV's cubic bends it by less than a tenth."""
    ramp = np.repeat(np.linspace(0, 65535, 101)[None, :-1], 60, axis=0).astype(np.uint16)[:, :, None]
    plan = transform.Geometry(left, 0, right, 60, 97, 59)
    scale = (right - left) / 97
    want = left + (np.arange(97) + 0.5) * scale - 0.5
    error = (transform.resize(ramp, plan)[30, :, 0] / 65535 * 100 - want)[3:-3]
    assert np.abs(error).max() < 0.1


@pytest.mark.parametrize("right", [98.0, 98.4, 98.9])
@pytest.mark.parametrize("left", [0, 1.25])
def test_a_cut_at_a_fraction_of_8_bits_is_meant(left, right):
    ramp = np.repeat(np.linspace(0, 250, 101)[None, :-1].round(), 60, axis=0).astype(np.uint8)[:, :, None]
    plan = transform.Geometry(left, 0, right, 60, 97, 59)
    want = left + (np.arange(97) + 0.5) * (right - left) / 97 - 0.5
    error = (transform.resize(ramp, plan)[30, :, 0] / 2.5 - want)[3:-3]
    assert np.abs(error).max() < 0.5
    assert abs(error.mean()) < 0.1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_resize_in_place_gives_the_same_and_takes_no_more_memory(channels):
    picture = smooth(80, 100, channels, np.uint8)
    plan = transform.Geometry(1, 0.5, 99, 80, 97, 77)
    kept = picture.copy()
    want = transform.resize(picture, plan)
    assert np.array_equal(picture, kept)
    got = transform.resize(picture, plan, in_place=True)
    assert np.array_equal(got, want)
    assert np.shares_memory(got, picture) == (native.engine() == "native")


def test_a_resize_in_place_leaves_what_is_not_an_arrays_own():
    data = bytearray(smooth(80, 100, 3, np.uint8).tobytes())
    kept = bytes(data)
    plan = transform.Geometry(1, 0.5, 99, 80, 97, 77)
    transform.resize(np.frombuffer(data, np.uint8).reshape(80, 100, 3), plan, in_place=True)
    assert data == kept


def test_resize_has_no_fringes():
    """The colour of transparent pixels does not bleed into visible ones."""
    picture = np.zeros((40, 40, 4), np.uint8)
    picture[:, :20] = (0, 255, 0, 0)
    picture[:, 20:] = (255, 0, 0, 255)
    got = transform.resize(picture, transform.Geometry(0, 0, 40, 40, 39, 39))
    visible = got[got[:, :, 3] > 0]
    assert visible[:, 0].min() >= 250
    assert visible[:, 1].max() == 0


@given(st.tuples(*[st.integers(-50, 450)] * 4), st.integers(0, 9), st.integers(0, 9), st.integers(300, 396))
def test_projected_boxes_cover(box, left, top, size):
    """What lies in the box on the source lies in the projected box on the target."""
    plan = transform.Geometry(left, top, 400 - left, 400 - top, size, size)
    box = Box(min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]) + 1, max(box[1], box[3]) + 1)
    got = plan.project(box)
    scale = size / (400 - 2 * left)
    x0, x1 = (max(0.0, (v - left) * scale) for v in (box.left, box.right))
    if got is None:
        assert x0 >= size - 1e-6 or x1 <= 1e-6 or box.bottom <= top or box.top >= 400 - top
    else:
        assert got.left <= x0 + 1e-6
        assert got.right >= min(size, x1) - 1e-6
        assert 0 <= got.left < got.right <= size
        assert 0 <= got.top < got.bottom <= size


def test_dhash():
    """64 bits; a scaled copy is near, another picture is far; depth and channels do not matter."""
    one = np.random.default_rng(3).integers(0, 256, (12, 14, 3), np.uint8)
    one = np.array(Image.fromarray(one).resize((300, 260), Image.Resampling.BICUBIC))
    near = transform.resize(one, transform.Geometry(1, 2, 299, 258, 297, 257))
    assert transform.hamming(transform.dhash(one), transform.dhash(near)) <= 4
    assert transform.hamming(transform.dhash(one), transform.dhash(one[:, ::-1])) > 15
    assert transform.dhash(one) == transform.dhash(one.astype(np.uint16) * 257) < 1 << 64
    assert transform.dhash(np.dstack((one, one[:, :, 0]))) == transform.dhash(one)
    assert transform.dhash(np.zeros((1, 1, 1), np.uint8)) == 0


# -- the shared pictures: what a viewer shows

NAMES = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "TIFF": "tiff", "BMP": "bmp",
         "AVIF": "avif", "HEIF": "heic", "JXL": "jxl"}  # fmt: skip
# What the view below leaves out: Pillow applies neither gAMA (linear here) nor HDR curves.
UNSEEN = ("basn2c16", "basn4a16", "tp1n3p08", "basi6a16", "cten0g04", "ctzn0g04", "ztxt_example", "hdr_room", "pq_gradient")  # fmt: skip


def _seen(data: bytes, intent: int) -> np.ndarray:
    """The first picture upright, in sRGB by its own profile, on white."""
    image = opened(data)
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if profile and image.mode in ("RGB", "RGBA", "L", "CMYK", "LAB"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            mode = "RGBA" if image.mode == "RGBA" else "RGB"
            image = ImageCms.profileToProfile(image, source, SRGB, renderingIntent=intent, outputMode=mode)
        except (ImageCms.PyCMSError, OSError):
            pass
    if image.mode.startswith("I"):
        image = Image.fromarray((np.array(image) / 257).clip(0, 255).astype(np.uint8))
    image = image.convert("RGBA")
    return np.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"), int)


def _ours(data: bytes, name: str) -> Raster:
    image = Image.open(io.BytesIO(data))
    frames = (
        1 if name in ("jpeg", "heic", "jxl") else getattr(image, "n_frames", 1) - getattr(image, "default_image", 0)
    )
    turn = image.getexif().get(274, 1) if name in ("jpeg", "png", "webp") else 1
    turn = turn if 1 <= turn <= 8 else 1
    colour = Colour(icc=image.info.get("icc_profile"), gamma=image.info.get("gamma"))
    box = container(name, *image.size, min(frames, 12), orientation=turn, colour=colour)
    return transform.to_srgb(transform.orient(codecs.decode(data, box)))


@pytest.mark.parametrize("purpose", ["colour", "animated", "orientation"])
def test_shared_pictures_look_right(corpus, purpose):
    """Every decodable picture of the corpus: mean error of at most 3/255 against Pillow and LittleCMS."""
    rows = [
        row for row in corpus if row["purpose"] == purpose and row["decodable_by_pillow"] and row["format"] in NAMES
    ]
    wrong = []
    for row in rows:
        if any(part in row["path"] for part in UNSEEN) or row["width"] * row["height"] > 10_000_000:
            continue
        data = row["file"].read_bytes()
        got = _ours(data, NAMES[row["format"]]).frames[0].pixels
        narrow = got if got.dtype == np.uint8 else (got / 257).round().astype(np.uint8)
        image = Image.fromarray(narrow[:, :, 0] if narrow.shape[2] == 1 else narrow).convert("RGBA")
        flat = np.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"), int)
        views = [_seen(data, intent) for intent in (1, 0)]
        errors = [np.abs(flat - view).mean() if view.shape == flat.shape else 255.0 for view in views]
        if min(errors) > 3:
            wrong.append((row["path"], min(errors)))
    assert rows
    assert not wrong
