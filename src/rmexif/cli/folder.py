"""Many images at the command line: one bad file never stops the run, and the end says how many, and why."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import places
from rmexif.cli.failure import CANNOT_CREATE, NO_INPUT, USAGE, Failure, shown
from rmexif.errors import InputError, RmexifError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rmexif.policy import Policy
    from rmexif.types import Limits, Outcome

__all__ = ["Settings", "run"]

NEUTRAL_TIME = 946_684_800 * 10**9  # ns: 2000-01-01 00:00 UTC
REFUSED = InputError.exit_code
PIPE_GONE, NOT_ALLOWED = 74, 77  # sysexits.h: an error of input or output, no permission
TOLD = (  # fields of the report that a line of --json-lines carries
    *("format", "output_format", "faces_detected", "findings_count", "original_size", "new_size"),
    *("original_hash", "new_hash", "processing_time_ms", "sandbox"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that many images have."""

    workers: int | None = None
    pool: str = "thread"
    deadline: float | None = None  # s
    sandbox: bool = False
    lock_memory: bool = False
    json_lines: bool = False
    resume: bool = False
    in_place: bool = False
    neutral_names: bool = False
    neutral_times: bool = False

    def wanted(self, sources: Sequence[str], output: str | None) -> bool:
        """Whether a command line means a run over many; every option here does."""
        options = any(getattr(self, name) not in (None, False, "thread") for name in self.__slots__)
        return options or places.is_many(sources, output)

    def check(self, output: str | None, converts: bool) -> None:
        """Refuse what contradicts itself.

        Raises:
            Failure: two options do not go together.
        """
        if self.in_place and (output or converts or self.neutral_names or self.resume):
            raise Failure("--in-place: it goes with no output, format, --neutral-names or --continue", USAGE)
        if not self.in_place and output in (None, "-"):
            raise Failure("many images need a folder for the results: -o FOLDER, or --in-place", USAGE)
        if self.resume and self.neutral_names:
            raise Failure("--continue: random names cannot be found again; leave out --neutral-names", USAGE)


@dataclass(slots=True)
class Run:
    """One run: what waits for its outcome, and what became of the rest."""

    task: Policy | Limits
    output: str | None
    force: bool
    settings: Settings
    bar: Any  # a rich progress bar, or None
    waiting: deque[tuple[str, str]] = field(default_factory=deque)  # source, target
    codes: Counter[str] = field(default_factory=Counter)
    exits: set[int] = field(default_factory=set)
    warned: bool = False

    def images(self, sources: Sequence[str]) -> Iterator[bytes]:
        """The bytes of every file that has to be worked on, one after the other."""
        listed = places.entries(sources, self.output)
        while True:
            try:
                entry = next(listed)
            except StopIteration:
                return
            except OSError as error:
                self.failed("a folder", "no_input", f"cannot be listed: {error.strerror}", NO_INPUT)
                return
            try:
                raw = places.read(entry.source, self._limits.max_bytes)
                target = self.target(entry, raw)
                if self.settings.resume and self.is_done(target):
                    self.tell({"file": entry.source, "output": target, "code": "skipped"})
                    continue
            except (OSError, RmexifError) as error:
                why = str(error) if isinstance(error, RmexifError) else f"cannot be read: {error.strerror}"
                self.failed(entry.source, "no_input", why, NO_INPUT)
                continue
            self.waiting.append((entry.source, target))
            yield raw

    def target(self, entry: places.Entry, raw: bytes) -> str:
        """Where the result goes: the source's name with the extension of what comes out."""
        from rmexif.containers import by_name, sniff

        if self.output is None:
            return entry.source
        path = PurePosixPath(entry.under)
        try:
            wanted = getattr(self.task, "output", None)
            extensions = (by_name(wanted) if wanted else sniff(memoryview(raw))).format.extensions
        except RmexifError:
            return places.join(self.output, str(path))  # it is going to be refused
        if self.settings.neutral_names:
            return places.join(self.output, secrets.token_hex(16) + extensions[0])
        fits = path.suffix.lower() in extensions
        return places.join(self.output, str(path if fits else path.with_suffix(extensions[0])))

    def is_done(self, target: str) -> bool:
        """Whether the target is there and clean; a half-made or foreign file is not."""
        from rmexif.lossless import verify

        try:
            return places.exists(target) and verify(places.read(target, self._limits.max_bytes)) == []
        except (OSError, RmexifError):
            return False

    def finish(self, outcome: Outcome) -> None:
        """Write one result, or say why there is none."""
        source, target = self.waiting.popleft()
        if outcome.error is not None:
            self.failed(source, outcome.error.code, str(outcome.error), outcome.error.exit_code)
            return
        assert outcome.data is not None and outcome.report is not None
        try:
            places.write(target, outcome.data, self.force or self.settings.in_place or self.settings.resume)
            if self.settings.neutral_times and not places.is_remote(target):
                os.utime(target, ns=(NEUTRAL_TIME, NEUTRAL_TIME))
        except OSError as error:
            why = f"cannot be written: {error.strerror or type(error).__name__}"
            self.failed(source, "cannot_create", why, CANNOT_CREATE)
            return
        stats = outcome.report.stats
        if not self.warned and not stats.get("sandbox", {"seccomp": True})["seccomp"]:
            self.warned = True
            click.echo("rmexif: --sandbox: this system cannot keep processes from writing; going on without", err=True)
        self.tell({"file": source, "output": target, "code": "ok"} | {k: stats[k] for k in TOLD if k in stats})

    def failed(self, source: str, code: str, why: str, exit_code: int) -> None:
        """Note and say that a file has no result."""
        self.exits.add(exit_code)
        self.tell({"file": source, "code": code, "message": why})
        if self.bar is not None:
            self.bar.console.print(f"rmexif: {shown(source)}: {why}", markup=False, highlight=False)
        else:
            click.echo(f"rmexif: {shown(source)}: {why}", err=True)

    def tell(self, row: dict[str, Any]) -> None:
        """Count a file, and print its line if asked."""
        self.codes[row["code"]] += 1
        if self.settings.json_lines:
            click.echo(json.dumps(row, ensure_ascii=True))
        if self.bar is not None:
            self.bar.advance(self.bar.task_ids[0])

    def close(self) -> int:
        """Say how it went; the exit code: 65 where images were refused, else the largest, 0 where all went well."""
        bad = {code: count for code, count in sorted(self.codes.items()) if code not in ("ok", "skipped")}
        if bad:
            why = ", ".join(f"{count} {code}" for code, count in bad.items())
            click.echo(
                f"rmexif: {sum(bad.values())} of {sum(self.codes.values())} files have no result: {why}", err=True
            )
        return REFUSED if REFUSED in self.exits else max(self.exits, default=0)

    @property
    def _limits(self) -> Limits:
        from rmexif.policy import Policy

        return self.task.limits if isinstance(self.task, Policy) else self.task


def run(task: Policy | Limits, sources: Sequence[str], output: str | None, force: bool, settings: Settings) -> int:
    """Work through every file that the sources name.

    Returns:
        The exit code.

    Raises:
        Failure: the options contradict each other, or the setup is at fault.
    """
    from rmexif.policy import Policy

    settings.check(output, isinstance(task, Policy) and task.output is not None)
    if settings.in_place and any(places.is_remote(source) for source in sources):
        raise Failure("--in-place: it is for files, not for URLs", USAGE)
    if output is not None and not places.is_remote(output) and Path(output).is_file():
        raise Failure(f"{shown(output)}: it is a file; many images need a folder", CANNOT_CREATE)
    with _bar() as bar:
        state = Run(task, output, force, settings, bar)
        try:
            with contextlib.closing(_outcomes(task, state.images(sources), settings)) as outcomes:
                for outcome in outcomes:
                    state.finish(outcome)
        except RmexifError as error:
            raise Failure(str(error), error.exit_code) from error
        except BrokenPipeError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush goes nowhere
            raise Failure("standard output: its reader has gone", PIPE_GONE) from error
    return state.close()


def _outcomes(task: Policy | Limits, images: Iterator[bytes], settings: Settings) -> Any:
    from rmexif.bulk import scrub_many, strip_many
    from rmexif.policy import Policy
    from rmexif.workers.sandbox import lock_memory, no_dumps

    options: dict[str, Any] = {"workers": settings.workers, "pool": settings.pool}
    if settings.deadline or settings.sandbox:
        options |= {"pool": "process", "deadline": settings.deadline, "sandbox": settings.sandbox}
    if settings.lock_memory:
        if not lock_memory():
            raise Failure("--lock-memory: this process may not lock its memory (see ulimit -l)", NOT_ALLOWED)
        options |= {"lock_memory": True} if options["pool"] == "process" else {}
    if settings.sandbox:
        no_dumps()  # this process holds originals too
    if isinstance(task, Policy):
        return scrub_many(images, task, **options)
    return strip_many(images, limits=task, **options)


@contextlib.contextmanager
def _bar() -> Iterator[Any]:
    """A progress bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        bar.add_task("", total=None)
        yield bar
