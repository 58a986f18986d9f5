"""What is written is read by those who will read it: webdataset and datasets."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from PIL import Image

from rmexif.batch import Shards, run
from rmexif.bulk import StripTask
from tests import samples
from tests.batch import checker, pictures
from tests.batch.test_shards import SECRET, alone, done, samples_of, tar


def test_webdataset_reads_it(tmp_path: Path) -> None:
    """Pairs by key, in order; an extension that was not true is behind the one that was there."""
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    members = samples_of(4)
    members["0002.jpg"] = samples.of("png")["rgb"]
    for name in ("a.tar", "b.tar.gz"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(tar(members, "w:gz" if name.endswith("gz") else "w"))

    done(tmp_path / "in", tmp_path / "out", others="pass")

    for name in ("a.tar", "b.tar.gz"):
        rows = list(wds.WebDataset(str(tmp_path / "out" / name), shardshuffle=False))
        assert [row["__key__"] for row in rows] == ["0000", "0001", "0002", "0003"]
        assert [row.get("jpg") or row["jpg.as.png"] for row in rows] == [
            alone(members[f"000{n}.jpg"]) for n in range(4)
        ]
        assert [(row["txt"], row["cls"]) for row in rows] == [(SECRET, b"3")] * 4


def test_webdataset_writes_it(tmp_path: Path) -> None:
    """Its own writer's shards, with a JSON beside each image, which goes."""
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    (tmp_path / "in").mkdir()
    with wds.ShardWriter(str(tmp_path / "in" / "%04d.tar"), maxcount=3, verbose=0) as writer:
        for number in range(7):
            writer.write({"__key__": f"{number:04d}", "jpg": pictures.jpeg(number), "json": {"gps": SECRET.decode()}})

    assert done(tmp_path / "in", tmp_path / "out") == {"ok": 7}
    rows = [
        row
        for path in sorted((tmp_path / "out").glob("*.tar"))
        for row in wds.WebDataset(str(path), shardshuffle=False)
    ]
    assert [set(row) - {"__key__", "__url__", "__local_path__"} for row in rows] == [{"jpg"}] * 7
    assert [row["jpg"] for row in rows] == [alone(pictures.jpeg(number)) for number in range(7)]


def test_datasets_reads_it(tmp_path: Path) -> None:
    """A file of a hub, with its features: the column is still an Image, and opens."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    raws = [pictures.jpeg(number) for number in range(5)]
    images = [{"bytes": raw, "path": f"Anna/{number}.jpg"} for number, raw in enumerate(raws)]
    dataset = datasets.Dataset.from_dict({"image": images, "label": [0, 1, 0, 1, 1]}, features=features)
    (tmp_path / "in").mkdir()
    dataset.to_parquet(tmp_path / "in" / "train.parquet")

    assert (
        done(tmp_path / "in", tmp_path / "all", others="pass") == done(tmp_path / "in", tmp_path / "out") == {"ok": 5}
    )

    for folder, kept in (("all", features), ("out", {"image": datasets.Image()})):
        made = datasets.Dataset.from_parquet(
            str(tmp_path / folder / "train.parquet"), cache_dir=str(tmp_path / "cache" / folder)
        )
        made = made if folder == "all" else made.cast_column("image", datasets.Image())
        assert made.features == kept
        assert made[2]["image"].size == Image.open(io.BytesIO(raws[2])).size
        plain = made.cast_column("image", datasets.Image(decode=False))
        assert [row["image"]["bytes"] for row in plain] == list(map(alone, raws))
    assert made.column_names == ["image"]


@pytest.mark.parametrize("stale", ["remove", "quarantine"])
def test_a_shard_that_breaks_later(stale: Any, tmp_path: Path) -> None:
    """Its old output goes, or is put aside, and its rows say what it is now; mended, it is done again."""
    (tmp_path / "in").mkdir()
    path, output = tmp_path / "in" / "a.tar", tmp_path / "out" / "a.tar"
    words: dict[str, Any] = {"shards": Shards(), "stale": stale}
    good = tar(samples_of(2))
    path.write_bytes(good)
    run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask(), **words)
    first = output.read_bytes()

    path.write_bytes(good[:3000])
    codes = run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask(), **words).codes

    assert codes == {"broken_shard": 1}
    assert not output.exists()
    kept = tmp_path / "out" / "_rmexif" / "stale" / "a.tar"
    assert kept.exists() == (stale == "quarantine")
    assert not kept.exists() or kept.read_bytes() == first
    assert checker.rows_of(tmp_path / "out" / "_rmexif" / "members") == []
    assert list(checker.contradictions(tmp_path / "in", tmp_path / "out", tmp_path / "out" / "_rmexif")) == []
    path.write_bytes(good)
    assert run(str(tmp_path / "in"), str(tmp_path / "out"), StripTask(), **words).codes == {"ok": 2}
    assert output.read_bytes() == first
