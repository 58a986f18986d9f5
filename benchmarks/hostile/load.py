"""Honest requests to the service: alone, among hostile ones, and beside idle connections.

usage: python -m benchmarks.hostile.load [--requests 200] [--rounds 4] [--workers 2] [--clients 4] [--idle 1000]

Every fifth request among hostile ones is one of the dearest generated files; its client waits for it like any other.
The three take turns, so many requests of each in every round: what else the machine does meets them alike.
"""

from __future__ import annotations

import argparse
import random
import resource
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import requests
from benchmarks.hostile.files import generated
from benchmarks.service.load import jpeg
from PIL import Image
from tests.service.serving import service

from rmexif import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Answered", "idle", "latencies", "worst_files"]

# Of each format the dearest to scrub, by benchmarks.hostile.run.
WORST = {
    "png": ("large, colour 6, 8 bit", "large, filter paeth", "many XMP of elements"),
    "webp": ("flat lossless",),
    "gif": ("1999 frames of 1 px on 4000",),
    "jpeg": ("flat", "black, progressive True"),
    "decoded only": ("JPEG 2000 9000 px, tiles of 512",),
    "shared pages": ("8 profiles",),
}
SHARE = 5  # one in so many is hostile
MAX_OPEN = 4096


@dataclass(frozen=True, slots=True)
class Answered:
    """One honest request."""

    seconds: float
    verdict: str


def worst_files() -> list[bytes]:
    """The dearest hostile files."""
    return [raw for kind, names in WORST.items() for name, raw in generated(kind) if name in names]


def honest_files() -> list[bytes]:
    """Photographs of 1 and 3 MP."""
    photo = Image.open(Path(__file__).parents[2] / "examples" / "astronaut.jpg").convert("RGB")
    return [jpeg(*size, photo, seed) for seed, size in enumerate(((1280, 800), (2000, 1500)))]


def latencies(base: str, honest: list[bytes], hostile: list[bytes], count: int, clients: int) -> list[Answered]:
    """So many honest requests, and a fourth as many hostile ones between them where there are such files."""
    rows = []
    draw = random.Random(3)
    for number in range(count * SHARE // (SHARE - 1) if hostile else count):
        is_hostile = bool(hostile) and number % SHARE == SHARE - 1
        rows.append((draw.choice(hostile if is_hostile else honest), is_hostile))
    local, out, lock = threading.local(), [], threading.Lock()

    def one(row: tuple[bytes, bool]) -> None:
        local.session = getattr(local, "session", None) or requests.Session()
        started = time.perf_counter()
        answer = local.session.post(f"{base}/v1/scrub", data=row[0], headers={"Content-Type": "image/jpeg"})
        spent = time.perf_counter() - started
        if not row[1]:
            with lock:
                out.append(Answered(spent, _verdict(row[0], answer)))

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, rows))
    return out


def _verdict(raw: bytes, answer: requests.Response) -> str:
    if answer.status_code != 200:
        return f"{answer.status_code} {answer.json()['code']}"
    clean = b"canary" not in answer.content and answer.content != raw and not verify(answer.content)
    return "clean" if clean else "WRONG"


@contextmanager
def idle(base: str, count: int) -> Iterator[None]:
    """So many connections that say nothing."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MAX_OPEN, hard), hard))
    host, port = base.removeprefix("http://").split(":")
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection((host, int(port)), 30))
        yield


def report(name: str, answers: list[Answered], quiet: float | None = None) -> float:
    """Print one line; the 99th percentile in s."""
    p50, p99 = np.percentile([item.seconds for item in answers], (50, 99))
    ratio = f", {p99 / quiet:.2f} of the quiet one" if quiet else ""
    print(
        f"{name}: p50 {p50:.2f} s, p99 {p99:.2f} s{ratio}; {dict(Counter(item.verdict for item in answers))}",
        flush=True,
    )
    return float(p99)


def main() -> None:
    """Run the three loads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--idle", type=int, default=1000)
    options = parser.parse_args()
    honest, hostile = honest_files(), worst_files()
    each = max(1, options.requests // options.rounds)
    spent: dict[str, list[Answered]] = {"quiet": [], f"{options.idle} idle connections": [], "20 % hostile": []}
    with service(workers=options.workers, queue=64) as (base, _):
        latencies(base, honest, [], options.workers * 4, options.clients)
        for _ in range(options.rounds):
            for name, answers in spent.items():
                with idle(base, options.idle) if "idle" in name else nullcontext():
                    files = hostile if "hostile" in name else []
                    answers += latencies(base, honest, files, each, options.clients)
    quiet = report("quiet", spent.pop("quiet"))
    for name, answers in spent.items():
        report(name, answers, quiet)


if __name__ == "__main__":
    main()
