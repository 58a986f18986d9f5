"""An own model: any ONNX file of a form that ``heads`` knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rmexif.detectors import model_file
from rmexif.detectors.search import SAME, suppress
from rmexif.detectors.tiling import views
from rmexif.errors import DetectionError, InvalidPolicy, SetupError
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Onnx"]

ALONE = {"balanced": 0.25, "high": 0.15, "max": 0.1}  # lowest score; 0.25 is what YOLO's own tools take
MAX_CANDIDATES = 20_000  # of one picture: what is more is no detector's answer, and would take minutes to put together
# FILE[:LABEL[=CLASS,CLASS]]; a colon with a path behind it, as in C:\models, begins no label.
ARGUMENT = re.compile(
    r"(?P<path>.{2,}?)(?::(?P<label>[^:/\\.=]{1,40})(?:=(?P<classes>\d{1,5}(?:,\d{1,5})*))?)?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Onnx:
    """Finds what an own model finds: plates, bodies, screens, other faces.

    Args:
        path: of the model file; it is read when the detector is made, and has to be the same in every process.
        label: of its detections; the model's own name of the class, or "object", where empty.
        classes: numbers of the classes that count; all where empty.
        recall: how much is searched: "balanced", "high" or "max".
        min_confidence: lowest score (0-1); None takes the plan's own.
        providers: what runs the model, the preferred one first; "auto" takes what the installation has.
        digest: SHA-256 of the file, taken when the detector is made.
    """

    path: str
    label: str = ""
    classes: tuple[int, ...] = ()
    recall: Literal["balanced", "high", "max"] = "balanced"
    min_confidence: float | None = None
    providers: tuple[str, ...] = (model_file.AUTO,)
    digest: str = field(default="", repr=False)

    @classmethod
    def from_argument(cls, argument: str) -> Onnx:
        """The detector of ``onnx:FILE[:LABEL[=CLASS,CLASS]]``.

        Raises:
            InvalidPolicy: this is no such text.
            SetupError: the file cannot be used.
        """
        found = ARGUMENT.fullmatch(argument)
        if found is None:
            raise InvalidPolicy("a model must be named as FILE, FILE:LABEL or FILE:LABEL=CLASS,CLASS")
        numbers = tuple(int(number) for number in (found["classes"] or "").split(",") if number)
        return cls(found["path"], found["label"] or "", numbers)

    def __post_init__(self) -> None:
        """Refuse a wrong model when it is named, not at the first picture.

        Raises:
            InvalidPolicy: the label cannot be printed, or a class is none of the model's.
            SetupError: the file cannot be read or used, or is another one than where this detector was made.
        """
        if not self.label.isprintable():
            raise InvalidPolicy("the label of a model must be printable")
        object.__setattr__(self, "path", str(self.path))
        model = model_file.load(self.path, self.providers)
        if model.names and any(number >= len(model.names) for number in self.classes):
            raise InvalidPolicy(f"the model has classes 0 to {len(model.names) - 1}, got {max(self.classes)}")
        object.__setattr__(self, "digest", self.digest or model.digest)
        self._model()

    def fingerprint(self) -> str:
        """The settings and the file's hash; where it lies and what runs it change nothing that is meant."""
        classes = ",".join(map(str, self.classes))
        return (
            f"label={self.label},classes={classes},recall={self.recall},"
            f"min_confidence={self.min_confidence},model={self.digest}"
        )

    def describe(self) -> dict[str, Any]:
        """What runs, JSON-ready: label, form of the model, providers."""
        model = self._model()
        return {"label": self.label or None, "form": model.head.form, "providers": model.providers}

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """What the model finds in an H x W x 3 picture.

        Raises:
            DetectionError: the model failed on one of the views, or answered what cannot be meant.
            LimitExceeded: recall is "max" and the picture is too large for it.
            SetupError: the file is not there, or is another one.
        """
        model = self._model()
        floor = ALONE[self.recall] if self.min_confidence is None else max(self.min_confidence, 0.01)
        found, count = [np.zeros((0, 6), np.float32)], 0
        for view in views(rgb, model.input, self.recall):
            rows = model.infer(view.pixels, self.classes)
            rows = rows[rows[:, 4] >= floor]
            rows[:, :4] = (rows[:, :4] + np.array([view.left, view.top] * 2, np.float32)) / view.factor
            found.append(rows)
            count += len(rows)
            if count > MAX_CANDIDATES:
                raise DetectionError(
                    f"an own model finds more than {MAX_CANDIDATES} things; min_confidence bounds them"
                )
        table = np.concatenate(found)
        classes = [table[table[:, 5] == number] for number in np.unique(table[:, 5])]
        height, width = rgb.shape[:2]
        best = (row for one in classes for row in suppress(one, SAME))  # what differs may lie one on the other
        return [d for row in best if (d := self._detection(row, model.names, width, height)) is not None]

    def _model(self) -> model_file.Model:
        model = model_file.load(self.path, self.providers)
        if model.digest != self.digest:
            raise SetupError("a model file is another one than when it was named; make the detector anew")
        return model

    def _detection(self, row: NDArray[np.float32], names: tuple[str, ...], width: int, height: int) -> Detection | None:
        corners = np.clip(row[:4], -1, max(width, height) + 1)  # a box may reach far beyond the picture
        left, top, right, bottom = (int(value) for value in (*np.floor(corners[:2]), *np.ceil(corners[2:])))
        box = Box(left, top, right, bottom).clipped(width, height)
        if box is None:
            return None
        number = int(row[5])
        label = self.label or (names[number] if 0 <= number < len(names) else "object")
        return Detection(box, float(np.clip(row[4], 0.0, 1.0)), label)
