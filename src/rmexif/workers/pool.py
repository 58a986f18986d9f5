"""Worker processes that can be ended: a time and a memory limit per image, and a crash that costs one image.

Every process has a pebble pool of its own, so that a process that dies in the middle of a message takes no other
channel with it. Bytes travel through pipes: nothing is put on a disk. Processes are spawned, never forked, because the
caller may have threads; a script needs the usual ``if __name__ == "__main__":`` guard for that.
"""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired, ProcessPool

from rmexif.errors import DeadlineExceeded, InvalidPolicy, ProcessingError, RmexifError, WorkerLost
from rmexif.workers import process
from rmexif.workers.limits import WorkerLimits

if TYPE_CHECKING:
    from rmexif.policy import Policy
    from rmexif.workers.process import Answer, Task

__all__ = ["WorkerPool"]

BROKEN = (RuntimeError, OSError, EOFError)  # what pebble raises for a pool that lost its process between two images


class WorkerPool:
    """So many processes that do one task; ``run`` it from so many threads.

    Args:
        task: a function of the image's bytes, and of what ``run`` gets beside them; it is sent once to each process.
        workers: processes; each is spawned when an image needs it.
        limits: what holds in each.
        warm_up: a policy that the processes load their detectors for before they enter the sandbox.

    Raises:
        InvalidPolicy: the task or the policy cannot be sent to a process.
    """

    def __init__(
        self, task: Task, workers: int, limits: WorkerLimits | None = None, *, warm_up: Policy | None = None
    ) -> None:
        self._limits = limits or WorkerLimits()
        try:
            self._sent = pickle.dumps((task, warm_up))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InvalidPolicy("the policy holds an object that cannot be sent to a process") from error
        self._workers = workers
        self._lock = threading.Lock()
        self._is_open = True
        self._running: set[Future[Any]] = set()
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(workers):
            self._idle.put(_Worker(self._spawn))

    def run(self, raw: bytes | bytearray, *arguments: Any) -> Answer:
        """Have the next idle process do the task.

        Raises:
            DeadlineExceeded: it took longer than the limit; the process was killed.
            WorkerLost: the process died, or the pool was closed.
            RmexifError: whatever came of the image.
        """
        worker = self._idle.get()
        try:
            return self._ask(worker, raw, arguments)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End every process, whatever it is doing; images under way end as WorkerLost."""
        with self._lock:
            self._is_open = False
            running = list(self._running)
        for future in running:
            future.cancel()
        for _ in range(self._workers):  # every thread gives its worker back, whatever became of its image
            self._idle.get().stop()

    def _spawn(self) -> ProcessPool:
        context: Any = multiprocessing.get_context("spawn")
        return ProcessPool(1, self._limits.recycle or 0, process.prepare, (self._sent, self._limits), context)

    def _ask(self, worker: _Worker, raw: bytes | bytearray, arguments: tuple[Any, ...]) -> Answer:
        try:
            with self._lock:  # in one hold: what is scheduled after close() has looked would be waited for
                if not self._is_open:
                    raise WorkerLost("the pool of workers was closed")
                future = worker.schedule(raw, arguments, self._limits.deadline)
                self._running.add(future)
            try:
                result = self._wait(future)
            finally:
                with self._lock:
                    self._running.discard(future)
        except BROKEN as error:
            worker.stop()
            raise WorkerLost("the process that worked on the image ended") from error
        if isinstance(result, RmexifError):
            raise result
        answer: Answer = result
        return answer

    def _wait(self, future: Future[Any]) -> Any:
        """What the process sent back; what pebble raises, in words of the error tree.

        Raises:
            RuntimeError, OSError, EOFError: the pool of this process is broken.
        """
        try:
            return future.result()
        except FutureTimeoutError as error:  # before BROKEN: it is an OSError, and so is the next
            raise DeadlineExceeded(f"the image took longer than the deadline of {self._limits.deadline:g} s") from error
        except ProcessExpired as error:
            raise WorkerLost(f"the process that worked on the image ended with code {error.exitcode}") from error
        except CancelledError as error:
            raise WorkerLost("the pool of workers was closed") from error
        except BROKEN:
            raise
        except Exception as error:
            kind = type(error).__name__  # and no more: its text may quote the file
            raise ProcessingError(f"the answer of a worker process cannot be read ({kind})") from None


class _Worker:
    """A place for one process, which is spawned when it is needed and again after it was stopped."""

    def __init__(self, spawn: Any) -> None:
        self._spawn = spawn
        self._process: ProcessPool | None = None

    def schedule(self, raw: bytes | bytearray, arguments: tuple[Any, ...], deadline: float | None) -> Future[Any]:
        """Send one image."""
        if self._process is None:
            self._process = self._spawn()
        future: Future[Any] = self._process.schedule(process.run, (raw, *arguments), timeout=deadline)
        return future

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.stop()  # type: ignore[no-untyped-call]
            self._process.join()
            self._process = None
