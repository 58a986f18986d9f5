"""Draws docs/styles.jpg: every style beside the original, on a portrait, a close-up, a couple, a group and a crowd.

The photograph is NASA's portrait of Eileen Collins (public domain), the one in ``examples/``; group and crowd are made
of its face, and the couple is drawn here. Nobody else's picture is needed, and none may be put in.

    python -m benchmarks.looks.sheet docs/styles.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from benchmarks.crowd.run import crowd

from rmexif.detectors import CenterFace
from rmexif.policy import Policy
from rmexif.styles import STYLES, by_name, mask_for
from rmexif.types import Box

SIDE = 260  # px, of one cell
CAPTION = 28  # px
PHOTOGRAPH = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
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


def group(photograph):
    """Four people of unlike size before one wall; BGR."""
    picture = np.full((400, 400, 3), (150, 140, 120), np.uint8)
    for left, top, side in ((10, 40, 150), (150, 20, 110), (250, 60, 140), (120, 190, 190)):
        person = cv2.resize(photograph[30:210, 140:310], (side, side * 18 // 17), interpolation=cv2.INTER_AREA)
        picture[top : top + person.shape[0], left : left + side] = person
    return picture


def row(picture, boxes=None, view=None):
    """One picture under every style, the original first; faces are found where no boxes are given."""
    boxes = boxes or [found.box for found in CenterFace().detect(np.ascontiguousarray(picture[:, :, ::-1]))]
    view = view or Box(0, 0, picture.shape[1], picture.shape[0])
    masks = [mask_for(box, Policy().margin, *picture.shape[:2]) for box in boxes]
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
    close = cv2.resize(photograph[40:200, 145:305], (640, 640), interpolation=cv2.INTER_CUBIC)
    many = np.ascontiguousarray(crowd(400, 400)[:, :, ::-1])
    rows = [
        row(photograph, view=Box(40, 0, 400, 360)),
        row(close),
        row(drawing(), DRAWN),
        row(group(photograph)),
        row(many),
    ]
    cv2.imwrite(sys.argv[1], np.vstack([captions(), *rows]), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
