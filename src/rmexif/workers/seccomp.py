"""The system call filter of a worker (seccomp(2)): what ``system_calls`` lists is allowed, all else is refused."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

from rmexif.workers.system_calls import ALLOWED, CONDITIONAL, MACHINES, NO_SUCH_CALL, UNIFIED, Machine

__all__ = ["install"]

CALLS = {"x86_64": 317, "aarch64": 277}  # seccomp itself
SET_MODE_FILTER, ALL_THREADS = 1, 1  # seccomp.h: SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000  # seccomp.h: SECCOMP_RET_...
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # bpf_common.h: word at k, jumps, answer
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; an argument is two words, low word first
X32 = 0x40000000  # the same calls under other numbers

CLONE_THREAD = 0x10000
# sched.h: VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID, and DETACHED of musl.
THREAD_FLAGS = 0x7D0F00
FCNTL = (0, 1, 2, 3, 1030)  # F_DUPFD F_GETFD F_SETFD F_GETFL F_DUPFD_CLOEXEC; F_SETOWN would aim signals at others
PRCTL = (3, 15, 0x53564D41)  # PR_GET_DUMPABLE PR_SET_NAME PR_SET_VMA: threads and heaps get names


def install() -> bool:
    """Install the filter in all threads; the process must have given up new privileges before.

    Returns:
        Whether it holds: not on an architecture without a column in ``system_calls``, or where the kernel has no
        filters.
    """
    name = platform.machine()
    machine = MACHINES.get(name)
    if sys.platform != "linux" or machine is None or sys.byteorder != "little":
        return False
    code = _program(machine, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(CALLS[name], SET_MODE_FILTER, ALL_THREADS, program)) == 0


def _program(machine: Machine, pid: int) -> bytes:
    """The filter: struct sock_filter by struct sock_filter, over struct seccomp_data."""
    lines = [_op(LOAD, ARCHITECTURE), _op(EQUAL, machine.audit, 1, 0), _op(RETURN, KILL), _op(LOAD, NUMBER)]
    if machine.column == 0:
        lines += [_op(AT_LEAST, X32, 0, 1), _op(RETURN, KILL)]
    for numbers in ALLOWED.values():
        lines += [_op(EQUAL, numbers[machine.column], 0, 1), _op(RETURN, ALLOW)]
    conditions = _conditions(pid)
    for name, numbers in CONDITIONAL.items():
        body = [*conditions[name], _op(RETURN, ERROR | errno.EPERM)]
        lines += [_op(EQUAL, numbers[machine.column], 0, len(body)), *body]
    lines += [_op(AT_LEAST, UNIFIED, 0, 1), _op(RETURN, ERROR | NO_SUCH_CALL), _op(RETURN, ERROR | errno.EPERM)]
    return b"".join(lines)


def _conditions(pid: int) -> dict[str, list[bytes]]:
    """What allows a call of ``CONDITIONAL``; whatever comes to its end is refused."""
    itself = [_word(0), _op(EQUAL, pid, 0, 1), _op(RETURN, ALLOW)]
    return {
        "sendto": [_word(4), _op(EQUAL, 0, 0, 3), _word(4, high=True), _op(EQUAL, 0, 0, 1), _op(RETURN, ALLOW)],
        "clone": [
            *(_word(0), _op(ANY_BIT, CLONE_THREAD, 0, 2), _op(ANY_BIT, 0xFFFFFFFF & ~THREAD_FLAGS, 1, 0)),
            _op(RETURN, ALLOW),
        ],
        "kill": itself,
        "tgkill": itself,
        "fcntl": _one_of(1, FCNTL),
        "prctl": _one_of(0, PRCTL),
        "prlimit64": [  # to ask for limits of its own, as the C library does when it makes a thread; not to set any
            *(_word(0), _op(EQUAL, 0, 0, 5)),
            *(_word(2), _op(EQUAL, 0, 0, 3), _word(2, high=True), _op(EQUAL, 0, 0, 1)),
            _op(RETURN, ALLOW),
        ],
    }


def _one_of(argument: int, values: tuple[int, ...]) -> list[bytes]:
    lines = [_word(argument)]
    for value in values:
        lines += [_op(EQUAL, value, 0, 1), _op(RETURN, ALLOW)]
    return lines


def _word(argument: int, *, high: bool = False) -> bytes:
    return _op(LOAD, ARGUMENTS + 8 * argument + 4 * high)


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
