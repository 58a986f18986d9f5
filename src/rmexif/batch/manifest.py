"""What a run did, as Parquet: one part per chunk of the listing, written after the chunk's objects.

A row says which object it was, what came of it, and hashes and counts; never a metadata value. The names of the
originals and the hashes of their bytes are in it, so whoever holds an original can find it here: keep the manifest away
from those who get the pictures (``manifest=``).
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif.batch.stores import StoreUnavailable
from rmexif.errors import InvalidPolicy, MissingDependency, SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rmexif.batch.stores import Entry, Store

__all__ = [
    "FOLDER",
    "SCHEMA",
    "Manifest",
    "begin",
    "escaped",
    "name_bytes",
    "open_manifest",
    "require",
    "running",
    "unescaped",
]

FOLDER = "_rmexif"
SCHEMA = 2  # columns are only ever added, so that older and newer releases read each other's parts
MEMBERS = "members"  # below the manifest: rows of what is in shards, one part for each
STALE = "stale"  # below the manifest: outputs of versions that are no more, where they are kept
FACTS = "run.json"
RUNNING = "running"  # is there while a run on one machine is under way, and behind one that has died
MOST = 1 << 30  # byte: a part is far smaller


@dataclass(frozen=True)
class Manifest:
    """The manifest of a run."""

    store: Store
    salt: bytes  # of this run: so that an identity or a neutral name says nothing by itself
    column: str | None = None  # of the images, in tables of the target

    def identity(self, entry: Entry) -> bytes:
        """16 bytes that stand for an object as it was listed: its path, size and version."""
        listed = f"{entry.path}\0{entry.size}\0{entry.version}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(listed, digest_size=16, key=self.salt).digest()

    def key(self, path: str) -> bytes:
        """8 bytes that stand for a path, whatever is there."""
        named = b"path\0" + path.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(named, digest_size=8, key=self.salt).digest()

    def neutral(self, path: str) -> str:
        """A name for an output that says nothing and is the same in every run."""
        named = b"name\0" + path.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(named, digest_size=16, key=self.salt).hexdigest()

    def members_part(self, path: str) -> str:
        """Name of the part with rows of what is in a shard."""
        return f"{MEMBERS}/{self.key(path).hex()}.parquet"

    def parts(self) -> list[str]:
        """Names of the parts."""
        names = (entry.path for entry in self.store.entries())
        return [name for name in names if name.endswith(".parquet") and "/" not in name]

    def members(self) -> list[str]:
        """Names of the parts with rows of what is in shards."""
        return [entry.path for entry in self.store.entries() if entry.path.startswith(f"{MEMBERS}/")]

    def read(self, name: str) -> list[dict[str, Any]]:
        """The rows of a part, whichever release wrote it; a column that it did not know is null.

        Raises:
            SetupError: it is damaged.
        """
        pa, parquet = require()
        data = self.store.get(name, MOST)
        try:
            # pyarrow fills columns that the file lacks, and leaves out those that the schema lacks
            rows: list[dict[str, Any]] = parquet.read_table(pa.BufferReader(data), schema=_schema()).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise SetupError(
                "a part of the manifest cannot be read: remove it, and its images are done again"
            ) from error
        for row in rows:
            row["path"] = unescaped(row["path"])
        return rows

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write a part, or replace it.

        Raises:
            StoreUnavailable: it cannot be written, so its images count as not done.
        """
        pa, parquet = require()
        sink = pa.BufferOutputStream()
        written = [row | {"path": escaped(row["path"])} for row in rows]
        parquet.write_table(pa.Table.from_pylist(written, schema=_schema()), sink)
        try:
            self.store.put(name, sink.getvalue().to_pybytes())
        except OSError as error:
            raise StoreUnavailable(f"the manifest cannot be written ({type(error).__name__})") from None


@contextmanager
def running(store: Store, stays: Callable[[], bool]) -> Iterator[bool]:
    """Leave a mark for as long as a run is under way; whether there was one already, of a run that has died.

    Args:
        store: of the manifest.
        stays: whether the mark is to stay behind a run that has ended.
    """
    try:
        store.get(RUNNING, 1)
        has_died = True
    except FileNotFoundError:
        has_died = False
        store.put(RUNNING, b"1")  # not empty: a store has no range of an object that is
    try:
        yield has_died
    finally:
        if not stays():
            with suppress(OSError, StoreUnavailable):  # what ended the run is known already
                store.delete(RUNNING)


def begin(store: Store, outputs: Store, facts: dict[str, Any]) -> Manifest:
    """Start a manifest, or take up the one that is there.

    Args:
        store: where it lies.
        outputs: where the results go.
        facts: what two runs over the same manifest must have in common.

    Raises:
        InvalidPolicy: there are outputs without a manifest, or it belongs to a run over something else.
    """
    require()
    try:
        there = json.loads(store.get(FACTS, MOST))
        salt = bytes.fromhex(there.pop("salt"))
    except FileNotFoundError:
        if not outputs.is_empty():
            raise InvalidPolicy(
                "the destination holds something, and no manifest of rmexif: take an empty one, or say with --manifest "
                "where its manifest lies"
            ) from None
        salt = secrets.token_bytes(32)
        try:
            store.put(FACTS, json.dumps(facts | {"schema": SCHEMA, "salt": salt.hex()}, indent=1).encode())
        except OSError as error:
            raise InvalidPolicy(f"the manifest cannot be written: {error.strerror or type(error).__name__}") from None
        return Manifest(store, salt)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidPolicy("the manifest's run.json is not rmexif's") from error
    if "policy" in there and "policy_fingerprint" not in there:  # up to 0.1 the key was a hash of repr(policy)
        raise InvalidPolicy(
            "the manifest was begun by a release of rmexif whose policies cannot be compared with today's: finish that "
            "run with the release that began it, or take another destination"
        )
    if differs := sorted(name for name in facts if there.get(name) != facts[name]):
        raise InvalidPolicy(
            f"the manifest belongs to a run with another {', '.join(differs)}: take another destination, or the same"
        )
    return Manifest(store, salt)


def open_manifest(store: Store) -> Manifest:
    """The manifest that lies in a store, to read it.

    Raises:
        InvalidPolicy: there is none.
    """
    require()
    try:
        facts = json.loads(store.get(FACTS, MOST))
        return Manifest(store, bytes.fromhex(facts["salt"]), facts.get("column"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidPolicy(
            "no manifest of rmexif lies there: name the target of a run, or say with --manifest where its manifest lies"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidPolicy("the manifest's run.json is not rmexif's") from error


def escaped(path: str) -> str:
    r"""A path as text: a byte that is no UTF-8 as ``\xE9``, and then a backslash as two; any other path as it is.

    Args:
        path: as the file system has it (PEP 383).
    """
    if "\\x" not in path and path.isascii():
        return path
    raw = path.encode("utf-8", "surrogateescape")
    try:
        raw.decode()
    except UnicodeDecodeError:
        pass
    else:
        if "\\x" not in path:
            return path
    return "".join(
        "\\\\" if sign == "\\" else f"\\x{ord(sign) - 0xDC00:02X}" if "\udc80" <= sign <= "\udcff" else sign
        for sign in path
    )


def unescaped(text: str) -> str:
    """The path that ``escaped`` made this text of."""
    if "\\x" not in text:
        return text
    return re.sub(r"\\(\\|x([0-9A-F]{2}))", lambda found: chr(0xDC00 + int(found[2], 16)) if found[2] else "\\", text)


def name_bytes(text: str) -> bytes:
    """The bytes of a name in the column ``path``, to join it with a listing of files."""
    return unescaped(text).encode("utf-8", "surrogateescape")


def require() -> tuple[Any, Any]:
    """Pyarrow and its Parquet.

    Raises:
        MissingDependency: they are not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependency("a manifest needs pyarrow: pip install 'rmexif[batch]'") from error
    return pa, parquet


def _schema() -> Any:
    pa, _ = require()
    text = pa.string()
    return pa.schema(
        {
            "path": text,  # below the source, as escaped() has it
            "identity": pa.binary(16),
            "output": text,  # below the destination
            "code": text,  # "ok", or why there is no output
            "format": text,
            "faces_detected": pa.int32(),
            "findings": pa.map_(text, pa.int32()),  # how many, by category
            "original_size": pa.int64(),
            "new_size": pa.int64(),
            "original_hash": text,  # SHA-256
            "new_hash": text,
            "problem": text,  # since 2: what is wrong with it and where, in the format's own words
            "previous_hash": text,  # since 2: SHA-256 of the version that this one replaced
            "recorded": pa.int64(),  # since 2: s since 1970, when the row was written
        },
        metadata={"rmexif.manifest": str(SCHEMA)},
    )
