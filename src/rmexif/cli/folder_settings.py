"""The options that many images have, and which of them go together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import click

from rmexif.cli.failure import CANNOT_CREATE, USAGE, Failure, printable
from rmexif.cli.options import (
    deadline_option,
    json_lines_option,
    pool_option,
    quiet_option,
    sandbox_option,
    select_options,
    with_options,
)
from rmexif.cli.sources import is_many, is_remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.workers.limits import WorkerLimits

__all__ = ["FolderSettings", "folder_options"]

folder_options = with_options(
    select_options,
    quiet_option,
    click.option("--workers", type=click.IntRange(1), metavar="N", help="How many at once."),
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


class FolderSettings(NamedTuple):
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
        options = any(getattr(self, name) not in (None, False, "thread", ()) for name in {*self._fields} - {"quiet"})
        return options or is_many(sources, output)

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
        if self.in_place and any(is_remote(source) for source in sources):
            raise Failure("--in-place: it is for files, not for URLs", USAGE)
        if not self.in_place and output in (None, "-"):
            raise Failure("many images need a folder for the results: -o FOLDER, or --in-place", USAGE)
        if self.keep_times and not self.in_place:
            raise Failure("--keep-times goes with --in-place", USAGE)
        if self.resume and self.neutral_names:
            raise Failure("--continue: random names cannot be found again; leave out --neutral-names", USAGE)
        if output is not None and not is_remote(output) and os.path.isfile(output):
            raise Failure(f"{printable(output)}: it is a file; many images need a folder", CANNOT_CREATE)

    def worker_limits(self) -> WorkerLimits | None:
        """What holds in each process; None works in threads."""
        from rmexif.workers.limits import limits_of

        if self.pool == "process" or self.deadline or self.sandbox:
            return limits_of(
                "process", deadline=self.deadline, sandbox=self.sandbox or "auto", lock_memory=self.lock_memory
            )
        return None
