"""Many images: in input order, at most so many in flight, one Outcome each, errors as values.

Threads are for speed: decoders, resize and inference release the interpreter lock, and one model serves all.
Processes are for images from strangers: one can be ended, limited and fenced in, and its crash costs one image.
Memory is bounded by what is in flight, not by the length of the list; the iterable is read no faster than results
are taken.
"""

from __future__ import annotations

import ctypes
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from rmexif import lossless
from rmexif.errors import InputError, InvalidPolicy, RmexifError
from rmexif.policy import Policy
from rmexif.types import Limits, Outcome, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TRIM = 24  # images between two times that freed memory is handed back

__all__ = ["scrub_async", "scrub_many", "strip_async", "strip_many"]


def scrub_many(
    items: Iterable[bytes | bytearray | memoryview],
    policy: Policy | None = None,
    *,
    workers: int | None = None,
    pool: Literal["thread", "process"] = "thread",
    in_flight: int | None = None,
    ordered: bool = True,
    deadline: float | None = None,
    memory: int | None = None,
    recycle: int | None = None,
    sandbox: bool | Literal["require"] = False,
    lock_memory: bool = False,
) -> Iterator[Outcome]:
    """Scrub every image of an iterable.

    Args:
        items: images, bytes-like; may be endless.
        policy: for all of them.
        workers: threads or processes; the processors of this machine by default.
        pool: "thread" is faster; only a "process" can have the limits below, and needs a ``__main__`` guard.
        in_flight: images taken from ``items`` and not yet handed out, at the most; twice the workers by default.
        ordered: hand out in input order; False hands out what is ready first.
        deadline: s for one image, counted from its start; then its process is killed.
        memory: byte that one image may take beyond what a ready process holds (Linux).
        recycle: images after which a process is replaced.
        sandbox: processes drop network, writing and spawning (Linux), and ``stats["sandbox"]`` says what holds;
            "require" refuses to work where the kernel cannot do it.
        lock_memory: processes keep their memory out of the swap (Linux), or refuse to work.

    Returns:
        An iterator of one Outcome per item; closing it cancels what has not begun, and ends processes at once.

    Raises:
        InvalidPolicy: a number is out of range, or a limit that threads cannot keep.
    """
    task = policy or Policy()
    hold = {"deadline": deadline, "memory": memory, "recycle": recycle, "fenced": sandbox, "locked": lock_memory}
    return _many(task, items, workers, pool, in_flight, ordered, hold)


def strip_many(
    items: Iterable[bytes | bytearray | memoryview],
    *,
    limits: Limits | None = None,
    workers: int | None = None,
    pool: Literal["thread", "process"] = "thread",
    in_flight: int | None = None,
    ordered: bool = True,
    deadline: float | None = None,
    memory: int | None = None,
    recycle: int | None = None,
    sandbox: bool | Literal["require"] = False,
    lock_memory: bool = False,
) -> Iterator[Outcome]:
    """Strip every image of an iterable; as ``scrub_many``."""
    hold = {"deadline": deadline, "memory": memory, "recycle": recycle, "fenced": sandbox, "locked": lock_memory}
    return _many(limits or Limits(), items, workers, pool, in_flight, ordered, hold)


async def scrub_async(
    raw: bytes | bytearray | memoryview, policy: Policy | None = None
) -> tuple[bytes, dict[str, Any]]:
    """``scrub`` in a thread, for a server's event loop."""
    import asyncio

    from rmexif.scrubber import scrub

    return await asyncio.to_thread(scrub, raw, policy)


async def strip_async(
    raw: bytes | bytearray | memoryview, *, limits: Limits | None = None
) -> tuple[bytes, dict[str, Any]]:
    """``strip`` in a thread, for a server's event loop."""
    import asyncio

    return await asyncio.to_thread(partial(lossless.strip, raw, limits=limits))


def outcome(work: Callable[[Any], tuple[bytes, dict[str, Any]]], index: int, raw: Any) -> Outcome:
    """Do one item, and make a value of whatever it comes to."""
    try:
        data, stats = work(raw)
    except RmexifError as error:
        return Outcome(index, None, None, error.detached())
    except TypeError as error:
        return Outcome(index, None, None, _typed(error).detached())
    return Outcome(index, data, Report(stats), None)


def _typed(error: TypeError) -> InputError:
    return InputError(f"an item of the input cannot be taken: {error}")


def _many(
    task: Policy | Limits,
    items: Iterable[Any],
    workers: int | None,
    pool: str,
    in_flight: int | None,
    ordered: bool,
    hold: dict[str, Any],
) -> Iterator[Outcome]:
    count = workers if workers is not None else _processors()
    most = in_flight if in_flight is not None else 2 * count
    if count < 1 or most < 1:
        raise InvalidPolicy("workers and in_flight: they are 1 or more")
    if pool not in ("thread", "process"):
        raise InvalidPolicy("pool: it is one of thread, process")
    if pool == "process":
        from rmexif.workers.pool import Crew

        return _run(Crew(task, count, **hold), items, count, most, ordered)
    if unkept := [name for name, value in hold.items() if value]:
        raise InvalidPolicy(f"{', '.join(unkept)}: a thread cannot be ended or fenced in; pool='process' can")
    return _run(_work(task), items, count, most, ordered, alone=isinstance(task, Limits))


def _work(task: Policy | Limits) -> Callable[[Any], tuple[bytes, dict[str, Any]]]:
    if isinstance(task, Limits):
        return partial(lossless.strip, limits=task)
    from rmexif.scrubber import scrub

    return partial(scrub, policy=task)


def _run(
    work: Any, items: Iterable[Any], count: int, most: int, ordered: bool, *, alone: bool = True
) -> Iterator[Outcome]:
    threads = ThreadPoolExecutor(count, thread_name_prefix="rmexif")
    pending: deque[Future[Outcome]] = deque()
    with ExitStack() as stack:
        if not alone:
            from rmexif.workers.pool import one_thread_each

            stack.enter_context(one_thread_each())
        try:
            for index, raw in enumerate(items):
                pending.append(threads.submit(outcome, work, index, raw))
                del raw  # the pool holds it; nothing here keeps an original alive
                if index % TRIM == TRIM - 1:
                    _give_back()
                if len(pending) >= most:
                    yield _next(pending, ordered)
            while pending:
                yield _next(pending, ordered)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            if hasattr(work, "close"):
                work.close()
            threads.shutdown(wait=True)


def _give_back() -> None:
    """Hand freed memory back to the system: glibc keeps it in pools per thread, which grow over time."""
    with suppress(OSError, AttributeError):  # another C library has no such call, and no such pools
        ctypes.CDLL(None).malloc_trim(0)


def _next(pending: deque[Future[Outcome]], ordered: bool) -> Outcome:
    if ordered:
        return pending.popleft().result()
    done = next(iter(wait(pending, return_when=FIRST_COMPLETED).done))
    pending.remove(done)
    return done.result()


def _processors() -> int:
    from multiprocessing import cpu_count

    return cpu_count()
