"""QR codes and barcodes, with zxing-cpp (extra: codes)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rmexif.detectors.search import merge
from rmexif.errors import DetectionError, MissingDependency
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Codes"]

MARGIN = 0.1  # fraction of the code's size: what lies just outside the corner marks


@dataclass(frozen=True, slots=True)
class Codes:
    """Finds codes that a reader can read, and QR codes that it cannot: damaged, turned, half hidden."""

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The codes of an H x W x 3 picture; what they say is thrown away.

        Raises:
            MissingDependency: zxing-cpp is not installed.
            DetectionError: the reader failed.
        """
        try:
            import zxingcpp
        except ImportError as error:
            raise MissingDependency("codes need zxing-cpp: pip install 'rmexif[codes]'") from error
        try:
            corners = [_corners(code.position) for code in zxingcpp.read_barcodes(rgb, return_errors=True)]
            found, quads = cv2.QRCodeDetector().detectMulti(rgb)
        except Exception as error:  # the bindings' classes share no base
            raise DetectionError("the code reader failed on this picture") from error
        if found:
            corners += [np.asarray(quad, np.float64) for quad in quads]
        boxes = (_box(quad, *rgb.shape[:2]) for quad in corners)
        return merge(Detection(box, 1.0, "code") for box in boxes if box is not None)


def _corners(position: Any) -> NDArray[np.float64]:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return np.array([(point.x, point.y) for point in points], np.float64)


def _box(quad: NDArray[np.float64], height: int, width: int) -> Box | None:
    """Bounds of a quadrilateral with a margin, cut to the picture; a barcode may be read along a single line."""
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    grow = max(2.0, MARGIN * max(right - left, bottom - top))
    return Box(int(left - grow), int(top - grow), int(right + grow), int(bottom + grow)).clipped(width, height)
