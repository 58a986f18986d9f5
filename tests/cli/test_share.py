"""The manual page and the shell completions are those of the commands as they are."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rmexif.cli.commands import COMMANDS
from tests.cli.running import SOURCE

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    """``scripts/share`` as a module."""
    loader = importlib.machinery.SourceFileLoader("share", str(ROOT / "scripts" / "share"))
    spec = importlib.util.spec_from_loader("share", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(("place", "text"), generator().contents().items())
def test_what_is_installed_is_up_to_date(place: str, text: str) -> None:
    """Run scripts/share where it is not."""
    assert (ROOT / "share" / place).read_text() == text


def test_every_command_is_in_the_manual() -> None:
    """With its options."""
    page = generator().manual()

    assert all(f".SH RMEXIF {name.upper()}" in page for name in COMMANDS)
    assert "\\-\\-canonical" in page
    assert "\\-\\-in\\-place" in page


def test_a_shell_is_answered(tmp_path: Path) -> None:
    """As bash asks: the commands, and the options of one of them."""
    for words, expected in (("rmexif str", "plain,strip"), ("rmexif verify --can", "plain,--canonical")):
        environment = os.environ | {
            "_RMEXIF_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
            "PYTHONPATH": str(SOURCE),
        }
        command = [sys.executable, "-c", "import sys; sys.argv[0] = 'rmexif'; from rmexif.cli import main; main()"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert expected in done.stdout.splitlines(), done.stderr
