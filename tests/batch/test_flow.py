"""What a worker does with a chunk: rows that are refused, names that cannot meet, and nothing on a disk."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import InvalidPolicy, Limits, Policy
from rmexif.batch import rows
from rmexif.batch.flow import Chunk, Job, flow, give_up
from rmexif.batch.manifest import Manifest
from rmexif.batch.names import output_name
from rmexif.batch.stores import Entry, Store
from rmexif.workers.limits import WorkerLimits
from tests import samples
from tests.batch import pictures, proof
from tests.batch.deadly import WIDTH, Deadly
from tests.batch.server import Server


def job(source: Path | str, target: Path | str, **words: Any) -> Job:
    """A job without a run around it."""
    notes = Store(f"{target}/_rmexif")
    return Job(Store(str(source)), Store(str(target)), Manifest(notes, bytes(32)), Policy(), **words)


def done(work: Job, entries: list[Entry]) -> dict[str, dict[str, Any]]:
    """The rows of one chunk, by path."""
    list(flow(work, [Chunk("part-x.parquet", tuple(entries))], workers=2))
    return {row["path"]: row for row in work.manifest.read("part-x.parquet")}


def test_rows_that_are_refused(tmp_path: Path) -> None:
    """Too large by the listing alone, empty, gone, leading away, no picture: a code each, and the others go on."""
    source = tmp_path / "in"
    source.mkdir()
    with (source / "huge").open("wb") as file:
        file.truncate(5 << 30)
    for name, raw in {"empty": b"", "text": b"text", "good.jpg": pictures.jpeg(1)}.items():
        (source / name).write_bytes(raw)
    (tmp_path / "out" / "closed.jpg").mkdir(parents=True)
    (source / "closed.jpg").write_bytes(pictures.jpeg(2))
    entries = list(Store(str(source)).entries())
    strange = [Entry("gone.jpg", 9, ""), Entry("../in/good.jpg", 9, ""), Entry("a//b", 9, ""), Entry("/x", 9, "")]

    work = job(source, tmp_path / "out")
    outcome = done(work, [*entries, *strange])

    assert {path: row["code"] for path, row in outcome.items()} == {
        "huge": "limit_exceeded",
        "empty": "unknown_format",
        "text": "unknown_format",
        "good.jpg": "ok",
        "closed.jpg": "cannot_create",
        "gone.jpg": "no_input",
        **dict.fromkeys(("../in/good.jpg", "a//b", "/x"), "input_error"),
    }
    assert outcome["huge"]["original_hash"] is None
    assert outcome["huge"]["original_size"] == 5 << 30
    assert [path for path, row in outcome.items() if row["output"]] == ["good.jpg"]


def test_a_chunk_is_taken_up_where_its_worker_died(tmp_path: Path) -> None:
    """What it had stored is neither read nor written again; the picture that ended it is tried alone, and costs itself."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(12):
        (source / f"{number:02d}.jpg").write_bytes(pictures.jpeg(number))
    (source / "08.jpg").write_bytes(samples.saved(samples.picture(WIDTH, 64), "JPEG"))
    first = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False, timeout=60)
    rows = job(source, target).manifest.read("part-x.parquet")
    times = {row["path"]: (target / row["output"]).stat().st_mtime_ns for row in rows if row["code"] == "ok"}
    for path in times:
        (source / path).unlink()  # whoever reads it again finds nothing

    work = dataclasses.replace(job(source, target), policy=Policy(detectors=(Deadly(),)), limits=WorkerLimits())
    entries = tuple(Entry(f"{number:02d}.jpg", 1, "v") for number in range(12))
    (codes,) = flow(work, [Chunk("part-x.parquet", entries)], resumes=True)

    assert first.returncode == -signal.SIGKILL
    assert 4 <= len(times) <= 8
    assert [row["code"] for row in rows if row["path"] not in times] == ["pending"] * (12 - len(times))
    assert codes == {"ok": 11, "worker_lost": 1}
    assert all((target / path).stat().st_mtime_ns == when for path, when in times.items())
    assert sorted(row["path"] for row in work.manifest.read("part-x.parquet")) == [entry.path for entry in entries]


DIES = """
import sys
from rmexif import Policy
from rmexif.batch.flow import Chunk, Job, flow
from rmexif.batch.manifest import Manifest
from rmexif.batch.stores import Store
from tests.batch.deadly import Deadly
source, target = Store(sys.argv[1] + "/in"), Store(sys.argv[1] + "/out")
work = Job(source, target, Manifest(target.below("_rmexif"), bytes(32)), Policy(detectors=(Deadly(0.3),)), save_seconds=0)
list(flow(work, [Chunk("part-x.parquet", tuple(source.entries()))]))
"""


def test_objects_that_no_worker_can_do(tmp_path: Path) -> None:
    """Those that no try has done get a row that says so, behind those that were; the next run does them."""
    source = tmp_path / "in"
    source.mkdir()
    for number in range(4):
        (source / f"{number}.jpg").write_bytes(pictures.jpeg(number))
    work = job(source, tmp_path / "out")
    entries = tuple(work.source.entries())
    list(flow(work, [Chunk("part-x.parquet", entries[:2])]))

    codes = give_up(work, Chunk("part-x.parquet", entries))

    assert codes == {"ok": 2, "worker_lost": 2}
    rows = work.manifest.read("part-x.parquet")
    assert [(row["code"], row["output"] is None) for row in rows] == [("ok", False)] * 2 + [("worker_lost", True)] * 2
    (again,) = flow(work, [Chunk("part-x.parquet", entries)], resumes=True)
    assert again == {"ok": 4}


def test_a_huge_object_is_not_read(s3: Server, bucket: str) -> None:
    """Its size in the listing is enough: the store is not asked for it."""
    place = s3.fill(bucket, {"in/a.jpg": pictures.jpeg(1)})
    s3.counts()
    work = job(f"{place}/in", f"{place}/out")
    outcome = done(work, [Entry("huge.jpg", 5 << 30, "v")])

    assert outcome["huge.jpg"]["code"] == "limit_exceeded"
    assert s3.counts() == {"PUT": 1, "GET": 1}  # its part of the manifest, and the look into it here


def test_what_the_listing_did_not_say(s3: Server, bucket: str) -> None:
    """An object that has grown since is read no further than the limit; one that is empty by now is no reason to wait."""
    place = s3.fill(bucket, {"in/a.jpg": pictures.jpeg(1)})
    work = job(f"{place}/in", f"{place}/out")
    work = Job(work.source, work.target, work.manifest, Policy(limits=Limits(max_bytes=1000)))

    s3.system().pipe_file(f"{bucket}/in/b.jpg", b"")

    outcome = done(work, [Entry("a.jpg", 900, "v"), Entry("b.jpg", 900, "v")])

    assert {path: row["code"] for path, row in outcome.items()} == {"a.jpg": "limit_exceeded", "b.jpg": "no_input"}


paths = st.lists(st.sampled_from(["a", "a.jpg", ".as", ".jpg", ".png", "/a", "b.as.jpg", ".jpeg"]), min_size=1).map(
    "".join
)


@given(st.lists(st.tuples(paths, st.sampled_from(["jpeg", "png"])), unique_by=lambda pair: pair[0]))
def test_no_two_outputs_have_one_name(pairs: list[tuple[str, str]]) -> None:
    """Whatever extensions claim; and every name has an extension of what is in it."""
    extensions = {"jpeg": (".jpg", ".jpeg"), "png": (".png",)}
    for neutral in (False, True):
        work = job("memory://in", "memory://out", neutral=neutral)
        names = [output_name(work, path, extensions[kind]) for path, kind in pairs]

        assert len(set(names)) == len(pairs)
        assert all(name.endswith(extensions[kind]) for name, (_, kind) in zip(names, pairs, strict=True))
        assert not neutral or all(len(PurePosixPath(name).stem) == 32 for name in names)


def test_rows_for_any_engine() -> None:
    """One row per image, in order; what is no image has a code; a setup at fault is no row's fault."""
    given_rows = [("a", pictures.jpeg(1)), (None, None), ("c", float("nan")), ("d", b"x"), ("e", pictures.jpeg(2))]

    found = list(rows.clean(given_rows))

    assert [(row["path"], row["code"]) for row in found] == [
        ("a", "ok"),
        (None, "input_error"),
        ("c", "input_error"),
        ("d", "unknown_format"),
        ("e", "ok"),
    ]
    assert all(tuple(row) == rows.COLUMNS for row in found)
    with pytest.raises(InvalidPolicy):
        list(rows.clean(given_rows, Policy(style="gaussian")))


CODE = """
import sys
from rmexif import Policy
from rmexif.batch.flow import Chunk, Job, flow
from rmexif.batch.manifest import Manifest
from rmexif.batch.ray import Scrub
from rmexif.batch.rows import clean
from rmexif.batch.stores import Store
place = sys.argv[1]
source, target = Store(place + "/in"), Store(place + "/out")
work = Job(source, target, Manifest(target.below("_rmexif"), bytes(32)), Policy())
entries = tuple(source.entries())
list(flow(work, [Chunk("part-warm.parquet", entries[:2])]))
raws = [source.get(entry.path, 1 << 20) if entry.size else b'' for entry in entries]
sys.stderr.write("BEGIN-SCRUB\\n"); sys.stderr.flush()
list(flow(work, [Chunk("part-x.parquet", entries)], 2))
list(flow(work, [Chunk("part-x.parquet", entries)], 1))
Scrub()({"path": [str(number) for number in range(len(raws))], "bytes": raws})
list(clean(enumerate(raws)))
sys.stderr.write("END-SCRUB\\n"); sys.stderr.flush()
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_worker_writes_nothing(s3: Server, bucket: str, tmp_path: Path) -> None:
    """The system calls of a worker's part, from a bucket to a bucket: sockets, and no file opened for writing."""
    originals = pictures.mixed(24)
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    trace = tmp_path / "trace"
    calls = (
        "trace=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,memfd_create,write"
    )
    command = ["strace", "-f", "-o", str(trace), "-e", calls, sys.executable, "-c", CODE, place]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=120)
    if run.returncode and "ptrace" in run.stderr:
        pytest.skip("this system does not allow tracing")
    assert run.returncode == 0, run.stderr[-500:]

    text = trace.read_text()
    inside = text[text.index("BEGIN-SCRUB") : text.index("END-SCRUB")].splitlines()[1:]
    writing = [line for line in inside if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|rename|link|memfd", line)]
    assert [line for line in writing if "/dev/null" not in line] == []
    results = {name: raw for name, raw in s3.objects(f"{place}/out").items() if "warm" not in name}
    proof.proven(originals, results)
