"""What a worker gives up before its first image: the network, writing, other programs, core dumps.

Linux only, by system calls through ctypes: Landlock (landlock(7)) first, while the process has one thread, because it
binds the calling thread and what that starts; seccomp (seccomp(2)) last, over all threads, when codecs and model are
loaded. What may be read stays readable: the fonts, profiles and libraries of a system are no secret of the picture.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from dataclasses import dataclass

__all__ = ["Sandbox", "disable_core_dumps", "enter", "install_seccomp", "lock_memory", "restrict_filesystem"]

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38  # prctl.h
MCL_CURRENT, MCL_FUTURE = 1, 2  # mman.h
LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446  # the same number on every architecture
# landlock.h: everything but READ_FILE (bit 2) and READ_DIR (bit 3); how many bits a version of the interface knows.
ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
READING = 0b1100
NETWORK_BITS = 0b11  # bind and connect over TCP, version 4
SCOPE_BITS = 0b11  # abstract sockets and signals, version 6

ALLOW, EPERM_, ENOSYS_ = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS  # seccomp.h
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # bpf_common.h: word at k, jumps, answer
CLONE_THREAD = 0x10000
WRITING = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o20000000  # O_WRONLY O_RDWR O_CREAT O_TRUNC O_APPEND O_TMPFILE's own bit


@dataclass(frozen=True, slots=True)
class _Machine:
    """System call numbers of one architecture."""

    audit: int  # audit.h: AUDIT_ARCH_...
    seccomp: int
    clone: int
    opens: tuple[tuple[int, int], ...]  # call, and which argument holds its flags
    denied: tuple[int, ...]


# Newer calls have one number everywhere: io_uring 425-427 would go past any filter; openat2 and clone3 keep their flags
# in memory, which a filter cannot read; answering "no such call" makes libc take the older ones.
_EVERYWHERE = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 442, 452)
_FLAGS_IN_MEMORY = (437, 435)

_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        317,
        56,
        ((2, 1), (257, 2)),
        (
            *(41, 42, 43, 49, 50, 53, 288),  # socket connect accept bind listen socketpair accept4
            *(57, 58, 59, 322),  # fork vfork execve execveat
            *(62, 200, 234, 101, 310, 311, 297, 129),  # kill tkill tgkill ptrace process_vm_* rt_sigqueueinfo ...
            *(76, 82, 83, 84, 85, 86, 87, 88, 133),  # truncate rename mkdir rmdir creat link unlink symlink mknod
            *(90, 91, 92, 93, 94, 260, 268),  # chmod and chown
            *(258, 259, 263, 264, 265, 266, 316),  # mkdirat mknodat unlinkat renameat linkat symlinkat renameat2
            *(132, 235, 261, 280, 188, 189, 190, 197, 198, 199),  # times, extended attributes
            *(161, 155, 165, 166, 272, 308, 321, 298, 323, 250, 248, 249, 319),  # chroot mount unshare bpf keys memfd
            *(29, 30, 64, 68, 240),  # System V and POSIX queues and shared memory
        ),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        277,
        220,
        ((56, 2),),
        (
            *(198, 199, 200, 201, 202, 203, 242),  # socket socketpair bind listen accept connect accept4
            *(221, 281),  # execve execveat
            *(129, 130, 131, 117, 270, 271, 138, 240),  # kill tkill tgkill ptrace process_vm_* rt_*sigqueueinfo
            *(33, 34, 35, 36, 37, 38, 45, 276),  # mknodat mkdirat unlinkat symlinkat linkat renameat truncate renameat2
            *(52, 53, 54, 55, 88, 5, 6, 7, 14, 15, 16),  # chmod chown times extended attributes
            *(51, 41, 40, 39, 97, 268, 280, 241, 282, 217, 218, 219, 279),  # chroot mount unshare bpf keys memfd
            *(180, 186, 190, 194, 196),  # queues and shared memory
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What holds in a worker."""

    no_new_privileges: bool = False
    no_dumps: bool = False
    landlock: int = 0  # version of the kernel's interface; 0: not there
    seccomp: bool = False

    @property
    def is_enforced(self) -> bool:
        """Whether writing, connecting and spawning are all refused; Landlock is a second wall behind seccomp."""
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


def restrict_filesystem() -> int:
    """Deny every change to every file system, and TCP, to this thread and what it starts, by Landlock.

    Returns:
        The version of the kernel's interface; 0 where it has none.
    """
    if sys.platform != "linux":
        return 0
    libc = _libc()
    version = int(libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1))
    if version < 1 or not _prctl(PR_SET_NO_NEW_PRIVS, 1):
        return 0
    handled = struct.pack("=Q", ((1 << ACCESS_BITS.get(version, 16)) - 1) & ~READING)
    if version >= 4:
        handled += struct.pack("=Q", NETWORK_BITS)
    if version >= 6:
        handled += struct.pack("=Q", SCOPE_BITS)
    rules = int(libc.syscall(LANDLOCK_CREATE, handled, ctypes.c_size_t(len(handled)), 0))
    if rules < 0:
        return 0
    import os

    try:
        return version if libc.syscall(LANDLOCK_RESTRICT, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def enter(landlock: int = 0) -> Sandbox:
    """Deny core dumps, network, writing and other programs to every thread of this process, for good.

    Args:
        landlock: what ``restrict_filesystem`` answered when the process still had one thread.

    Returns:
        What holds; it never fails, so the caller decides whether that is enough.
    """
    if sys.platform != "linux":
        return Sandbox()
    no_dumps = disable_core_dumps()
    no_new_privileges = _prctl(PR_SET_NO_NEW_PRIVS, 1)
    return Sandbox(no_new_privileges, no_dumps, landlock, no_new_privileges and install_seccomp())


def install_seccomp() -> bool:
    """Install the system call filter in all threads; the process must have given up new privileges before.

    Returns:
        Whether it holds: not on an architecture without a row in ``_MACHINES``, or where the kernel has no filters.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.byteorder != "little":
        return False
    code = _program(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    # operation 1: SECCOMP_SET_MODE_FILTER; flag 1: SECCOMP_FILTER_FLAG_TSYNC, all threads
    return int(_libc().syscall(machine.seccomp, 1, 1, program)) == 0


def _program(machine: _Machine) -> bytes:
    """The filter: struct sock_filter by struct sock_filter, over struct seccomp_data."""
    arch_check = [_op(LOAD, 4), _op(EQUAL, machine.audit, 1, 0), _op(RETURN, EPERM_), _op(LOAD, 0)]
    if machine.audit == 0xC000003E:
        arch_check += [_op(AT_LEAST, 0x40000000, 0, 1), _op(RETURN, EPERM_)]  # x32: the same calls under other numbers
    rules = []
    for number, argument in machine.opens:
        rules += _when(number, [_op(LOAD, 16 + 8 * argument), _op(ANY_BIT, WRITING, 0, 1), _op(RETURN, EPERM_)])
    rules += _when(machine.clone, [_op(LOAD, 16), _op(ANY_BIT, CLONE_THREAD, 1, 0), _op(RETURN, EPERM_)])
    for number in (*machine.denied, *_EVERYWHERE):
        rules += [_op(EQUAL, number, 0, 1), _op(RETURN, EPERM_)]
    for number in _FLAGS_IN_MEMORY:
        rules += [_op(EQUAL, number, 0, 1), _op(RETURN, ENOSYS_)]
    return b"".join([*arch_check, *rules, _op(RETURN, ALLOW)])


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """``body`` and then permission, if the call has this number."""
    return [_op(EQUAL, number, 0, len(body) + 1), *body, _op(RETURN, ALLOW)]


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _prctl(option: int, value: int) -> bool:
    return int(_libc().prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3)) == 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
