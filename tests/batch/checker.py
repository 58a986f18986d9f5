"""Walks a source and a target folder and compares them with the manifest, without rmexif.batch.

    python -m tests.batch.checker SOURCE TARGET [MANIFEST]

Every original has one row, every row an original or the code ``gone``, every output a row, every hash is that of the
bytes; likewise for what is in archives, tables and databases, read by tarfile, zipfile, pyarrow and lmdb. It prints a
line for each contradiction, and answers 1 where there is one.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyarrow import parquet

UNREAD = {"no_input", "limit_exceeded", "input_error", "worker_lost"}  # codes of objects that may not have been read


def walked(folder: Path) -> dict[bytes, Path]:
    """The files below a folder by the bytes of their names; links are not followed."""
    found = {}
    for here, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            path = Path(os.fsdecode(here + b"/" + name))
            if not path.is_symlink():
                found[os.fsencode(path.relative_to(folder))] = path
    return found


def joined(text: str) -> bytes:
    """The bytes of a name in the manifest, from the description of its column."""
    if "\\x" not in text:
        return text.encode()
    raw, rest = b"", text
    while rest:
        if rest.startswith("\\x"):
            raw, rest = raw + bytes.fromhex(rest[2:4]), rest[4:]
        elif rest.startswith("\\\\"):
            raw, rest = raw + b"\\", rest[2:]
        else:
            raw, rest = raw + rest[0].encode(), rest[1:]
    return raw


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows_of(manifest: Path) -> list[dict[str, Any]]:
    """All rows, as pyarrow reads them."""
    return [row for part in sorted(manifest.glob("*.parquet")) for row in parquet.ParquetFile(part).read().to_pylist()]


def contradictions(source: Path, target: Path, manifest: Path) -> Iterator[str]:
    """What the manifest says that is not so, and what is so and not in it."""
    originals, outputs = walked(source), walked(target)
    notes = os.path.relpath(manifest, target).encode()
    outputs = {name: path for name, path in outputs.items() if not name.startswith(notes + b"/")}
    rows = rows_of(manifest)
    counts = Counter(joined(row["path"]) for row in rows)
    yield from (f"{name!r} has {count} rows" for name, count in counts.items() if count > 1)
    yield from (f"{name!r} has no row" for name in originals.keys() - counts.keys())
    named = {row["output"].encode() for row in rows if row["output"]}
    yield from (f"{name!r} is an output without a row" for name in outputs.keys() - named)
    for row in rows:
        yield from (f"{row['path']!r}: {what}" for what in wrong(row, originals, outputs))
    if (manifest / "members").is_dir():
        yield from wrong_inside(rows, originals, outputs, manifest)


def wrong(row: dict[str, Any], originals: dict[bytes, Path], outputs: dict[bytes, Path]) -> Iterator[str]:
    """What is not so of one row."""
    original = originals.get(joined(row["path"]))
    if (row["code"] == "gone") != (original is None):
        yield f"its code is {row['code']}, and its original is {'gone' if original is None else 'there'}"
    is_unread = row["original_hash"] is None and row["code"] in UNREAD
    if original is not None and not is_unread and row["original_hash"] != digest(original):
        yield "its original is another one"
    if row["output"] is None:
        if row["code"] == "ok" or row["new_hash"] is not None:
            yield "it has no output, and says it has"
    elif row["output"].encode() not in outputs:
        yield "its output is missing"
    elif row["code"] not in ("ok", "gone"):
        yield f"it is {row['code']}, and has an output"
    elif digest(outputs[row["output"].encode()]) != row["new_hash"]:
        yield "its output is another one"


def inside(path: Path) -> dict[bytes, str]:
    """SHA-256 of what is in a shard, by name, key or number."""
    name = path.name.lower()
    if name.endswith((".tar", ".tar.gz", ".tgz")):
        with tarfile.open(path) as archive:
            found = {info.name: archive.extractfile(info).read() for info in archive if info.isreg()}  # type: ignore[union-attr]
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            found = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    elif name.endswith(".parquet"):
        table = parquet.ParquetFile(path).read()
        column = next(field.name for field in table.schema if "binary" in str(field.type))
        values = [value and value["bytes"] if isinstance(value, dict) else value for value in table[column].to_pylist()]
        found = {str(number): value or b"" for number, value in enumerate(values)}
    else:
        import lmdb

        with (
            lmdb.open(str(path), subdir=False, readonly=True, lock=False) as environment,
            environment.begin() as reading,
        ):
            found = {bytes(key): bytes(value) for key, value in reading.cursor()}
    return {
        name if isinstance(name, bytes) else os.fsencode(name): hashlib.sha256(data).hexdigest()
        for name, data in found.items()
    }


def wrong_inside(
    rows: list[dict[str, Any]], originals: dict[bytes, Path], outputs: dict[bytes, Path], manifest: Path
) -> Iterator[str]:
    """What is not so of the members of shards that have a result."""
    drops = "others: drop" in json.loads((manifest / "run.json").read_text())["names"]
    members = rows_of(manifest / "members")
    for row in rows:
        if row["code"] != "ok":
            continue
        path = joined(row["path"])
        mine = [member for member in members if joined(member["path"]).startswith(path + b"/")]
        before, after = inside(originals[path]), inside(outputs[row["output"].encode()])
        for member in mine:
            name = joined(member["path"])[len(path) + 1 :]
            if member["original_hash"] not in (None, before.get(name)):
                yield f"{member['path']!r}: its original is another one"
            if member["output"] is None:
                continue
            written = joined(member["output"])[len(path) + 1 :]
            if after.get(written) != member["new_hash"]:
                yield f"{member['path']!r}: its output is missing, or another one"
            after.pop(written, None)
        yield from (f"{name!r} in {row['output']!r} has no row" for name in after if drops)


if __name__ == "__main__":
    places = [Path(word) for word in sys.argv[1:]]
    lines = list(contradictions(*places[:2], places[2] if len(places) > 2 else places[1] / "_rmexif"))
    print("\n".join(lines) or "the manifest says what is so")
    sys.exit(bool(lines))
