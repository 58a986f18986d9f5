"""One worker against two, in turns, and the peak memory of a long run against a short one.

    python benchmarks/bulk/throughput.py [--images 200] [--rounds 3] [--pool thread] [--long 1000] [--short 100]

Each memory figure comes from a process of its own: a peak never goes down.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pictures

import rmexif

WIDTHS = (1024, 1280, 1600, 2048, 2560, 4032)  # px: 0.8 to 12 MP


def photographs() -> list[bytes]:
    """Photographs of six sizes."""
    return [pictures.jpeg(pictures.large(width, width * 3 // 4)) for width in WIDTHS]


def rate(raws: list[bytes], count: int, workers: int, pool: str) -> float:
    """Images per second."""
    start = time.perf_counter()
    run = rmexif.scrub_many(itertools.islice(itertools.cycle(raws), count), workers=workers, pool=pool)  # type: ignore[arg-type]
    assert all(outcome.ok for outcome in run)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pool", choices=("thread", "process"), default="thread")
    parser.add_argument("--long", type=int, default=1000)
    parser.add_argument("--short", type=int, default=100)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    raws = photographs()
    if options.peak:
        rate(raws, options.peak, 2, options.pool)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
        return
    rate(raws, 4, 2, options.pool)
    pairs = [
        (rate(raws, options.images, 1, options.pool), rate(raws, options.images, 2, options.pool))
        for _ in range(options.rounds)
    ]
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    gain = statistics.median(b / a for a, b in pairs)
    print(f"{options.pool}s: one {one:.1f}/s, two {two:.1f}/s, gain {gain:.2f} (goal 1.85)")
    if options.long:
        short, long = (_peak(count, options) for count in (options.short, options.long))
        print(
            f"peak memory: {short} MiB for {options.short}, {long} MiB for {options.long}: {long / short:.2f} (goal 1.10)"
        )


def _peak(count: int, options: argparse.Namespace) -> int:
    command = [sys.executable, __file__, "--peak", str(count), "--pool", options.pool]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
