"""What one file costs: processor time and peak memory of each operation, each in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import rmexif

__all__ = ["OPERATIONS", "Cost", "measure", "peak_memory", "warm_up"]

OPERATIONS = {
    "strip": rmexif.strip,
    "inspect": rmexif.inspect,
    "verify": rmexif.verify,
    "dry run": lambda raw: rmexif.Scrubber(raw).dry_run(),
    "scrub": lambda raw: rmexif.Scrubber(raw).process(),
}
MAX_SECONDS = {"strip": 5.0, "inspect": 5.0, "verify": 5.0, "dry run": 10.0, "scrub": 10.0}  # of processor time
MAX_MEMORY = 1_500_000_000  # byte
LEASH = 20  # s of processor time, at which a process is ended
ADDRESS_SPACE = 8 << 30  # byte


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation took, and how it ended: "ok", a code of an error, or what killed it."""

    operation: str
    seconds: float
    memory: int  # byte, peak resident
    end: str

    @property
    def is_bounded(self) -> bool:
        """Whether it stayed within what a file below 1 MB may cost, and ended as it must."""
        typed = self.end == "ok" or (self.end.islower() and " " not in self.end)
        return typed and self.seconds <= MAX_SECONDS[self.operation] and self.memory <= MAX_MEMORY


def warm_up() -> None:
    """Load what the processes that are forked from this one need."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 90, 9)).save(out, "PNG")
    for work in OPERATIONS.values():
        work(out.getvalue())


def measure(raw: bytes, operation: str) -> Cost:
    """Run one operation on one file, in a child of this process."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(reader)
        _child(raw, operation, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, status, used = os.wait4(pid, 0)
    if text:
        seconds, memory, end = json.loads(text)
        return Cost(operation, seconds, memory, end)
    end = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
    return Cost(operation, used.ru_utime + used.ru_stime, used.ru_maxrss << 10, end)


def _child(raw: bytes, operation: str, writer: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (LEASH, LEASH))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        started = time.process_time()
        try:
            OPERATIONS[operation](raw)
            end = "ok"
        except rmexif.RmexifError as error:
            end = error.code
        except BaseException as error:
            end = f"untyped {type(error).__name__}"
        values = (time.process_time() - started, peak_memory(), end)
        os.write(writer, json.dumps(values).encode())
    finally:
        os._exit(0)


def peak_memory() -> int:
    """Peak resident memory of this process, byte."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10
    return 0
