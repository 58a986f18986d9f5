"""Large pictures for benchmarks, made from the photograph that the project ships: detail, noise, metadata."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

ASTRONAUT = Path(__file__).parents[1] / "examples" / "astronaut.jpg"


def large(width: int = 4032, height: int = 3024) -> Image.Image:
    """A 12 MP picture with a face, and noise as a camera's."""
    portrait = Image.open(ASTRONAUT).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    grain = np.random.default_rng(0).normal(0, 4, (height, width, 1))
    return Image.fromarray((np.asarray(portrait) + grain).clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 92) -> bytes:
    """``image`` as a camera would hand it out, with an Exif block."""
    exif = Image.Exif()
    exif[0x010F] = "Example Camera Works"
    exif[0x0112] = 1
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif.tobytes())
    return out.getvalue()
