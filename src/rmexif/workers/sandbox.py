"""What a worker gives up before its first image: files, the network, other programs and processes, core dumps.

Linux only, by system calls through ctypes; elsewhere there is none, and the report says so. In this order: Landlock
and capabilities while the process has one thread, then codecs and model are loaded, then limits and the system call
filter, over all threads.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rmexif.workers import seccomp

__all__ = [
    "Sandbox",
    "die_with_parent",
    "disable_core_dumps",
    "drop_capabilities",
    "enter",
    "give_up_privileges",
    "lock_memory",
    "thread_limit",
]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38  # prctl.h
MCL_CURRENT, MCL_FUTURE = 1, 2  # mman.h
SIGKILL = 9
CAPABILITY_CALLS = {"x86_64": (125, 126), "aarch64": (90, 91)}  # capget, capset
KEPT_CAPABILITIES = 1 << 1 | 1 << 2 | 1 << 14  # capability.h: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_IPC_LOCK
CAPABILITIES_3 = 0x20080522  # capability.h: _LINUX_CAPABILITY_VERSION_3
CPU_SECONDS = 3600  # of one process: one that was taken over burns no more; the pool replaces an honest one in time
OPEN_FILES = 64
SPARE_THREADS = 4096  # beside all that run already: RLIMIT_NPROC counts what the user has, not the process


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What holds in a worker."""

    no_new_privileges: bool = False
    no_dumps: bool = False
    landlock: int = 0  # version of the kernel's interface; 0: not there
    seccomp: bool = False

    @property
    def is_enforced(self) -> bool:
        """Whether files, connections and other processes are all refused; Landlock is a second wall behind seccomp."""
        return self.seccomp

    def as_dict(self) -> dict[str, bool | int]:
        """Plain JSON-ready form."""
        return {name: getattr(self, name) for name in ("no_new_privileges", "no_dumps", "landlock", "seccomp")}


def disable_core_dumps() -> bool:
    """No core file, no debugger of the same user: the memory that held originals is written nowhere."""
    if sys.platform != "linux":
        return False
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _prctl(PR_SET_DUMPABLE, 0)


def lock_memory() -> bool:
    """Keep all memory of this process, now and later, out of the swap: what held an original never lies on a disk.

    Returns:
        Whether it holds; a process needs the right to lock that much (``ulimit -l``).
    """
    return sys.platform == "linux" and int(_libc().mlockall(MCL_CURRENT | MCL_FUTURE)) == 0


def die_with_parent() -> None:
    """Have the kernel end this process when the thread that started it ends."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, SIGKILL)


def give_up_privileges() -> bool:
    """No program that this process could start gains rights; Landlock and seccomp ask for that first."""
    return sys.platform == "linux" and _prctl(PR_SET_NO_NEW_PRIVS, 1)


def thread_limit() -> int | None:
    """How many threads the user may have at once, as RLIMIT_NPROC; None where the number that run is not known."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/loadavg").read_text("ascii").split()[3].partition("/")[2]) + SPARE_THREADS
    return None


def enter(landlock: int = 0, threads: int | None = None) -> Sandbox:
    """Deny files, network, other programs and processes, and core dumps to every thread of this process, for good.

    Args:
        landlock: what ``landlock.restrict`` answered when the process still had one thread.
        threads: what ``thread_limit`` answered then.

    Returns:
        What holds; it never fails, so the caller decides whether that is enough.
    """
    if sys.platform != "linux":
        return Sandbox()
    no_dumps = disable_core_dumps()
    no_new_privileges = give_up_privileges()
    _limit_resources(threads)
    return Sandbox(no_new_privileges, no_dumps, landlock, no_new_privileges and seccomp.install())


def _limit_resources(threads: int | None) -> None:
    """Bound what a process that was taken over could take from others (setrlimit(2))."""
    import resource

    limits = {
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NPROC: threads,
    }
    for limit, most in limits.items():
        if most is None:
            continue
        hard = resource.getrlimit(limit)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (least, least))


def drop_capabilities() -> None:
    """Be no more than any user, in a container that runs as root too (capset(2)).

    Rights to read libraries and to lock memory stay. They belong to a thread, so this comes while there is one.
    """
    numbers = CAPABILITY_CALLS.get(platform.machine()) if sys.platform == "linux" else None
    if numbers is None:
        return
    get, put = numbers
    header, held = struct.pack("=Ii", CAPABILITIES_3, 0), ctypes.create_string_buffer(24)
    if _libc().syscall(get, header, held) == 0:
        effective, permitted, *_ = (word & KEPT_CAPABILITIES for word in struct.unpack("=6I", held.raw))
        _libc().syscall(put, header, struct.pack("=6I", effective, permitted, 0, 0, 0, 0))


def _prctl(option: int, value: int) -> bool:
    return int(_libc().prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)) == 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
