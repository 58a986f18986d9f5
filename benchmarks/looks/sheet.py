"""Draws docs/styles.jpg: every style beside the original, on one photograph and one drawing.

The photograph is NASA's portrait of Eileen Collins (public domain), the one in ``examples/``; the drawing is made
here. Nobody else's picture is needed, and none may be put in.

    python benchmarks/looks/sheet.py docs/styles.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from rmexif.styles import STYLES, by_name, mask_for
from rmexif.types import Box

MARGIN = 0.3  # the policy's default
SIDE = 300  # px, of one cell
CAPTION = 28  # px
PHOTOGRAPH = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
ASTRONAUT = [Box(180, 72, 264, 185)]
DRAWN = [Box(70, 90, 170, 220), Box(225, 120, 315, 240)]


def drawing():
    """Two people of paint, close enough that their masks meet; BGR."""
    y, x = np.mgrid[0:400, 0:400] / 400
    picture = np.dstack([190 - 60 * y, 170 + 30 * x, 150 + 60 * x * y]).astype(np.uint8)
    for box, skin, hair, shirt in zip(
        DRAWN,
        ((120, 160, 215), (60, 85, 130)),
        ((40, 60, 90), (20, 20, 25)),
        ((160, 80, 40), (70, 130, 60)),
        strict=True,
    ):
        middle, tall, wide = ((box.left + box.right) // 2, (box.top + box.bottom) // 2), box.height // 2, box.width // 2
        cv2.ellipse(picture, (middle[0], 400), (wide * 2, 400 - box.bottom + 5), 0, 180, 360, shirt, -1, cv2.LINE_AA)
        cv2.ellipse(picture, (middle[0], middle[1] - 12), (wide + 12, tall + 8), 0, 0, 360, hair, -1, cv2.LINE_AA)
        cv2.ellipse(picture, middle, (wide, tall), 0, 0, 360, skin, -1, cv2.LINE_AA)
        for side in (-1, 1):
            cv2.circle(picture, (middle[0] + side * wide // 2, middle[1] - 12), 7, (30, 30, 30), -1, cv2.LINE_AA)
        cv2.ellipse(
            picture, (middle[0], middle[1] + tall // 2), (wide // 2, 10), 0, 0, 180, (60, 60, 160), 3, cv2.LINE_AA
        )
    noise = np.random.default_rng(1).normal(0, 3, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def row(picture, boxes, view):
    """One picture under every style, the original first."""
    masks = [mask_for(box, MARGIN, *picture.shape[:2]) for box in boxes]
    cells = []
    for name in ("original", *STYLES):
        pixels = np.ascontiguousarray(picture[:, :, ::-1])
        if name in STYLES:
            by_name(name).redact(pixels, masks, np.random.default_rng(1))
        part = pixels[view.top : view.bottom, view.left : view.right, ::-1]
        cells.append(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return np.hstack(cells)


def captions():
    strip = np.full((CAPTION, SIDE * (len(STYLES) + 1), 3), 255, np.uint8)
    for index, name in enumerate(("original", *STYLES)):
        text = name if name not in STYLES else f"{name}: {by_name(name).leak_bits} bits"
        cv2.putText(strip, text, (index * SIDE + 8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1, cv2.LINE_AA)
    return strip


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    photograph = cv2.imread(str(PHOTOGRAPH))
    rows = [row(photograph, ASTRONAUT, Box(40, 0, 400, 360)), row(drawing(), DRAWN, Box(0, 0, 400, 400))]
    cv2.imwrite(sys.argv[1], np.vstack([captions(), *rows]), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
