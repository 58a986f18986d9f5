"""CenterFace as a function: a stack of equally sized pictures in, candidate faces out."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from threading import Lock
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rmexif.errors import DetectionError, SetupError

__all__ = ["SEEN", "STRIDE", "Candidates", "infer", "model_hash"]

STRIDE = 32  # px; a picture's sides must be multiples of it
CELL = 4  # px; the network answers once per cell of 4 x 4
MODEL = "centerface.onnx"

# One row per candidate: left, top, right, bottom (px), score (0-1), five landmarks as x, y (px), and ``SEEN``.
SEEN = 15  # column: the longer side of the box as the network saw it, px; stays when a box is brought to a picture
Candidates = NDArray[np.float32]

_lock = Lock()


def _model() -> bytes:
    """The model file of this installation.

    Raises:
        SetupError: it is missing.
    """
    try:
        return (resources.files("rmexif.detectors") / "models" / MODEL).read_bytes()
    except OSError as error:
        raise SetupError(
            "the face model is missing from this installation: install rmexif from a wheel, "
            "or run 'python hatch_build.py' in the source tree"
        ) from error


@cache
def model_hash() -> str:
    """SHA-256 of the model file, in hexadecimal digits."""
    return hashlib.sha256(_model()).hexdigest()


@cache
def _build() -> Any:
    model = _model()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # many pictures at once is the use; one picture does not take the machine
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # ever new picture sizes would make the arena grow for ever
    options.enable_mem_pattern = False  # without the arena, planned blocks would be mapped and unmapped on every run
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's classes share no base of their own
        raise SetupError("the face model of this installation cannot be loaded: it is damaged, reinstall") from error


def session() -> Any:
    """The one session of this process; built on first use, shared by all threads."""
    with _lock:
        return _build()


def infer(pictures: NDArray[np.uint8], floor: float) -> list[Candidates]:
    """Run the network over a stack of pictures and read off what scores at least ``floor``.

    Args:
        pictures: n x H x W x 3, RGB; H and W multiples of ``STRIDE``.
        floor: lowest score of a candidate (0-1).

    Raises:
        DetectionError: the network failed or answered something that is not a number.
        SetupError: the model is missing or damaged.
    """
    model = session()
    try:
        cells = model.run(None, {"image": pictures})[0]
    except Exception as error:  # onnxruntime's classes share no base of their own
        raise DetectionError("the face detector failed on this picture") from error
    if not np.isfinite(cells).all():
        raise DetectionError("the face detector answered something that is not a number")
    logit = float(np.log(floor / (1 - floor)))
    return [_read(picture, logit) for picture in cells]


def _read(cells: NDArray[np.float32], floor: float) -> Candidates:
    """The local maxima among one picture's cells, as boxes and landmarks in network pixels.

    A cell answers: score (logit), height and width (logarithm, in cells), place of the centre inside the cell (y, x),
    and five landmarks (y, x, in parts of the box).
    """
    score = np.ascontiguousarray(cells[:, :, 0])
    row, column = np.nonzero((score >= floor) & (score == cv2.dilate(score, np.ones((3, 3), np.uint8))))
    peak = cells[row, column].T
    height, width = np.exp(np.minimum(peak[1:3], 6.0)) * CELL  # e^6 cells are more than it can see
    top = (row + peak[3] + 0.5) * CELL - height / 2
    left = (column + peak[4] + 0.5) * CELL - width / 2
    table = np.empty((row.size, SEEN + 1), np.float32)
    table[:, :5] = np.stack([left, top, left + width, top + height, 1 / (1 + np.exp(-peak[0]))], axis=1)
    table[:, 5:SEEN:2] = (left + peak[6::2] * width).T
    table[:, 6:SEEN:2] = (top + peak[5::2] * height).T
    table[:, SEEN] = np.maximum(width, height)
    return table
