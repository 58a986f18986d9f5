"""Faults one after the other: whatever order they come in, a run that ends leaves a manifest that says what is so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from rmexif.batch import run
from rmexif.bulk import StripTask
from tests.batch import checker, pictures


def again(source: Path, target: Path, **words: bool) -> dict[str, int]:
    """A run that strips; its codes, once the checker has nothing to say."""
    codes = dict(run(str(source), str(target), StripTask(), **words).codes)  # type: ignore[arg-type]
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    return codes


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A source of three pictures, and a target."""
    (tmp_path / "in" / "d.jpg").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "b.jpg", "d.jpg/c.jpg")):
        (tmp_path / "in" / name).write_bytes(pictures.jpeg(number))
    return tmp_path / "in", tmp_path / "out"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are forked off")
def test_random_sequences() -> None:
    """Kills, changes, deletions and hands in the target: sequences that have found something each."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.batch.sequences", "0", "2", "3", "7"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_outputs_that_were_touched_and_whose_originals_are_gone(places: tuple[Path, Path]) -> None:
    """One was altered, one removed: neither can be made again, so neither stays, and the rows say so."""
    source, target = places
    again(source, target)
    for name in ("a.jpg", "b.jpg"):
        (source / name).unlink()
    (target / "a.jpg").write_bytes(b"altered")
    (target / "b.jpg").unlink()

    assert again(source, target) == {"skipped": 1, "gone": 2}

    assert sorted(path.name for path in target.iterdir()) == ["_rmexif", "d.jpg"]


def test_a_folder_in_the_place_of_a_file_and_back(places: tuple[Path, Path]) -> None:
    """What is in the way is named, and gone once it is pruned: the next run does what could not be done."""
    source, target = places
    again(source, target)
    (source / "d.jpg" / "c.jpg").unlink()
    (source / "d.jpg").rmdir()
    (source / "d.jpg").write_bytes(pictures.jpeg(5))
    (source / "a.jpg").unlink()
    (source / "a.jpg").mkdir()
    (source / "a.jpg" / "b.jpg").write_bytes(pictures.jpeg(6))

    assert again(source, target, prune=True) == {"skipped": 1, "cannot_create": 2, "gone": 2}

    assert again(source, target, prune=True) == {"skipped": 1, "ok": 2, "gone": 2}
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*.jpg") if path.is_file()) == [
        "a.jpg/b.jpg",
        "b.jpg",
        "d.jpg",
    ]


def test_originals_that_are_called_as_the_manifest_is(places: tuple[Path, Path]) -> None:
    """They have a row with a sentence, and nothing is written among its parts, however it is spelled."""
    source, target = places
    for folder in ("_rmexif", "_RMEXIF"):
        (source / folder).mkdir()
        (source / folder / "x.jpg").write_bytes(pictures.jpeg(7))

    assert again(source, target) == {"ok": 3, "input_error": 2}

    assert not list((target / "_rmexif").glob("*.jpg"))
    rows = {row["path"]: row for row in checker.rows_of(target / "_rmexif")}
    assert "manifest" in rows["_rmexif/x.jpg"]["problem"]
    notes = str(target.parent / "notes")
    elsewhere = run(str(source), str(target.parent / "other"), StripTask(), at=notes)
    assert elsewhere.codes == {"ok": 5}
