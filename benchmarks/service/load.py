"""Load on the service: mixed JPEGs and hostile files over loopback, against scrub_many with the same workers.

usage: python -m benchmarks.service.load [--requests 2000] [--workers 2] [--clients 6] [--kill] [--trace FILE]
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import requests
from PIL import Image
from tests.service.serving import service

from rmexif import Policy, scrub_many, verify

SIZES = ((1280, 800), (2000, 1500), (3264, 2448), (4000, 3000))


def jpeg(width: int, height: int, photo: Image.Image, seed: int) -> bytes:
    """A photograph, enlarged, with grain and metadata."""
    grain = np.random.default_rng(seed).normal(0, 6, (height, width, 1))
    pixels = np.asarray(photo.resize((width, height)), np.float32) + grain
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x13B] = "canary of the load"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=88, exif=exif)
    return out.getvalue()


def inputs(count: int) -> list[tuple[bytes, bool]]:
    """Files, and whether each is a picture; one in twenty is not."""
    photo = Image.open(Path(__file__).parents[2] / "examples" / "astronaut.jpg").convert("RGB")
    good = [jpeg(*size, photo, seed) for seed, size in enumerate(SIZES)]
    bad = [good[0][:4000], good[1][: len(good[1]) // 2], b"\xff\xd8" + os.urandom(5000), b"GIF89a" + bytes(400)]
    draw = random.Random(1)
    return [(draw.choice(bad), False) if i % 20 == 7 else (draw.choice(good), True) for i in range(count)]


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    below = [item for task in Path(f"/proc/{pid}/task").iterdir() for item in (task / "children").read_text().split()]
    return [pid, *itertools.chain.from_iterable(tree(int(item)) for item in below)]


def resident(pid: int) -> float:
    """MiB of a process and all below it."""
    pages = sum(int(Path(f"/proc/{item}/statm").read_text().split()[1]) for item in tree(pid))
    return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)


def judge(raw: bytes, good: bool, answer: requests.Response) -> str:
    """What became of one request."""
    if answer.status_code == 200 and good:
        clean = b"canary" not in answer.content and not verify(answer.content)
        return "clean" if clean and answer.content != raw else "WRONG: not clean"
    if answer.status_code in (413, 415, 422) and not good:
        return "refused"
    if answer.status_code in (429, 503):
        return f"shed {answer.status_code} {answer.json()['code']}"
    return f"WRONG: {answer.status_code}"


def main() -> None:
    """Run, print one line per figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--kill", action="store_true", help="kill one worker half way")
    parser.add_argument("--trace", help="file for the server's system calls (slow)")
    options = parser.parse_args()
    rows = inputs(options.requests)
    calls = "trace=openat,open,creat,memfd_create,mkdir,rename,connect"
    prefix = ("strace", "-f", "-qq", "-e", calls, "-o", options.trace) if options.trace else ()
    results: Counter[str] = Counter()
    memory: list[float] = []
    with service(prefix, workers=options.workers, queue=64) as (base, process):
        local, done, lock = threading.local(), itertools.count(1), threading.Lock()

        def one(row: tuple[bytes, bool]) -> tuple[bytes, bool, requests.Response]:
            local.session = getattr(local, "session", None) or requests.Session()
            answer = local.session.post(f"{base}/v1/scrub", data=row[0], headers={"Content-Type": "image/jpeg"})
            with lock:
                number = next(done)
                if number % 10 == 0:
                    memory.append(resident(process.pid))
                if options.kill and number == len(rows) // 2:
                    workers = [
                        pid for pid in tree(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
                    ]
                    os.kill(workers[-1], signal.SIGKILL)
            return *row, answer

        for _ in range(options.workers * 2):
            one(rows[0])
        done = itertools.count(1)
        mark = len(Path(options.trace).read_text().splitlines()) if options.trace else 0
        start = time.perf_counter()
        with ThreadPoolExecutor(options.clients) as pool:
            answers = list(pool.map(one, rows))
        spent = time.perf_counter() - start
        lines = Path(options.trace).read_text().splitlines()[mark:] if options.trace else []
    for answer in answers:
        results[judge(*answer)] += 1
    print("answers:", dict(results))
    print(f"service: {len(rows) / spent:.2f} requests/s")
    half = len(memory) // 2
    if half:
        early, late = max(memory[:half]), max(memory[half:])
        print(f"memory of the whole tree, MiB: most in the first half {early:.0f}, in the second {late:.0f}")
    if options.trace:
        wrote = [line for line in lines if any(flag in line for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "creat("))]
        # What worker processes lock each other out with lies in memory, under /dev/shm; it holds a number.
        locks = sum("/dev/shm/sem." in line for line in wrote)
        wrote = [line for line in wrote if "/dev/null" not in line and "/dev/shm/sem." not in line]
        print(f"trace: {len(wrote)} files opened for writing, {sum('AF_INET' in line for line in lines)} connections")
        print(f"       {locks} semaphores opened by fresh workers")
        print("\n".join(wrote[:5]))
        return
    start = time.perf_counter()
    list(scrub_many((raw for raw, _ in rows), Policy(), workers=options.workers))
    bulk = time.perf_counter() - start
    print(
        f"scrub_many, {options.workers} threads: {len(rows) / bulk:.2f}/s; the service is at {bulk / spent:.2f} of it"
    )


if __name__ == "__main__":
    main()
