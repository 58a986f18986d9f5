"""Atomic writes: a file appears completely or not at all, whenever the process ends; what it replaces stays."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import re
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Kept", "OutputExists", "atomic_write", "atomic_write_all", "replace_file"]

# What a file system answers that has no unnamed files, or no second names (FAT, exFAT, some network shares).
UNSUPPORTED = frozenset(
    getattr(errno, name) for name in ("EACCES", "EINVAL", "EISDIR", "EMLINK", "ENOSYS", "EOPNOTSUPP", "EPERM", "EXDEV")
)

RENAME_NOREPLACE = 1  # linux/fs.h
SYNCFS_REPORTS = (5, 8)  # syncfs(2): since this Linux it says that writing back has failed
HERE = -100  # fcntl.h: AT_FDCWD


class OutputExists(FileExistsError):
    """The output exists, and ``force`` was not given."""


def atomic_write(path: str | os.PathLike[str], data: bytes, force: bool = False) -> None:
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
    if os.path.exists(path) and not force:
        raise OutputExists(errno.EEXIST, "the output exists; --force replaces it")
    _write(os.fspath(path), data, force, None)


def atomic_write_all(files: Sequence[tuple[str, bytes]]) -> list[OSError | ValueError | None]:
    """Write files, each completely or not at all, and replace what is there; folders are made.

    Where the system knows unnamed files, all of them are written without a name, brought to the disk together, and then
    named: one flush of the device for all of them, where ``fsync`` takes one for each. When this returns, contents and
    names outlast a loss of power.

    Args:
        files: path and content of each.

    Returns:
        What is wrong with each, or None.
    """
    problems: list[OSError | ValueError | None] = [None] * len(files)
    unnamed: dict[int, int] = {}  # handles of files without a name, by index
    try:
        for index, (path, data) in enumerate(files):
            try:
                if (handle := _begin(path)) is None:
                    os.makedirs(_folder(path), exist_ok=True)
                    _write_named(path, data, force=True, like=None)
                else:
                    unnamed[index] = handle
                    _pour(handle, data)
            except (OSError, ValueError) as error:
                problems[index] = error
        written = {index: handle for index, handle in unnamed.items() if problems[index] is None}
        _sync_all(written, problems)
        for index in written:
            if problems[index] is None:
                problems[index] = _name(written[index], files[index])
        _sync_all({index: handle for index, handle in written.items() if problems[index] is None}, problems)
    finally:
        for handle in unnamed.values():
            os.close(handle)
    return problems


def _begin(path: str) -> int | None:
    """An unnamed file in the folder of a path, which is made; None where there are no such files."""
    try:
        return _unnamed(_folder(path))
    except FileNotFoundError:
        os.makedirs(_folder(path), exist_ok=True)
        return _unnamed(_folder(path))


def _name(handle: int, file: tuple[str, bytes]) -> OSError | ValueError | None:
    """Give a file that is on the disk its name; what is wrong, or None."""
    path, data = file
    try:
        try:
            _link(handle, path)
        except OutputExists:
            name = _beside(path)
            _link(handle, name)
            _replace(name, path)
    except ValueError as error:
        return error  # a NUL in the name
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            return error
        try:
            _write_named(path, data, force=True, like=None)
        except OSError as failure:
            return failure
    return None


def _sync_all(handles: dict[int, int], problems: list[OSError | ValueError | None]) -> None:
    """Bring open files to the disk, many of a file system in one call where there is one for that."""
    systems: dict[int, list[int]] = {}
    for index, handle in handles.items():
        systems.setdefault(os.fstat(handle).st_dev, []).append(index)
    for indexes in systems.values():
        if len(indexes) > 1 and _sync_file_system(handles[indexes[0]]):
            continue
        for index in indexes:  # each by itself says which of them is at fault
            try:
                os.fsync(handles[index])
            except OSError as error:
                problems[index] = error


@functools.cache
def _syncfs() -> Callable[[int], int] | None:
    """The call of the C library, where the kernel lets it say what went wrong."""
    if sys.platform != "linux":
        return None
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if release is None or (int(release[1]), int(release[2])) < SYNCFS_REPORTS:
        return None
    call: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return call


def _sync_file_system(handle: int) -> bool:
    """Bring the file system of an open file to the disk; False where the system cannot, or could not."""
    call = _syncfs()
    return call is not None and call(handle) == 0


class Kept(NamedTuple):
    """What of a file that was replaced could be kept, and what else there is to say."""

    owner: bool  # or its mode alone
    target: str  # the file itself, where the path was a symbolic link
    other_names: int  # hard links, which still lead to the original


def replace_file(path: str | os.PathLike[str], data: bytes, *, keep_times: bool = False) -> Kept:
    """Replace a file completely or not at all; its mode, and where allowed its owner, stay.

    A symbolic link is followed: it stays, and what it leads to is replaced.

    Args:
        path: the file.
        data: its new content.
        keep_times: keep the times of access and modification too.

    Raises:
        OSError: it cannot be read or written.
    """
    target = os.path.realpath(path, strict=True)
    before = os.stat(target)
    _write(target, data, force=True, like=before)
    if keep_times:
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(target)
    is_owned = (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    return Kept(is_owned, target, max(0, before.st_nlink - 1))


def _write(path: str, data: bytes, force: bool, like: os.stat_result | None) -> None:
    handle = _unnamed(_folder(path))
    if handle is None:
        _write_named(path, data, force, like)
        return
    try:
        _fill(handle, data, like)
        if not force:
            _link(handle, path)
            return
        name = _beside(path)
        _link(handle, name)
        _replace(name, path)
    except OutputExists:
        raise
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        _write_named(path, data, force, like)
    finally:
        os.close(handle)


def _link(handle: int, path: str) -> None:
    """Give an unnamed file a name; open(2) describes this use of linkat(2), which follows the link in /proc."""
    folder = os.open(_folder(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(f"/proc/self/fd/{handle}", os.path.basename(path), dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError as error:
        raise OutputExists(errno.EEXIST, "the output exists; --force replaces it") from error
    finally:
        os.close(folder)


def _unnamed(folder: str) -> int | None:
    flag = getattr(os, "O_TMPFILE", 0)
    if not flag or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(folder, flag | os.O_WRONLY, 0o666)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return None
        raise


def _write_named(path: str, data: bytes, force: bool, like: os.stat_result | None) -> None:
    name = _beside(path)
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        try:
            _fill(handle, data, like)
        finally:
            os.close(handle)
        if force:
            _replace(name, path)
        else:
            _move(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _move(name: str, path: str) -> None:
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


def _rename(name: str, path: str) -> None:
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
    if sys.platform != "win32" and os.path.exists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(name, path)


def _fill(handle: int, data: bytes, like: os.stat_result | None) -> None:
    """Write the content, with the mode and where allowed the owner of another file."""
    if like is not None and hasattr(os, "fchown"):
        with contextlib.suppress(PermissionError):  # replace_file() says so
            os.fchown(handle, like.st_uid, like.st_gid)
    if like is not None and hasattr(os, "fchmod"):
        os.fchmod(handle, stat.S_IMODE(like.st_mode))
    _pour(handle, data)
    os.fsync(handle)


def _pour(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _replace(name: str, path: str) -> None:
    try:
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _folder(path: str) -> str:
    return os.path.dirname(path) or os.curdir


def _beside(path: str) -> str:
    """A name that nothing has, in the folder of a file."""
    return os.path.join(_folder(path), f".rmexif-{os.urandom(8).hex()}")
