"""Zero persistence: nothing is written and nothing is connected on the way, by Python or below it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import samples

CODE = """
import sys
from rmexif import Policy, Scrubber, inspect, strip, verify
raws = [open(name, "rb").read() for name in sys.argv[1:]]
Scrubber(raws[0]).process()  # load codecs and the model
opened = []
def hook(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & 3:
        opened.append(event)
    if event.startswith(("socket.", "subprocess.", "os.mkdir", "os.rename", "os.remove", "tempfile.", "shutil.")):
        opened.append(event)
sys.addaudithook(hook)
sys.stderr.write("BEGIN-SCRUB\\n"); sys.stderr.flush()
for raw in raws:
    for call in (lambda: Scrubber(raw).process(), lambda: strip(raw), lambda: inspect(raw), lambda: verify(raw)):
        call()
sys.stderr.write("END-SCRUB\\n"); sys.stderr.flush()
print(opened)
"""


def inputs(folder: Path, astronaut: bytes) -> list[str]:
    """One file of every format, and a large one."""
    names = []
    for name, makers in samples.MAKERS.items():
        from rmexif.containers import FORMATS

        if name in {module.format.name for module in FORMATS}:
            (folder / name).write_bytes(next(iter(makers().values())))
            names.append(str(folder / name))
    large = samples.saved(samples.picture(4000, 3000), "JPEG", quality=90)
    (folder / "large").write_bytes(large)
    (folder / "astronaut").write_bytes(astronaut)
    return [str(folder / "astronaut"), str(folder / "large"), *names]


def test_python_opens_nothing_for_writing(tmp_path: Path, astronaut: bytes) -> None:
    """The interpreter's own audit events, over every public call and every format."""
    answer = subprocess.run(
        [sys.executable, "-c", CODE, *inputs(tmp_path, astronaut)], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_the_system_sees_no_file_opened_for_writing(tmp_path: Path, astronaut: bytes) -> None:
    """The same below Python: codecs and the inference engine included."""
    trace = tmp_path / "trace"
    command = [
        "strace",
        "-f",
        "-o",
        str(trace),
        "-e",
        "trace=openat,open,creat,socket,connect,mkdir,rename,unlink,write",
    ]
    run = subprocess.run(
        [*command, sys.executable, "-c", CODE, *inputs(tmp_path, astronaut)],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode and "ptrace" in run.stderr:
        pytest.skip("this system does not allow tracing")
    assert run.returncode == 0, run.stderr[-500:]

    text = trace.read_text()
    inside = text[text.index("BEGIN-SCRUB") : text.index("END-SCRUB")].splitlines()[1:]
    writing = [line for line in inside if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|rename|unlink", line)]
    assert [line for line in writing if "/dev/null" not in line] == []
    assert [line for line in inside if re.search(r"\b(socket|connect)\(", line)] == []


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_nothing_calls_home_from_the_first_import_on(tmp_path: Path, astronaut: bytes) -> None:
    """From the interpreter's start to some seconds after a scrub: no file in anybody's home, no socket."""
    (tmp_path / "photo").write_bytes(astronaut)
    trace, home = tmp_path / "trace", tmp_path / "home"
    home.mkdir()
    code = "import sys, time; from rmexif import scrub; scrub(open(sys.argv[1], 'rb').read()); time.sleep(10)"
    command = ["strace", "-f", "-o", str(trace), "-e", "trace=openat,open,creat,socket,connect,mkdir,rename,unlink"]
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    run = subprocess.run(
        [*command, sys.executable, "-B", "-c", code, str(tmp_path / "photo")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if run.returncode and "ptrace" in run.stderr:
        pytest.skip("this system does not allow tracing")
    assert run.returncode == 0, run.stderr[-500:]

    lines = trace.read_text().splitlines()
    writing = [line for line in lines if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|rename|unlink", line)]
    assert [line for line in writing if "/dev/null" not in line] == []
    assert [line for line in lines if re.search(r"\b(socket|connect)\(", line)] == []
    assert list(home.iterdir()) == []
