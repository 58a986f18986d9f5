"""What a byte costs at most: processor time and peak memory of every operation over the seeds of the fuzzers, and changes of them.

usage: python -m benchmarks.hostile.per_byte [--formats png,gif] [--changes 30] [--folder DIRECTORY]...

The files are the seeds of tests/fuzz, what the fuzzers found, and so many seeded changes of each: bytes replaced, spans
repeated, swapped and cut, numbers made large. A folder adds a corpus of one's own. Prints the rows of
docs/threat-model.md: ms of processor time for each KB of the file and bytes of memory for each of its bytes, a file of
less than 1 KB counted as one.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.hostile import cost
from tests import samples

import rmexif
from rmexif import containers

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["main"]

FOUND = Path(__file__).parents[2] / "tests" / "fuzz" / "found"
LEAST_SIZE = 1000  # byte
LARGE = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff", b"\0\0\xff\xff", b"\xff\xff\0\0")
MAX_BYTES = 1_000_000


def changed(raw: bytes, draw: random.Random) -> bytes:
    """A file with one to four changes, as fuzzers make them."""
    data = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(data))
        end = min(len(data), start + draw.choice((1, 4, 12, 40, 200, 2_000)))
        kind = draw.randrange(6)
        if kind == 0:
            data[start] = draw.randrange(256)
        elif kind == 1:
            large = draw.choice(LARGE)
            data[start : start + len(large)] = large
        elif kind == 2:
            data[end:end] = data[start:end] * draw.choice((1, 10, 100))
        elif kind == 3 and end - start < len(data):
            del data[start:end]
        elif kind == 4:
            at = draw.randrange(len(data))
            data[at:at] = data[start:end]
        else:
            data[start:end] = draw.randbytes(end - start)
    return bytes(data[:MAX_BYTES])


def corpus(formats: list[str], changes: int, folders: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Format and bytes of every file."""
    seeds = [(name, raw) for name in formats for raw in samples.of(name).values()]
    for folder in (FOUND, *folders):
        seeds += [
            (kind, raw)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            and path.stat().st_size < MAX_BYTES
            and (kind := _format(raw := path.read_bytes())) in formats
        ]
    draw = random.Random(16)
    for name, raw in seeds:
        yield name, raw
        for _ in range(changes):
            yield name, changed(raw, draw)


def _format(raw: bytes) -> str:
    try:
        return containers.sniff(memoryview(raw)).format.name
    except rmexif.RmexifError:
        return ""


def measured(raw: bytes, operation: str) -> tuple[float, int]:
    """Processor time, s, and memory beyond what was held before, byte, of one operation on one file."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = cost.peak_memory()
    started = time.process_time()
    with suppress(rmexif.RmexifError):  # a refusal costs, too
        cost.OPERATIONS[operation](raw)
    return time.process_time() - started, cost.peak_memory() - before


def main() -> None:
    """Print a row for every format."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--formats", default=",".join(samples.MAKERS))
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--folder", type=Path, action="append", default=[])
    options = parser.parse_args()
    cost.warm_up()
    for name in options.formats.split(","):
        for operation in cost.OPERATIONS:
            measured(next(iter(samples.of(name).values())), operation)  # loads what the format needs
    number: dict[str, int] = defaultdict(int)
    most: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for kind, raw in corpus(options.formats.split(","), options.changes, options.folder):
        number[kind] += 1
        size = max(LEAST_SIZE, len(raw))
        for operation in cost.OPERATIONS:
            seconds, memory = measured(raw, operation)
            found = (seconds * 1e6 / size, memory / size, seconds, memory / 1e6)
            most[kind, operation] = [max(pair) for pair in zip(most[kind, operation], found, strict=True)]
    print("| format | files | " + " | ".join(cost.OPERATIONS) + " | dearest file |")
    print("|---|---:" + "|---:" * len(cost.OPERATIONS) + "|---:|")
    for kind, count in number.items():
        rows = [most[kind, operation] for operation in cost.OPERATIONS]
        cells = [f"{row[0]:.1f} ms, {row[1]:.0f} B" for row in rows]
        print(
            f"| {kind} | {count} | {' | '.join(cells)} | "
            f"{max(row[2] for row in rows):.2f} s, {max(row[3] for row in rows):.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
