"""A run from one store to another: what is refused at once, what is left to do, and what became of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np

from rmexif.batch import engines, manifest
from rmexif.batch.flow import CANNOT_CREATE, NO_INPUT, Chunk, Job
from rmexif.batch.rows import OK
from rmexif.batch.stores import Store
from rmexif.errors import InputError, InvalidPolicy, RmexifError
from rmexif.policy import Policy
from rmexif.scrubber import Scrubber
from rmexif.workers.limits import limits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rmexif.bulk import StripTask
    from rmexif.workers.limits import WorkerLimits, WorkerOptions

__all__ = ["Summary", "run"]

SKIPPED = "skipped"
EXITS = {NO_INPUT: 66, CANNOT_CREATE: 73}  # sysexits.h, as for folders


@dataclass(slots=True)
class Summary:
    """How many objects came to what."""

    codes: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> dict[str, int]:
        """Those without an output, by code."""
        return {code: count for code, count in sorted(self.codes.items()) if code not in (OK, SKIPPED)}

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
    rows: int = 256,
    check: bool = True,
    patience: float = 300,
    workers: int | None = None,
    address: str | None = None,
    gpus: float = 0,
    progress: Callable[[Counter[str]], object] | None = None,
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
        rows: objects of one part of the manifest, which is also what a dead worker has to do again.
        check: compare the outputs of an earlier run with their hashes; False takes the manifest's word.
        patience: s that a store may fail before an object, and then the run, is given up.
        workers: images at once; every core by default.
        address: of a Ray cluster or a Spark master.
        gpus: share of a GPU for every worker (Ray), for a detector of your own.
        progress: called with the codes of each chunk that is done.
        options: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``, ``lock_memory`` of ``scrub_many``,
            inside each worker.

    Raises:
        SetupError: nothing can be done, or go on, before something is put right; the message says what.
    """
    task = policy or Policy()
    limits = limits_of(**options)
    for name, number in (("rows", rows), ("patience", patience)):
        if number <= 0:
            raise InvalidPolicy(f"{name} must be more than 0, got {number}")
    with suppress(InputError):  # an empty image comes only after what is wrong with the policy
        if isinstance(task, Policy):
            Scrubber(b"", task)
    places = _places(source, target, at, patience)
    carrier = engines.by_name(engine, address=address, workers=workers, gpus=gpus)
    job = _job(*places, task, neutral_names, limits)
    summary = Summary()

    def count(codes: Counter[str]) -> None:
        summary.codes.update(codes)
        if progress is not None:
            progress(codes)

    done = _check(carrier, job, check, count)
    for codes in carrier.scrub(job, _chunks(job, rows, done)):
        count(codes)
    return summary


def _check(
    carrier: engines.Engine, job: Job, outputs: bool, count: Callable[[Counter[str]], None]
) -> NDArray[np.bytes_]:
    """Identities of the objects that need not be done again, sorted."""
    found = []
    for checked in carrier.check(job, job.manifest.parts(), outputs):
        found.append(checked.identities)
        count(Counter(checked.codes))
    return np.sort(np.frombuffer(b"".join(found), "S16"))


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
        raise InvalidPolicy("there is nothing at the source")
    return origin, results, notes


def _job(
    origin: Store, results: Store, notes: Store, policy: Policy | StripTask, neutral: bool, limits: WorkerLimits | None
) -> Job:
    facts = {
        "source": origin.url,
        "destination": results.url,
        "names": "neutral" if neutral else "kept",
        "policy_fingerprint": policy.fingerprint(),
    }
    return Job(origin, results, manifest.begin(notes, results, facts), policy, neutral, limits)


def known(done: NDArray[np.bytes_], identities: list[bytes]) -> NDArray[np.bool_]:
    """Which of the identities are in ``done``, sorted: an array, because a set takes five times the memory."""
    wanted = np.array(identities, "S16")
    if not len(done):
        return np.zeros(len(wanted), np.bool_)
    there: NDArray[np.bool_] = done.take(np.searchsorted(done, wanted), mode="clip") == wanted
    return there


def _chunks(job: Job, rows: int, done: Any) -> Iterator[Chunk]:
    """The listing in pieces, without what is done; a piece is named after what is in it."""
    listed = job.source.entries()
    while piece := list(islice(listed, rows)):
        identities = [job.manifest.identity(entry) for entry in piece]
        found = known(done, identities)
        left = [(entry, mark) for entry, mark, there in zip(piece, identities, found, strict=True) if not there]
        if left:
            name = hashlib.blake2b(b"".join(mark for _, mark in left), digest_size=16).hexdigest()
            yield Chunk(f"part-{name}.parquet", tuple(entry for entry, _ in left))


def _kinds(kind: type[RmexifError]) -> Iterator[type[RmexifError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
