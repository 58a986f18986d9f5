"""What stands in for ``pip install`` while samples run: whether the line can work from the folder that it runs in.

rmexif is installed from a checkout, so a line has to name one (``.``, ``'.[serve]'``), and extras that it has;
``'rmexif[serve]'`` adds an extra to an rmexif that is installed. Every other distribution has to be among those that
``pyproject.toml`` asks for.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def problem(words: list[str], folder: Path) -> str | None:
    """What is wrong with the arguments behind ``pip install``, or nothing.

    Args:
        words: options and requirements.
        folder: that the line runs in.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    known = {_name(text) for texts in (project["dependencies"], *extras.values()) for text in texts}
    for word in words:
        if word.startswith("-"):
            continue
        path, _, asked = word.rstrip("]").partition("[")
        if path.startswith("."):
            if not (folder / path / "pyproject.toml").is_file():
                return f"{word}: there is no checkout in the folder that this runs in"
            if unknown := set(filter(None, asked.split(","))) - set(extras):
                return f"{word}: no extra is called {', '.join(unknown)}"
        elif path == project["name"] and asked and set(asked.split(",")) <= set(extras):
            continue  # pip takes the extras of what is installed already
        elif _name(word) == project["name"]:
            return f"{word}: rmexif is installed from a checkout"
        elif _name(word) not in known:
            return f"{word}: not among what pyproject.toml asks for"
    return None


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0].lower()


if __name__ == "__main__":
    sys.exit(problem(sys.argv[2:], Path.cwd()))
