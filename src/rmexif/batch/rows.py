"""One row per image: what every engine hands out, and the function over rows that all of them share."""

from __future__ import annotations

import hashlib
import weakref
from collections import Counter
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from rmexif import bulk
from rmexif.containers import sniff
from rmexif.errors import RmexifError, SetupError
from rmexif.io.quiet_stderr import silence_stderr
from rmexif.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rmexif.outcome import Outcome
    from rmexif.workers.limits import WorkerLimits

__all__ = [
    "CANNOT_CREATE",
    "COLUMNS",
    "FINAL",
    "GONE",
    "NO_INPUT",
    "OK",
    "PENDING",
    "SKIPPED",
    "UNSURE",
    "Codes",
    "RowScrubber",
    "clean",
    "describe",
]

OK, SKIPPED, GONE, PENDING = "ok", "skipped", "gone", "pending"
NO_INPUT, CANNOT_CREATE = "no_input", "cannot_create"
# Codes of rows that a second run leaves as they are; every other failure may go better the next time.
FINAL = frozenset(
    {OK, "input_error", "unknown_format", "malformed_image", "unsupported_feature", "limit_exceeded", "broken_shard"}
)
UNSURE = frozenset({PENDING, CANNOT_CREATE, "worker_lost"})  # codes of rows whose output may be stored all the same
COLUMNS = ("path", "bytes", "format", "faces_detected", "findings", "original_hash", "new_hash", "code")


class Codes(Counter[str]):
    """How many rows came to which code, and the name of the last that was refused."""

    last_refused: str | None = None

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Count rows of the manifest."""
        for row in rows:
            self[row["code"]] += 1
            if row["code"] != OK:
                self.last_refused = row["path"]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel with the name: a Counter would leave it behind."""
        return _codes, (dict(self), self.last_refused)


def _codes(counts: dict[str, int], last_refused: str | None) -> Codes:
    made = Codes(counts)
    made.last_refused = last_refused
    return made


class RowScrubber:
    """Scrubs one row after the other; what it needs for that is made with the first one, and kept.

    Args:
        policy: for all rows.
        limits: what holds for each image; None works in this thread.
    """

    def __init__(self, policy: Policy | None = None, limits: WorkerLimits | None = None) -> None:
        self._policy, self._limits = policy or Policy(), limits
        self._resources = ExitStack()
        weakref.finalize(self, self._resources.close)  # engines drop what they were given, and never close it
        self._work: bulk.Work | None = None
        self._count = 0

    def __call__(self, path: str | None, raw: Any) -> dict[str, Any]:
        """One row of ``COLUMNS``; where the image failed it carries its code and no bytes.

        Args:
            path: handed through and not looked at.
            raw: the image.

        Raises:
            SetupError: the installation or the policy is at fault, not the image.
        """
        if self._work is None:
            self._work = self._resources.enter_context(bulk.work_in(self._policy, self._limits))
        self._count += 1
        if self._count % bulk.TRIM == 0:
            bulk.give_back_memory()
        outcome = bulk.outcome_of(self._work, self._count, raw)
        return {"path": path, "bytes": outcome.data, **describe(raw, outcome)}

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as what it was made with: to a process of an engine, and into the key of its cache."""
        return RowScrubber, (self._policy, self._limits)

    def close(self) -> None:
        """End the worker process, if there is one."""
        self._work = None
        self._resources.close()


def clean(
    rows: Iterable[tuple[str | None, Any]], policy: Policy | None = None, limits: WorkerLimits | None = None
) -> Iterator[dict[str, Any]]:
    """Scrub every row, on one core; a row that fails carries its code and no bytes.

    Args:
        rows: path and image of each row.
        policy: for all of them.
        limits: what holds for each image; None works in this thread.

    Returns:
        One dict of ``COLUMNS`` per row, in order.

    Raises:
        SetupError: the installation or the policy is at fault, not an image.
    """
    with silence_stderr(), closing(RowScrubber(policy, limits)) as scrub:  # an engine logs what codecs print to a disk
        for path, raw in rows:
            yield scrub(path, raw)


def describe(raw: Any, outcome: Outcome) -> dict[str, Any]:
    """The columns that say what became of an image: kinds, counts and hashes, never a value.

    Args:
        raw: the input, for the hash and the format of one that failed.
        outcome: what came of it.

    Raises:
        SetupError: it would come of every image.
    """
    if outcome.report is None:
        assert outcome.error is not None
        if isinstance(outcome.error, SetupError):
            raise outcome.error
        return {
            "format": _format(raw),
            "faces_detected": None,
            "findings": None,
            "original_hash": _hash(raw),
            "new_hash": None,
            "code": outcome.error.code,
        }
    stats = outcome.report.stats
    findings: Counter[str] = Counter()
    for finding in stats["findings"]:
        findings[finding["category"]] += finding["count"]
    return {
        "format": stats["format"],
        "faces_detected": stats.get("faces_detected"),
        "findings": dict(findings),
        "original_hash": stats["original_hash"],
        "new_hash": stats["new_hash"],
        "code": OK,
    }


def _hash(raw: Any) -> str | None:
    return hashlib.sha256(raw).hexdigest() if isinstance(raw, (bytes, bytearray, memoryview)) else None


def _format(raw: Any) -> str | None:
    try:
        return str(sniff(memoryview(raw)).format.name)
    except (RmexifError, TypeError):
        return None
