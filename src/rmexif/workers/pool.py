"""Worker processes that can be ended: a time and a memory limit per image, and a crash that costs one image.

Every process has a pool of its own (pebble), so that a process that dies in the middle of a message takes nobody's
channel with it. Bytes travel through pipes: nothing is put on a disk. Processes are spawned, never forked, because the
caller may have threads; a script needs the usual ``if __name__ == "__main__":`` guard for that.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as LateError
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from pebble import ProcessExpired, ProcessPool

from rmexif import inspection
from rmexif.errors import DeadlineExceeded, InvalidPolicy, RmexifError, SetupError, WorkerLost, error_boundary
from rmexif.policy import Policy
from rmexif.types import Limits
from rmexif.workers import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Crew", "one_thread_each"]

Answer = tuple[bytes, dict[str, Any]]
BROKEN = (RuntimeError, OSError, EOFError)  # what pebble raises for a pool that lost its process between two images


class Crew:
    """So many processes; call it with an image from so many threads.

    Args:
        task: what is done with every image: a Policy scrubs, Limits strip.
        workers: processes.
        deadline: s per image; the process that runs over it is killed.
        memory: byte that one image may take beyond what a process holds when it is ready (Linux).
        recycle: images after which a process is replaced by a fresh one.
        fenced: drop network, writing and spawning (Linux); "require" refuses to work where the kernel cannot.
        locked: keep the memory out of the swap (Linux); refuse to work where that is not allowed.

    Raises:
        InvalidPolicy: a number is out of range, or the policy cannot be sent to a process.
    """

    def __init__(
        self,
        task: Policy | Limits,
        workers: int,
        *,
        deadline: float | None = None,
        memory: int | None = None,
        recycle: int | None = None,
        fenced: bool | Literal["require"] = False,
        locked: bool = False,
    ) -> None:
        for name, number in (("deadline", deadline), ("memory", memory), ("recycle", recycle)):
            if number is not None and number <= 0:
                raise InvalidPolicy(f"{name}: it is more than 0")
        if memory is not None and sys.platform != "linux":
            raise InvalidPolicy("memory: only Linux can hold a process to it")
        try:
            sent = pickle.dumps(task)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InvalidPolicy("the policy holds an object that cannot be sent to a process") from error
        self._limits = task.limits if isinstance(task, Policy) else task
        self._deadline = deadline
        self._options = (recycle or 0, (sent, memory, fenced, locked))
        self._lock = threading.Lock()
        self._closed = False
        self._workers = workers
        self._running: set[Any] = set()
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(workers):
            self._idle.put(None)  # a pool is made when it is needed

    def __call__(self, raw: Any) -> Answer:
        """Have a process do it.

        Raises:
            TypeError: ``raw`` is not bytes-like.
            DeadlineExceeded: it took too long; the process was killed.
            WorkerLost: the process died.
            RmexifError: whatever came of the image.
        """
        view = inspection.view_of(raw)
        self._limits.check("max_bytes", len(view))
        pool = self._idle.get()
        try:
            pool = pool or self._pool()
            return self._ask(pool, bytes(view))
        except BROKEN as error:
            broken, pool = pool, None
            _end(broken)
            raise WorkerLost("the process that worked on the image ended") from error
        finally:
            self._idle.put(pool)

    def close(self) -> None:
        """End every process, whatever it is doing; images under way end as WorkerLost."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for future in running:
            future.cancel()
        for _ in range(self._workers):  # every thread gives its pool back, whatever became of its image
            _end(self._idle.get())

    def _pool(self) -> ProcessPool:
        recycle, arguments = self._options
        context: Any = multiprocessing.get_context("spawn")
        return ProcessPool(1, recycle, _prepare, arguments, context)

    def _ask(self, pool: ProcessPool, raw: bytes) -> Answer:
        with self._lock:
            if self._closed:
                raise WorkerLost("the run was cancelled")
            future = pool.schedule(_work, (raw,), timeout=self._deadline)
            self._running.add(future)
        try:
            result = future.result()
        except ProcessExpired as error:
            raise WorkerLost(f"the process that worked on the image ended with code {error.exitcode}") from error
        except LateError as error:
            raise DeadlineExceeded(f"the image took longer than {self._deadline:g} s") from error
        except CancelledError as error:
            raise WorkerLost("the run was cancelled") from error
        finally:
            with self._lock:
                self._running.discard(future)
        if isinstance(result, RmexifError):
            raise result
        answer: Answer = result
        return answer


def _end(pool: ProcessPool | None) -> None:
    if pool is not None:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


class _State:
    """What a worker process knows: one task, and why it cannot do it."""

    work: Any = None
    refusal: RmexifError | None = None
    holds: sandbox.Sandbox | None = None


def _prepare(sent: bytes, memory: int | None, fenced: bool | Literal["require"], locked: bool) -> None:
    """Make a fresh process ready: quiet, warm, fenced in, and then limited."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a decoder that loops in C would never come to a Python handler
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # what libraries print there can quote the file
    os.close(quiet)
    try:
        if locked and not sandbox.lock_memory():
            raise SetupError("lock_memory: this process may not lock its memory (see ulimit -l)")
        landlock = sandbox.no_new_files() if fenced else 0
        _State.work = _warm(pickle.loads(sent))
        if fenced:
            _State.holds = sandbox.close(landlock)
            if fenced == "require" and not _State.holds.holds:
                raise SetupError("sandbox: this system cannot keep a process from writing, connecting and spawning")
        if memory is not None:
            _limit(memory)
    except RmexifError as error:
        _State.refusal = error.detached()
    except Exception as error:
        _State.refusal = SetupError(f"a worker process cannot be made ready ({type(error).__name__})")


def _warm(task: Policy | Limits) -> Any:
    """Load all that a later image may need: nothing is imported from a disk once the fence is up."""
    from rmexif import codecs, lossless, scrubber
    from rmexif.types import Frame, Raster

    if isinstance(task, Limits):
        _load(codecs.ENCODERS)
        return lambda raw: lossless.strip(raw, limits=task)
    import cv2
    import numpy as np

    cv2.setNumThreads(1)  # the processes are the threads
    _load(codecs.ENCODERS)
    grey = Raster((Frame(np.full((64, 64, 3), 128, np.uint8)),))
    scrubber.scrub(codecs.encode(grey, "png", 90), Policy(faces=task.faces, detectors=task.detectors))
    return lambda raw: scrubber.scrub(raw, task)


def _load(names: Any) -> None:
    """Encode and decode a small picture in every format, so that its codec is there."""
    import numpy as np

    from rmexif import codecs, containers
    from rmexif.types import Frame, Raster

    small = Raster((Frame(np.full((64, 64, 3), 128, np.uint8)),))
    for name in names:
        with suppress(RmexifError):  # an image in a format that does not work here will say so by itself
            data = codecs.encode(small, name, 90)
            codecs.decode(data, containers.by_name(name).parse(memoryview(data), Limits()))


def _limit(memory: int) -> None:
    import resource
    from pathlib import Path

    held = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + memory, held + memory))


def _work(raw: bytes) -> Answer | RmexifError:
    """Do one image; errors come back as values without their history, because that may hold pieces of the file."""
    if _State.refusal is not None:
        return _State.refusal
    try:
        with error_boundary():
            data, stats = _State.work(raw)
    except RmexifError as error:
        return error.detached()
    if _State.holds is not None:
        stats["sandbox"] = _State.holds.as_dict()
    return data, stats


_threads = threading.Lock()
_users: list[int] = []


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep OpenCV from cutting every picture into pieces while many pictures run beside each other.

    Its number of threads is one for the whole process, so it is set when the first run begins and put back when the
    last one ends; pictures that somebody scrubs meanwhile take one thread too.
    """
    import cv2

    with _threads:
        _users.append(cv2.getNumThreads() if not _users else _users[0])
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        with _threads:
            before = _users.pop()
            if not _users:
                cv2.setNumThreads(before)
