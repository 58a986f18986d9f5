"""The inside of a worker process: what it does before its first image, and how it answers.

Once: silence standard error, load every codec and the detectors, enter the sandbox, and only then limit the memory.
Per image: a task of bytes and plain values; errors come back as values, without a history that may hold pieces of the
file.
"""

from __future__ import annotations

import pickle
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif.errors import RmexifError, SetupError, error_boundary
from rmexif.io.engine import choose_engine
from rmexif.io.quiet_stderr import discard_stderr
from rmexif.workers import sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerLimits

    Answer = tuple[bytes | None, Mapping[str, Any]]  # clean bytes, or none, and a report
    Task = Callable[..., Answer]  # of the image's bytes, and of what the caller of the pool passes with them

__all__ = ["prepare", "run"]

GREY, SIDE = 128, 64  # of the picture that the warm-up encodes, decodes and searches; px


@dataclass(slots=True)
class _State:
    """What this process knows: its task, or why it cannot do it."""

    task: Task | None = None
    refusal: RmexifError | None = None
    sandbox: sandbox.Sandbox | None = None


_state = _State()


def prepare(sent: bytes, limits: WorkerLimits) -> None:
    """Make a fresh process ready; what goes wrong here is the answer to every image.

    Args:
        sent: pickle of the task, and of the policy to warm up for (None loads the codecs only).
        limits: what holds from now on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a decoder that loops in C would never come to a Python handler
    discard_stderr()
    try:
        choose_engine()
        if limits.lock_memory and not sandbox.lock_memory():
            raise SetupError("lock_memory: this process may not lock its memory (see ulimit -l)")
        landlock = sandbox.restrict_filesystem() if limits.sandbox else 0
        task, policy = pickle.loads(sent)
        _warm_up(policy)
        if limits.sandbox:
            _state.sandbox = sandbox.enter(landlock)
            if limits.sandbox == "require" and not _state.sandbox.is_enforced:
                raise SetupError("sandbox: this system cannot keep a process from writing, connecting and spawning")
        if limits.memory is not None:
            _limit_memory(limits.memory)
        _state.task = task
    except RmexifError as error:
        _state.refusal = error.detached()
    except Exception as error:
        _state.refusal = SetupError(f"a worker process cannot be made ready ({type(error).__name__})")


def run(raw: bytes | bytearray, *arguments: Any) -> Answer | RmexifError:
    """Do the task for one image; the report of clean bytes says which sandbox they were made in."""
    if _state.task is None:
        return _state.refusal or SetupError("the worker process was not prepared")
    try:
        with error_boundary():
            data, stats = _state.task(raw, *arguments)
    except RmexifError as error:
        return error.detached()
    if data is not None and _state.sandbox is not None:
        stats = {**stats, "sandbox": _state.sandbox.as_dict()}
    return data, stats


def _warm_up(policy: Policy | None) -> None:
    """Load all that a later image may need: in the sandbox a library may not start what it starts when imported."""
    import numpy as np

    from rmexif import codecs, containers, scrubber
    from rmexif.policy import Policy
    from rmexif.raster import opencv_threads
    from rmexif.types import Frame, Limits, Raster

    opencv_threads.use_one()  # the processes are the threads
    picture = Raster((Frame(np.full((SIDE, SIDE, 3), GREY, np.uint8)),))
    for name in codecs.ENCODERS:
        with suppress(RmexifError):  # an image in a format that does not work here will say so by itself
            data = codecs.encode(picture, name, 90)
            codecs.decode(data, containers.by_name(name).parse(memoryview(data), Limits()))
    if policy is not None:
        data = codecs.encode(picture, "png", 90)
        asked = {name: getattr(policy, name) for name in ("faces", "detectors", "models", "providers")}
        scrubber.scrub(data, Policy(**asked))


def _limit_memory(memory: int) -> None:
    import resource
    from pathlib import Path

    held = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + memory, held + memory))
