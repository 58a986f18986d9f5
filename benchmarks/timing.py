"""Paired timings: ours and the reference in turns within one run, medians and ratios."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def one_core() -> None:
    """Stay on one processor, so that no codec's own threads blur the comparison."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import cv2

    cv2.setNumThreads(1)


def once(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def paired(ours: Callable[[], object], reference: Callable[[], object], rounds: int = 9) -> tuple[float, float, float]:
    """Median ms of ours, median ms of the reference, median of the ratios."""
    ours()
    reference()
    rows = [(once(ours), once(reference)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in rows),
        statistics.median(b for _, b in rows),
        statistics.median(a / b for a, b in rows),
    )
