"""Archives and tables as objects: the same hashes as the files alone, nothing unpacked, broken ones named."""

from __future__ import annotations

import hashlib
import io
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

import pyarrow as pa
from pyarrow import parquet

from rmexif import InvalidPolicy, strip, verify
from rmexif.batch import Shards, run
from rmexif.bulk import StripTask
from tests import samples
from tests.batch import checker, pictures
from tests.batch.server import Server

SECRET = b"a caption with a name in it"


def tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    """A tar as others write it, with an owner and times."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as out:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname, info.uid = len(data), 1_700_000_000, "anna", 1234
            out.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip with a comment and a time."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as out:
        out.comment = SECRET
        for name, data in members.items():
            out.writestr(zipfile.ZipInfo(name, (2023, 5, 6, 7, 8, 9)), data)
    return sink.getvalue()


def table(columns: dict[str, Any], metadata: dict[bytes, bytes] | None = None) -> bytes:
    """Parquet as pyarrow writes it."""
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns).replace_schema_metadata(metadata), sink)
    return sink.getvalue()


def untarred(data: bytes) -> dict[str, bytes]:
    """What is in a tar, by name."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def alone(raw: bytes) -> bytes:
    """What becomes of a file that is no member of anything."""
    return strip(raw)[0]


def done(source: Path, target: Path, **words: Any) -> dict[str, int]:
    """A run over shards that strips; its codes."""
    return dict(run(str(source), str(target), StripTask(), shards=Shards(**words)).codes)


def samples_of(count: int) -> dict[str, bytes]:
    """Pairs as WebDataset has them: an image, a caption and a class."""
    made: dict[str, bytes] = {}
    for number in range(count):
        made |= {f"{number:04d}.jpg": pictures.jpeg(number), f"{number:04d}.txt": SECRET, f"{number:04d}.cls": b"3"}
    return made


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_webdataset(mode: str, tmp_path: Path) -> None:
    """Images as alone, in order; other members dropped or passed; no owner, no time; a refused image takes its record."""
    members = samples_of(5)
    members["0002.jpg"] = b"\xff\xd8\xff\xe0 broken"
    members["0003.jpg"] = samples.of("png")["rgb"]
    name = "a.tar" if mode == "w" else "a.tar.gz"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(tar(members, mode))

    dropped = done(tmp_path / "in", tmp_path / "out")
    passed = done(tmp_path / "in", tmp_path / "all", others="pass")

    assert dropped == passed == {"ok": 4, "malformed_image": 1}
    data = (tmp_path / "out" / name).read_bytes()
    images = {f"{number:04d}.jpg": alone(members[f"{number:04d}.jpg"]) for number in (0, 1, 4)}
    images["0003.jpg.as.png"] = alone(members["0003.jpg"])
    assert untarred(data) == images
    rest = {name: raw for name, raw in members.items() if not name.endswith("jpg") and "0002" not in name}
    assert untarred((tmp_path / "all" / name).read_bytes()) == images | rest
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert {(info.mtime, info.uid, info.uname, info.pax_headers.get("x")) for info in archive} == {(0, 0, "", None)}
    assert SECRET not in data
    assert b"anna" not in data
    (rows,) = [checker.rows_of(path) for path in (tmp_path / "out" / "_rmexif" / "members",)]
    assert {row["path"]: row["original_hash"] for row in rows} == {
        f"{name}/{member}": hashlib.sha256(raw).hexdigest() for member, raw in members.items() if member.endswith("jpg")
    }
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []
    assert done(tmp_path / "in", tmp_path / "out") == {"skipped": 1}


def test_zip(s3: Server, bucket: str, tmp_path: Path) -> None:
    """From a bucket to a bucket; without comment, times and extra fields."""
    members = {"a/1.jpg": pictures.jpeg(1), "a/2": pictures.jpeg(2), "notes.txt": SECRET}
    place = s3.fill(bucket, {"in/x.zip": zipped(members)})

    summary = run(f"{place}/in", f"{place}/out", StripTask(), shards=Shards())

    data = s3.objects(f"{place}/out")["x.zip"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a/1.jpg": alone(members["a/1.jpg"]),
            "a/2.as.jpg": alone(members["a/2"]),
        }
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        assert archive.comment == b""
    assert summary.codes == {"ok": 2}
    assert SECRET not in data


def test_tables(tmp_path: Path) -> None:
    """Bytes, and Hugging Face's {bytes, path}: labels and the description of the features kept where somebody asks."""
    raws = [pictures.jpeg(number) for number in range(40)] + [b"no image", None]
    rows = [None if raw is None else {"bytes": raw, "path": f"Anna {number}.jpg"} for number, raw in enumerate(raws)]
    about = {b"huggingface": b'{"info": {"features": {"image": {"_type": "Image"}}}}', b"other": SECRET}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "hf.parquet").write_bytes(table({"image": rows, "label": list(range(42))}, about))
    (tmp_path / "in" / "plain.parquet").write_bytes(
        table({"bytes": pa.array(raws, pa.large_binary()), "t": ["x"] * 42})
    )

    dropped = done(tmp_path / "in", tmp_path / "out")
    done(tmp_path / "in", tmp_path / "all", others="pass")

    assert dropped == {"ok": 80, "unknown_format": 4}
    images = [alone(raw) for raw in raws[:40] if raw]
    out = parquet.read_table(tmp_path / "out" / "hf.parquet")
    assert out.column_names == ["image"]
    assert out["image"].to_pylist() == [{"bytes": raw, "path": None} for raw in images]
    kept = parquet.read_table(tmp_path / "all" / "hf.parquet")
    assert kept["label"].to_pylist() == list(range(40))
    assert kept["image"].to_pylist()[3] == {"bytes": images[3], "path": "Anna 3.jpg"}
    assert kept.schema.metadata == {b"huggingface": about[b"huggingface"]}
    assert parquet.read_table(tmp_path / "out" / "plain.parquet").to_pydict() == {"bytes": images}
    assert all(verify(raw, canonical=True) == [] for raw in images)
    assert b"Anna" not in (tmp_path / "out" / "hf.parquet").read_bytes()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_types_of_a_column(kind: Any, tmp_path: Path) -> None:
    """Every type of bytes, alone and in a struct, and fields that may not be null."""
    raws = [pictures.jpeg(number) for number in range(3)]
    struct = pa.struct([pa.field("bytes", kind, nullable=False), pa.field("path", pa.string(), nullable=False)])
    rows = pa.array([{"bytes": raw, "path": "x.jpg"} for raw in raws], struct)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "plain.parquet").write_bytes(table({"image": pa.array(raws, kind)}))
    (tmp_path / "in" / "hf.parquet").write_bytes(table({"image": rows, "day": pa.array([1, 2, 3], pa.date32())}))

    assert (
        done(tmp_path / "in", tmp_path / "out") == done(tmp_path / "in", tmp_path / "all", others="pass") == {"ok": 6}
    )
    images = list(map(alone, raws))
    plain, hf = (parquet.read_table(tmp_path / "out" / name)["image"] for name in ("plain.parquet", "hf.parquet"))
    assert plain.to_pylist() == images
    assert plain.type == kind
    assert hf.to_pylist() == [{"bytes": raw, "path": None} for raw in images]
    passed = parquet.read_table(tmp_path / "all" / "hf.parquet")
    assert passed["image"].to_pylist() == [{"bytes": raw, "path": "x.jpg"} for raw in images]
    assert passed["day"].type == pa.date32()


def test_broken_shards(tmp_path: Path) -> None:
    """Each is named with its member or column, has no result, and the others go on."""
    good = samples_of(3)
    broken = {
        "cut.tar": tar(good)[:9000],
        "cut header.tar": tar(good)[:7000],
        "no end.tar": tar(good)[:24064],
        "empty.tar": b"",
        "none.tar": tar({"a.txt": SECRET}),
        "up.tar": tar({"../a.jpg": pictures.jpeg(1)}),
        "text.zip": b"text",
        "crc.zip": zipped({"a.jpg": pictures.jpeg(1)}).replace(b"a.jpg", b"a.jpg", 1)[:60]
        + bytes(20)
        + zipped({"a.jpg": pictures.jpeg(1)})[80:],
        "text.parquet": b"PAR1 text",
        "words.parquet": table({"label": [1, 2]}),
        "two.parquet": table({"a": [b"x"], "b": [b"y"]}),
        "photo.jpg": pictures.jpeg(1),
    }
    (tmp_path / "in").mkdir()
    for name, data in ({"good.tar": tar(good)} | broken).items():
        (tmp_path / "in" / name).write_bytes(data)

    codes = done(tmp_path / "in", tmp_path / "out")

    rows = {row["path"]: row for row in checker.rows_of(tmp_path / "out" / "_rmexif")}
    assert codes == {"ok": 3, "broken_shard": len(broken)}
    for name, words in (
        ("cut.tar", "0001.jpg"), ("up.tar", "../a.jpg"), ("crc.zip", "a.jpg"), ("two.parquet", "'a', 'b'"),
        ("words.parquet", "column"), ("empty.tar", "tar"), ("cut header.tar", "at byte 6656"), ("no end.tar", "at byte 24064"), ("text.zip", "directory"),
    ):  # fmt: skip
        assert words in rows[name]["problem"], rows[name]["problem"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == ["good.tar"]
    assert SECRET.decode() not in str(rows)
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []
    column = done(tmp_path / "in", tmp_path / "b", column="b")
    assert column["unknown_format"] == 1


def has_finished_one(manifest: Path) -> bool:
    """Whether a row says ok."""
    with suppress(FileNotFoundError):  # a part that another one has replaced
        return any(row["code"] == "ok" for row in checker.rows_of(manifest))
    return False


def killed_behind_the_first(folder: Path, seconds: float) -> int:
    """Strip the shards in ``in`` to ``out``, killed so long after the row of the first says ok; the exit status."""
    words = [str(folder / "in"), str(folder / "out"), "--shards", "--strip", "--workers", "1"]
    process = subprocess.Popen([sys.executable, "-m", "rmexif", "batch", *words])
    until = time.monotonic() + 60
    while not has_finished_one(folder / "out" / "_rmexif") and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def test_killed_in_the_middle_of_a_shard(tmp_path: Path) -> None:
    """The next run does it again, and what was done stays as it is; no half shard is seen."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        members = {f"{number}-{index:04d}.jpg": pictures.jpeg(index % 9) for index in range(300)}
        (tmp_path / "in" / f"{number}.tar").write_bytes(tar(members))
    killed_behind_the_first(tmp_path, 0.05)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tar")}

    codes = done(tmp_path / "in", tmp_path / "out")

    assert codes["skipped"] >= 1
    assert codes["skipped"] + codes.get("ok", 0) / 300 == 4
    assert any(path.stat().st_mtime_ns == before.get(path.name) for path in (tmp_path / "out").glob("*.tar"))
    assert all(len(untarred(path.read_bytes())) == 300 for path in (tmp_path / "out").glob("*.tar"))
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []


def test_what_is_refused(tmp_path: Path) -> None:
    """Neutral names, another choice, and a target that was begun with other ones."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(tar(samples_of(1)))
    done(tmp_path / "in", tmp_path / "out")

    for words in ({"neutral_names": True, "shards": Shards()}, {"shards": Shards(others="sell")}):  # type: ignore[arg-type]
        with pytest.raises(InvalidPolicy):
            run(str(tmp_path / "in"), str(tmp_path / "new"), StripTask(), **words)
    with pytest.raises(InvalidPolicy, match="names"):
        run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask())


def test_the_checker_looks_inside(tmp_path: Path) -> None:
    """A member changed, one added, one gone: each contradicts its row, or the lack of one."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(tar({f"{number}.jpg": pictures.jpeg(number) for number in range(3)}))
    done(tmp_path / "in", tmp_path / "out")
    places = (tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")
    path = tmp_path / "out" / "a.tar"
    files = untarred(path.read_bytes())

    assert list(checker.contradictions(*places)) == []
    path.write_bytes(tar({"0.jpg": files["0.jpg"], "1.jpg": SECRET, "9.jpg": SECRET}))
    assert sorted(line for line in checker.contradictions(*places) if "a.tar" in line) == [
        "'a.tar': its output is another one",
        "'a.tar/1.jpg': its output is missing, or another one",
        "'a.tar/2.jpg': its output is missing, or another one",
        "b'9.jpg' in 'a.tar' has no row",
    ]
