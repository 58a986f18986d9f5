"""SVG files as pixels: what a drawing costs is tried on a small one first, because a renderer cannot be stopped."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin

from rmexif.codecs.pillow import array_of, loaded
from rmexif.containers.svg.cost import check_cost
from rmexif.containers.svg.expansion import check_drawing
from rmexif.containers.svg.tree import read_tree
from rmexif.errors import LimitExceeded, MissingDependency, UnsupportedFeature
from rmexif.types import Colour, Frame, Limits, Raster

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.types import Container

__all__ = ["drawing"]

LETTER = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="15">X</text></svg>'
DPI = 96.0  # px: of an inch (CSS Values 4, 6.2); without it resvg takes lengths in mm, pt or in for nothing
MAX_NODES = 100_000  # with those of what is used several times; drawing programs write some thousands
MAX_SECONDS = 4.0  # of processor time for the full size, as the small ones foretell it
TRIALS = (512, 256, 64, 16)  # parts of a side: the difference of two is what their pixels cost
LEAST_SECONDS = 0.02  # of such a difference: clocks and caches differ by less


def drawing(raw: bytes | memoryview, container: Container[object]) -> Raster:
    """An SVG file that was cleaned, drawn at its own size; nothing is loaded but fonts.

    Raises:
        MissingDependency: the extra svg is not installed.
        UnsupportedFeature: it has text, and no font can be read (in a container without any, or in a sandbox), or a
            filter whose time has no bound.
        LimitExceeded: it draws too many elements, its layers take too much memory, or its pixels too much time.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise MissingDependency("SVG needs resvg to be drawn: pip install 'rmexif[svg]'") from error

    root = read_tree(memoryview(raw), Limits())
    check_drawing(root, MAX_NODES)
    check_cost(root, container.width, container.height)
    text, width, height = bytes(raw).decode(), container.width, container.height

    def draw(across: int, down: int, text: str = text) -> bytes:
        return bytes(resvg_py.svg_to_bytes(svg_string=text, width=across, height=down, dpi=DPI))

    if (at := text.find("<text")) >= 0 and _opened(draw(20, 20, LETTER)).getbbox() is None:
        problem = "its text would be missing: no font can be read here"
        raise UnsupportedFeature(problem, structure="svg text", offset=at)
    _try(draw, width, height)
    image = _fitted(_opened(draw(width, height)), width, height)
    pixels, space = array_of(loaded(image, container))
    return Raster((Frame(pixels),), colour=Colour(icc=image.info.get("icc_profile")), space=space)


def _opened(png: bytes) -> Image.Image:
    return PngImagePlugin.PngImageFile(io.BytesIO(png))


def _fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """A drawing whose ratio of sides, which the renderer keeps, lost or gained a pixel by rounding."""
    is_near = abs(image.width - width) <= 1 and abs(image.height - height) <= 1
    if not is_near or image.size == (width, height):
        return image
    fitted = image.crop((0, 0, width, height))
    fitted.info = image.info
    return fitted


def _try(draw: Callable[[int, int], bytes], width: int, height: int) -> None:
    """Draw it small, again and again larger, as long as the full size would not take too long.

    Raises:
        LimitExceeded: drawn large, it would take too long.
    """
    before, area_before = 0.0, 0
    for part in TRIALS:
        across, down = max(1, width // part), max(1, height // part)
        started = time.thread_time()
        draw(across, down)
        spent, area = time.thread_time() - started, across * down
        each = max(0.0, spent - before) / max(1, area - area_before)
        is_known = area_before and spent - before > LEAST_SECONDS
        if spent > MAX_SECONDS or (is_known and spent + each * width * height > MAX_SECONDS):
            problem = f"the drawing would take more than {MAX_SECONDS:g} s of processor time at {width} x {height} px"
            raise LimitExceeded(problem)
        before, area_before = spent, area
