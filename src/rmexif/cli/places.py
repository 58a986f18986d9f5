"""Where many images come from and go to: folders, patterns, and object stores through fsspec."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from rmexif.cli import files
from rmexif.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Entry", "Remote", "entries", "exists", "is_many", "is_remote", "join", "read", "write"]

PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file to work on."""

    source: str  # as a user would name it
    under: str  # its path below the source that was named, with slashes


def is_remote(place: str) -> bool:
    """Whether a place is a URL."""
    return "://" in place


def is_many(sources: Sequence[str], output: str | None) -> bool:
    """Whether a command line means more than one image."""
    first = sources[0]
    return (
        len(sources) > 1
        or is_remote(first)
        or Path(first).is_dir()
        or _is_pattern(first)
        or (output is not None and (output.endswith("/") or is_remote(output) or Path(output).is_dir()))
    )


def entries(sources: Sequence[str], output: str | None) -> Iterator[Entry]:
    """Every file that the sources name, in order; never what lies under the output.

    Hidden files and folders (a dot in front) and links are left out of a folder; named by themselves they are taken.
    """
    apart = sum(is_remote(source) or Path(source).is_dir() for source in sources) > 1
    avoid = Path(output).resolve() if output is not None and not is_remote(output) else None
    for source in sources:
        if is_remote(source):
            yield from Remote(source).entries(apart)
        elif Path(source).is_dir():
            yield from _below(Path(source), Path(source).resolve().name if apart else "", avoid)
        elif _is_pattern(source):
            found = sorted(glob.iglob(source, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
            yield from (Entry(name, Path(name).name) for name in found if Path(name).is_file())
        else:
            yield Entry(source, Path(source).name)


def _is_pattern(source: str) -> bool:
    return bool(PATTERN & set(source)) and not Path(source).exists()


def _below(folder: Path, under: str, avoid: Path | None) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        rows = sorted(found, key=lambda row: row.name)
    for row in rows:
        if row.name.startswith(".") or row.is_symlink():
            continue
        inner = f"{under}/{row.name}" if under else row.name
        if not row.is_dir():
            yield Entry(row.path, inner)
        elif avoid is None or Path(row.path).resolve() != avoid:
            yield from _below(Path(row.path), inner, avoid)


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
        with self._system.open(self._path, "rb") as file:
            data: bytes = file.read(limit + 1)
        return data

    def exists(self) -> bool:
        """Whether the object is there."""
        return bool(self._system.exists(self._path))

    def write(self, data: bytes, force: bool) -> None:
        """Put the object in one request."""
        if not force and self.exists():
            raise files.OutputExists(0, "the output exists; --force replaces it")
        self._system.pipe_file(self._path, data)
