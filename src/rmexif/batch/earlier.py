"""What an earlier run left: rows of its manifest that still hold, that were replaced, and whose original is gone.

Rows are looked at before the listing, and amended behind it, so that a run that ends in between loses nothing: the next
one finds the same rows, and comes to the same answer. The driver holds 34 bytes for each.
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.batch.manifest import STALE
from rmexif.batch.names import possible_names
from rmexif.batch.rows import FINAL, GONE, OK, SKIPPED, UNSURE
from rmexif.batch.stores import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rmexif.batch.flow import Job

__all__ = ["Amendment", "Checked", "Earlier", "amend", "check", "drop_outputs"]

KEY, IDENTITY = 8, 16  # byte
NEVER = bytes(IDENTITY)  # of a row that has to be done again: no object has it
# Of a row: its original is gone, it holds, another row has taken its place; and, of an original that is gone, where the
# output goes with it: it is not what was written, or runs that died left several rows. Of these one stays.
UNSEEN, CURRENT, REPLACED, EMPTIED, REMOVED = range(5)
CODES = tuple(sorted(FINAL))  # of rows that can hold
AGAIN, ALTERED, DOUBTFUL = 253, 254, 255  # instead of an index: to be done again, its output is another one or unknown


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a part of an earlier run."""

    name: str
    marks: bytes  # key and identity of each
    codes: bytes  # of each, as an index into CODES, or one of the three below them


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
            if len(same) and DOUBTFUL not in self._codes[span]:
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
        self._find_emptied()
        states = np.empty_like(self._states)
        states[self._order] = self._states
        begin = 0
        for name, end in zip(self._names, self._ends.tolist(), strict=True):
            if (states[begin:end] != CURRENT).any():
                yield Amendment(name, states[begin:end].tobytes())
            begin = end

    def _find_emptied(self) -> None:
        """Of originals that are gone: rows whose output does not stay."""
        unseen = self._states == UNSEEN
        keys = self._rows.view(np.uint8).reshape(-1, KEY + IDENTITY)[:, :KEY]
        same = np.zeros(len(keys) + 1, np.bool_)  # as the row before, or behind
        if len(keys):
            same[1:-1] = (keys[1:] == keys[:-1]).all(1)
        self._states[unseen & (self._codes >= ALTERED)] = EMPTIED
        self._states[unseen & same[1:]] = EMPTIED
        self._states[unseen & same[:-1]] = REMOVED


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
    marks = (
        job.manifest.key(row["path"]) + (row["identity"] if holds and row["code"] != GONE else NEVER)
        for row, holds in held
    )
    codes = bytes(_code(row, holds) for row, holds in held)
    return Checked(name, b"".join(marks), codes)


def _code(row: dict[str, Any], holds: bool) -> int:
    if holds and row["code"] != GONE:
        return CODES.index(row["code"])
    if row["code"] in UNSURE:
        return DOUBTFUL
    return ALTERED if row["output"] is not None and not holds else AGAIN


def _is_current(job: Job, row: dict[str, Any], outputs: bool) -> bool:
    if row["output"] is None or not outputs:
        return row["code"] in FINAL or (row["code"] == GONE and row["output"] is not None)
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
            continue
        if state in (EMPTIED, REMOVED) or (state == UNSEEN and job.prune):
            drop_outputs(job, [row])
            row = row | {"output": None, "new_hash": None, "new_size": None}
        if state in (UNSEEN, EMPTIED):
            kept.append(row if row["code"] == GONE else row | {"code": GONE, "recorded": int(time.time())})
    if not kept:
        job.manifest.store.delete(amendment.name)
    elif kept != rows:
        job.manifest.write(amendment.name, kept)
    return Counter(row["code"] for row in kept if row["code"] == GONE)


def drop_outputs(job: Job, rows: list[dict[str, Any]], successor: dict[str, Any] | None = None) -> None:
    """Remove the outputs of versions of an original that are no more, or move them beside the manifest.

    Args:
        job: what to do.
        rows: of these versions; of one that was under way when a run ended every name is tried that it could have had.
        successor: the row of the version that is there now, whose output stays.

    Raises:
        StoreUnavailable: it cannot be done; the row stays, so the next run tries again.
    """
    names: dict[str, int | None] = {}
    for row in rows:
        if row["output"] is not None:
            names[row["output"]] = row["new_size"]
        elif row["code"] in UNSURE and not _is_same(row, successor):
            names |= dict.fromkeys(possible_names(job, row["path"]) - names.keys())
    for name, size in names.items():
        if successor is None or name != successor["output"]:
            _drop(job, name, size)


def _is_same(row: dict[str, Any], successor: dict[str, Any] | None) -> bool:
    """Whether both are of one version, whose output has one name."""
    return successor is not None and successor["output"] is not None and successor["identity"] == row["identity"]


def _drop(job: Job, name: str, size: int | None) -> None:
    try:
        if job.quarantine:
            data = job.target.get(name, job.target.size(name) if size is None else size)
            job.manifest.store.put(f"{STALE}/{name}", data)
        job.target.delete(name)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return  # somebody else did, or there was none, or the store cannot have such a name
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            kind = type(error).__name__
            raise StoreUnavailable(f"an output that is out of date cannot be removed ({kind})") from None
