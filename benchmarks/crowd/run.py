"""A crowd: what it costs to redact hundreds of faces beside what it costs to find them, in one process.

    python -m benchmarks.crowd.run

The picture is drawn from the photograph that the project ships: its face, 28 to 38 px wide, several hundred times.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from rmexif import redaction, styles
from rmexif.detectors import CenterFace
from rmexif.policy import Policy

ROOT = Path(__file__).resolve().parents[2]


def crowd(height: int = 680, width: int = 1024) -> np.ndarray:
    """A noisy wall full of faces, RGB."""
    face = cv2.imread(str(ROOT / "examples" / "astronaut.jpg"))[30:210, 140:310, ::-1]
    rng = np.random.default_rng(0)
    picture = np.clip(90 + rng.normal(0, 5, (height, width, 3)), 0, 255).astype(np.uint8)
    for top in range(4, height - 42, 40):
        for left in range(4, width - 40, 38):
            side = int(rng.integers(28, 38))
            small = cv2.resize(np.ascontiguousarray(face), (side, side * 18 // 17), interpolation=cv2.INTER_AREA)
            picture[top : top + small.shape[0], left : left + side] = np.clip(small * rng.uniform(0.7, 1.1), 0, 255)
    return picture


def measure(picture: np.ndarray, rounds: int = 5) -> tuple[int, float, float]:
    """Number of faces, and seconds of processor time to find and to redact them."""
    policy, style, times = Policy(), styles.by_name("blur"), []
    for _ in range(rounds + 1):
        start = time.process_time()
        found = CenterFace().detect(picture)
        middle = time.process_time()
        redaction.redact(picture.copy(), found, style, policy, np.random.default_rng(0))
        times.append((middle - start, time.process_time() - middle))
    find, redact = (statistics.median(row) for row in zip(*times[1:], strict=True))
    return len(found), find, redact


def main() -> None:
    """Print one line."""
    faces, find, redact = measure(crowd())
    print(f"{faces} faces: found in {find:.3f} s, redacted in {redact:.3f} s, ratio {redact / find:.2f}")


if __name__ == "__main__":
    main()
