"""The inside of a worker process: what it does before its first image, and how it answers.

Once: leave standard input, load every codec and the detectors behind Landlock, limit the memory, and enter the
sandbox. Per image: a task of bytes and plain values; errors come back as values, without a history that may hold
pieces of the file.
"""

from __future__ import annotations

import os
import pickle
import pkgutil
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from rmexif import native
from rmexif.errors import RmexifError, SetupError, error_boundary
from rmexif.workers import channel, landlock, sandbox
from rmexif.workers.replies import error_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerLimits

    Answer = tuple[bytes | None, Mapping[str, Any]]  # clean bytes, or none, and a report
    Task = Callable[..., Answer]  # of the image's bytes, and of what the caller of the pool passes with them

__all__ = ["Setup", "main"]

GREY, SIDE, REGION = 128, 64, (8, 8, 24, 24)  # of the picture that the warm-up scrubs; px
EDGES = frozenset({"__main__", "batch", "bulk", "cli", "integrations", "io", "service", "workers"})
# Imported when an image needs them.
LAZY = (
    *("numpy.ma", "PIL.Image", "brotli", "pillow_heif", "pillow_jxl", "resvg_py"),
    *("lzma", "compression.zstd", "backports.zstd", "rawpy"),
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a fresh process has to know.

    Args:
        sent: pickle of the task, and of the policy to warm up for (None loads the codecs only).
        limits: what holds from the first image on.
        request: the id under which the process says that it is ready.
        channel: descriptor of its end of the channel; on Windows what ``socket.share`` answered.
        parent: id of the process that started it.
        main: how to import the script that objects of the task come from (``multiprocessing.spawn``), or None.
        readable: files that the policy names; None where objects of somebody's own may read others.
        engine: what the parent reads coded data with; what it gets is judged by the same.
    """

    sent: bytes
    limits: WorkerLimits
    request: bytes
    channel: int | bytes
    parent: int
    main: dict[str, Any] | None
    readable: tuple[str, ...] | None
    engine: Literal["native", "python"]


def main() -> None:
    """Be a worker: read the setup from standard input, get ready, and answer until the parent has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    sandbox.die_with_parent()
    setup: Setup = pickle.load(sys.stdin.buffer)
    if os.name == "posix" and os.getppid() != setup.parent:
        os._exit(0)  # it had gone before it could take this process along
    _leave_standard_input()
    parent = _open(setup.channel)
    try:
        task, held = _prepare(setup)
    except Exception as error:
        channel.send_reply(parent, setup.request, {"error": error_values(_as_refusal(error))})
        os._exit(0)
    channel.send_reply(parent, setup.request, {"ready": held.as_dict() if held else None})
    try:
        while True:
            request, arguments, raw = channel.receive_request(parent)
            values, data = _answer(task, raw, pickle.loads(arguments))
            channel.send_reply(parent, request, values, data)
            del raw, data, values
    except (EOFError, OSError):
        os._exit(0)  # the parent has gone, or needs this process no more; nothing here has to be put away


def _prepare(setup: Setup) -> tuple[Task, sandbox.Sandbox | None]:
    """Load everything, then give up everything else.

    Raises:
        SetupError: the policy or the system cannot do what the limits ask for.
    """
    limits = setup.limits
    native.use(setup.engine)
    if limits.lock_memory and not sandbox.lock_memory():
        raise SetupError("lock_memory: this process may not lock its memory (see ulimit -l)")
    statistics = os.open("/proc/self/statm", os.O_RDONLY) if limits.memory is not None else None
    threads, version = sandbox.thread_limit(), 0
    if limits.sandbox:
        places = None if setup.readable is None else [*landlock.library_places(sys.path), *setup.readable]
        sandbox.drop_capabilities()
        version = landlock.restrict(places) if sandbox.give_up_privileges() else 0
    if setup.main is not None:
        from multiprocessing import spawn

        spawn.prepare(setup.main)
    task, policy = pickle.loads(setup.sent)
    _warm_up(policy)
    if statistics is not None and limits.memory is not None:
        _limit_memory(statistics, limits.memory)
    held = sandbox.enter(version, threads) if limits.sandbox else None  # last: no limit can be set behind it
    if held and limits.sandbox == "require" and not held.is_enforced:
        raise SetupError("sandbox: this system cannot keep a process from writing, connecting and spawning")
    return task, held


def _answer(task: Task, raw: bytearray, arguments: tuple[Any, ...]) -> tuple[dict[str, Any], bytes | None]:
    """Do the task for one image: the values and the bytes of the reply."""
    try:
        with error_boundary():
            data, report = task(raw, *arguments)
    except RmexifError as error:
        return {"error": error_values(error)}, None
    return {"report": report}, data


def _as_refusal(error: Exception) -> RmexifError:
    if isinstance(error, RmexifError):
        return error
    return SetupError(f"a worker process cannot be made ready ({type(error).__name__})")


def _leave_standard_input() -> None:
    """Nothing comes there any more; the other two have led nowhere from the start."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)


def _open(shared: int | bytes) -> socket.socket:
    if sys.platform == "win32":
        return socket.fromshare(shared)
    return socket.socket(fileno=shared)  # type: ignore[arg-type]


def _warm_up(policy: Policy | None) -> None:
    """Load all that a later image may need: in the sandbox no file can be opened, a module neither."""
    import encodings

    import numpy as np

    from rmexif import codecs, containers, scrubber
    from rmexif.raster import opencv_threads
    from rmexif.types import Box, Frame, Limits, Raster

    for package in (sys.modules["rmexif"], encodings):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda _: None):
            if module.name.split(".")[1] not in EDGES:
                with suppress(ImportError):  # an extra that is not installed
                    import_module(module.name)
    for name in LAZY:
        with suppress(ImportError):
            import_module(name)
    opencv_threads.use_one()  # the processes are the threads
    picture = Raster((Frame(np.full((SIDE, SIDE, 3), GREY, np.uint8)),))
    for name in codecs.ENCODERS:
        with suppress(RmexifError):  # an image in a format that does not work here will say so by itself
            data = codecs.encode(picture, name, 90)
            codecs.decode(data, containers.by_name(name).parse(memoryview(data), Limits()))
    if policy is not None:
        warm_up = replace(policy, regions=(Box(*REGION),), keep_regions=(), stealth=True, output=None, limits=Limits())
        scrubber.scrub(codecs.encode(picture, "png", 90), warm_up)  # with something to cover, and to look for again


def _limit_memory(statistics: int, memory: int) -> None:
    """Let the process take so many bytes beyond what it holds now."""
    import resource

    held = int(os.read(statistics, 100).split()[0]) * resource.getpagesize()
    os.close(statistics)
    resource.setrlimit(resource.RLIMIT_AS, (held + memory, held + memory))
