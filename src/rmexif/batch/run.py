"""A run from one store to another: what is refused at once, what is left to do, and what became of it."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal, Unpack

from rmexif.batch import engines, manifest
from rmexif.batch.earlier import Earlier
from rmexif.batch.flow import Chunk, Job, Shards
from rmexif.batch.progress import Progress, Total
from rmexif.batch.rows import CANNOT_CREATE, GONE, NO_INPUT, OK, SKIPPED
from rmexif.batch.shards import is_lock
from rmexif.batch.stores import Store
from rmexif.errors import InputError, InvalidPolicy, RmexifError, WorkerLost
from rmexif.policy import Policy
from rmexif.scrubber import Scrubber
from rmexif.workers.limits import WorkerLimits, limits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rmexif.batch.stores import Entry
    from rmexif.bulk import StripTask
    from rmexif.workers.limits import WorkerOptions

__all__ = ["Summary", "run"]

NEUTRAL = "neutral"
STALE_CHOICES = ("remove", "quarantine")
LEAST_ROWS, MOST_ROWS = 256, 2048  # of one part, where nobody says
AHEAD = 8192  # objects that are listed before they are handed out: nine pages of a bucket
EXITS = {NO_INPUT: 66, CANNOT_CREATE: 73}  # sysexits.h, as for folders


@dataclass(slots=True)
class Summary:
    """How many objects came to what."""

    codes: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> dict[str, int]:
        """Those without an output, by code."""
        return {code: count for code, count in sorted(self.codes.items()) if code not in (OK, SKIPPED, GONE)}

    @property
    def exit_code(self) -> int:
        """65 where images were refused, else the largest of what occurred, 0 where all went well."""
        known = {kind.code: kind.exit_code for kind in _kinds(RmexifError)} | EXITS
        exits = {known[code] for code in self.failed}
        return InputError.exit_code if InputError.exit_code in exits else max(exits, default=0)


def run(  # noqa: PLR0913 - keyword options of a public function
    source: str,
    target: str,
    policy: Policy | StripTask | None = None,
    *,
    engine: Literal["local", "ray", "spark"] = "local",
    at: str | None = None,
    neutral_names: bool = False,
    rows: int | None = None,
    check: bool = True,
    patience: float = 300,
    shards: Shards | None = None,
    hidden: bool = False,
    prune: bool = False,
    stale: Literal["remove", "quarantine"] = "remove",
    workers: int | None = None,
    address: str | None = None,
    gpus: float = 0,
    progress: Callable[[Progress], object] | None = None,
    **options: Unpack[WorkerOptions],
) -> Summary:
    """Scrub everything in one store into another, and write a manifest; a second run does what is left.

    Args:
        source: a folder, or ``s3://bucket/prefix`` and what else fsspec knows; nothing in it is changed.
        target: likewise; empty, or the target of an earlier run.
        policy: for all of it; a ``rmexif.bulk.StripTask`` removes metadata alone, pixels untouched.
        engine: what carries the run.
        at: place of the manifest; ``_rmexif`` in the target by default.
        neutral_names: call outputs by names that say nothing; the manifest knows which is which.
        rows: objects of one part of the manifest, which an engine does as one piece of work; by default 256, and up
            to 2048 while much is left.
        check: compare the outputs of an earlier run with their hashes; False takes the manifest's word.
        patience: s that a store may fail before an object, and then the run, is given up.
        shards: objects are tar, zip, Parquet or LMDB of images, which are written again; this says how.
        hidden: take objects with a step that begins with a dot, too; left out otherwise, as in folders.
        prune: remove the outputs of originals that are no more; else the manifest calls them ``gone`` and they stay.
        stale: what becomes of an output whose original has changed and is refused, or is pruned: "remove", or
            "quarantine", which moves it beside the manifest.
        workers: images at once; every core by default.
        address: of a Ray cluster or a Spark master.
        gpus: share of a GPU for every worker (Ray), for a detector of your own.
        progress: called with each chunk that is done; the source is then listed a second time, to know a total.
        options: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``, ``lock_memory`` of ``scrub_many``,
            inside each worker.

    Raises:
        SetupError: nothing can be done, or go on, before something is put right; the message says what.
    """
    task = policy or Policy()
    limits = limits_of(**options)
    for name, number in (("rows", rows), ("patience", patience)):
        if number is not None and number <= 0:
            raise InvalidPolicy(f"{name} must be more than 0, got {number}")
    if stale not in STALE_CHOICES:
        raise InvalidPolicy(f"stale must be one of {', '.join(STALE_CHOICES)}, got {stale!r}")
    with suppress(InputError):  # an empty image comes only after what is wrong with the policy
        if isinstance(task, Policy):
            Scrubber(b"", task)
    places = _places(source, target, at, patience)
    for place in places[1:]:
        place.check_writable()
    carrier = engines.by_name(engine, address=address, workers=workers, gpus=gpus)
    job = _job(*places, task, _naming(neutral_names, shards), limits, shards)
    job = replace(job, prune=prune, quarantine=stale == "quarantine")
    summary = Summary()

    state = None if progress is None else Progress(Total(_listed(job, hidden)))

    def count(codes: Counter[str]) -> None:
        summary.codes.update(codes)
        if progress is not None and state is not None:
            state.advance(codes)
            progress(state)

    with _guarded(job, engine, summary) as job:
        earlier = Earlier(carrier.check(job, job.manifest.parts(), check))
        rows = rows if shards is None else 1
        for codes in carrier.scrub(job, _chunks(job, rows, carrier.at_once, earlier, hidden)):
            codes.update(earlier.take_codes())
            count(codes)
        count(earlier.take_codes())
        for gone in carrier.amend(job, earlier.amendments()):
            count(gone)
    return summary


@contextmanager
def _guarded(job: Job, engine: str, summary: Summary) -> Iterator[Job]:
    """The job; with processes for its images where a run in threads has died: some picture may be the cause of it."""
    if engine != "local" or job.limits is not None or not _travels(job.policy):
        yield job  # what works on an image is no part of this process already, or cannot be
        return
    # A picture that ends its process is tried again by every run: in threads it would end that one.
    with manifest.running(job.manifest.store, lambda: bool(summary.codes[WorkerLost.code])) as has_died:
        yield replace(job, limits=WorkerLimits()) if has_died else job


def _travels(task: Policy | StripTask) -> bool:
    """Whether it can be sent to a process."""
    try:
        pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def _places(source: str, target: str, at: str | None, patience: float) -> tuple[Store, Store, Store]:
    """Source, destination and manifest, before anything is written.

    Raises:
        InvalidPolicy: they lie in each other, or there is nothing to do.
    """
    origin, results = Store(source, patience), Store(target, patience)
    notes = Store(at, patience) if at else results.below(manifest.FOLDER)
    if origin.holds(results) or results.holds(origin):
        raise InvalidPolicy("source and destination lie in each other: results would become originals")
    if origin.holds(notes):
        raise InvalidPolicy("the manifest lies in the source: it would become an original")
    if origin.is_empty():
        raise InvalidPolicy("there is nothing at the source: name a folder or a bucket that holds files")
    return origin, results, notes


def _naming(neutral: bool, shards: Shards | None) -> str:
    """How results are called, in run.json.

    Raises:
        InvalidPolicy: members of shards have no neutral names.
    """
    if shards is None:
        return NEUTRAL if neutral else "kept"
    if neutral:
        raise InvalidPolicy("neutral_names must be left out: members of shards keep their names")
    if shards.others not in ("drop", "pass"):
        raise InvalidPolicy(f"others must be one of drop, pass, got {shards.others!r}")
    return f"in shards, others: {shards.others}, column: {shards.column or 'the only one'}"


def _job(
    origin: Store,
    results: Store,
    notes: Store,
    policy: Policy | StripTask,
    names: str,
    limits: WorkerLimits | None,
    shards: Shards | None,
) -> Job:
    facts = {
        "source": origin.url,
        "destination": results.url,
        "names": names,
        "policy_fingerprint": policy.fingerprint(),
        "column": shards and shards.column,  # for an audit, which reads the tables again
    }
    return Job(origin, results, manifest.begin(notes, results, facts), policy, names == NEUTRAL, limits, shards=shards)


def _is_hidden(path: str) -> bool:
    return any(step.startswith(".") and step not in (".", "..") for step in path.split("/"))


def _listed(job: Job, hidden: bool) -> Iterator[Entry]:
    found = (entry for entry in job.source.entries() if hidden or not _is_hidden(entry.path))
    return found if job.shards is None else (entry for entry in found if not is_lock(entry.path))


def _chunks(job: Job, rows: int | None, at_once: int, earlier: Earlier, hidden: bool) -> Iterator[Chunk]:
    """The listing in pieces, without what is done; a piece is named after what is in it."""
    for piece in _pieces(_listed(job, hidden), rows, at_once):
        marks = [job.manifest.key(entry.path) + job.manifest.identity(entry) for entry in piece]
        done, former = earlier.seen(marks)
        left = [(entry, mark) for entry, mark, is_done in zip(piece, marks, done, strict=True) if not is_done]
        if left:
            # with the parts that it replaces, so that it is none of them
            facts = b"".join(mark for _, mark in left) + "".join(former).encode()
            name = hashlib.blake2b(facts, digest_size=16).hexdigest()
            yield Chunk(f"part-{name}.parquet", tuple(entry for entry, _ in left), former)


def _pieces(listed: Iterable[Entry], rows: int | None, at_once: int) -> Iterator[list[Entry]]:
    """A listing in pieces.

    An engine takes its time for each piece (Spark 33 ms of processor, once it is warm), and at the end some wait for
    the last: so a piece is large while much is left, as far as the listing is known (guided self-scheduling).

    Args:
        listed: the listing.
        rows: objects of every piece; None finds it.
        at_once: images that are worked on at a time.
    """
    listed = iter(listed)
    ahead: deque[Entry] = deque()
    while True:
        ahead.extend(islice(listed, (rows or AHEAD) - len(ahead)))
        if not ahead:
            return
        most = rows or min(max(LEAST_ROWS, len(ahead) // (2 * at_once)), MOST_ROWS)
        yield [ahead.popleft() for _ in range(min(most, len(ahead)))]


def _kinds(kind: type[RmexifError]) -> Iterator[type[RmexifError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
