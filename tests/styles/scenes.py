"""Pictures for the style tests: drawn faces before textured walls, all from one seed."""

from __future__ import annotations

import cv2
import numpy as np

from rmexif.types import Box

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def clouds(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Noise with structure at every scale, 0-1."""
    total = np.zeros((height, width, channels), np.float32)
    for side in (3, 7, 16, 40):
        small = rng.random((side, side, channels), dtype=np.float32)
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).reshape(total.shape)
    return np.clip(total / 4, 0, 1)


def face(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A face that fills its box: skin, lighting, eyes, brows, nose and mouth of its own; uint8 RGB."""
    skin = np.array([0.9, 0.7, 0.55]) * rng.uniform(0.35, 1.05) + rng.normal(0, 0.03, 3)
    light = 0.5 + clouds(rng, 128, 128, 1)
    canvas = (255 * np.clip(skin * light, 0, 1)).astype(np.uint8)
    dark = tuple(int(v) for v in rng.integers(0, 90, 3))
    gap, eyes, mouth = (int(v) for v in (rng.integers(20, 38), rng.integers(40, 62), rng.integers(86, 108)))
    for side in (-1, 1):
        cv2.ellipse(
            canvas, (64 + side * gap, eyes), (int(rng.integers(6, 14)), int(rng.integers(3, 8))), 0, 0, 360, dark, -1
        )
        brow = (64 + side * gap, eyes - int(rng.integers(9, 18)))
        cv2.ellipse(canvas, brow, (int(rng.integers(8, 18)), 3), float(rng.uniform(-20, 20)), 180, 360, dark, 3)
    cv2.line(canvas, (64, eyes), (64 + int(rng.integers(-8, 8)), mouth - 14), dark, int(rng.integers(1, 5)))
    cv2.ellipse(
        canvas, (64, mouth), (int(rng.integers(12, 34)), int(rng.integers(2, 12))), 0, 0, 360, (150, 40, 50), -1
    )
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA if width < 128 else cv2.INTER_CUBIC)


def scene(
    seed: int, height: int, width: int, mode: str = "RGB", kind: type = np.uint8, boxes: tuple[Box, ...] = ()
) -> np.ndarray:
    """A wall with faces at the boxes; alpha, where there is one, runs from clear to opaque."""
    rng = np.random.default_rng(seed)
    colours = 3 if CHANNELS[mode] >= 3 else 1
    picture = (255 * clouds(rng, height, width, colours)).astype(np.uint8)
    for box in boxes:
        drawn = face(rng, box.height, box.width)[: height - box.top, : width - box.left]
        picture[box.top : box.bottom, box.left : box.right] = drawn if colours == 3 else drawn[:, :, 1:2]
    if CHANNELS[mode] > colours:
        ramp = np.linspace(0, 255, width).astype(np.uint8)
        picture = np.dstack([picture, np.broadcast_to(ramp, (height, width))])
    return picture if kind is np.uint8 else picture.astype(kind) * kind(257)
