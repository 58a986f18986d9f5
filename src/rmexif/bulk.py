"""Many images: in input order, at most so many in flight, one Outcome each, errors as values.

Threads are for speed: decoders, resize and inference release the interpreter lock, and one model serves all.
Processes are for images from strangers: one can be ended, limited and sandboxed, and its crash costs one image.
Memory is bounded by what is in flight, not by the length of the list; the iterable is read no faster than results
are taken.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, fields
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, cast

from rmexif import credit, inspection, lossless
from rmexif.containers.common.memory import give_back_memory
from rmexif.errors import InputError, InvalidPolicy, RmexifError
from rmexif.outcome import Outcome, Report
from rmexif.policy import Policy
from rmexif.types import Limits
from rmexif.workers.limits import limits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from rmexif.credit import Selection
    from rmexif.stats import Stats
    from rmexif.workers.limits import WorkerLimits
    from rmexif.workers.pool import WorkerPool
    from rmexif.workers.process import Answer
    from rmexif.workers.replies import Expected

    Work = Callable[[Any], Answer]

__all__ = [
    "StripTask",
    "give_back_memory",
    "outcome_of",
    "run",
    "scrub_async",
    "scrub_many",
    "strip_async",
    "strip_many",
    "work_in",
    "work_of",
]

TRIM = 24  # images between two times that freed memory is handed back: often enough that it does not add up


@dataclass(frozen=True, slots=True)
class StripTask:
    """To strip images, as ``strip`` does."""

    limits: Limits = field(default_factory=Limits)
    thorough: bool = False
    repair: Literal["refuse", "complete"] = "refuse"
    keep: tuple[str, ...] = ()
    set: tuple[str, ...] = ()

    @property
    def selection(self) -> Selection:
        """What ``keep`` and ``set`` ask for."""
        return credit.selection(self.keep, self.set)

    def fingerprint(self) -> str:
        """What two such tasks that do the same have in common, as ``Policy.fingerprint`` has it."""
        plain = Limits()
        changed = {item.name: getattr(self.limits, item.name) for item in fields(plain)}
        limits = {name: value for name, value in changed.items() if value != getattr(plain, name)}
        settings: dict[str, Any] = {"mode": "strip", "thorough": self.thorough, "repair": self.repair, "limits": limits}
        settings |= {name: sorted(value) for name in ("keep", "set") if (value := getattr(self, name))}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def scrub_many(  # noqa: PLR0913 - keyword options of a public function
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
    sandbox: bool | Literal["auto", "require"] = "auto",
    lock_memory: bool = False,
) -> Iterator[Outcome]:
    """Scrub every image of an iterable.

    Args:
        items: images, bytes-like; may be endless.
        policy: for all of them.
        workers: threads or processes; the processors of this machine by default.
        pool: "thread" is faster; only a "process" can have the limits below; a policy with objects of the script that
            runs needs a ``__main__`` guard there.
        in_flight: images taken from ``items`` and not yet handed out, at the most; twice the workers by default.
        ordered: hand out in input order; False hands out what is ready first.
        deadline: s for one image, counted from its start; then its process is killed.
        memory: byte that one image may take beyond what a ready process holds (Linux).
        recycle: images after which a process is replaced.
        sandbox: processes have no files, no network and no other processes (Linux), and ``stats["sandbox"]`` says what
            holds; "require" refuses to work where the kernel cannot do it, False leaves them as they are.
        lock_memory: processes keep their memory out of the swap (Linux), or refuse to work.

    Returns:
        An iterator of one Outcome per item; closing it cancels what has not begun, and ends processes at once.

    Raises:
        InvalidPolicy: a number is out of range, or a limit that threads cannot keep.
    """
    limits = limits_of(
        pool, deadline=deadline, memory=memory, recycle=recycle, sandbox=sandbox, lock_memory=lock_memory
    )
    return run(policy or Policy(), items, limits, workers=workers, in_flight=in_flight, ordered=ordered)


def strip_many(  # noqa: PLR0913 - keyword options of a public function
    items: Iterable[bytes | bytearray | memoryview],
    *,
    limits: Limits | None = None,
    thorough: bool = False,
    keep: str | Iterable[str] = (),
    set: Mapping[str, str] | Iterable[str] = (),  # noqa: A002 - as Policy calls it
    workers: int | None = None,
    pool: Literal["thread", "process"] = "thread",
    in_flight: int | None = None,
    ordered: bool = True,
    deadline: float | None = None,
    memory: int | None = None,
    recycle: int | None = None,
    sandbox: bool | Literal["auto", "require"] = "auto",
    lock_memory: bool = False,
) -> Iterator[Outcome]:
    """Strip every image of an iterable: options of one image as in ``strip``, the others as in ``scrub_many``."""
    worker_limits = limits_of(
        pool, deadline=deadline, memory=memory, recycle=recycle, sandbox=sandbox, lock_memory=lock_memory
    )
    task = StripTask(limits or Limits(), thorough, keep=credit.names_of(keep), set=credit.own_texts(set))
    return run(task, items, worker_limits, workers=workers, in_flight=in_flight, ordered=ordered)


async def scrub_async(raw: bytes | bytearray | memoryview, policy: Policy | None = None) -> tuple[bytes, Stats]:
    """``scrub`` in a thread, for a server's event loop."""
    import asyncio

    from rmexif.scrubber import scrub

    return await asyncio.to_thread(scrub, raw, policy)


async def strip_async(
    raw: bytes | bytearray | memoryview,
    *,
    limits: Limits | None = None,
    thorough: bool = False,
    keep: str | Iterable[str] = (),
    set: Mapping[str, str] | Iterable[str] = (),  # noqa: A002 - as Policy calls it
) -> tuple[bytes, Stats]:
    """``strip`` in a thread, for a server's event loop."""
    import asyncio

    work = partial(lossless.strip, raw, limits=limits, thorough=thorough, keep=keep, set=set)
    return await asyncio.to_thread(work)


def run(
    task: Policy | StripTask,
    items: Iterable[Any],
    limits: WorkerLimits | None,
    *,
    workers: int | None = None,
    in_flight: int | None = None,
    ordered: bool = True,
) -> Iterator[Outcome]:
    """Scrub or strip every image of an iterable.

    Args:
        task: a Policy scrubs, a StripTask strips.
        items: images, bytes-like.
        limits: what holds in every process; None works in threads.
        workers: threads or processes; the processors of this machine by default.
        in_flight: images taken and not yet handed out, at the most; twice the workers by default.
        ordered: hand out in input order.

    Raises:
        InvalidPolicy: a number is out of range, or the task cannot be sent to a process.
    """
    count = workers if workers is not None else _processors()
    most = in_flight if in_flight is not None else 2 * count
    for name, number in (("workers", count), ("in_flight", most)):
        if number < 1:
            raise InvalidPolicy(f"{name} must be 1 or more, got {number}")
    if limits is None:
        return _outcomes(work_of(task), items, count, most, ordered, around=_around(task))
    pool = _pool(task, count, limits)
    work = partial(_in_process, pool, _expected(task))
    return _outcomes(work, items, count, most, ordered, close=pool.close)


def outcome_of(work: Work, index: int, raw: Any) -> Outcome:
    """Do one item, and make a value of whatever it comes to."""
    try:
        data, stats = work(raw)
    except RmexifError as error:
        return Outcome(index, None, None, error.detached())
    except TypeError as error:
        return Outcome(index, None, None, InputError(f"an item must be bytes-like: {error}"))
    return Outcome(index, data, Report(cast("Stats", stats)), None)


def work_of(task: Policy | StripTask) -> Work:
    """The function of one image that a task stands for."""
    if isinstance(task, StripTask):
        return partial(
            lossless.strip,
            limits=task.limits,
            thorough=task.thorough,
            repair=task.repair,
            keep=task.keep,
            set=task.set,
        )
    from rmexif.scrubber import scrub

    return partial(scrub, policy=task)


@contextmanager
def work_in(task: Policy | StripTask, limits: WorkerLimits | None) -> Iterator[Work]:
    """The function of one image, for whoever calls it for one image after the other.

    Args:
        task: a Policy scrubs, a StripTask strips.
        limits: what holds in the one process that works; None works in the thread that calls.

    Raises:
        InvalidPolicy: the task cannot be sent to a process.
    """
    if limits is None:
        with _around(task):
            yield work_of(task)
        return
    with closing(_pool(task, 1, limits)) as pool:
        yield partial(_in_process, pool, _expected(task))


def _pool(task: Policy | StripTask, workers: int, limits: WorkerLimits) -> WorkerPool:
    from rmexif.workers.pool import WorkerPool

    return WorkerPool(work_of(task), workers, limits, warm_up=None if isinstance(task, StripTask) else task)


def _expected(task: Policy | StripTask) -> Expected:
    from rmexif.workers.replies import Expected

    if not isinstance(task, StripTask):
        return Expected.of_policy("scrub", task)
    return Expected(mode="strip", limits=task.limits, selection=task.selection, repair=task.repair)


def _in_process(pool: WorkerPool, expected: Expected, raw: Any) -> Answer:
    """Send one image to a process, unless its size alone refuses it."""
    return pool.run(inspection.view_of(raw, expected.limits), expected)


def _around(task: Policy | StripTask) -> AbstractContextManager[None]:
    """What holds in this process while threads of it work."""
    if isinstance(task, StripTask):
        return nullcontext()  # to strip needs no OpenCV
    from rmexif.raster import opencv_threads

    return opencv_threads.one_per_picture()


def _outcomes(
    work: Work,
    items: Iterable[Any],
    count: int,
    most: int,
    ordered: bool,
    *,
    around: AbstractContextManager[None] | None = None,
    close: Callable[[], object] = lambda: None,
) -> Iterator[Outcome]:
    """One outcome per item; at the end, or when closed, what has not begun is cancelled and ``close`` ends the rest."""
    threads = ThreadPoolExecutor(count, thread_name_prefix="rmexif")
    to_hand_out: SimpleQueue[Future[Outcome]] = SimpleQueue()  # in input order, or as they are done
    under_way = 0
    with ExitStack() as stack:
        stack.enter_context(around or nullcontext())
        stack.callback(threads.shutdown, wait=True)
        stack.callback(close)
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        for index, raw in enumerate(items):
            future = threads.submit(outcome_of, work, index, raw)
            if ordered:
                to_hand_out.put(future)
            else:
                future.add_done_callback(to_hand_out.put)
            del raw, future  # the pool holds them; nothing here keeps an original alive
            under_way += 1
            if index % TRIM == TRIM - 1:
                give_back_memory()
            if under_way >= most:
                under_way -= 1
                yield to_hand_out.get().result()
        for _ in range(under_way):
            yield to_hand_out.get().result()


def _processors() -> int:
    from multiprocessing import cpu_count

    return cpu_count()
