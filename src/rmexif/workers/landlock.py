"""The file systems and the network of a worker, by Landlock (landlock(7)): nothing is changed, and little is read.

It binds the calling thread and what that starts, so it comes first, while the process has one thread; the libraries
and the model are read behind it. The filter of ``seccomp`` comes after them, and lets no file be opened at all.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["library_places", "restrict"]

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the same number on every architecture
ASK_VERSION, PATH_BENEATH = 1, 1
# landlock.h: how many rights a version of the interface knows.
ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
READ_FILE, READ_FOLDER = 0b0100, 0b1000
NETWORK_BITS = 0b11  # bind and connect over TCP, version 4
SCOPE_BITS = 0b11  # abstract sockets and signals, version 6
# Libraries of the system and what they ask about the processor; no other user's, and nothing of a process.
SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/sys/devices/system", "/proc/cpuinfo", "/proc/meminfo", "/dev/null", "/dev/urandom"),
)
LIBRARIES = ("numpy", "PIL", "cv2", "onnxruntime", "encodings")  # what a folder of modules is known by


def restrict(readable: Iterable[str] | None) -> int:
    """Deny every change to every file system, TCP, and reading beside ``readable``, to this thread and what it starts.

    Args:
        readable: files and folders that may be read; None leaves reading as it is.

    Returns:
        The version of the kernel's interface; 0 where it has none. The process must have given up new privileges.
    """
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    version = int(libc.syscall(CREATE, None, ctypes.c_size_t(0), ASK_VERSION))
    if version < 1:
        return 0
    reading = READ_FILE | READ_FOLDER
    handled = struct.pack("=Q", ((1 << ACCESS_BITS.get(version, 16)) - 1) & ~(reading if readable is None else 0))
    if version >= 4:
        handled += struct.pack("=Q", NETWORK_BITS)
    if version >= 6:
        handled += struct.pack("=Q", SCOPE_BITS)
    rules = int(libc.syscall(CREATE, handled, ctypes.c_size_t(len(handled)), 0))
    if rules < 0:
        return 0
    try:
        for place in readable or ():
            with suppress(OSError):  # it is not there, so nothing can be read there
                _allow(libc, rules, place)
        return version if libc.syscall(RESTRICT, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def library_places(path: Iterable[str]) -> list[str]:
    """What the interpreter and the libraries are read from.

    Args:
        path: of the interpreter's modules (``sys.path``); of its folders those that libraries are installed in, and
            no home directory or one that has it inside. Of the folder of this package the package alone is read.
    """
    home = Path.home()
    modules = [place for place in map(Path, path) if _has_libraries(place) and place not in (home, *home.parents)]
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    prefixes = [place for place in prefixes if Path(place) != Path("/")]
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    own = str(Path(__file__).parents[1])
    return [*SYSTEM, *prefixes, *filter(None, libraries), *map(str, modules), own]


def _has_libraries(place: Path) -> bool:
    return place.is_absolute() and any((place / name).exists() for name in LIBRARIES)


def _allow(libc: ctypes.CDLL, rules: int, place: str) -> None:
    handle = os.open(place, os.O_PATH)
    try:
        rights = READ_FILE | READ_FOLDER if Path(place).is_dir() else READ_FILE
        libc.syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)
