"""Many images at the command line: one bad file never stops the run, and the end says how many, and why."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import places
from rmexif.cli.failure import CANNOT_CREATE, IO_ERROR, NO_INPUT, NOT_ALLOWED, USAGE, Failure, printable
from rmexif.cli.options import (
    deadline_option,
    json_lines_option,
    pool_option,
    quiet_option,
    sandbox_option,
    select_options,
    with_options,
)
from rmexif.cli.progress import progress_bar
from rmexif.cli.run_report import RunReport
from rmexif.cli.targets import Targets
from rmexif.errors import RmexifError
from rmexif.io.atomic_write import replace_file
from rmexif.workers.limits import WorkerLimits, limits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rmexif.bulk import StripTask
    from rmexif.policy import Policy
    from rmexif.types import Outcome

__all__ = ["FolderSettings", "folder_options", "run"]

NEUTRAL_TIME = 946_684_800 * 10**9  # ns: 2000-01-01 00:00 UTC

folder_options = with_options(
    select_options,
    quiet_option,
    click.option("--workers", type=click.IntRange(1), help="Many images: how many at once."),
    pool_option,
    deadline_option,
    sandbox_option,
    click.option("--lock-memory", is_flag=True, help="Keep originals out of the swap, or refuse (Linux)."),
    json_lines_option,
    click.option("--continue", "resume", is_flag=True, help="Leave out what has a clean output already."),
    click.option("--in-place", is_flag=True, help="Replace each file by its clean form; the original is gone."),
    click.option("--keep-times", is_flag=True, help="With --in-place: the file times stay as they were."),
    click.option("--neutral-names", is_flag=True, help="Call outputs by random names."),
    click.option("--neutral-times", is_flag=True, help="Give outputs the file time 2000-01-01."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings:
    """The options that many images have."""

    workers: int | None = None
    pool: str = "thread"
    deadline: float | None = None  # s
    sandbox: bool = False
    lock_memory: bool = False
    json_lines: bool = False
    resume: bool = False
    in_place: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    quiet: bool = False
    keep_times: bool = False
    neutral_names: bool = False
    neutral_times: bool = False

    def wanted(self, sources: Sequence[str], output: str | None) -> bool:
        """Whether a command line means a run over many; every option here does."""
        options = any(getattr(self, name) not in (None, False, "thread", ()) for name in {*self.__slots__} - {"quiet"})
        return options or places.is_many(sources, output)

    def check(self, sources: Sequence[str], output: str | None, converts: bool) -> None:
        """Refuse what contradicts itself.

        Args:
            sources: of the command line.
            output: likewise.
            converts: whether results have another format than their inputs.

        Raises:
            Failure: two options do not go together, or the output is a file.
        """
        if self.in_place and (output or converts or self.neutral_names or self.resume):
            raise Failure("--in-place: it goes with no output, format, --neutral-names or --continue", USAGE)
        if self.in_place and any(places.is_remote(source) for source in sources):
            raise Failure("--in-place: it is for files, not for URLs", USAGE)
        if not self.in_place and output in (None, "-"):
            raise Failure("many images need a folder for the results: -o FOLDER, or --in-place", USAGE)
        if self.keep_times and not self.in_place:
            raise Failure("--keep-times goes with --in-place", USAGE)
        if self.resume and self.neutral_names:
            raise Failure("--continue: random names cannot be found again; leave out --neutral-names", USAGE)
        if output is not None and not places.is_remote(output) and Path(output).is_file():
            raise Failure(f"{printable(output)}: it is a file; many images need a folder", CANNOT_CREATE)

    @property
    def selection(self) -> places.Selection:
        """Which files of a folder are meant."""
        return places.Selection(self.include, self.exclude)

    def worker_limits(self) -> WorkerLimits | None:
        """What holds in each process; None works in threads."""
        if self.pool == "process" or self.deadline or self.sandbox:
            return limits_of(
                "process", deadline=self.deadline, sandbox=self.sandbox or "auto", lock_memory=self.lock_memory
            )
        return None


@dataclass(slots=True)
class Run:
    """Reads the inputs, and writes the results of those that are waiting for theirs."""

    settings: FolderSettings
    targets: Targets
    force: bool
    report: RunReport
    waiting: deque[tuple[str, str]] = field(default_factory=deque)  # source, target

    def images(self, sources: Sequence[str]) -> Iterator[bytes]:
        """The bytes of every file that has to be worked on, one after the other."""
        for entry in places.entries(sources, self.targets.output, self.settings.selection, self._skip):
            try:
                raw = places.read(entry.source, self.targets.limits.max_bytes)
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
        try:
            if self.settings.in_place:
                self._replace(source, outcome.data)
            else:
                places.write(target, outcome.data, self.force or self.settings.resume)
            if self.settings.neutral_times and not places.is_remote(target):
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
        kept = replace_file(Path(source), data, keep_times=self.settings.keep_times)
        if Path(source).is_symlink():
            self.report.say(source, f"a link; what it leads to was replaced: {printable(str(kept.target))}")
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
    targets = Targets(
        output=output,
        format_name=wanted,
        neutral_names=settings.neutral_names,
        limits=task.limits,
        keep=task.selection.names,
    )

    def count() -> int | None:
        if any(map(places.is_remote, sources)):
            return None
        return sum(1 for _ in places.entries(sources, output, settings.selection))

    with progress_bar("files", count, settings.quiet) as bar:
        report = RunReport(settings.json_lines, bar, verbose=verbose, quiet=settings.quiet)
        state = Run(settings, targets, force, report)
        try:
            with contextlib.closing(_outcomes(task, state.images(sources), settings)) as outcomes:
                for outcome in outcomes:
                    state.finish(outcome)
        except RmexifError as error:
            raise Failure(str(error), error.exit_code) from error
        except BrokenPipeError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush goes nowhere
            raise Failure("standard output: its reader has gone", IO_ERROR) from error
    return report.finish()


def _outcomes(task: Policy | StripTask, images: Iterator[bytes], settings: FolderSettings) -> Any:
    from rmexif import bulk
    from rmexif.workers.sandbox import disable_core_dumps, lock_memory

    if settings.lock_memory and not lock_memory():
        raise Failure("--lock-memory: this process may not lock its memory (see ulimit -l)", NOT_ALLOWED)
    if settings.sandbox:
        disable_core_dumps()  # this process holds originals too
    return bulk.run(task, images, settings.worker_limits(), workers=settings.workers)
