"""What alpha draws: a portrait in any of its views is found and covered; Pillow and OpenCV make and judge the files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from rmexif import Detection, Policy, Scrubber, scrub

SIDE = 512  # px
GROUNDS = [(255, 255, 255), (0, 0, 0)]


@pytest.fixture
def portrait(astronaut: bytes) -> np.ndarray:
    """The portrait in grey, one face of some 80 px."""
    return np.asarray(Image.open(io.BytesIO(astronaut)).convert("L"))


def _veil(colour: int, alpha: np.ndarray) -> np.ndarray:
    """One colour everywhere, drawn by alpha alone."""
    return np.dstack([np.full_like(alpha, colour)] * 3 + [alpha])


def _pillow(kind: str, **options: Any) -> Callable[[np.ndarray], bytes]:
    def save(pixels: np.ndarray) -> bytes:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, kind, **options)
        return out.getvalue()

    return save


def _cv2(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def _faces_in(pixels: np.ndarray) -> int:
    """How many faces a second run finds where the portrait has its one: a weak alarm elsewhere is none of it."""
    boxes = [face["box"] for face in Scrubber(_pillow("PNG")(np.ascontiguousarray(pixels))).dry_run()["faces"]]
    return sum(150 < (left + right) / 2 < 300 and 40 < (top + bottom) / 2 < 160 for left, top, right, bottom in boxes)


def _faces_on(data: bytes, ground: tuple[int, int, int]) -> int:
    """The same in the picture that Pillow composites on one colour."""
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    flat = Image.new("RGBA", image.size, (*ground, 255))
    flat.alpha_composite(image)
    return _faces_in(np.asarray(flat.convert("RGB")))


@pytest.mark.parametrize(
    ("kind", "options", "output"),
    [
        ("PNG", {}, None),
        ("PNG", {}, "jpeg"),
        ("WEBP", {"lossless": True, "exact": True}, None),
        ("TIFF", {}, "bmp"),
        ("AVIF", {"quality": 90}, None),
        ("HEIF", {"quality": 90}, None),
        ("JXL", {"lossless": True}, "jpeg"),
    ],
)
def test_a_portrait_drawn_by_alpha_is_covered(
    portrait: np.ndarray, kind: str, options: dict[str, Any], output: str | None
) -> None:
    """Black ink of which alpha is the amount: a face to every viewer, in every format that has alpha."""
    import pillow_heif
    import pillow_jxl  # noqa: F401 - registers itself

    pillow_heif.register_heif_opener()
    raw = _pillow(kind, **options)(_veil(0, 255 - portrait))
    assert _faces_on(raw, GROUNDS[0]) == 1

    clean, stats = scrub(raw, Policy(output=output))

    assert stats["faces_detected"] == 1
    assert [_faces_on(clean, ground) for ground in GROUNDS] == [0, 0]


def _grey_alpha_16(pixels: np.ndarray) -> bytes:
    """A PNG of 16-bit grey + alpha, which neither Pillow nor OpenCV writes (PNG, 11.2.1: colour type 4)."""
    height, width = pixels.shape[:2]
    rows = np.concatenate((np.zeros((height, 1), np.uint8), pixels.astype(">u2").view(np.uint8).reshape(height, -1)), 1)
    head = struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.parametrize(
    ("ink", "save"),
    [
        (0, lambda p: _pillow("PNG")(np.ascontiguousarray(p[:, :, 2:]))),
        (128, lambda p: _cv2(p * np.uint16(257))),
        (255, lambda p: _grey_alpha_16(p[:, :, 2:] * np.uint16(257))),
    ],
    ids=["grey + alpha", "16-bit RGBA", "16-bit grey + alpha"],
)
def test_every_ink_and_depth(portrait: np.ndarray, ink: int, save: Callable[[np.ndarray], bytes]) -> None:
    """A negative or a positive, grey or RGB, 8 or 16 bit; alpha as grey shows no face afterwards, either."""
    raw = save(_veil(ink, portrait))

    clean, stats = scrub(raw)

    assert stats["faces_detected"] == 1
    assert [_faces_on(clean, ground) for ground in GROUNDS] == [0, 0]
    alpha = np.asarray(Image.open(io.BytesIO(clean)).convert("RGBA"))[:, :, 3]
    assert _faces_in(alpha) == 0


def test_colours_under_a_thin_veil_are_searched(portrait: np.ndarray) -> None:
    """Nearly transparent everywhere, so that the eye sees it on no ground: readers that drop alpha show it."""
    raw = _pillow("PNG")(np.dstack([portrait] * 3 + [np.full_like(portrait, 2)]))
    for ground in GROUNDS:
        flat = Image.new("RGBA", (SIDE, SIDE), (*ground, 255))
        flat.alpha_composite(Image.open(io.BytesIO(raw)))
        assert np.ptp(np.asarray(flat)[:, :, 0]) <= 2

    clean, stats = scrub(raw)

    assert stats["faces_detected"] == 1
    bare = np.asarray(Image.open(io.BytesIO(clean)))[:, :, :3]
    assert _faces_in(bare) == 0


def test_the_place_is_opaque(portrait: np.ndarray) -> None:
    """Inside the region alpha is full: nothing of the old one is drawn there."""
    clean, stats = scrub(_pillow("PNG")(_veil(0, 255 - portrait)), Policy(stealth=False))

    left, top, right, bottom = stats["faces"][0]["box"]
    alpha = np.asarray(Image.open(io.BytesIO(clean)))[:, :, 3]
    assert alpha[top:bottom, left:right].min() == 255


class Idle:
    """A style that forgets to paint."""

    name, leak_bits = "idle", 0.0

    def redact(self, pixels: np.ndarray, masks: Any, rng: np.random.Generator) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    "drawn",
    [
        lambda p: _veil(255, p),
        lambda p: np.dstack([p] * 3 + [np.tile(np.linspace(130, 255, SIDE).astype(np.uint8), (SIDE, 1))]),
    ],
    ids=["seen on black alone", "seen everywhere but in alpha"],
)
def test_the_check_afterwards_looks_at_the_same_views(
    portrait: np.ndarray, drawn: Callable[[np.ndarray], np.ndarray]
) -> None:
    """A style that leaves the face is followed by a stronger one, whichever view shows it."""
    clean, stats = scrub(_pillow("PNG")(drawn(portrait)), Policy(style=Idle()))

    assert stats["escalated"] == stats["faces_detected"] == 1
    assert [_faces_on(clean, ground) for ground in GROUNDS] == [0, 0]


@dataclass(frozen=True)
class Counting:
    """A detector that finds nothing, and keeps what it was shown."""

    shown: list[np.ndarray] = field(default_factory=list)

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """Nothing."""
        self.shown.append(rgb.copy())
        return []


@pytest.mark.parametrize(
    ("alpha", "views"),
    [
        (lambda p: np.full_like(p, 255), 1),
        (lambda p: np.full_like(p, 254), 1),
        (lambda p: np.where(p > 99, 255, 0).astype(np.uint8), 2),
        (lambda p: np.full_like(p, 100), 3),
        (lambda p: p, 4),
    ],
    ids=["opaque", "nearly opaque", "cut out", "veil", "drawing"],
)
def test_no_view_is_searched_twice(portrait: np.ndarray, alpha: Callable[..., np.ndarray], views: int) -> None:
    """The views are those of Pillow's compositing, to one code; an opaque picture has one."""
    counting, image = Counting(), np.dstack([portrait[::-1]] * 3 + [alpha(portrait)])

    Scrubber(_pillow("PNG")(image), Policy(detectors=(counting,))).dry_run()

    assert len(counting.shown) == views
    for ground, shown in zip(GROUNDS, counting.shown, strict=False):
        flat = Image.new("RGBA", (SIDE, SIDE), (*ground, 255))
        flat.alpha_composite(Image.fromarray(image))
        assert np.abs(np.asarray(flat.convert("RGB")).astype(int) - shown).max() <= 1


# -- lowest bits


def _agreement(one: np.ndarray, other: np.ndarray) -> float:
    return float(((one & 1) == (other & 1)).mean())


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("side", [96, 200])
def test_lowest_bits_do_not_outlive_a_scrub(kind: str, side: int) -> None:
    """Stealth off, so that pixels stay in their places: every channel's lowest bits are others, the rest is as it was."""
    rng = np.random.default_rng(3)
    before = np.kron(rng.integers(20, 120, (side // 8, side // 8, 4)), np.ones((8, 8, 1))).astype(np.uint8) * 2
    before |= rng.integers(0, 2, before.shape, np.uint8)
    raw = _pillow(kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))(before)

    clean, _ = scrub(raw, Policy(stealth=False, faces=False))

    after = np.asarray(Image.open(io.BytesIO(clean)))
    channels = range(3, 4) if kind == "WEBP" and side * side > 1 << 16 else range(4)
    for channel in channels:
        assert 0.45 < _agreement(before[..., channel], after[..., channel]) < 0.55
    if kind != "WEBP":
        assert np.array_equal(before >> 1, after >> 1)


@pytest.mark.parametrize("kind", ["BMP", "PNG"])
def test_a_message_in_a_flat_picture_is_gone(kind: str) -> None:
    """Flat colours come out flat, whatever their lowest bits said."""
    rng = np.random.default_rng(3)
    before = np.full((200, 200, 3), (20, 130, 254), np.uint8) | rng.integers(0, 2, (200, 200, 3), np.uint8)

    clean, _ = scrub(_pillow(kind)(before), Policy(stealth=False, faces=False))

    after = np.asarray(Image.open(io.BytesIO(clean)).convert("RGB"))
    assert len(np.unique(after.reshape(-1, 3), axis=0)) == 1
    assert np.abs(after.astype(int) - before).max() <= 1


def test_full_and_no_alpha_stay_exactly() -> None:
    """A cut-out stays one; a message in 254 and 255, or in 0 and 1, is gone."""
    rng = np.random.default_rng(3)
    cut = np.kron(rng.integers(0, 2, (25, 25)), np.ones((8, 8))).astype(np.uint8) * 255
    noisy = cut ^ rng.integers(0, 2, cut.shape, np.uint8)

    for alpha in (cut, noisy):
        clean, _ = scrub(_pillow("PNG")(_veil(90, alpha)), Policy(stealth=False, faces=False))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(clean)))[:, :, 3], cut)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("stealth", [True, False])
def test_the_low_byte_keeps_no_picture(portrait: np.ndarray, extension: str, stealth: bool) -> None:
    """A portrait in the low bytes of a ramp: the ramp leaves, OpenCV reads noise below it."""
    ramp = np.tile(np.linspace(60, 180, SIDE).astype(np.uint16), (SIDE, 1))
    raw = cv2.imencode(extension, np.dstack([ramp << 8 | portrait] * 3))[1].tobytes()

    clean, _ = scrub(raw, Policy(stealth=stealth, faces=False))

    after = cv2.imdecode(np.frombuffer(clean, np.uint8), cv2.IMREAD_UNCHANGED)
    assert after.dtype == np.uint16
    low = (after & 0xFF).astype(np.uint8)[:, :, 0]
    assert abs(float(low.mean()) - 127.5) < 2 and abs(float(low.std()) - 73.9) < 2  # of a uniform byte
    middle = low[: low.shape[0] // 2 * 2].reshape(-1, 2, low.shape[1]).astype(float)
    assert abs(np.corrcoef(middle[:, 0].ravel(), middle[:, 1].ravel())[0, 1]) < 0.02  # neighbours know nothing
    if not stealth:
        assert np.array_equal(after[:, :, 0] >> 8, ramp)


@pytest.mark.parametrize("output", ["bmp", "jpeg", "webp"])
def test_16_bits_leave_as_the_byte_that_was_searched(portrait: np.ndarray, output: str) -> None:
    """Rounded, a low byte would show through as a step of one code."""
    raw = _cv2(np.dstack([np.uint16(127 << 8) | portrait.astype(np.uint16)] * 3))

    clean, _ = scrub(raw, Policy(stealth=False, faces=False, output=output))

    after = np.asarray(Image.open(io.BytesIO(clean)).convert("RGB"))
    assert np.ptp(after) == 0
    assert abs(int(after[0, 0, 0]) - 127) <= 1


def test_linear_light_of_16_bits_keeps_its_shadows() -> None:
    """They stand in the low byte, which is made again from sRGB (IEC 61966-2-1: 0.001 is 3.3 of 255)."""
    linear = np.full((64, 64, 3), round(0.001 * 65535), np.uint16)
    value = b"gAMA" + struct.pack(">I", 100_000)
    raw = _cv2(linear)
    raw = raw[:33] + struct.pack(">I", 4) + value + struct.pack(">I", zlib.crc32(value)) + raw[33:]

    clean, _ = scrub(raw, Policy(stealth=False, faces=False))

    assert clean.count(value) == 1
    after = cv2.imdecode(np.frombuffer(clean, np.uint8), cv2.IMREAD_UNCHANGED) / 65535
    assert abs(12.92 * 255 * after.mean() - 3.3) < 0.5
    assert len(np.unique(after)) > 10  # sRGB's low byte is noise, so what is made of it is, too


def _faint(portrait: np.ndarray, codes: float, depth: int) -> bytes:
    """The portrait in so many of 256 codes around the middle, 8 or 16 bit."""
    unit = 1 if depth == 8 else 256
    pixels = (120 + portrait.astype(float) * codes / 255) * unit
    return _cv2(pixels.astype(np.uint8 if depth == 8 else np.uint16))


@pytest.mark.parametrize(("codes", "depth"), [(8, 8), (4, 8), (8, 16), (1.5, 16)])
def test_a_faint_portrait_is_covered(portrait: np.ndarray, codes: float, depth: int) -> None:
    """What the eye misses, a slider for contrast shows: 16 bits hold all of it in two codes of 256."""
    data, stats = scrub(_faint(portrait, codes, depth), Policy(stealth=False))
    left = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    left = left if left.ndim == 2 else left[:, :, 0]
    shown = cv2.normalize(left.astype(np.float32), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)

    assert stats["faces_detected"] >= 1
    assert _faces_in(portrait) == 1
    assert _faces_in(shown) == 0


def test_a_picture_of_usual_contrast_is_searched_once(portrait: np.ndarray) -> None:
    """A second search is for faint ones alone, and a flat one has nothing to search for."""
    from rmexif.raster.alpha import shown_views

    assert len(list(shown_views(portrait[:, :, None]))) == 1
    assert len(list(shown_views(np.full((64, 64, 3), 9, np.uint8)))) == 1
    assert len(list(shown_views(portrait[:, :, None] // 16))) == 2
