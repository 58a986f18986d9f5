"""What a newcomer gets wrong: one line that says the next step, an exit code of sysexits.h, and nothing is written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.running import SOURCE, run, run_process

PHOTO = SOURCE.parent / "examples" / "astronaut.jpg"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a photograph, a text, an empty folder and one with the photograph in it."""
    (tmp_path / "photo.jpg").write_bytes(PHOTO.read_bytes())
    (tmp_path / "note.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(PHOTO.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("strip nowhere.jpg", 66, "nowhere.jpg: cannot be read"),
        ("strip photo.jpg -o photo.jpg", 73, "--force replaces it"),
        ("strip photo.jpg -o clean.png", 64, "name it .jpg, or convert: rmexif scrub"),
        ("strip photo.jpg -o no/such/clean.jpg", 73, "there is no folder no/such; make it first"),
        ("strip photos", 64, "-o FOLDER, or --in-place"),
        ("strip photos -o photo.jpg", 73, "many images need a folder"),
        ("strip photo.jpg --faces", 64, "No such option"),
        ("strip no*.png -o out", 66, "no file matches this pattern"),
        ("strip photo.jpg --set creator", 78, "creator=TEXT"),
        ("photo.jpg -o clean.xyz", 64, "the extension must be one of .jpg"),
        ("photo.jpg --style glow", 64, "'blur'"),
        ("photo.jpg --model nowhere.onnx", 78, "rmexif: a model file cannot be read"),
        ("photo.jpg --preview p.jpg", 64, "--preview goes with --dry-run"),
        ("inspect note.txt", 65, "not an image of a known format"),
        ("strip -", 65, "standard input: the input is empty"),
        ("strp photo.jpg", 64, "Did you mean: rmexif strip"),
        ("watch photos -o photos/", 64, "name another folder"),
        ("batch nowhere out", 78, "name a folder or a bucket"),
    ],
)
def test_the_next_step_is_named(desk: Path, command: str, code: int, said: str) -> None:
    """On standard error, without a traceback; the folder stays as it was."""
    before = {path: path.stat().st_mtime_ns for path in desk.rglob("*")}

    done = run(*command.split(), cwd=desk, data=b"")

    assert done.returncode == code
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in desk.rglob("*")} == before


@pytest.mark.parametrize("command", ["strip empty -o out", "verify empty", "inspect photos --include *.tif"])
def test_nothing_found_is_not_silent(desk: Path, command: str) -> None:
    """A pattern with a slip in it would otherwise pass as a gate."""
    done = run(*command.split(), cwd=desk)

    assert done.returncode == 0
    assert b"no file was found there" in done.stderr


@pytest.mark.parametrize(("command", "shown"), [("help", "COMMAND"), ("help strip", "--in-place"), ("version", "core")])
def test_words_that_people_try(desk: Path, command: str, shown: str) -> None:
    """Other programs have these commands."""
    done = run(*command.split(), cwd=desk)

    assert done.returncode == 0
    assert shown in done.stdout.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_gets_no_picture(desk: Path) -> None:
    """Its bytes would move the cursor, and worse."""
    import pty

    ours, terminal = pty.openpty()

    done = run_process("strip", "photo.jpg", "-o", "-", cwd=desk, stdout=terminal, stderr=-1, capture_output=False)

    os.close(terminal)
    os.close(ours)
    assert done.returncode == 73
    assert b"it is a terminal; name a file with -o" in done.stderr
