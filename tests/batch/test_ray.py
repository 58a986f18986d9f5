"""Ray itself: a cluster of two nodes on this machine, actors and nodes that die, and the S3 server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="the extra rmexif[ray] is not installed")
pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import InvalidPolicy, Policy, SetupError, verify
from rmexif.batch import Shards, run
from rmexif.batch.ray import Scrub, scrubbed
from rmexif.bulk import StripTask
from tests import samples
from tests.batch import checker, pictures, proof
from tests.batch.conftest import STORE
from tests.batch.deadly import WIDTH, Deadly
from tests.batch.server import Server
from tests.batch.test_shards import tar

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
FOREVER = 1 << 30  # requests


def workers(name: str) -> list[int]:
    """Process ids of Ray's workers that are at something of this name right now."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and (folder / "cmdline").read_bytes().startswith(f"ray::{name}".encode()):
                found.append(int(folder.name))
    return found


def kill_one(name: str, seconds: float = 60) -> int:
    """Kill the first of Ray's workers that is seen at something of this name; its process id."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for pid in workers(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return pid
        time.sleep(0.01)
    raise AssertionError(f"no worker was at {name} within {seconds:g} s")


def test_bucket_to_bucket(cluster: Any, s3: Server, bucket: str) -> None:
    """The same inputs, the same codes and the same manifest as on one machine; the second run skips."""
    originals = pictures.mixed(48)
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})

    summary = run(f"{place}/in", f"{place}/out", engine="ray", address=cluster.address, rows=6)
    again = run(f"{place}/in", f"{place}/out", engine="ray", address=cluster.address, rows=6, gpus=0.5)
    run(f"{place}/in", f"{place}/local", rows=6)

    results = s3.objects(f"{place}/out")
    assert proof.proven(originals, results) == summary.codes == proof.codes(originals)
    assert again.codes["skipped"] == summary.codes["ok"]
    alone = proof.manifest_of(s3.objects(f"{place}/local"))
    facts = [
        sorted((row["path"], row["code"], row["original_hash"]) for row in rows)
        for rows in (alone, proof.manifest_of(results))
    ]
    assert facts[0] == facts[1]


def test_what_goes_wrong_everywhere(cluster: Any, s3: Server, bucket: str) -> None:
    """A setup at fault ends the run with its own error, and an address without a Ray is refused at once."""
    place = s3.fill(bucket, {"in/a.jpg": pictures.jpeg(1)})

    with pytest.raises(SetupError, match="FaceFinder"):
        run(f"{place}/in", f"{place}/out", Policy(detectors=("FaceFinder",)), engine="ray")
    import ray

    assert ray.is_initialized()
    code = "from rmexif.batch import run; run('.', '/nowhere/out', engine='ray', address='127.0.0.1:9')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "InvalidPolicy: no Ray answers" in done.stderr


def test_a_worker_killed_and_a_store_that_says_503(cluster: Any, s3: Server, bucket: str) -> None:
    """Workers are killed by their process ids while the store is away: nothing lost, nothing twice."""
    originals = {f"{number:03d}.jpg": pictures.jpeg(number, 400) for number in range(120)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    killed: list[int] = []
    s3.counts()

    def in_between(codes: Counter[str]) -> None:
        if len(killed) < 3:
            s3.refuse(12)  # a worker that waits for the store is at something until it is found
            killed.append(kill_one("_attempt"))

    summary = run(f"{place}/in", f"{place}/out", engine="ray", rows=6, progress=in_between)

    assert len(killed) == 3
    assert s3.counts()["refused"] >= 12
    assert proof.proven(originals, s3.objects(f"{place}/out")) == summary.codes == {"ok": 120}


def test_a_picture_that_ends_its_worker(cluster: Any, s3: Server, bucket: str) -> None:
    """It costs itself: after a dead worker every image of its chunk has a process of its own."""
    originals = {f"{number}.jpg": pictures.jpeg(number) for number in range(8)}
    originals["5.jpg"] = samples.saved(samples.picture(WIDTH, 64), "JPEG")
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})

    summary = run(f"{place}/in", f"{place}/out", Policy(detectors=(Deadly(),)), engine="ray", rows=4)

    assert proof.proven(originals, s3.objects(f"{place}/out")) == summary.codes == {"ok": 7, "worker_lost": 1}
    assert summary.exit_code == 70


def test_a_node_removed(cluster: Any, s3: Server, bucket: str) -> None:
    """A machine goes away in the middle; the other one does the rest."""
    originals = {f"{number:03d}.jpg": pictures.jpeg(number, 400) for number in range(120)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    node = cluster.add_node(num_cpus=2, object_store_memory=STORE)
    cluster.wait_for_nodes()
    removed: list[Any] = []

    def in_between(codes: Counter[str]) -> None:
        if not removed:
            removed.append(node)
            cluster.remove_node(node, allow_graceful=False)

    summary = run(f"{place}/in", f"{place}/out", engine="ray", rows=6, progress=in_between)

    assert removed
    assert proof.proven(originals, s3.objects(f"{place}/out")) == summary.codes == {"ok": 120}


def test_a_driver_that_is_killed(cluster: Any, s3: Server, bucket: str) -> None:
    """A second driver does the rest."""
    originals = {f"{number:03d}.jpg": pictures.jpeg(number, 400) for number in range(120)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    words = ["batch", f"{place}/in", f"{place}/out", "--engine", "ray", "--address", cluster.address, "--rows", "4"]
    command = [sys.executable, "-m", "rmexif", *words, "--json"]
    s3.counts()
    s3.refuse(FOREVER, after_puts=80)  # so the first driver cannot come to its end; chunks under way have 40 at most
    first = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)
    while not s3.counts().get("refused") and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    s3.refuse(0)
    while workers("_attempt"):
        time.sleep(0.1)  # Ray ends what worked for a driver that is gone
    second = subprocess.run(command, env=os.environ, capture_output=True, check=False, timeout=120)

    counts = json.loads(second.stdout)
    assert second.returncode == 0, second.stderr
    assert counts["skipped"] >= 8
    assert counts["ok"] + counts["skipped"] == 120
    assert proof.proven(originals, s3.objects(f"{place}/out")) == {"ok": 120}


def test_rows_of_a_dataset(cluster: Any, s3: Server, bucket: str) -> None:
    """``map_batches`` over ``read_binary_files`` from the store: a row that fails has a code and no bytes."""
    import ray
    from pyarrow.fs import S3FileSystem

    originals = pictures.mixed(32)
    s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    system = S3FileSystem(access_key="test", secret_key="test", endpoint_override=s3.url, region="us-east-1")
    read = ray.data.read_binary_files(f"{bucket}/in", filesystem=system, include_paths=True, override_num_blocks=4)

    rows = scrubbed(read, Policy(), actors=2, rows=8).take_all()

    assert Counter(row["code"] for row in rows) == proof.codes(originals)
    assert Counter(row["original_hash"] for row in rows) == pictures.hashes(originals)
    for row in rows:
        assert (row["code"] == "ok") == (row["bytes"] is not None)
        assert row["path"].removeprefix(f"{bucket}/in/") in originals
        assert not row["bytes"] or verify(row["bytes"], canonical=True) == []


def test_an_actor_killed(cluster: Any) -> None:
    """An actor of ``map_batches`` dies by its process id; Ray starts another, and every row is there once."""
    import ray

    originals = {str(number): pictures.jpeg(number, 600) for number in range(200)}
    source = ray.data.from_items(
        [{"path": path, "bytes": raw} for path, raw in originals.items()], override_num_blocks=20
    )
    killed = []
    rows = []

    for row in scrubbed(source, actors=2, rows=4).iter_rows():
        rows.append(row)
        if not killed:
            killed.append(kill_one("MapWorker"))

    assert killed
    assert Counter(row["path"] for row in rows) == Counter(originals.keys())
    assert all(row["code"] == "ok" and verify(row["bytes"], canonical=True) == [] for row in rows)


@pytest.mark.parametrize("form", ["numpy", "pandas", "pyarrow"])
def test_every_form_of_a_batch(form: str) -> None:
    """Whatever form Ray hands over, and whatever is missing in it."""
    import pandas as pd
    import pyarrow as pa

    columns = {"path": ["a", "b", "c"], "bytes": [pictures.jpeg(1), None, b""], "secret": ["x", "y", "z"]}
    batch: Any = {
        "numpy": lambda: {name: pd.Series(values, dtype=object).to_numpy() for name, values in columns.items()},
        "pandas": lambda: pd.DataFrame(columns),
        "pyarrow": lambda: pa.table(columns),
    }[form]()

    table = Scrub()(batch)

    assert table.column_names == [
        "path",
        "bytes",
        "format",
        "faces_detected",
        "findings",
        "original_hash",
        "new_hash",
        "code",
    ]
    assert table["code"].to_pylist() == ["ok", "input_error", "unknown_format"]
    assert [data is None for data in table["bytes"].to_pylist()] == [False, True, True]


def test_policies_are_refused(cluster: Any) -> None:
    """A GPU share is Ray's business; a policy that leaves too much is refused before Ray starts anything."""
    with pytest.raises(InvalidPolicy):
        run(".", "/nowhere/out", Policy(style="gaussian"), engine="ray")


def test_shards_whose_worker_is_killed(cluster: Any, tmp_path: Path) -> None:
    """In the middle of a shard: it is done again as a piece, to the bytes that one machine writes."""
    (tmp_path / "in").mkdir()
    for number in range(6):
        files = {f"{number}-{index:03d}.jpg": pictures.jpeg(index % 9 + number, 400) for index in range(40)}
        (tmp_path / "in" / f"{number}.tar").write_bytes(tar(files))
    killed: list[int] = []

    def in_between(_: object) -> None:
        if len(killed) < 2:
            killed.append(kill_one("_attempt"))

    words: dict[str, Any] = {"shards": Shards(), "engine": "ray", "address": cluster.address}
    summary = run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask(), progress=in_between, **words)
    run(str(tmp_path / "in"), str(tmp_path / "local"), StripTask(), shards=Shards())

    assert len(killed) == 2
    assert summary.codes == {"ok": 240}
    for number in range(6):
        name = f"{number}.tar"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []
    assert run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask(), **words).codes == {"skipped": 6}
