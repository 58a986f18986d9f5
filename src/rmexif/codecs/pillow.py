"""Images that Pillow decodes: their size is compared first, their samples taken as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.types import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from rmexif.types import Container

__all__ = ["array_of", "loaded", "picture_offset", "sized", "space_of"]

# Pillow modes that are taken as they are, and what the numbers mean.
PLAIN_MODES = {"L": "L", "LA": "L", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK", "LAB": "LAB"}
# Pillow modes that are first converted to one of the above; none of these loses anything.
CONVERTED_MODES = {"1": "L", "La": "LA", "P": "RGB", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}


def picture_offset(container: Container[Any]) -> int:
    """Byte where the coded picture starts, for errors about it."""
    return next((part.offset for part in container.parts if part.role is Role.PIXELS), 0)


def sized(width: int, height: int, container: Container[Any]) -> None:
    """Raise MalformedImage where a decoder sees another size than our parser: asked before it decodes, and after."""
    name, announced, found = container.format, (container.width, container.height), (width, height)
    if name in ("heic", "avif", "jxl", "raw"):  # a clean aperture (clap) or a border is cut, a turn swaps the sides
        agrees = all(have <= most for have, most in zip(sorted(found), sorted(announced), strict=True))
    else:
        agrees = found == announced or (name == "tiff" and found == announced[::-1])  # Pillow turns pages itself
    if not agrees:
        raise MalformedImage(
            f"{announced[0]} x {announced[1]} px announced, {width} x {height} px decoded",
            structure=container.format,
            offset=picture_offset(container),
        )


def space_of(pixels: NDArray[Any]) -> str:
    """The raster's space of grey or RGB, with or without alpha."""
    return "L" if pixels.shape[2] < 3 else "RGB"


def array_of(image: Image.Image) -> tuple[NDArray[Any], str]:
    """NDArray[Any] of a loaded Pillow image, as H x W x C, and the raster's space."""
    if image.mode.startswith("I;16"):
        return np.array(image).astype(np.uint16)[:, :, None], "L"
    if image.mode not in PLAIN_MODES or "transparency" in image.info:
        target = CONVERTED_MODES.get(image.mode, image.mode)
        if "transparency" in image.info and image.mode != "PA":
            target = "LA" if image.mode in ("1", "L") else "RGBA"
        if target not in PLAIN_MODES:
            raise UnsupportedFeature(f"samples of type {image.mode} are not handled")
        image = image.convert(target)
    pixels = np.array(image)
    return (pixels if pixels.ndim == 3 else pixels[:, :, None]), PLAIN_MODES[image.mode]


def loaded(image: Image.Image, container: Container[Any]) -> Image.Image:
    """A still, decoded once its size is known to agree."""
    sized(*image.size, container)
    image.load()
    return image
