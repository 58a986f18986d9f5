"""What the outputs of a detection network mean: one class per form of head, recognised by the shapes of its answer.

A row of ``HEADS`` is a form that an own model may have. ``of`` looks at what the network answered to an even grey
picture; ``decode`` turns an answer into rows of left, top, right, bottom (px of the network), score (0-1), class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HEADS", "PIXELS", "Answer", "Head", "Pixels", "recognise"]

STRIDES = (8, 16, 32)  # px: of the three levels of a YOLO or RetinaFace head
YOLO_STRIDES = (
    STRIDES,
    (8, 16, 32, 64),
    (4, 8, 16, 32),
)  # px: of YOLO's usual heads, and those for large and small things
PRIORS = ((16, 32), (64, 128), (256, 512))  # px: sides of RetinaFace's prior boxes, per level (arXiv 1905.00641)
VARIANCES = (0.1, 0.2)  # of RetinaFace's offsets and sizes
TOLERANCE = 1e-3  # that a score may lie outside 0-1, of half precision
MAX_EXPONENT = 12.0  # of a size: e^12 cells are wider than any picture

Pixels = Literal["rgb/255", "rgb", "bgr", "bgr-mean"]
# What a network of each form was trained on: factor, and what is taken away from 8-bit RGB before.
PIXELS: dict[str, tuple[bool, float, tuple[float, float, float]]] = {
    "rgb/255": (False, 1 / 255, (0.0, 0.0, 0.0)),
    "rgb": (False, 1.0, (0.0, 0.0, 0.0)),
    "bgr": (True, 1.0, (0.0, 0.0, 0.0)),
    "bgr-mean": (True, 1.0, (104.0, 117.0, 123.0)),  # ImageNet's mean, blue first
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network said about one picture.

    Args:
        arrays: its outputs as float32, each without a leading axis of 1.
        height: of the picture, px.
        width: px.
        classes: how many names of classes the model file holds; 0 where it holds none.
        wanted: numbers of the classes that are asked for; all where empty.
    """

    arrays: tuple[NDArray[np.float32], ...]
    height: int
    width: int
    classes: int = 0
    wanted: tuple[int, ...] = ()

    @property
    def cells(self) -> int:
        """Places of a head with one answer per cell of each level."""
        return self.cells_of(STRIDES)

    def cells_of(self, strides: tuple[int, ...]) -> int:
        """The same for other levels."""
        return sum(-(-self.height // step) * -(-self.width // step) for step in strides)

    @property
    def is_finite(self) -> bool:
        """Whether all of it are numbers: of what is none, a head might find no maximum, and say "nothing"."""
        return all(bool(np.isfinite(array).all()) for array in self.arrays)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the outputs."""
        return [array.shape for array in self.arrays]


class Head(Protocol):
    """A form of output."""

    @property
    def form(self) -> str:
        """Its name, for the report."""

    @property
    def pixels(self) -> Pixels:
        """What a picture has to become for networks of this form."""

    def decode(self, answer: Answer) -> NDArray[np.float32]:
        """Rows: left, top, right, bottom (px), score (0-1), class."""


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """YOLO with its own suppression: N x 6 (box, score, class) or N x 7 (picture, box, class, score)."""

    batched: bool
    form: str = "end-to-end YOLO"
    pixels: Pixels = "rgb/255"

    @classmethod
    def of(cls, answer: Answer) -> EndToEnd | None:
        """The head, where the shapes are those of one."""
        if len(answer.arrays) != 1 or answer.arrays[0].ndim != 2 or answer.arrays[0].shape[1] not in (6, 7):
            return None
        table = answer.arrays[0]
        if len(table) in (answer.cells, 3 * answer.cells):
            return None
        numbers = table[:, [0, 5]] if table.shape[1] == 7 else table[:, 5]  # what classifies only has no such column
        return cls(table.shape[1] == 7) if (numbers == np.round(numbers)).all() else None

    def decode(self, answer: Answer) -> NDArray[np.float32]:
        """The rows as they are."""
        rows = answer.arrays[0]
        return rows[:, [1, 2, 3, 4, 6, 5]] if self.batched else rows


@dataclass(frozen=True, slots=True)
class Yolo:
    """Decoded YOLO without suppression: centre and size (px), objectness in older ones, a score per class."""

    channels_first: bool
    objectness: bool
    classes: int
    form: str = "raw YOLO"
    pixels: Pixels = "rgb/255"

    @classmethod
    def of(cls, answer: Answer) -> Yolo | None:
        """The head, where the shapes are those of one: 4+C x N (YOLOv8 and later), N x 4+C, 3 N x 5+C (YOLOv5)."""
        if not answer.arrays or answer.arrays[0].ndim != 2 or any(array.ndim < 3 for array in answer.arrays[1:]):
            return None  # a segmenting one answers masks beside, of three axes
        first, second = answer.arrays[0].shape
        cells = [answer.cells_of(strides) for strides in YOLO_STRIDES]
        if first >= 5 and second in cells:
            return cls(True, False, answer.classes or first - 4) if answer.classes <= first - 4 else None
        if second >= 6 and first in (3 * count for count in cells):
            return cls(False, True, second - 5)
        if answer.classes and second == 4 + answer.classes and first in cells:
            return cls(False, False, answer.classes)
        return None

    def decode(self, answer: Answer) -> NDArray[np.float32]:
        """Corners, the best class and its score."""
        table = answer.arrays[0].T if self.channels_first else answer.arrays[0]
        return _with_classes(table, 5 if self.objectness else 4, self.classes, answer.wanted)


@dataclass(frozen=True, slots=True)
class YoloX:
    """YOLOX: one row per cell, box (in cells, or decoded), objectness, a score per class (arXiv 2107.08430)."""

    decoded: bool
    form: str = "YOLOX"
    pixels: Pixels = "bgr"

    @classmethod
    def of(cls, answer: Answer) -> YoloX | None:
        """The head, where there is a row of 5+C for every cell."""
        if len(answer.arrays) != 1 or answer.arrays[0].ndim != 2:
            return None
        rows, columns = answer.arrays[0].shape
        if rows != answer.cells or columns < 6 or (answer.classes and columns != 5 + answer.classes):
            return None
        centres = answer.arrays[0][:, 0]  # those of decoded boxes reach over the picture, the others lie about a cell
        return cls(bool(centres.max() > answer.width / 2))

    def decode(self, answer: Answer) -> NDArray[np.float32]:
        """Corners, the best class and its score."""
        table = answer.arrays[0]
        if not self.decoded:
            places, steps = _grid(answer.height, answer.width, 1)
            table = table.copy()
            table[:, :2] = (table[:, :2] + places) * steps
            table[:, 2:4] = np.exp(np.minimum(table[:, 2:4], MAX_EXPONENT)) * steps
        return _with_classes(table, 5, table.shape[1] - 5, answer.wanted)


@dataclass(frozen=True, slots=True)
class RetinaFace:
    """RetinaFace: offsets to prior boxes (N x 4), two scores (N x 2), and landmarks, which are not needed."""

    boxes: int
    scores: int
    logits: bool
    form: str = "RetinaFace"
    pixels: Pixels = "bgr-mean"

    @classmethod
    def of(cls, answer: Answer) -> RetinaFace | None:
        """The head, where there are two priors for every cell."""
        places = {shape: number for number, shape in enumerate(answer.shapes)}
        rows = 2 * answer.cells
        if (rows, 4) not in places or (rows, 2) not in places or not set(places) <= {(rows, 4), (rows, 2), (rows, 10)}:
            return None
        scores = answer.arrays[places[rows, 2]]
        logits = not np.allclose(scores.sum(axis=1), 1.0, atol=0.01)
        return cls(places[rows, 4], places[rows, 2], logits)

    def decode(self, answer: Answer) -> NDArray[np.float32]:
        """Corners and the score of "face"."""
        offsets, scores = answer.arrays[self.boxes], answer.arrays[self.scores]
        places, steps = _grid(answer.height, answer.width, 2)
        sides = np.concatenate([np.tile(pair, count) for pair, count in zip(PRIORS, _counts(answer), strict=True)])
        sides = sides.astype(np.float32)[:, None]
        centres = (places + 0.5) * steps + offsets[:, :2] * VARIANCES[0] * sides
        halves = sides * np.exp(np.minimum(offsets[:, 2:] * VARIANCES[1], MAX_EXPONENT)) / 2
        sure = _sigmoid(scores[:, 1] - scores[:, 0]) if self.logits else scores[:, 1]
        return _rows(centres, halves, sure, np.zeros_like(sure))


@dataclass(frozen=True, slots=True)
class HeatMap:
    """CenterFace: a map of scores, one of sizes (logarithm, in cells), one of places inside the cell, landmarks."""

    logits: bool
    form: str = "heat map"
    pixels: Pixels = "rgb"

    @classmethod
    def of(cls, answer: Answer) -> HeatMap | None:
        """The head, where there are maps of 1, 2 and 2 channels of one size; other maps are landmarks."""
        maps = answer.arrays
        if len(maps) not in (3, 4) or any(array.ndim != 3 for array in maps):
            return None
        if [array.shape[0] for array in maps[:3]] != [1, 2, 2] or len({array.shape[1:] for array in maps}) != 1:
            return None
        rows, columns = maps[0].shape[1:]
        step = answer.height // rows if rows else 0
        if step < 1 or (rows * step, columns * step) != (answer.height, answer.width):
            return None
        return cls(bool(maps[0].min() < -TOLERANCE or maps[0].max() > 1 + TOLERANCE))

    def decode(self, answer: Answer) -> NDArray[np.float32]:
        """The local maxima of the map, as boxes."""
        heat, size, place = answer.arrays[:3]
        score = _sigmoid(heat[0]) if self.logits else heat[0]
        padded = np.pad(score, 1, constant_values=-np.inf)
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(2, 3))
        row, column = np.nonzero(score == around)
        step = answer.height / heat.shape[1]
        halves = np.exp(np.minimum(size[:, row, column].T[:, ::-1], MAX_EXPONENT)) * step / 2
        centres = (np.stack([column, row], axis=1) + place[:, row, column].T[:, ::-1] + 0.5) * step
        return _rows(centres, halves, score[row, column], np.zeros(row.size))


# Each form with what its outputs look like; asked in this order.
HEADS: dict[str, type[Any]] = {
    "end-to-end YOLO (one output, N x 6 or N x 7)": EndToEnd,
    "raw YOLO (4+C x N, or N x 5+C with three rows a cell)": Yolo,
    "YOLOX (a row of 5+C for every cell of strides 8, 16, 32)": YoloX,
    "RetinaFace (N x 4 and N x 2, two priors a cell of strides 8, 16, 32)": RetinaFace,
    "heat map (maps of 1, 2 and 2 channels, as CenterFace)": HeatMap,
}


def recognise(answer: Answer) -> Head | None:
    """The form of head that an answer has; None where it has none, or its scores are no scores."""
    for kind in HEADS.values():
        head: Head | None = kind.of(answer)
        if head is not None:
            return head if is_valid(head.decode(answer)) else None
    return None


def is_valid(rows: NDArray[np.float32]) -> bool:
    """Whether all are numbers, and the scores 0 to 1."""
    scores = rows[:, 4]
    return bool(np.isfinite(rows).all() and (scores >= -TOLERANCE).all() and (scores <= 1 + TOLERANCE).all())


def _counts(answer: Answer) -> list[int]:
    return [-(-answer.height // step) * -(-answer.width // step) for step in STRIDES]


def _grid(height: int, width: int, priors: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every cell of every level, and the cell's side (px); each ``priors`` times."""
    places, steps = [], []
    for step in STRIDES:
        row, column = np.indices((-(-height // step), -(-width // step))).reshape(2, -1)
        places.append(np.stack([column, row], axis=1).repeat(priors, axis=0))
        steps.append(np.full((row.size * priors, 1), step))
    return np.concatenate(places).astype(np.float32), np.concatenate(steps).astype(np.float32)


def _with_classes(table: NDArray[np.float32], start: int, classes: int, wanted: tuple[int, ...]) -> NDArray[np.float32]:
    """Rows out of centre, size, objectness where ``start`` is 5, and scores from column ``start`` on.

    Of a place that several classes share only those that are wanted count: another one cannot hide them.
    """
    numbers = np.array(wanted or range(classes))
    numbers = numbers[numbers < classes]
    if not len(table) or not len(numbers):
        return np.zeros((0, 6), np.float32)
    scores = table[:, start + numbers]
    best = scores.argmax(axis=1)
    sure = np.take_along_axis(scores, best[:, None], axis=1)[:, 0]
    return _rows(table[:, :2], table[:, 2:4] / 2, sure * table[:, 4] if start == 5 else sure, numbers[best])


def _rows(
    centres: NDArray[Any], halves: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any]
) -> NDArray[np.float32]:
    return np.column_stack([centres - halves, centres + halves, scores, classes]).astype(np.float32)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-np.clip(logits, -60, 60)))).astype(np.float32)
