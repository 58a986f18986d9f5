"""The attacks on one machine: what was tried, what it cost, and whether rmexif held.

usage: python -m benchmarks.hostile.run [files] [workers] [door] [--formats png,svg] [--operations strip,scrub]
                                        [--folder DIRECTORY]... [--table]

``files`` runs every operation on every generated file, and on those of the folders, each in a process of its own;
``workers`` has detectors that are an attacker's run in sandboxed workers; ``door`` attacks a service over loopback.
``--table`` prints the rows of docs/threat-model.md. Exits non-zero where something did not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.hostile import cost, door
from benchmarks.hostile.attack import Attack
from benchmarks.hostile.files import GENERATORS, generated
from tests import samples
from tests.workers import attacks

from rmexif import Policy, scrub_many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif import Outcome

__all__ = ["main"]

REFUSALS = ("Operation not permitted", "Permission denied", "Function not implemented")
MAX_BYTES = 1_000_000


def files(formats: list[str], operations: list[str], folders: list[Path]) -> Iterator[tuple[str, str, int, cost.Cost]]:
    """Format, name, size and cost of every operation on every file below 1 MB."""
    sets = [(name, generated(name)) for name in formats]
    for folder in folders:
        found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size < MAX_BYTES)
        sets.append((folder.name, ((path.name, path.read_bytes()) for path in found)))
    for kind, members in sets:
        for name, raw in members:
            for operation in operations:
                yield kind, name, len(raw), cost.measure(raw, operation)


def workers() -> Iterator[Attack]:
    """Code of an attacker's in a worker: what it does there, and what it answers."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "secret").write_text("nobody reads this")
        names = list(attacks.deeds(folder))
        detectors = (attacks.Intruder(folder),)
        for name, outcome, seconds in _timed(names, Policy(detectors=detectors, stealth=False)):
            label = outcome.report.stats["faces"][0]["label"] if outcome.report else str(outcome.error)
            held = label.endswith(REFUSALS) and [path.name for path in Path(folder).iterdir()] == ["secret"]
            yield Attack(f"in a worker: {name}", f"{seconds:.1f} s, {label.rpartition(': ')[2]}", held)
        mark = Path(folder) / "mark"
        for name, outcome, seconds in _timed(list(attacks.FORGERIES), Policy(detectors=(attacks.Forger(str(mark)),))):
            code = outcome.error.code if outcome.error else "answered"
            held = outcome.data is None and code == "verification_error" and not mark.exists()
            yield Attack(f"a worker answers {name}", f"{seconds:.1f} s, {code}", held)


def _timed(names: list[str], policy: Policy) -> Iterator[tuple[str, Outcome, float]]:
    """The outcomes of pictures whose widths name the deeds, and how long each took."""
    raws = [samples.saved(samples.picture(attacks.FIRST_WIDTH + number), "PNG") for number in range(len(names))]
    started = time.perf_counter()
    for name, outcome in zip(names, scrub_many(raws, policy, workers=1, pool="process", deadline=60), strict=True):
        yield name, outcome, time.perf_counter() - started
        started = time.perf_counter()


def table(rows: list[tuple[str, str, int, cost.Cost]]) -> Iterator[str]:
    """Rows of Markdown: the dearest file of each format, and what the dearest byte costs."""
    groups: dict[str, list[tuple[str, int, cost.Cost]]] = defaultdict(list)
    for kind, name, size, spent in rows:
        groups[kind].append((name, size, spent))
    yield "| files | number | most CPU, s | most memory, MB | most CPU per KB above 0.5 s, ms | dearest |"
    yield "|---|---:|---:|---:|---:|---|"
    for kind, found in groups.items():
        dearest, _, most = max(found, key=lambda item: item[2].seconds)
        memory = max(item[2].memory for item in found) / 1e6
        each = max(max(0.0, item[2].seconds - 0.5) * 1e6 / max(1000, item[1]) for item in found)
        number = len({name for name, *_ in found})
        yield f"| {kind} | {number} | {most.seconds:.1f} | {memory:.0f} | {each:.1f} | {dearest}, {most.operation} |"


def main() -> None:
    """Run what is asked for; everything by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["files", "workers", "door"])
    parser.add_argument("--formats", default=",".join(GENERATORS))
    parser.add_argument("--operations", default=",".join(cost.OPERATIONS))
    parser.add_argument("--folder", type=Path, action="append", default=[])
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    fallen = 0
    if "files" in options.parts:
        cost.warm_up()
        rows = []
        for row in files(options.formats.split(","), options.operations.split(","), options.folder):
            rows.append(row)
            kind, name, size, spent = row
            if not spent.is_bounded:
                fallen += 1
                print(
                    f"FELL {kind}: {name}, {size} B, {spent.operation}: {spent.seconds:.1f} s, {spent.memory >> 20} MiB, {spent.end}",
                    flush=True,
                )
        print("\n".join(table(rows)))
    for part, attack_rows in (("workers", workers), ("door", door.attacks)):
        if part in options.parts:
            for attack in attack_rows():
                fallen += not attack.held
                print(f"{'held' if attack.held else 'FELL'} | {attack.tried} | {attack.cost}", flush=True)
    print(f"{fallen} did not hold")
    sys.exit(bool(fallen))


if __name__ == "__main__":
    main()
