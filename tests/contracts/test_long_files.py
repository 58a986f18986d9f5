"""What the malleability contract says of small files, for pictures of some megabytes: a sample of their bytes is changed.

Formats whose data is walked to its last bit have no free byte anywhere in the sample; of AVIF, HEIC and JPEG XL, which
take a decoder to prove, that holds for all that is no coded picture.
"""

from __future__ import annotations

import io
import random
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers the format with Pillow
import pytest
from PIL import Image

from rmexif import RmexifError, native, strip, verify
from rmexif.containers import by_name
from rmexif.types import Limits, Role
from tests.contracts.test_malleability import FLIPS, FREE, shown
from tests.native.jpeg_files import build_libjpeg

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEAST = 2_000_000  # byte: files above it are long
OUTSIDE, INSIDE = 40, 16  # bytes changed outside coded pictures; in them, and as many near their ends
EDGE = 4  # byte: near
UNWALKED = frozenset(("avif", "heic", "jxl"))
needs_core = pytest.mark.skipif(native.engine() != "native", reason="long scans are walked by the compiled core")


def picture(width: int, height: int, channels: int = 3) -> Image.Image:
    """Noise on a ramp, of which hardly a value is cut off, so that every coefficient shows."""
    noise = np.random.default_rng(1).normal(0, 24, (height, width, channels))
    data = np.clip(np.linspace(100, 155, width)[None, :, None] + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(data[:, :, 0] if channels == 1 else data)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def heic(image: Image.Image) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=92)
    return out.getvalue()


def dots() -> Image.Image:
    """Black and white at random: every code of a fax occurs."""
    return Image.fromarray(np.random.default_rng(2).random((1900, 5003)) < 0.5)


COLOUR, SMALLER = partial(picture, 1903, 1401), partial(picture, 1203, 901)
MAKERS: dict[tuple[str, str], Callable[[], bytes]] = {
    ("jpeg", "baseline"): lambda: saved(COLOUR(), "JPEG", quality=97),
    ("jpeg", "progressive"): lambda: saved(COLOUR(), "JPEG", quality=97, progressive=True),
    ("jpeg", "restarts"): lambda: saved(COLOUR(), "JPEG", quality=97, restart_marker_rows=1),
    ("png", "colour"): lambda: saved(SMALLER(), "PNG"),
    ("png", "alpha"): lambda: saved(picture(1003, 801, 4), "PNG"),
    ("png", "palette"): lambda: saved(picture(1903, 1501, 1).quantize(200), "PNG"),
    ("webp", "lossy"): lambda: saved(COLOUR(), "WEBP", quality=99),
    ("webp", "lossy-alpha"): lambda: saved(picture(1603, 1201, 4), "WEBP", quality=96),
    ("webp", "lossless"): lambda: saved(SMALLER(), "WEBP", lossless=True, method=1),
    ("gif", "still"): lambda: saved(picture(1903, 1501, 1).quantize(200), "GIF"),
    ("bmp", "colour"): lambda: saved(SMALLER(), "BMP"),
    ("bmp", "palette"): lambda: saved(picture(1903, 1501, 1).quantize(200), "BMP"),
    ("tiff", "bare"): lambda: saved(SMALLER(), "TIFF"),
    ("tiff", "lzw"): lambda: saved(SMALLER(), "TIFF", compression="tiff_lzw"),
    ("tiff", "deflate"): lambda: saved(SMALLER(), "TIFF", compression="tiff_adobe_deflate"),
    ("tiff", "packbits"): lambda: saved(SMALLER(), "TIFF", compression="packbits"),
    ("tiff", "jpeg"): lambda: saved(COLOUR(), "TIFF", compression="jpeg", quality=97),
    ("tiff", "group4"): lambda: saved(dots(), "TIFF", compression="group4"),
    ("avif", "still"): lambda: saved(COLOUR(), "AVIF", quality=97, speed=10),
    ("heic", "still"): lambda: heic(COLOUR()),
    ("jxl", "still"): lambda: saved(COLOUR(), "JXL", quality=97, effort=1),
}


def sampled(data: bytes, name: str) -> list[tuple[str, int]]:
    """Label and byte of a sample, always the same one; the ends of some coded pictures are in it."""
    chance = random.Random(13)
    parts = by_name(name).parse(memoryview(data), Limits()).parts
    outside = [(part.label, at) for part in parts if part.role != Role.PIXELS for at in range(part.offset, part.end)]
    found = chance.sample(outside, min(OUTSIDE, len(outside)))
    coded = [part for part in parts if part.role == Role.PIXELS and name not in UNWALKED]
    for part in chance.choices(coded, k=INSIDE) if coded else ():
        found.append((part.label, chance.randrange(part.offset, part.end)))
        found.append((part.label, max(part.offset, part.end - 1 - chance.randrange(EDGE))))
    return sorted({*found}, key=lambda place: place[1])


def free_bytes(data: bytes, name: str, viewer: Callable[[bytes], object] = shown, stride: int = 1) -> dict[str, int]:
    """How many bytes of the sample change, and neither ``verify`` nor a viewer takes notice, by kind of part."""
    found: dict[str, int] = {}
    before = viewer(data)
    chance = random.Random(17)
    for label, at in sampled(data, name)[::stride]:
        changed = bytearray(data)
        changed[at] ^= chance.choice(FLIPS)
        try:
            is_free = not verify(changed, canonical=True) and viewer(bytes(changed)) == before
        except RmexifError:
            continue
        if is_free:
            found[label] = found.get(label, 0) + 1
    return {label: count for label, count in found.items() if count > FREE.get((name, label), 0)}


@needs_core
@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), MAKERS)
def test_no_byte_of_a_long_file_is_free(name: str, kind: str) -> None:
    clean, _ = strip(MAKERS[name, kind]())

    assert len(clean) > LEAST
    assert free_bytes(clean, name) == {}


@needs_core
@pytest.mark.slow
def test_no_byte_of_a_long_arithmetic_jpeg_is_free(tmp_path: Path) -> None:
    """Pillow shows none, so what counts is the picture of the same coefficients in Huffman codes, by libjpeg."""
    libjpeg = build_libjpeg(tmp_path)
    clean, _ = strip(libjpeg.transcoded(MAKERS["jpeg", "baseline"](), "arithmetic"))

    def viewer(data: bytes) -> object:
        try:
            return shown(libjpeg.transcoded(data, "optimise"))
        except AssertionError as error:  # libjpeg refuses a coefficient out of range
            return str(error)

    assert len(clean) > LEAST
    assert free_bytes(clean, "jpeg", viewer, stride=3) == {}
