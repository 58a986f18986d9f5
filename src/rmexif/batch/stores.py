"""Where many images lie: a folder, or a bucket through fsspec. Objects are read and written in one piece, in memory."""

from __future__ import annotations

import errno
import io
import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rmexif.batch.patience import Patience, StoreUnavailable
from rmexif.errors import InvalidPolicy, MissingDependency, SetupError
from rmexif.io.atomic_write import atomic_write, atomic_write_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Entry", "Patience", "Store", "StoreUnavailable"]

BLOCK = 8 << 20  # byte of one read of a stream
PAGE = 1000  # keys in one answer of ListObjectsV2
# Clients that try again by themselves, five times five times for S3, would override how long a run may wait.
S3_ONCE: dict[str, Any] = {"config_kwargs": {"retries": {"mode": "standard", "max_attempts": 1}}}
PROBE_NAME = "_rmexif-probe"


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a listing."""

    path: str  # below the store's root, with slashes
    size: int  # byte
    version: str  # changes when the object does: its ETag, or its file time in ns


class Store:
    """A folder or a bucket, opened when it is used; travels to other machines as its address.

    Args:
        url: path of a folder, or ``s3://bucket/prefix`` and whatever else fsspec knows.
        patience: s that a store may fail to answer.

    Raises:
        InvalidPolicy: no such kind of place, or the address holds a password.
        MissingDependency: the client for this kind of place is not installed.
    """

    def __init__(self, url: str, patience: float = 300) -> None:
        scheme, _, rest = url.partition("://")
        if not rest or scheme in ("file", "local"):
            self.url, self.local = str(Path(rest or url).resolve()), True
        else:
            if "@" in urlsplit(url).netloc:
                raise InvalidPolicy("an address must not hold credentials: put them where the store's client looks")
            self.url, self.local = url.rstrip("/"), False
        self._patience = patience
        self._patient = Patience(patience)
        self._open()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the address."""
        return Store, (self.url, self._patience)

    def _open(self) -> None:
        self._system: Any = None
        self._root = self.url
        if self.local:
            return
        try:
            from fsspec.core import url_to_fs

            words = S3_ONCE if self.url.startswith(("s3://", "s3a://")) else {}
            self._system, self._root = url_to_fs(self.url, use_listings_cache=False, **words)
            self._system.retries = 1
        except ImportError as error:
            raise MissingDependency(
                "the client for this kind of store is not installed: pip install 'rmexif[batch]' for s3://, "
                "the package that fsspec names for others (gcsfs for gs://)"
            ) from error
        except ValueError as error:
            raise InvalidPolicy("no such kind of store: take a folder, s3://, gs:// or what fsspec knows") from error

    def below(self, name: str) -> Store:
        """A store inside this one."""
        return Store(f"{self.url}/{name}", self._patience)

    def holds(self, other: Store) -> bool:
        """Whether the other store lies in this one, or is the same."""
        return self.local == other.local and f"{other.url}/".startswith(f"{self.url}/")

    def entries(self) -> Iterator[Entry]:
        """Every object below, in the order of the listing; only one page of it, or one folder, is held.

        Links inside a folder are left out, and so are the empty objects that stand for folders in a bucket.
        """
        if self.local:
            yield from _files(self._root, "")
            return
        found = self._pages() if "s3" in _protocols(self._system) else self._folders(self._root)
        cut = len(self._root.rstrip("/")) + 1
        for path, row in found:
            if not path.endswith("/"):
                yield Entry(path[cut:], int(row.get("size") or 0), _version(row))

    def get(self, path: str, limit: int) -> bytes:
        """The object's bytes; one more than ``limit`` at the most."""
        if self.local:
            return _read(f"{self._root}/{path}", limit + 1)
        data: bytes = self._ask("cat_file", self._at(path), start=0, end=limit + 1)
        return data

    def size(self, path: str) -> int:
        """How long the object is now, in bytes."""
        return Path(self._root, path).stat().st_size if self.local else int(self._ask("size", self._at(path)))

    def stream(self, path: str, size: int) -> io.BufferedReader:
        """The object as a file to read, a block at a time and anywhere in it.

        Args:
            path: of the object.
            size: as the listing has it, in bytes.
        """
        return io.BufferedReader(_Blocks(self, path, size), BLOCK)

    def block(self, path: str, start: int, end: int) -> bytes:
        """Some of the object's bytes."""
        if self.local:
            with Path(self._root, path).open("rb") as file:
                file.seek(start)
                return file.read(end - start)
        data: bytes = self._ask("cat_file", self._at(path), start=start, end=end)
        return data

    def put(self, path: str, data: bytes) -> None:
        """Store an object, completely or not at all; what was there is replaced."""
        if not self.local:
            self._ask("pipe_file", self._at(path), data)
            return
        target = Path(self._root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, data, target.exists())

    def put_all(self, objects: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Store objects, each completely or not at all; whether each is. Files of a folder share one flush of the disk.

        Raises:
            SetupError: none of them could be stored, nor could any other.
        """
        if self.local:
            problems = atomic_write_all([(f"{self._root}/{path}", data) for path, data in objects])
            return [problem is None for problem in problems]
        return [self._is_put(path, data) for path, data in objects]

    def _is_put(self, path: str, data: bytes) -> bool:
        try:
            self.put(path, data)
        except (OSError, ValueError, StoreUnavailable):
            return False
        return True

    def delete(self, path: str) -> None:
        """Remove an object, and the folders that it leaves empty: an object may have the name of one."""
        if not self.local:
            self._ask("rm_file", self._at(path))
            return
        root, place = Path(self._root), Path(self._root, path)
        place.unlink()
        with suppress(OSError):  # not empty, or not ours to remove
            for folder in itertools.takewhile(lambda folder: folder != root, place.parents):
                folder.rmdir()

    def is_empty(self) -> bool:
        """Whether nothing is there yet."""
        try:
            return next(self.entries(), None) is None
        except FileNotFoundError:
            return True
        except PermissionError:
            raise SetupError("the place may not be listed: its credentials or its mode do not allow it") from None

    def check_writable(self) -> None:
        """Find out before the first image whether anything can be stored here.

        Raises:
            SetupError: it cannot.
        """
        try:
            if self.local:
                place = next(path for path in (Path(self._root), *Path(self._root).parents) if path.exists())
                if not place.is_dir():
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
                if not os.access(place, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                return
            self.put(PROBE_NAME, b"")
            self.delete(PROBE_NAME)
        except OSError as error:
            why = "not allowed" if isinstance(error, PermissionError) else type(error).__name__
            raise SetupError(f"nothing can be written to the destination or its manifest: {why}") from None

    def _ask(self, name: str, *values: Any, **words: Any) -> Any:
        """A method of the client, for as long as the run waits."""
        method = getattr(self._system, name)
        if not self._system.async_impl:
            return self._patient.ask(lambda: method(*values, **words))
        return self._patient.ask(lambda: method(*values, timeout=self._patient.left(), **words))

    def _at(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"

    def _pages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """ListObjectsV2, page by page: fsspec's own listing holds all keys of a bucket."""
        bucket, _, prefix = self._root.partition("/")
        words = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else "", "MaxKeys": PAGE}
        after: dict[str, str] = {}
        while True:
            page = self._ask("call_s3", "list_objects_v2", **words, **after)
            for row in page.get("Contents", ()):
                yield f"{bucket}/{row['Key']}", {"size": row["Size"], "ETag": row["ETag"]}
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def _folders(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        rows = self._ask("ls", folder, detail=True)
        for row in sorted(rows, key=lambda row: str(row["name"])):
            if row["type"] == "directory":
                yield from self._folders(row["name"])
            else:
                yield row["name"], row


class _Blocks(io.RawIOBase):
    """Reads an object through its store, with the store's patience.

    Raises:
        StoreUnavailable: a block could not be had; an archive's reader would take an OSError for a broken archive.
    """

    def __init__(self, store: Store, path: str, size: int) -> None:
        self._store, self._path, self._size, self._place = store, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._place + len(buffer), self._size)
        if end <= self._place:
            return 0
        try:
            data = self._store.block(self._path, self._place, end)
        except OSError as error:
            raise StoreUnavailable(f"an object could not be read ({type(error).__name__})") from None
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


def _version(row: dict[str, Any]) -> str:
    names = ("ETag", "etag", "generation", "md5Hash", "LastModified", "mtime", "created")
    return next((str(row[name]) for name in names if row.get(name)), "")


def _read(path: str, most: int) -> bytes:
    """The first bytes of a file, in one call as a rule: pathlib and a buffer cost more than a small file does."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(handle).st_size
        data = os.read(handle, min(size + 1, most))
        while len(data) != size and len(data) < most and (more := os.read(handle, min(most - len(data), BLOCK))):
            data += more  # it has grown, or is above what the system reads in one call
    finally:
        os.close(handle)
    return data


def _files(folder: str, under: str) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        rows = sorted(found, key=lambda row: row.name)
    for row in rows:
        if row.is_dir(follow_symlinks=False):
            yield from _files(row.path, f"{under}{row.name}/")
        elif row.is_file(follow_symlinks=False):
            facts = row.stat(follow_symlinks=False)
            yield Entry(f"{under}{row.name}", facts.st_size, str(facts.st_mtime_ns))
