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

LINK = "a link"
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: LINK,
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
Skip = Callable[[str, str], None]  # takes a path that was left out, and why


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to work on."""

    source: str  # as a user would name it
    under: str  # its path below the source that was named, with slashes
    is_named: bool = False  # by itself, so that it may be a pipe


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
            yield Entry(source, Path(source).name, is_named=True)


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
    waiting = [(str(folder), under, _names(str(folder), skip))]
    while waiting:
        place, inner, names = waiting[-1]
        if not names:
            waiting.pop()
            continue
        name = names.pop()
        path = os.path.join(place, name)  # noqa: PTH118 - ten times as fast
        kind = _kind(path)
        if kind == "file":
            yield Entry(path, f"{inner}/{name}" if inner else name)
        elif kind != "folder":
            if kind != LINK:
                skip(path, kind)
        elif avoid is None or not _is_same(path, avoid):
            waiting.append((path, f"{inner}/{name}" if inner else name, _names(path, skip)))


def _is_same(place: str, other: Path) -> bool:
    """Whether two names lead to one folder; to resolve a name of 2000 levels takes 2000 looks at it."""
    try:
        return os.path.samefile(place, other)  # noqa: PTH121 - as fast as the rest
    except OSError:
        return False  # one of them is not there yet


def _names(place: str, skip: Skip) -> list[str]:
    """What a folder holds, the first name last: all that is kept of a folder of 100,000 files."""
    try:
        return sorted((name for name in os.listdir(place) if not name.startswith(".")), reverse=True)  # noqa: PTH208
    except OSError as error:
        skip(place, f"cannot be listed: {error.strerror}")
        return []


def _kind(place: str) -> str:
    """What a place is: "file", "folder", "a link", or why it is none of them."""
    try:
        mode = os.lstat(place).st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return KINDS.get(stat.S_IFMT(mode), "a device")


def join(output: str, under: str) -> str:
    """A place below the output."""
    return f"{output.rstrip('/')}/{under}" if is_remote(output) else str(Path(output) / under)


def read(source: str, limit: int, *, pipes: bool = False) -> bytes:
    """The bytes of a file, an object or, where it may be one, a pipe; one byte more than ``limit`` at the most."""
    return Remote(source).read(limit) if is_remote(source) else files.read(source, limit, pipes=pipes)


def exists(target: str) -> bool:
    """Whether something is there."""
    return Remote(target).exists() if is_remote(target) else Path(target).exists()


def write(target: str, data: bytes, force: bool) -> None:
    """Write a file or an object, completely or not at all, with the folders that lead there."""
    if is_remote(target):
        Remote(target).write(data, force)
        return
    _make_folders(Path(target).parent)
    files.write(target, data, force)


def _make_folders(folder: Path) -> None:
    """Make a folder and those that lead there, one after the other: Path.mkdir calls itself for each level."""
    missing = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for place in reversed(missing):
        place.mkdir(exist_ok=True)


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
