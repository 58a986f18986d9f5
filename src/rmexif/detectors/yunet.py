"""YuNet through OpenCV, with a model file that the user brings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.detectors.search import merge
from rmexif.errors import DetectionError, SetupError
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["YuNet"]


MAX_MODEL = 64 << 20  # byte: the published ones have less than 1 MB


@dataclass(frozen=True, slots=True)
class YuNet:
    """Finds faces with OpenCV's FaceDetectorYN.

    Args:
        model: the bytes of a YuNet ONNX file, such as face_detection_yunet_2023mar.onnx of OpenCV's model zoo.
        min_confidence: lowest score of a face (0-1).
        longest: px; larger pictures are searched at this size of their longer side, and at half of it.
    """

    model: bytes = field(repr=False)
    min_confidence: float = 0.6
    longest: int = 1280

    @classmethod
    def from_argument(cls, argument: str) -> YuNet:
        """The detector of ``yunet:FILE``.

        Raises:
            SetupError: the file cannot be read, or is no YuNet model.
        """
        try:
            with open(argument, "rb") as file:  # noqa: PTH123 - pathlib stays above the detectors
                return cls(file.read(MAX_MODEL))
        except OSError as error:
            raise SetupError(f"detectors: the model file of yunet cannot be read ({type(error).__name__})") from None

    def __post_init__(self) -> None:
        """Refuse a wrong model when it is handed over, not at the first picture.

        Raises:
            SetupError: the bytes are no YuNet model.
        """
        try:
            detector = self._build((64, 64))
            detector.detect(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            raise SetupError(
                f"expected the bytes of a YuNet ONNX model for OpenCV {cv2.__version__}, "
                f"such as face_detection_yunet_2023mar.onnx; got {len(self.model)} bytes that OpenCV cannot run"
            ) from error

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The faces of an H x W x 3 picture.

        Raises:
            DetectionError: OpenCV failed.
        """
        height, width = rgb.shape[:2]
        factor = min(1.0, self.longest / max(height, width))
        found: list[Detection] = []
        for scale in (factor, factor / 2):
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            try:
                bgr = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
                _, rows = self._build(size).detect(bgr)
            except cv2.error as error:
                raise DetectionError("YuNet failed on this picture") from error
            found += [d for row in (() if rows is None else rows) if (d := _detection(row, scale, width, height))]
        return merge(found)  # of two sizes

    def _build(self, size: tuple[int, int]) -> Any:
        """A detector of its own for every call: OpenCV's object holds state, and threads share this instance."""
        model = np.frombuffer(self.model, np.uint8)
        return cv2.FaceDetectorYN.create("onnx", model, np.zeros(0, np.uint8), size, self.min_confidence)


def _detection(row: NDArray[np.float32], scale: float, width: int, height: int) -> Detection | None:
    if not np.isfinite(row).all():
        raise DetectionError("YuNet answered something that is not a number")
    left, top, right, bottom = (v / scale for v in (row[0], row[1], row[0] + row[2], row[1] + row[3]))
    box = Box(int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))).clipped(width, height)
    return None if box is None else Detection(box, float(np.clip(row[14], 0.0, 1.0)))
