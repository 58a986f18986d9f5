"""The sandbox: inside, nothing can be written, reached or started, and every format still works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rmexif import Policy, scrub_many
from tests import samples

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
ROOT = Path(__file__).parents[2]

INSIDE = """
import ctypes, json, os, socket, subprocess, sys, threading
from rmexif.workers import sandbox
landlock = sandbox.restrict_filesystem() if sys.argv[1] != "seccomp" else 0
held = sandbox.enter(landlock) if sys.argv[1] != "landlock" else sandbox.Sandbox(landlock=landlock)
deeds = {
    "write": lambda: open("new", "w"),
    "append": lambda: open("there", "a"),
    "truncate": lambda: os.truncate("there", 0),
    "unnamed": lambda: os.open(".", os.O_TMPFILE | os.O_WRONLY),
    "remove": lambda: os.remove("there"),
    "rename": lambda: os.rename("there", "new"),
    "folder": lambda: os.mkdir("new"),
    "link": lambda: os.link("there", "new"),
    "symlink": lambda: os.symlink("there", "new"),
    "mode": lambda: os.chmod("there", 0),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    "socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "spawn": lambda: subprocess.run(["true"]),
    "fork": lambda: os.fork() or os._exit(0),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(os.getppid(), 0),
    "memfd": lambda: os.memfd_create("x"),
}
answers = {}
def all_of_them():
    for name, deed in deeds.items():
        try:
            deed()
            answers[name] = "done"
        except OSError as error:
            answers[name] = error.strerror
thread = threading.Thread(target=all_of_them)  # threads are held too, and can still be made
thread.start(); thread.join()
print(json.dumps([held.as_dict(), answers, open("there").read(), ctypes.CDLL(None).prctl(3)]))
"""


def inside(folder: Path, walls: str) -> tuple[dict, dict, str, int]:
    """What holds, and what became of each deed."""
    (folder / "there").write_text("kept")
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", INSIDE, walls], cwd=folder, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert os.listdir(folder) == ["there"]
    return tuple(json.loads(done.stdout))


@pytest.mark.parametrize("walls", ["both", "seccomp"])
def test_nothing_can_be_done_inside(tmp_path: Path, walls: str) -> None:
    """Seccomp alone is enough; reading stays possible."""
    held, answers, text, dumpable = inside(tmp_path, walls)

    if not held["seccomp"]:
        pytest.skip("this kernel has no seccomp filters")
    assert set(answers.values()) <= {"Operation not permitted", "Permission denied"}
    assert text == "kept"
    assert dumpable == 0


def test_landlock_is_a_wall_of_its_own(tmp_path: Path) -> None:
    """It denies every change to a file system."""
    held, answers, _, _ = inside(tmp_path, "landlock")

    if not held["landlock"]:
        pytest.skip("this kernel has no Landlock")
    changes = ("write", "append", "truncate", "unnamed", "remove", "rename", "folder", "link", "symlink")
    assert {answers[name] for name in changes} == {"Permission denied"}


def test_every_format_inside() -> None:
    """The same outcome as without the sandbox, and the report says what holds."""
    raws = [raw for name in samples.MAKERS for raw in samples.of(name).values()]

    out = list(scrub_many(raws, workers=1, pool="process", sandbox=True))

    assert [o.error for o in out] == [None] * len(raws)
    assert all(o.report.stats["sandbox"]["no_dumps"] for o in out if o.report)


UNKNOWN_MACHINE = """
import json, pickle, sys
from functools import partial
from rmexif import Policy, scrubber
from rmexif.workers import process, sandbox
from rmexif.workers.limits import WorkerLimits
sandbox._MACHINES.clear()  # no filter is written for this machine: what every architecture without a row sees
sent = pickle.dumps((partial(scrubber.scrub, policy=Policy(faces=False)), None))
process.prepare(sent, WorkerLimits(sandbox="require" if sys.argv[1] == "require" else True))
answer = process.run(sys.stdin.buffer.read())
print(json.dumps(answer.as_dict() if isinstance(answer, Exception) else answer[1]["sandbox"]))
"""


@pytest.mark.parametrize("mode", ["require", "true"])
def test_required_means_required(mode: str) -> None:
    """Where the system cannot, "require" refuses every image, and True goes on and says so."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", UNKNOWN_MACHINE, mode]

    done = subprocess.run(command, env=env, input=samples.of("png")["plain"], capture_output=True, check=True)

    answer = json.loads(done.stdout)
    if mode == "require":
        assert answer["code"] == "setup_error"
    else:
        assert answer["seccomp"] is False


def locked_kib(pid: int | str) -> int:
    """What a process keeps out of the swap."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmLck")).split()[1])


def test_memory_stays_out_of_the_swap() -> None:
    """A worker locks its memory, or refuses every image where the system does not let it."""
    import multiprocessing

    raws = [next(iter(samples.of("png").values()))] * 3
    run = scrub_many(raws, Policy(faces=False), workers=1, pool="process", lock_memory=True)

    first = next(run)
    (child,) = multiprocessing.active_children()
    locked = locked_kib(child.pid or "self")
    rest = list(run)

    if locked:
        assert all(outcome.ok for outcome in (first, *rest))
    else:
        assert {outcome.error.code for outcome in (first, *rest) if outcome.error} == {"setup_error"}
