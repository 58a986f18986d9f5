"""The sandbox: every wall by itself, the table of system calls against the kernel's own, every format inside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rmexif import Policy, native, scrub_many, strip_many
from rmexif.workers import system_calls
from tests import samples

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
ROOT = Path(__file__).parents[2]
HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"),),
}


def run(code: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """A Python of its own."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False, timeout=120)


EVERY_CALL = """
import ctypes, json
from rmexif.workers import sandbox, system_calls
libc = ctypes.CDLL(None, use_errno=True)
held = sandbox.enter()
allowed = {numbers[system_calls.MACHINES[__import__("platform").machine()].column]
           for table in (system_calls.ALLOWED, system_calls.CONDITIONAL) for numbers in table.values()}
answers = {}
for number in set(range(1200)) - {335, 336}:  # uretprobe, uprobe: the kernel filters neither, and kills who calls them
    if number not in allowed:
        answers[number] = (libc.syscall(number, -1, -1, -1, -1, -1, -1), ctypes.get_errno())
print(json.dumps([held.seccomp, answers]))
"""


def test_every_other_system_call_is_refused() -> None:
    """By its number, known or not: "not permitted", or "no such call" where a C library has an older one to take."""
    done = run(EVERY_CALL)
    assert done.returncode == 0, done.stderr
    holds, answers = json.loads(done.stdout)

    if not holds:
        pytest.skip("this kernel has no system call filters")
    assert len(answers) > 1100
    assert {tuple(answer) for answer in answers.values()} == {(-1, 1), (-1, 38)}  # EPERM, ENOSYS
    assert {number for number, answer in answers.items() if answer[1] == 38} == {str(n) for n in range(424, 1200)}


FOREIGN_CALL = """
import ctypes, mmap, sys
from rmexif.workers import sandbox
code = {"32 bit": b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3", "x32": b"\\xb8\\x27\\x00\\x00\\x40\\x0f\\x05\\xc3"}[sys.argv[1]]
page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)  # getpid under another architecture's number
ask = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
print("before", flush=True)
sandbox.enter()
ask()
print("after", flush=True)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86-64 alone has calls under the numbers of others")
@pytest.mark.parametrize("kind", ["32 bit", "x32"])
def test_numbers_of_another_architecture_end_the_process(kind: str) -> None:
    """The same calls by another door."""
    done = run(FOREIGN_CALL, kind)

    assert done.stdout == b"before\n"
    assert done.returncode == -31, done.stderr  # SIGSYS


@pytest.mark.parametrize("machine", list(system_calls.MACHINES))
def test_numbers_are_the_kernels(machine: str) -> None:
    """Every name of the tables has the number that the kernel's headers give it."""
    header = next((path for path in HEADERS[machine] if path.is_file()), None)
    if header is None:
        pytest.skip("the kernel's headers are not installed")
    text = header.read_text()
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)}
    column = system_calls.MACHINES[machine].column

    for name, row in (system_calls.ALLOWED | system_calls.CONDITIONAL).items():
        assert numbers[name] == row[column], name


INSIDE = """
import ctypes, fcntl, json, os, resource, signal, sys, threading
from rmexif.workers import sandbox
held = sandbox.enter()
libc = ctypes.CDLL(None, use_errno=True)
answers = {}
def all_of_them():
    answers["own limit"] = resource.getrlimit(resource.RLIMIT_AS)[0]
    answers["name"] = libc.prctl(15, b"name")
    answers["no core again"] = libc.prctl(4, 1)
    answers["flags"] = fcntl.fcntl(1, 1)
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        answers["kill"] = "refused"
threads = [threading.Thread(target=all_of_them) for _ in range(3)]  # threads are held too, and can still be made
for thread in threads:
    thread.start()
    thread.join()
print(json.dumps([held.as_dict(), answers, len(os.sched_getaffinity(0))]), flush=True)
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_what_codecs_need_stays() -> None:
    """Threads, their names and limits; a process may end itself."""
    done = run(INSIDE)
    held, answers, processors = json.loads(done.stdout)

    assert held["no_new_privileges"]
    assert held["no_dumps"]
    assert answers == {"own limit": -1, "name": 0, "no core again": -1, "flags": 0, "kill": "refused"}
    assert processors >= 1
    assert done.returncode == -6


LANDLOCK = """
import json, os, socket, sys
from pathlib import Path
from rmexif.workers import landlock, sandbox
readable = None if sys.argv[2] == "all" else [*landlock.library_places(sys.path), sys.argv[2]]
held = landlock.restrict(readable) if sandbox.give_up_privileges() else 0
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
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    "read": lambda: open("there").read(),
    "list": lambda: os.listdir("."),
    "passwords": lambda: open("/etc/passwd").read(),
    "environment": lambda: open(f"/proc/{os.getppid()}/environ", "rb").read(),
    "model": lambda: open(sys.argv[1], "rb").read(),
    "import": lambda: __import__("numpy"),
    "package": lambda: __import__("rmexif.native.library"),
}
answers = {}
for name, deed in deeds.items():
    try:
        deed()
        answers[name] = "done"
    except OSError as error:
        answers[name] = error.strerror
print(json.dumps([held, answers]))
"""
CHANGES = ("write", "append", "truncate", "unnamed", "remove", "rename", "folder", "link", "symlink")
SECRETS = ("read", "list", "passwords", "environment")


@pytest.mark.parametrize("reading", ["some", "all"])
def test_landlock_is_a_wall_of_its_own(tmp_path: Path, reading: str) -> None:
    """It denies every change to a file system; and reading, but for libraries and the files that a policy names."""
    inside, model = tmp_path / "inside", tmp_path / "model"
    inside.mkdir()
    (inside / "there").write_text("kept")
    model.write_bytes(b"model")

    done = run(LANDLOCK, str(model), str(model) if reading == "some" else "all", folder=inside)
    assert done.returncode == 0, done.stderr
    held, answers = json.loads(done.stdout)

    if not held:
        pytest.skip("this kernel has no Landlock")
    assert os.listdir(inside) == ["there"]
    assert (inside / "there").read_text() == "kept"
    assert {answers[name] for name in CHANGES} == {"Permission denied"}
    assert held < 4 or answers["connect"] == "Permission denied"
    assert {answers[name] for name in SECRETS} == ({"done"} if reading == "all" else {"Permission denied"})
    assert {answers[name] for name in ("model", "import", "package")} == {"done"}


def test_a_home_is_not_read_because_modules_lie_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A script that runs in somebody's home, or above it, does not open that home to its workers."""
    from rmexif.workers import landlock

    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    for place in (tmp_path / "home/numpy", tmp_path / "numpy", tmp_path / "home/lib/numpy", tmp_path / "home/photos"):
        place.mkdir(parents=True)

    places = landlock.library_places(
        ["", str(tmp_path / "home"), str(tmp_path), "/", str(tmp_path / "home/lib"), str(tmp_path / "home/photos")]
    )

    refused = {"", ".", str(tmp_path), str(tmp_path / "home"), "/", str(tmp_path / "home/photos")}
    assert not refused & set(places)
    assert str(tmp_path / "home/lib") in places
    assert str(ROOT / "src/rmexif") in places


@pytest.mark.parametrize("many", [scrub_many, strip_many])
def test_every_format_inside(many: type[scrub_many]) -> None:  # type: ignore[valid-type]
    """The same outcome as without the sandbox, which is on by itself; and the report says what holds."""
    raws = [raw for name in samples.MAKERS for raw in samples.of(name).values()]

    out = list(many(raws, workers=1, pool="process"))
    (free,) = strip_many(raws[:1], workers=1, pool="process", sandbox=False)

    assert [o.error for o in out] == [None] * len(raws)
    assert all(o.report.stats["sandbox"]["no_dumps"] for o in out if o.report)
    assert free.report
    assert "sandbox" not in free.report.stats


UNKNOWN_MACHINE = """
import json, sys
from rmexif.workers import process, system_calls
from rmexif.workers.limits import WorkerLimits
system_calls.MACHINES.clear()  # no filter is written for this machine: what every architecture without a column sees
import pickle
setup = process.Setup(pickle.dumps((len, None)), WorkerLimits(sandbox=sys.argv[1]), b"", -1, 0, None, (), "python")
try:
    print(json.dumps(process._prepare(setup)[1].as_dict()))
except Exception as error:
    print(json.dumps(error.as_dict()))
"""


@pytest.mark.parametrize("mode", ["require", "auto"])
def test_required_means_required(mode: str) -> None:
    """Where the system cannot, "require" refuses every image, and "auto" goes on and says so."""
    done = run(UNKNOWN_MACHINE, mode)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

    if mode == "require":
        assert answer["code"] == "setup_error"
    else:
        assert answer["seccomp"] is False


def test_a_refusal_is_the_answer_to_every_image(tmp_path: Path) -> None:
    """A worker that cannot be made ready says why, once for all."""
    (tmp_path / "model.onnx").write_bytes(b"no model")
    policy = Policy(detectors=(f"yunet:{tmp_path / 'model.onnx'}",))

    out = list(scrub_many([next(iter(samples.of("png").values()))] * 3, policy, workers=1, pool="process"))

    assert [o.error.code for o in out if o.error] == ["setup_error"] * 3
    assert "yunet" in str(out[0].error)


def test_workers_read_with_the_engine_of_their_parent() -> None:
    """What they write is judged by it."""
    before = native.engine()
    native.use("python")
    try:
        (outcome,) = strip_many([next(iter(samples.of("png").values()))], workers=1, pool="process")
    finally:
        native.use(before)

    assert outcome.report
    assert outcome.report.stats["engine"] == "python"


def locked_kib(pid: int | str) -> int:
    """What a process keeps out of the swap."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmLck")).split()[1])


def test_memory_stays_out_of_the_swap() -> None:
    """A worker locks its memory, or refuses every image where the system does not let it."""
    raws = [next(iter(samples.of("png").values()))] * 3
    run = scrub_many(raws, Policy(faces=False), workers=1, pool="process", lock_memory=True)

    first = next(run)
    children = [
        int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    ]
    locked = any(locked_kib(pid) for pid in children)
    rest = list(run)

    if locked:
        assert all(outcome.ok for outcome in (first, *rest))
    else:
        assert {outcome.error.code for outcome in (first, *rest) if outcome.error} == {"setup_error"}


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="20" height="20"/>%s</svg>'


def test_a_drawing_with_text_is_refused_where_no_font_can_be_read() -> None:
    """A worker opens no fonts: the text would be missing from the picture. Without a sandbox it is drawn."""
    pytest.importorskip("resvg_py", reason="the extra rmexif[svg] is not installed")
    raws = [SVG % b"", SVG % b'<text x="1" y="30">X</text>']

    plain, text = scrub_many(raws, workers=1, pool="process")
    (free,) = scrub_many(raws[1:], workers=1, pool="process", sandbox=False)
    (stripped,) = strip_many(raws[1:], workers=1, pool="process")

    assert plain.ok, plain.error
    assert text.error
    assert text.error.code == "unsupported_feature"
    assert "font" in str(text.error)
    assert free.ok or "font" in str(free.error)  # a machine may have none
    assert stripped.ok, stripped.error
