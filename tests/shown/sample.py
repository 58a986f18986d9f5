"""One generated file, and what its generators share: pictures, profiles and Exif blocks."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tests.containers import profiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

__all__ = ["Sample", "chance", "drawn", "exif", "pick", "rgb_profile", "sides"]

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))  # SMPTE EG 432-1 at D50


@dataclass(frozen=True, slots=True)
class Sample:
    """A file and what is special about it."""

    data: bytes
    traits: frozenset[str]


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of them."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: np.random.Generator, share: float) -> bool:
    """True in so many cases of one."""
    return bool(rng.random() < share)


def sides(rng: np.random.Generator, most: int = 40) -> tuple[int, int]:
    """Width and height."""
    width, height = rng.integers(1, most, 2)
    return int(width), int(height)


def drawn(rng: np.random.Generator, width: int, height: int, channels: int) -> NDArray[np.uint8]:
    """A smooth picture with one edge: H x W x channels. Noise would judge the quality of encoders."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        start, across, down = rng.integers(0, 256), rng.integers(-120, 121), rng.integers(-120, 121)
        planes.append(start + across * x / width + down * y / height)
    picture = np.stack(planes, axis=2)
    picture[(x >= width // 2 // 8 * 8) & (y >= height // 2 // 8 * 8)] = rng.integers(0, 256, channels)
    return np.clip(picture, 0, 255).round().astype(np.uint8)


def rgb_profile(rng: np.random.Generator) -> bytes:
    """A matrix profile of a known or an unknown space."""
    colorants = pick(rng, [profiles.SRGB, profiles.ADOBE, P3, profiles.DISPLAY])
    curve = pick(rng, [profiles.gamma(563 / 256), profiles.gamma(1.8), profiles.para(0, 2.4), profiles.gamma(1.0)])
    return profiles.matrix(colorants, curve)


def exif(rng: np.random.Generator, orientation: int, traits: set[str]) -> bytes:
    """A TIFF block that holds one orientation, as any type that readers take (Exif 2.32, 4.6.2)."""
    order = pick(rng, ["<", ">"])
    kind, form = pick(rng, [(3, "H2x"), (3, "H2x"), (3, "H2x"), (4, "I"), (8, "h2x")])
    if kind != 3 and 1 < orientation < 9:
        traits.add("orientation-no-short")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "HHHI" + form + "I", 1, 0x0112, kind, 1, orientation, 0)
