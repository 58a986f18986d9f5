"""``rmexif watch FOLDER -o OUT``: what appears in a folder comes out clean in another one."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import folder, places
from rmexif.cli.failure import NO_INPUT, USAGE, Failure, cli_errors, printable
from rmexif.cli.folder_settings import FolderSettings
from rmexif.cli.options import (
    PolicyCommand,
    json_lines_option,
    policy_from,
    quiet_option,
    select_options,
    verbose_option,
)
from rmexif.cli.run_report import RunReport
from rmexif.cli.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.bulk import StripTask
    from rmexif.policy import Policy

__all__ = ["Arrivals", "watch_command"]

Mark = tuple[int, int, int]  # inode, size, time of the last change in ns: another one is another content


@dataclass(slots=True)
class Arrivals:
    """The files of a folder that are complete and new: a file counts once nothing about it changed for a while.

    Args:
        source: the folder.
        output: where results go; nothing below it counts.
        selection: which files are meant.
        unchanged: s, how long a file must stay as it is; a copy that is still being written does not.
    """

    source: str
    output: str
    selection: places.Selection
    unchanged: float
    _waiting: dict[str, tuple[Mark, float]] = field(default_factory=dict)
    _taken: dict[str, Mark] = field(default_factory=dict)

    def ready(self, now: float) -> list[places.Entry]:
        """Those that became complete since the last call; ``now`` in s of a clock that never goes back."""
        found, seen = [], set()
        for entry in places.entries((self.source,), self.output, self.selection):
            mark = _mark(entry.source)
            if mark is None:
                continue
            seen.add(entry.source)
            if self._taken.get(entry.source) == mark:
                continue
            before, since = self._waiting.get(entry.source, (None, now))
            if before != mark:
                self._waiting[entry.source] = (mark, now)
            elif now - since >= self.unchanged:
                del self._waiting[entry.source]
                self._taken[entry.source] = mark
                found.append(entry)
        for gone in (self._waiting.keys() | self._taken.keys()) - seen:  # renamed or deleted: it may come again
            self._waiting.pop(gone, None)
            self._taken.pop(gone, None)
        return found


def _mark(path: str) -> Mark | None:
    """What tells one content from another; None where the file has gone."""
    try:
        state = Path(path).stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


@click.command("watch", cls=PolicyCommand)
@click.argument("source", metavar="FOLDER")
@click.option("-o", "--output", required=True, metavar="OUT", help="The folder for the results.")
@click.option("--strip", "strips", is_flag=True, help="Metadata only: pixels untouched, faces stay.")
@click.option(
    "--unchanged",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=2,
    show_default=True,
    help="How long a file stays as it is before it counts as complete.",
)
@click.option(
    "--every",
    type=click.FloatRange(0.05),
    metavar="SECONDS",
    default=1,
    show_default=True,
    help="How often the folder is looked at.",
)
@click.option("--neutral-names", is_flag=True, help="Call outputs by random names.")
@click.option("--neutral-times", is_flag=True, help="Give outputs the file time 2000-01-01.")
@select_options
@quiet_option
@verbose_option
@json_lines_option
def watch_command(source: str, output: str, strips: bool, **options: Any) -> None:
    """Clean what appears in a folder, until it is stopped.

    \b
    rmexif watch camera/ -o clean/

    Folders below it are watched too. A file is taken once it has stayed unchanged for a while, so a half-copied one is
    waited for; one that changes later is cleaned again. What was cleaned before the start is not cleaned again.
    """  # noqa: D301 - \b is click's mark of a paragraph that is not wrapped
    unchanged, every = options.pop("unchanged"), options.pop("every")
    verbose, quiet, json_lines = (options.pop(name) for name in ("verbose", "quiet", "json_lines"))
    names = ("include", "exclude", "neutral_names", "neutral_times")
    settings = FolderSettings(quiet=quiet, json_lines=json_lines, **{name: options.pop(name) for name in names})
    if not Path(source).is_dir():
        raise Failure(f"{printable(source)}: it is no folder that can be watched", NO_INPUT)
    if Path(output).resolve() == Path(source).resolve():
        raise Failure("watch: results would take the place of the originals; name another folder with -o", USAGE)
    with cli_errors("watch"):
        task = _task(options, strips)
        settings.check((source,), output, task_format(task) is not None)
        targets = Targets(output=output, task=task, neutral_names=settings.neutral_names)
        run = folder.Run(settings, targets, True, RunReport(json_lines, None, verbose=verbose, quiet=quiet))
        arrivals = Arrivals(source, output, folder.selection(settings), unchanged)
        with contextlib.suppress(KeyboardInterrupt):
            for entries in _bursts(arrivals, every, targets):
                folder.work(task, run, entries)


def _task(options: dict[str, Any], strips: bool) -> Policy | StripTask:
    policy = policy_from(options)
    if not strips:
        return policy
    from rmexif.bulk import StripTask

    return StripTask(limits=policy.limits)


def task_format(task: Policy | StripTask) -> str | None:
    """The format of all results; None keeps each input's."""
    return getattr(task, "output", None)


def _bursts(arrivals: Arrivals, every: float, targets: Targets) -> Iterator[list[places.Entry]]:
    """What is complete, time and again; of what was there at the start, only what has no newer clean output."""
    before = time.time()
    while True:
        if found := arrivals.ready(time.monotonic()):
            yield [entry for entry in found if not _is_done(entry, before, targets)]
        time.sleep(every)


def _is_done(entry: places.Entry, before: float, targets: Targets) -> bool:
    """Whether a file came before the start, and its output after it."""
    try:
        state = Path(entry.source).stat()
        came = max(state.st_mtime, state.st_ctime)
        if came >= before:
            return False
        target = targets.of(entry, targets.read(entry.source))
        return places.exists(target) and Path(target).stat().st_mtime >= came and targets.is_done(target)
    except OSError:
        return False
