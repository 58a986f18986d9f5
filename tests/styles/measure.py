"""Surviving detail: how many DCT modes of a face can still be read from its redacted copy."""

from __future__ import annotations

import cv2
import numpy as np

from rmexif.styles import Style, mask_for
from rmexif.types import Box
from tests.styles.scenes import face, scene


def surviving_modes(
    style: Style, width: int, faces: int = 16, shifts: int = 3, mode: str = "RGB", quality: int | None = None
) -> int:
    """Modes (64 x 64 of a 128 x 128 face) of which the redacted face explains more than half of the variance.

    Args:
        style: what redacts.
        width: px, of the face.
        faces: drawn faces, all before the same wall.
        shifts: places of the mask about each face.
        mode: of the picture.
        quality: of a JPEG between redaction and measurement; none where None.
    """
    side = int(width * 1.6)
    near = int(width * 0.3)
    box = Box(near, near, near + width, near + width)
    wall = scene(7, side, side, mode)
    picture, rng = np.empty_like(wall), np.random.default_rng(11)
    clear, hidden = [], []
    for _ in range(faces):
        drawn = face(rng, width, width)
        for _ in range(shifts):
            np.copyto(picture, wall)
            picture[box.top : box.bottom, box.left : box.right] = drawn if mode == "RGB" else drawn[:, :, 1:2]
            clear += _modes(picture, box)
            dx, dy = (int(v) for v in rng.normal(0, 0.04 * width, 2))
            moved = Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)
            style.redact(picture, [mask_for(moved, 0.3, side, side)], rng)
            if quality is not None:
                packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
                hidden += _modes(cv2.imdecode(packed, cv2.IMREAD_COLOR), box)
            else:
                hidden += _modes(picture, box)
    a, b = (np.array(rows) - np.mean(rows, axis=0) for rows in (clear, hidden))
    explained = (a * b).sum(0) ** 2 / np.maximum((a * a).sum(0) * (b * b).sum(0), 1e-12)
    return int((explained > 0.5).sum())


def _modes(picture: np.ndarray, box: Box) -> list[np.ndarray]:
    view = picture[box.top : box.bottom, box.left : box.right]
    small = cv2.resize(view, (128, 128), interpolation=cv2.INTER_AREA).reshape(128, 128, -1).astype(np.float32)
    return [cv2.dct(small[:, :, channel])[:64, :64].ravel() for channel in range(small.shape[2])]
