"""Faults that end: silence, expired credentials, missing places, interrupts; and what was done is kept."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import SetupError
from rmexif.batch import run
from rmexif.batch.stores import Store, StoreUnavailable
from rmexif.bulk import StripTask
from tests.batch import checker, pictures, proof
from tests.batch.server import Server

FOREVER = 1 << 30  # requests


def originals(count: int) -> dict[str, bytes]:
    """Pictures by name."""
    return {f"{number:03d}.jpg": pictures.jpeg(number) for number in range(count)}


def test_a_store_that_takes_a_connection_and_never_answers(
    tmp_path: Path, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first request on: the run ends when its patience does."""
    import s3fs

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        s3fs.S3FileSystem.clear_instance_cache()
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            run("s3://bucket/in", str(tmp_path / "out"), StripTask(), patience=2)
        assert time.monotonic() - begun < 8
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_store_that_falls_silent(s3: Server, bucket: str) -> None:
    """In the middle: what was done is kept, and the next run does the rest."""
    made = originals(40)
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in made.items()})
    s3.refuse(
        FOREVER, after_puts=32, how="silent"
    )  # marks of the run, six parts that are begun, results of five, and a part
    begun = time.monotonic()

    with pytest.raises(StoreUnavailable):
        run(f"{place}/in", f"{place}/out", StripTask(), rows=4, workers=2, patience=2)
    taken = time.monotonic() - begun
    s3.refuse(0)
    kept = sum(row["code"] == "ok" for row in proof.manifest_of(s3.objects(f"{place}/out")))
    summary = run(f"{place}/in", f"{place}/out", StripTask(), rows=4, workers=2)

    assert taken < 15
    assert kept >= 4
    assert summary.codes["skipped"] >= 4
    assert proof.proven(made, s3.objects(f"{place}/out")) == {"ok": 40}


def test_credentials_that_expire(s3: Server, bucket: str) -> None:
    """They are said at once, without a second try; the next run goes on."""
    made = originals(20)
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in made.items()})
    s3.refuse(FOREVER, after_puts=24, how="expired")
    begun = time.monotonic()

    with pytest.raises(SetupError, match="expired: renew"):
        run(f"{place}/in", f"{place}/out", StripTask(), rows=4, workers=1)
    assert time.monotonic() - begun < 30
    s3.refuse(0)
    summary = run(f"{place}/in", f"{place}/out", StripTask(), rows=4, workers=1)

    assert summary.codes["skipped"] >= 4
    assert proof.proven(made, s3.objects(f"{place}/out")) == {"ok": 20}


def test_places_that_are_missing(s3: Server, bucket: str, tmp_path: Path) -> None:
    """A bucket that is not there, as a source and as a target, and a target that is a file: named before any image."""
    place = s3.fill(bucket, {"in/a.jpg": pictures.jpeg(1)})
    (tmp_path / "file").write_bytes(b"x")
    begun = time.monotonic()

    for source, target, why in (
        ("s3://no-such-bucket-here/in", str(tmp_path / "out"), "no such bucket"),
        (f"{place}/in", "s3://no-such-bucket-here/out", "no such bucket"),
        (f"{place}/in", str(tmp_path / "file"), "nothing can be written"),
        (f"{place}/in", str(tmp_path / "file" / "below"), "nothing can be written"),
    ):
        with pytest.raises(SetupError, match=why):
            run(source, target, StripTask(), patience=20)
    assert time.monotonic() - begun < 15


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="a superuser may write anywhere")
def test_a_target_that_is_read_only(tmp_path: Path) -> None:
    """Found before the first image."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(pictures.jpeg(1))
    (tmp_path / "out").mkdir(mode=0o555)

    with pytest.raises(SetupError, match="nothing can be written"):
        run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    """However a run ends, the next one does the rest, and the manifest says what is so."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name, raw in originals(300).items():
        (source / name).write_bytes(raw)
    command = [sys.executable, "-m", "rmexif", "batch", str(source), str(target), "--rows", "4", "--strip"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while sum(row["code"] == "ok" for row in checker.rows_of(target / "_rmexif")) < 12 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(number)
    _, text = process.communicate(timeout=30)

    summary = run(str(source), str(target), StripTask(), rows=4)

    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert b"Traceback" not in text
    assert summary.codes["skipped"] >= 12
    assert summary.codes.total() == 300
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []


def test_names_that_lead_elsewhere(s3: Server, bucket: str, tmp_path: Path) -> None:
    """Keys that no folder can have are rows with a code and a sentence; the others go on, nothing is written outside."""
    keys = ("../up.jpg", "a//b.jpg", "c.jpg", "c.jpg/d.jpg", "./e.jpg")
    place = s3.fill(bucket, {f"in/{key}": pictures.jpeg(number) for number, key in enumerate(keys)})
    (tmp_path / "below").mkdir()

    summary = run(f"{place}/in", str(tmp_path / "below" / "out"), StripTask())

    rows = {row["path"]: row for row in checker.rows_of(tmp_path / "below" / "out" / "_rmexif")}
    assert rows.keys() == set(keys)
    assert summary.codes == {"input_error": 3, "ok": 1, "cannot_create": 1}
    assert all(row["problem"] for row in rows.values() if row["code"] != "ok")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["below"]
    assert sorted(path.name for path in (tmp_path / "below").iterdir()) == ["out"]


def test_hidden_names(tmp_path: Path, s3: Server, bucket: str) -> None:
    """Left out of a folder, a bucket and any other store alike, and taken where somebody asks."""
    names = (".a.jpg", "b/.c/d.jpg", "e.jpg", "f/g.jpg")
    place = s3.fill(bucket, {f"in/{name}": pictures.jpeg(number) for number, name in enumerate(names)})
    memory = Store(f"memory://{bucket}")
    for number, name in enumerate(names):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(pictures.jpeg(number))
        memory.put(name, pictures.jpeg(number))

    for number, source in enumerate((str(tmp_path / "in"), f"{place}/in", f"memory://{bucket}")):
        assert run(source, str(tmp_path / f"out{number}"), StripTask()).codes == {"ok": 2}
        assert run(source, str(tmp_path / f"all{number}"), StripTask(), hidden=True).codes == {"ok": 4}
