"""Many small objects: every engine, mode and kind of source, as a ratio to the same work without an engine.

    python benchmarks/batch/ratios.py [--pictures 1000] [--engines local ray spark] [--kinds folder bucket tar]
        [--modes strip scrub] [--workers 2] [--rounds 3] [--place FOLDER]
    python benchmarks/batch/ratios.py --pictures 100000 --turns 10 --engines local --kinds folder --modes strip
    python benchmarks/batch/ratios.py --memory 1000 10000 100000 [--place FOLDER]

``of many`` is ``strip_many`` or ``scrub_many`` over the same bytes in memory, with as many workers; ``of a loop`` is the
loop that somebody would write instead: read, the same call, and write, without a manifest, hashes, a flush of the disk or
a second chance. The three go in turns; the median of the rounds is printed, by the clock and by the processor time of this process
and all that it has started, and the load of the machine. Start-up is left out: a small run goes before. Above 1, the engine is
faster.

``--turns`` is for long runs: one run is held up so many times, while the same number of objects goes through
``strip_many`` or ``scrub_many``. The median of these ratios is printed, and the lowest and the highest.

``--memory`` prints the peak of the driver of a run over so many objects (PNG of 4 x 4), each in a process of its own.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

from batch.run import start
from tests import samples
from tests.batch import pictures as small
from tests.batch.server import Server, serving

import rmexif
from rmexif.batch import Shards, run
from rmexif.bulk import StripTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WARM = 16
MODES: dict[str, tuple[Any, Callable[..., Any]]] = {
    "strip": (StripTask(), rmexif.strip_many),
    "scrub": (rmexif.Policy(), rmexif.scrub_many),
}


def objects(count: int) -> Iterable[tuple[str, bytes]]:
    """Pictures by name, a hundred folders of them."""
    raws = [small.jpeg(number) for number in range(min(count, 500))]
    return ((f"{number % 100:02d}/{number:06d}.jpg", raws[number % len(raws)]) for number in range(count))


class Folder:
    """Files."""

    shards = None

    def __init__(self, place: Path, count: int, _server: Server | None, tiny: bool = False) -> None:
        self.place, self.source = place, str(place / f"in{count}")
        least = samples.saved(samples.picture(4, 4), "PNG")
        for number, (name, raw) in enumerate(objects(count)):
            raw = least if tiny else raw
            path, first = Path(self.source, name), Path(self.source, f"{number % 500 % 100:02d}/{number % 500:06d}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw) if number < 500 else path.hardlink_to(first)

    def target(self, name: str) -> str:
        """A place that is empty."""
        shutil.rmtree(self.place / "out", ignore_errors=True)
        return str(self.place / "out" / name)

    def loop(self, many: Callable[..., Any], workers: int) -> None:
        """What somebody would write instead."""
        target = Path(self.target("loop"))
        paths = sorted(path for path in Path(self.source).rglob("*") if path.is_file())
        for folder in {target / path.parent.name for path in paths}:
            folder.mkdir(parents=True)
        for path, outcome in zip(paths, many((path.read_bytes() for path in paths), workers=workers), strict=True):
            (target / path.parent.name / path.name).write_bytes(outcome.data)


class Bucket:
    """Objects of an S3 server on the same processors."""

    shards = None

    def __init__(self, _place: Path, count: int, server: Server) -> None:
        self.server, self.bucket = server, f"in{count}-{os.urandom(4).hex()}"
        self.source = f"{server.fill(self.bucket, {f'in/{name}': raw for name, raw in objects(count)})}/in"
        self.number = 0

    def target(self, name: str) -> str:
        """A place that is empty."""
        self.number += 1
        return f"s3://{self.bucket}/{name}{self.number}"

    def loop(self, many: Callable[..., Any], workers: int) -> None:
        """What somebody would write instead: as many requests at once as the engine makes."""
        system, target = self.server.system(), self.target("loop").removeprefix("s3://")
        names = system.find(self.source)
        with ThreadPoolExecutor(2 * workers + 2) as threads:
            outcomes = many(threads.map(system.cat_file, names), workers=workers)
            pairs = ((f"{target}/{number}", outcome.data) for number, outcome in enumerate(outcomes))
            list(threads.map(lambda pair: system.pipe_file(*pair), pairs))


class Tar:
    """Archives of 250 pictures."""

    shards = Shards()

    def __init__(self, place: Path, count: int, _server: Server) -> None:
        self.place, self.source = place, str(place / f"tar{count}")
        Path(self.source).mkdir()
        made = list(objects(count))
        for number in range(0, count, 250):
            Path(self.source, f"{number:06d}.tar").write_bytes(self.archive(made[number : number + 250]))

    @staticmethod
    def archive(members: Iterable[tuple[str, bytes]]) -> bytes:
        """A tar of these."""
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as archive:
            for name, raw in members:
                member = tarfile.TarInfo(name)
                member.size = len(raw)
                archive.addfile(member, io.BytesIO(raw))
        return sink.getvalue()

    def target(self, name: str) -> str:
        """A place that is empty."""
        shutil.rmtree(self.place / "out", ignore_errors=True)
        return str(self.place / "out" / name)

    def loop(self, many: Callable[..., Any], workers: int) -> None:
        """What somebody would write instead."""
        target = Path(self.target("loop"))
        target.mkdir(parents=True)
        for path in sorted(Path(self.source).iterdir()):
            with tarfile.open(path) as archive:
                names = archive.getnames()
                raws = (archive.extractfile(name).read() for name in names)  # type: ignore[union-attr]
                done = [outcome.data for outcome in many(raws, workers=workers)]
            (target / path.name).write_bytes(self.archive(zip(names, done, strict=True)))


KINDS = {"folder": Folder, "bucket": Bucket, "tar": Tar}


def processor_seconds(pid: int) -> float:
    """Processor time that a process and all that it has started have taken: an engine's workers and servers too."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        below = [
            int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()
        ]
    except OSError:
        return 0.0  # it has ended since
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + sum(map(processor_seconds, below))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """S that it takes: on the clock, and of processors."""
    clock, processor = time.perf_counter(), processor_seconds(os.getpid())
    work()
    return time.perf_counter() - clock, processor_seconds(os.getpid()) - processor


def compare(options: argparse.Namespace, engine: str, kind: str, mode: str, source: Any) -> None:
    """Print one line of the table."""
    task, many = MODES[mode]
    raws = [raw for _, raw in objects(options.pictures)]
    words: dict[str, Any] = {
        "engine": engine,
        "workers": options.workers,
        "shards": source.shards,
        "rows": options.rows,
    }

    def ours() -> None:
        summary = run(source.source, source.target(engine), task, **words)
        assert summary.codes == {"ok": options.pictures}, summary

    rows = []
    for _ in range(options.rounds):
        memory = timed(lambda: [outcome.data for outcome in many(raws, workers=options.workers)])
        loop = timed(lambda: source.loop(many, options.workers))
        rows.append((memory, loop, timed(ours)))
    of_many, of_loop = (statistics.median(row[n][0] / row[2][0] for row in rows) for n in (0, 1))
    rate = options.pictures / statistics.median(row[2][0] for row in rows)
    cheaper = [statistics.median(row[n][1] / row[2][1] for row in rows) for n in (0, 1)]
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    print(
        f"| {engine} | {mode} | {kind} | {options.pictures} | {rate:.0f}/s | {of_many:.2f} of many | {of_loop:.2f} of a loop "
        f"| by processor time {cheaper[0]:.2f} and {cheaper[1]:.2f} | load {load:.1f} per core |",
        flush=True,
    )


class Turns:
    """Holds up a run every so many objects, and does as many without it; what it takes is not the run's.

    Args:
        many: the same work without an engine.
        objects: of one turn.
        workers: at once.
    """

    def __init__(self, many: Callable[..., Any], objects: int, workers: int) -> None:
        self.many, self.objects, self.workers = many, objects, workers
        self.rows: list[tuple[tuple[float, float], tuple[float, float]]] = []
        self.before = self.now(0)

    @staticmethod
    def now(done: int) -> tuple[int, float, float]:
        """How far the run is, on the clock, and by the processor time of all its processes."""
        return done, time.perf_counter(), processor_seconds(os.getpid())

    def __call__(self, progress: Any) -> None:
        """Called with every chunk that is done."""
        if progress.done - self.before[0] < self.objects:
            return
        done, *times = self.now(progress.done)
        count = done - self.before[0]
        raws = (raw for _, raw in itertools.islice(itertools.cycle(objects(500)), count))
        alone = timed(lambda: [outcome.data for outcome in self.many(raws, workers=self.workers)])
        self.rows.append((alone, (times[0] - self.before[1], times[1] - self.before[2])))
        self.before = self.now(done)


def compare_in_turns(options: argparse.Namespace, engine: str, kind: str, mode: str, source: Any) -> None:
    """Print one line of the table for a long run."""
    task, many = MODES[mode]
    turns = Turns(many, options.pictures // options.turns, options.workers)
    target = source.target(engine)
    summary = run(source.source, target, task, engine=engine, workers=options.workers, progress=turns)
    assert summary.codes == {"ok": options.pictures}, summary
    clock, processor = (sorted(alone[n] / ours[n] for alone, ours in turns.rows) for n in (0, 1))
    print(
        f"| {engine} | {mode} | {kind} | {options.pictures} in {len(turns.rows)} turns | "
        f"{statistics.median(clock):.2f} of many ({clock[0]:.2f} to {clock[-1]:.2f}) | by processor time "
        f"{statistics.median(processor):.2f} ({processor[0]:.2f} to {processor[-1]:.2f}) | driver peak "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB | load "
        f"{os.getloadavg()[0] / (os.cpu_count() or 1):.1f} per core |",
        flush=True,
    )


def memory(options: argparse.Namespace) -> None:
    """Print the peak of each driver."""
    for engine in options.engines:
        for count in options.memory:
            command = [
                sys.executable,
                __file__,
                "--peak",
                str(count),
                "--engines",
                engine,
                "--place",
                str(options.place),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{engine}: {count} objects, driver peak {found['MiB']:.0f} MiB, {found['rate']:.0f}/s", flush=True)


def peak(options: argparse.Namespace, place: Path) -> None:
    """One run, and the peak of the process that drives it."""
    source = Folder(place, options.peak, None, tiny=True)  # what the driver holds does not depend on their size
    start(options.engines[0], options.workers)
    before = time.perf_counter()
    summary = run(source.source, source.target("x"), StripTask(), engine=options.engines[0], workers=options.workers)
    rate = options.peak / (time.perf_counter() - before)
    assert summary.codes == {"ok": options.peak}
    print(json.dumps({"MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "rate": rate}))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=["local", "ray", "spark"])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="objects of one piece of work")
    parser.add_argument("--turns", type=int)
    parser.add_argument("--place", type=Path, help="a folder for files; the system's own for temporary ones by default")
    parser.add_argument("--memory", type=int, nargs="+", metavar="OBJECTS")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        memory(options)
        return
    with tempfile.TemporaryDirectory(dir=options.place) as folder:
        if options.peak:
            peak(options, Path(folder))
            return
        with serving() as server:
            os.environ.update(server.environment)
            for engine in options.engines:
                start(engine, options.workers)
                warm = Folder(Path(folder), WARM, server)
                for task, _ in MODES.values():
                    words: dict[str, Any] = {"engine": engine, "workers": options.workers}
                    run(warm.source, warm.target("warm"), task, rows=WARM // options.workers, **words)
                shutil.rmtree(warm.source)
                for kind in options.kinds:
                    place = Path(folder, f"{engine}-{kind}")
                    place.mkdir()
                    source = KINDS[kind](place, options.pictures, server)
                    for mode in options.modes:
                        (compare_in_turns if options.turns else compare)(options, engine, kind, mode, source)
                    shutil.rmtree(place)


if __name__ == "__main__":
    main()
