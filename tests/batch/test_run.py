"""A run from one store to another: done once, checked the second time, refused where it cannot be meant."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import InvalidPolicy, Policy, SetupError, strip
from rmexif.batch import run
from rmexif.batch.stores import StoreUnavailable
from tests import samples
from tests.batch import pictures, proof
from tests.batch.server import Server
from tests.cli.running import run as cli_run

FOREVER = 1 << 30  # requests


def filled(folder: Path, objects: dict[str, bytes]) -> Path:
    """The objects as files."""
    for name, raw in objects.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return folder


def test_bucket_to_bucket(s3: Server, bucket: str) -> None:
    """Every object of a bucket has a row, and every picture a clean output."""
    originals = pictures.mixed(40)
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})

    summary = run(f"{place}/in", f"{place}/out", rows=16, workers=2)

    assert proof.proven(originals, s3.objects(f"{place}/out")) == summary.codes == proof.codes(originals)
    assert summary.exit_code == 65


def test_the_second_run_does_what_is_left(s3: Server, bucket: str) -> None:
    """What is done and whole is left alone; an altered, a missing and a new object are done."""
    originals = {f"{number}.jpg": pictures.jpeg(number) for number in range(12)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    system = s3.system()
    run(f"{place}/in", f"{place}/out", rows=4)
    before = s3.objects(f"{place}/out")

    same = run(f"{place}/in", f"{place}/out", rows=4)
    after = s3.objects(f"{place}/out")
    system.pipe_file(f"{bucket}/out/3.jpg", before["3.jpg"][:-9])
    system.rm_file(f"{bucket}/out/7.jpg")
    originals |= {"5.jpg": pictures.jpeg(90), "13.jpg": pictures.jpeg(13)}
    system.pipe_file(f"{bucket}/in/5.jpg", originals["5.jpg"])
    system.pipe_file(f"{bucket}/in/13.jpg", originals["13.jpg"])
    again = run(f"{place}/in", f"{place}/out", rows=4)
    last = run(f"{place}/in", f"{place}/out", rows=4)

    assert same.codes == {"skipped": 12}
    assert before == after
    assert again.codes == {"skipped": 9, "ok": 4}
    assert last.codes == {"skipped": 13}
    done = s3.objects(f"{place}/out")
    assert proof.proven(originals, done) == {"ok": 13}
    assert {name for name in before if name.endswith(".jpg") and done[name] == before[name]} == {
        f"{number}.jpg" for number in (0, 1, 2, 4, 6, 8, 9, 10, 11)
    }


def test_a_store_that_says_503_for_a_while(s3: Server, bucket: str) -> None:
    """Everything waits, and nothing is missing in the end."""
    originals = {f"{number}.jpg": pictures.jpeg(number) for number in range(24)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    refused = []

    def in_between(codes: Counter[str]) -> None:
        if not refused:
            s3.counts()
            s3.refuse(20)
            refused.append(codes)

    summary = run(f"{place}/in", f"{place}/out", rows=4, workers=2, progress=in_between)

    assert s3.counts()["refused"] > 0
    assert proof.proven(originals, s3.objects(f"{place}/out")) == summary.codes == {"ok": 24}


def test_a_store_that_stays_away(s3: Server, bucket: str) -> None:
    """The run ends with a word for it, and the next one finishes the work."""
    originals = {f"{number}.jpg": pictures.jpeg(number) for number in range(12)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})

    with pytest.raises(StoreUnavailable) as caught:
        run(f"{place}/in", f"{place}/out", rows=4, workers=1, patience=0.5, progress=lambda codes: s3.refuse(FOREVER))
    s3.refuse(0)
    summary = run(f"{place}/in", f"{place}/out", rows=4)

    assert caught.value.exit_code == 69
    assert summary.codes.total() == 12
    assert proof.proven(originals, s3.objects(f"{place}/out")) == {"ok": 12}


def test_a_driver_that_is_killed(s3: Server, bucket: str) -> None:
    """The second one does the rest: nothing lost, nothing twice."""
    originals = {f"{number:03d}.jpg": pictures.jpeg(number) for number in range(160)}
    place = s3.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    command = [sys.executable, "-m", "rmexif", "batch", f"{place}/in", f"{place}/out", "--rows", "4", "--json"]
    s3.counts()
    s3.refuse(FOREVER, after_puts=40)  # so the first driver cannot come to its end
    first = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)
    while not s3.counts().get("refused") and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    s3.refuse(0)
    done = len(s3.system().find(f"{bucket}/out"))
    second = subprocess.run(command, env=os.environ, capture_output=True, check=False, timeout=120)

    assert first.returncode == -signal.SIGKILL
    assert done < 160
    counts = json.loads(second.stdout)
    assert second.returncode == 0, second.stderr
    assert counts["ok"] + counts["skipped"] == 160
    assert counts["skipped"] >= 8
    assert proof.proven(originals, s3.objects(f"{place}/out")) == {"ok": 160}


def test_neutral_names(tmp_path: Path) -> None:
    """Outputs have names that say nothing and stay the same; the manifest lies elsewhere and knows."""
    originals = {f"Anna {number}.jpg": pictures.jpeg(number) for number in range(4)}
    source = str(filled(tmp_path / "in", originals))
    where = {"at": str(tmp_path / "notes"), "neutral_names": True}

    run(source, str(tmp_path / "out"), **where)
    names = sorted(proof.below(tmp_path / "out"))
    (tmp_path / "out" / names[0]).unlink()
    again = run(source, str(tmp_path / "out"), **where)

    assert again.codes == {"skipped": 3, "ok": 1}
    assert sorted(proof.below(tmp_path / "out")) == names
    assert all(len(name) == 36 and name.endswith(".jpg") for name in names)
    rows = proof.manifest_of(proof.below(tmp_path / "notes"))
    assert sorted(row["path"] for row in rows) == sorted(originals)


def test_refused_at_once(s3: Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be meant is refused before anything is read or written, and the message says what to do."""
    source = filled(tmp_path / "in", {"a.jpg": pictures.jpeg(1)})
    place = s3.fill(bucket, {"in/a.jpg": pictures.jpeg(1), "full/b.txt": b"x"})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("x")
    refused = [
        ("nosuch://a/b", str(tmp_path / "out"), {}, "no such kind"),
        (str(source), "nosuch://a/b", {}, "no such kind"),
        ("s3://key:secret@bucket/in", str(tmp_path / "out"), {}, "credentials"),
        (str(source), str(source / "out"), {}, "lie in each other"),
        (str(source), str(tmp_path), {}, "lie in each other"),
        (place, f"{place}/out", {}, "lie in each other"),
        (f"{place}/in", f"{place}/in", {}, "lie in each other"),
        (str(source), str(tmp_path / "out"), {"at": str(source / "notes")}, "manifest lies in the source"),
        (str(source), str(tmp_path / "full"), {}, "no manifest"),
        (str(source), f"{place}/full", {}, "no manifest"),
        (str(tmp_path / "missing"), str(tmp_path / "out"), {}, "nothing at the source"),
        (f"{place}/missing", str(tmp_path / "out"), {}, "nothing at the source"),
        (str(source), str(tmp_path / "out"), {"engine": "abacus"}, "engine"),
        (str(source), str(tmp_path / "out"), {"address": "auto"}, "ray and spark"),
        (str(source), str(tmp_path / "out"), {"rows": 0}, "rows"),
        (str(source), str(tmp_path / "out"), {"policy": Policy(style="gaussian")}, "style"),
    ]

    for here, there, options, why in refused:
        with pytest.raises(InvalidPolicy, match=why):
            run(here, there, **options)
    for name in list(s3.environment):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SetupError, match="no credentials"):
        run(f"{place}/in", str(tmp_path / "out"))
    s3fs.S3FileSystem.clear_instance_cache()  # or the next test would get a client that knows nobody
    assert not (tmp_path / "out").exists()
    assert sorted(proof.below(source)) == ["a.jpg"]


def test_a_manifest_of_something_else(tmp_path: Path) -> None:
    """A manifest goes with one source, one policy, one way of naming; a damaged part says so."""
    source = filled(tmp_path / "in", {"a.jpg": pictures.jpeg(1)})
    other = filled(tmp_path / "other", {"a.jpg": pictures.jpeg(1)})
    out = str(tmp_path / "out")
    run(str(source), out)

    for here, options, why in (
        (other, {}, "source"),
        (source, {"policy": Policy(style="fill")}, "policy"),
        (source, {"neutral_names": True}, "names"),
    ):
        with pytest.raises(InvalidPolicy, match=why):
            run(str(here), out, **options)
    (part,) = (tmp_path / "out" / "_rmexif").glob("*.parquet")
    part.write_bytes(part.read_bytes()[:40])
    with pytest.raises(SetupError, match="cannot be read"):
        run(str(source), out)
    (tmp_path / "out" / "_rmexif" / "run.json").write_text("[]")
    with pytest.raises(InvalidPolicy, match=r"run\.json"):
        run(str(source), out)


def test_what_the_manifest_says(tmp_path: Path) -> None:
    """Columns, counts by category, and no value; names of outputs are put right."""
    originals = {"a.jpg": pictures.jpeg(1), "b.png": pictures.jpeg(2), "c": b"no image", "d.jpg": b""}
    source = filled(tmp_path / "in", originals)

    summary = run(str(source), str(tmp_path / "out"))

    results = proof.below(tmp_path / "out")
    proof.proven(originals, results)
    rows = {row["path"]: row for row in proof.manifest_of(results)}
    assert summary.failed == {"unknown_format": 2}
    assert rows["a.jpg"]["output"] == "a.jpg"
    assert rows["b.png"]["output"] == "b.png.as.jpg"
    assert rows["c"] | {"identity": None, "recorded": None} == {
        "path": "c",
        "identity": None,
        "recorded": None,
        "output": None,
        "code": "unknown_format",
        "format": None,
        "faces_detected": None,
        "findings": None,
        "original_size": 8,
        "new_size": None,
        "original_hash": "453361fd925712bb2f4ef496dfa3480f0d7a1e22fc15dc69e72aeb8086c135ce",
        "new_hash": None,
        "problem": "not an image of a known format: no signature matches at byte 0",
        "previous_hash": None,
    }
    assert dict(rows["a.jpg"]["findings"]).keys() >= {"device", "text"}


def test_the_command(tmp_path: Path) -> None:
    """Counts on standard output, a summary on standard error, and an exit code that tells."""
    filled(tmp_path / "in", {"a.jpg": pictures.jpeg(1), "b.jpg": b"no image"})

    done = cli_run("batch", "in", "out", "--json", "--format", "png", cwd=tmp_path)
    processes = cli_run("batch", "in", "out2", "--deadline", "60", cwd=tmp_path)
    refused = cli_run("batch", "in", "in/out", cwd=tmp_path)

    assert json.loads(done.stdout) == {"ok": 1, "unknown_format": 1}
    assert done.returncode == processes.returncode == 65
    assert b"1 of 2 objects have no result: 1 unknown_format" in done.stderr
    assert (tmp_path / "out" / "a.jpg.as.png").exists()
    assert (tmp_path / "out2" / "a.jpg").exists()
    assert (refused.returncode, refused.stdout) == (78, b"")
    assert b"lie in each other" in refused.stderr


def test_progress(tmp_path: Path) -> None:
    """Done of a total, a rate, an end in sight, and the last that was refused; as lines of JSON too."""
    objects = {f"{number:02d}.jpg": pictures.jpeg(number) for number in range(20)} | {"07.jpg": b"no image"}
    filled(tmp_path / "in", objects)

    done = cli_run("batch", "in", "out", "--strip", "--rows", "4", "--json-lines", cwd=tmp_path)
    again = cli_run("batch", "in", "out", "--strip", "--rows", "4", "--json-lines", cwd=tmp_path)

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["done"] for line in lines][:5] == [4, 8, 12, 16, 20]
    assert lines[-1] | {"rate": 0} == {
        "done": 20,
        "listed": 20,
        "total": 20,
        "rate": 0,
        "eta": 0.0,
        "refused": 1,
        "last_refused": "07.jpg",
    }
    assert lines[-1]["rate"] > 0
    assert json.loads(again.stdout.splitlines()[-1])["done"] == 20


def test_strip_leaves_pixels_alone(tmp_path: Path) -> None:
    """Metadata only; the manifest says so, and a run that scrubs cannot go on with it."""
    from rmexif.bulk import StripTask

    (tmp_path / "in").mkdir()
    raw = samples.of("png")["rgb"]
    (tmp_path / "in" / "a.png").write_bytes(raw)

    first = run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask())
    again = run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask())

    assert first.codes["ok"] == 1
    assert again.codes["ok"] == 0
    assert (tmp_path / "out" / "a.png").read_bytes() == strip(raw)[0]
    with pytest.raises(InvalidPolicy):
        run(str(tmp_path / "in"), str(tmp_path / "out"))


def test_strip_keeps_what_is_asked_for(tmp_path: Path) -> None:
    """As ``strip`` on the command line does; a run that keeps nothing is another one."""
    filled(tmp_path / "in", {"a.jpg": pictures.jpeg(1)})

    done = cli_run("batch", "in", "out", "--strip", "--keep", "copyright", "--set", "copyright=Somebody", cwd=tmp_path)
    other = cli_run("batch", "in", "out", "--strip", cwd=tmp_path)
    refused = cli_run("batch", "in", "out2", "--strip", "--style", "fill", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out" / "a.jpg") as image:
        assert image.getexif()[0x8298] == "Somebody"
    assert (other.returncode, refused.returncode) == (78, 64)
    assert b"another policy" in other.stderr


def test_pieces_of_a_listing() -> None:
    """In order, complete, never longer than what is left for each worker, and no longer than asked for."""
    from importlib import import_module

    pieces = import_module("rmexif.batch.run")._pieces
    for count, at_once in ((0, 1), (10, 1), (1000, 2), (20_000, 2), (20_000, 64)):
        found = list(pieces(range(count), None, at_once))
        assert [number for piece in found for number in piece] == list(range(count))
        assert all(1 <= len(piece) <= 2048 for piece in found)
        left = count
        for piece in found:
            assert len(piece) <= max(256, left // at_once)
            left -= len(piece)
    assert max(map(len, pieces(range(20_000), None, 1))) == 2048
    assert [len(piece) for piece in pieces(range(10), 4, 2)] == [4, 4, 2]
