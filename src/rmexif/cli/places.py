"""Where many images come from and go to: folders, patterns, and object stores through fsspec."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from rmexif.cli import files
from rmexif.cli.sources import is_pattern, is_remote
from rmexif.errors import MissingDependency, RmexifError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "ALL",
    "Entry",
    "Remote",
    "Selection",
    "entries",
    "exists",
    "join",
    "read",
    "write",
]

Skip = Callable[[str, str], None]  # takes a path that was left out, and why


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to work on."""

    source: str  # as a user would name it
    under: str  # its path below the source that was named, with slashes


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a folder or bucket are meant, by patterns of the shell over their names or paths in it."""

    include: tuple[str, ...] = ()  # none: all
    exclude: tuple[str, ...] = ()

    def takes(self, under: str) -> bool:
        """Whether a file is meant; a pattern without a slash is one of names."""

        def fits(pattern: str) -> bool:
            return fnmatch(under if "/" in pattern else PurePosixPath(under).name, pattern)

        return (not self.include or any(map(fits, self.include))) and not any(map(fits, self.exclude))


ALL = Selection()


def entries(
    sources: Sequence[str], output: str | None = None, selection: Selection = ALL, skip: Skip | None = None
) -> Iterator[Entry]:
    """Every file that the sources name, in order; never what lies under the output.

    Hidden files and folders (a dot in front) and links are left out of a folder; named by themselves they are taken.

    Args:
        sources: files, folders, patterns, URLs.
        output: where results go.
        selection: of the files in folders and buckets.
        skip: is called for pipes, sockets and devices, folders that cannot be read, and patterns without a match.
    """
    report = skip or (lambda *_: None)
    apart = sum(is_remote(source) or Path(source).is_dir() for source in sources) > 1
    avoid = Path(output).resolve() if output is not None and not is_remote(output) else None
    for source in sources:
        if is_remote(source):
            yield from (entry for entry in _objects(source, apart, report) if selection.takes(entry.under))
        elif Path(source).is_dir():
            found = _below(Path(source), Path(source).resolve().name if apart else "", avoid, report)
            yield from (entry for entry in found if selection.takes(entry.under))
        elif is_pattern(source):
            names = sorted(glob.iglob(source, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
            if not names:
                report(source, "cannot be read: no file matches this pattern")
            yield from (Entry(name, Path(name).name) for name in names if Path(name).is_file())
        else:
            yield Entry(source, Path(source).name)


def _objects(source: str, apart: bool, skip: Skip) -> Iterator[Entry]:
    """The objects of a store; one that does not answer, or has no such bucket, is named."""
    try:
        with _store_errors():
            yield from Remote(source).entries(apart)
    except FileNotFoundError:
        skip(source, "cannot be listed: there is no such bucket or object")
    except OSError as error:
        why = error.strerror or type(error).__name__
        advice = "check the endpoint and the credentials"
        skip(source, f"cannot be listed: {why}" if advice in why else f"cannot be listed: {why}; {advice}")


def _below(folder: Path, under: str, avoid: Path | None, skip: Skip) -> Iterator[Entry]:
    """The files below a folder, depth first; a stack of its own, because folders can be nested deeper than calls."""
    waiting: list[tuple[str, str]] = [(str(folder), under)]
    while waiting:
        place, inner = waiting.pop()
        kind = _kind(place) if place != str(folder) else "folder"
        if kind == "file":
            yield Entry(place, inner)
            continue
        if kind != "folder":
            skip(place, kind)
            continue
        if avoid is not None and place != str(folder) and Path(place).resolve() == avoid:
            continue
        try:
            names = sorted(os.listdir(place), reverse=True)  # noqa: PTH208 - likewise
        except OSError as error:
            skip(place, f"cannot be listed: {error.strerror}")
            continue
        waiting += [
            (os.path.join(place, name), f"{inner}/{name}" if inner else name)  # noqa: PTH118 - ten times as fast
            for name in names
            if not name.startswith(".") and not os.path.islink(os.path.join(place, name))  # noqa: PTH114, PTH118
        ]


def _kind(place: str) -> str:
    """What a place is: "file", "folder", or why it is neither."""
    try:
        mode = os.lstat(place).st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    known = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return known.get(stat.S_IFMT(mode), "a device")


def join(output: str, under: str) -> str:
    """A place below the output."""
    return f"{output.rstrip('/')}/{under}" if is_remote(output) else str(Path(output) / under)


def read(source: str, limit: int) -> bytes:
    """The bytes of a file or an object; one byte more than ``limit`` at the most."""
    return Remote(source).read(limit) if is_remote(source) else files.read(source, limit)


def exists(target: str) -> bool:
    """Whether something is there."""
    return Remote(target).exists() if is_remote(target) else Path(target).exists()


def write(target: str, data: bytes, force: bool) -> None:
    """Write a file or an object, completely or not at all, with the folders that lead there."""
    if is_remote(target):
        Remote(target).write(data, force)
        return
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    files.write(target, data, force)


@contextmanager
def _store_errors() -> Iterator[None]:
    """Give what a store's client raises as the OSError that files raise, by its kind: its text may quote a request."""
    try:
        yield
    except (OSError, RmexifError):
        raise
    except Exception as error:  # botocore, aiohttp and others: their classes share no base of their own
        raise OSError(0, f"{type(error).__name__}; check the endpoint and the credentials") from error


class Remote:
    """A place in an object store or behind HTTP.

    Raises:
        MissingDependency: fsspec, or its part for this kind of place, is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs

            self._system, self._path = url_to_fs(url)
        except ImportError as error:
            raise MissingDependency("URLs need more packages: pip install 'rmexif[remote]'") from error
        except ValueError as error:
            raise OSError(0, "no such kind of place") from error
        self._url = url

    def entries(self, apart: bool) -> Iterator[Entry]:
        """The objects below, or the one object that this is."""
        system: Any = self._system
        if not system.isdir(self._path):
            yield Entry(self._url, PurePosixPath(self._path).name)
            return
        root = self._path.rstrip("/")
        for path in sorted(system.find(root)):
            inner = path[len(root) :].lstrip("/")
            if any(piece in ("", "..") or piece.startswith(".") for piece in inner.split("/")):
                continue  # hidden, or a name that would lead out of the output
            yield Entry(system.unstrip_protocol(path), f"{PurePosixPath(root).name}/{inner}" if apart else inner)

    def read(self, limit: int) -> bytes:
        """The object's bytes."""
        with _store_errors(), self._system.open(self._path, "rb") as file:
            data: bytes = file.read(limit + 1)
        return data

    def exists(self) -> bool:
        """Whether the object is there."""
        with _store_errors():
            return bool(self._system.exists(self._path))

    def write(self, data: bytes, force: bool) -> None:
        """Put the object in one request."""
        if not force and self.exists():
            raise files.OutputExists(0, "the output exists; --force replaces it")
        with _store_errors():
            self._system.pipe_file(self._path, data)
