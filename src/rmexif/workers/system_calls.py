"""System calls that a worker may make once codecs and model are loaded, and their numbers on every architecture.

Measured with strace over every format and every public function; what is not here is refused. A number follows from
the table of the kernel: ``asm/unistd_64.h`` and ``asm-generic/unistd.h``.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ALLOWED", "CONDITIONAL", "MACHINES", "NO_SUCH_CALL", "UNIFIED", "Machine"]


@dataclass(frozen=True, slots=True)
class Machine:
    """One architecture."""

    audit: int  # audit.h: AUDIT_ARCH_...
    column: int  # of the tables below


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}

# Name: number on x86-64, number on AArch64. No call here takes a path or the id of another process.
ALLOWED: dict[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "readv": (19, 65),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "recvfrom": (45, 207),  # of the one channel to the parent: no other socket can be made
    "exit": (60, 93),
    "uname": (63, 160),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "getppid": (110, 173),
    "sigaltstack": (131, 132),
    "getpriority": (140, 141),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "gettid": (186, 178),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "set_robust_list": (273, 99),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "rseq": (334, 293),
}
# Allowed with certain arguments only; ``seccomp`` says which.
CONDITIONAL: dict[str, tuple[int, int]] = {
    "sendto": (44, 206),
    "clone": (56, 220),
    "kill": (62, 129),
    "fcntl": (72, 25),
    "prctl": (157, 167),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
}
# From here on a number is the same everywhere, and a C library tries a new call before the old one that it knows:
# "no such call" makes it take the old one. clone3 (435) is among them: a filter cannot see its flags.
UNIFIED = 424
NO_SUCH_CALL = 38  # ENOSYS
