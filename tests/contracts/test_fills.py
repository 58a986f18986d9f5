"""Colour under alpha 0: one colour everywhere says nothing and passes ``verify``; several could be a second picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmexif import inspect, strip, verify
from rmexif.containers.common.transparency import fill_colour

Y, X = np.mgrid[0:61, 0:97]
OPAQUE = np.stack([X * 2, Y * 3, X + Y, X * 0 + 255], -1).astype(np.uint8)
WRITERS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {},
    "TIFF LZW": {"compression": "tiff_lzw"},
    "TIFF Deflate": {"compression": "tiff_adobe_deflate"},
    "WEBP": {"lossless": True, "exact": True},
}
FILLS = [(255, 255, 255), (0, 0, 0), (1, 2, 3)]


def with_hole(fill: tuple[int, ...] | None) -> Image.Image:
    """A picture with a transparent band: of one colour, or of the picture that was there."""
    pixels = OPAQUE.copy()
    pixels[10:30, :, 3] = 0
    if fill:
        pixels[10:30, :, :3] = fill
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str) -> bytes:
    """As Pillow writes it."""
    out = io.BytesIO()
    image.save(out, kind.partition(" ")[0], **WRITERS[kind])
    return out.getvalue()


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_one_colour_passes(kind: str, mode: str) -> None:
    """Whichever it is."""
    for fill in FILLS:
        assert verify(saved(with_hole(fill).convert(mode), kind)) == [], fill


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_picture_under_alpha_is_found(kind: str, mode: str) -> None:
    """And strip takes it out, of which the strict question is sure."""
    raw = saved(with_hole(None).convert(mode), kind)

    found = verify(raw)
    data = strip(raw)[0]

    assert found
    assert list(inspect(raw).findings) == found
    assert verify(data, canonical=True) == []
    with Image.open(io.BytesIO(data)) as image:
        assert not np.asarray(image.convert("RGBA"))[10:30].any()


@pytest.mark.parametrize("kind", WRITERS)
def test_two_colours_are_found(kind: str) -> None:
    """They could spell."""
    pixels = np.asarray(with_hole((255, 255, 255))).copy()
    pixels[20, 5:60, :3] = 0

    assert verify(saved(Image.fromarray(pixels), kind))


def test_the_colours_of_frames_are_one_colour() -> None:
    """An APNG whose frames are filled differently could spell."""
    frames = [with_hole(fill) for fill in FILLS]
    frames[1].putpixel((3, 50), (9, 9, 9, 255))
    frames[2].putpixel((4, 50), (9, 9, 9, 255))
    alike = [with_hole(FILLS[0]), with_hole(FILLS[0])]
    alike[1].putpixel((3, 50), (9, 9, 9, 255))
    options: dict[str, Any] = {"save_all": True, "disposal": 0, "blend": 0}
    several, one = io.BytesIO(), io.BytesIO()
    frames[0].save(several, "PNG", append_images=frames[1:], **options)
    alike[0].save(one, "PNG", append_images=alike[1:], **options)

    assert verify(several.getvalue())
    assert verify(one.getvalue()) == []


@pytest.mark.parametrize("depth", [1, 2])
def test_the_colour_is_found_wherever_alpha_stands(depth: int) -> None:
    """Against numpy, with random pixels."""
    rng = np.random.default_rng(depth)
    for alpha in range(4):
        pixels = rng.integers(1, 200, (50, 4)).astype(f">u{depth}")
        assert fill_colour(pixels.tobytes(), 4, alpha, depth) is None
        pixels[7:12, alpha] = 0
        assert fill_colour(pixels.tobytes(), 4, alpha, depth) is None
        pixels[7:12] = pixels[7]
        assert fill_colour(pixels.tobytes(), 4, alpha, depth) == pixels[7].tobytes()


def test_a_byte_without_a_channel() -> None:
    """Of 32-bit BMP: 255 or 0 everywhere passes, alpha that no viewer shows does not."""
    for alpha, passes in ((255, True), (0, True), (None, False)):
        pixels = OPAQUE.copy()
        pixels[:, :, 3] = X if alpha is None else alpha
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "BMP")

        assert out.getvalue()[28] == 32
        assert (verify(out.getvalue()) == []) is passes
