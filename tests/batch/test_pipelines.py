"""Adapters for pipelines, each through the real package, and the samples of docs/pipelines.md that the manual's run leaves out."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif import InvalidPolicy, MissingDependency, Policy, scrub, verify
from rmexif.batch.rows import RowScrubber
from tests import samples
from tests.batch import pictures

ROOT = Path(__file__).resolve().parents[2]
RAWS = [pictures.jpeg(number) for number in range(5)]
BROKEN = RAWS[0][:300]
PLAIN = Policy(stealth=False)  # the same bytes each time


def sample_of(word: str) -> str:
    """The block of docs/pipelines.md that imports this."""
    from scripts.manual.blocks import read_blocks

    page = ROOT / "docs" / "pipelines.md"
    (text,) = [
        block.text
        for block in read_blocks(page, ROOT)
        if block.language == "python" and f"rmexif.batch.{word} " in block.text
    ]
    return text


@functools.cache
def alone(raw: bytes) -> bytes:
    """What becomes of an image by itself."""
    return scrub(raw, PLAIN)[0]


def test_a_row_scrubber_travels() -> None:
    """With its policy, without its model; the same policy makes the same key of a cache."""
    first = RowScrubber(Policy(stealth=False, margin=0.5))
    first(None, RAWS[0])

    assert pickle.dumps(first) == pickle.dumps(RowScrubber(Policy(stealth=False, margin=0.5)))
    assert pickle.dumps(first) != pickle.dumps(RowScrubber(Policy(stealth=False, margin=0.6)))
    assert pickle.loads(pickle.dumps(first))(None, RAWS[1])["bytes"] == alone(RAWS[1])


@pytest.mark.slow
def test_daft(monkeypatch: pytest.MonkeyPatch) -> None:
    """A struct for each row: the bytes of one image by itself, or a code."""
    monkeypatch.setenv("DAFT_ANALYTICS_ENABLED", "0")
    daft = pytest.importorskip("daft", reason="daft is not installed")
    from rmexif.batch.daft import scrub_udf

    frame = daft.from_pydict({"bytes": [*RAWS, BROKEN, None], "label": list(range(7))})
    made = frame.with_column("clean", scrub_udf(PLAIN, workers=2)(daft.col("bytes"))).to_pydict()

    assert made["label"] == list(range(7))
    assert [row["bytes"] for row in made["clean"]] == [*map(alone, RAWS), None, None]
    assert [row["code"] for row in made["clean"]] == ["ok"] * 5 + ["malformed_image", "input_error"]
    assert dict(made["clean"][0]["findings"])["text"] >= 1
    assert made["clean"][1]["original_hash"] == hashlib.sha256(RAWS[1]).hexdigest()
    with pytest.raises(InvalidPolicy):
        scrub_udf(Policy(), deadline=1)


def hugging_face() -> Any:
    """A data set as its conventions have it, with a path that names somebody."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.Value("int64"), "caption": datasets.Value("string")}
    )
    images = [{"bytes": raw, "path": f"Anna {number}.jpg"} for number, raw in enumerate([*RAWS, BROKEN])]
    columns = {"image": images, "label": list(range(6)), "caption": [samples.CANARY.decode()] * 6}
    return datasets.Dataset.from_dict(columns, features=features)


@pytest.mark.slow
def test_hugging_face(tmp_path: Path) -> None:
    """In this process, in two, and iterated; others dropped or passed; nothing of a path or an original in the file."""
    from pyarrow import parquet

    from rmexif.batch.huggingface import scrubbed

    dataset = hugging_face()
    expected = [*map(alone, RAWS), None]
    for made in (
        scrubbed(dataset, PLAIN),
        scrubbed(dataset, PLAIN, workers=2),
        scrubbed(dataset.to_iterable_dataset(), PLAIN),
    ):
        rows = list(made)
        assert [row["image"] and row["image"]["bytes"] for row in rows] == expected
        assert [row["code"] for row in rows] == ["ok"] * 5 + ["malformed_image"]
        assert set(rows[0]) == {"image", "code"}
    passed = scrubbed(dataset, others="pass")
    assert passed["label"][:] == list(range(6))
    assert (
        scrubbed(dataset)._fingerprint
        == scrubbed(dataset)._fingerprint
        != scrubbed(dataset, Policy(margin=1))._fingerprint
    )

    scrubbed(dataset).to_parquet(tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    assert b"Anna" not in data
    assert samples.CANARY not in data
    assert [
        value and verify(value["bytes"], canonical=True)
        for value in parquet.read_table(tmp_path / "a.parquet")["image"].to_pylist()
    ] == [[]] * 5 + [None]
    for words in ({"column": "picture"}, {"others": "sell"}):
        with pytest.raises(InvalidPolicy):
            scrubbed(dataset, **words)


@pytest.mark.slow
def test_hugging_face_files(tmp_path: Path) -> None:
    """A row that only names a file: read where somebody asks for it."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    from rmexif.batch.huggingface import scrubbed

    (tmp_path / "a.jpg").write_bytes(RAWS[0])
    paths = [str(tmp_path / "a.jpg"), str(tmp_path / "missing.jpg")]
    dataset = datasets.Dataset.from_dict({"image": paths}, features=datasets.Features({"image": datasets.Image()}))

    assert scrubbed(dataset)["code"][:] == ["no_input", "no_input"]
    made = scrubbed(dataset, PLAIN, files=True)
    assert made["code"][:] == ["ok", "no_input"]
    assert made[0]["image"] == {"bytes": alone(RAWS[0]), "path": None}


@pytest.mark.slow
def test_data_juicer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own base class and registry: samples whole or not at all, and no way back to an original."""
    pytest.importorskip("data_juicer", reason="py-data-juicer is not installed")
    from data_juicer.ops.base_op import OPERATORS

    from rmexif.batch.data_juicer import RmexifMapper

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name, raw in (("a.jpg", RAWS[0]), ("b.jpg", RAWS[1]), ("broken.jpg", BROKEN)):
        (tmp_path / "photos" / name).write_bytes(raw)
    names: dict[str, Any] = {}
    exec(compile(sample_of("data_juicer"), "docs/pipelines.md", "exec"), names)
    rows = list(names["clean"])
    assert [[verify(raw, canonical=True) for raw in row["image_bytes"]] for row in rows] == [[[]], [[]]]
    assert "photos" not in str([{**row, "image_bytes": None} for row in rows])

    assert OPERATORS.modules["rmexif_mapper"] is RmexifMapper
    batch = {
        "text": ["bytes", "refused", "missing", "none"],
        "images": [["photos/a.jpg"], ["photos/a.jpg", "photos/broken.jpg"], ["photos/nowhere.jpg"], []],
        "image_bytes": [[RAWS[2]], None, None, None],
        "__dj__source_file__": [["photos/a.jpg"]] * 4,
    }
    made = RmexifMapper(policy={"stealth": False}).process(batch)
    assert made == {
        "text": ["bytes", "none"],
        "images": [["0"], []],
        "image_bytes": [[alone(RAWS[2])], []],
        "__dj__source_file__": [[], []],
    }


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[str]:
    """A server of this machine with images on it, and the list of their addresses."""
    (tmp_path / "www").mkdir()
    for number, raw in enumerate([*RAWS, BROKEN]):
        (tmp_path / "www" / f"{number}.jpg").write_bytes(raw)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_address[1]}"
        (tmp_path / "urls.txt").write_text("\n".join(f"{place}/{number}.jpg" for number in range(6)) + "\n")
        yield place
        server.shutdown()


@pytest.mark.slow
def test_img2dataset(addresses: str, tmp_path: Path) -> None:
    """The sample, in a process of its own: every image of the shard is clean, and no sidecar has a tag or a hash of an original."""
    pytest.importorskip("img2dataset", reason="img2dataset is not installed")
    (tmp_path / "sample.py").write_text(sample_of("img2dataset"))
    environment = os.environ | {
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    process = subprocess.run(
        [sys.executable, "sample.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert process.returncode == 0, process.stderr
    (shard,) = (tmp_path / "clean").glob("*.tar")
    with tarfile.open(shard) as archive:
        files = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]
    images = [raw for name, raw in files.items() if name.endswith(".jpg")]
    assert len(images) == 5
    assert all(verify(raw, canonical=True) == [] for raw in images)
    sidecars = [json.loads(raw) for name, raw in files.items() if name.endswith(".json")]
    assert sorted(row["url"] for row in sidecars) == [f"{addresses}/{number}.jpg" for number in range(5)]
    written = b"".join(path.read_bytes() for path in (tmp_path / "clean").rglob("*") if path.is_file())
    assert samples.CANARY not in written
    assert "exif" not in sidecars[0]
    assert not any(hashlib.sha256(raw).hexdigest().encode() in written for raw in RAWS)


def test_img2dataset_around_its_resizer() -> None:
    """What the resizer refuses stays refused; what the scrubber refuses has its code; sizes are handed through."""
    from rmexif.batch.img2dataset import Resizer

    for answer, expected in (
        ((RAWS[0], 1, 2, 3, 4, None), (alone(RAWS[0]), 1, 2, 3, 4, None)),
        ((BROKEN, 1, 2, 3, 4, None), (None, 1, 2, 3, 4, "malformed_image")),
        ((None, None, None, None, None, "image too small"), (None, None, None, None, None, "image too small")),
    ):
        assert Resizer(lambda *_, made=answer: made, RowScrubber(PLAIN))(io.BytesIO()) == expected


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter without its package names the package, and Exif data cannot be asked for."""
    import importlib

    for module, package, call in (
        ("daft", "daft", lambda made: made.scrub_udf()),
        ("huggingface", "datasets", lambda made: made.scrubbed(None)),
        ("data_juicer", "data_juicer", lambda _: None),
        ("img2dataset", "img2dataset", lambda made: made.download()),
    ):
        with monkeypatch.context() as patch:
            for name in [name for name in sys.modules if name.split(".")[0] == package]:
                patch.delitem(sys.modules, name)
            patch.setitem(sys.modules, package, None)
            patch.delitem(sys.modules, f"rmexif.batch.{module}", raising=False)
            with pytest.raises(MissingDependency, match="pip install"):
                call(importlib.import_module(f"rmexif.batch.{module}"))
    for name in ("img2dataset", "img2dataset.main"):
        monkeypatch.setitem(sys.modules, name, type(sys)(name))
    from rmexif.batch.img2dataset import download

    with pytest.raises(InvalidPolicy, match="extract_exif"):
        download(extract_exif=True)


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("spark", "pyspark.sql")])
def test_an_absent_engine(engine: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its extra is named before anything is written, for images and for shards."""
    from rmexif.batch import Shards, run

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(RAWS[0])
    monkeypatch.setitem(sys.modules, package, None)

    for shards in (None, Shards()):
        with pytest.raises(MissingDependency, match=rf"rmexif\[{engine}\]"):
            run(str(tmp_path / "in"), str(tmp_path / "out"), engine=engine, shards=shards)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
