"""Many images: in input order, at most so many in flight, one Outcome each, errors as values.

Threads are for speed: decoders, resize and inference release the interpreter lock, and one model serves all.
Memory is bounded by what is in flight, not by the length of the list; the iterable is read no faster than results
are taken.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Any

from rmexif import lossless
from rmexif.errors import InputError, InvalidPolicy, RmexifError
from rmexif.types import Limits, Outcome, Policy, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["scrub_async", "scrub_many", "strip_async", "strip_many"]


def scrub_many(
    items: Iterable[bytes | bytearray | memoryview],
    policy: Policy | None = None,
    *,
    workers: int | None = None,
    in_flight: int | None = None,
    ordered: bool = True,
) -> Iterator[Outcome]:
    """Scrub every image of an iterable.

    Args:
        items: images, bytes-like; may be endless.
        policy: for all of them.
        workers: threads; the processors of this machine by default.
        in_flight: images taken from ``items`` and not yet handed out, at the most; twice the workers by default.
        ordered: hand out in input order; False hands out what is ready first.

    Returns:
        An iterator of one Outcome per item; closing it cancels what has not begun.

    Raises:
        InvalidPolicy: workers or in_flight below 1.
    """
    from rmexif.scrubber import scrub

    return _many(partial(_scrub, scrub, policy or Policy()), items, workers, in_flight, ordered)


def strip_many(
    items: Iterable[bytes | bytearray | memoryview],
    *,
    limits: Limits | None = None,
    workers: int | None = None,
    in_flight: int | None = None,
    ordered: bool = True,
) -> Iterator[Outcome]:
    """Strip every image of an iterable; as ``scrub_many``."""
    return _many(partial(lossless.strip, limits=limits or Limits()), items, workers, in_flight, ordered)


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


def _scrub(scrub: Any, policy: Policy, raw: Any) -> tuple[bytes, dict[str, Any]]:
    result: tuple[bytes, dict[str, Any]] = scrub(raw, policy)
    return result


def outcome(work: Callable[[Any], tuple[bytes, dict[str, Any]]], index: int, raw: Any) -> Outcome:
    """Do one item, and make a value of whatever it comes to."""
    try:
        data, stats = work(raw)
    except RmexifError as error:
        return Outcome(index, None, None, error)
    except TypeError as error:
        return Outcome(index, None, None, _typed(error))
    return Outcome(index, data, Report(stats), None)


def _typed(error: TypeError) -> InputError:
    refused = InputError(f"an item of the input cannot be taken: {error}")
    refused.__cause__ = error
    return refused


def _many(
    work: Callable[[Any], tuple[bytes, dict[str, Any]]],
    items: Iterable[Any],
    workers: int | None,
    in_flight: int | None,
    ordered: bool,
) -> Iterator[Outcome]:
    count = workers if workers is not None else _processors()
    most = in_flight if in_flight is not None else 2 * count
    if count < 1 or most < 1:
        raise InvalidPolicy("workers and in_flight: they are 1 or more")
    return _run(work, items, count, most, ordered)


def _run(
    work: Callable[[Any], tuple[bytes, dict[str, Any]]], items: Iterable[Any], count: int, most: int, ordered: bool
) -> Iterator[Outcome]:
    pool = ThreadPoolExecutor(count, thread_name_prefix="rmexif")
    pending: deque[Future[Outcome]] = deque()
    try:
        for index, raw in enumerate(items):
            pending.append(pool.submit(outcome, work, index, raw))
            del raw  # the pool holds it; nothing here keeps an original alive
            if len(pending) >= most:
                yield _next(pending, ordered)
        while pending:
            yield _next(pending, ordered)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _next(pending: deque[Future[Outcome]], ordered: bool) -> Outcome:
    if ordered:
        return pending.popleft().result()
    done = next(iter(wait(pending, return_when=FIRST_COMPLETED).done))
    pending.remove(done)
    return done.result()


def _processors() -> int:
    from multiprocessing import cpu_count

    return cpu_count()
