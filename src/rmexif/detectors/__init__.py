"""Finding what has to be redacted: one module per detector, one row per module.

A detector is a frozen dataclass: its settings are its fields, so that it pickles as settings, and one instance
serves many threads. ``detect`` gets an H x W x 3 array of 8-bit RGB, and answers boxes inside the picture.
A detector that fails raises DetectionError; it never answers "nothing found" instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rmexif.detectors.centerface import CenterFace
from rmexif.detectors.codes import Codes
from rmexif.detectors.fixed import Fixed
from rmexif.detectors.search import Search, merge
from rmexif.detectors.text import Text
from rmexif.detectors.yunet import YuNet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from rmexif.types import Detection

__all__ = ["DETECTORS", "CenterFace", "Codes", "Detector", "Fixed", "Search", "Text", "YuNet", "merge"]


class Detector(Protocol):
    """What finds something to redact."""

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """What was found in an H x W x 3 picture, as boxes in its pixels."""


DETECTORS: Mapping[str, type[Any]] = {
    "centerface": CenterFace,
    "codes": Codes,
    "fixed": Fixed,
    "text": Text,
    "yunet": YuNet,
}
