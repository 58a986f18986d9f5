"""Starting a worker process: an interpreter of its own, with next to no environment, alone in its session."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from multiprocessing import spawn
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rmexif.policy import Policy
    from rmexif.workers.process import Setup

__all__ = ["ENVIRONMENT", "kill", "main_module", "readable_files", "start"]

# What a worker gets of the parent's environment: how to find libraries, how many threads to use.
ENVIRONMENT = (
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY"),
    *("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "LC_ALL", "LANG"),
)
BOOT = """
import json, sys
sys.path[:] = json.loads(sys.stdin.buffer.readline())
from rmexif.workers.process import main
main()
"""
SEND_BUFFER = 1 << 20  # byte of a channel: an image crosses in few turns


def start(setup: Setup) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a process and hand it its setup.

    Returns:
        The process, and this end of its channel.

    Raises:
        OSError: the system starts no more processes.
    """
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    command = [spawn.get_executable(), "-I", "-B", "-c", BOOT]
    options: dict[str, Any] = {"start_new_session": True, "pass_fds": (theirs.fileno(),)}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **options,
        )
        _hand_over(process, replace(setup, channel=_shared(theirs, process.pid)))
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def kill(process: subprocess.Popen[bytes]) -> int:
    """End a process, and what it may have started; its exit code."""
    if process.poll() is None:
        with suppress(OSError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def main_module(sent: bytes) -> dict[str, Any] | None:
    """How a process imports the script that objects of a pickle come from; None where none does.

    Args:
        sent: the pickle.
    """
    if b"main__" not in sent:
        return None
    found = spawn.get_preparation_data("rmexif worker")
    found.pop("authkey", None)  # a secret of the parent
    return found


def readable_files(policy: Policy | None) -> tuple[str, ...] | None:
    """The files that a policy names; None where it holds objects of somebody's own, which may need any."""
    if policy is None:
        return ()
    names = (*policy.detectors, policy.style)
    if not all(isinstance(name, str) for name in names):
        return None
    arguments = [*(str(name).partition(":")[2] for name in names), *policy.models]
    return tuple(place for argument in arguments if (place := _file_of(argument)))


def _file_of(argument: str) -> str | None:
    """The file that an argument starts with, before the first colon that is none of its name."""
    while argument:
        if Path(argument).is_file():
            return str(Path(argument).resolve())
        argument = argument.rpartition(":")[0]
    return None


def _shared(end: socket.socket, pid: int) -> int | bytes:
    """What process ``pid`` opens as its end of the channel."""
    if sys.platform == "win32":
        return bytes(end.share(pid))
    return end.fileno()


def _hand_over(process: subprocess.Popen[bytes], setup: Setup) -> None:
    """Where the modules are, in JSON, and the setup, as a pickle: in this direction there is trust."""
    path = [os.path.abspath(place) for place in sys.path]  # noqa: PTH100 - "" is the working directory
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as pipe:  # one that ended already is seen at its channel
        pipe.write(json.dumps(path).encode() + b"\n" + pickle.dumps(setup))
