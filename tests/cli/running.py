"""``rmexif ARGS`` in this process, as click runs it; and as a process, where that is the point."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from rmexif.cli.commands import cli

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(*args: str, cwd: Path, data: bytes | None = None) -> Done:
    """Run a command in a folder; what it raises beside an exit is a failure of the test."""
    with contextlib.chdir(cwd):
        result = CliRunner().invoke(cli, args, input=data)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError("".join(traceback.format_exception(result.exception)))
    return Done(result.exit_code, result.stdout_bytes, result.stderr_bytes)


def run_process(*args: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The same as a user starts it."""
    command = [sys.executable, "-m", "rmexif", *args]
    env = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, cwd=cwd, env=env, check=False, **({"capture_output": True} | options))
