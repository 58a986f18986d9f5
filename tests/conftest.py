"""What every test may use."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from rmexif import native
from tests import sets

# How long an example takes depends on who else uses the machine: no wall clock decides whether a test passes.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

if "RMEXIF_ENGINE" in os.environ:  # "python": the tests of an install without a compiled core
    native.use(os.environ["RMEXIF_ENGINE"])  # type: ignore[arg-type]


CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, if this system has one; one for all tests of a process, because Playwright drives no second one there."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=program, args=list(CHROMIUM))
        yield found
        found.close()


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    """The photograph that the project ships, with its invented metadata."""
    return (Path(__file__).parents[1] / "examples" / "astronaut.jpg").read_bytes()


@pytest.fixture(scope="session")
def corpus() -> list[dict]:
    """The shared corpus' manifest, each entry with the file's path."""
    folder = sets.require("corpus")
    rows = json.loads((folder / "manifest.json").read_text())
    return [row | {"file": folder / row["path"]} for row in rows]
