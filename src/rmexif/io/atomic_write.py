"""Atomic writes: a file appears completely or not at all, whenever the process ends; what it replaces stays."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import sys
from pathlib import Path

__all__ = ["OutputExists", "atomic_write"]

# What a file system answers that has no unnamed files, or no second names (FAT, exFAT, some network shares).
UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EMLINK})
RENAME_NOREPLACE = 1  # linux/fs.h
HERE = -100  # fcntl.h: AT_FDCWD


class OutputExists(FileExistsError):
    """The output exists, and ``force`` was not given."""


def atomic_write(path: Path, data: bytes, force: bool = False) -> None:
    """Write a file completely or not at all.

    The bytes go into an unnamed file, which is then linked into place: a crash leaves no half file and no temporary
    name behind. Where the system knows no unnamed files, a name beside the target is used and removed again; a process
    that is killed leaves that name, and nothing else.

    Args:
        path: where to; its folder exists.
        data: its content.
        force: replace what is there.

    Raises:
        OutputExists: the target exists and ``force`` was not given.
        OSError: it cannot be written.
    """
    if path.exists() and not force:
        raise OutputExists(errno.EEXIST, "the output exists; --force replaces it")
    handle = _unnamed(path.parent)
    if handle is None:
        _write_named(path, data, force)
        return
    try:
        _fill(handle, data)
        if not force:
            _link(handle, path)
            return
        name = _name(path.parent)
        _link(handle, name)
        _replace(name, path)
    finally:
        os.close(handle)


def _link(handle: int, path: Path) -> None:
    """Give an unnamed file a name; open(2) describes this use of linkat(2), which follows the link in /proc."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(f"/proc/self/fd/{handle}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError as error:
        raise OutputExists(errno.EEXIST, "the output exists; --force replaces it") from error
    finally:
        os.close(folder)


def _unnamed(folder: Path) -> int | None:
    flag = getattr(os, "O_TMPFILE", 0)
    if not flag or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, flag | os.O_WRONLY, 0o666)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return None
        raise


def _write_named(path: Path, data: bytes, force: bool) -> None:
    name = _name(path.parent)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        try:
            _fill(handle, data)
        finally:
            os.close(handle)
        if force:
            _replace(name, path)
        else:
            _move(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            name.unlink()


def _move(name: Path, path: Path) -> None:
    """Give a file its name unless something has it; by a second name where there are such, which never replaces."""
    try:
        if hasattr(os, "link"):
            os.link(name, path)
            return
    except FileExistsError as error:
        raise OutputExists(errno.EEXIST, "the output exists; --force replaces it") from error
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    try:
        _rename(name, path)
    except FileExistsError as error:
        raise OutputExists(errno.EEXIST, "the output exists; --force replaces it") from error


def _rename(name: Path, path: Path) -> None:
    """Rename a file to a name that nothing has: Windows refuses another one, Linux where it is asked to.

    Elsewhere the name is looked at first; what another process puts there in the same moment is replaced.

    Raises:
        FileExistsError: something has the name.
    """
    if sys.platform == "linux":
        rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if rename is not None:
            if rename(HERE, os.fsencode(name), HERE, os.fsencode(path), RENAME_NOREPLACE) == 0:
                return
            if (code := ctypes.get_errno()) not in UNSUPPORTED:
                raise OSError(code, os.strerror(code))
    if sys.platform != "win32" and path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    name.rename(path)


def _fill(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
    os.fsync(handle)


def _replace(name: Path, path: Path) -> None:
    try:
        name.replace(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            name.unlink()
        raise


def _name(folder: Path) -> Path:
    return folder / f".rmexif-{secrets.token_hex(8)}"
