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

SURE = 0.9  # of a line that was read the right way up; below, the picture is read once more, standing on its head
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
        lines = _read(rgb, reads=bool(self.only))
        if self.only and any(score < SURE for _, score, _ in lines):
            turned = np.ascontiguousarray(rgb[::-1, ::-1])
            end = np.array([rgb.shape[1], rgb.shape[0]], np.float64)
            lines += [(end - quad, score, text) for quad, score, text in _read(turned, reads=True)]
        return [
            Detection(box, score, "text")
            for quad, score, text in lines
            if self._wanted(text) and (box := _box(quad, *rgb.shape[:2])) is not None
        ]

    def _wanted(self, text: str) -> bool:
        return not self.only or any(
            IDENTIFIERS[item](text) if item in IDENTIFIERS else re.search(item, text, re.IGNORECASE)
            for item in self.only
        )


def _read(rgb: NDArray[np.uint8], reads: bool) -> list[tuple[NDArray[np.float64], float, str]]:
    """The lines of a picture: corners (px), how sure the reader is (0-1), and what they say if it ``reads``."""
    reader = _reader()
    try:
        with _lock:  # the engine keeps the picture's scale in itself
            result = reader(np.ascontiguousarray(rgb[:, :, ::-1]), use_det=True, use_cls=False, use_rec=reads)
    except Exception as error:  # the engine's classes share no base
        raise DetectionError("the text detector failed on this picture") from error
    if result.boxes is None:
        return []
    quads = [np.asarray(quad, np.float64) for quad in result.boxes]
    scores = result.scores if result.scores is not None else [1.0] * len(quads)
    texts = result.txts if reads else [""] * len(quads)
    return [(quad, float(score), str(text)) for quad, score, text in zip(quads, scores, texts, strict=True)]


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
