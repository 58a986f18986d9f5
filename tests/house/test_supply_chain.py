"""Locks, image and release answer to pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, str]:
    """Distributions of a lock file and their versions; every one has a hash."""
    found = {}
    for block in re.split(r"\n(?=\S)", (ROOT / "locks" / f"{name}.txt").read_text()):
        head = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", block)
        if head is None:
            assert block.lstrip().startswith("#"), block
            continue
        assert "--hash=sha256:" in block, head[1]
        found[canonicalize_name(head[1])] = head[2]
    return found


def wanted(*extras: str) -> list[Requirement]:
    """What the project needs, with the extras that an extra names."""
    texts = [*PROJECT["project"]["dependencies"]]
    for extra in extras:
        texts += PROJECT["project"]["optional-dependencies"][extra]
    found = [Requirement(text) for text in texts]
    nested = [name for one in found if one.name == "rmexif" for name in one.extras]
    return [one for one in found if one.name != "rmexif"] + (wanted(*nested) if nested else [])


@pytest.mark.parametrize(("name", "extras"), [("service", ("serve",)), ("dev", ("all", "dev"))])
def test_a_lock_answers_the_project(name: str, extras: tuple[str, ...]) -> None:
    """Every requirement is locked, at a version that it allows."""
    versions = locked(name)

    for requirement in wanted(*extras):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_the_build_is_locked() -> None:
    """What the build system requires, and the compiler for machines without one."""
    versions = locked("build")
    asked = {line for line in (ROOT / "locks/build.in").read_text().splitlines() if line and not line.startswith("#")}

    assert set(PROJECT["build-system"]["requires"]) == asked - {"ziglang>=0.13"}
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_the_image_installs_what_is_locked() -> None:
    """Each pip install of the Dockerfile is by hash, or of the wheel alone; each of its sources gets past .dockerignore."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    for call in re.findall(r"pip (?:install|wheel)[^&\n]*", text):
        assert "--require-hashes" in call or "--no-deps" in call, call
    for sources in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE):
        assert set(sources.split()) <= let_in, sources


def test_every_stage_of_the_image_has_the_base_that_is_asked_for() -> None:
    """So that one argument names it by digest."""
    text = (ROOT / "Dockerfile").read_text()

    assert re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert {line.split()[1] for line in text.splitlines() if line.startswith("FROM ")} == {"${BASE}"}


def test_one_version() -> None:
    """Of the package and of the citation."""
    version = PROJECT["project"]["version"]

    assert f'__version__ = "{version}"' in (ROOT / "src/rmexif/__init__.py").read_text()
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
