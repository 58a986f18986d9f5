"""Archives and tables as objects of a run: tar (WebDataset), zip and Parquet, read and written record by record.

A record is what belongs together: the members of a tar or zip whose names agree up to the first dot of the last step,
or a row of a table. Nothing is unpacked on a disk: a shard is read as a stream, and one of its results is in memory.
Headers say nothing of their own: no times, owners, modes, comments or extra fields.
"""

from __future__ import annotations

import gzip
import io
import mimetypes
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from rmexif.batch.manifest import require
from rmexif.containers import FORMATS, sniff_source
from rmexif.errors import InputError, RmexifError, UnknownFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from rmexif.types import Limits

__all__ = ["BrokenShard", "Member", "Record", "Shard", "open_shard", "shard_kind"]

ROWS = 16  # of a table that are in memory at once, beside those under way
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can say


class BrokenShard(InputError):
    """An archive or a table cannot be read, or holds no images; the message names the member or the column."""

    code = "broken_shard"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, or the image of a row."""

    name: str
    data: bytes
    is_image: bool = True
    size: int | None = None  # of one that is too large to be read


@dataclass(frozen=True, slots=True)
class Record:
    """What belongs together."""

    members: tuple[Member, ...]
    columns: dict[str, Any] | None = None  # of a row, without its image

    @property
    def images(self) -> list[Member]:
        """The members that are images."""
        return [member for member in self.members if member.is_image]


class Shard(Protocol):
    """A shard that is read, and the one that is written in its place."""

    def records(self) -> Iterator[Record]:
        """What is in it, in order.

        Raises:
            BrokenShard: it cannot be read any further.
        """

    def add(self, record: Record, images: list[tuple[str, bytes]]) -> None:
        """Write a record with these images, by name, in place of its own."""

    def finish(self) -> bytes:
        """What was written."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a shard is read with."""

    limits: Limits
    passes: bool  # other members and columns
    column: str | None = None  # of a table; None finds it


class _Archive(ABC):
    """What tar and zip share: members by name, and records by key."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def records(self) -> Iterator[Record]:
        """Members that follow each other and have one key."""
        for _, members in groupby(self._members(), lambda member: _key(member.name)):
            yield Record(tuple(members))

    def add(self, record: Record, images: list[tuple[str, bytes]]) -> None:
        """The images, and the other members where they are passed."""
        for name, data in images:
            self._write(name, data)
        for member in record.members:
            if self._choice.passes and not member.is_image:
                self._write(member.name, member.data)

    def _member(self, name: str, size: int, read: Callable[[int], bytes]) -> Member:
        if name.startswith("/") or ".." in name.split("/"):
            raise BrokenShard(f"member {name!a} leads elsewhere")
        most = self._choice.limits.max_bytes
        if size > most:  # refused as an image, whatever it is: nothing of it is read
            return Member(name, b"", True, size)
        data = read(most + 1)
        return Member(name, data, _says_image(name) or _is_image(data))

    @abstractmethod
    def _members(self) -> Iterator[Member]:
        """All of the shard, in its order."""

    @abstractmethod
    def _write(self, name: str, data: bytes) -> None:
        """Add a member."""


class _StrictInfo(tarfile.TarInfo):
    """A header that must be one: tarfile takes a damaged or missing one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise  # the block of zeros that ends an archive (POSIX.1-2024, pax, ustar)
        except tarfile.HeaderError as error:
            raise BrokenShard(
                f"no header there, and no end of the archive either ({type(error).__name__})",
                structure="tar",
                offset=tarfile_.offset,
            ) from None


class TarShard(_Archive):
    """A tar, as it is or compressed with gzip."""

    def __init__(self, file: BinaryIO, choice: Choice, zipped: bool) -> None:
        super().__init__(choice)
        self._file, self._sink = file, io.BytesIO()
        self._stream: Any = gzip.GzipFile("", "wb", 6, self._sink, mtime=0) if zipped else self._sink
        self._out = tarfile.open(fileobj=self._stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - finish() closes it

    def _members(self) -> Iterator[Member]:
        last = "the first header"
        try:
            with tarfile.open(fileobj=self._file, mode="r|*", tarinfo=_StrictInfo) as tar:
                for info in tar:
                    last = "a member"
                    if info.isreg() and (inner := tar.extractfile(info)) is not None:
                        last = f"member {info.name!a}"
                        yield self._member(info.name, info.size, inner.read)
        except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
            if isinstance(error, RmexifError):
                raise
            raise BrokenShard(f"cannot be read behind {last} ({type(error).__name__})", structure="tar") from None

    def _write(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._out.addfile(info, io.BytesIO(data))

    def finish(self) -> bytes:
        """The tar."""
        self._out.close()
        if self._stream is not self._sink:
            self._stream.close()
        return self._sink.getvalue()


class ZipShard(_Archive):
    """A zip; members are stored, because images do not shrink."""

    def __init__(self, file: BinaryIO, choice: Choice) -> None:
        super().__init__(choice)
        self._file, self._sink = file, io.BytesIO()
        self._out = zipfile.ZipFile(self._sink, "w")

    def _members(self) -> Iterator[Member]:
        last = "the directory"
        try:
            with zipfile.ZipFile(self._file) as archive:
                for info in archive.infolist():
                    if info.is_dir():
                        continue
                    last = f"member {info.filename!a}"
                    with archive.open(info) as inner:
                        yield self._member(info.filename, info.file_size, inner.read)
        except (
            zipfile.BadZipFile,
            EOFError,
            OSError,
            RuntimeError,
            NotImplementedError,
            zlib.error,
            ValueError,
        ) as error:
            if isinstance(error, RmexifError):
                raise
            raise BrokenShard(f"cannot be read at {last} ({type(error).__name__})", structure="zip") from None

    def _write(self, name: str, data: bytes) -> None:
        self._out.writestr(zipfile.ZipInfo(name, EPOCH), data)

    def finish(self) -> bytes:
        """The zip."""
        self._out.close()
        return self._sink.getvalue()


class TableShard:
    """Parquet with a column of bytes, or of ``{bytes, path}`` as Hugging Face's data sets have it.

    Raises:
        BrokenShard: it is no Parquet, or no column holds images.
    """

    def __init__(self, file: BinaryIO, choice: Choice) -> None:
        pa, parquet = require()
        self._pa, self._choice, self._sink = pa, choice, io.BytesIO()
        try:
            self._table = parquet.ParquetFile(file)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BrokenShard(f"cannot be read at its footer ({type(error).__name__})", structure="parquet") from None
        schema = self._table.schema_arrow
        self._column = choice.column or self._find(schema)
        if self._column not in schema.names or not self._holds_bytes(schema.field(self._column).type):
            raise BrokenShard(f"column {self._column!a} holds no bytes", structure="parquet")
        kept = [field for field in schema if choice.passes or field.name == self._column]
        about = {
            key: value for key, value in (schema.metadata or {}).items() if key == b"huggingface" and choice.passes
        }
        self._schema = pa.schema(kept, metadata=about)
        self._writer = parquet.ParquetWriter(self._sink, self._schema)
        self._rows: list[dict[str, Any]] = []

    def _holds_bytes(self, kind: Any) -> bool:
        types = self._pa.types
        if types.is_struct(kind):
            return any(field.name == "bytes" and self._holds_bytes(field.type) for field in kind)
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def _find(self, schema: Any) -> str:
        found = [field.name for field in schema if self._holds_bytes(field.type)]
        if len(found) != 1:
            names = ", ".join(map(ascii, found)) or "none"
            raise BrokenShard(f"one column of images expected, found {names}: name it", structure="parquet")
        return str(found[0])

    def records(self) -> Iterator[Record]:
        """Its rows."""
        number = 0
        try:
            for batch in self._table.iter_batches(ROWS):
                for row in batch.to_pylist():
                    value = row.pop(self._column)
                    image = value.get("bytes") if isinstance(value, dict) else value
                    row[self._column] = value if isinstance(value, dict) else None
                    yield Record((Member(str(number), image or b""),), row)
                    number += 1
        except (self._pa.ArrowException, OSError) as error:
            raise BrokenShard(f"cannot be read at row {number} ({type(error).__name__})", structure="parquet") from None

    def add(self, record: Record, images: list[tuple[str, bytes]]) -> None:
        """A row with its image replaced; its path goes, unless columns are passed."""
        ((_, data),), columns = images, dict(record.columns or {})
        value = columns[self._column]
        if isinstance(value, dict):
            rest = value if self._choice.passes else dict.fromkeys(value)
            columns[self._column] = rest | {"bytes": data}
        else:
            columns[self._column] = data
        self._rows.append({name: columns[name] for name in self._schema.names})
        if len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._pa.Table.from_pylist(self._rows, schema=self._schema), row_group_size=ROWS)
        self._rows = []

    def finish(self) -> bytes:
        """The table."""
        self._flush()
        self._writer.close()
        return self._sink.getvalue()


SHARDS: dict[str, Callable[[BinaryIO, Choice], Shard]] = {
    ".tar": lambda file, choice: TarShard(file, choice, zipped=False),
    ".tar.gz": lambda file, choice: TarShard(file, choice, zipped=True),
    ".tgz": lambda file, choice: TarShard(file, choice, zipped=True),
    ".zip": ZipShard,
    ".parquet": TableShard,
}


def shard_kind(path: str) -> str | None:
    """The extension by which a path is a shard; None where it is none."""
    return next((ending for ending in SHARDS if path.lower().endswith(ending)), None)


def open_shard(path: str, file: BinaryIO, limits: Limits, passes: bool = False, column: str | None = None) -> Shard:
    """A shard to read, and to write again.

    Args:
        path: says by its extension what it is.
        file: is read from its start.
        limits: what one image may cost.
        passes: keep other members, and other columns; they are not looked into.
        column: that holds the images; None finds it.

    Raises:
        BrokenShard: it cannot be read.
    """
    kind = shard_kind(path)
    if kind is None:
        raise BrokenShard(f"expected one of {', '.join(SHARDS)}")
    return SHARDS[kind](file, Choice(limits, passes, column))


def _key(name: str) -> str:
    """Of WebDataset: the path up to the first dot of its last step."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.split('.')[0]}"


def _says_image(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    kind, _ = mimetypes.guess_type(f"x{suffix}")
    return (kind or "").startswith("image/") or any(suffix in row.format.extensions for row in FORMATS)


def _is_image(data: bytes) -> bool:
    try:
        sniff_source(memoryview(data))
    except UnknownFormat:
        return False
    except RmexifError:
        return True  # some image that is refused
    return True
