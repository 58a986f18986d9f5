"""Looks at folders that change nothing, and what a replaced file keeps."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from rmexif import verify
from rmexif.cli import places
from rmexif.io import atomic_write
from tests import samples
from tests.cli.running import run

PLAIN_MODE = 0o640


@pytest.fixture
def tree(tmp_path: Path, astronaut: bytes) -> Path:
    """A folder with a photograph, a screenshot, a README and a pipe."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "photo.jpg").write_bytes(astronaut)
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(buffer, "PNG")
    (tmp_path / "in" / "sub" / "shot.png").write_bytes(buffer.getvalue())
    (tmp_path / "in" / "README.md").write_text("# pictures")
    os.mkfifo(tmp_path / "in" / "pipe")
    return tmp_path


def test_verify_a_folder(tree: Path) -> None:
    """Findings, a summary and the next command; a pattern leaves the README out, the pipe is named."""
    done = run("verify", "in", "--include", "*.jpg", "--include", "*.png", cwd=tree)

    assert done.returncode == 1
    text = done.stdout.decode()
    assert "2 files, 1 with findings" in text
    assert text.splitlines()[-1] == "run: rmexif strip --in-place in/photo.jpg"
    assert done.stderr == b"rmexif: in/pipe: left out: it is a pipe\n"


def test_the_proposed_command_makes_the_gate_pass(tree: Path) -> None:
    """As it is printed."""
    run("strip", "--in-place", "in/photo.jpg", cwd=tree)

    assert run("verify", "in", "--exclude", "README*", cwd=tree).returncode == 0


def test_inspect_a_folder_in_json_lines(tree: Path) -> None:
    """A row for each file, an error for what is no image; no value unasked."""
    done = run("inspect", "in", "--json-lines", cwd=tree)

    rows = {row["file"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 65
    assert sorted(rows) == ["in/README.md", "in/photo.jpg", "in/sub/shot.png"]
    assert rows["in/sub/shot.png"]["findings"] == []
    assert "error" in rows["in/README.md"]
    assert "28.57" not in json.dumps(rows)


def test_a_dry_run_of_a_folder_writes_nothing(tree: Path) -> None:
    """Faces and findings of each file, and in sum."""
    before = sorted(path.name for path in (tree / "in").rglob("*"))

    done = run("scrub", "--dry-run", "in", "--exclude", "*.md", cwd=tree)

    assert done.returncode == 0, done.stderr
    assert b"in/photo.jpg: 1 faces" in done.stdout
    assert b"2 files, 1 with findings, 1 faces" in done.stdout
    assert sorted(path.name for path in (tree / "in").rglob("*")) == before


@pytest.mark.parametrize("command", [["strip"], ["scrub", "--no-faces"]])
def test_pipes_and_sockets_are_left_out(tree: Path, command: list[str]) -> None:
    """They are named, and cost nothing."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tree / "in" / "door"))
        done = run(*command, "in", "-o", "out", "--exclude", "*.md", cwd=tree)

    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [
        "rmexif: in/door: left out: it is a socket",
        "rmexif: in/pipe: left out: it is a pipe",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_costs_itself(tree: Path) -> None:
    """The rest is done, and the exit code says so."""
    (tree / "in" / "sub").chmod(0)

    done = run("strip", "in", "-o", "out", "--exclude", "*.md", cwd=tree)

    (tree / "in" / "sub").chmod(0o755)
    assert done.returncode == 66
    assert (tree / "out" / "photo.jpg").exists()


def test_folders_may_be_nested_deeper_than_calls(tmp_path: Path) -> None:
    """1,500 levels; the path below is too long for one call of the system, so each level is entered."""
    here = os.getcwd()  # noqa: PTH109 - to come back from where no path leads
    os.chdir(tmp_path)
    try:
        for _ in range(1500):
            os.mkdir("d")  # noqa: PTH102
            os.chdir("d")
        Path("b.png").write_bytes(samples.of("png")["rgb"])
    finally:
        os.chdir(here)
    (tmp_path / "a.png").write_bytes(samples.of("png")["rgb"])

    done = run("strip", ".", "-o", "out", cwd=tmp_path)
    found = (tmp_path / "out" / "a.png").exists(), Path(f"{tmp_path}/out/{'d/' * 1500}b.png").exists()

    for name in ("d", "out"):
        subprocess.run(["rm", "-rf", str(tmp_path / name)], check=True)  # shutil.rmtree calls itself once a level
    assert b"Traceback" not in done.stderr
    assert found == (True, True)


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Between the look at its folder and the opening; one that is named by itself is read."""
    os.mkfifo(tmp_path / "pipe.png")

    with pytest.raises(OSError, match="not a regular file"):
        places.read(str(tmp_path / "pipe.png"), 100)
    with subprocess.Popen(["sh", "-c", "printf abc > pipe.png"], cwd=tmp_path):
        assert places.read(str(tmp_path / "pipe.png"), 100, pipes=True) == b"abc"


def test_the_json_of_many_files_is_one_array(tree: Path) -> None:
    """Printed while they are looked at: of 100,000 files no list is kept."""
    rows = json.loads(run("inspect", "in", "--json", "--exclude", "*.md", cwd=tree).stdout)
    (tree / "empty").mkdir()

    assert len(rows) == len(list((tree / "in").rglob("*.*g")))
    assert all(row["findings"] is not None for row in rows)
    assert json.loads(run("inspect", "empty", "--json", cwd=tree).stdout) == []


def test_in_place_keeps_mode_and_times_and_follows_links(tree: Path) -> None:
    """The link stays a link; other names of the file are warned of."""
    photo, link, other = tree / "in" / "photo.jpg", tree / "link.jpg", tree / "other.jpg"
    photo.chmod(PLAIN_MODE)
    os.utime(photo, ns=(10**18, 10**18))
    link.symlink_to(photo)
    os.link(photo, other)

    done = run("strip", "--in-place", "--keep-times", "-v", "link.jpg", cwd=tree)

    assert done.returncode == 0, done.stderr
    assert link.is_symlink()
    assert verify(photo.read_bytes()) == []
    assert stat.S_IMODE(photo.stat().st_mode) == PLAIN_MODE
    assert photo.stat().st_mtime_ns == 10**18
    lines = done.stderr.decode()
    assert "a link; what it leads to was replaced" in lines
    assert "1 other name (hard links) still lead to the original" in lines
    assert "findings removed" in lines


def test_strip_names_no_format_that_it_does_not_write(tree: Path) -> None:
    """A JPEG under .png is refused, before anything is written."""
    done = run("strip", "in/photo.jpg", "-o", "x.png", cwd=tree)

    assert done.returncode == 64
    assert b"scrub --no-faces" in done.stderr
    assert not (tree / "x.png").exists()


@pytest.mark.parametrize(("typed", "meant"), [("stirp", "strip"), ("inspcet", "inspect"), ("verfy", "verify")])
def test_a_misspelt_command_is_guessed(tree: Path, typed: str, meant: str) -> None:
    """The line that would work."""
    done = run(typed, "in/photo.jpg", cwd=tree)

    assert done.returncode == 64
    assert f"Did you mean: rmexif {meant}".encode() in done.stderr


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT has no unnamed files and no hard links: written beside, synced, renamed; what is there stays."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for unnamed in (atomic_write._unnamed, lambda _: None):
        monkeypatch.setattr(atomic_write, "_unnamed", unnamed)
        target = tmp_path / f"{unnamed.__name__.strip('<>')}.jpg"
        atomic_write.atomic_write(target, b"clean")
        assert target.read_bytes() == b"clean"
        with pytest.raises(atomic_write.OutputExists):
            atomic_write.atomic_write(target, b"other")
        atomic_write.atomic_write(target, b"other", force=True)
        assert target.read_bytes() == b"other"
        assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jpg"] * len(list(tmp_path.iterdir()))


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    """Control characters, line ends and bytes that are no UTF-8, also in verify and for one file."""
    name = os.fsdecode(b"a\xff\x1b[2J\n.jpg")
    (tmp_path / name).write_bytes(b"none")

    for command in ("strip", "verify", "inspect"):
        done = run(command, name, cwd=tmp_path)
        assert b"\x1b" not in done.stderr + done.stdout
        assert b"a\\xff\\x1b[2J\\n.jpg" in done.stderr
        assert done.stderr.count(b"\n") == 1
