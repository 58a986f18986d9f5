"""Listings in pieces, whole objects, patience, and addresses."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="the extra rmexif[batch] is not installed")

from rmexif import InvalidPolicy
from rmexif.batch import stores
from rmexif.batch.stores import Entry, Patience, Store, StoreUnavailable
from tests.batch.server import Server


def test_a_listing_in_pages(s3: Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key once, in order, whatever the size of a page; the empty objects of folders are none."""
    names = [f"in/{number:03d}.jpg" for number in range(25)] + ["in/a/b/c", "in/a/b/ä ö.png"]
    place = s3.fill(bucket, dict.fromkeys([*names, "in/a/", "inner/x"], b"12"))
    monkeypatch.setattr(stores, "PAGE", 4)

    found = list(Store(f"{place}/in").entries())

    assert [entry.path for entry in found] == sorted(name.removeprefix("in/") for name in names)
    assert {entry.size for entry in found} == {2}
    assert all(entry.version for entry in found)
    assert [entry.path for entry in Store(place).entries()] == sorted([*names, "inner/x"])


def test_a_listing_of_folders(tmp_path: Path) -> None:
    """Every file, sorted, with what changes when it does; links are left out."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"123")
    (tmp_path / ".a").write_bytes(b"1")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    (tmp_path / "d").symlink_to(tmp_path / ".a")

    found = list(Store(str(tmp_path)).entries())

    times = [str(path.stat().st_mtime_ns) for path in (tmp_path / ".a", tmp_path / "b" / "x")]
    assert found == [Entry(".a", 1, times[0]), Entry("b/x", 3, times[1])]


def test_any_store_that_fsspec_knows() -> None:
    """Another file system of fsspec, folder by folder."""
    store = Store("memory://some/where")
    for name in ("b/2", "a", "b/1"):
        store.put(name, name.encode())

    assert [(entry.path, entry.size) for entry in store.entries()] == [("a", 1), ("b/1", 3), ("b/2", 3)]
    assert store.get("b/1", 1) == b"b/"
    store.delete("a")
    assert not store.is_empty()
    assert Store("memory://else/where").is_empty()


def test_whole_objects(tmp_path: Path, s3: Server, bucket: str) -> None:
    """What is put is got, at most one byte above the limit, and replaced as a whole."""
    s3.fill(bucket, {})
    for store in (
        Store(str(tmp_path / "new")),
        Store(f"s3://{bucket}/x"),
        pickle.loads(pickle.dumps(Store(f"s3://{bucket}/y"))),
    ):
        assert store.is_empty()
        store.put("a/b", b"123456")
        store.put("a/b", b"12345678")
        assert store.get("a/b", 3) == b"1234"
        assert store.get("a/b", 100) == b"12345678"
        assert [entry.path for entry in store.entries()] == ["a/b"]
        store.delete("a/b")
        with pytest.raises(FileNotFoundError):
            store.get("a/b", 3)


def test_which_lies_in_which(tmp_path: Path) -> None:
    """A name that begins alike is another folder; a link leads where it leads."""
    (tmp_path / "in").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "in")
    store = Store(str(tmp_path / "in"))

    assert store.holds(Store(str(tmp_path / "way" / "out")))
    assert store.holds(Store(f"file://{tmp_path}/in/"))
    assert not store.holds(Store(str(tmp_path / "in2")))
    assert not store.holds(Store("memory://in/out"))
    assert Store("memory://in").holds(Store("memory://in/out/"))


def test_addresses_that_are_refused() -> None:
    """An unknown kind of place, and a password where it would be written down."""
    for url in ("nosuch://a", "s3://me:secret@bucket/a"):
        with pytest.raises(InvalidPolicy):
            Store(url)


def test_patience() -> None:
    """A request that fails for a while succeeds; one that fails for too long is given up, and then none is tried twice."""
    tries: list[float] = []

    def third() -> int:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise ConnectionError("a secret name")
        return 7

    asked: list[float] = []

    def never() -> None:
        asked.append(time.monotonic())
        raise ConnectionError("a secret name")

    patience = Patience(1)
    assert patience.ask(third) == 7
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"failed for 1 s \(ConnectionError\)$") as caught:
        patience.ask(never)
    assert time.monotonic() - started >= 1
    assert len(asked) >= 2
    assert caught.value.__suppress_context__
    asked.clear()
    with pytest.raises(StoreUnavailable):
        patience.ask(never)
    assert len(asked) == 1
