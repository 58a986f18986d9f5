"""What a worker does with a chunk of a listing: read, scrub, write, and then the chunk's part of the manifest.

Reading and writing run beside the scrubbing, in a few threads of their own, so that a core does not wait for the store.
Names of objects and parts follow from the listing alone: a chunk that is done again replaces what it did before.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from rmexif import bulk
from rmexif.batch.earlier import drop_output
from rmexif.batch.manifest import escaped
from rmexif.batch.rows import CANNOT_CREATE, NO_INPUT, OK, Codes, describe
from rmexif.batch.stores import StoreUnavailable
from rmexif.containers import by_name
from rmexif.errors import InputError, LimitExceeded
from rmexif.io.quiet_stderr import silence_stderr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rmexif.batch.manifest import Manifest
    from rmexif.batch.stores import Entry, Store
    from rmexif.bulk import StripTask
    from rmexif.outcome import Outcome
    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerLimits

__all__ = ["Chunk", "Job", "Shards", "flow", "former_rows", "history", "true_name"]

# Of objects that were not read.
PROBLEMS = {
    NO_INPUT: "it could not be read from the store",
    InputError.code: "a name with an empty step, '.' or '..' leads elsewhere",
    LimitExceeded.code: "max_bytes: its size in the listing is above the limit",
}
RENAMED = ".as"  # between the name of an object and the extension that its result has


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
    former: dict[str, dict[str, Any]] = field(default_factory=dict)  # rows of earlier versions, by path
    rows: list[dict[str, Any]] = field(default_factory=list)
    puts: list[Future[str]] = field(default_factory=list)


def flow(job: Job, chunks: Iterable[Chunk], workers: int = 1) -> Iterator[Codes]:
    """Scrub every chunk; its part of the manifest is written when its codes are handed out.

    Args:
        job: what to do.
        chunks: may be endless; taken no faster than they are done.
        workers: images at once.

    Raises:
        StoreUnavailable: a part could not be written.
        SetupError: the installation or the policy is at fault.
    """
    waiting: dict[int, tuple[_OpenChunk, Entry, bytes, str]] = {}
    with ThreadPoolExecutor(2 * workers + 2, "rmexif-store") as threads, silence_stderr():

        def images() -> Iterator[bytes]:
            for index, (state, entry, read) in enumerate(_ahead(job, chunks, threads, 2 * workers)):
                raw, code = read.result()
                waiting[index] = (state, entry, raw, code)
                yield raw

        # Unordered: a slow picture holds up no other.
        outcomes: Any = bulk.run(job.policy, images(), job.limits, workers=workers, ordered=False)
        with closing(outcomes):
            for outcome in outcomes:
                state, entry, raw, code = waiting.pop(outcome.index)
                row = _row(job, entry, raw, code, outcome) | history(state.former.get(entry.path))
                state.rows.append(row)
                state.puts.append(threads.submit(_put, job.target, row, outcome.data))
                if len(state.puts) > 2 * workers:
                    state.puts[-2 * workers - 1].result()  # results that wait to be written are bounded too
                if len(state.rows) == len(state.chunk.entries):
                    yield _finish(job, state)


def _ahead(
    job: Job, chunks: Iterable[Chunk], threads: ThreadPoolExecutor, most: int
) -> Iterator[tuple[_OpenChunk, Entry, Future[tuple[bytes, str]]]]:
    """The objects of all chunks, with the next few being read already."""
    reading: deque[tuple[_OpenChunk, Entry, Future[tuple[bytes, str]]]] = deque()
    for chunk in chunks:
        state = _OpenChunk(chunk, former_rows(job, chunk))
        for entry in chunk.entries:
            reading.append((state, entry, threads.submit(_get, job, entry)))
            if len(reading) > most:
                yield reading.popleft()
    while reading:
        yield reading.popleft()


def former_rows(job: Job, chunk: Chunk) -> dict[str, dict[str, Any]]:
    """Rows of earlier versions of a chunk's objects, by path."""
    paths = {entry.path for entry in chunk.entries}
    rows = (row for name in chunk.former for row in job.manifest.read(name))
    return {row["path"]: row for row in rows if row["path"] in paths}


def history(former: dict[str, Any] | None) -> dict[str, Any]:
    """The columns that say what a row replaced, and when."""
    return {"previous_hash": former and former["original_hash"], "recorded": int(time.time())}


def _get(job: Job, entry: Entry) -> tuple[bytes, str]:
    """An object's bytes, or none and the reason; never one that its listed size alone refuses."""
    try:
        if any(piece in ("", ".", "..") for piece in entry.path.split("/")):
            return b"", InputError.code  # a name that leads out of the destination
        job.policy.limits.check("max_bytes", entry.size)
        return (job.source.get(entry.path, job.policy.limits.max_bytes) if entry.size else b""), OK
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
        row |= {"output": _name(job, entry.path, extensions), "new_size": len(outcome.data)}
    return row


def _name(job: Job, path: str, extensions: tuple[str, ...]) -> str:
    """Where a result goes; no two paths have the same, whatever their extensions claim."""
    if job.neutral:
        return job.manifest.neutral(path) + extensions[0]
    return true_name(escaped(path), extensions)  # stores that are no folders know no other names than UTF-8


def true_name(path: str, extensions: tuple[str, ...]) -> str:
    """A path whose extension is one of these: itself, or with ``.as`` and the first of them behind it."""
    known = PurePosixPath(path)
    if known.suffix.lower() in extensions and not known.stem.endswith(RENAMED):
        return path
    return f"{path}{RENAMED}{extensions[0]}"


def _put(target: Store, row: dict[str, Any], data: bytes | None) -> str:
    if data is None:
        return str(row["code"])
    try:
        target.put(row["output"], data)
    except (OSError, ValueError, StoreUnavailable):
        return CANNOT_CREATE
    return OK


def _finish(job: Job, state: _OpenChunk) -> Codes:
    for row, put in zip(state.rows, state.puts, strict=True):
        row["code"] = put.result()
        if row["code"] == CANNOT_CREATE:
            row |= {"output": None, "new_hash": None, "new_size": None, "problem": "it could not be stored"}
        former = state.former.get(row["path"])
        if former is not None and former["output"] not in (None, row["output"]):
            drop_output(job, former)
    job.manifest.write(state.chunk.name, state.rows)
    codes = Codes()
    codes.add(state.rows)
    return codes
