"""WebP: VP8, VP8L and ALPH, VP8X flags that lie, animations with every blend and disposal."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from tests.containers.builders_webp import anmf, chunk, encoded, riff, vp8x
from tests.shown.sample import Sample, chance, drawn, exif, pick, rgb_profile, sides

__all__ = ["make"]

ICC, ALPHA, EXIF, XMP, ANIMATED = 0x20, 0x10, 0x08, 0x04, 0x02


def make(rng: np.random.Generator) -> Sample:
    """A small picture or animation."""
    traits: set[str] = set()
    width, height = sides(rng)
    form = pick(rng, ["simple", "extended", "extended", "animated", "animated"])
    if form == "simple":
        return Sample(riff(*_coded(rng, width, height, False, traits)), frozenset(traits | {form}))
    flags, tail = 0, b""
    head = []
    if chance(rng, 0.25):
        head.append(chunk(b"ICCP", rgb_profile(rng)))
        flags |= ICC * chance(rng, 0.8)
        traits.add("profile" if flags & ICC else "profile-denied")
    if chance(rng, 0.3):
        tail = chunk(b"EXIF", pick(rng, [b"", b"Exif\0\0"]) + exif(rng, int(rng.integers(1, 9)), traits))
        flags |= EXIF * chance(rng, 0.8)
        traits.add("exif")
    if form == "extended":
        body = [b"".join(_coded(rng, width, height, True, traits))]
        flags |= ALPHA * chance(rng, 0.6)
    else:
        flags |= ANIMATED | ALPHA * chance(rng, 0.7)
        body = _animation(rng, width, height, traits)
    traits |= {form, "alpha-claimed" if flags & ALPHA else "alpha-denied"}
    return Sample(riff(vp8x(width, height, flags), *head, *body, tail), frozenset(traits))


def _coded(rng: np.random.Generator, width: int, height: int, extended: bool, traits: set[str]) -> list[bytes]:
    """The chunks of a picture: lossless or lossy, with alpha or not."""
    lossless, alpha = chance(rng, 0.5), chance(rng, 0.6)
    pixels = drawn(rng, width, height, 4 if alpha else 3)
    if alpha:
        pixels[..., 3] = np.clip(pixels[..., 3] * 1.6 - 70, 0, 255)
    if alpha and not lossless and not extended:
        pixels, alpha = pixels[..., :3].copy(), False
    traits |= {"lossless" if lossless else "lossy", *({"alpha"} if alpha else ())}
    settings = {"lossless": lossless, "quality": 95, "exact": chance(rng, 0.5)}
    return [chunk(kind, data) for kind, data in encoded(Image.fromarray(pixels), **settings)]


def _animation(rng: np.random.Generator, width: int, height: int, traits: set[str]) -> list[bytes]:
    """ANIM and frames, each on a part of the canvas."""
    background = rng.integers(0, 256, 4, np.uint8).tobytes()
    found = [chunk(b"ANIM", background + struct.pack("<H", rng.integers(0, 4)))]
    for _ in range(int(rng.integers(1, 5))):
        left, top = (int(rng.integers((n + 1) // 2)) * 2 if chance(rng, 0.7) else 0 for n in (width, height))
        wide, high = int(rng.integers(1, width - left + 1)), int(rng.integers(1, height - top + 1))
        if chance(rng, 0.3):
            left, top, wide, high = 0, 0, width, height
        coded = _coded(rng, wide, high, True, traits)
        duration = pick(rng, [0, 10, 50, 120, 1000])
        found.append(anmf(wide, high, *coded, x=left, y=top, duration=duration, flags=int(rng.integers(4))))
    return found
