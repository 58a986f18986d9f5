"""Blocks that reach over a picture's edge: how many bytes a writer has there is a residual, counted by hand here."""

from __future__ import annotations

import io

import pillow_heif
import pillow_jxl  # noqa: F401 - registers the format with Pillow
import pytest
from PIL import Image

from rmexif import strip


def bound(image: Image.Image, kind: str, **options: object) -> int:
    """Bytes that the report says of what is coded beyond the edge; 0 where it says nothing."""
    out = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(out, quality=80)
    else:
        image.save(out, kind, **options)
    _, stats = strip(out.getvalue())
    return sum(row["bytes"] or 0 for row in stats["residuals"] if row["code"] == "coded-edge")


@pytest.mark.parametrize(
    ("size", "subsampling", "expected"),
    [
        ((32, 16), 2, 0),
        ((33, 16), 2, 48 * 16 - 33 * 16 + 2 * (24 * 8 - 17 * 8)),  # T.81, A.2.4: three MCUs of 16 x 16 px
        ((33, 17), 0, 3 * (40 * 24 - 33 * 17)),
    ],
)
def test_samples_of_a_jpeg(size: tuple[int, int], subsampling: int, expected: int) -> None:
    assert bound(Image.new("RGB", size, (9, 99, 200)), "JPEG", subsampling=subsampling) == expected


def test_a_single_component_has_no_mcus_to_fill() -> None:
    """T.81, A.2.2: blocks that cover it."""
    assert bound(Image.new("L", (33, 17)), "JPEG") == 40 * 24 - 33 * 17


def test_macroblocks_of_webp() -> None:
    """RFC 6386, 9: 16 x 16 px, and two planes of a quarter of that."""
    assert bound(Image.new("RGB", (33, 17), (9, 99, 200)), "WEBP") == (48 * 32 - 33 * 17) * 3 // 2 + 1
    assert bound(Image.new("RGB", (33, 17), (9, 99, 200)), "WEBP", lossless=True) == 0


def test_blocks_of_other_codecs() -> None:
    """An upper bound: 8 x 8 px of JPEG XL, what x265 codes (its window cuts it off), 64 x 64 px of AV1."""
    image = Image.effect_noise((100, 70), 60).convert("RGB")
    assert bound(image, "JXL", quality=80) == 6 * (104 * 72 - 100 * 70)
    assert bound(image, "JXL", lossless=True) == 0
    assert bound(image, "HEIF") == 6 * (104 * 72 - 100 * 70)
    assert bound(image, "AVIF", quality=80) == 6 * (128 * 128 - 100 * 70)
