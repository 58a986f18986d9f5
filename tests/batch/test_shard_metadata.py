"""What shards say beside their images: a text planted in each of its carriers, none left, whatever is passed."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

import pyarrow as pa
from pyarrow import parquet

from tests import samples
from tests.batch import pictures
from tests.batch.test_shards import done

CANARY = "CANARY-4T8R-SHARD"
TEXT = CANARY.encode()
IMAGE = pictures.jpeg(1)  # with a text of its own in its Exif and its comment


def tar(
    change: Callable[[tarfile.TarInfo], object] = lambda _: None, others: dict[str, bytes] | None = None, **words: Any
) -> bytes:
    """A tar of one image, with a changed header."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", **words) as out:
        for name, data in {"a/1.jpg": IMAGE, **(others or {})}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            change(info)
            out.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def with_(**values: Any) -> Callable[[tarfile.TarInfo], object]:
    """A change of a header."""
    return lambda info: [setattr(info, name, value) for name, value in values.items()]


def tar_with_padding() -> bytes:
    """The rest of the last block of an image is anybody's."""
    data = bytearray(tar())
    end = 512 + len(IMAGE)
    data[end : end + len(TEXT)] = TEXT
    return bytes(data)


def tar_with_links() -> bytes:
    """A folder, a symbolic link and a label of a volume."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as out:
        for name, kind in ((CANARY, tarfile.DIRTYPE), ("latest", tarfile.SYMTYPE), (f"{CANARY}-2", b"V")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, CANARY if kind == tarfile.SYMTYPE else ""
            out.addfile(info)
        info = tarfile.TarInfo("1.jpg")
        info.size = len(IMAGE)
        out.addfile(info, io.BytesIO(IMAGE))
    return sink.getvalue()


def gzipped() -> bytes:
    """The name of the file that was compressed (RFC 1952, FNAME), and bytes behind its end."""
    sink = io.BytesIO()
    with gzip.GzipFile(CANARY, "wb", 6, sink, mtime=1_700_000_000) as out:
        out.write(tar())
    return sink.getvalue()


def zipped(others: dict[str, bytes] | None = None, before: bytes = b"", between: bytes = b"", **values: Any) -> bytes:
    """A zip of one image, with a changed entry, and bytes that belong to no member."""
    sink = io.BytesIO(before)
    sink.seek(0, io.SEEK_END)
    with zipfile.ZipFile(sink, "a") as out:
        out.comment = values.pop("archive_comment", b"")
        for name, data in {"a/1.jpg": IMAGE, **(others or {})}.items():
            info = zipfile.ZipInfo(name, (2023, 5, 6, 7, 8, 10))
            for key, value in values.items():
                setattr(info, key, value)
            out.writestr(info, data)
            if between and name == "a/1.jpg":
                out.fp.write(between)  # type: ignore[union-attr]
                out.start_dir = out.fp.tell()  # type: ignore[union-attr]
    return sink.getvalue()


def table(
    columns: dict[str, Any] | None = None,
    field: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    **words: Any,
) -> bytes:
    """Parquet of one image as Hugging Face has it, and what is beside it."""
    kind = pa.struct([("bytes", pa.binary()), pa.field("path", pa.string(), metadata=words.pop("inner", None))])
    path = words.pop("path", None)
    made = {"image": pa.array([{"bytes": IMAGE, "path": path}], kind), **(columns or {})}
    arrays = [pa.array(value) if isinstance(value, list) else value for value in made.values()]
    fields = [pa.field(name, array.type, metadata=field) for name, array in zip(made, arrays, strict=True)]
    sink = io.BytesIO()
    parquet.write_table(
        pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=metadata)), sink, compression="none", **words
    )
    return sink.getvalue()


def pandas_table() -> bytes:
    """Through pandas: its index and the names of its columns are in the metadata of the file."""
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    sink = io.BytesIO()
    pd.DataFrame({"image": [IMAGE], CANARY: [1]}, index=[CANARY]).to_parquet(sink, compression=None)
    return sink.getvalue()


def by_another_writer() -> bytes:
    """created_by of the footer, which may name a machine or a person."""
    data = table()
    written = parquet.ParquetFile(io.BytesIO(data)).metadata.created_by.encode()
    return data.replace(written, TEXT.ljust(len(written), b"."))


def sidecar() -> bytes:
    """What img2dataset writes beside an image: the address, the caption and its Exif."""
    return json.dumps({"url": f"https://example.org/{CANARY}.jpg", "exif": {"GPS GPSLatitude": CANARY}}).encode()


HEADERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "tar owner": ("x.tar", lambda: tar(with_(uname=CANARY))),
    "tar group": ("x.tar", lambda: tar(with_(gname=CANARY))),
    "tar link name": ("x.tar", lambda: tar(with_(linkname=CANARY))),
    "tar xattr": ("x.tar", lambda: tar(with_(pax_headers={"SCHILY.xattr.user.name": CANARY}))),
    "tar comment": ("x.tar", lambda: tar(format=tarfile.PAX_FORMAT, pax_headers={"comment": CANARY})),
    "tar padding": ("x.tar", tar_with_padding),
    "tar tail": ("x.tar", lambda: tar() + TEXT),
    "tar links": ("x.tar", tar_with_links),
    "gzip name": ("x.tar.gz", gzipped),
    "gzip tail": ("x.tgz", lambda: gzip.compress(tar() + TEXT, mtime=1)),
    "zip comment": ("x.zip", lambda: zipped(archive_comment=TEXT)),
    "zip member comment": ("x.zip", lambda: zipped(comment=TEXT)),
    "zip extra field": ("x.zip", lambda: zipped(extra=struct.pack("<HH", 0x7075, len(TEXT)) + TEXT)),
    "zip before": ("x.zip", lambda: zipped(before=b"#!/bin/sh\n" + TEXT)),
    "zip between": ("x.zip", lambda: zipped(between=TEXT)),
    "zip folder": ("x.zip", lambda: zipped({f"{CANARY}/": b""})),
    "parquet pandas": ("x.parquet", pandas_table),
    "parquet metadata": ("x.parquet", lambda: table(metadata={"author": CANARY})),
    "parquet field": ("x.parquet", lambda: table(field={"comment": CANARY})),
    "parquet inner field": ("x.parquet", lambda: table(inner={"comment": CANARY})),
    "parquet inner list": ("x.parquet", lambda: table({"words": pa.array([["a"]], pa.list_(pa.field("word", pa.string(), metadata={"comment": CANARY})))})),
    "parquet created_by": ("x.parquet", by_another_writer),
}  # fmt: skip
CONTENTS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "tar caption": ("x.tar", lambda: tar(others={"a/1.txt": TEXT})),
    "tar sidecar": ("x.tar", lambda: tar(others={"a/1.json": sidecar()})),
    "tar name": ("x.tar", lambda: tar(others={f"b/{CANARY}.txt": b"1"})),
    "zip sidecar": ("x.zip", lambda: zipped({"a/1.json": sidecar()})),
    "parquet caption": ("x.parquet", lambda: table({"caption": [CANARY]})),
    "parquet column": ("x.parquet", lambda: table({CANARY: [1]})),
    "parquet path": ("x.parquet", lambda: table(path=f"/home/{CANARY}/berlin.jpg")),
    "parquet features": ("x.parquet", lambda: table(metadata={"huggingface": json.dumps({"info": {"description": CANARY}})})),
    "parquet dictionary": ("x.parquet", lambda: table({"label": pa.array([CANARY]).dictionary_encode()})),
}  # fmt: skip


def everything(path: Path) -> bytes:
    """A file, what it holds under compression, and the names and values of a table as pyarrow has them."""
    data = path.read_bytes()
    if path.suffix in (".gz", ".tgz"):
        data += gzip.decompress(data)
    if path.suffix == ".parquet":
        found = parquet.ParquetFile(path)
        inner = [field.metadata for field in found.schema_arrow] + [
            repr(found.schema_arrow.to_string(show_field_metadata=True))
        ]
        data += repr((found.metadata.to_dict(), found.metadata.metadata, inner, found.read().to_pylist())).encode()
    return data


@pytest.mark.parametrize("carrier", [*HEADERS, *CONTENTS])
def test_nothing_is_left(carrier: str, tmp_path: Path) -> None:
    """By default; what the images say goes as ever."""
    name, made = {**HEADERS, **CONTENTS}[carrier]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(made())

    words = {"column": "image"} if name.endswith("parquet") else {}
    assert done(tmp_path / "in", tmp_path / "out", **words) == {"ok": 1}

    assert TEXT in everything(tmp_path / "in" / name)
    left = everything(tmp_path / "out" / name)
    assert TEXT not in left
    assert samples.CANARY not in left


# The canary of "parquet pandas" is the name of a column, too, which is passed.
@pytest.mark.parametrize("carrier", [name for name in HEADERS if name != "parquet pandas"])
def test_headers_are_never_passed(carrier: str, tmp_path: Path) -> None:
    """--others pass is about members and columns."""
    name, made = HEADERS[carrier]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(made())

    assert done(tmp_path / "in", tmp_path / "out", others="pass") == {"ok": 1}
    assert TEXT not in everything(tmp_path / "out" / name)


@pytest.mark.parametrize("carrier", CONTENTS)
def test_contents_are_passed_where_they_are_asked_for(carrier: str, tmp_path: Path) -> None:
    """And as they were."""
    name, made = CONTENTS[carrier]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(made())

    assert done(
        tmp_path / "in", tmp_path / "out", others="pass", **({"column": "image"} if "parquet" in name else {})
    ) == {"ok": 1}
    left = everything(tmp_path / "out" / name)
    assert TEXT in left
    assert samples.CANARY not in left


def test_times_and_numbers(tmp_path: Path) -> None:
    """Owners, modes and times as numbers: one value for all."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.tar").write_bytes(tar(with_(mtime=1_683_356_890, uid=4711, gid=815, mode=0o640)))
    (tmp_path / "in" / "x.tgz").write_bytes(gzip.compress(tar(), mtime=1_683_356_890))
    (tmp_path / "in" / "x.zip").write_bytes(zipped(external_attr=0o640 << 16, create_system=0))

    assert done(tmp_path / "in", tmp_path / "out", others="pass") == {"ok": 3}
    with tarfile.open(tmp_path / "out" / "x.tar") as archive:
        (info,) = archive.getmembers()
        assert (info.mtime, info.uid, info.gid, info.mode) == (0, 0, 0, 0o644)
        assert (info.devmajor, info.devminor, info.pax_headers) == (0, 0, {})
    assert (tmp_path / "out" / "x.tgz").read_bytes()[4:8] == bytes(4)
    with zipfile.ZipFile(tmp_path / "out" / "x.zip") as archive:
        (entry,) = archive.infolist()
        assert (entry.date_time, entry.extra, entry.comment) == ((1980, 1, 1, 0, 0, 0), b"", b"")
        assert (entry.external_attr, entry.create_system) == (0o600 << 16, 3)


def test_a_row_that_is_left_out_is_in_no_statistic(tmp_path: Path) -> None:
    """Smallest and largest values, and dictionaries, are of the rows that are written."""
    labels = pa.array([CANARY, "m", f"z{CANARY}"])
    images = [b"no image", IMAGE, b"\xff\xd8\xff\xe0 broken"]
    sink = io.BytesIO()
    columns = {"image": images, "plain": labels, "coded": labels.dictionary_encode()}
    parquet.write_table(pa.table(columns), sink, compression="none")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.parquet").write_bytes(sink.getvalue())

    done(tmp_path / "in", tmp_path / "out", others="pass")

    assert parquet.read_table(tmp_path / "out" / "x.parquet")["coded"].to_pylist() == ["m"]
    assert TEXT in everything(tmp_path / "in" / "x.parquet")
    assert TEXT not in everything(tmp_path / "out" / "x.parquet")


def test_a_database(tmp_path: Path) -> None:
    """Other keys and values, and what was deleted and still lies in free pages."""
    lmdb = pytest.importorskip("lmdb", reason="the extra rmexif[lmdb] is not installed")
    path = tmp_path / "in" / "x.lmdb"
    path.parent.mkdir()
    with lmdb.open(str(path), subdir=False, lock=False) as environment:
        for key, value in ((b"1", IMAGE), (TEXT, b"1"), (b"caption", TEXT), (b"old", TEXT * 1000)):
            with environment.begin(write=True) as transaction:
                transaction.put(key, value)
        with environment.begin(write=True) as transaction:
            transaction.delete(b"old")
            transaction.delete(TEXT)

    assert (
        done(tmp_path / "in", tmp_path / "out") == done(tmp_path / "in", tmp_path / "all", others="pass") == {"ok": 1}
    )
    assert path.read_bytes().count(TEXT) > 1000
    assert TEXT not in (tmp_path / "out" / "x.lmdb").read_bytes()
    assert (tmp_path / "all" / "x.lmdb").read_bytes().count(TEXT) == 1
    assert samples.CANARY not in (tmp_path / "all" / "x.lmdb").read_bytes()


def test_an_image_in_another_column_is_not_passed(tmp_path: Path) -> None:
    """It would leave as it came: a thumbnail, a mask, a list of frames."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.parquet").write_bytes(table({"thumbnail": [IMAGE]}))
    (tmp_path / "in" / "l.parquet").write_bytes(table({"frames": pa.array([[{"bytes": IMAGE}]])}))
    (tmp_path / "in" / "e.parquet").write_bytes(table({"embedding": [b"\x00\x01\x02"]}))

    codes = done(tmp_path / "in", tmp_path / "out", others="pass", column="image")

    assert codes == {"ok": 1, "broken_shard": 2}
    assert parquet.read_table(tmp_path / "out" / "e.parquet")["embedding"].to_pylist() == [b"\x00\x01\x02"]
    assert done(tmp_path / "in", tmp_path / "drop", column="image") == {"ok": 3}
