"""What of the faces is covered: by the boxes that a tool reports, and by the pixels that it really changed.

An annotation has ``faces`` and ``ignore``: boxes as x, y, w, h in px of the upright picture; what lies in an ignored one
is neither wanted nor wrong. Levels are those of WIDER FACE's heights: easy from 80 px, medium from 32, hard below.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import cv2
import numpy as np

LEVELS = ("easy", "medium", "hard")
COVERED = 0.8  # of a face's box
CHANGED = 3  # of 255: more than rounding and the lowest bits
NEAR = 2  # px: a pixel between changed ones may keep its value
BESIDE = 0.5  # a face's box grown by so much of itself is still no stray place


def level(face) -> str:
    """By height."""
    return LEVELS[0] if face["h"] >= 80 else LEVELS[1] if face["h"] >= 32 else LEVELS[2]


def painted(shape, regions) -> np.ndarray:
    """Regions (x, y, w, h, and "ellipse" where only that is covered) as a mask."""
    mask = np.zeros(shape[:2], np.uint8)
    for x, y, w, h, *form in regions:
        if w <= 0 or h <= 0:
            continue
        if "ellipse" in form:
            centre, axes = (round(x + w / 2), round(y + h / 2)), (round(w / 2), round(h / 2))
            cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, -1)
        else:
            mask[max(0, int(y)) : max(0, int(np.ceil(y + h))), max(0, int(x)) : max(0, int(np.ceil(x + w)))] = 1
    return mask.astype(bool)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where a picture is another one."""
    differs = np.abs(before.astype(np.int16) - after.astype(np.int16)).max(axis=2) >= CHANGED
    return cv2.dilate(differs.astype(np.uint8), np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)).astype(bool)


@dataclass
class Tally:
    """Counts over many pictures, of one way to look at what is covered."""

    shares: dict = field(default_factory=lambda: defaultdict(list))  # of each face, by level
    stray: int = 0  # connected areas that touch no face and nothing ignored
    beside: list = field(default_factory=list)  # share of each picture covered beside faces
    free: int = 0  # pictures without faces and without ignored places
    touched: int = 0  # of them, those with anything covered

    def add(self, row, mask: np.ndarray) -> None:
        """Count one picture.

        Args:
            row: its annotation.
            mask: what is covered.
        """
        for face in row["faces"]:
            x, y, w, h = (round(face[name]) for name in "xywh")
            patch = mask[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)]
            self.shares[level(face)].append(float(patch.mean()) if patch.size else 0.0)
        known = [[box[name] for name in "xywh"] for box in (*row["faces"], *row.get("ignore", []))]
        grown = [[x - w * BESIDE / 2, y - h * BESIDE / 2, w * (1 + BESIDE), h * (1 + BESIDE)] for x, y, w, h in known]
        allowed = painted(mask.shape, grown)
        self.beside.append(float((mask & ~allowed).mean()))
        count, areas = cv2.connectedComponents(mask.astype(np.uint8))
        self.stray += count - 1 - len(np.unique(areas[allowed & mask]))
        if not known:
            self.free += 1
            self.touched += bool(mask.any())

    def recall(self, name: str | None = None) -> float:
        """Share of the faces of a level, or of all, that are covered."""
        shares = self.shares[name] if name else [share for each in self.shares.values() for share in each]
        return float(np.mean([share >= COVERED for share in shares])) if shares else float("nan")

    def cells(self) -> str:
        """For a table: all, easy, medium, hard, face-free pictures touched, stray areas, area beside."""
        cover = " | ".join(f"{self.recall(name):.3f}" for name in (None, *LEVELS))
        return f"{cover} | {self.touched} of {self.free} | {self.stray} | {np.mean(self.beside):.3f}"
