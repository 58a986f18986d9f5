"""Makes this process see a system that is not Linux: what only Linux has is taken away, then the command line runs.

    python -m tests.elsewhere darwin strip in.jpg -o out.jpg

Libraries are imported before, because they look for what is really there; the package is imported after.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
from typing import Any

LINUX_ONLY = (
    *("O_TMPFILE", "O_PATH", "fork", "forkpty", "sched_getaffinity", "sched_setaffinity", "pidfd_open", "memfd_create"),
    *("O_DIRECTORY", "prctl", "eventfd", "splice", "sendfile"),
)
POSIX_ONLY = ("getuid", "geteuid", "getgid", "getppid", "getpgid", "killpg", "setsid", "getloadavg", "fchmod", "chown")


def be(system: str) -> None:
    """Take away what ``system`` ("darwin" or "win32") does not have."""
    import asyncio  # noqa: F401
    import importlib.util
    import subprocess  # noqa: F401
    import urllib.request  # noqa: F401

    for name in (
        "click",
        "click._termui_impl",
        "numpy",
        "PIL.Image",
        "cv2",
        "onnxruntime",
        "pillow_heif",
        "pillow_jxl",
        "brotli",
    ):
        __import__(name)
    if importlib.util.find_spec("uvicorn"):
        __import__("uvicorn.main")
    assert not any(name.partition(".")[0] == "rmexif" for name in sys.modules)
    for name in (*LINUX_ONLY, *(POSIX_ONLY if system == "win32" else ())):
        if hasattr(os, name):
            delattr(os, name)
    for name in [name for name in vars(mmap) if name.startswith("MADV_")]:
        delattr(mmap, name)
    sys.modules["resource"] = None  # type: ignore[assignment]
    sys.modules["fcntl"] = None  # type: ignore[assignment]
    sys.platform = system
    platform.system = lambda: {"darwin": "Darwin", "win32": "Windows"}[system]
    platform.machine = lambda: {"darwin": "arm64", "win32": "AMD64"}[system]
    open_library = ctypes.CDLL.__init__

    def open_no_self(self: Any, name: Any, *arguments: Any, **options: Any) -> None:
        if name is None:
            raise TypeError("LoadLibrary() argument 1 must be str, not None")
        open_library(self, name, *arguments, **options)

    ctypes.CDLL.__init__ = open_no_self  # type: ignore[method-assign]
    sys.addaudithook(_no_proc)


def _no_proc(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(("/proc", "/sys/")):
        raise FileNotFoundError(2, "No such file or directory")


if __name__ == "__main__":
    be(sys.argv.pop(1))
    from rmexif.cli import main

    main()
