"""The manifest says what is so: after changes, deletions, refusals, strange names, and runs of other releases."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="the extra rmexif[batch] is not installed")

from pyarrow import parquet

from rmexif.batch import run
from rmexif.batch.earlier import CURRENT, EMPTIED, REMOVED, REPLACED, UNSEEN, Checked, Earlier
from rmexif.batch.manifest import _schema, escaped, name_bytes, unescaped
from rmexif.bulk import StripTask
from tests.batch import checker, pictures

BROKEN = b"\xff\xd8\xff\xe0 no picture any more"


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A source of six pictures, in two folders, and a target."""
    source = tmp_path / "in"
    for number in range(6):
        path = source / f"day {number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures.jpeg(number))
    return source, tmp_path / "out"


def again(source: Path, target: Path, **words: Any) -> dict[str, int]:
    """A run that strips, two objects to a part; its codes."""
    return dict(run(str(source), str(target), StripTask(), rows=2, **words).codes)


def rows(target: Path) -> dict[str, dict[str, Any]]:
    """The manifest's rows by path; each once."""
    found = checker.rows_of(target / "_rmexif")
    assert len({row["path"] for row in found}) == len(found)
    return {row["path"]: row for row in found}


def test_the_checker_sees(places: tuple[Path, Path]) -> None:
    """Every kind of contradiction, planted."""
    source, target = places
    again(source, target)
    notes = target / "_rmexif"
    assert list(checker.contradictions(source, target, notes)) == []

    (source / "new.jpg").write_bytes(b"x")
    (source / "day 0" / "0.jpg").write_bytes(b"y")
    (source / "day 0" / "2.jpg").unlink()
    (target / "day 1" / "1.jpg").write_bytes(b"z")
    (target / "day 1" / "3.jpg").unlink()
    (target / "stray.jpg").write_bytes(b"w")
    part = max(notes.glob("*.parquet"))
    (notes / "twice.parquet").write_bytes(part.read_bytes())

    text = "\n".join(checker.contradictions(source, target, notes))
    for word in ("new.jpg' has no row", "stray.jpg", "2 rows", "another one", "is gone", "is missing"):
        assert word in text


def test_a_changed_original_replaces_its_row(places: tuple[Path, Path]) -> None:
    """By a picture, by one of another format, and by something that is refused: its output goes."""
    source, target = places
    again(source, target)
    first = rows(target)
    (source / "day 0" / "0.jpg").write_bytes(pictures.jpeg(90))
    (source / "day 0" / "2.jpg").write_bytes(next(iter(pictures.samples.of("png").values())))
    (source / "day 1" / "3.jpg").write_bytes(BROKEN)

    codes = again(source, target)

    assert codes == {"skipped": 3, "ok": 2, "malformed_image": 1}
    found = rows(target)
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    assert found["day 1/3.jpg"]["output"] is None
    assert found["day 1/3.jpg"]["problem"]
    assert not (target / "day 1" / "3.jpg").exists()
    assert not (target / "day 0" / "2.jpg").exists()
    assert (target / "day 0" / "2.jpg.as.png").exists()
    for path in ("day 0/0.jpg", "day 0/2.jpg", "day 1/3.jpg"):
        assert found[path]["previous_hash"] == first[path]["original_hash"]
    assert found["day 0/4.jpg"]["previous_hash"] is None
    assert again(source, target) == {"skipped": 5, "malformed_image": 1}


def test_quarantine(places: tuple[Path, Path]) -> None:
    """An output that is out of date is moved beside the manifest, byte for byte."""
    source, target = places
    again(source, target)
    before = (target / "day 1" / "3.jpg").read_bytes()
    (source / "day 1" / "3.jpg").write_bytes(BROKEN)

    again(source, target, stale="quarantine")

    assert not (target / "day 1" / "3.jpg").exists()
    assert (target / "_rmexif" / "stale" / "day 1" / "3.jpg").read_bytes() == before
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    assert again(source, target)["skipped"] == 5


def test_deleted_originals_are_gone(places: tuple[Path, Path]) -> None:
    """They are named in every run, their outputs stay until ``prune``, and one that comes back is done."""
    source, target = places
    again(source, target)
    kept = (source / "day 0" / "0.jpg").read_bytes()
    for number in (0, 2):
        (source / "day 0" / f"{number}.jpg").unlink()

    assert again(source, target) == {"skipped": 4, "gone": 2}
    assert again(source, target) == {"skipped": 4, "gone": 2}
    assert (target / "day 0" / "2.jpg").exists()
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    assert again(source, target, prune=True) == {"skipped": 4, "gone": 2}
    assert not (target / "day 0" / "2.jpg").exists()
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    (source / "day 0" / "0.jpg").write_bytes(kept)
    assert again(source, target) == {"skipped": 4, "ok": 1, "gone": 1}
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []


def test_outputs_that_are_done_again(places: tuple[Path, Path]) -> None:
    """All of a part at once, whose new part has the same objects as the old one."""
    source, target = places
    again(source, target)
    for path in list((target / "day 0").iterdir()):
        path.unlink()

    assert again(source, target) == {"skipped": 3, "ok": 3}
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    assert again(source, target) == {"skipped": 6}


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_names_of_any_bytes(places: tuple[Path, Path]) -> None:
    """Latin-1 from an old NAS, beside a name that looks like what it is escaped as: both are done, and join back."""
    source, target = places
    names = [b"caf\xe9.jpg", rb"caf\xE9.jpg", b"back\\slash.jpg", "übung.jpg".encode()]
    for number, name in enumerate(names):
        (source / os.fsdecode(name)).write_bytes(pictures.jpeg(20 + number))

    assert again(source, target) == {"ok": 10}
    assert again(source, target) == {"skipped": 10}

    assert list(checker.contradictions(source, target, target / "_rmexif")) == []
    assert {name_bytes(path) for path in rows(target)} >= set(names)
    assert {row["output"] for row in rows(target).values()} >= {r"caf\xE9.jpg", r"caf\\xE9.jpg", r"back\slash.jpg"}


@given(st.lists(st.sampled_from([b"\\", b"x", b"E9", b"\xe9", "é".encode(), b"a"])).map(b"".join))
def test_escaped_names_join_back(name: bytes) -> None:
    """Every name, and what has no escape in it stays as it is; the checker's own reading agrees."""
    path = name.decode("utf-8", "surrogateescape")

    text = escaped(path)

    text.encode()
    assert unescaped(text) == path
    assert name_bytes(text) == checker.joined(text) == name
    assert text == path or "\\x" in text


def test_parts_of_other_releases(places: tuple[Path, Path]) -> None:
    """A column that is missing is null, one that is unknown is left alone; nothing is done twice."""
    source, target = places
    again(source, target)
    old, new, *_ = sorted((target / "_rmexif").glob("*.parquet"))
    table = parquet.ParquetFile(old).read()
    parquet.write_table(table.drop_columns(["problem", "previous_hash", "recorded"]), old)
    table = parquet.ParquetFile(new).read()
    parquet.write_table(table.append_column("later", [["x"] * len(table)]), new)

    assert again(source, target) == {"skipped": 6}
    assert list(checker.contradictions(source, target, target / "_rmexif")) == []


marks = st.tuples(
    st.sampled_from([bytes(8), b"a" * 8, b"b" * 7 + b"\0", b"\xff" * 8]), st.binary(min_size=16, max_size=16)
)


@given(
    st.lists(st.lists(marks, max_size=4), max_size=4),
    st.dictionaries(*[st.sampled_from([bytes(8), b"a" * 8, b"b" * 7 + b"\0"]), st.binary(min_size=16, max_size=16)]),
)
def test_what_is_current(parts: list[list[tuple[bytes, bytes]]], listed: dict[bytes, bytes]) -> None:
    """Against dictionaries: each listed object has at most one current row, others of its path are replaced."""
    for index, key in enumerate(list(listed)):
        if index % 2 and (same := [mark for part in parts for mark in part if mark[0] == key]):
            listed[key] = same[-1][1]
    earlier = Earlier(
        Checked(f"p{number}", b"".join(map(b"".join, part)), bytes(len(part))) for number, part in enumerate(parts)
    )
    asked = [key + version for key, version in listed.items()]

    done, former = earlier.seen(asked)
    states = {item.name: item.states for item in earlier.amendments()}

    rows = [(f"p{number}", mark) for number, part in enumerate(parts) for mark in part]
    assert list(done) == [any(key + version == b"".join(mark) for _, mark in rows) for key, version in listed.items()]
    undone = {mark[:8] for mark, there in zip(asked, done, strict=True) if not there}
    assert set(former) == {name for name, mark in rows if mark[0] in undone}
    placed = [(f"p{number}", place, mark) for number, part in enumerate(parts) for place, mark in enumerate(part)]
    for number, part in enumerate(parts):
        for mark, state in zip(part, states.get(f"p{number}", bytes([CURRENT]) * len(part)), strict=True):
            assert (state in (UNSEEN, EMPTIED, REMOVED)) == (mark[0] not in listed)
            assert state in (REPLACED, UNSEEN, EMPTIED, REMOVED) or listed[mark[0]] == mark[1]
    found = [(mark[0], states[name][place]) for name, place, mark in placed if mark[0] not in listed]
    for key, count in Counter(key for key, _ in found).items():
        assert Counter(state for other, state in found if other == key) == (
            {UNSEEN: 1} if count == 1 else {EMPTIED: 1, REMOVED: count - 1}
        )


def test_every_column_is_documented() -> None:
    """By its name and its type, in the order of the file."""
    page = (Path(__file__).parents[2] / "docs" / "beyond-one-machine.md").read_text()
    table = page.split("## The manifest")[1].split("## Shards")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    documented = [(name.strip(" `"), kind.strip()) for name, kind in rows]

    assert documented == [
        (field.name, str(field.type).replace("map<string, int32>", "map of string to int32")) for field in _schema()
    ]
