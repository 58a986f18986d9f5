"""How results are called: no two originals have one name, and none leads out of the target or into the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.batch.manifest import escaped
from rmexif.containers import FORMATS, VECTOR

if TYPE_CHECKING:
    from rmexif.batch.flow import Job

__all__ = ["leads_elsewhere", "output_name", "possible_names", "true_name"]

RENAMED = ".as"  # between the name of an object and the extension that its result has


def output_name(job: Job, path: str, extensions: tuple[str, ...]) -> str:
    """Where a result goes; no two paths have the same, whatever their extensions claim.

    Args:
        job: what to do.
        path: of the original.
        extensions: of the format that it leaves in; the first is written.
    """
    if job.shards is not None:
        return escaped(path)
    if job.neutral:
        return job.manifest.neutral(path) + extensions[0]
    return true_name(escaped(path), extensions)  # stores that are no folders know no other names than UTF-8


def possible_names(job: Job, path: str) -> set[str]:
    """Every name that a result of this original can have, whatever its format."""
    if leads_elsewhere(job, path):
        return set()
    return {output_name(job, path, row.format.extensions) for row in (*FORMATS, *VECTOR)}


def true_name(path: str, extensions: tuple[str, ...]) -> str:
    """A path whose extension is one of these: itself, or with ``.as`` and the first of them behind it."""
    stem, _, suffix = path.rpartition("/")[2].rpartition(".")
    if stem and f".{suffix.lower()}" in extensions and not stem.endswith(RENAMED):
        return path
    return f"{path}{RENAMED}{extensions[0]}"


def leads_elsewhere(job: Job, path: str) -> bool:
    """Whether a result of that name would lie outside of the target, or among the parts of the manifest."""
    if any(step in ("", ".", "..") for step in path.split("/")):
        return True
    notes = job.manifest.store
    if not job.target.holds(notes):
        return False
    folder = notes.url[len(job.target.url) + 1 :]
    return f"{path}/".casefold().startswith(f"{folder}/".casefold())  # a store may not tell case apart
