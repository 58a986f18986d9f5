"""One row per image: what every engine hands out, and the function over rows that all of them share."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from rmexif.bulk import scrub_many
from rmexif.containers import sniff
from rmexif.errors import RmexifError, SetupError
from rmexif.io.quiet_stderr import silence_stderr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rmexif.policy import Policy
    from rmexif.types import Outcome

__all__ = ["COLUMNS", "OK", "clean", "described"]

OK = "ok"
COLUMNS = ("path", "bytes", "format", "faces_detected", "findings", "original_hash", "new_hash", "code")


def clean(
    rows: Iterable[tuple[str | None, Any]], policy: Policy | None = None, **hold: Any
) -> Iterator[dict[str, Any]]:
    """Scrub every row, on one core; a row that fails carries its code and no bytes.

    Args:
        rows: path and image of each row; the path is handed through and not looked at.
        policy: for all of them.
        hold: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox`` of ``scrub_many``.

    Returns:
        One dict of ``COLUMNS`` per row, in order.

    Raises:
        SetupError: the installation or the policy is at fault, not an image.
    """
    waiting: deque[tuple[str | None, Any]] = deque()

    def images() -> Iterator[Any]:
        for path, raw in rows:
            waiting.append((path, raw))
            yield raw

    with silence_stderr():  # what codecs print can quote the file, and an engine logs it to a disk
        for outcome in scrub_many(images(), policy, **({"workers": 1, "in_flight": 1} | hold)):
            path, raw = waiting.popleft()
            yield {"path": path, "bytes": outcome.data, **described(raw, outcome)}


def described(raw: Any, outcome: Outcome) -> dict[str, Any]:
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
            "original_hash": hashlib.sha256(raw).hexdigest()
            if isinstance(raw, (bytes, bytearray, memoryview))
            else None,
            "new_hash": None,
            "code": outcome.error.code,
        }
    stats = outcome.report.stats
    findings: Counter[str] = Counter()
    for finding in stats["findings"]:
        findings[finding["category"]] += finding["count"]
    return {
        "format": stats["format"],
        "faces_detected": stats["faces_detected"],
        "findings": dict(findings),
        "original_hash": stats["original_hash"],
        "new_hash": stats["new_hash"],
        "code": OK,
    }


def _format(raw: Any) -> str | None:
    try:
        return str(sniff(memoryview(raw)).format.name)
    except (RmexifError, TypeError):
        return None
