"""Pictures that lie on their side, stand on their head, or are squeezed: seen in small cut-outs of a few candidates.

The network knows upright faces in proportion. Where most faces of a picture are less than certain, a few of them are cut out
and shown to it turned by quarters and stretched; where that makes a better face of one, the picture is searched once more
in that form. An ordinary picture has certain faces, or no candidates at all, and costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.detectors.network import infer
from rmexif.detectors.search import SAME, cut_out, suppress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.detectors.network import Candidates

__all__ = ["correction", "mapped_back", "through"]

CERTAIN = 0.82  # score of an upright face: 82 of 98 pictures have one; of those turned by half a turn, one in four
FEW = 3  # candidates that are looked at
VIEW, FACE = 64, 28  # px: side of a cut-out, and of the face in it
FOUND, BETTER = 0.4, 0.15  # score of a corrected view, and by how much it must exceed the view as it is
NEAR_CENTRE = VIEW / 5  # px: where a face lies in its view
ROOT = 2**0.5

# From a picture to the form in which its faces are upright and in proportion; areas stay.
CORRECTIONS = tuple(
    np.array(rows)
    for rows in (
        [[1.0, 0.0], [0.0, 1.0]],
        [[0.0, 1.0], [-1.0, 0.0]],
        [[-1.0, 0.0], [0.0, -1.0]],
        [[0.0, -1.0], [1.0, 0.0]],
        [[1 / ROOT, 0.0], [0.0, ROOT]],
        [[ROOT, 0.0], [0.0, 1 / ROOT]],
    )
)


def correction(rgb: NDArray[np.uint8], found: Candidates, chosen: Candidates) -> NDArray[Any] | None:
    """The 2 x 2 matrix that brings the faces of a picture to how the network knows them; None for most pictures.

    Args:
        rgb: H x W x 3.
        found: of all levels, in px of the picture.
        chosen: those of them that count as faces.
    """
    if len(chosen) and np.median(chosen[:, 4]) >= CERTAIN:
        return None
    best = suppress(found[found[:, 4] < CERTAIN], SAME)[:FEW]
    places = [(row[:4].tolist(), FACE) for row in best]
    if not len(chosen):  # a close-up may leave no candidates at all
        places.append(([0, 0, rgb.shape[1], rgb.shape[0]], VIEW))
    if not places:
        return None
    views = [_view(rgb, *place, matrix) for place in places for matrix in CORRECTIONS]
    tables = infer(np.stack(views), 0.02)
    sizes = [size for _, size in places for _ in CORRECTIONS]
    scores = np.array([_surest(table, size) for table, size in zip(tables, sizes, strict=True)])
    as_it_is, *corrected = scores.reshape(len(places), -1).max(axis=0)
    surest = int(np.argmax(corrected))
    if corrected[surest] < max(FOUND, as_it_is + BETTER):
        return None
    return CORRECTIONS[1 + surest]


def _view(rgb: NDArray[np.uint8], box: list[float], size: int, matrix: NDArray[Any]) -> NDArray[np.uint8]:
    """A corrected cut-out.

    Args:
        rgb: H x W x 3.
        box: px: left, top, right, bottom.
        size: px of the view that the box, corrected, takes along its longer side if it is all of the view, else on average.
        matrix: the correction.
    """
    left, top, right, bottom = box
    across, down = np.abs(matrix) @ (right - left, bottom - top)
    side = max(across, down) if size == VIEW else (across * down) ** 0.5
    return cut_out(rgb, (left + right) / 2, (top + bottom) / 2, size / max(1.0, side) * matrix, VIEW)


def _surest(table: Candidates, size: int) -> float:
    """The score of the surest face in the middle of a view that has about the expected size, or is part of a whole."""
    sides = table[:, 2:4] - table[:, :2]
    off = np.abs(table[:, :2] + sides / 2 - VIEW / 2).max(axis=1)
    area = np.sqrt(np.maximum(sides[:, 0] * sides[:, 1], 0))
    fits = (off < NEAR_CENTRE) & (area > FACE / 2) & (area < FACE * 2)
    return float(table[fits | (size == VIEW), 4].max(initial=0.0))


def _placed(size: tuple[int, int], matrix: NDArray[Any]) -> tuple[NDArray[Any], tuple[int, int]]:
    """The 2 x 3 map of a picture of ``size`` (width, height: px) whose result begins at 0, 0; and the result's size."""
    corners = matrix @ np.array([[0, size[0], 0, size[0]], [0, 0, size[1], size[1]]], float)
    low, high = corners.min(axis=1), corners.max(axis=1)
    width, height = np.maximum(1, np.round(high - low)).astype(int).tolist()
    return np.concatenate([matrix, -low[:, None]], axis=1), (width, height)


def through(rgb: NDArray[np.uint8], matrix: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture brought to the form that a correction stands for."""
    whole, size = _placed((rgb.shape[1], rgb.shape[0]), matrix)
    half = np.array([0.5, 0.5])  # from corners to the middles of pixels
    whole[:, 2] += matrix @ half - half
    view: NDArray[Any] = cv2.warpAffine(np.ascontiguousarray(rgb), whole, size, borderMode=cv2.BORDER_REPLICATE)
    return view


def mapped_back(found: Candidates, matrix: NDArray[Any], height: int, width: int) -> Candidates:
    """Candidates of the corrected picture, boxes in px of the picture itself.

    Args:
        found: their landmarks are left as they are.
        matrix: the correction.
        height: px, of the picture.
        width: px.
    """
    placed, _ = _placed((width, height), matrix)
    back = np.linalg.inv(matrix)
    ends = [(found[:, columns] - placed[:, 2]) @ back.T for columns in ((0, 1), (2, 3))]
    rows = found.copy()
    rows[:, :2], rows[:, 2:4] = np.minimum(*ends), np.maximum(*ends)
    return rows
