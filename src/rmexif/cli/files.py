"""Reading and writing single files, at the command line."""

from __future__ import annotations

import errno
import os
import stat
import sys

from rmexif.cli.failure import CANNOT_CREATE, NO_INPUT, USAGE, Failure, printable
from rmexif.io.atomic_write import OutputExists, atomic_write

__all__ = ["OutputExists", "check_extension", "format_of", "load", "read", "store", "target_of", "write"]

STDIO = "-"


def read(source: str, limit: int, *, pipes: bool = True) -> bytes:
    """The bytes of a file, or of standard input for ``-``; one byte more than ``limit`` at the most.

    Args:
        source: path.
        limit: byte.
        pipes: whether a pipe is waited for; what was a file when its folder was read may have become one.

    Raises:
        OSError: it cannot be read.
    """
    if source == STDIO:
        return sys.stdin.buffer.read(limit + 1)
    with open(source, "rb", opener=None if pipes else _open_at_once) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode) and not (pipes and stat.S_ISFIFO(mode)):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read(limit + 1)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def write(target: str, data: bytes, force: bool = False) -> None:
    """Write a file completely or not at all.

    Args:
        target: path, or ``-`` for standard output.
        data: its content.
        force: replace what is there.

    Raises:
        OutputExists: the target exists and ``force`` was not given.
        OSError: it cannot be written.
    """
    if target == STDIO:
        if sys.stdout.isatty():
            raise OSError(errno.EINVAL, "it is a terminal; name a file with -o, or send it into a pipe")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    atomic_write(target, data, force)


def load(source: str, limit: int) -> bytes:
    """``read``, for a command.

    Raises:
        Failure: it cannot be read.
    """
    try:
        return read(source, limit)
    except OSError as error:
        raise Failure(f"{printable(source)}: cannot be read: {error.strerror}", NO_INPUT) from error


def store(target: str, data: bytes, force: bool) -> None:
    """``write``, for a command.

    Raises:
        Failure: it exists, or cannot be written.
    """
    try:
        write(target, data, force)
    except OutputExists as error:
        raise Failure(f"{printable(target)}: {error.strerror}", CANNOT_CREATE) from error
    except OSError as error:
        folder = os.path.dirname(target)
        is_missing = isinstance(error, FileNotFoundError) and folder and not os.path.isdir(folder)
        why = f"there is no folder {printable(folder)}; make it first" if is_missing else error.strerror
        place = "standard output" if target == STDIO else printable(target)
        raise Failure(f"{place}: cannot be written: {why}", CANNOT_CREATE) from error


def format_of(target: str | None) -> str | None:
    """The format that an output's extension asks for; None keeps the input's.

    Raises:
        Failure: the extension belongs to no format.
    """
    from rmexif.containers import FORMATS

    if target in (None, STDIO):
        return None
    extension = os.path.splitext(str(target))[1].lower()
    for row in FORMATS:
        if extension in row.format.extensions:
            return row.format.name
    known = " ".join(row.format.extensions[0] for row in FORMATS)
    raise Failure(f"{printable(target)}: the extension must be one of {known}, got {extension or 'none'}", USAGE)


def check_extension(target: str, format_name: str) -> None:
    """Refuse a name that says another format than the file has.

    Raises:
        Failure: the extension belongs to no format, or to another one.
    """
    from rmexif.containers import by_name

    extensions = by_name(format_name).format.extensions
    suffix = os.path.splitext(target)[1].lower()
    if target != STDIO and suffix and suffix not in extensions:
        why = f"strip leaves the format as it is; name it {extensions[0]}, or convert: rmexif scrub --no-faces"
        raise Failure(f"{printable(target)}: {why}", USAGE)


def target_of(source: str, output: str | None, word: str, format_name: str) -> str:
    """Where a result goes.

    Args:
        source: the input.
        output: what the user asked for.
        word: what stands in the name of a result beside its input: ``photo.jpg`` -> ``photo.scrubbed.jpg``.
        format_name: of the result.
    """
    from rmexif.containers import by_name

    if output is not None:
        return output
    if source == STDIO:
        return STDIO
    return f"{os.path.splitext(source)[0]}.{word}{by_name(format_name).format.extensions[0]}"
