"""Worker processes that can be ended: a time and a memory limit per image, and a crash that costs one image.

Bytes travel through a pair of sockets per process: nothing is put on a disk, and nothing that comes back is more than
bytes and JSON, which are proven before anything believes them (``replies``). A process whose answer does not hold is
ended like one that died. Processes are started afresh, never forked, because the caller may have threads.
"""

from __future__ import annotations

import os
import pickle
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from queue import PriorityQueue
from typing import TYPE_CHECKING, Any

from rmexif import native
from rmexif.errors import DeadlineExceeded, InvalidPolicy, RmexifError, VerificationError, WorkerLost
from rmexif.workers import channel, launch, replies
from rmexif.workers.limits import WorkerLimits
from rmexif.workers.process import Setup
from rmexif.workers.sandbox import CPU_SECONDS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from rmexif.policy import Policy
    from rmexif.workers.process import Answer, Task
    from rmexif.workers.replies import Expected

    Raw = bytes | bytearray | memoryview
    OnStart = Callable[[Callable[[], None]], object]

__all__ = ["WorkerPool"]

START_SECONDS = 120.0  # until a process must be ready: a loaded machine takes its time, a hostile one has no say yet
BUSY_SECONDS = CPU_SECONDS / 4  # of one process, until it is replaced: well before its limit of processor time
READY_BYTES = 1 << 16  # of the answer that says so


class WorkerPool:
    """So many processes that do one task; ``run`` it from so many threads.

    Args:
        task: a function of the image's bytes, and of what ``run`` gets beside them; it is sent once to each process.
        workers: processes; each is started when an image needs it.
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
            sent = pickle.dumps((task, warm_up))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InvalidPolicy("the policy holds an object that cannot be sent to a process") from error
        # The kernel ends a worker with the thread that started it: one that lives as long as the pool.
        self._starter = ThreadPoolExecutor(1, "rmexif-starter")
        setup = Setup(
            sent=sent,
            limits=self._limits,
            request=b"",
            channel=-1,
            parent=os.getpid(),
            main=launch.main_module(sent),
            readable=launch.readable_files(warm_up),
            engine=native.engine(),
        )
        self._workers = [_Worker(setup, self._starter) for _ in range(workers)]
        # Those that are ready first, and of these the last one: its memory is warm. What a crash left comes last.
        self._idle: PriorityQueue[tuple[bool, int, _Worker]] = PriorityQueue()
        self._turns = count(step=-1)
        for worker in self._workers:
            self._put_back(worker)

    def run(
        self,
        raw: Raw,
        expected: Expected,
        *arguments: Any,
        on_start: OnStart | None = None,
    ) -> Answer:
        """Have the next idle process do the task.

        Args:
            raw: the image.
            expected: what the answer must be.
            arguments: what else the task takes; they can be pickled.
            on_start: called once a process is ready for the image, with a function that ends it; the image ends as
                WorkerLost then.

        Raises:
            DeadlineExceeded: it took longer than the limit; the process was killed.
            WorkerLost: the process died, or the pool was closed.
            VerificationError: what it answered does not hold; the process was killed.
            RmexifError: whatever came of the image.
        """
        _, _, worker = self._idle.get()
        try:
            return worker.run(raw, expected, pickle.dumps(arguments), on_start)
        finally:
            worker.finish()
            self._put_back(worker)

    def close(self) -> None:
        """End every process, whatever it is doing; images under way end as WorkerLost."""
        for worker in self._workers:
            worker.close()
        for _ in self._workers:  # every thread gives its worker back, whatever became of its image
            self._idle.get()[-1].stop()
        self._starter.shutdown()

    def _put_back(self, worker: _Worker) -> None:
        self._idle.put((not worker.is_ready, next(self._turns), worker))


class _Worker:
    """A place for one process, which is started when it is needed and again after it was ended.

    One thread at a time runs an image; any other may close it.

    Attributes:
        is_ready: whether the process has said that it is.
    """

    def __init__(self, setup: Setup, starter: ThreadPoolExecutor) -> None:
        self._setup, self._starter = setup, starter
        self._lock = threading.Lock()  # close() and a start do not cross
        self._is_closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._request = b""  # under which this process says that it is ready
        self.is_ready = False
        self._refusal: RmexifError | None = None
        self._sandbox: dict[str, bool | int] | None = None
        self._images, self._busy = 0, 0.0  # of this process; s
        self._turn = object()  # of the image that is worked on

    def _interruption(self) -> Callable[[], None]:
        """What ends the process, as long as the image that comes now is worked on."""
        with self._lock:
            turn = self._turn = object()

        def interrupt() -> None:
            with self._lock:
                if self._turn is turn and self._process is not None:
                    launch.kill(self._process)

        return interrupt

    def finish(self) -> None:
        """The image has its answer: nobody may end the process for it any more."""
        with self._lock:
            self._turn = object()

    def run(self, raw: Raw, expected: Expected, arguments: bytes, on_start: OnStart | None = None) -> Answer:
        """Do one image; see ``WorkerPool.run``."""
        if self._refusal is not None:
            raise self._refusal
        limits = self._setup.limits
        try:
            try:
                self._ready()
                if on_start is not None:
                    on_start(self._interruption())
                reply = self._ask(raw, expected, arguments)
            except channel.UnrelatedReply:  # whose fault that was is not known: one more try, by a fresh process
                self.stop()
                reply = self._ask(raw, expected, arguments)
            answer = replies.proven(reply, memoryview(raw), expected)
        except TimeoutError as error:  # before OSError, which it is
            self._replace()
            raise DeadlineExceeded(f"the image took longer than the deadline of {limits.deadline} s") from error
        except (EOFError, OSError) as error:
            code = self._replace()
            what = "the pool of workers was closed" if self._is_closed else f"its process ended with code {code}"
            raise WorkerLost(f"the image has no answer: {what}") from error
        except VerificationError:
            self._replace()  # it was taken over, or has a defect: the next image gets another one
            raise
        if self._images == limits.recycle or self._busy > BUSY_SECONDS:
            self._replace()
        if isinstance(answer, RmexifError):
            raise answer
        data, report = answer
        return data, report if data is None or self._sandbox is None else {**report, "sandbox": self._sandbox}

    def close(self) -> None:
        """End the process for good; the thread that waits for its answer sees that it has gone."""
        with self._lock:
            self._is_closed = True
            process, waited_for = self._process, self._channel
        if process is not None and waited_for is not None:
            launch.kill(process)
            with suppress(OSError):
                waited_for.shutdown(socket.SHUT_RDWR)

    def stop(self) -> int | None:
        """End the process, if there is one; its exit code."""
        process, channel_end = self._process, self._channel
        self._process = self._channel = None
        self.is_ready = False
        self._images, self._busy = 0, 0.0
        if channel_end is not None:
            channel_end.close()
        return None if process is None else launch.kill(process)

    def _replace(self) -> int | None:
        """End the process and start another one, which a later image finds ready; the exit code of the first."""
        code = self.stop()
        with suppress(WorkerLost):
            self._start()
        return code

    def _ask(self, raw: Raw, expected: Expected, arguments: bytes) -> channel.Reply:
        """Send a job to a process that is ready, and wait for its answer."""
        to = self._ready()
        started, deadline = time.monotonic(), self._setup.limits.deadline
        until = None if deadline is None else started + deadline
        request = secrets.token_bytes(channel.ID_BYTES)
        channel.send_request(to, request, arguments, raw, until)
        reply = channel.receive_reply(to, request, expected.bounds(len(raw), until))
        self._images += 1
        self._busy += time.monotonic() - started
        return reply

    def _ready(self) -> socket.socket:
        """The channel of a process that is ready.

        Raises:
            SetupError: none can be made ready; it would come of every image.
        """
        if self._channel is not None and self.is_ready and channel.has_unread(self._channel):
            self.stop()  # it died between two images, or speaks without being asked
        to = self._channel or self._start()
        if self.is_ready:
            return to
        bounds = channel.Bounds(READY_BYTES, 0, time.monotonic() + START_SECONDS)
        try:
            values = channel.receive_reply(to, self._request, bounds).values
        except TimeoutError:
            raise WorkerLost(
                f"the process that was to work on the image was not ready in {START_SECONDS:g} s"
            ) from None
        if "error" in values:
            self._refusal = replies.error_of(values["error"])
            raise self._refusal
        self._sandbox, self.is_ready = values["ready"], True
        return to

    def _start(self) -> socket.socket:
        self._request = secrets.token_bytes(channel.ID_BYTES)
        setup = replace(self._setup, request=self._request)
        with self._lock:
            if self._is_closed:
                raise WorkerLost("the pool of workers was closed")
            try:
                self._process, self._channel = self._starter.submit(launch.start, setup).result()
            except (OSError, RuntimeError) as error:  # the latter: the interpreter is on its way out
                raise WorkerLost("the system starts no process to work on the image") from error
        return self._channel
