"""SVG files as pixels: what a drawing costs is tried on a small one first, because a renderer cannot be stopped."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from PIL import PngImagePlugin

from rmexif.codecs.pillow import array_of, loaded
from rmexif.containers.svg.references import drawn_nodes
from rmexif.errors import LimitExceeded, MissingDependency
from rmexif.types import Colour, Frame, Raster

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.types import Container

__all__ = ["drawing"]

MAX_NODES = 100_000  # with those of what is used several times; drawing programs write some thousands
MAX_SECONDS = 4.0  # of processor time for the full size, as the small ones foretell it
TRIALS = (32, 8)  # parts of a side: the difference of the two is what each pixel costs


def drawing(raw: bytes | memoryview, container: Container[object]) -> Raster:
    """An SVG file that was cleaned, drawn at its own size; nothing is loaded but fonts.

    Raises:
        MissingDependency: the extra svg is not installed.
        LimitExceeded: it draws too many elements, or its pixels cost too much.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise MissingDependency("SVG needs resvg to be drawn: pip install 'rmexif[svg]'") from error

    if (nodes := drawn_nodes(raw, MAX_NODES)) > MAX_NODES:
        raise LimitExceeded(f"{nodes} elements are drawn, with those that are used again; at most {MAX_NODES} may be")
    text, width, height = bytes(raw).decode(), container.width, container.height

    def draw(across: int, down: int) -> bytes:
        return bytes(resvg_py.svg_to_bytes(svg_string=text, width=across, height=down))

    _try(draw, width, height)
    image = PngImagePlugin.PngImageFile(io.BytesIO(draw(width, height)))
    pixels, space = array_of(loaded(image, container))
    return Raster((Frame(pixels),), colour=Colour(icc=image.info.get("icc_profile")), space=space)


def _try(draw: Callable[[int, int], bytes], width: int, height: int) -> None:
    """Draw it small twice.

    Raises:
        LimitExceeded: drawn large, it would take too long.
    """
    spent, area = [], []
    for part in TRIALS:
        across, down = max(1, width // part), max(1, height // part)
        started = time.thread_time()
        draw(across, down)
        spent.append(time.thread_time() - started)
        area.append(across * down)
        if spent[-1] > MAX_SECONDS:
            break
    else:
        each = max(0.0, spent[1] - spent[0]) / max(1, area[1] - area[0])
        if spent[1] + each * width * height <= MAX_SECONDS:
            return
    raise LimitExceeded(
        f"the drawing would take more than {MAX_SECONDS:g} s of processor time at {width} x {height} px"
    )
