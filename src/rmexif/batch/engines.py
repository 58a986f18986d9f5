"""What carries a run: this machine, Ray or Spark. An engine is given names, and gives back counts.

An item whose worker dies is done again, by itself, from where its part of the manifest ends. From the second try on
its images are scrubbed in a process beside the worker, so that a picture that ends its process costs itself alone.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from abc import ABC, abstractmethod
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from rmexif.batch.earlier import amend, check
from rmexif.batch.flow import give_up
from rmexif.batch.shard_flow import flow_of
from rmexif.errors import InvalidPolicy, MissingDependency, RmexifError, SetupError, WorkerLost, error_boundary
from rmexif.workers.limits import WorkerLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rmexif.batch.earlier import Amendment, Checked
    from rmexif.batch.flow import Chunk, Job
    from rmexif.batch.rows import Codes

    Work = Callable[[Any, int], Any]

__all__ = ["Engine", "EngineUnavailable", "by_name"]

CAREFUL = 2  # the try from which on images are scrubbed in a process beside the worker
TRIES = 6  # all but the first are careful: what still fails is no picture's fault
CONNECT_SECONDS = 10.0  # that an address may take to answer
STOP_SECONDS = 30.0  # until what is under way has ended, where a run ends early
SPARK_GONE = "Spark has gone away: run again, it goes on where it ended"
PARALLELISM = "spark.default.parallelism"
UNPREPARED = (
    "a worker cannot do its work: the same rmexif, and what its policy names, must be installed on every machine"
)


class EngineUnavailable(SetupError):
    """The engine has gone away; a second run goes on where this one ended."""

    code = "engine_unavailable"
    status_hint = 503
    exit_code = 69  # sysexits.h: a service is unavailable


class Engine(Protocol):
    """Does the items of a run, in any order."""

    @property
    def at_once(self) -> int:
        """How many images are worked on at a time."""

    def scrub(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Codes]:
        """Codes of every chunk, as they are done."""

    def check(self, job: Job, parts: Iterable[str], outputs: bool) -> Iterator[Checked]:
        """The rows of every part of an earlier run."""

    def amend(self, job: Job, amendments: Iterable[Amendment]) -> Iterator[Counter[str]]:
        """How many rows of every part are of objects that are gone."""


class Local:
    """This machine, through ``scrub_many``.

    Args:
        workers: images at once; the processors of this machine by default.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.at_once = workers or os.cpu_count() or 1

    def scrub(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Codes]:
        """Codes of every chunk."""
        return flow_of(job, chunks, self.at_once)

    def check(self, job: Job, parts: Iterable[str], outputs: bool) -> Iterator[Checked]:
        """The rows of every part."""
        return (check(job, part, outputs) for part in parts)

    def amend(self, job: Job, amendments: Iterable[Amendment]) -> Iterator[Counter[str]]:
        """How many rows of every part are of objects that are gone."""
        return (amend(job, amendment) for amendment in amendments)


class _Cluster(ABC):
    """Items go out one by one, each to one core."""

    @property
    @abstractmethod
    def at_once(self) -> int:
        """How many are worked on at a time."""

    def scrub(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Codes]:
        """Codes of every chunk."""
        return self._each(partial(_scrub, job), chunks, partial(give_up, job))

    def check(self, job: Job, parts: Iterable[str], outputs: bool) -> Iterator[Checked]:
        """The rows of every part."""
        return self._each(partial(_check, job, outputs), parts, _lost)

    def amend(self, job: Job, amendments: Iterable[Amendment]) -> Iterator[Counter[str]]:
        """How many rows of every part are of objects that are gone."""
        return self._each(partial(_amend, job), amendments, _lost)

    def _each(self, work: Work, items: Iterable[Any], without: Callable[[Any], Any]) -> Iterator[Any]:
        """What the work gives for each item.

        Args:
            work: takes an item, and the number of the try.
            items: may be endless.
            without: what an item gives that has lost its worker too often.
        """
        start, todo = self._sender(work), iter(items)
        again: deque[tuple[Any, int]] = deque()
        under_way: dict[Any, tuple[Any, int]] = {}
        try:
            while True:
                while len(under_way) < self._most():
                    item, tries = again.popleft() if again else (next(todo, None), 1)
                    if item is None:
                        break
                    under_way[start(item, tries)] = (item, tries)
                if not under_way:
                    return
                done = self._first(under_way)
                item, tries = under_way.pop(done)
                try:
                    answer = self._answer(done)
                except WorkerLost:
                    if tries < TRIES:
                        again.append((item, tries + 1))
                        continue
                    answer = without(item)
                yield _unwrap(answer)
        finally:
            self._stop(list(under_way))

    @abstractmethod
    def _sender(self, work: Work) -> Callable[[Any, int], Any]:
        """What sends an item to a worker, and gives a handle to wait for."""

    @abstractmethod
    def _most(self) -> int:
        """Items under way: as many as were asked for, or one per core and one that waits for each."""

    @abstractmethod
    def _first(self, handles: Iterable[Any]) -> Any:
        """The first that has an answer."""

    @abstractmethod
    def _answer(self, handle: Any) -> Any:
        """What the work gave.

        Raises:
            WorkerLost: the worker died.
            SetupError: no worker could do it.
        """

    @abstractmethod
    def _stop(self, handles: list[Any]) -> None:
        """End what is under way: the next run must not meet it."""


class OnRay(_Cluster):
    """Ray tasks of one core each; their processes stay, so the model is loaded once per core.

    Args:
        address: of a cluster; by default ``RAY_ADDRESS``, or a Ray of its own on this machine.
        workers: items at once; as many as the cluster has cores by default. A Ray of its own gets so many cores.
        gpus: share of a GPU that each books.

    Raises:
        MissingDependency: Ray is not installed.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, gpus: float = 0) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when a Ray starts: it would report home
        try:
            import ray
        except ImportError as error:
            raise MissingDependency("Ray is not installed: pip install 'rmexif[ray]'") from error
        if not ray.is_initialized():
            place = address or os.environ.get("RAY_ADDRESS") or "local"
            _check_reachable(place)
            cores = {"num_cpus": workers} if place == "local" and workers else {}
            try:
                ray.init(address=place, log_to_driver=False, logging_level=logging.ERROR, **cores)
            except (ConnectionError, ValueError) as error:
                raise InvalidPolicy("no Ray answers at that address") from error
        self._ray: Any = ray
        self._workers, self._gpus = workers, gpus

    def _sender(self, work: Work) -> Callable[[Any, int], Any]:
        ray = self._ray
        task = ray.remote(num_cpus=1, num_gpus=self._gpus, max_retries=0, scheduling_strategy="SPREAD")(_attempt)
        shared = ray.put(work)
        return lambda item, tries: task.remote(shared, item, tries)

    @property
    def at_once(self) -> int:
        """How many are worked on at a time."""
        return self._workers or int(self._ray.cluster_resources().get("CPU", 1)) or 1

    def _most(self) -> int:
        return self._workers or 2 * self.at_once

    def _first(self, handles: Iterable[Any]) -> Any:
        (done, *_), _ = self._ray.wait(list(handles), num_returns=1)
        return done

    def _answer(self, handle: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(handle)
        except errors.RayTaskError:
            raise SetupError(UNPREPARED) from None
        except (errors.LocalRayletDiedError, errors.RaySystemError):
            raise EngineUnavailable("Ray has gone away: run again, it goes on where it ended") from None
        except errors.RayError:
            raise WorkerLost("a worker of Ray died") from None

    def _stop(self, handles: list[Any]) -> None:
        if handles and self._ray.is_initialized():
            for handle in handles:
                self._ray.cancel(handle, force=True)
            self._ray.wait(handles, num_returns=len(handles), timeout=STOP_SECONDS)


class OnSpark(_Cluster):
    """Spark jobs of one task each; the session that is there, or one for ``address``.

    Args:
        address: a master's, such as ``local[2]`` or ``spark://host:7077``.
        workers: items at once; Spark's default parallelism by default.

    Raises:
        MissingDependency: Spark is not installed.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, gpus: float = 0) -> None:
        if gpus:
            raise InvalidPolicy("gpus must be 0: Spark books them by spark.task.resource.gpu.amount")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise MissingDependency("Spark is not installed: pip install 'rmexif[spark]'") from error
        logging.getLogger("py4j").setLevel(logging.CRITICAL)  # where Spark dies it writes tracebacks, once for each job
        builder = SparkSession.builder.appName("rmexif").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")  # each job is one part of many
        self._context: Any = (builder.master(address) if address else builder).getOrCreate().sparkContext
        cores = int(self._context.defaultParallelism)
        is_own = self._context.master.startswith("local") and not self._context.getConf().contains(PARALLELISM)
        self._at_once = workers or cores
        # Cores of this machine stay as many as they are: while all of them work, the next items can wait there.
        self._workers = workers if workers and not (is_own and workers == cores) else 2 * cores
        self._group = f"rmexif-{uuid4().hex}"
        self._threads = ThreadPoolExecutor(self._workers, "rmexif-spark")  # each waits for one job

    def _sender(self, work: Work) -> Callable[[Any, int], Any]:
        context, group = self._context, self._group

        def job(item: Any, tries: int) -> Any:
            context.setJobGroup(group, "rmexif", interruptOnCancel=True)
            return context.parallelize([item], 1).map(partial(_attempt_on_spark, work, tries)).collect()[0]

        return lambda item, tries: self._threads.submit(job, item, tries)

    @property
    def at_once(self) -> int:
        """How many are worked on at a time."""
        return self._at_once

    def _most(self) -> int:
        return self._workers

    def _first(self, handles: Iterable[Any]) -> Any:
        return next(iter(wait(handles, return_when=FIRST_COMPLETED).done))

    def _answer(self, handle: Any) -> Any:
        from py4j.protocol import Py4JError, Py4JJavaError

        try:
            return handle.result()
        except Py4JJavaError as error:
            if self._is_stopped():
                raise EngineUnavailable(SPARK_GONE) from None
            if "PythonException" in str(error):
                raise SetupError(UNPREPARED) from None
            raise WorkerLost("a worker of Spark died") from None
        except (Py4JError, OSError):
            raise EngineUnavailable(SPARK_GONE) from None

    def _is_stopped(self) -> bool:
        from py4j.protocol import Py4JError

        try:
            return self._context._jsc is None or bool(self._context._jsc.sc().isStopped())  # noqa: SLF001 - no other way
        except (Py4JError, OSError):
            return True

    def _stop(self, handles: list[Any]) -> None:
        running = [handle for handle in handles if not handle.cancel()]
        if running and not self._is_stopped():
            self._context.cancelJobGroup(self._group)
            wait(running, timeout=STOP_SECONDS)


def by_name(name: str, *, address: str | None, workers: int | None, gpus: float) -> Engine:
    """The engine of that name.

    Raises:
        InvalidPolicy: there is none, or it has no such setting.
        MissingDependency: it is not installed.
    """
    if name == "local":
        if address or gpus:
            raise InvalidPolicy("address and gpus must be left out: they are for ray and spark")
        return Local(workers)
    engines: dict[str, Any] = {"ray": OnRay, "spark": OnSpark}
    if name not in engines:
        raise InvalidPolicy(f"engine must be one of local, {', '.join(engines)}, got {name!r}")
    engine: Engine = engines[name](address, workers, gpus)
    return engine


def _check_reachable(place: str) -> None:
    """Refuse an address without a listener at once: Ray itself waits for minutes."""
    host, _, port = place.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        except OSError as error:
            raise InvalidPolicy("no Ray answers at that address") from error


def _attempt(work: Work, item: Any, tries: int) -> Any:
    """One item in a worker; what goes wrong is a value, without a history that may hold pieces of a file."""
    try:
        with error_boundary():
            return work(item, tries)
    except RmexifError as error:
        return error.detached()


def _attempt_on_spark(work: Work, tries: int, item: Any) -> Any:
    """One item in a worker of Spark, which may try again by itself."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return _attempt(work, item, tries + (context.attemptNumber() if context else 0))


def _lost(_item: Any) -> WorkerLost:
    return WorkerLost(f"the same part of the manifest lost its worker {TRIES} times")


def _unwrap(answer: Any) -> Any:
    if isinstance(answer, RmexifError):
        raise answer
    return answer


def _scrub(job: Job, chunk: Chunk, tries: int) -> Codes:
    if tries >= CAREFUL:
        job = replace(job, limits=job.limits or WorkerLimits())
    (codes,) = flow_of(job, [chunk], resumes=tries > 1)
    return codes


def _check(job: Job, outputs: bool, part: str, _tries: int) -> Checked:
    return check(job, part, outputs)


def _amend(job: Job, amendment: Amendment, _tries: int) -> Counter[str]:
    return amend(job, amendment)
