"""OpenCV's own threads: off while many pictures run beside each other."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["one_per_picture", "use_one"]

_lock = threading.Lock()
_before: list[int] = []  # number of threads when the first of the runs under way began, once per run


def use_one() -> None:
    """Take one thread per picture for as long as this process lives."""
    cv2.setNumThreads(1)


@contextmanager
def one_per_picture() -> Iterator[None]:
    """Keep OpenCV from cutting every picture into pieces while many pictures run beside each other.

    Its number of threads is one for all of the process, so it is set when the first run begins and put back when
    the last one ends; pictures that are scrubbed meanwhile take one thread too.
    """
    with _lock:
        _before.append(_before[0] if _before else cv2.getNumThreads())
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        with _lock:
            threads = _before.pop()
            if not _before:
                cv2.setNumThreads(threads)
