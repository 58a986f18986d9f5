"""Random faults one after the other over a folder and its target; the checker judges after every run that ends.

    python -m tests.batch.sequences SEED ...

A run is a process that is forked off; some kill themselves at a random file operation. In between originals change,
vanish, are renamed, or become folders, and outputs are removed or altered by hand. It prints what went before a
contradiction, and answers 1 where there is one.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rmexif.batch import run
from rmexif.bulk import StripTask
from rmexif.io import atomic_write
from tests import samples
from tests.batch import checker, pictures

IMAGES = (
    *(pictures.jpeg(number) for number in range(3)),
    *(next(iter(samples.of(kind).values())) for kind in ("png", "webp")),
)
REFUSED = (b"\xff\xd8\xff\xe0 no picture any more", b"text", b"")
NAMES = (
    "a.jpg",
    "A.jpg",
    "a.png",
    "a.jpg.as.png",
    "a.jpg/b.jpg",
    "d",
    "d/a.jpg",
    "d/b.jpg",
    "e/f/g.jpg",
    "caf\udce9.jpg",
    "\u00e9.jpg",
    "e\u0301.jpg",
)


def forked(work: Callable[[], object]) -> int:
    """The exit code of a process that does it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except Exception as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying(work: Callable[[], object], after: int) -> None:
    """Do it, and be killed in the middle: before so many files have got or lost their names."""
    left, lock = [after], threading.Lock()

    def counted(function: Any, *values: Any, **words: Any) -> Any:
        with lock:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), 9)
        return function(*values, **words)

    atomic_write._name = partial(counted, atomic_write._name)
    atomic_write._link = partial(counted, atomic_write._link)
    Path.unlink = lambda path: counted(os.unlink, path)  # type: ignore[method-assign, assignment]
    work()


class Sequence:
    """A source and a target, and what has been done to them."""

    def __init__(self, seed: int, place: Path) -> None:
        self.random = random.Random(seed)
        self.source, self.target = place / "in", place / "out"
        self.source.mkdir()
        (self.source / "stays.jpg").write_bytes(pictures.jpeg(9))
        self.done: list[str] = []
        for name in NAMES:
            if self.random.random() < 0.6:
                self.write(name)

    def files(self, folder: Path) -> list[Path]:
        """Originals but one, or outputs."""
        found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "stays.jpg")
        return [path for path in found if folder != self.target or "_rmexif" not in path.parts]

    def write(self, name: str) -> None:
        """Have an original, in the place of whatever is there."""
        path = self.source / name
        if path.is_dir():
            shutil.rmtree(path)
        for folder in path.parents:
            if folder.is_file():
                folder.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.random.choice(IMAGES if self.random.random() < 0.75 else REFUSED))
        os.utime(path, ns=(0, self.random.getrandbits(60)))

    def run(self, is_killed: bool, **words: Any) -> list[str]:
        """A run, and what is wrong behind it."""
        words.setdefault("rows", self.random.choice([1, 2, 4, 64]))
        words.setdefault("prune", self.random.random() < 0.3)
        words["workers"] = self.random.choice([1, 2, 3])
        words["stale"] = self.random.choice(["remove", "quarantine"])
        work: Callable[[], object] = partial(run, str(self.source), str(self.target), StripTask(), **words)
        code = forked(partial(dying, work, self.random.randint(1, 25)) if is_killed else work)
        self.done.append(f"run {words}: {code}")
        if code not in (0, -9):
            return [f"exit code {code}"]
        return list(checker.contradictions(self.source, self.target, self.target / "_rmexif")) if code == 0 else []

    def fault(self) -> None:
        """Something happens to an original or an output."""
        kind = self.random.choice(["change", "change", "delete", "rename", "remove output", "alter output", "link"])
        self.done.append(kind)
        originals, outputs = self.files(self.source), self.files(self.target) if self.target.exists() else []
        if kind == "change":
            for name in self.random.sample(NAMES, 3):
                self.write(name)
        elif kind == "delete":
            for path in self.random.sample(originals, min(3, len(originals))):
                path.unlink()
        elif kind == "rename" and originals:
            self.random.choice(originals).rename(self.source / f"renamed {len(self.done)}.jpg")
        elif kind == "link":
            (self.source / f"link {len(self.done)}.jpg").symlink_to("stays.jpg")
        elif outputs:
            path = self.random.choice(outputs)
            path.unlink() if kind == "remove output" else path.write_bytes(b"altered")

    def contradictions(self) -> list[str]:
        """What is wrong at some point of the sequence."""
        for _ in range(self.random.randint(3, 6)):
            if wrong := self.run(is_killed=self.random.random() < 0.6):
                return wrong
            for _ in range(self.random.randint(1, 4)):
                self.fault()
        for prune in (False, True):
            if wrong := self.run(is_killed=False, rows=3, prune=prune):
                return wrong
        rows = checker.rows_of(self.target / "_rmexif")
        return [f"{row['path']!r} is {row['code']}" for row in rows if row["code"] == "pending"] + [
            f"{row['path']!r} is gone, and its output stays" for row in rows if row["code"] == "gone" and row["output"]
        ]


def main() -> int:
    """Print what is wrong."""
    for seed in map(int, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as place:
            sequence = Sequence(seed, Path(place))
            if wrong := sequence.contradictions():
                print(f"sequence {seed}", *sequence.done, "contradictions:", *wrong, sep="\n  ")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
