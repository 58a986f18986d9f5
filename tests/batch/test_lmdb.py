"""LMDB as source and target: what the library writes is read, what is written the library reads, broken ones are named."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")
pytest.importorskip("lmdb", reason="the extra rmexif[lmdb] is not installed")

import lmdb

from rmexif.batch.shards import BrokenShard, open_shard
from rmexif.types import Limits
from tests import samples
from tests.batch import checker, pictures
from tests.batch.server import Server
from tests.batch.test_shards import SECRET, alone, done

PAGE = 4096


def database(
    path: Path, values: dict[bytes, bytes], *, subdir: bool = False, seed: int | None = None, **words: Any
) -> bytes:
    """An LMDB as the library writes it; keys in an order of their own, a transaction for each few."""
    path.parent.mkdir(parents=True, exist_ok=True)
    environment = lmdb.open(str(path), subdir=subdir, map_size=1 << 28, lock=False, sync=False, **words)
    items = list(values.items())
    if seed is not None:
        random.Random(seed).shuffle(items)
    for start in range(0, len(items), 7):
        with environment.begin(write=True) as transaction:
            for key, value in items[start : start + 7]:
                transaction.put(key, value)
    environment.close()
    return (path / "data.mdb" if subdir else path).read_bytes()


def values_of(path: Path, *, subdir: bool = False) -> dict[bytes, bytes]:
    """What the library finds in an LMDB."""
    with lmdb.open(str(path), subdir=subdir, readonly=True, lock=False) as environment, environment.begin() as reading:
        return {bytes(key): bytes(value) for key, value in reading.cursor()}


def text_recognition(count: int) -> dict[bytes, bytes]:
    """Pairs as sets for text recognition have them: an image and its label, and their number."""
    made = {b"num-samples": b"%d" % count}
    for number in range(count):
        made |= {b"image-%09d" % number: pictures.jpeg(number), b"label-%09d" % number: SECRET}
    return made


@pytest.mark.parametrize("subdir", [False, True])
@pytest.mark.parametrize("writemap", [False, True])
def test_images_and_labels(subdir: bool, writemap: bool, tmp_path: Path) -> None:
    """Same bytes as from the files alone; other values dropped or passed; keys stay; a lock is no object."""
    values = text_recognition(40) | {b"caf\xe9.png": samples.of("png")["rgb"], b"image-x": b"\xff\xd8\xff\xe0 broken"}
    database(tmp_path / "in" / "train.lmdb", values, subdir=subdir, seed=1, writemap=writemap)
    if subdir:
        (tmp_path / "in" / "train.lmdb" / "lock.mdb").write_bytes(b"processes")

    dropped = done(tmp_path / "in", tmp_path / "out")
    passed = done(tmp_path / "in", tmp_path / "all", others="pass")

    assert dropped == passed == {"ok": 41, "malformed_image": 1}
    broken = b"image-x"
    images = {key: alone(raw) for key, raw in values.items() if raw[:2] in (b"\xff\xd8", b"\x89P") and key != broken}
    assert len(images) == 41
    assert values_of(tmp_path / "out" / "train.lmdb", subdir=subdir) == images
    others = {key: raw for key, raw in values.items() if key not in images and key != broken}
    assert values_of(tmp_path / "all" / "train.lmdb", subdir=subdir) == images | others
    name = "train.lmdb/data.mdb" if subdir else "train.lmdb"
    written = (tmp_path / "out" / name).read_bytes()
    assert SECRET not in written
    assert samples.CANARY not in written
    rows = checker.rows_of(tmp_path / "out" / "_rmexif" / "members")
    assert {checker.joined(row["path"]): row["original_hash"] for row in rows} == {
        name.encode() + b"/" + key: hashlib.sha256(values[key]).hexdigest() for key in (*images, broken)
    }
    assert done(tmp_path / "in", tmp_path / "out") == {"skipped": 1}
    if subdir:
        (tmp_path / "in" / "train.lmdb" / "lock.mdb").unlink()
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []


def test_from_a_bucket_to_a_bucket(s3: Server, bucket: str, tmp_path: Path) -> None:
    """Nothing of it touches a disk, and two runs write the same bytes."""
    from rmexif.batch import Shards, run
    from rmexif.bulk import StripTask

    values = text_recognition(9)
    place = s3.fill(bucket, {"in/x/data.mdb": database(tmp_path / "x.lmdb", values)})

    for target in ("a", "b"):
        run(f"{place}/in", f"{place}/{target}", StripTask(), shards=Shards())

    one, two = (s3.objects(f"{place}/{target}")["x/data.mdb"] for target in ("a", "b"))
    assert one == two
    (tmp_path / "y.lmdb").write_bytes(one)
    assert values_of(tmp_path / "y.lmdb") == {
        key: alone(raw) for key, raw in values.items() if key.startswith(b"image")
    }


def test_many_small_values(tmp_path: Path) -> None:
    """A tree of several levels, and values in their leaves."""
    values = {b"%06d" % number: b"%d" % number * (number % 40) for number in range(4000)} | {b"a": pictures.jpeg(1)}
    database(tmp_path / "in" / "deep.lmdb", values, seed=2)

    assert done(tmp_path / "in", tmp_path / "out", others="pass") == {"ok": 1}
    assert values_of(tmp_path / "out" / "deep.lmdb") == values | {b"a": alone(values[b"a"])}


def test_what_is_not_read(tmp_path: Path) -> None:
    """Databases in databases, several values of a key, no images at all: named, and the others go on."""
    with lmdb.open(str(tmp_path / "named.lmdb"), subdir=False, max_dbs=2, lock=False) as environment:
        environment.open_db(b"inner")
    twice = bytearray(database(tmp_path / "one.lmdb", {b"k": b"1"}))
    for page in (0, PAGE):  # MDB_DUPSORT of the main database, which the library's Python does not set
        twice[page + 92] |= 4
    (tmp_path / "twice.lmdb").write_bytes(twice)
    (tmp_path / "one.lmdb").unlink()
    database(tmp_path / "empty.lmdb", {})
    database(tmp_path / "labels.lmdb", {b"label-1": SECRET})
    (tmp_path / "text.lmdb").write_bytes(b"text " * 1000)
    (tmp_path / "nothing.lmdb").write_bytes(b"")
    database(tmp_path / "good.lmdb", {b"1": pictures.jpeg(1)})
    for path in tmp_path.glob("*-lock"):
        path.unlink()

    codes = done(tmp_path, tmp_path.parent / f"{tmp_path.name}-out")

    assert codes == {"ok": 1, "broken_shard": 6}
    rows = {
        row["path"]: row["problem"] for row in checker.rows_of(tmp_path.parent / f"{tmp_path.name}-out" / "_rmexif")
    }
    for name, words in (
        ("named.lmdb", "member 'inner' is a database of its own"), ("empty.lmdb", "no member is an image"),
        ("twice.lmdb", "several values of one key"),
        ("labels.lmdb", "no member is an image"), ("text.lmdb", "lmdb page at byte 0"), ("nothing.lmdb", "behind the end"),
    ):  # fmt: skip
        assert words in rows[name]
    assert SECRET.decode() not in str(rows)


def read(path: Path, limits: Limits | None = None) -> int:
    """Bytes of all values, as a shard reads them."""
    with path.open("rb") as file:
        shard = open_shard(str(path), file, path.stat().st_size, limits or Limits(), passes=True)
        return sum(len(member.data) for record in shard.records() for member in record.members)


def test_damaged_ones_are_refused(tmp_path: Path) -> None:
    """Cut off anywhere, or with any field changed: read or refused, in bounded time, and never past the file."""
    values = {b"%05d" % number: random.Random(number).randbytes(30 + 90 * number) for number in range(120)}
    raw = database(tmp_path / "a.lmdb", values, seed=3)
    path, total = tmp_path / "b.lmdb", sum(map(len, values.values()))
    draw, refused = random.Random(5), 0
    for _ in range(400):
        data = bytearray(raw)
        if draw.random() < 0.2:
            del data[draw.randrange(len(data)) :]
        else:
            page = draw.randrange(min(60, len(data) // PAGE)) * PAGE
            for _ in range(draw.choice([1, 4, 12])):
                data[page + draw.randrange(draw.choice([40, 200, PAGE]))] = draw.randrange(256)
        path.write_bytes(data)
        try:
            assert read(path) <= 100 * len(data)
        except BrokenShard as error:
            refused += 1
            assert error.structure in ("lmdb", "lmdb page", None)
    assert total == read(tmp_path / "a.lmdb")
    assert refused > 150


def test_the_library_dies_of_one_that_is_cut_off(tmp_path: Path) -> None:
    """Why the walk is our own; where this fails, a library has learnt to look at the size of the file."""
    raw = database(tmp_path / "a.lmdb", {b"%03d" % number: bytes(5000) for number in range(200)})
    (tmp_path / "b.lmdb").write_bytes(raw[: len(raw) // 2])
    code = "import lmdb, sys; e = lmdb.open(sys.argv[1], subdir=False, readonly=True, lock=False); [len(v) for _, v in e.begin().cursor()]"
    process = subprocess.run([sys.executable, "-c", code, str(tmp_path / "b.lmdb")], capture_output=True, check=False)

    assert process.returncode < 0
    with pytest.raises(BrokenShard, match="behind the end"):
        read(tmp_path / "b.lmdb")


def test_a_tree_that_bites_its_tail(tmp_path: Path) -> None:
    """A branch that is its own child, a value that many keys share, a value above the limit."""
    raw = bytearray(database(tmp_path / "a.lmdb", {b"%05d" % number: bytes(60) for number in range(400)}))
    branches = [page for page in range(2, len(raw) // PAGE) if raw[page * PAGE + 10] == 1]
    assert branches
    for page in branches:
        for place in range(16, int.from_bytes(raw[page * PAGE + 12 : page * PAGE + 14], "little"), 2):
            node = page * PAGE + int.from_bytes(raw[page * PAGE + place : page * PAGE + place + 2], "little")
            raw[node : node + 4] = page.to_bytes(4, "little")
    (tmp_path / "loop.lmdb").write_bytes(raw)
    database(tmp_path / "large.lmdb", {b"1": pictures.jpeg(1), b"2": bytes(90_000)})

    with pytest.raises(BrokenShard):
        read(tmp_path / "loop.lmdb")
    assert read(tmp_path / "large.lmdb", Limits(max_bytes=50_000)) == len(pictures.jpeg(1))


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write one takes the extra, and the error says so; what is no LMDB takes nothing."""
    from rmexif import MissingDependency
    from tests.batch.test_shards import tar

    database(tmp_path / "in" / "a.lmdb", {b"1": pictures.jpeg(1)})
    (tmp_path / "tars").mkdir()
    (tmp_path / "tars" / "a.tar").write_bytes(tar({"1.jpg": pictures.jpeg(1)}))
    monkeypatch.setitem(sys.modules, "lmdb", None)

    with pytest.raises(MissingDependency, match=r"rmexif\[lmdb\]"):
        done(tmp_path / "in", tmp_path / "out")
    assert done(tmp_path / "tars", tmp_path / "tars-out") == {"ok": 1}
    assert read(tmp_path / "in" / "a.lmdb") == len(pictures.jpeg(1))


def leaf(raw: bytes) -> int:
    """Where the one leaf of a small database begins."""
    (page,) = [page for page in range(2, len(raw) // PAGE) if raw[page * PAGE + 10 : page * PAGE + 12] == b"\2\0"][-1:]
    return page * PAGE


def nodes(raw: bytes) -> list[int]:
    """Where the nodes of that leaf begin, in the order of their keys."""
    page = leaf(raw)
    count = (int.from_bytes(raw[page + 12 : page + 14], "little") - 16) // 2
    return [page + int.from_bytes(raw[page + 16 + 2 * n : page + 18 + 2 * n], "little") for n in range(count)]


def grown(raw: bytes, node: int, more: int) -> bytes:
    """A node whose value claims more bytes than it has."""
    size = int.from_bytes(raw[node : node + 4], "little") + more
    return raw[:node] + size.to_bytes(4, "little") + raw[node + 4 :]


def swapped(raw: bytes) -> bytes:
    """The first two pointers of the leaf in the other order."""
    start = leaf(raw) + 16
    return raw[:start] + raw[start + 2 : start + 4] + raw[start : start + 2] + raw[start + 4 :]


def wide(raw: bytes, depth: int = 32) -> bytes:
    """A tree in which every branch has the next one as its child 200 times, and the last an empty leaf."""
    pages = bytearray(raw[: 2 * PAGE])
    for meta in (0, PAGE):  # MDB_meta: the depth and the root of the main database
        pages[meta + 94 : meta + 96] = depth.to_bytes(2, "little")
        pages[meta + 128 : meta + 136] = (2).to_bytes(8, "little")
    for number in range(2, 2 + depth):
        is_leaf = number == 1 + depth
        count = 0 if is_leaf else 200
        low, high = 16 + 2 * count, PAGE - 8 * count
        page = number.to_bytes(8, "little") + bytes(2) + (2 if is_leaf else 1).to_bytes(2, "little")
        page += low.to_bytes(2, "little") + high.to_bytes(2, "little")
        page += b"".join((high + 8 * n).to_bytes(2, "little") for n in range(count))
        page += bytes(high - low) + (number + 1).to_bytes(8, "little") * count
        pages += page
    return bytes(pages)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: grown(raw, nodes(raw)[0], 5000), "does not hold a value"),
        (lambda raw: grown(raw, nodes(raw)[1], 4000), "runs past the end of its page"),
        (swapped, "not in ascending order"),
        (wide, "more pages than the file"),
        (lambda raw: wide(raw, 33), "a tree of depth 33"),
    ],
)
def test_lengths_that_lie(change: Any, words: str, tmp_path: Path) -> None:
    """Bytes of other pages, of the memory around them, or work without an end: what each would be the way to."""
    raw = database(tmp_path / "a.lmdb", {b"1": bytes(9000), b"2": b"small", b"3": b"last"})
    (tmp_path / "b.lmdb").write_bytes(change(raw))

    assert read(tmp_path / "a.lmdb") == 9009
    with pytest.raises(BrokenShard, match=words):
        read(tmp_path / "b.lmdb")
