"""Which implementation of the native core's functions a process runs: its environment may ask for the Python twins."""

from __future__ import annotations

import os

from rmexif import native
from rmexif.errors import SetupError

__all__ = ["VARIABLE", "choose_engine", "engine_text"]

VARIABLE = "RMEXIF_ENGINE"


def choose_engine() -> None:
    """Run what ``RMEXIF_ENGINE`` asks for, "native" or "python"; without it the compiled core where there is one.

    Raises:
        SetupError: it asks for something else.
    """
    asked = os.environ.get(VARIABLE)
    if asked is None:
        return
    try:
        native.use(asked)  # type: ignore[arg-type]
    except ValueError as error:
        raise SetupError(f"{VARIABLE}: {error}") from None


def engine_text() -> str:
    """The engine in words, for ``rmexif --version``."""
    return {"native": "native core", "python": "without the native core: in Python, slower"}[native.engine()]
