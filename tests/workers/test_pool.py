"""Worker processes: what an image may cost is kept, and what kills a worker costs one image."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rmexif import (
    DeadlineExceeded,
    DetectionError,
    InvalidPolicy,
    LimitExceeded,
    MalformedImage,
    Policy,
    WorkerLost,
    scrub_many,
    strip_many,
    verify,
)
from rmexif.bulk import work_of
from rmexif.workers import channel
from rmexif.workers.pool import WorkerPool
from rmexif.workers.replies import Expected
from tests import samples, sets

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Trap:
    """A detector that does something bad to a picture of a certain width."""

    deed: str
    width: int

    def detect(self, rgb: Any) -> list[Any]:
        """Do it."""
        if rgb.shape[1] == self.width:
            if self.deed == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.deed == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            if self.deed == "hang":
                time.sleep(600)
            if self.deed == "memory":
                bytearray(8 << 30)
            if self.deed == "defect":
                raise ZeroDivisionError("the file says: secret")
            if self.deed == "malformed":
                raise MalformedImage("64 codes, at most 16 fit", structure="jpeg DHT", offset=12)
        return []


def pictures(count: int) -> list[bytes]:
    """Small PNGs; the second one is 50 px wide, the others 48."""
    return [samples.saved(samples.picture(50 if i == 1 else 48), "PNG") for i in range(count)]


@pytest.mark.parametrize(
    ("deed", "error"),
    [("kill", WorkerLost), ("crash", WorkerLost), ("hang", DeadlineExceeded), ("memory", LimitExceeded)],
)
def test_a_bad_image_costs_one_image(deed: str, error: type[Exception]) -> None:
    """Whatever it does to its process, the others come out, in order."""
    policy = Policy(detectors=(Trap(deed, 50),), stealth=False)

    out = list(scrub_many(pictures(5), policy, workers=1, pool="process", deadline=2, memory=1 << 30))

    assert [o.index for o in out] == [0, 1, 2, 3, 4]
    assert [o.ok for o in out] == [True, False, True, True, True]
    assert type(out[1].error) is error


def test_a_defect_keeps_its_message_to_itself() -> None:
    """A foreign error may quote the file; its text does not leave the process."""
    policy = Policy(detectors=(Trap("defect", 50),))

    bad = list(scrub_many(pictures(2), policy, workers=1, pool="process"))[1].error

    assert bad is not None
    assert bad.code == "detection_error"
    assert "secret" not in str(bad)
    assert bad.__cause__ is None


class Picky(DetectionError):
    """An error with a constructor of its own, as a detector of somebody's own may raise it."""

    code = "picky"

    def __init__(self, *, width: int) -> None:
        super().__init__(f"{width} px is too wide")
        self.width = width


@dataclass(frozen=True)
class PickyDetector:
    """Raises it for wide pictures."""

    def detect(self, rgb: Any) -> list[Any]:
        """Nothing, or the error with a note that quotes the file."""
        if rgb.shape[1] == 50:
            error = Picky(width=50)
            error.add_note("the file says: secret")
            raise error
        return []


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_an_error_with_its_own_constructor_arrives_as_it_is(pool: Any) -> None:
    """Class, message and fields; neither history nor notes."""
    policy = Policy(detectors=(PickyDetector(),))

    out = list(scrub_many(pictures(3), policy, workers=1, pool=pool))

    error = out[1].error
    assert [o.ok for o in out] == [True, False, True]
    assert isinstance(error, Picky)
    assert (str(error), error.width) == ("50 px is too wide", 50)
    assert error.__traceback__ is None
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_the_place_of_an_error_arrives(pool: Any) -> None:
    """Structure and offset are fields, also on this side of a process."""
    policy = Policy(detectors=(Trap("malformed", 50),))

    error = list(scrub_many(pictures(2), policy, workers=1, pool=pool))[1].error

    assert isinstance(error, MalformedImage)
    assert error.as_dict() == {
        "code": "malformed_image",
        "message": "jpeg DHT at byte 12: 64 codes, at most 16 fit",
        "structure": "jpeg DHT",
        "offset": 12,
    }


SILENT = """
import sys
from rmexif import Policy, scrub_many
if __name__ == "__main__":
    raw = sys.stdin.buffer.read()
    print([o.ok for o in scrub_many([raw], Policy(faces=False), workers=1, pool=sys.argv[1])])
"""


def test_what_codecs_print_stays_in_the_process(tmp_path: Path, astronaut: bytes) -> None:
    """libjpeg warns on file descriptor 2; a worker process has none to speak of, a thread has the caller's."""
    cut = astronaut[:-8000] + b"\xff\xd9"
    (tmp_path / "run.py").write_text(SILENT)
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}

    def run(pool: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "run.py", pool]
        return subprocess.run(command, cwd=tmp_path, env=env, input=cut, capture_output=True, check=True)

    process, thread = run("process"), run("thread")

    assert process.stdout == thread.stdout == b"[True]\n"
    assert b"premature end" in thread.stderr, "the picture makes libjpeg warn"
    assert process.stderr == b""


def test_processes_give_what_threads_give() -> None:
    """The same bytes, for strip; and a process is replaced after so many images."""
    raws = [next(iter(samples.of(name).values())) for name in samples.MAKERS]

    threads = list(strip_many(raws, workers=1))
    processes = list(strip_many(raws, workers=1, pool="process", recycle=4))

    assert [o.data for o in threads] == [o.data for o in processes]
    assert all(verify(o.data, canonical=True) == [] for o in processes if o.data)


def test_what_is_no_image_is_a_value() -> None:
    """Also what is not even bytes."""
    out = list(strip_many([b"", b"text", 7, None], workers=1, pool="process"))  # type: ignore[list-item]

    assert [o.error.code for o in out if o.error] == ["unknown_format", "unknown_format", "input_error", "input_error"]


def test_a_limit_that_threads_cannot_keep_is_refused() -> None:
    """Not silently ignored."""
    for limit in ({"deadline": 1.0}, {"memory": 1 << 30}, {"recycle": 5}, {"sandbox": True}):
        with pytest.raises(InvalidPolicy, match="process"):
            scrub_many([], **limit)  # type: ignore[arg-type]
    for limit in ({"deadline": 0}, {"memory": -1}, {"recycle": 0}):
        with pytest.raises(InvalidPolicy):
            scrub_many([], pool="process", **limit)  # type: ignore[arg-type]


def test_a_policy_that_cannot_travel_is_refused() -> None:
    """An object without a home in a module."""
    local = type("Local", (), {"detect": lambda self, rgb: []})()

    with pytest.raises(InvalidPolicy, match="process"):
        scrub_many([], Policy(detectors=(local,)), pool="process")


SCRIPT = """
import itertools, sys
from rmexif import strip_many
if __name__ == "__main__":
    raw = open(sys.argv[1], "rb").read()
    for o in strip_many(itertools.repeat(raw), workers=2, pool=sys.argv[2]):
        if o.index == 3:
            print("BUSY", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("pool", ["thread", "process"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_nothing_is_left_running(tmp_path: Path, astronaut: bytes, pool: str, sign: int) -> None:
    """Ctrl-C, and even a kill of the parent, end every process."""
    (tmp_path / "in.jpg").write_bytes(astronaut)
    (tmp_path / "run.py").write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    run = subprocess.Popen(
        [sys.executable, "run.py", "in.jpg", pool],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A shell's background job ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdout.readline() == b"BUSY\n"
    below = {run.pid} | _threads_children(run.pid)

    run.send_signal(sign)
    try:
        _, err = run.communicate(timeout=20)
    finally:
        run.kill()

    assert sign == signal.SIGKILL or b"KeyboardInterrupt" in err
    end = time.monotonic() + 10
    while time.monotonic() < end and any(Path(f"/proc/{pid}").exists() for pid in below):
        time.sleep(0.1)
    assert [pid for pid in below if Path(f"/proc/{pid}").exists()] == []


def _threads_children(pid: int) -> set[int]:
    """What any thread of ``pid`` started."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found |= {int(p) for p in (task / "children").read_text().split()}
    return found


def test_the_broken_set_in_sandboxes() -> None:
    """Every broken file of the set: a clean picture or an error of the tree, no lost worker."""
    raws = [path.read_bytes() for path in sorted((sets.require("corpus") / "broken").iterdir())]

    out = list(scrub_many(raws, workers=2, pool="process", deadline=60, memory=2 << 30, sandbox=True))

    assert len(raws) >= 20
    assert sum(o.ok for o in out) >= 1
    assert [o.index for o in out] == list(range(len(raws)))
    assert {o.error.code for o in out if o.error} & {"worker_lost", "deadline_exceeded", "processing_error"} == set()
    assert all(verify(o.data, canonical=True) == [] for o in out if o.data)


def test_a_crash_is_paid_by_nobody_else() -> None:
    """Another process is started at once, and until it is ready those that are get the images."""
    policy = Policy(detectors=(Trap("kill", 50),), stealth=False)
    (good, bad), expected = pictures(2), Expected.of_policy("scrub", policy)
    others = _threads_children(os.getpid())  # what other tests of this process started
    pool = WorkerPool(work_of(policy), 2, warm_up=policy)

    def scrub(_: int = 0) -> float:
        started = time.monotonic()
        pool.run(good, expected)
        return time.monotonic() - started

    try:
        with ThreadPoolExecutor(2) as threads:  # both are started
            list(threads.map(scrub, range(2)))
        before = _threads_children(os.getpid()) - others
        with pytest.raises(WorkerLost):
            pool.run(bad, expected)
        after = _threads_children(os.getpid()) - others
        by_the_old = scrub()
        with ThreadPoolExecutor(2) as threads:
            by_the_new = max(threads.map(scrub, range(2)))

        assert (len(before), len(after), len(before & after)) == (2, 2, 1)
        assert by_the_old < by_the_new
    finally:
        pool.close()


def test_a_length_alone_takes_no_memory() -> None:
    """A process that was taken over may say that a gigabyte comes."""
    ours, theirs = socket.socketpair()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ours, theirs:
        theirs.sendall(channel.REPLY.pack(bytes(16), 1 << 20, 1 << 30) + b"{}")
        with pytest.raises(TimeoutError):
            channel.receive_reply(ours, bytes(16), channel.Bounds(1 << 30, 1 << 30, time.monotonic() + 0.2))

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10
