"""What carries a run: this machine, Ray or Spark. An engine is given names, and gives back counts.

An item whose worker dies is done again, from its first object on; from the third try on its images are scrubbed in a
process beside the worker, so that a picture that ends its process costs itself and not the run.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
from abc import ABC, abstractmethod
from collections import Counter, deque
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from rmexif.batch.earlier import amend, check
from rmexif.batch.shard_flow import flow_of
from rmexif.errors import InvalidPolicy, MissingDependency, RmexifError, WorkerLost, error_boundary
from rmexif.workers.limits import WorkerLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rmexif.batch.earlier import Amendment, Checked
    from rmexif.batch.flow import Chunk, Job
    from rmexif.batch.rows import Codes

__all__ = ["Engine", "by_name"]

CAREFUL = 3  # the try from which on images are scrubbed in a process beside the worker
TRIES = 6  # three of them careful: what still fails is no picture's fault
CONNECT_SECONDS = 10.0  # that an address may take to answer
WAVE = 16  # Spark: items per core in one job; fewer would idle cores at its end, more would hold back its answers


class Engine(Protocol):
    """Does the items of a run, in any order."""

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
        self._workers = workers or os.cpu_count() or 1

    def scrub(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Codes]:
        """Codes of every chunk."""
        return flow_of(job, chunks, self._workers)

    def check(self, job: Job, parts: Iterable[str], outputs: bool) -> Iterator[Checked]:
        """The rows of every part."""
        return (check(job, part, outputs) for part in parts)

    def amend(self, job: Job, amendments: Iterable[Amendment]) -> Iterator[Counter[str]]:
        """How many rows of every part are of objects that are gone."""
        return (amend(job, amendment) for amendment in amendments)


class _Cluster(ABC):
    """Items go out one by one, each to one core."""

    def scrub(self, job: Job, chunks: Iterable[Chunk]) -> Iterator[Codes]:
        """Codes of every chunk."""
        return self._each(partial(_scrub, job), chunks)

    def check(self, job: Job, parts: Iterable[str], outputs: bool) -> Iterator[Checked]:
        """The rows of every part."""
        return self._each(partial(_check, job, outputs), parts)

    def amend(self, job: Job, amendments: Iterable[Amendment]) -> Iterator[Counter[str]]:
        """How many rows of every part are of objects that are gone."""
        return self._each(partial(_amend, job), amendments)

    @abstractmethod
    def _each(self, work: Callable[[Any, int], Any], items: Iterable[Any]) -> Iterator[Any]:
        """What the work gives for each item."""


class OnRay(_Cluster):
    """Ray tasks of one core each; their processes stay, so the model is loaded once per core.

    Args:
        address: of a cluster; by default ``RAY_ADDRESS``, or a Ray of its own on this machine.
        workers: items at once; as many as the cluster has cores by default.
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
            try:
                ray.init(address=place, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, ValueError) as error:
                raise InvalidPolicy("no Ray answers at that address") from error
        self._ray: Any = ray
        self._workers, self._gpus = workers, gpus

    def _each(self, work: Callable[[Any, int], Any], items: Iterable[Any]) -> Iterator[Any]:
        ray = self._ray
        task = ray.remote(num_cpus=1, num_gpus=self._gpus, max_retries=0, scheduling_strategy="SPREAD")(_attempt)
        shared, todo = ray.put(work), iter(items)
        again: deque[tuple[Any, int]] = deque()
        under_way: dict[Any, tuple[Any, int]] = {}
        while True:
            while len(under_way) < self._most():
                item, tries = again.popleft() if again else (next(todo, None), 1)
                if item is None:
                    break
                under_way[task.remote(shared, item, tries)] = (item, tries)
            if not under_way:
                return
            (done, *_), _ = ray.wait(list(under_way), num_returns=1)
            item, tries = under_way.pop(done)
            try:
                answer = ray.get(done)
            except ray.exceptions.RayError as error:
                if tries == TRIES:
                    raise WorkerLost(f"the same images lost their worker {TRIES} times") from error
                again.append((item, tries + 1))
                continue
            yield _unwrap(answer)

    def _most(self) -> int:
        """Items under way: as many as were asked for, or one per core and one that waits for each."""
        return self._workers or 2 * int(self._ray.cluster_resources().get("CPU", 1)) or 1


class OnSpark(_Cluster):
    """Spark, in jobs of some items per core; the session that is there, or one for ``address``.

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
        builder = SparkSession.builder.appName("rmexif").config("spark.ui.enabled", "false")
        self._spark: Any = (builder.master(address) if address else builder).getOrCreate()
        cores = self._spark.sparkContext.defaultParallelism
        self._workers, self._most = workers or cores, workers if workers and workers < cores else None

    def _each(self, work: Callable[[Any, int], Any], items: Iterable[Any]) -> Iterator[Any]:
        todo = iter(items)
        while wave := tuple(islice(todo, WAVE * self._workers)):

            def go(frames: Iterator[Any], wave: tuple[Any, ...] = wave) -> Iterator[Any]:
                import pandas as pd
                from pyspark import TaskContext

                context = TaskContext.get()
                tries = 1 + (context.attemptNumber() if context else 0)
                for frame in frames:
                    for number in frame["id"]:
                        yield pd.DataFrame({"answer": [pickle.dumps(_attempt(work, wave[number], tries))]})

            # one item per task, so that a dead worker costs one; where fewer are to be at once than there are cores,
            # as many tasks as that
            tasks = min(len(wave), self._most) if self._most else len(wave)
            numbers = self._spark.range(0, len(wave), 1, tasks)
            for row in numbers.mapInPandas(go, "answer binary").collect():
                yield _unwrap(pickle.loads(row.answer))


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


def _attempt(work: Callable[[Any, int], Any], item: Any, tries: int) -> Any:
    """One item in a worker; what goes wrong is a value, without a history that may hold pieces of a file."""
    try:
        with error_boundary():
            return work(item, tries)
    except RmexifError as error:
        return error.detached()


def _unwrap(answer: Any) -> Any:
    if isinstance(answer, RmexifError):
        raise answer
    return answer


def _scrub(job: Job, chunk: Chunk, tries: int) -> Codes:
    if tries >= CAREFUL:
        job = replace(job, limits=job.limits or WorkerLimits())
    (codes,) = flow_of(job, [chunk])
    return codes


def _check(job: Job, outputs: bool, part: str, _tries: int) -> Checked:
    return check(job, part, outputs)


def _amend(job: Job, amendment: Amendment, _tries: int) -> Counter[str]:
    return amend(job, amendment)
