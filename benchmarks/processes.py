"""What a command costs as a process: processor time, wall time and memory, as the system counts them for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Linux counts what a process holds before it becomes the command, too: the one that starts it has to be small.
LAUNCHER = """
import json, os, sys, time
command = sys.argv[1:]
null = os.open(os.devnull, os.O_RDWR)
quiet = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, 2, 2)]
start = time.perf_counter()
child = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - start
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, wall, used.ru_maxrss]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run of a command."""

    returncode: int
    cpu: float  # s, of the command and the processes that it waited for
    wall: float  # s
    memory: int  # byte, at its highest
    message: str  # standard error

    @property
    def in_words(self) -> str:
        """Milliseconds of processor, and MB."""
        return f"{self.cpu * 1e3:.0f} ms of processor, {self.wall * 1e3:.0f} ms, {self.memory / 1e6:.1f} MB"


def run(command: Sequence[str], *, timeout: float | None = None, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command, without input and with its output thrown away.

    Args:
        command: the program and its arguments.
        timeout: s, after which it is ended with SIGKILL.
        environment: variables beside those of this process.

    Raises:
        subprocess.TimeoutExpired: it ran longer.
        FileNotFoundError: there is no such program.
    """
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, *command]
    process = subprocess.Popen(
        launcher,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | dict(environment or {}),
        start_new_session=True,
    )
    try:
        answer, message = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        raise
    if process.returncode:
        raise FileNotFoundError(f"{command[0]}: {message.strip().splitlines()[-1]}")
    code, cpu, wall, memory = json.loads(answer)
    return Cost(code, cpu, wall, memory * (1 if sys.platform == "darwin" else 1024), message)
