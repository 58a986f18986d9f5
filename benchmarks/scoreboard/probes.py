"""What is asked of a cleaned picture: shown upright, in the same colours, with all frames, with the same pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.scoreboard import canaries
from PIL import Image, ImageCms, ImageOps

from rmexif import icc

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSE = 12  # of 255, mean of a small copy: a picture that was coded again, or moved by a stealth crop
SMALL = (16, 12)  # px


@dataclass(frozen=True)
class Probe:
    """A file and the question.

    Attributes:
        row: of the scoreboard.
        name: of the file.
        passes: whether an output answers it, given the input.
    """

    row: str
    name: str
    data: bytes
    passes: Callable[[bytes, bytes], bool]


def shown(data: bytes) -> np.ndarray:
    """The picture as a viewer shows it: turned by its orientation, its colours in sRGB."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
        profile = image.info.get("icc_profile")
        if profile and upright.mode == "RGB":
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            upright = ImageCms.profileToProfile(upright, source, target)
        return np.asarray(upright.convert("RGB"))


def looks_the_same(before: bytes, after: bytes) -> bool:
    """Whether small copies are alike, as shown."""
    one, other = (Image.fromarray(shown(data)) for data in (before, after))
    if (one.width > one.height) != (other.width > other.height):
        return False
    small = [np.asarray(image.resize(SMALL, Image.Resampling.BOX), np.int16) for image in (one, other)]
    return bool(np.abs(small[0] - small[1]).max() <= CLOSE)


def as_many_frames(before: bytes, after: bytes) -> bool:
    """Whether no frame or page is lost."""
    return frames(before) == frames(after)


def frames(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        return int(getattr(image, "n_frames", 1))


def same_pixels(before: bytes, after: bytes) -> bool:
    """Whether every sample that a decoder shows is the same."""
    pictures = []
    for data in (before, after):
        with Image.open(io.BytesIO(data)) as image:
            pictures.append(np.asarray(ImageOps.exif_transpose(image).convert("RGBA")))
    return pictures[0].shape == pictures[1].shape and bool((pictures[0] == pictures[1]).all())


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def probes() -> list[Probe]:
    """Every question, with pictures that are drawn here."""
    plain = canaries.picture()
    turned = Image.Exif()
    turned[0x0112] = 6  # Exif 2.32, tag 274: the viewer turns it by 90 degrees
    found = [
        Probe("upright", f"turned.{end}", _saved(plain, kind, exif=turned.tobytes(), quality=95), looks_the_same)
        for end, kind in (("jpg", "JPEG"), ("webp", "WEBP"), ("png", "PNG"))
    ]
    wide = icc.canonical("adobe-rgb")
    found += [
        Probe("colours", f"wide.{end}", _saved(plain, kind, icc_profile=wide, quality=95), looks_the_same)
        for end, kind in (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("tif", "TIFF"))
    ]
    others = [plain.rotate(90), plain.rotate(180)]
    for end, kind in (("gif", "GIF"), ("webp", "WEBP"), ("tif", "TIFF"), ("png", "PNG")):
        moving = _saved(plain, kind, save_all=True, append_images=others, **({} if end == "tif" else {"duration": 80}))
        found.append(Probe("frames", f"moving.{end}", moving, as_many_frames))
    for end, kind in (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("tif", "TIFF"), ("bmp", "BMP")):
        found.append(Probe("identical pixels", f"plain.{end}", _saved(plain, kind, quality=90), same_pixels))
    found.append(Probe("identical pixels", "plain.gif", _saved(plain.convert("P"), "GIF"), same_pixels))
    return found
