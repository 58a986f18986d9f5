"""Archives, tables and databases as objects of a run, read and written record by record.

A record is what belongs together: members with one key, or a row. Nothing is unpacked on a disk: a shard is read as a
stream, and one of its results is in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from rmexif.batch.shards.archives import TarShard, ZipShard
from rmexif.batch.shards.database import DatabaseShard
from rmexif.batch.shards.shard import BrokenShard, Choice, Member, Record, Shard
from rmexif.batch.shards.table import TableShard

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.types import Limits

__all__ = ["BrokenShard", "Member", "Record", "Shard", "is_lock", "open_shard", "shard_kind"]

SHARDS: dict[str, tuple[str, Callable[[BinaryIO, int, Choice], Shard]]] = {
    ".tar": ("tar", TarShard),
    ".tar.gz": ("tar.gz", lambda file, size, choice: TarShard(file, size, choice, zipped=True)),
    ".tgz": ("tgz", lambda file, size, choice: TarShard(file, size, choice, zipped=True)),
    ".zip": ("zip", ZipShard),
    ".parquet": ("parquet", TableShard),
    ".lmdb": ("lmdb", DatabaseShard),
    "data.mdb": ("lmdb", DatabaseShard),  # in a folder, which is LMDB's default
}
LOCKS = ("lock.mdb", ".lmdb-lock")  # beside a database: the processes that read it


def shard_kind(path: str) -> str | None:
    """What a path is, by its extension; None where it is no shard."""
    return next((kind for ending, (kind, _) in SHARDS.items() if path.lower().endswith(ending)), None)


def is_lock(path: str) -> bool:
    """Whether a path is a lock beside a database, which holds no images and is not written again."""
    return path.lower().endswith(LOCKS)


def open_shard(
    path: str, file: BinaryIO, size: int, limits: Limits, passes: bool = False, column: str | None = None
) -> Shard:
    """A shard to read, and to write again.

    Args:
        path: says by its extension what it is.
        file: is read from its start.
        size: of the file, in bytes.
        limits: what one image may cost.
        passes: keep other members, and other columns; they are not looked into.
        column: that holds the images; None finds it.

    Raises:
        BrokenShard: it cannot be read.
    """
    for ending, (_, shard) in SHARDS.items():
        if path.lower().endswith(ending):
            return shard(file, size, Choice(limits, passes, column))
    raise BrokenShard(f"expected one of {', '.join(SHARDS)}")
