"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import click

from rmexif.cli.failure import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Bar", "progress_bar"]

BAR_WIDTH, FIGURES_WIDTH = 20, 58  # columns: of the bar, and of all that stands before a name
SHORTEST_NAME, LONGEST_NAME = 8, 30  # characters that are shown of the current file, where the terminal has the room
CLEAR_LINE = "\r\x1b[K"  # ECMA-48, 8.3.41


class Bar:
    """How many are done, of how many, how long it will take, how many a second, and which one it was.

    Args:
        unit: of what is counted: "files".
        total: how many there are; None where that is not known.
    """

    def __init__(self, unit: str, total: int | None) -> None:
        self._started = time.monotonic()
        self._name = ""
        self._bar: Any = click.progressbar(
            length=total or 0,
            label=unit,
            width=BAR_WIDTH,
            show_pos=True,
            show_percent=False,
            item_show_func=lambda _: f"{self._rate():.1f}/s  {self._name}",
            file=sys.stderr,
        )
        room = shutil.get_terminal_size().columns - FIGURES_WIDTH
        self._longest = max(SHORTEST_NAME, min(LONGEST_NAME, room))

    def __enter__(self) -> Self:
        """Show it."""
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave its last state on the terminal, and go on below it."""
        self._bar.__exit__(*error)

    def advance(self, count: int = 1, name: str = "", total: int | None = None) -> None:
        """Count what is done; ``name`` is the file that it was, ``total`` how many there are as far as is known."""
        shown = printable(name)
        self._name = shown if len(shown) <= self._longest else f"…{shown[1 - self._longest :]}"
        if total is not None:
            self._bar.length = total
        self._bar.update(count)

    def make_way(self) -> None:
        """Clear the bar's line for something that is to be printed there; it comes back below, when it advances."""
        click.echo(CLEAR_LINE, nl=False, err=True)

    def _rate(self) -> float:
        return float(self._bar.pos / max(time.monotonic() - self._started, 1e-3))


@contextlib.contextmanager
def progress_bar(unit: str, count: Callable[[], int | None] | None = None, quiet: bool = False) -> Iterator[Bar | None]:
    """A progress bar on standard error; None where that is no terminal that can draw one.

    Args:
        unit: of what is counted: "files".
        count: how many there are; None where that is not known.
        quiet: show none.
    """
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    with Bar(unit, count() if count else None) as bar:
        yield bar
