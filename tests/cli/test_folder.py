"""Many images at the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rmexif import verify
from tests import samples
from tests.cli.running import SOURCE, run, run_process


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with pictures, a text, a hidden file and a link."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.jpg").write_bytes(samples.of("jpeg")["baseline"])
    (tmp_path / "in" / "sub" / "B.PNG").write_bytes(samples.of("png")["rgb"])
    (tmp_path / "in" / "sub" / "named wrong.jpg").write_bytes(samples.of("webp")["lossy"])
    (tmp_path / "in" / "notes.txt").write_text("no image")
    (tmp_path / "in" / ".hidden.jpg").write_bytes(samples.of("jpeg")["baseline"])
    (tmp_path / "in" / "link.jpg").symlink_to("a.jpg")
    return tmp_path


def files(folder: Path) -> list[str]:
    """Every file below, by its path."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("command", [["scrub", "--no-faces"], ["strip"]])
def test_a_folder_keeps_its_tree(tree: Path, command: list[str]) -> None:
    """Hidden files and links are left out; an extension that lies is put right; a text is refused, and said."""
    before = {name: (tree / "in" / name).read_bytes() for name in files(tree / "in")}

    done = run(*command, "in", "-o", "out", cwd=tree)

    assert done.returncode == 65
    assert files(tree / "out") == ["a.jpg", "sub/B.PNG", "sub/named wrong.webp"]
    assert all(verify((tree / "out" / name).read_bytes(), canonical=True) == [] for name in files(tree / "out"))
    assert done.stderr.decode().splitlines() == [
        "rmexif: in/notes.txt: not an image of a known format: no signature matches at byte 0",
        "rmexif: 1 of 4 files have no result: 1 unknown_format",
    ]
    assert done.stdout == b""
    assert {name: (tree / "in" / name).read_bytes() for name in before} == before


def test_json_lines(tree: Path) -> None:
    """One line per file as it is done, with codes and figures."""
    done = run("strip", "in", "-o", "out", "--json-lines", cwd=tree)

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((row["file"], row["code"]) for row in rows) == [
        ("in/a.jpg", "ok"),
        ("in/notes.txt", "unknown_format"),
        ("in/sub/B.PNG", "ok"),
        ("in/sub/named wrong.jpg", "ok"),
    ]
    sizes = {row["file"]: row.get("new_size") for row in rows}
    assert sizes["in/a.jpg"] == (tree / "out" / "a.jpg").stat().st_size


def test_an_output_inside_the_source_is_not_read(tree: Path) -> None:
    """Two runs, the same files."""
    for _ in range(2):
        run("strip", "in", "-o", "in/out", "--force", cwd=tree)

    assert files(tree / "in" / "out") == ["a.jpg", "sub/B.PNG", "sub/named wrong.webp"]


def test_several_sources_and_a_pattern(tree: Path) -> None:
    """Files by name and by pattern go into one folder; two of one name are not mixed up."""
    done = run("strip", "in/a.jpg", "in/sub/*.PNG", "in/a.jpg", "-o", "out", cwd=tree)

    assert done.returncode == 73
    assert files(tree / "out") == ["B.PNG", "a.jpg"]


def test_continue_does_what_is_left(tree: Path) -> None:
    """A clean output stays as it is; a broken or dirty one is made again."""
    run("strip", "in", "-o", "out", cwd=tree)
    kept = (tree / "out" / "a.jpg").stat().st_ino
    (tree / "out" / "sub" / "B.PNG").write_bytes(samples.of("png")["rgb"])
    (tree / "in" / "notes.txt").unlink()

    done = run("strip", "in", "-o", "out", "--continue", "--json-lines", cwd=tree)

    assert done.returncode == 0
    codes = {row["file"]: row["code"] for row in map(json.loads, done.stdout.splitlines())}
    assert codes == {"in/a.jpg": "skipped", "in/sub/B.PNG": "ok", "in/sub/named wrong.jpg": "skipped"}
    assert (tree / "out" / "a.jpg").stat().st_ino == kept
    assert verify((tree / "out" / "sub" / "B.PNG").read_bytes(), canonical=True) == []


def test_in_place(tree: Path) -> None:
    """Each file by its clean form under its own name; what is refused stays as it was."""
    done = run("strip", "in", "--in-place", cwd=tree)

    assert done.returncode == 65
    assert (tree / "in" / "notes.txt").read_text() == "no image"
    names = ["in/a.jpg", "in/sub/B.PNG", "in/sub/named wrong.jpg"]
    assert all(verify((tree / name).read_bytes(), canonical=True) == [] for name in names)
    assert len(files(tree / "in")) == 6


def test_names_and_times_that_say_nothing(tree: Path) -> None:
    """Random hex and the right extension; one fixed time."""
    run("strip", "in", "-o", "out", "--neutral-names", "--neutral-times", cwd=tree)

    made = sorted((tree / "out").iterdir(), key=lambda path: path.suffix)
    assert [path.suffix for path in made] == [".jpg", ".png", ".webp"]
    assert all(len(path.stem) == 32 and int(path.stem, 16) for path in made)
    assert {path.stat().st_mtime for path in made} == {946684800.0}


def test_processes_in_a_sandbox(tree: Path) -> None:
    """The same results; the report says what holds."""
    done = run_process("in", "-o", "out", "--sandbox", "--deadline", "30", "--json-lines", "--workers", "1", cwd=tree)

    assert files(tree / "out") == ["a.jpg", "sub/B.PNG", "sub/named wrong.webp"]
    assert "seccomp" in json.loads(done.stdout.splitlines()[0])["sandbox"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["in"], 64),
        (["in", "-o", "-"], 64),
        (["in", "--in-place", "-o", "out"], 64),
        (["in", "-o", "out", "--json"], 64),
        (["in", "-o", "out", "--continue", "--neutral-names"], 64),
        (["in", "-o", "in/a.jpg"], 73),
        (["missing.jpg", "in/a.jpg", "-o", "out"], 66),
    ],
)
def test_options_that_contradict(tree: Path, args: list[str], code: int) -> None:
    """An exit code, a line, and no file for what cannot be meant."""
    done = run("strip", *args, cwd=tree)

    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert done.stderr


def test_names_cannot_move_a_terminal(tree: Path) -> None:
    """Control characters of a file name are shown, not sent."""
    (tree / "in" / "x\x1b[2J\ny.jpg").write_bytes(b"no image")

    done = run("strip", "in", "-o", "out", "--json-lines", cwd=tree)

    assert b"\x1b" not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 3


def test_codecs_are_not_heard(tmp_path: Path, astronaut: bytes) -> None:
    """libjpeg's own warnings stay off standard error; ours arrive."""
    damaged = astronaut[:-8000] + b"\xff\xd9"  # the scan ends early: "premature end of data segment"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(damaged)
    (tmp_path / "in" / "b.jpg").write_bytes(b"none")

    done = run_process("in", "--no-faces", "-o", "out", cwd=tmp_path)

    assert all(line.startswith(b"rmexif: ") for line in done.stderr.splitlines())
    assert b"b.jpg" in done.stderr


def test_a_full_disk(tree: Path) -> None:
    """Nothing half written, the originals untouched, every file accounted for."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)); from rmexif.cli import main; main()"
    )
    before = {name: (tree / "in" / name).read_bytes() for name in files(tree / "in")}
    (tree / "in" / "notes.txt").unlink()
    for args in (["strip", "in", "-o", "out"], ["strip", "in", "--in-place"]):
        env = os.environ | {"PYTHONPATH": str(SOURCE)}
        done = subprocess.run([sys.executable, "-c", code, *args], cwd=tree, env=env, capture_output=True, check=False)
        assert done.returncode == 73
        assert b"3 cannot_create" in done.stderr
    assert files(tree / "out") == []
    assert all((tree / "in" / name).read_bytes() == before[name] for name in files(tree / "in"))
    assert len(files(tree / "in")) == 5


def test_silent_on_success(tree: Path) -> None:
    """Through a pipe nothing is printed where nothing fails."""
    (tree / "in" / "notes.txt").unlink()

    done = run("strip", "in", "-o", "out", cwd=tree)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_reader_that_goes_away(tree: Path) -> None:
    """A closed pipe ends the run without a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    command = ("strip", "in", "-o", "out", "--json-lines")
    done = run_process(*command, cwd=tree, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)

    assert done.returncode == 74
    assert b"Traceback" not in done.stderr
