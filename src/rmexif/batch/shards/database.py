"""LMDB: a key and its value are a member; read by our own walk over its pages, written by the library.

The library maps a file and trusts it: one that is cut off ends the process (SIGBUS, lmdb 3.0), and lengths inside of it
would read the memory around the map. Here every page, node and length is checked against the file, which is read
where it lies, by ranges.

The format is version 1 of a 64-bit little-endian machine (libraries/liblmdb/mdb.c: MDB_page, MDB_node, MDB_meta).
"""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Any, BinaryIO

from rmexif.batch.shards.archives import names_image
from rmexif.batch.shards.shard import BrokenShard, Expansion, Member, Record, is_image, too_large
from rmexif.errors import MissingDependency, SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.batch.shards.shard import Choice

__all__ = ["DatabaseShard"]

MAGIC, VERSION = 0xBEEFC0DE, 1
HEADER = Struct("<QHHHH")  # MDB_page: number, padding, flags, ends of the pointers and of the free space
META = Struct("<IIQQ")  # MDB_meta: magic, version, address, size of the map; then two MDB_db, last page, transaction
DB = Struct("<IHHQQQQQ")  # MDB_db: page size or padding, flags, depth, pages of three kinds, entries, root
NODE = Struct("<HHHH")  # MDB_node: size of the data in two halves, or a page in three; flags, size of the key
BRANCH, LEAF, OVERFLOW, META_PAGE = 1, 2, 4, 8  # kinds of pages
KINDS = 0x6F  # bits of the flags that are the kind; the others are marks of a process that writes
BIG_DATA = 1  # of a node: its data lies in pages of its own
SUB_DATA, DUP_DATA = 2, 4  # several values of one key, or a database of its own
NO_ROOT = (1 << 64) - 1
SMALLEST_PAGE, LARGEST_PAGE = 512, 1 << 15
LONGEST_KEY = 511  # MDB_MAXKEYSIZE as it is built
DEEPEST = 32  # CURSOR_STACK
COMMIT = 64 << 20  # byte of values in one transaction: it holds them in memory
ROOM = 1 << 30  # byte of the map beyond what is used: it is address space, and no memory


@dataclass(frozen=True, slots=True)
class Page:
    """A page of nodes."""

    number: int
    flags: int
    data: bytes
    nodes: tuple[int, ...]  # where each begins


class Pages:
    """The pages of a database, by number.

    Args:
        file: to read.
        size: of it, in bytes.

    Raises:
        BrokenShard: it is no LMDB, or of a kind that is not read.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        # by ranges as they are needed: a buffer would fetch a block for every page
        self._file: Any = getattr(file, "raw", file)
        self._size = size
        self.root = NO_ROOT
        self.page_size = SMALLEST_PAGE  # what is certain to hold the first meta page
        size_of_page, *_ = self._meta(0)
        if not SMALLEST_PAGE <= size_of_page <= LARGEST_PAGE or size_of_page & (size_of_page - 1):
            raise self.broken(0, f"pages of {size_of_page} byte")
        self.page_size = size_of_page
        metas = [self._meta(0), self._meta(1)]
        _, flags, self.depth, self.root, _ = max(metas, key=lambda meta: meta[-1])
        if flags:
            raise BrokenShard("keys in another order, or several values of one key, are not read", structure="lmdb")
        self._left = size // self.page_size  # pages that may be visited: no honest tree visits one twice

    def broken(self, page: int, problem: str) -> BrokenShard:
        """The error of a page."""
        return BrokenShard(problem, structure="lmdb page", offset=page * self.page_size)

    def bytes_at(self, page: int, start: int, count: int) -> bytes:
        """Bytes from a page on.

        Raises:
            BrokenShard: the file ends before.
        """
        offset = page * self.page_size + start
        if offset + count > self._size:
            raise self.broken(page, f"{count} byte behind the end of a file of {self._size}")
        self._file.seek(offset)
        parts, left = [], count
        while left:
            part = self._file.read(left)
            if not part:
                raise self.broken(page, "the file is shorter than it was")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def page(self, number: int) -> Page:
        """A branch or a leaf."""
        self._left -= 1
        if self._left < 0:
            raise self.broken(number, "the tree has more pages than the file")
        data = self.bytes_at(number, 0, self.page_size)
        own, _, flags, lower, upper = HEADER.unpack_from(data)
        flags &= KINDS
        if own != number or flags not in (BRANCH, LEAF):
            raise self.broken(number, f"a branch or a leaf expected, found page {own} of kind {flags:#x}")
        if not HEADER.size <= lower <= upper <= self.page_size or lower % 2:
            raise self.broken(number, f"pointers end at {lower}, nodes begin at {upper}")
        nodes = Struct(f"<{(lower - HEADER.size) // 2}H").unpack_from(data, HEADER.size)
        if any(not upper <= node <= self.page_size - NODE.size for node in nodes):
            raise self.broken(number, "a node lies outside of its page")
        return Page(number, flags, data, nodes)

    def big(self, page: int, number: int, count: int) -> bytes:
        """A value in pages of its own.

        Args:
            page: that refers to it, for the error.
            number: of the first of its pages.
            count: byte of the value.
        """
        own, _, flags, low, high = HEADER.unpack(self.bytes_at(number, 0, HEADER.size))
        if own != number or flags & KINDS != OVERFLOW or HEADER.size + count > (low | high << 16) * self.page_size:
            raise self.broken(page, f"page {number} does not hold a value of {count} byte")
        return self.bytes_at(number, HEADER.size, count)

    def _meta(self, page: int) -> tuple[int, int, int, int, int]:
        """Page size; flags, depth and root of the main database; transaction."""
        data = self.bytes_at(page, 0, HEADER.size + META.size + 2 * DB.size + 16)
        _, _, flags, _, _ = HEADER.unpack_from(data)
        magic, version, _, _ = META.unpack_from(data, HEADER.size)
        if flags & KINDS != META_PAGE or magic != MAGIC or version != VERSION:
            raise self.broken(page, "no LMDB of version 1, 64 bits, little-endian")
        free = DB.unpack_from(data, HEADER.size + META.size)
        main = DB.unpack_from(data, HEADER.size + META.size + DB.size)
        transaction = int.from_bytes(data[-8:], "little")
        return free[0], main[1], main[2], main[7], transaction


class DatabaseShard:
    """An LMDB of one database; its values are images, or others that are dropped or passed."""

    keeps_names = True
    without_images = "no member is an image"

    def __init__(self, file: BinaryIO, size: int, choice: Choice) -> None:
        self._pages, self._choice = Pages(file, size), choice
        self._expansion = Expansion(size, choice.limits)
        self._out: _Writer | None = None

    def records(self) -> Iterator[Record]:
        """Its keys, in their order."""
        last: bytes | None = None
        for page, key, node in self._nodes(self._pages.root, self._pages.depth):
            if last is not None and key <= last:
                raise self._pages.broken(page.number, "keys are not in ascending order")
            last = key
            yield Record((self._member(page, key, node),))

    def add(self, record: Record, images: list[tuple[str, bytes]]) -> list[str]:
        """A key with its value replaced."""
        self._out = self._out or _Writer()
        for name, data in images:
            self._out.put(_bytes(name), data)
        for member in record.members:
            if self._choice.passes and not member.is_image:
                self._out.put(_bytes(member.name), member.data)
        return [name for name, _ in images]

    def finish(self) -> bytes:
        """The database."""
        return (self._out or _Writer()).finish()

    def _nodes(self, number: int, depth: int) -> Iterator[tuple[Page, bytes, int]]:
        """Every leaf node below a page: its page, its key and where it begins."""
        if number == NO_ROOT:
            return
        if not 0 < depth <= DEEPEST:
            raise self._pages.broken(number, f"a tree of depth {depth}")
        page = self._pages.page(number)
        if (page.flags == LEAF) is not (depth == 1):
            raise self._pages.broken(number, f"a page of kind {page.flags:#x} at depth {depth} above the leaves")
        for node in page.nodes:
            low, high, flags, key_size = NODE.unpack_from(page.data, node)
            if page.flags == BRANCH:
                yield from self._nodes(low | high << 16 | flags << 32, depth - 1)
                continue
            key = page.data[node + NODE.size : node + NODE.size + key_size]
            if not 0 < len(key) == key_size <= LONGEST_KEY:
                raise self._pages.broken(number, f"a key of {key_size} byte")
            yield page, key, node

    def _member(self, page: Page, key: bytes, node: int) -> Member:
        low, high, flags, key_size = NODE.unpack_from(page.data, node)
        name, size = key.decode("utf-8", "surrogateescape"), low | high << 16
        if flags & (SUB_DATA | DUP_DATA):
            raise BrokenShard(f"member {name!a} is a database of its own, or has several values", structure="lmdb")
        self._expansion.take(size, f"member {name!a}")
        if size > self._choice.limits.max_bytes:
            return too_large(name, size)
        start = node + NODE.size + key_size
        if flags & BIG_DATA:
            value = self._pages.big(page.number, int.from_bytes(page.data[start : start + 8], "little"), size)
        else:
            value = page.data[start : start + size]
        if len(value) < size:
            raise self._pages.broken(page.number, f"member {name!a} runs past the end of its page")
        return Member(name, value, names_image(name) or is_image(value))


class _Writer:
    """A new database in memory: a file without a name (memfd_create(2)), which is on no disk.

    Raises:
        MissingDependency: the library is not installed.
        SetupError: this system has no such files.
    """

    def __init__(self) -> None:
        try:
            import lmdb
        except ImportError as error:
            raise MissingDependency("LMDB is not installed: pip install 'rmexif[lmdb]'") from error
        if not hasattr(os, "memfd_create"):
            raise SetupError("LMDB is written on Linux only: it takes a file, and none may be on a disk")
        self._descriptor = os.memfd_create("rmexif", os.MFD_CLOEXEC)
        self._close = weakref.finalize(self, os.close, self._descriptor)  # a shard that breaks is never finished
        self._env = lmdb.open(
            f"/proc/self/fd/{self._descriptor}", map_size=ROOM, subdir=False, lock=False, sync=False, metasync=False
        )
        self._transaction: Any = None
        self._held = 0

    def put(self, key: bytes, value: bytes) -> None:
        """Add a key behind the last one."""
        if self._transaction is None:
            self._env.set_mapsize(os.fstat(self._descriptor).st_size + ROOM)
            self._transaction = self._env.begin(write=True)
        self._transaction.put(key, value, append=True)
        self._held += len(value)
        if self._held >= COMMIT:
            self._commit()

    def finish(self) -> bytes:
        """The file."""
        if self._transaction is not None:
            self._commit()
        self._env.close()
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            data = file.read()
        self._close()
        return data

    def _commit(self) -> None:
        self._transaction.commit()
        self._transaction, self._held = None, 0


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
