"""The shared picture sets, where they are present; third parties hold rights in them, so they are not in here."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


def require(name: str) -> Path:
    """The folder of a set, or a skip that says why."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the set {name} is not beside this checkout")
    return folder
