"""CenterFace as a function: a stack of equally sized pictures in, candidate faces out."""

from __future__ import annotations

from functools import cache
from importlib import resources
from threading import Lock
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rmexif.errors import DetectionError, SetupError

__all__ = ["STRIDE", "Candidates", "look"]

STRIDE = 32  # px; a picture's sides must be multiples of it
CELL = 4  # px; the network answers once per cell of 4 x 4
MODEL = "centerface.onnx"

# One row per candidate: left, top, right, bottom (px), score (0-1), then five landmarks as x, y (px).
Candidates = NDArray[np.float32]

_lock = Lock()


@cache
def _build() -> Any:
    try:
        model = (resources.files("rmexif.detectors") / "models" / MODEL).read_bytes()
    except OSError as error:
        raise SetupError(
            "the face model is missing from this installation: install rmexif from a wheel, "
            "or run 'python hatch_build.py' in the source tree"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # many pictures at once is the use; one picture does not take the machine
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # ever new picture sizes would make the arena grow for ever
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's classes share no base of their own
        raise SetupError("the face model of this installation cannot be loaded: it is damaged, reinstall") from error


def session() -> Any:
    """The one session of this process; built on first use, shared by all threads."""
    with _lock:
        return _build()


def look(pictures: NDArray[np.uint8], floor: float) -> list[Candidates]:
    """Run the network over a stack of pictures and read off what scores at least ``floor``.

    Args:
        pictures: n x H x W x 3, RGB; H and W multiples of ``STRIDE``.
        floor: lowest score of a candidate (0-1).

    Raises:
        DetectionError: the network failed or answered something that is not a number.
        SetupError: the model is missing or damaged.
    """
    try:
        heat, scale, offset, landmarks = session().run(None, {"image": pictures})
    except SetupError:
        raise
    except Exception as error:  # onnxruntime's classes share no base of their own
        raise DetectionError("the face detector failed on this picture") from error
    if not np.isfinite(heat).all():
        raise DetectionError("the face detector answered something that is not a number")
    return [_read(heat[i, 0], scale[i], offset[i], landmarks[i], floor) for i in range(len(pictures))]


def _read(
    heat: NDArray[np.float32],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    floor: float,
) -> Candidates:
    """Local maxima of the heat map, as boxes in network pixels."""
    peaks = (heat >= floor) & (heat == cv2.dilate(heat, np.ones((3, 3), np.uint8)))
    row, column = np.nonzero(peaks)
    if not row.size:
        return np.zeros((0, 15), np.float32)
    height, width = np.exp(np.minimum(scale[:, row, column], 6.0)) * CELL  # e^6 cells: beyond any face it can see
    top = (row + offset[0, row, column] + 0.5) * CELL - height / 2
    left = (column + offset[1, row, column] + 0.5) * CELL - width / 2
    points = landmarks[:, row, column]
    table = np.empty((row.size, 15), np.float32)
    table[:, :5] = np.stack([left, top, left + width, top + height, heat[row, column]], axis=1)
    table[:, 5::2] = (left + points[1::2] * width).T
    table[:, 6::2] = (top + points[0::2] * height).T
    if not np.isfinite(table).all():
        raise DetectionError("the face detector answered something that is not a number")
    return table
