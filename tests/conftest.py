"""What every test may use."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

from rmexif import native
from tests import sets

# How long an example takes depends on who else uses the machine: no wall clock decides whether a test passes.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

if "RMEXIF_ENGINE" in os.environ:  # "python": the tests of an install without a compiled core
    native.use(os.environ["RMEXIF_ENGINE"])  # type: ignore[arg-type]


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
