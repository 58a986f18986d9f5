"""AV1 through libaom, which OpenCV brings: it refuses a tile with anything but zeros behind its last symbol.

Its check of trailing bits and padding (AV1 5.3.4, 8.2.4) covers every tile and every frame, predicted ones as well.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decodes"]

_lock = threading.Lock()


def decodes(raw: bytes, frames: int) -> bool:
    """Whether all ``frames`` pictures of an AVIF file are decoded without a complaint."""
    with _no_messages():
        try:
            complete, pictures = cv2.imdecodemulti(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return False
    return bool(complete) and len(pictures) == frames


@contextmanager
def _no_messages() -> Iterator[None]:
    """Keep OpenCV from printing that a file was refused, which here is an answer."""
    logging = cv2.utils.logging
    with _lock:
        before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        try:
            yield
        finally:
            logging.setLogLevel(before)
