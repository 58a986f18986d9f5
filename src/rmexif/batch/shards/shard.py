"""What all kinds of shards share: records of members, what a shard is read with, and how much may come out of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rmexif.containers import sniff_source
from rmexif.errors import InputError, LimitExceeded, RmexifError, UnknownFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rmexif.types import Limits

__all__ = ["BrokenShard", "Choice", "Expansion", "Member", "Record", "Shard", "is_image", "reading", "too_large"]

EXPANSION = 100  # times its own size: captions and labels shrink by 10 to 20, what is made to fill a memory by 1,000


class BrokenShard(InputError):
    """A shard cannot be read, or holds no images; the message names the member, the row or the column."""

    code = "broken_shard"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, a value of a database, or the image of a row.

    Args:
        name: of the file, the key, or the number of the row.
        data: nothing where it was refused.
        is_image: by its name or its first bytes.
        refused: why it was not read.
        size: byte, of one that was not read.
    """

    name: str
    data: bytes
    is_image: bool = True
    refused: InputError | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What belongs together.

    Args:
        members: images and others, in order.
        row: of a table, as it holds it.
    """

    members: tuple[Member, ...]
    row: Any = None

    @property
    def images(self) -> list[Member]:
        """The members that are images."""
        return [member for member in self.members if member.is_image]


class Shard(Protocol):
    """A shard that is read, and the one that is written in its place.

    ``keeps_names`` is False where a name says what kind of file it is, and has to follow the image; ``without_images``
    is what is wrong with one that has none.
    """

    keeps_names: bool
    without_images: str

    def records(self) -> Iterator[Record]:
        """What is in it, in order.

        Raises:
            BrokenShard: it cannot be read any further.
        """

    def add(self, record: Record, images: list[tuple[str, bytes]]) -> list[str]:
        """Write a record with these images, by name, in place of its own; how they are called in the new shard.

        Raises:
            BrokenShard: a name cannot be written, or is there already.
        """

    def finish(self) -> bytes:
        """What was written."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a shard is read with.

    Args:
        limits: what one image may cost.
        passes: keep other members and columns.
        column: of a table, that holds the images; None finds it.
    """

    limits: Limits
    passes: bool = False
    column: str | None = None


class Expansion:
    """How much more may come out of a shard: a bomb is small, and would fill the memory or never end.

    Args:
        size: of the shard, in bytes.
        limits: one image may always be as large as they allow.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        self._left = max(EXPANSION * size, limits.max_bytes)

    def take(self, count: int, what: str) -> None:
        """Count bytes.

        Raises:
            BrokenShard: it is too much.
        """
        self._left -= count
        if self._left < 0:
            raise BrokenShard(f"with {what} it expands to more than {EXPANSION} times its size")


@contextmanager
def reading(structure: str, where: Callable[[], str]) -> Iterator[None]:
    """Whatever a reader raises over a damaged shard, as one error.

    Args:
        structure: kind of the shard.
        where: what was being read, as the error's words.

    Raises:
        BrokenShard: it cannot be read.
    """
    try:
        yield
    except RmexifError:
        raise
    except Exception as error:  # tarfile, zipfile, pyarrow and their decompressors have no base in common
        raise BrokenShard(f"cannot be read {where()} ({type(error).__name__})", structure=structure) from None


def too_large(name: str, size: int) -> Member:
    """A member above the limit, of which nothing is read: an image, whatever it is, so that a row says so."""
    return Member(name, b"", True, LimitExceeded("max_bytes: its size is above the limit"), size)


def is_image(data: bytes) -> bool:
    """Whether these bytes begin as an image does, even one that is refused."""
    try:
        sniff_source(memoryview(data))
    except UnknownFormat:
        return False
    except RmexifError:
        return True
    return True
