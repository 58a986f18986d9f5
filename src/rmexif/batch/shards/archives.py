"""Tar (WebDataset) and zip: members by name, records by key.

A record is the members that follow each other and whose names agree up to the first dot of their last step.
Headers of what is written say nothing of their own: no times, owners, modes, comments or extra fields.
"""

from __future__ import annotations

import gzip
import io
import mimetypes
import posixpath
import re
import tarfile
import zipfile
from abc import ABC, abstractmethod
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from rmexif.batch.shards.shard import BrokenShard, Expansion, Member, Record, is_image, reading, too_large
from rmexif.containers import FORMATS
from rmexif.errors import UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from rmexif.batch.shards.shard import Choice

__all__ = ["Archive", "TarShard", "ZipShard", "names_image"]

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can say
# Headers whose body tarfile holds in memory: extended ones (POSIX.1-2024, pax) and GNU's long names.
LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
GZIP = b"\x1f\x8b"  # RFC 1952, ID1 and ID2: tarfile's own reader does not look at the sum
BLOCK = 1 << 20  # byte
LONGEST_HEADER = 1 << 20  # byte; paths end at 4 KiB


class Archive(ABC):
    """What archives share."""

    keeps_names = False
    without_images = "no member is an image"

    def __init__(self, file: BinaryIO, size: int, choice: Choice) -> None:
        self._file, self._choice = file, choice
        self._expansion = Expansion(size, choice.limits)
        self._written: set[str] = set()

    def records(self) -> Iterator[Record]:
        """Members that follow each other and have one key."""
        for _, members in groupby(self._members(), lambda member: _key(member.name)):
            yield Record(tuple(members))

    def add(self, record: Record, images: list[tuple[str, bytes]]) -> list[str]:
        """The images, and the other members where they are passed."""
        others = [(member.name, member.data) for member in record.members if not member.is_image]
        for name, data in [*images, *(others if self._choice.passes else ())]:
            place = posixpath.normpath(name)
            if place in self._written:  # whoever unpacks it would see one of them, and a record has one of each
                raise BrokenShard(f"member {name!a} is there twice")
            self._written.add(place)
            self._write(name, data)
        return [name for name, _ in images]

    def _member(self, name: str, size: int, read: Callable[[int], bytes]) -> Member:
        if leads_elsewhere(name):
            raise BrokenShard(f"member {name!a} leads elsewhere")
        most = self._choice.limits.max_bytes
        self._expansion.take(size, f"member {name!a}")
        if size > most:
            return too_large(name, size)
        data = read(most + 1)
        return Member(name, data, names_image(name) or is_image(data))

    @abstractmethod
    def _members(self) -> Iterator[Member]:
        """All of the shard, in its order."""

    @abstractmethod
    def _write(self, name: str, data: bytes) -> None:
        """Add a member."""

    @abstractmethod
    def finish(self) -> bytes:
        """What was written."""


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

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in LONG_HEADERS and info.size > LONGEST_HEADER:
            raise BrokenShard(f"a header of {info.size} byte, at most {LONGEST_HEADER} expected", structure="tar")
        return info


class TarShard(Archive):
    """A tar, as it is or compressed; what is written is compressed with gzip where ``zipped``."""

    def __init__(self, file: BinaryIO, size: int, choice: Choice, zipped: bool = False) -> None:
        super().__init__(file, size, choice)
        self._sink = io.BytesIO()
        self._stream: Any = gzip.GzipFile("", "wb", 6, self._sink, mtime=0) if zipped else self._sink
        self._out = tarfile.open(fileobj=self._stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - finish() closes it

    def _members(self) -> Iterator[Member]:
        last = "the first header"
        file: Any = self._file
        if file.read(len(GZIP)) == GZIP:
            file = gzip.GzipFile(fileobj=self._file)
        self._file.seek(0)
        with (
            reading("tar", lambda: f"behind {last}"),
            tarfile.open(fileobj=file, mode="r|*", tarinfo=_StrictInfo) as tar,
        ):
            for info in tar:
                last = f"member {info.name!a}"
                tar.members = []  # type: ignore[attr-defined] # tarfile would hold the headers of all
                if info.isreg() and (inner := tar.extractfile(info)) is not None:
                    yield self._member(info.name, info.size, inner.read)
                elif names_image(info.name) and not info.isdir():
                    yield Member(info.name, b"", True, UnsupportedFeature("a link or a device is no file"), 0)
            while file is not self._file and (rest := file.read(BLOCK)):  # to the sum at its end
                self._expansion.take(len(rest), "what is behind its end")

    def _write(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._out.addfile(info, io.BytesIO(data))
        self._out.members = []  # type: ignore[attr-defined]

    def finish(self) -> bytes:
        """The tar."""
        self._out.close()
        if self._stream is not self._sink:
            self._stream.close()
        return self._sink.getvalue()


class ZipShard(Archive):
    """A zip; members are stored, because images do not shrink."""

    def __init__(self, file: BinaryIO, size: int, choice: Choice) -> None:
        super().__init__(file, size, choice)
        self._sink = io.BytesIO()
        self._out = zipfile.ZipFile(self._sink, "w")

    def _members(self) -> Iterator[Member]:
        last = "the directory"
        with reading("zip", lambda: f"at {last}"), zipfile.ZipFile(self._file) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                last = f"member {info.filename!a}"
                with archive.open(info) as inner:
                    yield self._member(info.filename, info.file_size, inner.read)

    def _write(self, name: str, data: bytes) -> None:
        self._out.writestr(zipfile.ZipInfo(name, EPOCH), data)

    def finish(self) -> bytes:
        """The zip."""
        self._out.close()
        return self._sink.getvalue()


def leads_elsewhere(name: str) -> bool:
    """Whether a member would be unpacked outside of its folder, on any system."""
    steps = re.split(r"[/\\]", name)
    return steps[0] == "" or ".." in steps or re.match("[A-Za-z]:", name) is not None


def names_image(name: str) -> bool:
    """Whether a name ends as those of images do."""
    suffix = PurePosixPath(name).suffix.lower()
    kind, _ = mimetypes.guess_type(f"x{suffix}")
    return (kind or "").startswith("image/") or any(suffix in row.format.extensions for row in FORMATS)


def _key(name: str) -> str:
    """Of WebDataset: the path up to the first dot of its last step."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.split('.')[0]}"
