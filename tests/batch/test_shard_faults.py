"""Shards that are broken, hostile or half done: a typed error that names the member, bounded work, and the others go on."""

from __future__ import annotations

import gzip
import hashlib
import io
import resource
import signal
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

import pyarrow as pa
from pyarrow import parquet

from tests.batch import checker, pictures
from tests.batch.test_shards import done, killed_behind_the_first, table, tar, untarred, zipped

IMAGE = pictures.jpeg(1)
GIB = 1 << 30


def members(count: int = 6) -> dict[str, bytes]:
    """Images by name."""
    return {f"{number:04d}.jpg": pictures.jpeg(number) for number in range(count)}


def special(name: str, kind: bytes, linkname: str = "0001.jpg") -> bytes:
    """A tar with a member that is no file."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as out:
        for path, data in members(3).items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, linkname
        out.addfile(info)
    return sink.getvalue()


def header(size: bytes, kind: bytes = b"0", name: bytes = b"huge.jpg") -> bytes:
    """A tar header with a size of its own (POSIX.1-2024, ustar)."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = size
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def unfinished(files: dict[str, bytes]) -> bytes:
    """A tar without its end."""
    sink = io.BytesIO()
    for name, data in files.items():
        sink.write(header(octal(len(data)), name=name.encode()) + data + bytes(-len(data) % 512))
    return sink.getvalue()


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def binary(size: int) -> bytes:
    """Base 256, which GNU tar writes for what octal cannot say."""
    return b"\x80" + size.to_bytes(11, "big")


def in_the_middle(data: bytes, change: Callable[[bytearray, int], None]) -> bytes:
    """A tar or zip with something changed at its third member."""
    changed = bytearray(data)
    change(changed, data.index(b"0002.jpg"))
    return bytes(changed)


def bad_sum(data: bytearray, place: int) -> None:
    data[place + 110] ^= 1


def bad_image_byte(data: bytearray, place: int) -> None:
    data[place + 60] ^= 255


def in_the_trailer(data: bytes) -> bytes:
    """A gzip whose sum is another one (RFC 1952, CRC32)."""
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


def stored(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip, without compression."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return sink.getvalue()


def twice(pack: Callable[[Any], None]) -> bytes:
    sink = io.BytesIO()
    pack(sink)
    return sink.getvalue()


def zip_twice(sink: Any) -> None:
    with zipfile.ZipFile(sink, "w") as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in (1, 2):
            out.writestr("a.jpg", pictures.jpeg(number))


def tar_twice(sink: Any) -> None:
    with tarfile.open(fileobj=sink, mode="w") as out:
        for name in ("a.jpg", "b.jpg", "./a.jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(IMAGE)
            out.addfile(info, io.BytesIO(IMAGE))


def corrupt_page() -> bytes:
    """Bytes of a page in the middle changed, and the footer whole."""
    raw = bytearray(table({"image": [pictures.jpeg(number) for number in range(60)], "n": list(range(60))}))
    for place in range(len(raw) // 2, len(raw) // 2 + 900):
        raw[place] ^= 0x5A
    return bytes(raw)


def one_value_many_rows(rows: int, size: int) -> bytes:
    """A dictionary of one large value, and rows that refer to it: some bits each."""
    large = pa.array([bytes(size)], pa.binary())
    values = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), large)
    sink = io.BytesIO()
    parquet.write_table(pa.table({"image": values}), sink, compression="zstd", store_schema=False)
    return sink.getvalue()


def two_names() -> bytes:
    """Two columns of one name."""
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays([pa.array([IMAGE]), pa.array([IMAGE])], names=["a", "a"]), sink)
    return sink.getvalue()


BROKEN: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "tar cut in a member": ("x.tar", "0002.jpg", lambda: tar(members())[: tar(members()).index(b"0002.jpg") + 700]),
    "tar bad sum": ("x.tar", "tar at byte", lambda: in_the_middle(tar(members()), bad_sum)),
    "tar absurd size": ("x.tar", "huge.jpg", lambda: unfinished(members()) + header(octal(8 * GIB - 1)) + bytes(1024)),
    "tar size of exabytes": ("x.tar", "huge.jpg", lambda: header(binary(1 << 62)) + bytes(4096)),
    "tar header bomb": ("x.tar", "a header of", lambda: header(octal(2 * GIB), b"x") + bytes(4096)),
    "tar name bomb": ("x.tar", "a header of", lambda: header(octal(2 * GIB), b"L") + bytes(4096)),
    "tar up": ("x.tar", "'a/../../b.jpg' leads elsewhere", lambda: tar({"a/../../b.jpg": IMAGE})),
    "tar root": ("x.tar", "'/etc/b.jpg' leads elsewhere", lambda: tar({"/etc/b.jpg": IMAGE})),
    "tar Windows": ("x.tar", "leads elsewhere", lambda: tar({"..\\..\\b.jpg": IMAGE})),
    "tar drive": ("x.tar", "leads elsewhere", lambda: tar({"C:\\b.jpg": IMAGE})),
    "tar twice": ("x.tar", "'./a.jpg' is there twice", lambda: twice(tar_twice)),
    "gzip cut": ("x.tar.gz", "tar", lambda: tar(members(), "w:gz")[:9000]),
    "gzip changed": ("x.tgz", "tar", lambda: tar(members(), "w:gz")[:9000] + bytes(400) + tar(members(), "w:gz")[9400:]),
    "gzip sum": ("x.tgz", "tar", lambda: in_the_trailer(tar(members(), "w:gz"))),
    "gzip bomb": ("x.tar.gz", "expands to more than 100 times", lambda: gzip.compress(unfinished(members(1)) + header(octal(280 << 20), name=b"a.txt") + bytes(280 << 20), 9)),
    "zip crc": ("x.zip", "0002.jpg", lambda: in_the_middle(stored(members()), bad_image_byte)),
    "zip lzma": ("x.zip", "0002.jpg", lambda: in_the_middle(stored(members(), zipfile.ZIP_LZMA), bad_image_byte)),
    "zip bzip2": ("x.zip", "0002.jpg", lambda: in_the_middle(stored(members(), zipfile.ZIP_BZIP2), bad_image_byte)),
    "zip cut": ("x.zip", "the directory", lambda: stored(members())[:-30]),
    "zip encrypted": ("x.zip", "0000.jpg", lambda: stored(members(1)).replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00").replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00")),
    "zip unknown method": ("x.zip", "0000.jpg", lambda: stored(members(1)).replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63\x00")),
    "zip bomb": ("x.zip", "expands to more than 100 times", lambda: stored({f"{n}.txt": bytes(4 << 20) for n in range(70)}, zipfile.ZIP_DEFLATED)),
    "zip up": ("x.zip", "leads elsewhere", lambda: stored({"../b.jpg": IMAGE})),
    "zip twice": ("x.zip", "'a.jpg' is there twice", lambda: twice(zip_twice)),
    "parquet page": ("x.parquet", "at row", corrupt_page),
    "parquet cut": ("x.parquet", "footer", lambda: corrupt_page()[:-100]),
    "parquet bomb": ("x.parquet", "expands to more than 100 times", lambda: one_value_many_rows(4000, 1 << 20)),
    "parquet names": ("x.parquet", "two columns have one name", two_names),
    "parquet words": ("x.parquet", "column of images expected", lambda: table({"label": ["a"]})),
    "parquet no images": ("x.parquet", "column 'a' holds no images", lambda: table({"a": [b"x", None, b""]})),
    "parquet empty": ("x.parquet", "column 'a' holds no images", lambda: table({"a": pa.array([], pa.binary())})),
    "zip no images": ("x.zip", "no member is an image", lambda: stored({"a.txt": b"x", "b.jpg": b"text"})),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_it_is_named_and_the_others_go_on(fault: str, tmp_path: Path) -> None:
    """One row with its code and its place; no output; a good shard beside it is done; a second run does nothing."""
    name, words, made = BROKEN[fault]
    around, tmp_path = tmp_path, tmp_path / "a" / "b"  # room for what leads out of the target
    (tmp_path / "in").mkdir(parents=True)
    (tmp_path / "in" / name).write_bytes(made())
    (tmp_path / "in" / "a good.tar").write_bytes(tar(members(2)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    codes = done(tmp_path / "in", tmp_path / "out", others="pass")

    rows = {row["path"]: row for row in checker.rows_of(tmp_path / "out" / "_rmexif")}
    assert (codes["ok"], codes["broken_shard"]) == (2, 1)
    assert rows[name]["code"] == "broken_shard"
    assert words in rows[name]["problem"]
    assert rows[name]["original_hash"] == hashlib.sha256((tmp_path / "in" / name).read_bytes()).hexdigest()
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == ["a good.tar"]
    assert not [path for path in around.rglob("b.jpg") if path.is_file()]
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 900 << 10  # KiB; nothing of GiB is held
    again = done(tmp_path / "in", tmp_path / "out", others="pass")
    assert (again["skipped"], again["broken_shard"]) == (1, 1)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(kind: bytes, tmp_path: Path) -> None:
    """One that is called as an image is refused and named; any other is no file, and goes; nothing is followed."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(special("9999.jpg", kind, "/etc/hostname"))
    (tmp_path / "in" / "b.tar").write_bytes(special("latest", kind, "/etc/hostname"))

    codes = done(tmp_path / "in", tmp_path / "out", others="pass")

    assert codes == {"ok": 6, "unsupported_feature": 1}
    rows = {row["path"]: row for row in checker.rows_of(tmp_path / "out" / "_rmexif" / "members")}
    assert rows["a.tar/9999.jpg"]["problem"] == "a link or a device is no file"
    for name in ("a.tar", "b.tar"):
        assert sorted(untarred((tmp_path / "out" / name).read_bytes())) == sorted(members(3))


def test_a_sparse_file_of_zeros(tmp_path: Path) -> None:
    """GNU's sparse files say how long they are, and hold nothing."""
    block = bytearray(header(octal(0), b"S"))
    block[257:265] = b"ustar  \0"
    block[483:495] = octal(300 << 30)  # realsize
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(unfinished(members(1)) + bytes(block) + bytes(1024))

    assert done(tmp_path / "in", tmp_path / "out") == {"broken_shard": 1}


def test_a_member_above_the_limit(tmp_path: Path) -> None:
    """A row says so, with its size, and nothing of it is read; the other members go on."""
    from rmexif.batch import Shards, run
    from rmexif.bulk import StripTask
    from rmexif.types import Limits

    large = IMAGE + bytes(200_000)
    files = {"1.jpg": IMAGE, "2.jpg": large}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(tar(files))
    (tmp_path / "in" / "b.zip").write_bytes(stored(files))
    (tmp_path / "in" / "c.parquet").write_bytes(table({"image": list(files.values())}))

    task = StripTask(limits=Limits(max_bytes=100_000))
    codes = run(str(tmp_path / "in"), str(tmp_path / "out"), task, shards=Shards()).codes

    assert codes == {"ok": 3, "limit_exceeded": 3}
    rows = [row for row in checker.rows_of(tmp_path / "out" / "_rmexif" / "members") if row["code"] != "ok"]
    assert [(row["original_size"], row["original_hash"]) for row in rows] == [(len(large), None)] * 3


def packed(kind: str, count: int, salt: int) -> bytes:
    """A shard of many images."""
    files = {f"{salt}-{index:04d}.jpg": pictures.jpeg(index % 9 + salt) for index in range(count)}
    if kind == "lmdb":
        from tests.batch.test_lmdb import database

        path = Path("/dev/shm") / f"rmexif-test-{salt}.lmdb"
        try:
            return database(path, {name.encode(): raw for name, raw in files.items()})
        finally:
            path.unlink(missing_ok=True)
    if kind == "parquet":
        return table({"image": list(files.values())})
    return zipped(files) if kind == "zip" else tar(files, "w:gz")


@pytest.mark.parametrize("kind", ["tar.gz", "zip", "parquet", "lmdb"])
def test_killed_in_the_middle(kind: str, tmp_path: Path) -> None:
    """kill -9 in the second shard: the next run ends with the bytes of one that was never killed."""
    if kind == "lmdb":
        pytest.importorskip("lmdb", reason="the extra rmexif[lmdb] is not installed")
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.{kind}").write_bytes(packed(kind, 300, number))
    status = killed_behind_the_first(tmp_path, 0.02)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob(f"*.{kind}")}

    codes = done(tmp_path / "in", tmp_path / "out")
    done(tmp_path / "in", tmp_path / "straight")

    assert status == -signal.SIGKILL
    assert 1 <= codes["skipped"] < 3
    assert codes["skipped"] + codes["ok"] / 300 == 3
    outputs = {path.name: path for path in (tmp_path / "out").glob(f"*.{kind}")}
    assert any(outputs[name].stat().st_mtime_ns == then for name, then in before.items())
    for number in range(3):
        name = f"{number}.{kind}"
        assert outputs[name].read_bytes() == (tmp_path / "straight" / name).read_bytes()
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []
