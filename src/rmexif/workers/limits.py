"""What a worker process may cost, and what it has to give up: one value for bulk, service and batch."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict

from rmexif.errors import InvalidPolicy
from rmexif.workers import POOLS

__all__ = ["WorkerLimits", "WorkerOptions", "limits_of"]


class WorkerOptions(TypedDict, total=False):
    """The same as keyword arguments of the public functions."""

    pool: Literal["thread", "process"]
    deadline: float | None
    memory: int | None
    recycle: int | None
    sandbox: bool | Literal["auto", "require"]
    lock_memory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """What holds for every process of a pool.

    Args:
        deadline: s for one image, from its start; the process that runs over it is killed.
        memory: byte that one image may take beyond what a ready process holds (Linux, RLIMIT_AS).
        recycle: images after which a process is replaced by a fresh one.
        sandbox: no files, no network, no other programs or processes (Linux); "auto" and True go on where the kernel
            cannot, and the report says so; "require" refuses to work there.
        lock_memory: keep the memory out of the swap (Linux); refuse to work where that is not allowed.

    Raises:
        InvalidPolicy: a number is out of range, or the system cannot keep ``memory``.
    """

    deadline: float | None = None
    memory: int | None = None
    recycle: int | None = None
    sandbox: bool | Literal["auto", "require"] = "auto"
    lock_memory: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be kept."""
        for name in ("deadline", "memory", "recycle"):
            number = getattr(self, name)
            if number is not None and number <= 0:
                raise InvalidPolicy(f"{name} must be more than 0, got {number}")
        if self.sandbox not in (True, False, "auto", "require"):
            raise InvalidPolicy(f'sandbox must be true, false, "auto" or "require", got {self.sandbox!r}')
        if self.memory is not None and sys.platform != "linux":
            raise InvalidPolicy("memory must be left out: only Linux can hold a process to it")


def limits_of(pool: str = "thread", **options: Any) -> WorkerLimits | None:
    """The limits that keyword arguments ask for.

    Args:
        pool: "thread" or "process".
        options: fields of ``WorkerLimits``.

    Returns:
        None where threads do the work.

    Raises:
        InvalidPolicy: ``pool`` is neither, a number is out of range, or a thread cannot keep one of the limits.
    """
    if pool not in POOLS:
        raise InvalidPolicy(f"pool must be one of {', '.join(POOLS)}, got {pool!r}")
    if unknown := sorted(options.keys() - {field.name for field in fields(WorkerLimits)}):
        raise TypeError(f"unexpected keyword arguments: {', '.join(unknown)}")
    if pool == "process":
        return WorkerLimits(**options)
    if kept := [name for name, value in options.items() if value and value != "auto"]:
        raise InvalidPolicy(f"{', '.join(kept)} must be left out: a thread cannot be limited; pool='process' can")
    return None
