"""What a worker does with a shard: its images scrubbed one by one as they are read, and the shard written again.

A shard has one row in the manifest, as any object, and its members have theirs in ``members/`` beside the parts.
A record with an image that is refused is left out. A shard that cannot be read to its end has no result; others go on.
"""

from __future__ import annotations

import hashlib
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Any

from rmexif import bulk
from rmexif.batch.earlier import drop_outputs
from rmexif.batch.flow import LEADS_ELSEWHERE, flow, former_rows, history, pending
from rmexif.batch.manifest import escaped
from rmexif.batch.names import leads_elsewhere, true_name
from rmexif.batch.rows import CANNOT_CREATE, NO_INPUT, OK, Codes, describe
from rmexif.batch.shards import BrokenShard, open_shard, shard_kind
from rmexif.batch.stores import BLOCK, StoreUnavailable
from rmexif.containers import by_name
from rmexif.errors import InputError, UnknownFormat
from rmexif.io.quiet_stderr import silence_stderr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rmexif.batch.flow import Chunk, Job
    from rmexif.batch.shards import Member, Record, Shard
    from rmexif.batch.stores import Entry
    from rmexif.outcome import Outcome

__all__ = ["flow_of"]

EMPTY = dict.fromkeys(
    (
        "output",
        "format",
        "faces_detected",
        "findings",
        "new_size",
        "original_hash",
        "new_hash",
        "problem",
        "previous_hash",
    )
)


def flow_of(job: Job, chunks: Iterable[Chunk], workers: int = 1, resumes: bool = False) -> Iterator[Codes]:
    """Scrub every chunk, of images or of shards; its part of the manifest is written when its codes are handed out.

    Raises:
        StoreUnavailable: a part could not be written.
        SetupError: the installation or the policy is at fault.
    """
    return flow(job, chunks, workers, resumes) if job.shards is None else _flow(job, chunks, workers)


def _flow(job: Job, chunks: Iterable[Chunk], workers: int) -> Iterator[Codes]:
    for chunk in chunks:
        former, codes = former_rows(job, chunk), Codes()
        rows: list[dict[str, Any]] = []
        for number, entry in enumerate(chunk.entries):
            left = [pending(job, other, former.get(other.path)) for other in chunk.entries[number:]]
            job.manifest.write(chunk.name, rows + left)  # before its result is stored
            with silence_stderr():
                row, members = _shard(job, entry, workers)
            before = former.get(entry.path, [])
            drop_outputs(job, before, row)
            rows.append(row | history(before))
            job.manifest.write(job.manifest.members_part(entry.path), members)
            codes.add(members)
            codes.add([row] if row["code"] != OK else [])
        job.manifest.write(chunk.name, rows)
        yield codes


def _shard(job: Job, entry: Entry, workers: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A shard's row, and those of its members."""
    base = {"path": entry.path, "identity": job.manifest.identity(entry), "original_size": entry.size, **EMPTY}
    try:
        data, digest, members = _rewritten(job, entry, workers)
    except InputError as error:
        code = NO_INPUT if isinstance(error, _Unread) else error.code
        return base | {"code": code, "problem": str(error), "original_hash": _digest(job, entry)}, []
    base |= {"original_hash": digest}
    if isinstance(data, BrokenShard):
        return base | {"code": data.code, "problem": str(data)}, members
    output = escaped(entry.path)
    try:
        job.target.put(output, data)
    except (OSError, ValueError, StoreUnavailable):
        return base | {"code": CANNOT_CREATE, "problem": "it could not be stored"}, []
    facts = {"new_size": len(data), "new_hash": hashlib.sha256(data).hexdigest()}
    return base | facts | {"code": OK, "output": output, "format": shard_kind(entry.path)}, members


class _Unread(InputError):
    """A shard could not be had from its store."""


def _digest(job: Job, entry: Entry) -> str | None:
    """SHA-256 of a shard, read a block at a time; None where the store does not give it."""
    made = hashlib.sha256()
    try:
        with job.source.stream(entry.path, entry.size) as file:
            while block := file.read(BLOCK):
                made.update(block)
    except (OSError, StoreUnavailable):
        return None
    return made.hexdigest()


def _rewritten(job: Job, entry: Entry, workers: int) -> tuple[bytes | BrokenShard, str | None, list[dict[str, Any]]]:
    """The shard written again, or that it holds no images; the hash of what it was, and the rows of its members.

    Raises:
        BrokenShard: it cannot be read.
        InputError: its name leads elsewhere, or it could not be had.
    """
    assert job.shards is not None
    if leads_elsewhere(job, entry.path):
        raise InputError(LEADS_ELSEWHERE)
    try:
        digest = _digest(job, entry)
        with job.source.stream(entry.path, entry.size) as file:
            passes = job.shards.others == "pass"
            shard = open_shard(entry.path, file, entry.size, job.policy.limits, passes, job.shards.column)
            members = _members(job, entry, shard, workers)
            is_empty = all(row["code"] == UnknownFormat.code for row in members)
            return BrokenShard(shard.without_images) if is_empty else shard.finish(), digest, members
    except StoreUnavailable as error:
        raise _Unread("it could not be read from the store") from error


def _members(job: Job, entry: Entry, shard: Shard, workers: int) -> list[dict[str, Any]]:
    """Scrub every image as it is read, and write every record when its images are done; rows of the images."""
    waiting: deque[Record] = deque()

    def images() -> Iterator[bytes]:
        for record in shard.records():
            waiting.append(record)
            yield from (member.data for member in record.images)

    rows: list[dict[str, Any]] = []
    done: list[Outcome] = []
    made: Any = bulk.run(job.policy, images(), job.limits, workers=workers)
    with closing(made) as outcomes:
        for outcome in outcomes:
            _write_plain(shard, waiting)
            done.append(outcome)
            if len(done) == len(waiting[0].images):
                rows += _finish(entry, shard, waiting.popleft(), done)
                done = []
    _write_plain(shard, waiting)
    return rows


def _write_plain(shard: Shard, waiting: deque[Record]) -> None:
    """Write the records without an image that are next."""
    while waiting and not waiting[0].images:
        shard.add(waiting.popleft(), [])


def _finish(entry: Entry, shard: Shard, record: Record, done: list[Outcome]) -> list[dict[str, Any]]:
    """Write a record whose images are done; rows of them. What belongs together goes together, or not at all."""
    pairs = list(zip(record.images, done, strict=True))
    rows = [_row(entry, member, outcome) for member, outcome in pairs]
    if any(row["code"] != OK for row in rows):
        return [row | {"new_hash": None, "new_size": None} for row in rows]
    names = shard.add(record, [(_name(shard, member, outcome), outcome.data or b"") for member, outcome in pairs])
    folder = escaped(entry.path)
    return [row | {"output": f"{folder}/{escaped(name)}"} for row, name in zip(rows, names, strict=True)]


def _row(entry: Entry, member: Member, outcome: Outcome) -> dict[str, Any]:
    """What became of a member, before its record is written."""
    row = EMPTY | {"path": f"{entry.path}/{member.name}", "identity": bytes(16)} | describe(member.data, outcome)
    row |= {"original_size": len(member.data) if member.size is None else member.size}
    row |= {"problem": None if outcome.error is None else str(outcome.error)}
    if member.refused is not None:  # it was not read
        return row | {"code": member.refused.code, "problem": str(member.refused), "original_hash": None}
    return row | {"new_size": None if outcome.data is None else len(outcome.data)}


def _name(shard: Shard, member: Member, outcome: Outcome) -> str:
    """The name in the new shard; an extension that is not true is put right behind it, and the record's key stays."""
    assert outcome.report is not None
    if shard.keeps_names:
        return member.name
    return true_name(member.name, by_name(outcome.report.stats["output_format"]).format.extensions)
