"""Sources and targets in an object store, against a real server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rmexif import verify
from tests import samples
from tests.cli.running import Done, run

pytest.importorskip("s3fs", reason="the extra rmexif[remote] is not installed")
server_module = pytest.importorskip("moto.server", reason="moto[server] is not installed")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A bucket with two pictures and a text."""
    import s3fs

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
    ):
        monkeypatch.setenv(name, value)
    system = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    if not system.exists("bucket"):  # the server keeps its buckets as long as this process
        system.mkdir("bucket")
    system.pipe_file("bucket/in/a.jpg", samples.of("jpeg")["baseline"])
    system.pipe_file("bucket/in/sub/b.png", samples.of("png")["rgb"])
    system.pipe_file("bucket/in/notes.txt", b"no image")
    s3fs.S3FileSystem.clear_instance_cache()  # of clients that know the server of another test
    yield system
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def strip(*args: str, cwd: Path) -> Done:
    """``rmexif strip ARGS``."""
    return run("strip", *args, "--json-lines", cwd=cwd)


def test_bucket_to_bucket_and_folder(store: object, tmp_path: Path) -> None:
    """The tree is kept both ways; an object is not replaced unasked."""
    away = strip("s3://bucket/in", "-o", "s3://bucket/out", cwd=tmp_path)
    again = strip("s3://bucket/in", "-o", "s3://bucket/out", cwd=tmp_path)
    home = strip("s3://bucket/in/", "-o", "out", cwd=tmp_path)

    assert away.returncode == 65, away.stderr
    assert sorted(json.loads(line)["code"] for line in away.stdout.splitlines()) == ["ok", "ok", "unknown_format"]
    assert sorted(store.find("bucket/out")) == ["bucket/out/a.jpg", "bucket/out/sub/b.png"]  # type: ignore[attr-defined]
    assert verify(store.cat_file("bucket/out/a.jpg"), canonical=True) == []  # type: ignore[attr-defined]
    assert b"2 cannot_create" in again.stderr
    assert home.returncode == 65
    assert verify((tmp_path / "out" / "sub" / "b.png").read_bytes(), canonical=True) == []


def test_a_store_that_does_not_answer(store: object, tmp_path: Path) -> None:
    """A missing object and an unknown kind of place are one line each, not a traceback."""
    for place in ("s3://bucket/missing.jpg", "nosuch://x/y"):
        done = strip(place, "-o", "out", cwd=tmp_path)
        assert done.returncode == 66, done.stderr
        assert done.stderr.count(b"\n") == 2
