"""Atomic writes: a file appears completely or not at all, and leaves no temporary name behind."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

__all__ = ["OutputExists", "atomic_write"]


class OutputExists(FileExistsError):
    """The output exists, and ``force`` was not given."""


def atomic_write(path: Path, data: bytes, force: bool = False) -> None:
    """Write a file completely or not at all.

    The bytes go into an unnamed file, which is then linked into place: a crash leaves no half file and no temporary
    name behind. Where the system knows no unnamed files, a name beside the target is used and removed again.

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
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return None  # this file system has no unnamed files
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
            return
        try:
            os.link(name, path)
        except FileExistsError as error:
            raise OutputExists(errno.EEXIST, "the output exists; --force replaces it") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            name.unlink()


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
