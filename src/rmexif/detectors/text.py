"""Text, with RapidOCR, whose wheel carries its models (extra: text)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.detectors.identifiers import IDENTIFIERS
from rmexif.errors import DetectionError, InvalidPolicy, MissingDependency
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Text"]

LONGEST = 1600  # px: side at which text is searched

_lock = Lock()


@dataclass(frozen=True, slots=True)
class Text:
    """Finds lines of text.

    Args:
        only: names of ``IDENTIFIERS`` (or regular expressions, without case) that a line has to match; all text where
            empty. Reading takes several times as long as finding, and a line that is misread is left.
    """

    only: tuple[str, ...] = ()

    @classmethod
    def from_argument(cls, argument: str) -> Text:
        """The detector of ``text:NAME,NAME``."""
        return cls(tuple(argument.split(",")))

    def __post_init__(self) -> None:
        """Refuse what is no pattern.

        Raises:
            InvalidPolicy: neither a name nor a regular expression.
        """
        for item in self.only:
            try:
                re.compile("" if item in IDENTIFIERS else item)
            except re.error as error:
                raise InvalidPolicy("text: a pattern is no regular expression") from error

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The lines of text of an H x W x 3 picture; what they say is thrown away.

        Raises:
            MissingDependency: RapidOCR is not installed.
            DetectionError: the reader failed.
        """
        reader = _reader()
        try:
            with _lock:  # the engine keeps the picture's scale in itself
                reads = bool(self.only)  # what is read may stand on its head
                result = reader(np.ascontiguousarray(rgb[:, :, ::-1]), use_det=True, use_cls=reads, use_rec=reads)
        except Exception as error:  # the engine's classes share no base
            raise DetectionError("the text detector failed on this picture") from error
        if result.boxes is None:
            return []
        scores = result.scores if result.scores is not None else [1.0] * len(result.boxes)
        texts = result.txts if self.only else [""] * len(result.boxes)
        height, width = rgb.shape[:2]
        return [
            Detection(box, float(score), "text")
            for quad, score, text in zip(result.boxes, scores, texts, strict=True)
            if self._wanted(text) and (box := _box(np.asarray(quad), height, width)) is not None
        ]

    def _wanted(self, text: str) -> bool:
        return not self.only or any(
            IDENTIFIERS[item](text) if item in IDENTIFIERS else re.search(item, text, re.IGNORECASE)
            for item in self.only
        )


@cache
def _reader() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingDependency("text needs RapidOCR: pip install 'rmexif[text]'") from error
    # Without a bound on the longer side a thin picture would be enlarged to tens of thousands of pixels.
    return RapidOCR(params={"Global.log_level": "critical", "Det.limit_side_len": LONGEST, "Det.limit_type": "max"})


def _box(quad: NDArray[Any], height: int, width: int) -> Box | None:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return Box(int(left), int(top), int(right) + 1, int(bottom) + 1).clipped(width, height)
