"""What a run did, as Parquet: one part per chunk of the listing, written after the chunk's objects.

A row says which object it was, what came of it, and hashes and counts; never a metadata value. The names of the
originals and the hashes of their bytes are in it, so whoever holds an original can find it here: keep the manifest away
from those who get the pictures (``manifest=``).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif.batch.stores import StoreUnavailable
from rmexif.errors import InvalidPolicy, MissingDependency, SetupError

if TYPE_CHECKING:
    from rmexif.batch.stores import Entry, Store

__all__ = ["FOLDER", "Manifest", "begin", "require"]

FOLDER = "_rmexif"
FACTS = "run.json"
MOST = 1 << 30  # byte: a part is far smaller


@dataclass(frozen=True)
class Manifest:
    """The manifest of a run."""

    store: Store
    salt: bytes  # of this run: so that an identity or a neutral name says nothing by itself

    def identity(self, entry: Entry) -> bytes:
        """16 bytes that stand for an object as it was listed: its path, size and version."""
        listed = f"{entry.path}\0{entry.size}\0{entry.version}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(listed, digest_size=16, key=self.salt).digest()

    def neutral(self, path: str) -> str:
        """A name for an output that says nothing and is the same in every run."""
        named = b"name\0" + path.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(named, digest_size=16, key=self.salt).hexdigest()

    def parts(self) -> list[str]:
        """Names of the parts."""
        return [entry.path for entry in self.store.entries() if entry.path.endswith(".parquet")]

    def read(self, name: str) -> list[dict[str, Any]]:
        """The rows of a part.

        Raises:
            SetupError: it is damaged.
        """
        pa, parquet = require()
        data = self.store.get(name, MOST)
        try:
            rows: list[dict[str, Any]] = parquet.read_table(pa.BufferReader(data), schema=_schema()).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise SetupError(
                "a part of the manifest cannot be read: remove it, and its images are done again"
            ) from error
        return rows

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write a part, or replace it.

        Raises:
            StoreUnavailable: it cannot be written, so its images count as not done.
        """
        pa, parquet = require()
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.Table.from_pylist(rows, schema=_schema()), sink)
        try:
            self.store.put(name, sink.getvalue().to_pybytes())
        except OSError as error:
            raise StoreUnavailable(f"the manifest cannot be written ({type(error).__name__})") from None


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
        store.put(FACTS, json.dumps(facts | {"salt": salt.hex()}, indent=1).encode())
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
            "path": text,  # below the source
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
        }
    )
