"""What a worker does with a chunk of a listing: read, scrub, write, and then the chunk's part of the manifest.

Reading and writing run beside the scrubbing, in a few threads of their own, so that a core does not wait for the store.
Names of objects and parts follow from the listing alone: a chunk that is done again replaces what it did before. A part
is written as it grows, every few seconds, so that whoever does a chunk again goes on where a worker died.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from rmexif import bulk
from rmexif.batch.earlier import drop_outputs
from rmexif.batch.names import leads_elsewhere, output_name
from rmexif.batch.rows import CANNOT_CREATE, FINAL, NO_INPUT, OK, PENDING, Codes, describe
from rmexif.batch.stores import StoreUnavailable
from rmexif.containers import by_name
from rmexif.errors import InputError, LimitExceeded, WorkerLost
from rmexif.io.quiet_stderr import silence_stderr
from rmexif.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rmexif.batch.manifest import Manifest
    from rmexif.batch.stores import Entry, Store
    from rmexif.bulk import StripTask
    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerLimits

__all__ = ["Chunk", "Job", "Shards", "flow", "former_rows", "give_up", "history", "pending"]

LEADS_ELSEWHERE = "a name with an empty step, '.' or '..', or in the manifest's folder, leads elsewhere"
# Of objects that were not read.
PROBLEMS = {
    NO_INPUT: "it could not be read from the store",
    InputError.code: LEADS_ELSEWHERE,
    LimitExceeded.code: "max_bytes: its size in the listing is above the limit",
    WorkerLost.code: "whoever worked on it died, time after time",
    PENDING: "the run ended while it was under way",
}
# Small files go in groups, because to hand one over to another thread costs more than to read it. A bucket is asked for
# one object at a time: there it is the waiting that costs, and more requests at once are the cure.
GROUP = 16  # files read in one go
GROUP_BYTES = 1 << 20  # of one group, unless one file alone is larger
UNNAMED = 256  # files that a worker may hold open until they are on the disk: a process has 1024 as a rule
SAVE_SECONDS = 5.0  # between two writings of a part that grows: what a dead worker loses, for a request of the store


@dataclass(frozen=True, slots=True)
class Shards:
    """How shards are read.

    Args:
        others: other members and columns: "drop", or "pass", which keeps them and does not look into them.
        column: of tables, that holds the images; None finds it.
    """

    others: Literal["drop", "pass"] = "drop"
    column: str | None = None


@dataclass(frozen=True)
class Job:
    """All that a worker has to know.

    Args:
        source: where the originals lie.
        target: where the results go.
        manifest: where their rows go.
        policy: for all of them.
        neutral: call results by names that say nothing.
        limits: what holds for each image; None works in the worker's own process.
        prune: remove the results of originals that are no more.
        shards: how objects that are archives or tables are read; None takes objects as images.
        quarantine: move results that are out of date beside the manifest, instead of removing them.
        save_seconds: s between two writings of a part that grows.
    """

    source: Store
    target: Store
    manifest: Manifest
    policy: Policy | StripTask
    neutral: bool = False
    limits: WorkerLimits | None = None
    prune: bool = False
    quarantine: bool = False
    shards: Shards | None = None
    save_seconds: float = SAVE_SECONDS


@dataclass(frozen=True, slots=True)
class Chunk:
    """Objects of the listing that become one part of the manifest."""

    name: str
    entries: tuple[Entry, ...]
    former: tuple[str, ...] = ()  # parts with rows of what some of them were before


@dataclass(slots=True)
class _OpenChunk:
    """A chunk under way: its rows so far, and its results on their way to the store."""

    chunk: Chunk
    left: int  # objects without a row
    former: dict[str, list[dict[str, Any]]]  # rows of earlier versions, by path
    stored: list[dict[str, Any]]  # rows that an earlier try has written
    group: list[tuple[dict[str, Any], bytes | None]] = field(default_factory=list)  # results that go out together
    group_bytes: int = 0
    sent: list[tuple[list[dict[str, Any]], Future[list[str]]]] = field(default_factory=list)
    begun: Future[None] | None = None  # the writing of its part before the first result is stored
    saving: Future[Codes] | None = None  # the last writing of its part
    saved: float = field(default_factory=time.monotonic)


class _Writer:
    """Sends results to the store and rows to the manifest, in threads."""

    def __init__(self, job: Job, threads: ThreadPoolExecutor, workers: int) -> None:
        self._job, self._threads, self._most = job, threads, 2 * workers
        self._group = max(1, UNNAMED // (self._most + 2)) if job.target.local else 1

    def add(self, state: _OpenChunk, row: dict[str, Any], data: bytes | None) -> None:
        """Take a row with its result; the chunk's part is written in between, and at its end."""
        state.left -= 1
        state.group.append((row, data))
        state.group_bytes += len(data or b"")
        is_due = time.monotonic() - state.saved > self._job.save_seconds
        if len(state.group) == self._group or state.group_bytes > GROUP_BYTES or is_due or not state.left:
            self._send(state)
        if is_due or not state.left:
            self.save(state)

    def _send(self, state: _OpenChunk) -> None:
        results, state.group, state.group_bytes = state.group, [], 0
        if state.begun is None and any(data is not None for _, data in results):
            state.begun = self._threads.submit(_begin, self._job, state, state.saving)
        put = self._threads.submit(_put_all, self._job.target, results, state.begun)
        state.sent.append(([row for row, _ in results], put))
        if len(state.sent) > self._most:
            state.sent[-self._most - 1][1].result()  # results that wait to be written are bounded too

    def save(self, state: _OpenChunk) -> Future[Codes]:
        """Write the chunk's part with all rows so far."""
        state.saved = time.monotonic()
        state.saving = self._threads.submit(_save, self._job, state, tuple(state.sent), state.saving)
        return state.saving


def flow(job: Job, chunks: Iterable[Chunk], workers: int = 1, resumes: bool = False) -> Iterator[Codes]:
    """Scrub every chunk; its part of the manifest is written when its codes are handed out.

    Args:
        job: what to do.
        chunks: may be endless; taken no faster than they are done.
        workers: images at once.
        resumes: take up what an earlier try has written of a chunk.

    Raises:
        StoreUnavailable: a part could not be written.
        SetupError: the installation or the policy is at fault.
    """
    waiting: dict[int, tuple[_OpenChunk, Entry, bytes, str]] = {}
    done: deque[Future[Codes]] = deque()
    with ThreadPoolExecutor(2 * workers + 2, "rmexif-store") as threads, silence_stderr():
        writer = _Writer(job, threads, workers)

        def opened() -> Iterator[tuple[_OpenChunk, tuple[Entry, ...]]]:
            for chunk in chunks:
                state, left = _open(job, chunk, resumes)
                if not left:
                    done.append(writer.save(state))
                yield from ((state, group) for group in _groups(job.source, left))

        def images() -> Iterator[bytes]:
            for index, (state, entry, raw, code) in enumerate(_ahead(job, opened(), threads, 2 * workers)):
                waiting[index] = (state, entry, raw, code)
                yield raw

        # Unordered: a slow picture holds up no other.
        outcomes: Any = bulk.run(job.policy, images(), job.limits, workers=workers, ordered=False)
        with closing(outcomes):
            for outcome in outcomes:
                state, entry, raw, code = waiting.pop(outcome.index)
                outcome = _again(job, raw, outcome)
                row = _row(job, entry, raw, code, outcome) | history(state.former.get(entry.path))
                writer.add(state, row, outcome.data)
                if not state.left and state.saving is not None:
                    done.append(state.saving)
                while done and (done[0].done() or len(done) > 2):  # parts that wait to be written are bounded too
                    yield done.popleft().result()
        while done:
            yield done.popleft().result()


def _open(job: Job, chunk: Chunk, resumes: bool) -> tuple[_OpenChunk, tuple[Entry, ...]]:
    """A chunk, and its objects that no earlier try has done."""
    stored = _stored(job, chunk) if resumes else {}
    left = tuple(entry for entry in chunk.entries if entry.path not in stored)
    return _OpenChunk(chunk, len(left), former_rows(job, chunk), list(stored.values())), left


def _stored(job: Job, chunk: Chunk) -> dict[str, dict[str, Any]]:
    """Rows of a chunk's part as far as it was written, by path."""
    try:
        rows = job.manifest.read(chunk.name)
    except FileNotFoundError:
        return {}
    return {row["path"]: row for row in rows if row["code"] in FINAL}


def give_up(job: Job, chunk: Chunk) -> Codes:
    """Write rows that say ``worker_lost`` of a chunk's objects that no try has done; the next run tries them again."""
    state, left = _open(job, chunk, resumes=True)
    lost = Outcome(0, None, None, WorkerLost(PROBLEMS[WorkerLost.code]))
    rows = [_row(job, entry, b"", WorkerLost.code, lost) | history(state.former.get(entry.path)) for entry in left]
    for entry in left:
        state.former.setdefault(entry.path, []).append(pending(job, entry, None))  # it may have stored some of them
    put: Future[list[str]] = Future()
    put.set_result([WorkerLost.code] * len(rows))
    return _save(job, state, ((rows, put),), None)


def _groups(store: Store, entries: tuple[Entry, ...]) -> Iterator[tuple[Entry, ...]]:
    """Objects that are read in one go."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and (not store.local or len(group) == GROUP or size + entry.size > GROUP_BYTES):
            yield tuple(group)
            group, size = [], 0
        group.append(entry)
        size += entry.size
    if group:
        yield tuple(group)


def _ahead(
    job: Job, groups: Iterable[tuple[_OpenChunk, tuple[Entry, ...]]], threads: ThreadPoolExecutor, most: int
) -> Iterator[tuple[_OpenChunk, Entry, bytes, str]]:
    """The objects of all chunks, with the next few being read already."""
    reading: deque[tuple[_OpenChunk, tuple[Entry, ...], Future[list[tuple[bytes, str]]]]] = deque()

    def read() -> Iterator[tuple[_OpenChunk, Entry, bytes, str]]:
        state, group, found = reading.popleft()
        for entry, (raw, code) in zip(group, found.result(), strict=True):
            yield state, entry, raw, code

    for state, group in groups:
        reading.append((state, group, threads.submit(lambda group: [_get(job, entry) for entry in group], group)))
        if len(reading) > most:
            yield from read()
    while reading:
        yield from read()


def _again(job: Job, raw: bytes, outcome: Outcome) -> Outcome:
    """The outcome, or that of a second try where the image's process died: alone, in a process of its own."""
    if not isinstance(outcome.error, WorkerLost):
        return outcome
    outcomes: Any = bulk.run(job.policy, [raw], job.limits, workers=1)
    with closing(outcomes):
        (again,) = outcomes
    return cast("Outcome", again)


def former_rows(job: Job, chunk: Chunk) -> dict[str, list[dict[str, Any]]]:
    """Rows of earlier versions of a chunk's objects, by path: several where runs have died."""
    found: dict[str, list[dict[str, Any]]] = {entry.path: [] for entry in chunk.entries} if chunk.former else {}
    for row in (row for name in chunk.former for row in job.manifest.read(name)):
        if row["path"] in found:
            found[row["path"]].append(row)
    return found


def history(former: list[dict[str, Any]] | None) -> dict[str, Any]:
    """The columns that say what a row replaced, and when."""
    newest = sorted(former or (), key=lambda row: row["recorded"] or 0, reverse=True)
    hashes = (row["original_hash"] or row["previous_hash"] for row in newest)
    return {"previous_hash": next(filter(None, hashes), None), "recorded": int(time.time())}


def pending(job: Job, entry: Entry, former: list[dict[str, Any]] | None) -> dict[str, Any]:
    """The row of an object whose result may be stored before its own row is: a run that dies in between leaves it."""
    row = dict.fromkeys(("output", "format", "faces_detected", "findings", "new_size", "original_hash", "new_hash"))
    facts = {"path": entry.path, "identity": job.manifest.identity(entry), "original_size": entry.size}
    return row | facts | {"code": PENDING, "problem": PROBLEMS[PENDING]} | history(former)


def _get(job: Job, entry: Entry) -> tuple[bytes, str]:
    """An object's bytes, or none and the reason; never one that its listed size alone refuses."""
    try:
        if leads_elsewhere(job, entry.path):
            return b"", InputError.code
        job.policy.limits.check("max_bytes", entry.size)
        raw = job.source.get(entry.path, job.policy.limits.max_bytes) if entry.size else b""
        # Shorter than listed: cut off on its way, or being written; only the next run can say what is wrong with it.
        return (raw, OK) if len(raw) >= entry.size else (b"", NO_INPUT)
    except LimitExceeded as error:
        return b"", error.code
    except (OSError, ValueError, StoreUnavailable):  # ValueError: a name that this store cannot have
        return b"", NO_INPUT


def _row(job: Job, entry: Entry, raw: bytes, code: str, outcome: Outcome) -> dict[str, Any]:
    row = {
        "path": entry.path,
        "identity": job.manifest.identity(entry),
        "output": None,
        "original_size": entry.size,
        "new_size": None,
        "problem": None if outcome.error is None else str(outcome.error),
        **describe(raw, outcome),
    }
    if code != OK:  # it was not read
        row |= {"code": code, "original_hash": None, "format": None, "problem": PROBLEMS.get(code)}
    if outcome.data is not None and outcome.report is not None:
        extensions = by_name(outcome.report.stats["output_format"]).format.extensions
        row |= {"output": output_name(job, entry.path, extensions), "new_size": len(outcome.data)}
    return row


def _begin(job: Job, state: _OpenChunk, before: Future[Codes] | None) -> None:
    """Write a chunk's part before its first result: what is stored without a row is found by the next run."""
    if before is not None:
        before.result()  # the same part, of rows without results
    _write(job, state, [])


def _put_all(
    target: Store, results: list[tuple[dict[str, Any], bytes | None]], begun: Future[None] | None
) -> list[str]:
    """Store results; the code of each row."""
    if begun is not None:
        begun.result()
    sent = [(row["output"], data) for row, data in results if data is not None]
    stored = iter(target.put_all(sent))
    return [str(row["code"]) if data is None else OK if next(stored) else CANNOT_CREATE for row, data in results]


def _save(
    job: Job,
    state: _OpenChunk,
    sent: tuple[tuple[list[dict[str, Any]], Future[list[str]]], ...],
    before: Future[Codes] | None,
) -> Codes:
    """Write a part with the rows whose results were sent, behind these results; their codes."""
    if before is not None:
        before.result()  # the same part, with fewer rows
    rows = []
    for group, put in sent:
        for row, code in zip(group, put.result(), strict=True):
            row["code"] = code
            if code == CANNOT_CREATE:
                row |= {"output": None, "new_hash": None, "new_size": None, "problem": "it could not be stored"}
            drop_outputs(job, state.former.pop(row["path"], []), row)
            rows.append(row)
    return _write(job, state, rows)


def _write(job: Job, state: _OpenChunk, rows: list[dict[str, Any]]) -> Codes:
    """Write a part: these rows, those that an earlier try has written, and that the others are pending."""
    rows = [*state.stored, *rows]
    codes = Codes()
    codes.add(rows)
    done = {row["path"] for row in rows}
    left = (entry for entry in state.chunk.entries if entry.path not in done)
    rows += [pending(job, entry, state.former.get(entry.path)) for entry in left]
    job.manifest.write(state.chunk.name, rows)
    return codes
