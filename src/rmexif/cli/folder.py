"""Many images at the command line: one bad file never stops the run, and the end says how many, and why."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmexif.cli import places
from rmexif.cli.failure import CANNOT_CREATE, IO_ERROR, NO_INPUT, NOT_ALLOWED, Failure, printable
from rmexif.cli.progress import progress_bar
from rmexif.cli.run_report import RunReport
from rmexif.cli.sources import is_remote
from rmexif.cli.targets import Targets
from rmexif.errors import RmexifError
from rmexif.io.atomic_write import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rmexif.bulk import StripTask
    from rmexif.cli.folder_settings import FolderSettings
    from rmexif.outcome import Outcome
    from rmexif.policy import Policy

__all__ = ["Run", "run", "selection", "work"]

NEUTRAL_TIME = 946_684_800 * 10**9  # ns: 2000-01-01 00:00 UTC


@dataclass(slots=True)
class Run:
    """Reads the inputs, and writes the results of those that are waiting for theirs."""

    settings: FolderSettings
    targets: Targets
    force: bool
    report: RunReport
    waiting: deque[tuple[str, str]] = field(default_factory=deque)  # source, target

    def entries(self, sources: Sequence[str]) -> Iterator[places.Entry]:
        """The files that the sources name."""
        return places.entries(sources, self.targets.output, selection(self.settings), self._skip)

    def images(self, entries: Iterable[places.Entry]) -> Iterator[bytes]:
        """The bytes of every file that has to be worked on, one after the other."""
        for entry in entries:
            try:
                raw = self.targets.read(entry.source, pipes=entry.is_named)
            except RmexifError as error:
                self.report.failed(entry.source, "no_input", str(error), NO_INPUT)
                continue
            except OSError as error:
                self.report.failed(entry.source, "no_input", f"cannot be read: {error.strerror}", NO_INPUT)
                continue
            target = self.targets.of(entry, raw)
            if self.settings.resume and self.targets.is_done(target):
                self.report.skipped(entry.source, target)
                continue
            self.waiting.append((entry.source, target))
            yield raw

    def finish(self, outcome: Outcome) -> None:
        """Write one result, or say why there is none."""
        source, target = self.waiting.popleft()
        if outcome.data is None or outcome.report is None:
            error = outcome.error or RmexifError("there is no result")
            self.report.failed(source, error.code, str(error), error.exit_code)
            return
        before, after = outcome.report.stats["format"], outcome.report.stats["output_format"]
        if self.settings.in_place and before != after:
            self.report.failed(
                source, "cannot_create", f"--in-place: {before} leaves as {after}; use -o", CANNOT_CREATE
            )
            return
        try:
            if self.settings.in_place:
                self._replace(source, outcome.data)
            else:
                places.write(target, outcome.data, self.force or self.settings.resume)
            if self.settings.neutral_times and not is_remote(target):
                os.utime(target, ns=(NEUTRAL_TIME, NEUTRAL_TIME))
        except OSError as error:
            why = f"cannot be written: {error.strerror or type(error).__name__}"
            self.report.failed(source, "cannot_create", why, CANNOT_CREATE)
            return
        self.report.done(source, target, outcome.report.stats)

    def _skip(self, place: str, why: str) -> None:
        """Something that is no file, or a folder that cannot be read: it costs itself only."""
        if "cannot" in why:
            self.report.failed(place, "no_input", why, NO_INPUT)
        else:
            self.report.say(place, f"left out: it is {why}")

    def _replace(self, source: str, data: bytes) -> None:
        """Write a result over its source, and say what could not stay as it was."""
        kept = replace_file(source, data, keep_times=self.settings.keep_times)
        if Path(source).is_symlink():
            self.report.say(source, f"a link; what it leads to was replaced: {printable(kept.target)}")
        if not kept.owner:
            self.report.say(source, "its owner could not be kept; run as that owner or as root to keep it")
        if kept.other_names:
            names = "name" if kept.other_names == 1 else "names"
            self.report.say(source, f"{kept.other_names} other {names} (hard links) still lead to the original")


def run(
    task: Policy | StripTask,
    sources: Sequence[str],
    output: str | None,
    force: bool,
    settings: FolderSettings,
    verbose: bool = False,
) -> int:
    """Work through every file that the sources name.

    Returns:
        The exit code.

    Raises:
        Failure: the options contradict each other, or the setup is at fault.
    """
    from rmexif.bulk import StripTask

    wanted = None if isinstance(task, StripTask) else task.output
    settings.check(sources, output, wanted is not None)
    targets = Targets(output=output, task=task, neutral_names=settings.neutral_names)

    def count() -> int | None:
        if any(map(is_remote, sources)):
            return None
        return sum(1 for _ in places.entries(sources, output, selection(settings)))

    with progress_bar("files", count, settings.quiet) as bar:
        report = RunReport(settings.json_lines, bar, verbose=verbose, quiet=settings.quiet)
        state = Run(settings, targets, force, report)
        work(task, state, state.entries(sources))
    return report.finish()


def selection(settings: FolderSettings) -> places.Selection:
    """Which files of a folder are meant."""
    return places.Selection(settings.include, settings.exclude)


def work(task: Policy | StripTask, state: Run, entries: Iterable[places.Entry]) -> None:
    """Clean these files and write the results.

    Raises:
        Failure: the setup is at fault, or nobody reads standard output any more.
    """
    try:
        with contextlib.closing(_outcomes(task, state.images(entries), state.settings)) as outcomes:
            for outcome in outcomes:
                state.finish(outcome)
    except RmexifError as error:
        raise Failure(str(error), error.exit_code) from error
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush goes nowhere
        raise Failure("standard output: its reader has gone", IO_ERROR) from error


def _outcomes(task: Policy | StripTask, images: Iterator[bytes], settings: FolderSettings) -> Any:
    from rmexif import bulk
    from rmexif.workers.sandbox import disable_core_dumps, lock_memory

    if settings.lock_memory and not lock_memory():
        raise Failure("--lock-memory: this process may not lock its memory (see ulimit -l)", NOT_ALLOWED)
    if settings.sandbox:
        disable_core_dumps()  # this process holds originals too
    return bulk.run(task, images, settings.worker_limits(), workers=settings.workers)
