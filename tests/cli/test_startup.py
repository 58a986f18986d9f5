"""What a command imports: its own module, and of the rest what one file needs. benchmarks/startup measures the time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rmexif import native
from tests.cli.running import SOURCE

# None is needed to clean one JPEG without a colour profile; of Python's own, those of 1 ms of processor and more.
HEAVY = {
    *("asyncio", "concurrent.futures", "decimal", "email", "fractions", "importlib.metadata", "json", "logging"),
    *("multiprocessing", "pathlib", "random", "secrets", "socket", "subprocess", "tempfile", "urllib.parse"),
    *("PIL", "brotli", "cv2", "numpy", "onnxruntime"),
    *("rmexif.batch", "rmexif.bulk", "rmexif.icc.profile", "rmexif.policy", "rmexif.scrubber", "rmexif.service"),
    *("rmexif.cli.batch", "rmexif.cli.folder", "rmexif.cli.inspect", "rmexif.cli.places", "rmexif.cli.scrub"),
    *("rmexif.cli.serve", "rmexif.cli.survey", "rmexif.cli.verify"),
}
PROGRAM = """
import sys
from rmexif.cli import main
try:
    main()
finally:
    loaded = sorted(sys.modules)
    with open(sys.argv[-1] + ".modules", "w") as file:
        file.write("\\n".join(loaded))
"""


@pytest.mark.skipif(native.engine() == "python", reason="the twins take other modules; no core was built")
def test_a_strip_imports_what_it_needs(tmp_path: Path) -> None:
    """Of no other command, of no codec, of no pool; and it does its work."""
    raw, out = SOURCE.parent / "examples" / "astronaut.jpg", tmp_path / "out.jpg"
    command = [sys.executable, "-c", PROGRAM, "strip", str(raw), "-o", str(out)]

    subprocess.run(command, check=True, env={"PYTHONPATH": str(SOURCE)}, timeout=60)

    loaded = set(out.with_name("out.jpg.modules").read_text().split())
    assert out.stat().st_size > 0
    assert "rmexif.cli.strip" in loaded
    assert loaded & HEAVY == set()


def as_program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """``rmexif`` as pip's script starts it."""
    command = [sys.executable, "-c", "from rmexif.cli import run; run()", *arguments]
    return subprocess.run(command, env={"PYTHONPATH": str(SOURCE)}, timeout=60, check=False, **options)


def test_the_program_writes_all_of_its_output_before_it_ends(tmp_path: Path) -> None:
    """And ends with the command's exit code: a pipe gets the last byte, although the interpreter is not taken apart."""
    raw = SOURCE.parent / "examples" / "astronaut.jpg"

    clean = as_program("strip", str(raw), "-o", "-", capture_output=True)
    checked = as_program("verify", str(raw), capture_output=True)

    assert clean.returncode == 0
    assert clean.stdout.endswith(b"\xff\xd9")  # T.81: end of image
    assert checked.returncode == 1
    assert b"rmexif strip" in checked.stdout + checked.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_behind_the_output_is_one_line(tmp_path: Path) -> None:
    """No traceback: where, and what the system says."""
    with Path("/dev/full").open("wb") as full:
        done = as_program("--version", stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 74  # sysexits.h, EX_IOERR
    assert done.stderr.decode() == "rmexif: standard output: No space left on device\n"
