"""Pictures that lie on their side, stand on their head, or are squeezed: seen in small cut-outs of a few candidates.

The network knows upright faces in proportion. Where most faces of a picture are less than certain, a few of them are
cut out and shown to it turned by quarters and stretched; where that makes a better face of one, the picture is searched
once more in that form. An ordinary picture has certain faces, and costs nothing; one without costs a few cut-outs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from rmexif.detectors.network import infer
from rmexif.detectors.pyramid import shrunk
from rmexif.detectors.search import SAME, cut_out, suppress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.detectors.network import Candidates

__all__ = ["correction", "mapped_back", "through"]

CERTAIN = 0.82  # median score of upright faces: 9 in 10 pictures reach it; of those turned by half a turn, one in four
FEW, MORE = 3, 12  # candidates that are looked at: at first, and where none of them makes a face in any form
SOME = 64  # best candidates among which those are chosen
VIEW, FACE = 64, 28  # px: side of a cut-out, and of the face in it
FOUND, BETTER = 0.4, 0.15  # score of a corrected view, and by how much it must exceed the view as it is
NEAR_CENTRE = VIEW / 5  # px: where a face lies in its view
STRETCH = 1.6  # each way: faces that are squeezed 1.7 to 4 times come out as the network knows them

# From a picture to the form in which its faces are upright and in proportion; areas stay.
CORRECTIONS = tuple(
    np.array(rows)
    for rows in (
        [[1.0, 0.0], [0.0, 1.0]],
        [[0.0, 1.0], [-1.0, 0.0]],
        [[-1.0, 0.0], [0.0, -1.0]],
        [[0.0, -1.0], [1.0, 0.0]],
        [[1 / STRETCH, 0.0], [0.0, STRETCH]],
        [[STRETCH, 0.0], [0.0, 1 / STRETCH]],
    )
)


def correction(rgb: NDArray[np.uint8], found: Candidates, chosen: Candidates) -> tuple[NDArray[Any] | None, int]:
    """The 2 x 2 matrix that brings a picture's faces to how the network knows them, or None; and px of the network.

    Args:
        rgb: H x W x 3.
        found: of all levels, in px of the picture.
        chosen: those of them that count as faces.
    """
    if len(chosen) and np.median(chosen[:, 4]) >= CERTAIN:
        return None, 0
    weak = found[found[:, 4] < CERTAIN]
    best = suppress(weak[np.argsort(-weak[:, 4], kind="stable")[:SOME]], SAME)[:MORE]
    places = [_Place(*row[:4].tolist()) for row in best]
    scores, tried = np.zeros(len(CORRECTIONS)), 0
    if not len(chosen):  # a close-up may leave no candidates at all
        small, _ = shrunk(rgb, 4 * VIEW)
        scores, tried = _scores(small, [_Place(0, 0, small.shape[1], small.shape[0], is_picture=True)]), 1
    for some in (places[:FEW], places[FEW:]):
        if some and scores.max() < FOUND:
            scores, tried = np.maximum(scores, _scores(rgb, some)), tried + len(some)
    spent = tried * len(CORRECTIONS) * VIEW**2
    surest = int(np.argmax(scores))
    if scores[surest] < max(FOUND, scores[0] + BETTER):
        return None, spent
    return CORRECTIONS[surest], spent


class _Place(NamedTuple):
    """A candidate's box, or the picture itself: px."""

    left: float
    top: float
    right: float
    bottom: float
    is_picture: bool = False

    def view(self, rgb: NDArray[np.uint8], matrix: NDArray[Any]) -> NDArray[np.uint8]:
        """A corrected cut-out: the face ``FACE`` px large on average, or the picture in full."""
        across, down = np.abs(matrix) @ (self.right - self.left, self.bottom - self.top)
        factor = VIEW / max(across, down) if self.is_picture else FACE / max(1.0, across * down) ** 0.5
        return cut_out(rgb, (self.left + self.right) / 2, (self.top + self.bottom) / 2, factor * matrix, VIEW)

    def surest(self, table: Candidates) -> float:
        """The score of the surest face in a view: any of the picture's; a candidate's in the middle."""
        sides = table[:, 2:4] - table[:, :2]
        off = np.abs(table[:, :2] + sides / 2 - VIEW / 2).max(axis=1)
        size = np.sqrt(np.maximum(sides[:, 0] * sides[:, 1], 0))
        fits = (off < NEAR_CENTRE) & (size > FACE / 2) & (size < FACE * 2)
        return float(table[fits | self.is_picture, 4].max(initial=0.0))


def _scores(rgb: NDArray[np.uint8], places: list[_Place]) -> NDArray[Any]:
    """For each correction, the score of the surest face that it makes of any place."""
    tables = iter(infer(np.stack([place.view(rgb, matrix) for place in places for matrix in CORRECTIONS]), 0.02))
    scores = [[place.surest(next(tables)) for _ in CORRECTIONS] for place in places]
    return np.asarray(np.max(scores, axis=0))


def _placed(size: tuple[int, int], matrix: NDArray[Any]) -> tuple[NDArray[Any], tuple[int, int]]:
    """The 2 x 3 map of a picture of ``size`` (width, height: px) whose result begins at 0, 0; and the result's size."""
    corners = matrix @ np.array([[0, size[0], 0, size[0]], [0, 0, size[1], size[1]]], float)
    low, high = corners.min(axis=1), corners.max(axis=1)
    width, height = np.maximum(1, np.round(high - low)).astype(int).tolist()
    return np.concatenate([matrix, -low[:, None]], axis=1), (width, height)


def through(rgb: NDArray[np.uint8], matrix: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture brought to the form that a correction stands for."""
    affine, size = _placed((rgb.shape[1], rgb.shape[0]), matrix)
    half = np.array([0.5, 0.5])  # from corners to the middles of pixels
    affine[:, 2] += matrix @ half - half
    view: NDArray[Any] = cv2.warpAffine(np.ascontiguousarray(rgb), affine, size, borderMode=cv2.BORDER_REPLICATE)
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
