"""Reading and writing files, at the command line."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

from rmexif.io.atomic_write import OutputExists, atomic_write

__all__ = ["OutputExists", "beside", "read", "write"]

STDIO = "-"


def read(source: str, limit: int) -> bytes:
    """The bytes of a file, or of standard input for ``-``; one byte more than ``limit`` at the most.

    Raises:
        OSError: it cannot be read.
    """
    if source == STDIO:
        return sys.stdin.buffer.read(limit + 1)
    with Path(source).open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) and not stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read(limit + 1)


def beside(source: str, word: str, extension: str) -> str:
    """Where a result goes when nobody says: ``photo.jpg`` -> ``photo.scrubbed.jpg``."""
    path = Path(source)
    return str(path.with_name(f"{path.stem}.{word}{extension}"))


def write(target: str, data: bytes, force: bool = False) -> None:
    """Write a whole file or none (``rmexif.whole``).

    Args:
        target: path, or ``-`` for standard output.
        data: the whole content.
        force: replace what is there.

    Raises:
        OutputExists: the target exists and ``force`` was not given.
        OSError: it cannot be written.
    """
    if target == STDIO:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    atomic_write(Path(target), data, force)
