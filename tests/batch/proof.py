"""What every run must show: nothing lost, nothing twice, nothing dirty, no original, and a manifest that says so."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from pyarrow import BufferReader, parquet

from rmexif import RmexifError, scrub, verify
from tests import samples


def manifest_of(objects: dict[str, bytes]) -> list[dict[str, Any]]:
    """All rows of the parts among a destination's objects, read by pyarrow itself."""
    parts = [data for name, data in sorted(objects.items()) if name.endswith(".parquet")]
    return [row for data in parts for row in parquet.read_table(BufferReader(data)).to_pylist()]


def below(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def codes(objects: dict[str, bytes]) -> Counter[str]:
    """What has to become of originals, by scrubbing them one by one."""
    found: Counter[str] = Counter()
    for raw in objects.values():
        try:
            scrub(raw)
        except RmexifError as error:
            found[error.code] += 1
        else:
            found["ok"] += 1
    return found


def proven(originals: dict[str, bytes], results: dict[str, bytes], unclean: list[str] | None = None) -> Counter[str]:
    """Compare a whole destination with a whole source; the codes of the manifest.

    What is not clean is an error, unless there is a list for its names.
    """
    rows = manifest_of(results)
    pictures = {name: data for name, data in results.items() if not name.startswith("_rmexif/")}
    by_path = {row["path"]: row for row in rows}

    assert Counter(row["path"] for row in rows) == Counter(originals.keys()), "lost, or twice"
    assert sorted(row["output"] for row in rows if row["output"]) == sorted(pictures), "an output without a row"
    for path, raw in originals.items():
        row = by_path[path]
        assert row["original_hash"] == hashlib.sha256(raw).hexdigest()
        assert (row["code"] == "ok") == (row["output"] is not None)
        if row["output"]:
            data = pictures[row["output"]]
            if verify(data, canonical=True):
                assert unclean is not None, "not clean, or not whole"
                unclean.append(path)
            assert row["new_hash"] == hashlib.sha256(data).hexdigest()
    hashes = {hashlib.sha256(raw).digest() for raw in originals.values()}
    assert not [data for data in results.values() if hashlib.sha256(data).digest() in hashes], "an original"
    assert not [data for data in results.values() if samples.CANARY in data], "a value"
    return Counter(row["code"] for row in rows)
