"""The command line for single images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rmexif import verify
from rmexif.native import library
from tests import samples
from tests.cli.running import run, run_process


@pytest.fixture
def folder(tmp_path: Path, astronaut: bytes) -> Path:
    """A folder with input.jpg in it."""
    (tmp_path / "input.jpg").write_bytes(astronaut)
    return tmp_path


def test_input_to_output(folder: Path) -> None:
    """``rmexif input.jpg -o output.png``, as a process: converts, and says nothing."""
    done = run_process("input.jpg", "-o", "output.png", cwd=folder)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    data = (folder / "output.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert verify(data, canonical=True) == []
    assert sorted(os.listdir(folder)) == ["input.jpg", "output.png"]


def test_dry_run_prints_json_and_writes_nothing(folder: Path) -> None:
    """``rmexif --dry-run input.jpg``."""
    done = run("--dry-run", "input.jpg", cwd=folder)

    assert done.returncode == 0
    assert json.loads(done.stdout)["faces_detected"] == 1
    assert os.listdir(folder) == ["input.jpg"]


def test_without_an_output_it_goes_beside_the_input(folder: Path) -> None:
    """As NAME.scrubbed.EXT; strip says stripped."""
    assert run("input.jpg", "--no-faces", cwd=folder).returncode == 0
    assert run("strip", "input.jpg", cwd=folder).returncode == 0

    assert sorted(os.listdir(folder)) == ["input.jpg", "input.scrubbed.jpg", "input.stripped.jpg"]


def test_an_output_is_not_overwritten_unasked(folder: Path) -> None:
    """It stays as it was; --force replaces it."""
    (folder / "out.jpg").write_bytes(b"mine")

    refused = run("strip", "input.jpg", "-o", "out.jpg", cwd=folder)
    kept = (folder / "out.jpg").read_bytes()
    forced = run("strip", "input.jpg", "-o", "out.jpg", "--force", cwd=folder)

    assert refused.returncode == 73
    assert kept == b"mine"
    assert b"--force" in refused.stderr
    assert forced.returncode == 0
    assert verify((folder / "out.jpg").read_bytes(), canonical=True) == []
    assert sorted(os.listdir(folder)) == ["input.jpg", "out.jpg"]


def test_standard_input_to_standard_output(folder: Path, astronaut: bytes) -> None:
    """``-`` is a pipe; the report goes to standard error then."""
    done = run_process("strip", "-", "--json", cwd=folder, input=astronaut)

    assert done.returncode == 0
    assert verify(done.stdout, canonical=True) == []
    assert json.loads(done.stderr)["metadata_removed"] is True


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["missing.jpg", "-o", "x.jpg"], 66),
        (["text.jpg", "-o", "x.jpg"], 65),
        (["cut.jpg", "-o", "x.jpg"], 65),
        (["input.jpg", "-o", "x.docx"], 64),
        (["input.jpg", "-o", "no/such/folder/x.jpg"], 73),
        (["input.jpg", "--style", "gaussian", "-o", "x.jpg"], 78),
        (["input.jpg", "--quality", "0"], 64),
        (["verify", "missing.jpg"], 66),
        (["inspect", "text.jpg"], 65),
    ],
)
def test_errors_are_one_line_and_an_exit_code(folder: Path, astronaut: bytes, args: list[str], code: int) -> None:
    """On standard error, never a traceback, and nothing is written."""
    (folder / "text.jpg").write_text("no image")
    (folder / "cut.jpg").write_bytes(astronaut[:20000])
    before = sorted(os.listdir(folder))

    done = run(*args, cwd=folder)

    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert done.stderr
    assert code == 64 or done.stderr.count(b"\n") == 1
    assert done.stdout == b""
    assert sorted(os.listdir(folder)) == before


def test_verify_is_a_gate(folder: Path) -> None:
    """0 for clean files, 1 and a list for others."""
    run("strip", "input.jpg", "-o", "clean.jpg", cwd=folder)

    clean, dirty = run("verify", "clean.jpg", cwd=folder), run("verify", "clean.jpg", "input.jpg", cwd=folder)

    assert (clean.returncode, clean.stdout) == (0, b"")
    assert dirty.returncode == 1
    assert b"location" in dirty.stdout
    assert b"28.57" not in dirty.stdout


def test_inspect_shows_values_only_on_request(folder: Path) -> None:
    """A table for a person, JSON for a script."""
    plain, full = run("inspect", "input.jpg", cwd=folder), run("inspect", "--values", "--json", "input.jpg", cwd=folder)

    assert b"location" in plain.stdout
    assert b"28.57" not in plain.stdout
    assert "28.57" in json.dumps(json.loads(full.stdout))


def test_regions_and_seed(folder: Path) -> None:
    """Options become fields of the policy."""
    args = ("input.jpg", "--no-faces", "--region", "10,10,60,70", "--seed", "3", "--json")

    one, two = run(*args, "-o", "a.png", cwd=folder), run(*args, "-o", "b.png", cwd=folder)

    assert json.loads(one.stdout)["faces"][0]["box"] == [10, 10, 60, 70]
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    assert two.returncode == 0


@pytest.mark.parametrize("command", [[], ["scrub"], ["strip"], ["inspect"], ["verify"], ["serve"], ["batch"]])
def test_help(command: list[str], tmp_path: Path) -> None:
    """Every command explains itself."""
    done = run(*command, "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert b"Usage" in done.stdout


def test_every_format_by_extension(tmp_path: Path) -> None:
    """Each format's own extension is known as an output."""
    from rmexif.containers import FORMATS

    (tmp_path / "in.png").write_bytes(samples.of("png")["plain"])
    for module in FORMATS:
        name = f"out{module.format.extensions[0]}"
        done = run("in.png", "--no-faces", "-o", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert verify((tmp_path / name).read_bytes(), canonical=True) == []


@pytest.mark.parametrize("engine", ["native", "python"])
def test_the_version_says_which_engine_runs(engine: str, tmp_path: Path) -> None:
    """RMEXIF_ENGINE chooses; the stats say it too."""
    if engine == "native" and library.loaded is None:
        pytest.skip("this installation has no native core")
    environment = os.environ | {"RMEXIF_ENGINE": engine}
    told = subprocess.run(
        [sys.executable, "-m", "rmexif", "--version"], capture_output=True, text=True, env=environment
    )
    (tmp_path / "in.png").write_bytes(samples.of("png")["plain"])
    command = [sys.executable, "-m", "rmexif", "strip", "in.png", "-o", "out.png", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)

    assert ("native core" in told.stdout, "in Python" in told.stdout) == (True, engine == "python")
    assert json.loads(done.stdout)["engine"] == engine


def test_an_unknown_engine_is_refused() -> None:
    """Before anything is read."""
    environment = os.environ | {"RMEXIF_ENGINE": "fortran"}
    done = subprocess.run(
        [sys.executable, "-m", "rmexif", "--version"], capture_output=True, text=True, env=environment
    )

    assert done.returncode == 78
    assert "RMEXIF_ENGINE" in done.stderr


@pytest.mark.parametrize("command", [(), ("scrub",), ("strip",), ("inspect",), ("verify",), ("batch",), ("serve",)])
def test_help_is_for_a_person(command: tuple[str, ...], tmp_path: Path) -> None:
    """No mark-up left over, and no line is wider than the help is made for."""
    done = run(*command, "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert b"\\b" not in done.stdout
    assert b"\b" not in done.stdout
    assert max(map(len, done.stdout.decode().splitlines())) <= 80


def test_a_credit_stays_where_it_is_asked_for(astronaut: bytes, tmp_path: Path) -> None:
    """``--keep`` and ``--set`` of strip, scrub and verify, for one file and for a folder."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(astronaut)
    asked = ("--keep", "copyright,date=year", "--set", "creator=Doe; Roe")

    assert run("strip", "in/a.jpg", "-o", "one.jpg", *asked, cwd=tmp_path).returncode == 0
    assert run("scrub", "in/a.jpg", "-o", "two.jpg", "--no-faces", *asked, cwd=tmp_path).returncode == 0
    assert run("strip", "in", "-o", "out", *asked, cwd=tmp_path).returncode == 0

    assert (tmp_path / "out/a.jpg").read_bytes() == (tmp_path / "one.jpg").read_bytes()
    for name in ("one.jpg", "two.jpg"):
        assert b"Doe; Roe" in (tmp_path / name).read_bytes()
        assert run("verify", "--keep", "copyright,date=year", name, cwd=tmp_path).returncode == 0
        assert run("verify", "--keep", "date", name, cwd=tmp_path).returncode == 1
        assert run("verify", name, cwd=tmp_path).returncode == 1
    refused = run("strip", "in/a.jpg", "-o", "x.jpg", "--keep", "gps", cwd=tmp_path)
    assert refused.returncode != 0
    assert b"copyright, description" in refused.stderr
    resumed = run("strip", "in", "-o", "out", "--continue", *asked, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
