"""What an earlier run left: rows of its manifest that still hold, that were replaced, and whose original is gone.

Rows are looked at before the listing, and amended behind it, so that a run that ends in between loses nothing: the next
one finds the same rows, and comes to the same answer. The driver holds 34 bytes for each.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.batch.manifest import STALE
from rmexif.batch.rows import FINAL, GONE, OK, SKIPPED
from rmexif.batch.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rmexif.batch.flow import Job

__all__ = ["Amendment", "Checked", "Earlier", "amend", "check", "drop_output"]

KEY, IDENTITY = 8, 16  # byte
NEVER = bytes(IDENTITY)  # of a row that has to be done again: no object has it
UNSEEN, CURRENT, REPLACED = 0, 1, 2
CODES = tuple(sorted(FINAL))  # of rows that can hold


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a part of an earlier run."""

    name: str
    marks: bytes  # key and identity of each
    codes: bytes  # of each, as an index into CODES


@dataclass(frozen=True, slots=True)
class Amendment:
    """A part and what became of each of its rows."""

    name: str
    states: bytes


class Earlier:
    """The rows of all parts, as the listing goes by.

    Args:
        parts: as they were checked.
    """

    def __init__(self, parts: Iterable[Checked]) -> None:
        self._names: list[str] = []
        marks = bytearray()
        codes = bytearray()
        ends: list[int] = []
        for part in parts:
            self._names.append(part.name)
            marks += part.marks
            codes += part.codes
            ends.append(len(codes))
        self._ends = np.array(ends, np.int64)
        rows = np.frombuffer(bytes(marks), f"S{KEY + IDENTITY}")
        self._order = np.argsort(rows, kind="stable")
        self._rows = rows[self._order]
        self._codes = np.frombuffer(bytes(codes), np.uint8)[self._order]
        self._states = np.zeros(len(rows), np.uint8)
        self._left: Counter[str] = Counter()

    def seen(self, marks: list[bytes]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
        """Which of these objects need not be done, and the parts with rows of those that do.

        Args:
            marks: key and identity of objects of the listing.
        """
        low = np.searchsorted(self._rows, np.array([mark[:KEY] for mark in marks], self._rows.dtype))
        high = np.searchsorted(
            self._rows, np.array([mark[:KEY] + b"\xff" * IDENTITY for mark in marks], "S24"), "right"
        )
        done = np.zeros(len(marks), np.bool_)
        former: set[int] = set()
        for index in np.flatnonzero(high > low):
            span = slice(low[index], high[index])
            same = np.flatnonzero(self._rows[span] == np.bytes_(marks[index]))
            self._states[span] = REPLACED
            if len(same):
                self._states[low[index] + same[0]] = CURRENT
                done[index] = True
                code = CODES[self._codes[low[index] + same[0]]]
                self._left[SKIPPED if code == OK else code] += 1
            else:
                former.update(np.searchsorted(self._ends, self._order[span], "right").tolist())
        return done, tuple(self._names[part] for part in sorted(former))

    def take_codes(self) -> Counter[str]:
        """Codes of the objects that need not be done, seen since the last time this was asked."""
        left, self._left = self._left, Counter()
        return left

    def amendments(self) -> Iterator[Amendment]:
        """The parts with rows that were replaced, or not seen in the listing."""
        states = np.empty_like(self._states)
        states[self._order] = self._states
        begin = 0
        for name, end in zip(self._names, self._ends.tolist(), strict=True):
            if (states[begin:end] != CURRENT).any():
                yield Amendment(name, states[begin:end].tobytes())
            begin = end


def check(job: Job, name: str, outputs: bool = True) -> Checked:
    """Compare the outputs of a part with their hashes.

    Args:
        job: what to do.
        name: the part.
        outputs: read the outputs; False takes the manifest's word.
    """
    rows = job.manifest.read(name)
    with ThreadPoolExecutor(4, "rmexif-store") as threads:
        current = list(threads.map(lambda row: _is_current(job, row, outputs), rows))
    held = list(zip(rows, current, strict=True))
    marks = (job.manifest.key(row["path"]) + (row["identity"] if holds else NEVER) for row, holds in held)
    codes = bytes(CODES.index(row["code"]) if holds else 0 for row, holds in held)
    return Checked(name, b"".join(marks), codes)


def _is_current(job: Job, row: dict[str, Any], outputs: bool) -> bool:
    if row["code"] != OK or not outputs:
        return row["code"] in FINAL
    try:
        data = job.target.get(row["output"], max(job.policy.limits.max_bytes, row["new_size"]))
    except OSError:
        return False
    return bool(hashlib.sha256(data).hexdigest() == row["new_hash"])


def amend(job: Job, amendment: Amendment) -> Counter[str]:
    """Take replaced rows out of a part, and say of those whose object is no more that they are ``gone``.

    Returns:
        How many are gone.
    """
    rows = job.manifest.read(amendment.name)
    kept = []
    for row, state in zip(rows, amendment.states, strict=True):
        if state == CURRENT:
            kept.append(row)
        elif state == UNSEEN:
            kept.append(_gone(job, row))
    if not kept:
        job.manifest.store.delete(amendment.name)
    elif kept != rows:
        job.manifest.write(amendment.name, kept)
    return Counter(row["code"] for row in kept if row["code"] == GONE)


def _gone(job: Job, row: dict[str, Any]) -> dict[str, Any]:
    if job.prune and row["output"] is not None:
        drop_output(job, row)
        row = row | {"output": None, "new_hash": None, "new_size": None}
    return row if row["code"] == GONE else row | {"code": GONE, "recorded": int(time.time())}


def drop_output(job: Job, row: dict[str, Any]) -> None:
    """Remove the output of a version that is no more, or move it beside the manifest.

    Raises:
        StoreUnavailable: it cannot be done; the row stays, so the next run tries again.
    """
    try:
        if job.quarantine:
            job.manifest.store.put(f"{STALE}/{row['output']}", job.target.get(row["output"], row["new_size"]))
        job.target.delete(row["output"])
    except FileNotFoundError:
        return  # somebody else did
    except OSError as error:
        raise StoreUnavailable(f"an output that is out of date cannot be removed ({type(error).__name__})") from None
