"""The same faults on every engine: this machine, Ray and Spark. What a checker of its own walks is what the manifest says."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import Policy, SetupError
from rmexif.batch import run
from rmexif.batch.stores import StoreUnavailable
from rmexif.bulk import StripTask
from tests import samples
from tests.batch import checker, pictures, proof
from tests.batch.deadly import WIDTH, Deadly, Patient
from tests.batch.server import Server

FOREVER = 1 << 30  # requests
ENGINES = [
    "local",
    pytest.param("ray", marks=[pytest.mark.slow, pytest.mark.xdist_group("ray")]),
    pytest.param("spark", marks=[pytest.mark.slow, pytest.mark.xdist_group("spark")]),
]


@dataclass(frozen=True)
class Engine:
    """An engine as ``run`` and the command name it, and how many cores it has."""

    name: str
    cores: int
    words: tuple[str, ...]

    def run(self, source: object, target: object, task: Any = None, **options: Any) -> Any:
        """A run on it; without pixels unless a task says otherwise."""
        return run(str(source), str(target), task or StripTask(), engine=self.name, **options)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn; Ray and Spark are started by the first test that needs them."""
    if request.param == "ray":
        pytest.importorskip("ray", reason="the extra rmexif[ray] is not installed")
        address = request.getfixturevalue("cluster").address
        return Engine("ray", 4, ("--engine", "ray", "--address", address))
    if request.param == "spark":
        pytest.importorskip("pyspark", reason="the extra rmexif[spark] is not installed")
        if not shutil.which("java"):
            pytest.skip("Spark needs Java, and there is none")
        request.getfixturevalue("spark")
        return Engine("spark", 2, ("--engine", "spark", "--address", "local[2]"))
    return Engine("local", 8, ())


def filled(folder: Path, count: int) -> Path:
    """A folder of pictures."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:03d}.jpg").write_bytes(pictures.jpeg(number))
    return folder


def stored(s3: Server, bucket: str, count: int) -> tuple[str, dict[str, bytes]]:
    """A bucket of pictures."""
    made = {f"{number:03d}.jpg": pictures.jpeg(number) for number in range(count)}
    return s3.fill(bucket, {f"in/{name}": raw for name, raw in made.items()}), made


def true(source: Path, target: Path) -> bool:
    """Whether a walk finds what the manifest says."""
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    return True


def test_what_changes_between_runs(engine: Engine, tmp_path: Path) -> None:
    """Changed, refused by now, deleted, new, and names that are no UTF-8: one row each, no output that is out of date."""
    source, target = filled(tmp_path / "in", 40), tmp_path / "out"
    strange = Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9 \\x41.jpg"))
    strange.write_bytes(pictures.jpeg(900))
    first = engine.run(source, target, rows=6)
    assert true(source, target)

    (source / "003.jpg").write_bytes(pictures.jpeg(903))
    (source / "007.jpg").write_bytes(b"no image any more")
    (source / "011.jpg").unlink()
    (source / "new.jpg").write_bytes(pictures.jpeg(904))
    second = engine.run(source, target, rows=6, prune=True)
    assert true(source, target)
    third = engine.run(source, target, rows=6)

    assert first.codes == {"ok": 41}
    assert second.codes == {"skipped": 38, "ok": 2, "unknown_format": 1, "gone": 1}
    assert third.codes == {"skipped": 40, "unknown_format": 1, "gone": 1}
    assert true(source, target)
    assert not (target / "007.jpg").exists()
    assert not (target / "011.jpg").exists()


@pytest.mark.parametrize("how", ["busy", "short"])
def test_a_store_that_fails_for_a_while(engine: Engine, s3: Server, bucket: str, how: str) -> None:
    """503, and answers that break off: asked again, nothing is lost and nothing refused."""
    place, made = stored(s3, bucket, 30)
    s3.counts()
    s3.refuse(8, after_puts=2, how=how)

    summary = engine.run(f"{place}/in", f"{place}/out", rows=5)

    assert s3.counts()["refused"] == 8
    s3.refuse(0)
    assert proof.proven(made, s3.objects(f"{place}/out")) == summary.codes == {"ok": 30}


def test_objects_that_are_cut_off(engine: Engine, s3: Server, bucket: str) -> None:
    """An answer that says it is all, and is shorter than the listing says: the next run tries it again."""
    place, made = stored(s3, bucket, 20)
    s3.refuse(6, after_puts=2, how="cut")

    first = engine.run(f"{place}/in", f"{place}/out", rows=5)
    s3.refuse(0)
    again = engine.run(f"{place}/in", f"{place}/out", rows=5)

    assert first.codes == {"ok": 14, "no_input": 6}
    assert again.codes == {"ok": 6, "skipped": 14}
    assert proof.proven(made, s3.objects(f"{place}/out")) == {"ok": 20}


@pytest.mark.parametrize(("how", "error"), [("silent", StoreUnavailable), ("expired", SetupError)])
def test_a_store_that_stays_away(engine: Engine, s3: Server, bucket: str, how: str, error: type[SetupError]) -> None:
    """Silent for longer than the run waits, or with credentials that have expired: it ends, and the next goes on."""
    place, made = stored(s3, bucket, 60)
    s3.refuse(FOREVER, after_puts=40, how=how)
    begun = time.monotonic()

    with pytest.raises(error) as caught:
        engine.run(f"{place}/in", f"{place}/out", rows=4, workers=2, patience=2)
    taken = time.monotonic() - begun
    s3.refuse(0)
    summary = engine.run(f"{place}/in", f"{place}/out", rows=4, workers=2)

    assert taken < 60
    assert ("expired: renew" in str(caught.value)) == (how == "expired")
    assert summary.codes["skipped"] >= 8
    assert proof.proven(made, s3.objects(f"{place}/out")) == {"ok": 60}


def test_places_that_are_missing(engine: Engine, s3: Server, bucket: str, tmp_path: Path) -> None:
    """A bucket that is not there, and a target that cannot be written: named before the first image is read."""
    place, _ = stored(s3, bucket, 1)
    (tmp_path / "file").write_bytes(b"x")
    s3.counts()

    for source, target, why in (
        ("s3://no-such-bucket-here/in", tmp_path / "out", "no such bucket"),
        (f"{place}/in", "s3://no-such-bucket-here/out", "no such bucket"),
        (f"{place}/in", tmp_path / "file", "nothing can be written"),
        (tmp_path / "missing", tmp_path / "out", "nothing at the source"),
    ):
        with pytest.raises(SetupError, match=why):
            engine.run(source, target, patience=20)
    assert s3.counts().keys() <= {"GET", "PUT", "refused"}


def test_names_that_lead_elsewhere(engine: Engine, s3: Server, bucket: str, tmp_path: Path) -> None:
    """Keys that no folder can have are rows with a code and a sentence; the others go on, nothing is written outside."""
    keys = ("../up.jpg", "a//b.jpg", "c.jpg", "c.jpg/d.jpg", "./e.jpg")
    place = s3.fill(bucket, {f"in/{key}": pictures.jpeg(number) for number, key in enumerate(keys)})
    (tmp_path / "below").mkdir()

    summary = engine.run(f"{place}/in", tmp_path / "below" / "out")

    rows = {row["path"]: row for row in checker.rows_of(tmp_path / "below" / "out" / "_rmexif")}
    assert rows.keys() == set(keys)
    assert summary.codes == {"input_error": 3, "ok": 1, "cannot_create": 1}
    assert all(row["problem"] for row in rows.values() if row["code"] != "ok")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["below"]


def test_a_picture_that_ends_its_worker(engine: Engine, tmp_path: Path) -> None:
    """It costs itself: the others of its chunk are done, and what was stored before is not done again."""
    source, target = filled(tmp_path / "in", 12), tmp_path / "out"
    (source / "005.jpg").write_bytes(samples.saved(samples.picture(WIDTH, 64), "JPEG"))

    options = {"pool": "process"} if engine.name == "local" else {}
    summary = engine.run(source, target, Policy(detectors=(Deadly(),)), rows=12, **options)

    assert summary.codes == {"ok": 11, "worker_lost": 1}
    assert true(source, target)


def test_a_picture_that_ends_the_run_itself(tmp_path: Path) -> None:
    """In threads on one machine it takes the run with it; the next one works in processes, and loses that picture alone."""
    source, target = filled(tmp_path / "in", 12), tmp_path / "out"
    (source / "005.jpg").write_bytes(samples.saved(samples.picture(WIDTH, 64), "JPEG"))
    code = (
        "import sys; from rmexif import Policy; from rmexif.batch import run; from tests.batch.deadly import Deadly; "
        "print(dict(run(*sys.argv[1:], Policy(detectors=(Deadly(),)), rows=2).codes))"
    )
    command = [sys.executable, "-c", code, str(source), str(target)]

    ends = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(3)]

    assert [end.returncode for end in ends] == [-signal.SIGKILL, 0, 0]
    counts = [ast.literal_eval(end.stdout) for end in ends[1:]]
    assert counts[0]["worker_lost"] == counts[1]["worker_lost"] == 1
    assert all(sum(count.values()) == 12 for count in counts)
    assert true(source, target)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_images_at_once(engine: Engine, tmp_path: Path, count: int) -> None:
    """As many as were asked for, never more: by the times at which a detector begins and ends."""
    if count > engine.cores:
        pytest.skip(f"{engine.name} has {engine.cores} cores here")
    source, notes = filled(tmp_path / "in", 12), tmp_path / "notes"
    notes.mkdir()

    engine.run(source, tmp_path / "out", Policy(detectors=(Patient(str(notes)),)), rows=2, workers=count)

    times = [tuple(map(float, note.read_text().split())) for note in notes.iterdir()]
    assert len(times) >= 12
    assert max(sum(begin <= moment < end for begin, end in times) for moment, _ in times) == count


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_ends(engine: Engine, number: signal.Signals, tmp_path: Path) -> None:
    """However it ends, the next run does the rest, and the manifest says what is so."""
    source, target = filled(tmp_path / "in", 300), tmp_path / "out"
    command = [sys.executable, "-m", "rmexif", "batch", str(source), str(target), "--rows", "3", "--strip"]
    with (tmp_path / "errors").open("wb") as errors:
        first = subprocess.Popen([*command, *engine.words], stdout=subprocess.DEVNULL, stderr=errors)
    try:
        wait_for(lambda: done(target) >= 9 or first.poll() is not None)
        first.send_signal(number)
        first.wait(timeout=90)
    finally:
        first.kill()
    wait_for(lambda: not at_work(target))  # what worked for it ends behind it

    summary = engine.run(source, target, rows=3)

    assert first.returncode != 0
    assert "Traceback" not in (tmp_path / "errors").read_text()
    assert summary.codes["skipped"] >= 9
    assert summary.codes.total() == 300
    assert true(source, target)


def done(target: Path) -> int:
    """How many rows say that there is a result."""
    return sum(row["code"] == "ok" for row in checker.rows_of(target / "_rmexif"))


def at_work(target: Path) -> bool:
    """Whether anything still writes for a driver that has ended: a part of the manifest came a moment ago."""
    return any(time.time() - path.stat().st_mtime < 3 for path in (target / "_rmexif").glob("part-*"))


def wait_for(condition: Any, seconds: float = 300) -> None:
    """Until it is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)
