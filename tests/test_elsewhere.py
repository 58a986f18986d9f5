"""Systems that are not Linux, simulated: every call that only Linux has is taken away, and the edges still work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rmexif import inspect, native, verify
from tests import samples

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
SYSTEMS = ("darwin", "win32")


def rmexif(system: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """The command line as that system runs it."""
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "tests.elsewhere", system, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False, timeout=300)


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_file(tmp_path: Path, astronaut: bytes, system: str) -> None:
    """Strip, scrub, inspect, verify; an output that is there is not replaced."""
    (tmp_path / "in.jpg").write_bytes(astronaut)

    strip = rmexif(system, "strip", "in.jpg", "-o", "stripped.jpg", folder=tmp_path)
    again = rmexif(system, "strip", "in.jpg", "-o", "stripped.jpg", folder=tmp_path)
    scrub = rmexif(system, "in.jpg", "-o", "scrubbed.jpg", folder=tmp_path)
    asked = rmexif(system, "inspect", "in.jpg", "--json", folder=tmp_path)
    proof = rmexif(system, "verify", "stripped.jpg", folder=tmp_path)

    assert (strip.returncode, again.returncode, scrub.returncode, proof.returncode) == (0, 73, 0, 0), scrub.stderr
    assert json.loads(asked.stdout) == inspect(astronaut).as_dict()
    for name in ("stripped.jpg", "scrubbed.jpg"):
        assert verify((tmp_path / name).read_bytes(), canonical=True) == []
    assert sorted(os.listdir(tmp_path)) == ["in.jpg", "scrubbed.jpg", "stripped.jpg"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_folder_of_a_hundred(tmp_path: Path, system: str) -> None:
    """Threads, with sub-folders; then the same in place."""
    raws = [raw for name in samples.MAKERS for raw in samples.of(name).values()]
    for number in range(100):
        place = tmp_path / "in" / f"{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:03}").write_bytes(raws[number % len(raws)])

    done = rmexif(system, "strip", "in", "-o", "out", folder=tmp_path)
    replaced = rmexif(system, "strip", "in", "--in-place", folder=tmp_path)

    assert (done.returncode, replaced.returncode) == (0, 0), done.stderr
    for folder in ("out", "in"):
        files = [path for path in (tmp_path / folder).rglob("*") if path.is_file()]
        assert len(files) == 100
        assert all(verify(path.read_bytes(), canonical=True) == [] for path in files)


@pytest.fixture(autouse=True)
def _engine() -> Iterator[None]:
    """What has no library for its system runs the Python twins; what they write is judged by them."""
    before = native.engine()
    native.use("python")
    yield
    native.use(before)


def test_a_folder_in_processes(tmp_path: Path) -> None:
    """Workers start, answer and end; a limit that only Linux keeps is refused, a sandbox that is not there is named."""
    (tmp_path / "in").mkdir()
    for name in samples.MAKERS:
        (tmp_path / "in" / name).write_bytes(next(iter(samples.of(name).values())))

    done = rmexif(
        "darwin", "in", "-o", "out", "--pool", "process", "--workers", "1", "--deadline", "60", folder=tmp_path
    )

    assert done.returncode == 0, done.stderr
    files = list((tmp_path / "out").iterdir())
    assert len(files) == len(samples.MAKERS)
    assert all(verify(path.read_bytes(), canonical=True) == [] for path in files)


WORKER = """
import json, pickle, socket, sys, threading
from tests.elsewhere import be
be(sys.argv[1])
from functools import partial
from rmexif import lossless, InvalidPolicy
from rmexif.workers import channel, process
from rmexif.workers.limits import WorkerLimits
setup = process.Setup(pickle.dumps((lossless.strip, None)), WorkerLimits(), b"", -1, 0, None, (), "python")
task, held = process._prepare(setup)
values, data = process._answer(task, bytearray(sys.stdin.buffer.read()), ())
refused = []
for limit in ({"memory": 1 << 30},):
    try:
        WorkerLimits(**limit)
    except InvalidPolicy as error:
        refused.append(error.code)
try:
    process._prepare(process.Setup(setup.sent, WorkerLimits(lock_memory=True), b"", -1, 0, None, (), "python"))
except Exception as error:
    refused.append(error.code)
try:
    process._prepare(process.Setup(setup.sent, WorkerLimits(sandbox="require"), b"", -1, 0, None, (), "python"))
except Exception as error:
    refused.append(error.code)
print(json.dumps([held.as_dict(), values["report"]["metadata_removed"], refused]))
"""


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_worker_says_that_there_is_no_sandbox(system: str) -> None:
    """The inside of a worker: it works, with nothing that Linux alone has, and what was required is refused."""
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    raw = next(iter(samples.of("png").values()))

    done = subprocess.run([sys.executable, "-c", WORKER, system], env=env, input=raw, capture_output=True, timeout=120)

    assert done.returncode == 0, done.stderr
    held, clean, refused = json.loads(done.stdout)
    assert held == {"no_new_privileges": False, "no_dumps": False, "landlock": 0, "seccomp": False}
    assert clean
    assert refused == ["invalid_policy", "setup_error", "setup_error"]


def test_the_service() -> None:
    """An upload through a worker, and the end of it all."""
    requests = pytest.importorskip("requests")
    serving = pytest.importorskip("tests.service.serving")
    port = serving.free_port()
    base = f"http://127.0.0.1:{port}"
    environment = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "RMEXIF_WORKERS": "1"}
    raw = next(iter(samples.of("jpeg").values()))

    command = ["-m", "tests.elsewhere", "darwin", "serve", "--port", str(port)]
    with serving.running(command, f"{base}/readyz", **environment) as process:
        for job in ("strip", "scrub"):
            answer = requests.post(f"{base}/v1/{job}", data=raw, timeout=60)
            assert answer.status_code == 200, answer.text
            assert verify(answer.content, canonical=True) == []
        process.terminate()
        assert process.wait(30) in (0, -15)
