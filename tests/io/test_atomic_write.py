"""A file appears completely or not at all: on file systems that lack something, and when the process is killed."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rmexif.io import atomic_write as module
from rmexif.io.atomic_write import OutputExists, atomic_write, atomic_write_all

ROOT = Path(__file__).parents[2]
OLD, NEW = b"the original", b"its clean form" * 1000
LACKS = ("nothing", "unnamed files", "second names", "renames that replace nothing")


def take_away(monkeypatch: pytest.MonkeyPatch, lack: str) -> None:
    """Make this process see a file system without something, as FAT and network shares are."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # what link(2) says there

    if lack != "nothing":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    if lack not in ("nothing", "unnamed files"):
        monkeypatch.setattr(os, "link", refuse)
    if lack == "renames that replace nothing":
        monkeypatch.setattr(module.ctypes, "CDLL", lambda *_, **__: object())


@pytest.mark.parametrize("lack", LACKS)
def test_what_is_there_is_replaced_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str) -> None:
    """With and without force, and no other name is left."""
    take_away(monkeypatch, lack)
    there, new = tmp_path / "there", tmp_path / "new"
    there.write_bytes(OLD)

    atomic_write(new, NEW)
    with pytest.raises(OutputExists):
        atomic_write(there, NEW)
    assert there.read_bytes() == OLD
    atomic_write(there, NEW, force=True)

    assert there.read_bytes() == new.read_bytes() == NEW
    assert sorted(os.listdir(tmp_path)) == ["new", "there"]


@pytest.mark.parametrize("lack", LACKS)
def test_a_name_that_is_taken_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    """Another process makes the file while the bytes are written."""
    take_away(monkeypatch, lack)
    path, sync = tmp_path / "there", os.fsync

    def meanwhile(handle: int) -> None:
        path.write_bytes(OLD)
        sync(handle)

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(OutputExists):
        atomic_write(path, NEW)

    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["there"]


@pytest.mark.parametrize("lack", ["nothing", "a call for the file system", *LACKS[1:]])
def test_files_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str) -> None:
    """New ones, one that is replaced, one in a folder that is made; those that cannot be written say so themselves."""
    if lack == "a call for the file system":
        monkeypatch.setattr(module, "_syncfs", lambda: None)
    else:
        take_away(monkeypatch, lack)
    (tmp_path / "there").write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    names = ("new", "there", "below/this/new", "there/below", "folder", "nul\0")

    problems = atomic_write_all([(str(tmp_path / name), name.encode() + NEW) for name in names])

    assert [problem is None for problem in problems] == [True, True, True, False, False, False]
    for name in names[:3]:
        assert (tmp_path / name).read_bytes() == name.encode() + NEW
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "below/this/new",
        "new",
        "there",
    ]


TOGETHER = """
import os, sys
from rmexif.io.atomic_write import _syncfs, atomic_write_all
if _syncfs() is None:
    sys.exit(9)
os.getpgid(0)
assert not any(atomic_write_all([(f"{sys.argv[1]}/{number}", b"its clean form") for number in range(40)]))
os.getpgid(0)
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_files_together_have_names_when_they_are_on_the_disk(tmp_path: Path) -> None:
    """One flush before the first name, one behind the last, and none for a file alone."""
    environment = ["env", f"PYTHONPATH={ROOT / 'src'}", "PYTHONDONTWRITEBYTECODE=1"]
    command = [*environment, sys.executable, "-S", "-c", TOGETHER, str(tmp_path / "out")]
    if subprocess.run(command, check=False).returncode == 9:
        pytest.skip("this system has no call that brings a file system to the disk and says what went wrong")

    shutil.rmtree(tmp_path / "out")
    calls = [name for name, _ in calls_of(command, tmp_path / "trace") if name in ("linkat", "syncfs", "fsync")]

    assert calls == ["syncfs", *["linkat"] * 40, "syncfs"]


WRITE = """
import os, sys
from pathlib import Path
from rmexif.io.atomic_write import atomic_write
lack, force = sys.argv[2], sys.argv[3] == "force"
def refuse(*_, **__):
    raise PermissionError(1, "Operation not permitted")
if lack != "nothing":
    del os.O_TMPFILE
if lack == "second names":
    os.link = refuse
data = b"its clean form" * 1000
os.getpgid(0)  # what follows is cut at every call
atomic_write(Path(sys.argv[1]), data, force)
os.getpgid(0)
"""
CALL = re.compile(r"^(?:\d+\s+)?(\w+)\(")


def calls_of(command: list[str], trace: Path) -> list[tuple[str, int]]:
    """The system calls between the two marks, each as a name and how often it came since the start."""
    done = subprocess.run(["strace", "-o", str(trace), *command], capture_output=True, text=True, check=False)
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("this system does not allow tracing")
    assert done.returncode == 0, done.stderr
    counts: Counter[str] = Counter()
    found, inside = [], False
    for name in filter(None, (CALL.match(line) for line in trace.read_text().splitlines())):
        counts[name[1]] += 1
        if name[1] == "getpgid":
            inside = not inside
        elif inside:
            found.append((name[1], counts[name[1]]))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("force", ["force", "new"])
@pytest.mark.parametrize("lack", LACKS[:3])
def test_killed_at_any_system_call(tmp_path: Path, lack: str, force: str) -> None:
    """The target is the original or the clean file, and nothing beside it has another name than a temporary one."""
    path = tmp_path / "out" / "picture"
    path.parent.mkdir()
    environment = ["env", f"PYTHONPATH={ROOT / 'src'}", "PYTHONDONTWRITEBYTECODE=1"]
    command = [*environment, sys.executable, "-S", "-c", WRITE, str(path), lack, force]

    def prepare() -> None:
        for file in path.parent.iterdir():
            file.unlink()
        if force == "force":
            path.write_bytes(OLD)

    prepare()
    cuts = calls_of(command, tmp_path / "trace")
    assert path.read_bytes() == NEW
    assert {"fsync", "write"} <= {name for name, _ in cuts}
    before = OLD if force == "force" else None
    seen = set()
    for name, number in cuts:
        prepare()
        inject = f"inject={name}:signal=SIGKILL:when={number}"
        done = subprocess.run(["strace", "-o", os.devnull, "-e", inject, *command], capture_output=True, check=False)
        assert done.returncode != 0, f"{name} {number} was not cut"
        content = path.read_bytes() if path.exists() else None
        seen.add(content)
        assert content in (before, NEW), f"cut at {name} {number}"
        beside = [file for file in os.listdir(path.parent) if file != "picture"]
        assert all(file.startswith(".rmexif-") for file in beside)
        assert lack != "nothing" or all((path.parent / file).read_bytes() == NEW for file in beside)

    assert before in seen
