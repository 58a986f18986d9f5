"""The front door: bytes and a policy in, clean bytes and a report out, or an error and nothing."""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rmexif import credit, inspection, native, pipeline, styles
from rmexif.errors import InvalidPolicy, ProcessingError, error_boundary
from rmexif.native import sha256
from rmexif.policy import Policy
from rmexif.residuals import Residual
from rmexif.stats import VERSION

if TYPE_CHECKING:
    from rmexif.stats import FaceStats, Stats

__all__ = ["Scrubber", "scrub"]

# What an encoder of our own takes over from its source. All else in its output, tables and codes, is its own work:
# nobody could have left anything there.
FROM_SOURCE = frozenset((Residual.DISPLAY_NUMBERS, Residual.FRAME_TIMES))
DRAWS = 4  # stealth: tries for a hash other than the input's


class Scrubber:
    """Makes one image safe to hand out.

    Args:
        raw: the image file, bytes-like. It is not changed and not kept longer than this object.
        policy: what to do; the default does everything.

    Raises:
        TypeError: ``raw`` is not bytes-like.
        InputError: ``raw`` is no image that can be handled, seen from its structure alone.
        InvalidPolicy: the policy names something that does not exist, or a style that leaves too much.
    """

    def __init__(self, raw: bytes | bytearray | memoryview, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._started = time.perf_counter()
        self._view = inspection.view_of(raw, self._policy.limits)
        self._style = _style(self._policy)
        self._parse_ms = 0.0
        with error_boundary():
            limits = self._policy.limits
            self._source, self._completed = inspection.completed(self._view, limits, self._policy.repair)
            self._container = inspection.open_source(self._source, limits)
        self._parse_ms = (time.perf_counter() - self._started) * 1e3

    def process(self) -> tuple[bytes, Stats]:
        """Scrub the image.

        Returns:
            The clean file and a JSON-ready report; every run of a default policy gives another file.

        Raises:
            ProcessingError: the image could not be made safe; nothing is returned.
            SetupError: the installation or the policy is at fault.
        """
        with error_boundary():
            started, clock = time.perf_counter(), pipeline.Clock()
            found = pipeline.analyse(self._source, self._container, self._policy, clock)
            done, new, original = self._scrub(found, clock)
            stats: Any = self._stats("scrub", found, clock, original) | self._changes(done, original, new)
            stats["processing_time_ms"] = self._elapsed_ms(started)
            return done.data, stats

    def dry_run(self) -> Stats:
        """Say what ``process`` would find, without encoding anything; the report has no ``new_hash``.

        Raises:
            ProcessingError: the image could not be searched.
        """
        with error_boundary():
            started, clock = time.perf_counter(), pipeline.Clock()
            found = pipeline.analyse(self._source, self._container, self._policy, clock)
            stats = self._stats("dry run", found, clock, hashlib.sha256(self._view).hexdigest())
            stats["processing_time_ms"] = self._elapsed_ms(started)
            return stats

    def preview(self, frame: int = 0, *, covered: bool = False) -> tuple[bytes, Stats]:
        """Show what ``process`` would redact: the upright picture with outlines and scores, without its metadata.

        Nothing is covered in it: it is for the eyes of whoever has the original.

        Args:
            frame: which one of an animation or of pages, from 0.
            covered: how it would look instead, at the size of the input; grain and stealth differ from run to run.

        Returns:
            The picture (one frame, in the policy's output format) and the report of ``dry_run``.

        Raises:
            InvalidPolicy: there is no such frame.
            ProcessingError: the image could not be searched or encoded.
        """
        with error_boundary():
            started, clock = time.perf_counter(), pipeline.Clock()
            found = pipeline.analyse(self._source, self._container, self._policy, clock)
            if covered:
                rng = np.random.Generator(np.random.Philox(self._seed(0)))
                done = pipeline.covered_frame(found, self._output, self._style, self._policy, rng, clock, frame)
            else:
                done = pipeline.preview(found, self._output, self._policy, clock, frame)
            stats = self._stats("preview", found, clock, hashlib.sha256(self._view).hexdigest())
            stats["metadata_removed"] = True  # verify_clean() has passed, or no bytes would be here
            stats["output_format"] = done.container.format
            stats["processing_time_ms"] = self._elapsed_ms(started)
            return done.data, stats

    @property
    def _output(self) -> str:
        return pipeline.output_of(self._container, self._policy)

    def _elapsed_ms(self, started: float) -> float:
        return round((time.perf_counter() - started) * 1e3 + self._parse_ms, 3)

    def _scrub(self, found: pipeline.Analysis, clock: pipeline.Clock) -> tuple[pipeline.Scrubbed, str, str]:
        """An output, its hash, and that of the input, which is another one where stealth promises so."""
        policy = self._policy
        for draw in range(DRAWS):  # again only where nothing was scaled: another size is another file
            rng = np.random.Generator(np.random.Philox(self._seed(draw)))
            done = pipeline.scrub(found, self._output, self._style, policy, rng, clock)
            with clock.stage("hash"):
                original, new = sha256.hexdigests(self._view, done.data)
            if new != original or not policy.stealth:
                return *self._with_credit(done, new), original
        raise ProcessingError("the output would be the input again: the picture is too small to change")

    def _seed(self, draw: int) -> Any:
        return secrets.randbits(128) if self._policy.seed is None else [self._policy.seed, draw]

    def _with_credit(self, done: pipeline.Scrubbed, new: str) -> tuple[pipeline.Scrubbed, str]:
        """The output with what the policy keeps and sets, and its hash."""
        selection = self._policy.selection
        if not selection:
            return done, new
        found = credit.choose(self._source, self._container, selection)
        data, stats = credit.add_credit(done.data, done.container, found, self._policy.limits)
        done = replace(done, data=data, changes=done.changes | {"credit": stats})
        return done, hashlib.sha256(data).hexdigest()

    def _changes(self, done: pipeline.Scrubbed, original: str, new: str) -> dict[str, Any]:
        """What process() adds to the report."""
        left = [code for code in done.container.residuals if code in FROM_SOURCE]
        if done.changes.get("credit", {}).get("kept"):
            left.append(Residual.KEPT_CREDIT)
        return {
            "output_format": done.container.format,
            "output_width": done.container.width,
            "output_height": done.container.height,
            "metadata_removed": True,  # verify_clean() has passed, or no bytes would be here
            "new_hash": new,
            "file_hash_changed": new != original,
            "new_size": len(done.data),
            "stealth": self._policy.stealth,
            "residuals": inspection.residuals(left, done.container),
            **done.changes,
        }

    def _stats(
        self,
        mode: Literal["scrub", "dry run", "preview"],
        found: pipeline.Analysis,
        clock: pipeline.Clock,
        original: str,
    ) -> Stats:
        removed = inspection.findings(self._source, self._container, self._policy.limits)
        faces = self._faces(found)
        return {
            "stats_version": VERSION,
            "mode": mode,
            "metadata_removed": False,
            "engine": native.engine(),
            "format": self._container.format,
            "width": found.raster.width,
            "height": found.raster.height,
            "frames": len(found.raster.frames),
            "is_animation": pipeline.is_animation(found),
            "faces_detected": sum(face["label"] == "face" for face in faces),
            "faces": faces,
            "search": found.search,
            "style": getattr(self._style, "name", type(self._style).__name__),
            "leak_bits": self._style.leak_bits if np.isfinite(self._style.leak_bits) else None,
            "findings": inspection.summary(removed),
            "findings_count": len(removed),
            "original_size": len(self._view),
            "original_hash": original,
            "stage_ms": {"parse": round(self._parse_ms, 3), **clock.stage_ms},
            "processing_time_ms": 0.0,
            **inspection.repair_stats(self._completed),  # type: ignore[typeddict-item]
        }

    def _faces(self, found: pipeline.Analysis) -> list[FaceStats]:
        """The detections and the bounds of their masks, frame by frame."""
        faces: list[FaceStats] = []
        for number, (row, covers) in enumerate(zip(found.detections, pipeline.masks(found, self._policy), strict=True)):
            for detection, cover in zip(row, covers, strict=True):
                face: FaceStats = {
                    "box": detection.box.as_list(),
                    "confidence": round(float(detection.confidence), 4),
                    "region": cover.region.as_list(),
                    "label": detection.label,
                    "mask": [round(float(value), 2) for value in (*cover.centre, *cover.axes)],
                }
                if len(found.detections) > 1:
                    face["frame"] = number
                faces.append(face)
        return faces


def scrub(raw: bytes | bytearray | memoryview, policy: Policy | None = None) -> tuple[bytes, Stats]:
    """``Scrubber(raw, policy).process()`` in one call."""
    return Scrubber(raw, policy).process()


def _style(policy: Policy) -> styles.Style:
    style: styles.Style = styles.by_name(policy.style) if isinstance(policy.style, str) else policy.style
    leak_bits = getattr(style, "leak_bits", None)
    if not isinstance(leak_bits, int | float) or math.isnan(leak_bits):
        raise InvalidPolicy("style must say in leak_bits how many bits of a face it leaves, or infinity")
    if not policy.allow_weak and leak_bits > styles.MAX_LEAK_BITS:
        raise InvalidPolicy(
            f"style must leave at most {styles.MAX_LEAK_BITS} bits of a face, got {leak_bits}; "
            "allow_weak=True permits it"
        )
    return style
