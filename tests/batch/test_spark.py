"""Spark itself, in local[2,4]: two cores and up to four tries of a task."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="the extra rmexif[spark] is not installed")
pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import InvalidPolicy, Policy, SetupError, verify
from rmexif.batch import Shards, run
from rmexif.batch.spark import SCHEMA, scrub_udf, scrubbing
from rmexif.bulk import StripTask
from tests import samples
from tests.batch import checker, pictures, proof
from tests.batch.deadly import WIDTH, Deadly
from tests.batch.server import Server
from tests.batch.test_shards import tar

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("spark"),
    pytest.mark.skipif(not shutil.which("java"), reason="Spark needs Java, and there is none"),
]


def children(parent: int) -> list[int]:
    """Process ids of all that a process has started, at any depth."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, task.read_text().split()):
            found += [pid, *children(pid)]
    return found


def test_bucket_to_bucket(spark: Any, s3: Server, bucket: str) -> None:
    """The same inputs and the same codes as on one machine, through a 503 and a worker that is killed."""
    originals = pictures.mixed(96)
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})

    summary = run(f"{place}/in", f"{place}/out", engine="spark", rows=6)
    again = run(f"{place}/in", f"{place}/out", engine="spark", rows=6)
    run(f"{place}/in", f"{place}/local", rows=6)

    results = s3.objects(f"{place}/out")
    assert proof.proven(originals, results) == summary.codes == proof.codes(originals)
    assert again.codes["skipped"] == summary.codes["ok"]
    alone, spread = (proof.manifest_of(found) for found in (s3.objects(f"{place}/local"), results))
    facts = [sorted((row["path"], row["code"], row["original_hash"]) for row in rows) for rows in (alone, spread)]
    assert facts[0] == facts[1]


def test_workers_killed_and_a_store_that_says_503(spark: Any, s3: Server, bucket: str) -> None:
    """Spark does the tasks of a dead worker again: nothing lost, nothing twice."""
    originals = {f"{number:03d}.jpg": pictures.jpeg(number, 400) for number in range(240)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    killed: list[int] = []
    s3.counts()

    def in_between(codes: Counter[str]) -> None:
        if not killed:
            s3.refuse(30)
            java = spark.sparkContext._gateway.proc.pid
            for pid in children(java):
                if b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    killed.append(pid)
                    os.kill(pid, signal.SIGKILL)

    summary = run(f"{place}/in", f"{place}/out", engine="spark", rows=3, progress=in_between)

    assert killed
    assert s3.counts()["refused"] == 30
    assert proof.proven(originals, s3.objects(f"{place}/out")) == summary.codes == {"ok": 240}


def test_a_picture_that_ends_its_worker(spark: Any, tmp_path: Path) -> None:
    """It costs itself: on Spark's second try every image of its chunk has a process of its own."""
    (tmp_path / "in").mkdir()
    originals = {f"{number}.jpg": pictures.jpeg(number) for number in range(6)}
    originals["3.jpg"] = samples.saved(samples.picture(WIDTH, 64), "JPEG")
    for name, raw in originals.items():
        (tmp_path / "in" / name).write_bytes(raw)

    policy = Policy(detectors=(Deadly(),))
    summary = run(str(tmp_path / "in"), str(tmp_path / "out"), policy, engine="spark", rows=3)

    assert proof.proven(originals, proof.below(tmp_path / "out")) == summary.codes == {"ok": 5, "worker_lost": 1}


def test_machines_of_a_cluster_that_die(tmp_path: Path) -> None:
    """An executor costs nothing but its parts under way; the JVM of the driver ends the run, and the next goes on."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    command = [sys.executable, "-m", "rmexif", "batch", str(source), str(target), "--strip", "--rows", "3"]
    ends = []

    for what in (b"CoarseGrainedExecutorBackend", b"SparkSubmit"):
        before = len(list((target / "_rmexif").glob("part-*")))
        for number in range(3 * before, 3 * before + 300):
            (source / f"{number:03d}.jpg").write_bytes(pictures.jpeg(number))
        with (tmp_path / "errors").open("wb") as errors:
            words = ["--engine", "spark", "--address", "local-cluster[2,1,1024]"]
            process = subprocess.Popen([*command, *words], stderr=errors)
        until = time.monotonic() + 300
        while len(list((target / "_rmexif").glob("part-*"))) < before + 3 and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        os.kill(next(pid for pid in children(process.pid) if is_java(pid, what)), signal.SIGKILL)
        ends.append(process.wait(300))
        assert list(checker.contradictions(source, target, target / "_rmexif")) == [] or ends[-1]

    summary = run(str(source), str(target), StripTask(), rows=3)

    assert ends == [0, 69]
    assert "Spark has gone away" in (tmp_path / "errors").read_text()  # PySpark may print a traceback behind it
    assert summary.codes["skipped"] >= 309
    assert summary.codes.total() == 600
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []


def is_java(pid: int, what: bytes) -> bool:
    """Whether a process is a JVM that runs this."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False  # it has ended since
    return words[0].endswith(b"java") and any(what in word for word in words)


def test_a_setup_at_fault(spark: Any, tmp_path: Path) -> None:
    """It ends the run with its own error; a share of a GPU is not for Spark."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(pictures.jpeg(1))

    with pytest.raises(SetupError):
        run(str(tmp_path / "in"), str(tmp_path / "out"), Policy(detectors=("FaceFinder",)), engine="spark")
    with pytest.raises(InvalidPolicy, match="gpus"):
        run(str(tmp_path / "in"), str(tmp_path / "out"), engine="spark", gpus=0.5)


def test_rows_of_a_frame(spark: Any, tmp_path: Path) -> None:
    """``mapInPandas`` over ``binaryFile``: what Spark read comes out clean, or as a code."""
    originals = {name: raw for name, raw in pictures.mixed(32).items() if raw}  # Spark itself leaves out empty files
    for name, raw in originals.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    read = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(str(tmp_path))

    rows = read.mapInPandas(scrubbing(Policy()), SCHEMA).collect()

    assert Counter(row.code for row in rows) == proof.codes(originals)
    assert Counter(row.original_hash for row in rows) == pictures.hashes(originals)
    for row in rows:
        assert (row.code == "ok") == (row.bytes is not None) == (row.faces_detected is not None)
        assert row.bytes is None or verify(bytes(row.bytes), canonical=True) == []
    assert any(row.findings and row.findings.get("device") for row in rows)


def test_a_column_of_bytes(spark: Any) -> None:
    """The ``pandas_udf`` keeps a row's place beside its other columns; a row without bytes has a code."""
    schema = "name string, picture binary"
    frame = spark.createDataFrame([("a", pictures.jpeg(1)), ("b", None), ("c", b"")], schema)

    rows = frame.withColumn("clean", scrub_udf(Policy())("picture")).orderBy("name").collect()

    assert [(row.name, row.clean.code) for row in rows] == [("a", "ok"), ("b", "input_error"), ("c", "unknown_format")]
    assert [row.clean.bytes is None for row in rows] == [False, True, True]
    assert verify(bytes(rows[0].clean.bytes), canonical=True) == []


def test_shards_whose_workers_are_killed(spark: Any, tmp_path: Path) -> None:
    """While shards are under way: each is done again as a piece, to the bytes that one machine writes."""
    (tmp_path / "in").mkdir()
    for number in range(40):
        files = {f"{number}-{index:03d}.jpg": pictures.jpeg(index % 9 + number, 400) for index in range(10)}
        (tmp_path / "in" / f"{number}.tar").write_bytes(tar(files))
    killed: list[int] = []

    def in_between(_: object) -> None:
        if not killed:
            for pid in children(spark.sparkContext._gateway.proc.pid):
                if b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    killed.append(pid)
                    os.kill(pid, signal.SIGKILL)

    words: dict[str, Any] = {"shards": Shards(), "engine": "spark"}
    summary = run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask(), progress=in_between, **words)
    run(str(tmp_path / "in"), str(tmp_path / "local"), StripTask(), shards=Shards())

    assert killed
    assert summary.codes == {"ok": 400}
    for number in range(40):
        name = f"{number}.tar"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []
