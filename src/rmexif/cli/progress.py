"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import contextlib
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rmexif.cli.failure import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Bar", "progress_bar"]

LONGEST_NAME = 30  # characters that are shown of the current file


class Bar:
    """A rich progress bar with one task.

    Args:
        progress: of rich.
    """

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self.console = progress.console
        self._task = progress.task_ids[0]

    def advance(self, count: int = 1, name: str = "", total: int | None = None) -> None:
        """Count what is done; ``name`` is the file that it was, ``total`` how many there are as far as is known."""
        shown = printable(name)
        shown = shown if len(shown) <= LONGEST_NAME else f"…{shown[1 - LONGEST_NAME :]}"
        words = {} if total is None else {"total": total}
        self._progress.update(self._task, advance=count, description=shown, **words)


@contextlib.contextmanager
def progress_bar(unit: str, count: Callable[[], int | None] | None = None, quiet: bool = False) -> Iterator[Bar | None]:
    """A progress bar on standard error; None where that is no terminal, or rich is absent.

    Args:
        unit: of what is counted: "files".
        count: how many there are; None where that is not known.
        quiet: show none.
    """
    # rich comes with the complete install; the core alone shows no progress
    if quiet or not sys.stderr.isatty() or find_spec("rich") is None:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(TextColumn):
        """Files a second."""

        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    columns = (
        *(SpinnerColumn(), BarColumn(20), MofNCompleteColumn(), TextColumn(unit)),
        *(Rate(""), TimeRemainingColumn(), TextColumn("{task.description}", markup=False)),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task("", total=count() if count else None)
        yield Bar(progress)
