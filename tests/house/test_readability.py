"""What a reader may rely on: names of the field, short functions, small files, errors with a place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src/rmexif"
FILES = sorted(SRC.rglob("*.py"))
MAX_LINES = 40  # of a function, its docstring apart
MAX_FILE = 400  # lines; literal tables apart
TABLES = {"metadata/tags.py"}
# Words of a private dialect, and what the field calls the same (docs/glossary.md).
GONE = re.compile(r"settle|(?<!re)told|said|hushed|fenced|whole|Crew|kept_in|looked_into|bytes_beyond|vocabulary")
PLACED = {"MalformedImage", "UnsupportedFeature"}
LEAST_PLACED = 0.95  # of the raise sites


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package."""
    for path in FILES:
        yield path, ast.parse(path.read_text())


def names_of(tree: ast.Module) -> set[str]:
    """Every name that a module defines or uses."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                found.add(node.id)
            case ast.Attribute():
                found.add(node.attr)
            case ast.arg():
                found.add(node.arg)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.keyword():
                found.add(node.arg or "")
            case ast.alias():
                found.add(node.asname or node.name)
    return found


def test_no_name_belongs_to_a_private_dialect() -> None:
    """A stranger can search for every name."""
    found = {(path.relative_to(SRC), name) for path, tree in trees() for name in names_of(tree) if GONE.search(name)}

    assert len(FILES) > 100
    assert not found


def test_functions_are_short() -> None:
    """At most 40 lines; cyclomatic complexity is ruff's to judge."""
    long = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > MAX_LINES:
                    long.append((path.relative_to(SRC), node.name, lines))

    assert not long


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_files_are_small(path: Path) -> None:
    """At most 400 lines, but for literal tables."""
    lines = len(path.read_text().splitlines())

    assert lines <= MAX_FILE or str(path.relative_to(SRC)) in TABLES


def test_errors_about_the_input_have_a_place() -> None:
    """Structure and offset are filled where bytes are read."""
    placed, bare = 0, []
    for path, tree in trees():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            if getattr(node.exc.func, "id", "") in PLACED:
                given = {keyword.arg for keyword in node.exc.keywords}
                if {"structure", "offset"} <= given:
                    placed += 1
                else:
                    bare.append(f"{path.relative_to(SRC)}:{node.lineno}")

    assert placed / (placed + len(bare)) >= LEAST_PLACED, bare
