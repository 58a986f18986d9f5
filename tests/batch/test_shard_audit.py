"""Reports and audits of targets that are shards: over images, not over shards."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")
pytest.importorskip("lmdb", reason="the extra rmexif[lmdb] is not installed")

from PIL import Image

from rmexif import Policy
from rmexif.batch import Shards, run
from rmexif.batch.audit import _drawn, audit, upper_bound
from rmexif.batch.manifest import open_manifest
from rmexif.batch.report import report
from rmexif.batch.stores import Store
from rmexif.bulk import StripTask
from tests import samples
from tests.batch.server import Server
from tests.batch.test_audit import Red
from tests.batch.test_lmdb import database
from tests.batch.test_shards import table, tar, zipped
from tests.cli.running import run as cli_run

GREEN, RED = (10, 220, 10), (220, 10, 10)
SIZES = {"large.tar": 60, "a.tar": 1, "b.tar.gz": 1, "c.zip": 4, "d.parquet": 9, "e.lmdb": 5}
PLANTED = {"large.tar": 12, "d.parquet": 2, "e.lmdb": 1, "c.zip": 1}  # misses, at the end of their shard
POLICY = Policy(detectors=(Red(),))


def picture(number: int, colour: tuple[int, int, int]) -> bytes:
    """A picture that no other number has."""
    return samples.saved(Image.new("RGB", (48 + number, 40), colour), "PNG")


def shard(name: str, images: dict[str, bytes], folder: Path) -> None:
    """One of a kind; the rows of a table begin with one that is refused, so that none stays at its number."""
    path = folder / name
    if name.endswith(".lmdb"):
        database(path, {key.encode(): raw for key, raw in images.items()})
        return
    mode = "w:gz" if name.endswith("gz") else "w"
    path.write_bytes(
        table({"image": [b"no image", *images.values()], "other": [b"x"] * (len(images) + 1)})
        if name.endswith("parquet")
        else zipped(images)
        if name.endswith("zip")
        else tar(images, mode)
    )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 outputs in shards of very different sizes, 16 planted misses, three refusals."""
    folder = tmp_path_factory.mktemp("shard-audit")
    (folder / "in").mkdir()
    for name, count in SIZES.items():
        red = PLANTED.get(name, 0)
        images = {f"{n:03d}.png": picture(n, RED if n >= count - red else GREEN) for n in range(count)}
        shard(name, images, folder / "in")
    (folder / "in" / "z.tar").write_bytes(b"broken")
    words = Shards(column="image")
    run(str(folder / "in"), str(folder / "out"), StripTask(), shards=words)
    return folder / "out"


def test_all_misses_are_found(target: Path, tmp_path: Path) -> None:
    """In every kind of shard, each by its name; pictures are put aside under names that are paths."""
    made = audit(str(target), 1000, policy=POLICY, pictures=str(tmp_path / "look"))

    assert (made.outputs, made.sample) == (80, 80)
    assert {item.problem for item in made.findings} == {"faces"}
    assert Counter(item.output.split("/")[0] for item in made.findings) == PLANTED
    assert made.share("faces") == 16 / 80
    assert len([path for path in (tmp_path / "look").rglob("*") if path.is_file()]) == 16


def test_every_image_is_as_likely_and_the_bound_holds(target: Path) -> None:
    """Most misses lie in the largest of six shards: a draw of shards, and then of images, would miss them."""
    manifest = open_manifest(Store(str(target)).below("_rmexif"))
    planted = {item.output for item in audit(str(target), 1000, policy=POLICY).findings}
    rounds, sample, covered = 150, 20, 0
    seen: Counter[str] = Counter()
    for seed in range(rounds):
        total, drawn = _drawn(manifest, sample, seed)
        assert (total, len({output.output for output in drawn})) == (80, sample)
        seen.update(output.output.split("/")[0] for output in drawn)
        covered += upper_bound(sum(output.output in planted for output in drawn), sample) >= len(planted) / total

    assert covered / rounds >= 0.95
    for name, count in SIZES.items():
        expected = rounds * sample * count / 80
        assert abs(seen[name] - expected) < 4 * expected**0.5, (name, seen[name], expected)


def test_what_is_missing_or_altered(target: Path, tmp_path: Path) -> None:
    """A shard that is gone, cut off, or holds other bytes: each of its images that is drawn is named."""
    import shutil

    copy = tmp_path / "out"
    shutil.copytree(target, copy)
    (copy / "a.tar").unlink()
    (copy / "large.tar").write_bytes((copy / "large.tar").read_bytes()[:20_000])
    (copy / "c.zip").write_bytes(zipped({f"{n:03d}.png": picture(9, GREEN) for n in range(4)}))

    made = audit(str(copy), 1000, policy=Policy(detectors=(Red(999),)), smallest=5000)

    found = Counter((item.output.split("/")[0], item.problem) for item in made.findings)
    assert found[("a.tar", "missing")] == 1
    assert 0 < found[("large.tar", "missing")] < 60
    assert found[("c.zip", "altered")] == 4
    assert {name for name, _ in found} == {"a.tar", "large.tar", "c.zip"}


def test_in_a_bucket(s3: Server, bucket: str) -> None:
    """A zip is read from its end, a table from its footer, wherever they lie."""
    images = {f"{n:03d}.png": picture(n, RED if n == 2 else GREEN) for n in range(4)}
    place = s3.fill(bucket, {"in/a.zip": zipped(images), "in/b.parquet": table({"image": list(images.values())})})
    run(f"{place}/in", f"{place}/out", StripTask(), shards=Shards())

    made = audit(f"{place}/out", 99, policy=POLICY)

    found = {(item.output, item.problem) for item in made.findings}
    assert found == {("a.zip/002.png", "faces"), ("b.parquet/2", "faces")}


def test_a_key_that_is_no_path(tmp_path: Path) -> None:
    """A database may call a value anything: a picture for review stays in its folder."""
    (tmp_path / "in").mkdir()
    keys = [b"../../../up", b"\x00\x01", b"/etc", b"a//b", b"caf\xe9", b"plain"]
    database(tmp_path / "in" / "k.lmdb", {key: picture(n, RED) for n, key in enumerate(keys)})
    run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask(), shards=Shards())

    made = audit(str(tmp_path / "out"), 10, policy=POLICY, pictures=str(tmp_path / "a" / "b" / "c" / "look"))

    assert len(made.findings) == len(keys)
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) == len(keys)
    assert all(
        (tmp_path / "a" / "b" / "c" / "look" / "k.lmdb") in path.parents or path.parent.name == "look" for path in files
    )
    assert not (tmp_path / "a" / "up").exists()


def test_the_report(target: Path) -> None:
    """Images, not shards, and the shards apart; a shard without a result is named with its reason."""
    as_json = json.loads(cli_run("batch", "report", str(target), "--json", cwd=target.parent).stdout)
    text = cli_run("batch", "report", str(target), cwd=target.parent).stdout.decode()
    page = cli_run("batch", "report", str(target), "--html", cwd=target.parent).stdout.decode()

    assert as_json["codes"] == {"broken_shard": 1, "ok": 80, "unknown_format": 1}
    assert as_json["shards"] == {"broken_shard": 1, "ok": 6}
    refused: dict[str, Any] = {row["path"]: row["problem"] for row in as_json["refused_rows"]}
    assert set(refused) == {"z.tar", "d.parquet/0"}
    assert "tar" in refused["z.tar"]
    assert as_json["folders"]["large.tar"] == {"ok": 60}
    assert "81  ok" not in text
    assert "80  ok" in text
    assert "shards" in text
    assert "<h2>Shards</h2>" in page
    done = cli_run("batch", "audit", str(target), "--sample", "5", "--json", cwd=target.parent)
    assert json.loads(done.stdout)["outputs"] == 80, done.stderr


def test_shards_that_changed_or_are_gone(tmp_path: Path) -> None:
    """What was in a shard that is gone is gone; pruned, it has no output that an audit could draw."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.tar", "b.tar"):
        shard(name, {f"{n}.png": picture(n, GREEN) for n in range(3)}, folder)
    words: dict[str, Any] = {"shards": Shards()}
    target = str(tmp_path / "out")
    run(str(folder), target, StripTask(), **words)
    shard("a.tar", {f"{n}.png": picture(n + 9, GREEN) for n in range(5)}, folder)
    (folder / "b.tar").unlink()
    run(str(folder), target, StripTask(), **words)

    made = report(target)
    assert (made.codes, made.changed) == ({"ok": 5, "gone": 3}, 1)
    assert audit(target, 99, policy=POLICY).outputs == 8

    run(str(folder), target, StripTask(), prune=True, **words)
    assert audit(target, 99, policy=POLICY).outputs == 5
