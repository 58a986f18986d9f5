"""Batch runs on the engines: from an S3 server on this machine to itself, in pictures per second and in memory.

    python benchmarks/batch/run.py rate [--pictures 500] [--engines local ray spark] [--sets FOLDER ...]
    python benchmarks/batch/run.py memory [--engines local ray spark] [--short 500] [--long 5000]
    python benchmarks/batch/run.py size
    python benchmarks/batch/run.py small [--pictures 1000] [--workers 2]

``rate`` takes the pictures of the folders in turn (drawn ones where none is given), and compares every engine with
``scrub_many`` over the same bytes in memory, on as many workers, in turns: the median of the rounds is told. Every output is verified, every input is accounted for,
and all engines must have seen the same inputs and come to the same codes. Start-up is left out: a small run goes before.

``memory`` compares the peak of the driver over a long listing with that over a short one, each in a process of its own.
The server takes its share of the same processors.

``small`` compares a run over a folder of small pictures with ``strip_many`` and ``scrub_many`` over the same bytes in
memory, in turns; start-up is left out.

``size`` says what one core does in a second, and what memory it takes, by megapixels and by what is searched.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import pictures
import timing
from tests.batch import pictures as small
from tests.batch import proof
from tests.batch.server import Server, serving

import rmexif
from rmexif.batch import run

WARM = 16


def photographs(sets: list[Path], count: int) -> dict[str, bytes]:
    """``count`` pictures by name, the sets repeated as often as it takes."""
    files = sorted(path for folder in sets for path in folder.rglob("*") if path.is_file())
    raws = [path.read_bytes() for path in files if path.suffix not in (".md", ".json")]
    raws = raws or [pictures.jpeg(pictures.large(1280 + 80 * i, 960)) for i in range(5)]
    return {f"{number:06d}": raw for number, raw in zip(range(count), itertools.cycle(raws), strict=False)}


def start(engine: str, workers: int) -> None:
    """The engine with as many cores as workers, as a cluster would have it."""
    if engine == "ray":
        import ray

        os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: beside other programs that is no comparison
        ray.init(address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")
    if engine == "spark":
        os.environ["PYSPARK_PYTHON"] = sys.executable
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(f"local[{workers}]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")  # as a run sets it
        builder.config("spark.driver.memory", "1g").getOrCreate().sparkContext.setLogLevel("OFF")


def rate(options: argparse.Namespace, server: Server) -> None:
    """Print pictures per second and requests per picture of every engine, in turns with ``scrub_many``."""
    originals = photographs(options.sets, options.pictures)
    server.fill("warm", {f"in/{number}.jpg": small.jpeg(number) for number in range(WARM)})
    list(rmexif.scrub_many([small.jpeg(1)] * 4, workers=options.workers))
    pieces = [dict(list(originals.items())[number :: options.rounds]) for number in range(options.rounds)]
    size = sum(map(len, originals.values())) >> 20
    print(f"{len(originals)} objects, {size} MiB, in {options.rounds} rounds", flush=True)
    for engine in options.engines:
        begun = time.perf_counter()
        start(engine, options.workers)
        words = {"engine": engine, "workers": options.workers, "rows": options.rows}
        run("s3://warm/in", f"s3://warm/{engine}", **words | {"rows": WARM // options.workers})
        warm = time.perf_counter() - begun
        rows = [turn(server, f"{engine}-{number}", piece, words) for number, piece in enumerate(pieces)]
        alone, speed, checked = (statistics.median(row[place] for row in rows) for place in range(3))
        ratio = statistics.median(row[1] / row[0] for row in rows)
        codes, asked = (sum((row[place] for row in rows), Counter()) for place in (3, 4))
        print(
            f"{engine}: {speed:.2f}/s, scrub_many {alone:.2f}/s: {ratio:.2f} (goal 0.80), start-up {warm:.0f} s, "
            f"second run {checked:.0f}/s, the server took "
            f"{statistics.median(row[6] for row in rows):.0%} of a core, requests per object "
            f"{ {name: round(count / len(originals), 2) for name, count in asked.items()} }, {dict(codes)}, not clean "
            f"by verify: {sum(row[5] for row in rows)}",
            flush=True,
        )


def turn(server: Server, bucket: str, originals: dict[str, bytes], words: dict) -> tuple:
    """One round: rates of ``scrub_many``, the engine and its second run, codes, requests, outputs that are not clean."""
    place = server.fill(bucket, {f"in/{name}": raw for name, raw in originals.items()})
    begun = time.perf_counter()
    found = rmexif.scrub_many(originals.values(), workers=words["workers"], ordered=False)
    codes = Counter(outcome.error.code if outcome.error else "ok" for outcome in found)
    alone = time.perf_counter() - begun
    server.counts()
    served = server.seconds()
    begun = time.perf_counter()
    summary = run(f"{place}/in", f"{place}/out", **words)
    taken = time.perf_counter() - begun
    served = (server.seconds() - served) / taken
    asked = Counter(server.counts())
    unclean: list[str] = []
    assert proof.proven(originals, server.objects(f"{place}/out"), unclean) == summary.codes == codes
    begun = time.perf_counter()
    again = run(f"{place}/in", f"{place}/out", **words)
    checked = time.perf_counter() - begun
    assert again.codes["skipped"] == codes["ok"]
    count = len(originals)
    return count / alone, count / taken, count / checked, codes, asked, len(unclean), served


def memory(options: argparse.Namespace, server: Server) -> None:
    """Print the peak of each driver over a short and a long listing."""
    for engine in options.engines:
        peaks = {}
        for count in (options.short, options.long):
            place = server.fill(f"{engine}-{count}", {f"in/{n:06d}.jpg": small.jpeg(n, 64) for n in range(count)})
            command = [sys.executable, __file__, "peak", place, "--engines", engine, "--rows", str(options.rows)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks[count] = json.loads(done.stdout.splitlines()[-1])
            assert peaks[count]["codes"] == {"ok": count}, peaks
        short, long = peaks[options.short]["MiB"], peaks[options.long]["MiB"]
        print(
            f"{engine}: driver peak {short:.0f} MiB for {options.short}, {long:.0f} MiB for {options.long}: {long / short:.2f} (goal 1.10)",
            flush=True,
        )


def peak(options: argparse.Namespace) -> None:
    """One run, and the peak of the process that drives it."""
    start(options.engines[0], options.workers)
    words = {"engine": options.engines[0], "workers": options.workers, "rows": options.rows}
    summary = run(f"{options.place}/in", f"{options.place}/out", **words)
    print(json.dumps({"MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "codes": summary.codes}))


SIZES = {1: (1152, 864), 3: (2016, 1512), 12: (4032, 3024), 48: (8064, 6048)}  # megapixels
PLANS = {"no faces": {"faces": False}, "balanced": {}, "high": {"recall": "high"}, "max": {"recall": "max"}}


def size(options: argparse.Namespace, _server: Server) -> None:
    """Print a table; every cell comes from a process of its own."""
    for megapixels in SIZES:
        cells = []
        for plan in PLANS:
            command = [sys.executable, __file__, "one", f"{megapixels}/{plan}"]
            done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            cells.append(f"{plan}: {done['rate']:.2f}/s {done['MiB']:.0f} MiB")
        print(f"{megapixels} MP, {done['kB']} kB: ", ", ".join(cells), flush=True)


def small_objects(options: argparse.Namespace, _server: Server) -> None:
    """Print the ratio to the same work without a run, the median of the rounds."""
    from rmexif.bulk import StripTask

    raws = [small.jpeg(number) for number in range(min(options.pictures, 500))]
    with tempfile.TemporaryDirectory() as place:
        for number in range(options.pictures):
            path = Path(place) / "in" / f"{number % 100:02d}" / f"{number:06d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raws[number % len(raws)])
        items = [raws[number % len(raws)] for number in range(options.pictures)]
        for name, task, many in (
            ("strip", StripTask(), rmexif.strip_many),
            ("scrub", rmexif.Policy(), rmexif.scrub_many),
        ):
            ratios = []
            for turn_number in range(options.rounds):
                begun = time.perf_counter()
                assert all(outcome.data for outcome in many(items, workers=options.workers))
                alone = time.perf_counter() - begun
                begun = time.perf_counter()
                target = Path(place) / f"{name}{turn_number}"
                summary = run(str(Path(place) / "in"), str(target), task, workers=options.workers)
                ratios.append(alone / (time.perf_counter() - begun))
                assert summary.codes == {"ok": options.pictures}
                shutil.rmtree(target)
            print(f"{name}: {options.pictures} objects, {statistics.median(ratios):.2f} of {many.__name__}", flush=True)


def one(options: argparse.Namespace) -> None:
    """One cell: pictures per second of one core, and the peak of its process."""
    timing.one_core()
    megapixels, plan = options.place.split("/")
    raw = pictures.jpeg(pictures.large(*SIZES[int(megapixels)]))
    pid = os.fork()  # making the picture takes more memory than scrubbing it
    if pid:
        os.waitpid(pid, 0)
        return
    Path("/proc/self/clear_refs").write_text("5")
    policy = rmexif.Policy(**PLANS[plan])
    list(rmexif.scrub_many([raw], policy, workers=1))
    begun, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - begun < 3:
        assert all(outcome.ok for outcome in rmexif.scrub_many([raw], policy, workers=1))
        count += 1
    speed = count / (time.perf_counter() - begun)
    high = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"rate": speed, "MiB": int(high.split()[1]) >> 10, "kB": len(raw) // 1000}))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rate", "memory", "size", "small", "peak", "one"))
    parser.add_argument("place", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--engines", nargs="+", default=["local", "ray", "spark"])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--sets", type=Path, nargs="*", default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--short", type=int, default=500)
    parser.add_argument("--long", type=int, default=5000)
    options = parser.parse_args()
    if options.what in ("peak", "one"):
        {"peak": peak, "one": one}[options.what](options)
        return
    with serving() as server:
        os.environ.update(server.environment)
        {"rate": rate, "memory": memory, "size": size, "small": small_objects}[options.what](options, server)


if __name__ == "__main__":
    main()
