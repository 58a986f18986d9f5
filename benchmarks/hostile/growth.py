"""How time grows with the number of structures of one kind: files of n, 2n and 4n of them, of every kind and format.

usage: python -m benchmarks.hostile.growth [--operations strip,inspect,verify] [--only TEXT] [--share 1.0] [--all]

Twice the structures may take twice the time; a kind that takes more than ``STEEP`` times for four times as many is
printed, where that is above ``LEAST`` seconds. ``--all`` prints every kind.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.hostile import cost
from benchmarks.hostile.growing_files import KINDS
from tests import samples

import rmexif
from rmexif import Limits, containers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rmexif.types import Part

__all__ = ["main"]

FACTORS = (1, 2, 4)
STEEP = 6.0  # times the time for four times the structures: linear is 4, quadratic 16
LEAST = 0.15  # s
MAX_BYTES = 1_000_000


def kinds() -> Iterator[tuple[str, Callable[[int], bytes], int]]:
    """Name, maker and largest number of every kind of structure."""
    for name, (most, make) in KINDS.items():
        yield name, make, most
    yield from repeated_parts()


def repeated_parts() -> Iterator[tuple[str, Callable[[int], bytes], int]]:
    """Every part of every sample file, repeated in its place: name, maker, largest number."""
    for format_name in samples.MAKERS:
        for name, raw in samples.of(format_name).items():
            parts = _parts(raw)
            edges = sorted({part.offset for part in parts} | {len(raw)})
            for start, end in pairwise(edges):
                most = min(60_000, (900_000 - len(raw)) // (end - start))
                if most >= 40:
                    yield f"{format_name} {name}, bytes {start}-{end} again", partial(_again, raw, start, end), most


def _parts(raw: bytes) -> tuple[Part, ...]:
    view = memoryview(raw)
    return containers.sniff(view).parse(view, Limits()).parts


def _again(raw: bytes, start: int, end: int, n: int) -> bytes:
    return raw[:end] + raw[start:end] * n + raw[end:]


def seconds(raw: bytes, operation: str) -> tuple[float, str]:
    """Processor time of one operation on one file, and how it ended."""
    started = time.process_time()
    try:
        cost.OPERATIONS[operation](raw)
        end = "ok"
    except rmexif.RmexifError as error:
        end = error.code
    return time.process_time() - started, end


def main() -> None:
    """Print the kinds that grow faster than their number."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--operations", default="strip,inspect,verify")
    parser.add_argument("--only", default="")
    parser.add_argument("--share", type=float, default=1.0, help="of the largest number that fits a file of 1 MB")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    cost.warm_up()
    number = steep = 0
    for name, make, most in kinds():
        if options.only not in name:
            continue
        number += 1
        files = [make(int(options.share * most) * factor // FACTORS[-1])[:MAX_BYTES] for factor in FACTORS]
        for operation in options.operations.split(","):
            spent = [seconds(raw, operation) for raw in files]
            times = [item[0] for item in spent]
            is_steep = times[-1] > LEAST and times[-1] > STEEP * times[0]
            steep += is_steep
            if is_steep or options.all:
                shown = " ".join(f"{value:.3f}" for value in times)
                print(
                    f"{'STEEP ' if is_steep else ''}{name}, {operation}: {shown} s, {len(files[-1])} B, {spent[-1][1]}",
                    flush=True,
                )
    print(f"{number} kinds, {steep} steep")
    sys.exit(bool(steep))


if __name__ == "__main__":
    main()
