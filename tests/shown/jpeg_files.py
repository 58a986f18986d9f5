"""JPEG: orientation, colour spaces, CMYK and YCCK, Adobe markers, sampling, pixel shapes."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from tests.containers import profiles
from tests.containers.builders_jpeg import renamed, segment, without
from tests.shown.sample import Sample, chance, drawn, exif, pick, rgb_profile, sides

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make"]

SAMPLINGS = [0x411111, 0x221111, 0x211111, 0x121111, 0x111111]
XMP = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/>'
JFIF, EXIF, ICC, ADOBE = 0xE0, 0xE1, 0xE2, 0xEE


def make(rng: np.random.Generator) -> Sample:
    """A small file."""
    traits: set[str] = set()
    width, height = sides(rng)
    kind = pick(rng, ["colour", "colour", "colour", "grey", "ink"])
    if kind == "ink":
        raw = _ink(rng, drawn(rng, width, height, 4), traits)
    elif kind == "grey":
        raw = _saved(Image.fromarray(drawn(rng, width, height, 1)[:, :, 0]), rng)
        if chance(rng, 0.4):
            raw = _sampling_patched(raw, pick(rng, [0x22, 0x21, 0x12, 0x44]))
    else:
        raw = _colour(rng, drawn(rng, width, height, 3), traits)
    return Sample(_with_segments(raw, _segments(rng, kind, traits)), frozenset(traits | {kind}))


def _saved(image: Image.Image, rng: np.random.Generator, **settings: object) -> bytes:
    out = io.BytesIO()
    quality, progressive = int(rng.integers(80, 99)), chance(rng, 0.3)
    image.save(out, "JPEG", quality=quality, progressive=progressive, optimize=chance(rng, 0.3), **settings)
    return out.getvalue()


def _colour(rng: np.random.Generator, pixels: NDArray[np.uint8], traits: set[str]) -> bytes:
    """Three components as YCbCr, or red, green and blue as Adobe's marker or their names say."""
    form = pick(rng, ["cv2", "cv2", "pillow", "adobe-rgb", "named-rgb", "adobe-odd"])
    traits.add(form)
    if form == "cv2":
        raw = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, pick(rng, SAMPLINGS)])[1].tobytes()
    elif form == "pillow":
        raw = _saved(Image.fromarray(pixels), rng, subsampling=pick(rng, [0, 1, 2]))
    else:
        raw = _saved(Image.fromarray(pixels), rng, subsampling=0, keep_rgb=form != "adobe-odd")
        raw = without(raw, ADOBE if form != "adobe-odd" else JFIF)
        if form == "named-rgb":
            return renamed(raw, b"RGB")
        transform = 0 if form == "adobe-rgb" else pick(rng, [1, 2, 3, 255])
        return _with_segments(raw, [segment(ADOBE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))])
    if chance(rng, 0.2):
        raw = without(raw, JFIF)
        traits.add("no-jfif")
    return raw


def _ink(rng: np.random.Generator, pixels: NDArray[np.uint8], traits: set[str]) -> bytes:
    """Four components: CMYK or YCCK by Adobe's marker, or without one."""
    raw = _saved(Image.frombytes("CMYK", (pixels.shape[1], pixels.shape[0]), pixels.tobytes()), rng)
    form = pick(rng, ["cmyk", "ycck", "unmarked", "cmyk"])
    traits.add(form)
    at = raw.index(b"Adobe") + 11
    if form == "ycck":
        return raw[:at] + b"\2" + raw[at + 1 :]
    return without(raw, ADOBE) if form == "unmarked" else raw


def _sampling_patched(raw: bytes, sampling: int) -> bytes:
    """A grey picture whose only component has factors that change nothing (T.81, A.2.2)."""
    at = next(raw.index(bytes([0xFF, marker, 0, 11])) for marker in (0xC0, 0xC2) if bytes([0xFF, marker, 0, 11]) in raw)
    return raw[: at + 11] + bytes([sampling]) + raw[at + 12 :]


def _segments(rng: np.random.Generator, kind: str, traits: set[str]) -> list[bytes]:
    """What stands behind SOI: Exif with an orientation, XMP with another, a profile."""
    found = []
    if chance(rng, 0.5):
        pad = pick(rng, [b"\0\0", b"\0\0", b"\0\xff"])
        found.append(segment(EXIF, b"Exif" + pad + exif(rng, pick(rng, [0, *range(1, 9), 9]), traits)))
        if chance(rng, 0.2):
            found.append(segment(EXIF, b"Exif\0\0" + exif(rng, pick(rng, range(1, 9)), traits)))
    if chance(rng, 0.2):
        found.append(segment(EXIF, XMP % rng.integers(1, 9)))
    if chance(rng, 0.4):
        found += _profile(rng, kind, traits)
    if chance(rng, 0.3):
        found.reverse()
    return found


def _profile(rng: np.random.Generator, kind: str, traits: set[str]) -> list[bytes]:
    """A profile that fits, one of another kind of picture, or a broken one."""
    fitting = {
        "colour": rgb_profile(rng),
        "grey": profiles.profile({b"wtpt": profiles.xyz(0.9505, 1, 1.0891), b"kTRC": profiles.gamma(1.8)}, b"GRAY"),
        "ink": profiles.profile({b"A2B0": profiles.mft(2, profiles.inks, 4, 3)}, b"CMYK", b"Lab ", b"prtr"),
    }
    form = pick(rng, ["fitting", "fitting", "other", "broken", "chunked"])
    traits.add(f"profile-{form}")
    data = fitting[kind]
    if form == "other":
        data = fitting["grey" if kind == "colour" else "colour"]
    if form == "broken":
        data = data[: len(data) // 2]
    chunks = [data[: len(data) // 2], data[len(data) // 2 :]] if form == "chunked" else [data]
    count = len(chunks)
    return [segment(ICC, b"ICC_PROFILE\0" + bytes([n, count]) + chunk) for n, chunk in enumerate(chunks, 1)]


def _with_segments(raw: bytes, segments: list[bytes]) -> bytes:
    """Segments behind SOI, or behind JFIF, whose densities are those of other shapes too."""
    if raw[3] != JFIF:
        return raw[:2] + b"".join(segments) + raw[2:]
    shape = struct.pack(">BHH", len(segments) % 3, 1 + len(segments) % 2, 1 + len(raw) % 3)
    return raw[:13] + shape + raw[18:20] + b"".join(segments) + raw[20:]
