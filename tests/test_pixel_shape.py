"""Pixels that are not square: scrub keeps their shape where the output can say it, and makes them square elsewhere."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from rmexif import Limits, Policy, scrub, strip, verify
from rmexif.raster import transform
from tests.containers.builders_png import chunk

pillow_heif.register_heif_opener()

WIDTH, HEIGHT = 96, 66
WIDE = {"jpeg": {"dpi": (100, 200)}, "png": {}, "tiff": {"dpi": (204, 98)}, "bmp": {}}
SHAPES = {"jpeg": (1, 2), "png": (2, 1), "tiff": (102, 49), "bmp": (3, 1)}


def source(kind: str, orientation: int = 1) -> bytes:
    """A picture whose pixels have the shape of the table, as Pillow writes it; in the fields of others by hand."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = Image.fromarray(np.stack([x * 2, y * 3, x + y], -1).astype(np.uint8))
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(out, kind, **({"exif": exif} if orientation > 1 else {}), **WIDE[kind])
    data = out.getvalue()
    if kind == "png":
        return data[:33] + chunk(b"pHYs", struct.pack(">IIB", 2000, 1000, 1)) + data[33:]
    return data[:38] + struct.pack("<ii", 3000, 1000) + data[46:] if kind == "bmp" else data


def shape(data: bytes) -> tuple[float, float]:
    """Horizontal and vertical density as Pillow reads them."""
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "JPEG":
            return image.info["jfif_density"]
        if image.format == "BMP":
            return struct.unpack_from("<ii", data, 38)
        if image.format == "TIFF":
            return float(image.tag_v2[282]), float(image.tag_v2[283])  # type: ignore[attr-defined]
        return image.info["aspect"]


def size(data: bytes) -> tuple[int, int]:
    """Px."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


@pytest.mark.parametrize("output", SHAPES)
@pytest.mark.parametrize("kind", SHAPES)
def test_the_shape_is_written(kind: str, output: str) -> None:
    """As strip does, in the smallest numbers near it, without a unit; the pixels stay as many."""
    data = scrub(source(kind), Policy(faces=False, stealth=False, output=output))[0]
    across, down = shape(data)

    assert across / down == pytest.approx(SHAPES[kind][0] / SHAPES[kind][1], rel=0.005)
    assert max(across, down) <= 110
    assert size(data) == (WIDTH, HEIGHT)
    assert verify(data, canonical=True) == []
    assert shape(data) == shape(strip(source(kind))[0]) or kind != output


@pytest.mark.parametrize("kind", ["jpeg", "tiff"])
def test_the_shape_turns_with_the_picture(kind: str) -> None:
    """Orientation 6: across is down."""
    data = scrub(source(kind, orientation=6), Policy(faces=False, stealth=False))[0]
    across, down = shape(data)

    assert size(data) == (HEIGHT, WIDTH)
    assert down / across == pytest.approx(SHAPES[kind][0] / SHAPES[kind][1], rel=0.005)


@pytest.mark.parametrize("output", ["webp", "avif", "heic", "gif", "pnm"])
@pytest.mark.parametrize(("kind", "expected"), [("png", (WIDTH, 2 * HEIGHT)), ("jpeg", (2 * WIDTH, HEIGHT))])
def test_pixels_are_made_square(kind: str, expected: tuple[int, int], output: str) -> None:
    """In formats that cannot say it, on the side where pixels lie less densely."""
    data, stats = scrub(source(kind), Policy(faces=False, stealth=False, output=output))

    assert size(data) == expected
    assert (stats["output_width"], stats["output_height"]) == expected
    assert verify(data, canonical=True) == []


def test_the_picture_is_the_same() -> None:
    """Against Pillow's resampling."""
    data = scrub(source("png"), Policy(faces=False, stealth=False, output="pnm"))[0]
    with Image.open(io.BytesIO(source("png"))) as image, Image.open(io.BytesIO(data)) as out:
        wanted = np.asarray(image.resize((WIDTH, 2 * HEIGHT), Image.Resampling.BICUBIC), int)

        assert np.abs(np.asarray(out, int) - wanted).mean() < 2


@pytest.mark.parametrize(("shape_", "most", "expected"), [((2, 1), 200, (10, 20)), ((2, 1), 150, (5, 10))])
def test_a_picture_at_its_limit_gets_smaller(shape_: Any, most: int, expected: tuple[int, int]) -> None:
    """Square pixels, and no more of them than allowed."""
    found = transform.squared(np.zeros((10, 10, 3), np.uint8), shape_, most)

    assert found.shape[1::-1] == expected


def test_a_square_pixel_says_nothing() -> None:
    """No density leaves where there is no shape."""
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "navy").save(out, "PNG", dpi=(300, 300))

    assert b"pHYs" not in scrub(out.getvalue(), Policy(faces=False, limits=Limits()))[0]
