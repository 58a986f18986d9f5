"""What a worker does with a chunk of a listing: read, scrub, write, and then the chunk's part of the manifest.

Reading and writing run beside the scrubbing, in a few threads of their own, so that a core does not wait for the store.
Names of objects and parts follow from the listing alone: a chunk that is done again replaces what it did before.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from rmexif import bulk
from rmexif.batch.rows import OK, describe
from rmexif.batch.stores import StoreUnavailable
from rmexif.containers import by_name
from rmexif.errors import InputError, LimitExceeded
from rmexif.io.quiet_stderr import silence_stderr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rmexif.batch.manifest import Manifest
    from rmexif.batch.stores import Entry, Store
    from rmexif.bulk import StripTask
    from rmexif.policy import Policy
    from rmexif.types import Outcome
    from rmexif.workers.limits import WorkerLimits

__all__ = ["Checked", "Chunk", "Job", "check", "flow"]

NO_INPUT, CANNOT_CREATE = "no_input", "cannot_create"
# Codes of rows that a second run leaves as they are; every other failure may go better the next time.
FINAL = frozenset({OK, "input_error", "unknown_format", "malformed_image", "unsupported_feature", "limit_exceeded"})
RENAMED = ".as"  # between the name of an object and the extension that its result has


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
    """

    source: Store
    target: Store
    manifest: Manifest
    policy: Policy | StripTask
    neutral: bool = False
    limits: WorkerLimits | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Objects of the listing that become one part of the manifest."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class _OpenChunk:
    """A chunk under way: its rows so far, and its results on their way to the store."""

    chunk: Chunk
    rows: list[dict[str, Any]] = field(default_factory=list)
    puts: list[Future[str]] = field(default_factory=list)


def flow(job: Job, chunks: Iterable[Chunk], workers: int = 1) -> Iterator[Counter[str]]:
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
                row = _row(job, entry, raw, code, outcome)
                state.rows.append(row)
                state.puts.append(threads.submit(_put, job.target, row, outcome.data))
                if len(state.puts) > 2 * workers:
                    state.puts[-2 * workers - 1].result()  # results that wait to be written are bounded too
                if len(state.rows) == len(state.chunk.entries):
                    yield _finish(job.manifest, state)


def _ahead(
    job: Job, chunks: Iterable[Chunk], threads: ThreadPoolExecutor, most: int
) -> Iterator[tuple[_OpenChunk, Entry, Future[tuple[bytes, str]]]]:
    """The objects of all chunks, with the next few being read already."""
    reading: deque[tuple[_OpenChunk, Entry, Future[tuple[bytes, str]]]] = deque()
    for chunk in chunks:
        state = _OpenChunk(chunk)
        for entry in chunk.entries:
            reading.append((state, entry, threads.submit(_get, job, entry)))
            if len(reading) > most:
                yield reading.popleft()
    while reading:
        yield reading.popleft()


def _get(job: Job, entry: Entry) -> tuple[bytes, str]:
    """An object's bytes, or none and the reason; never one that its listed size alone refuses."""
    try:
        if any(piece in ("", ".", "..") for piece in entry.path.split("/")):
            return b"", InputError.code  # a name that leads out of the destination
        job.policy.limits.check("max_bytes", entry.size)
        return (job.source.get(entry.path, job.policy.limits.max_bytes) if entry.size else b""), OK
    except LimitExceeded as error:
        return b"", error.code
    except (OSError, StoreUnavailable):
        return b"", NO_INPUT


def _row(job: Job, entry: Entry, raw: bytes, code: str, outcome: Outcome) -> dict[str, Any]:
    row = {
        "path": entry.path,
        "identity": job.manifest.identity(entry),
        "output": None,
        "original_size": entry.size,
        "new_size": None,
        **describe(raw, outcome),
    }
    if code != OK:  # it was not read
        row |= {"code": code, "original_hash": None, "format": None}
    if outcome.data is not None and outcome.report is not None:
        extensions = by_name(outcome.report.stats["output_format"]).format.extensions
        row |= {"output": _name(job, entry.path, extensions), "new_size": len(outcome.data)}
    return row


def _name(job: Job, path: str, extensions: tuple[str, ...]) -> str:
    """Where a result goes; no two paths have the same, whatever their extensions claim."""
    if job.neutral:
        return job.manifest.neutral(path) + extensions[0]
    known = PurePosixPath(path)
    if known.suffix.lower() in extensions and not known.stem.endswith(RENAMED):
        return path
    return f"{path}{RENAMED}{extensions[0]}"


def _put(target: Store, row: dict[str, Any], data: bytes | None) -> str:
    if data is None:
        return str(row["code"])
    try:
        target.put(row["output"], data)
    except (OSError, StoreUnavailable):
        return CANNOT_CREATE
    return OK


def _finish(manifest: Manifest, state: _OpenChunk) -> Counter[str]:
    for row, put in zip(state.rows, state.puts, strict=True):
        row["code"] = put.result()
        if row["code"] == CANNOT_CREATE:
            row |= {"output": None, "new_hash": None, "new_size": None}
    manifest.write(state.chunk.name, state.rows)
    return Counter(row["code"] for row in state.rows)


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a part of an earlier run that still hold."""

    identities: bytes  # 16 for each of these rows
    codes: dict[str, int]


def check(job: Job, name: str, outputs: bool = True) -> Checked:
    """Compare the outputs of a part with their hashes, and take out of it whatever has to be done again.

    Args:
        job: what to do.
        name: the part.
        outputs: read the outputs; False takes the manifest's word.
    """
    rows = job.manifest.read(name)
    most = job.policy.limits.max_bytes
    with ThreadPoolExecutor(4, "rmexif-store") as threads:
        current = list(threads.map(lambda row: _is_current(job.target, row, most, outputs), rows))
    kept = [row for row, is_current in zip(rows, current, strict=True) if is_current]
    if not kept:
        job.manifest.store.delete(name)
    elif len(kept) < len(rows):
        job.manifest.write(name, kept)
    codes = Counter("skipped" if row["code"] == OK else row["code"] for row in kept)
    return Checked(b"".join(row["identity"] for row in kept), dict(codes))


def _is_current(target: Store, row: dict[str, Any], most: int, outputs: bool) -> bool:
    if row["code"] != OK or not outputs:
        return row["code"] in FINAL
    try:
        data = target.get(row["output"], max(most, row["new_size"]))
    except OSError:
        return False
    return bool(hashlib.sha256(data).hexdigest() == row["new_hash"])
