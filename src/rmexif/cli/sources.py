"""What a command line names: one image or many, files or URLs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_many", "is_pattern", "is_remote"]

PATTERN = frozenset("*?[")


def is_remote(place: str) -> bool:
    """Whether a place is a URL."""
    return "://" in place


def is_pattern(source: str) -> bool:
    """Whether a source is a pattern of the shell, and not a file that is called so."""
    return bool(PATTERN & set(source)) and not os.path.exists(source)


def is_many(sources: Sequence[str], output: str | None) -> bool:
    """Whether a command line means more than one image."""
    first = sources[0]
    return (
        len(sources) > 1
        or is_remote(first)
        or os.path.isdir(first)
        or is_pattern(first)
        or (output is not None and (output.endswith("/") or is_remote(output) or os.path.isdir(output)))
    )
