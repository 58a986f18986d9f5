"""Files of common encoders with nothing in them but the picture: which of them ``verify`` names, and why.

The table says, for every encoder at hand, which parts are found. What each tool adds of its own (its version, the time,
a thumbnail) is a finding and stays one.
"""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageDraw

from rmexif import inspect, verify

if TYPE_CHECKING:
    from pathlib import Path

pillow_heif.register_heif_opener()

PICTURES = ("photo", "screenshot", "clear", "grey")


@cache
def picture(name: str) -> Image.Image:
    """A noisy gradient, a window with a text, the gradient with a transparent hole of one colour, and in grey."""
    if name == "screenshot":
        image = Image.new("RGB", (120, 80), "white")
        draw = ImageDraw.Draw(image)
        draw.rectangle((10, 10, 60, 40), fill="navy")
        draw.text((10, 50), "Settings", fill="black")
        return image
    y, x = np.mgrid[0:97, 0:131]
    noise = np.random.default_rng(3).integers(-9, 10, (97, 131, 3))
    pixels = (np.stack([x, y * 2, x + y], -1) + noise).clip(0, 255).astype(np.uint8)
    if name == "grey":
        return Image.fromarray(pixels).convert("L")
    if name == "clear":
        pixels = np.dstack([pixels, np.full((97, 131), 255, np.uint8)])
        pixels[20:50, 30:90] = (255, 255, 255, 0)
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """As Pillow writes it."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def labels(data: bytes) -> set[str]:
    """Where something is found; inspect finds the same."""
    found = verify(data)
    assert list(inspect(data).findings) == found
    return {finding.where for finding in found}


# encoder -> its command, with IN (a PNG) and OUT, the extension, and what is found beside the picture
TOOLS: dict[str, tuple[list[str], str, set[str]]] = {
    "cwebp": (["cwebp", "-quiet", "IN", "-o", "OUT"], "webp", set()),
    "cwebp -lossless": (["cwebp", "-quiet", "-lossless", "-exact", "IN", "-o", "OUT"], "webp", set()),
    "cwebp -alpha_q": (["cwebp", "-quiet", "-alpha_q", "50", "IN", "-o", "OUT"], "webp", set()),
    "avifenc": (["avifenc", "-s", "10", "IN", "OUT"], "avif", set()),
    "avifenc -l": (["avifenc", "-l", "-s", "10", "IN", "OUT"], "avif", set()),
    "cjxl": (["cjxl", "IN", "OUT"], "jxl", set()),
    "cjxl --container": (["cjxl", "IN", "OUT", "--container=1"], "jxl", set()),
    "heif-enc": (["heif-enc", "IN", "-o", "OUT"], "heic", set()),
    "heif-enc -A": (["heif-enc", "-A", "IN", "-o", "OUT"], "avif", set()),
    "optipng": (["optipng", "-quiet", "IN", "-out", "OUT"], "png", set()),
    "pngcrush": (["pngcrush", "-q", "IN", "OUT"], "png", set()),
    "zopflipng": (["zopflipng", "-y", "--iterations=2", "IN", "OUT"], "png", set()),
    "vips png": (["vips", "copy", "IN", "OUT"], "png", set()),
    "vips jpeg": (["vips", "copy", "IN", "OUT"], "jpg", set()),
    "vips webp": (["vips", "copy", "IN", "OUT"], "webp", set()),
    "vips tiff": (["vips", "copy", "IN", "OUT"], "tiff", set()),
    "vips profile": (["vips", "copy", "IN", "OUT[profile=srgb]"], "png", set()),
    "ImageMagick png": (["convert-im6.q16", "IN", "-strip", "OUT"], "png", set()),
    "ImageMagick jpeg": (["convert-im6.q16", "IN", "-strip", "OUT"], "jpg", set()),
    "ImageMagick tiff": (["convert-im6.q16", "IN", "-strip", "OUT"], "tif", set()),
    "ImageMagick webp": (["convert-im6.q16", "IN", "-strip", "OUT"], "webp", set()),
    "ImageMagick dates": (["convert-im6.q16", "IN", "OUT"], "png", {"tEXt/date:create", "tEXt/date:modify", "tIME"}),
    "FFmpeg png": (["FFMPEG", "-v", "error", "-i", "IN", "OUT"], "png", set()),
    "FFmpeg webp": (["FFMPEG", "-v", "error", "-i", "IN", "OUT"], "webp", set()),
    "FFmpeg jpeg": (["FFMPEG", "-v", "error", "-i", "IN", "OUT"], "jpg", {"COM"}),
    "FFmpeg gif": (["FFMPEG", "-v", "error", "-i", "IN", "OUT"], "gif", set()),
    "FFmpeg tiff": (
        ["FFMPEG", "-v", "error", "-i", "IN", "-compression_algo", "lzw", "OUT"],
        "tiff",
        {"IFD0/305/Software", "IFD0/fields"},
    ),
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool(name: str, tmp_path: Path) -> None:
    """The table, for every tool that is installed."""
    command, extension, expected = TOOLS[name]
    program = imageio_ffmpeg.get_ffmpeg_exe() if command[0] == "FFMPEG" else shutil.which(command[0])
    if program is None:
        pytest.skip(f"{command[0]} is not installed")
    for kind in PICTURES[:3] if "profile" in name else PICTURES:  # that of RGB, which grey cannot have
        source, target = tmp_path / f"{kind}.png", tmp_path / f"{kind} out.{extension}"
        picture(kind).save(source)
        words = [word.replace("IN", str(source)).replace("OUT", str(target)) for word in command[1:]]
        subprocess.run([program, *words], check=True, capture_output=True, timeout=60)

        assert labels(target.read_bytes()) == expected, kind


@pytest.mark.parametrize("kind", PICTURES)
def test_heif_of_libheif(kind: str) -> None:
    """Parameter sets with a rate of x265, and grids of one tile."""
    assert labels(saved(picture(kind), "HEIF")) == set()
    assert labels(saved(picture(kind), "HEIF", quality=-1)) == set()


def test_pages_of_chromium(tmp_path: Path) -> None:
    """Screenshots, and canvases in sRGB and Display P3."""
    from playwright.sync_api import Error, sync_playwright

    script = """(space) => {
        const canvas = document.createElement("canvas"), context = canvas.getContext("2d", {colorSpace: space});
        context.fillStyle = "navy"; context.fillRect(10, 10, 90, 60); context.fillText("Settings", 10, 90);
        return ["png", "jpeg", "webp"].map((kind) => canvas.toDataURL("image/" + kind).split(",")[1]);
    }"""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except Error:
            pytest.skip("Chromium is not installed")
        page = browser.new_page()
        page.set_content("<p style='color: navy'>Settings</p>")
        files = [page.screenshot(), page.screenshot(type="jpeg"), page.screenshot(omit_background=True)]
        for space in ("srgb", "display-p3"):
            files += map(base64.b64decode, page.evaluate(script, space))
        browser.close()

    assert [labels(data) for data in files] == [set()] * len(files)
