"""What an attacker would do who runs code in a worker: as detectors, because those are code that a policy brings along.

The width of a picture names the deed. What became of it comes back as the label of a detection: a worker has no other
way to say anything.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmexif import Box, Detection

FIRST_WIDTH = 96  # px: wider than what a worker warms up with
LIBC = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: Any) -> int:
    """A system call by its number; OSError where it fails."""
    answer = LIBC.syscall(number, *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(answer)


def signal_by_descriptor() -> None:
    """Have the kernel signal the parent when the channel becomes readable (fcntl(2), F_SETOWN)."""
    import fcntl

    fcntl.fcntl(channel_end().fileno(), fcntl.F_SETOWN, os.getppid())


def channel_end() -> socket.socket:
    """This process's end of the channel, found where the loop keeps it."""
    return loop_values()["parent"]


def loop_values() -> dict[str, Any]:
    """The variables of the function that takes and answers requests, on whichever thread it runs."""
    for frame in sys._current_frames().values():
        at: Any = frame
        while at is not None:
            if {"request", "parent", "task"} <= at.f_locals.keys():
                return at.f_locals
            at = at.f_back
    raise LookupError("no thread has the loop on its stack")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def read_all(*places: str) -> str:
    """The first of these that can be read."""
    last: OSError | None = None
    for place in places:
        try:
            return Path(place).read_text(errors="replace")
        except OSError as error:
            last = error
    assert last is not None
    raise last


def deeds(folder: str) -> dict[str, Callable[[], object]]:
    """Everything that must fail. ``folder`` holds a file called secret."""
    there, parent = f"{folder}/secret", os.getppid()
    pid = ctypes.c_int(parent)
    return {
        "write a file": lambda: open(f"{folder}/new", "w"),
        "append to a file": lambda: open(there, "a"),
        "truncate a file": lambda: os.truncate(there, 0),
        "make an unnamed file": lambda: os.open(folder, os.O_TMPFILE | os.O_WRONLY),
        "make a file in memory": lambda: os.memfd_create("x"),
        "remove a file": lambda: os.remove(there),
        "rename a file": lambda: os.rename(there, f"{folder}/new"),
        "make a folder": lambda: os.mkdir(f"{folder}/new"),
        "link a file": lambda: os.link(there, f"{folder}/new"),
        "change a mode": lambda: os.chmod(there, 0),
        "make a pipe": lambda: os.mkfifo(f"{folder}/new"),
        "read a secret": lambda: read_all(there),
        "read the passwords": lambda: read_all("/etc/shadow", "/etc/passwd"),
        "read the parent's environment": lambda: read_all(f"/proc/{parent}/environ"),
        "read the parent's memory": lambda: open(f"/proc/{parent}/mem", "rb"),
        "read the parent's command line": lambda: read_all(f"/proc/{parent}/cmdline"),
        "read its own environment": lambda: read_all("/proc/self/environ"),
        "list a folder": lambda: os.listdir(folder),
        "list processes": lambda: os.listdir("/proc"),
        "see whether a file exists": lambda: os.stat(there),
        "follow a link": lambda: os.readlink(f"/proc/{parent}/exe"),
        "open an internet socket": lambda: socket.create_connection(("127.0.0.1", 9)),
        "open a local socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
        "send to an address": lambda: channel_end().sendto(b"x", "\0somebody"),
        "pass a descriptor": lambda: socket.send_fds(channel_end(), [b"x"], [0]),
        "start a program": lambda: subprocess.run(["true"], check=True),
        "replace itself": lambda: os.execv("/bin/true", ["true"]),
        "fork": fork,
        "signal the parent": lambda: os.kill(parent, signal.SIGTERM),
        "signal a group": lambda: os.killpg(0, signal.SIGCONT),
        "signal everybody": lambda: os.kill(-1, 0),
        "signal a thread of the parent": lambda: signal.pidfd_send_signal(os.pidfd_open(parent), signal.SIGTERM),
        "signal by a descriptor": signal_by_descriptor,
        "limit the parent": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (0, 0)),
        "read the parent's limits": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE),
        "raise its own limit": lambda: call(
            302 if os.uname().machine == "x86_64" else 261, 0, 7, struct.pack("QQ", 1, 1), None
        ),
        "slow the parent": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "pin the parent": lambda: os.sched_setaffinity(parent, {0}),
        "schedule the parent": lambda: os.sched_setscheduler(parent, os.SCHED_BATCH, os.sched_param(0)),
        "trace the parent": lambda: call(101 if os.uname().machine == "x86_64" else 117, 16, pid, None, None),
        "write to the parent's memory": lambda: call(
            311 if os.uname().machine == "x86_64" else 271, pid, None, 0, None, 0, 0
        ),
        "get a descriptor of the parent": lambda: os.pidfd_open(parent),
        "set up io_uring": lambda: call(425, 8, ctypes.create_string_buffer(120)),
        "call a number of tomorrow": lambda: call(999),
        "load a program into the kernel": lambda: call(321 if os.uname().machine == "x86_64" else 280, 0, None, 0),
        "make a name space": lambda: LIBC.unshare(0x10000000) and failed(),
    }


def failed() -> None:
    """Raise what the last call of the C library failed with."""
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@dataclass(frozen=True)
class Intruder:
    """Does one deed per picture, in a thread of its own: threads are held too."""

    folder: str

    def detect(self, rgb: Any) -> list[Detection]:
        """Answer what became of it."""
        number = rgb.shape[1] - FIRST_WIDTH
        if not 0 <= number < len(listed := list(deeds(self.folder).items())):
            return []
        name, deed = listed[number]
        found = ["nothing was tried"]

        def attempt() -> None:
            try:
                deed()
                found[0] = f"{name}: done"
            except OSError as error:
                found[0] = f"{name}: {error.strerror}"
            except BaseException as error:
                found[0] = f"{name}: {type(error).__name__}"

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        return [Detection(Box(0, 0, 8, 8), 1.0, found[0])]


@dataclass(frozen=True)
class Observer:
    """Says what a worker knows of its surroundings."""

    def detect(self, rgb: Any) -> list[Detection]:
        """Environment and limits, as labels."""
        print("spoken to standard output")
        os.write(2, b"spoken to standard error")
        facts = {
            "environment": sorted(os.environ),
            "files": resource.getrlimit(resource.RLIMIT_FSIZE),
            "open": resource.getrlimit(resource.RLIMIT_NOFILE),
            "core": resource.getrlimit(resource.RLIMIT_CORE),
            "cpu": resource.getrlimit(resource.RLIMIT_CPU),
            "threads": resource.getrlimit(resource.RLIMIT_NPROC),
            "dumpable": LIBC.prctl(3),
        }
        return [Detection(Box(0, 0, 8, 8), 1.0, f"{name}={value!r}") for name, value in facts.items()]


class Detonator:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


@dataclass(frozen=True)
class Forger:
    """Answers a request itself, with a frame by hand, and so that the honest answer comes too late."""

    mark: str

    def detect(self, rgb: Any) -> list[Detection]:
        """Write the forgery that the picture's width names."""
        number = rgb.shape[1] - FIRST_WIDTH
        if 0 <= number < len(FORGERIES):
            values = loop_values()
            list(FORGERIES.values())[number](values["parent"], values["request"], bytes(values["raw"]), self.mark)
        return []


def frame(
    request: bytes, text: bytes, data: bytes = b"", text_length: int | None = None, data_length: int | None = None
) -> bytes:
    """A reply by hand, whose lengths may lie."""
    lengths = (len(text) if text_length is None else text_length, len(data) if data_length is None else data_length)
    return struct.pack(">16sQQ", request, *lengths) + text + data


def _honest(raw: bytes) -> tuple[bytes, dict[str, Any]]:
    from rmexif import Policy, scrub

    data, report = scrub(raw, Policy(faces=False))
    return data, dict(report)


def _forged(change: Callable[[bytes, dict[str, Any], bytes], tuple[bytes, Any]]) -> Callable[..., None]:
    """An honest answer with one change, its hash made to fit."""

    def send(to: socket.socket, request: bytes, raw: bytes, mark: str) -> None:
        import hashlib
        import json

        data, report = change(*_honest(raw), raw)
        if isinstance(report, dict) and report.pop("fit", True):
            report |= {"new_hash": hashlib.sha256(data).hexdigest(), "new_size": len(data)}
        to.sendall(frame(request, json.dumps({"report": report}).encode(), data))

    return send


def _raw(make: Callable[[bytes, str], bytes]) -> Callable[..., None]:
    return lambda to, request, raw, mark: to.sendall(make(request, mark))


def _as_bmp(raw: bytes) -> bytes:
    from rmexif import Policy, scrub

    return scrub(raw, Policy(faces=False, output="bmp"))[0]


FORGERIES: dict[str, Callable[..., None]] = {
    "a pickle for JSON": _raw(lambda request, mark: frame(request, pickle.dumps(Detonator(mark)))),
    "a pickle in a report": _raw(
        lambda request, mark: frame(
            request, b'{"report": "%s"}' % pickle.dumps(Detonator(mark), 0).replace(b"\n", b"\\n")
        )
    ),
    "bytes without a frame": _raw(lambda request, mark: b"\xff" * 4096),
    "a pickle without a frame": _raw(lambda request, mark: pickle.dumps(Detonator(mark)) * 40),
    "another request": _raw(lambda request, mark: frame(bytes(16), b"{}")),
    "a report too long": _raw(lambda request, mark: frame(request, b"", text_length=1 << 62)),
    "an image too long": _raw(lambda request, mark: frame(request, b"{}", data_length=1 << 62)),
    "nested lists": _raw(lambda request, mark: frame(request, b"[" * 500_000)),
    "a number too long": _raw(lambda request, mark: frame(request, b'{"report": 1' + b"0" * 5000 + b"}")),
    "no report": _raw(lambda request, mark: frame(request, b"{}")),
    "an error of no class": _raw(
        lambda request, mark: frame(request, b'{"error": {"code": "os.system", "message": "", "fields": {}}}')
    ),
    "an error that changes its class": _raw(
        lambda request, mark: frame(
            request, b'{"error": {"code": "input_error", "message": "", "fields": {"status_hint": 200}}}'
        )
    ),
    "an error with an object": _raw(
        lambda request, mark: frame(request, b'{"error": {"code": "input_error", "message": "", "fields": {"a": []}}}')
    ),
    "the input": _forged(lambda data, report, raw: (raw, report)),
    "no image": _forged(lambda data, report, raw: (b"hello", report)),
    "nothing": _forged(lambda data, report, raw: (b"", report)),
    "a trailer": _forged(lambda data, report, raw: (data + b"secret", report)),
    "a comment": _forged(lambda data, report, raw: (_with_text(data), report)),
    "another format": _forged(lambda data, report, raw: (_as_bmp(data), report | {"output_format": "bmp"})),
    "another picture's hash": _forged(lambda data, report, raw: (data, report | {"new_hash": "0" * 64, "fit": False})),
    "another input's hash": _forged(lambda data, report, raw: (data, report | {"original_hash": "0" * 64})),
    "another mode": _forged(lambda data, report, raw: (data, report | {"mode": "strip"})),
    "a size that is none": _forged(lambda data, report, raw: (data, report | {"width": 10**12})),
    "a width that is not the image's": _forged(lambda data, report, raw: (data, report | {"output_width": 1})),
    "a text for a number": _forged(lambda data, report, raw: (data, report | {"width": "96"})),
    "a number that is none": _forged(lambda data, report, raw: (data, report | {"processing_time_ms": float("nan")})),
    "a field too many": _forged(lambda data, report, raw: (data, report | {"extra": 1})),
    "a field too few": _forged(lambda data, report, raw: (data, {k: v for k, v in report.items() if k != "findings"})),
    "a face outside": _forged(
        lambda data, report, raw: (
            data,
            report | {"faces": [{"box": [0, 0, 9999, 9], "confidence": 1.0, "region": [0, 0, 9, 9], "label": "face"}]},
        )
    ),
    "a line in a label": _forged(lambda data, report, raw: (data, report | {"style": "blur\r\nX-Header: 1"})),
    "a residual of its own": _forged(
        lambda data, report, raw: (
            data,
            report | {"residuals": [{"code": "pixels", "text": "visit us", "bounded": False, "bytes": None}]},
        )
    ),
    "a list for a report": _forged(lambda data, report, raw: (data, [report])),
}


def _with_text(data: bytes) -> bytes:
    """A PNG with a text chunk behind its first one."""
    import zlib

    body = b"tEXtComment\0secret"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]
