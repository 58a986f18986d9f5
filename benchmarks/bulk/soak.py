"""Mixed images, some of them hostile, through the sandboxed pool: memory and descriptors stay flat.

    python benchmarks/bulk/soak.py [--images 5000] [--hostile 0.05] [--seconds 600] [--broken FOLDER]

Hostile ones are damaged copies of good ones, and the files of a folder if one is given.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests import samples

import rmexif


def images(count: int, share: float, broken: list[bytes]):
    """Good and bad ones, endlessly different."""
    rng = random.Random(5)
    good = [raw for name in samples.MAKERS for raw in samples.of(name).values()]
    good += [samples.saved(samples.picture(900 + 60 * i, 700), "JPEG", quality=90) for i in range(5)]
    for _ in range(count):
        raw = rng.choice(good)
        if rng.random() < share:
            damaged = bytearray(rng.choice(broken or [raw]))
            for _ in range(rng.randrange(12) if damaged else 0):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            raw = bytes(damaged)
        yield raw


def held() -> tuple[int, int]:
    """KiB and descriptors of this process and its children."""
    total = descriptors = 0
    processes = [Path("/proc/self")]
    for task in Path("/proc/self/task").iterdir():
        processes += [Path("/proc") / pid for pid in (task / "children").read_text().split()]
    for process in processes:
        try:
            pages = int((process / "statm").read_text().split()[1])
            descriptors += len(list((process / "fd").iterdir()))
        except OSError:
            continue  # it ended meanwhile, or does not let itself be looked at
        total += pages * 4
    return total, descriptors


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--hostile", type=float, default=0.05)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--deadline", type=float, default=20)
    parser.add_argument("--broken", type=Path)
    options = parser.parse_args()
    broken = [path.read_bytes() for path in sorted(options.broken.iterdir())] if options.broken else []
    codes: Counter[str] = Counter()
    marks: list[tuple[int, int]] = []
    start = time.monotonic()
    run = rmexif.scrub_many(
        images(options.images, options.hostile, broken),
        workers=2, pool="process", deadline=options.deadline, memory=2 << 30, sandbox=True, recycle=1000,
    )  # fmt: skip
    for outcome in run:
        codes[outcome.error.code if outcome.error else "ok"] += 1
        if sum(codes.values()) % max(1, options.images // 10) == 0:
            marks.append(held())
        if time.monotonic() - start > options.seconds:
            break
    run.close()  # type: ignore[attr-defined]
    print(f"{sum(codes.values())} images in {time.monotonic() - start:.0f} s: {dict(codes)}")
    print("MiB:", *(kib >> 10 for kib, _ in marks), " descriptors:", *(count for _, count in marks))


if __name__ == "__main__":
    main()
