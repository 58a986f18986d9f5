"""What a manifest says in sum: totals by code, format and folder, and the rows that somebody has to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rmexif.batch.manifest import FOLDER, escaped, open_manifest
from rmexif.batch.rows import GONE, OK
from rmexif.batch.stores import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.batch.manifest import Manifest

__all__ = ["Report", "manifest_at", "objects", "report"]


@dataclass(slots=True)
class Report:
    """Totals over all images, and the first rows of each kind."""

    codes: Counter[str] = field(default_factory=Counter)
    shards: Counter[str] = field(default_factory=Counter)  # archives and tables, by code
    formats: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)  # by category, summed over all images
    folders: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # codes by topmost folder
    original_bytes: int = 0
    new_bytes: int = 0
    changed: int = 0  # rows that replaced one of an earlier version
    refused_rows: list[dict[str, Any]] = field(default_factory=list)
    changed_rows: list[dict[str, Any]] = field(default_factory=list)
    gone_rows: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form."""
        return {
            "codes": dict(sorted(self.codes.items())),
            "shards": dict(sorted(self.shards.items())),
            "formats": dict(sorted(self.formats.items())),
            "findings": dict(sorted(self.findings.items())),
            "folders": {name: dict(sorted(codes.items())) for name, codes in sorted(self.folders.items())},
            "original_bytes": self.original_bytes,
            "new_bytes": self.new_bytes,
            "changed": self.changed,
            "refused_rows": self.refused_rows,
            "changed_rows": self.changed_rows,
            "gone_rows": self.gone_rows,
        }

    def add(self, row: dict[str, Any], most: int) -> None:
        """Count a row, and keep it where it is among the first ``most`` of its kind."""
        code, path = row["code"], escaped(row["path"])
        self.codes[code] += 1
        self.formats[row["format"] or "unknown"] += 1
        self.findings.update(dict(row["findings"] or ()))
        self.folders[path.split("/")[0] if "/" in path else "."][code] += 1
        self.original_bytes += row["original_size"] or 0
        self.new_bytes += row["new_size"] or 0
        self.add_change(row, most)
        if code == GONE and len(self.gone_rows) < most:
            self.gone_rows.append({"path": path, "output": row["output"]})
        if code not in (OK, GONE) and len(self.refused_rows) < most:
            self.refused_rows.append({"path": path, "code": code, "problem": row["problem"]})

    def add_change(self, row: dict[str, Any], most: int) -> None:
        """Count a row that replaced one of an earlier version."""
        if row["previous_hash"] and row["code"] != GONE:
            self.changed += 1
            if len(self.changed_rows) < most:
                self.changed_rows.append({"path": escaped(row["path"]), "code": row["code"]})


def report(target: str, *, at: str | None = None, most: int = 100) -> Report:
    """What the manifest of a target says.

    Args:
        target: of a run.
        at: place of its manifest; ``_rmexif`` in the target by default.
        most: rows of each kind that are named; totals are over all.

    Raises:
        InvalidPolicy: no manifest lies there.
        SetupError: a part of it is damaged.
    """
    made = Report()
    manifest = manifest_at(target, at)
    for row, members in objects(manifest):
        if members is not None:
            made.shards[row["code"]] += 1
            if row["code"] == OK:  # any other is among its members
                made.add_change(row, most)
        for image in (row,) if members is None else members:
            made.add(image, most)
    return made


def manifest_at(target: str, at: str | None) -> Manifest:
    """The manifest of a target.

    Raises:
        InvalidPolicy: there is none.
    """
    return open_manifest(Store(at) if at else Store(target).below(FOLDER))


def objects(manifest: Manifest) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]] | None]]:
    """All rows, one part in memory at a time, each with the rows of what is in it where it is a shard."""
    shards = set(manifest.members())
    for name in manifest.parts():
        for row in manifest.read(name):
            part = manifest.members_part(row["path"])
            if part not in shards:
                yield row, None
                continue
            members = manifest.read(part)
            if row["code"] == GONE:
                members = [_gone(row, member) for member in members]
            yield row, members if row["code"] in (OK, GONE) else [*members, row]  # what it was refused for


def _gone(shard: dict[str, Any], member: dict[str, Any]) -> dict[str, Any]:
    """The row of what was in a shard that is gone, and of its output where that has been removed, too."""
    output = member["output"] if shard["output"] else None
    return member | {"code": GONE, "output": output}
