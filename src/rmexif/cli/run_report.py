"""What became of each of many files: lines while they are done, counts and an exit code at the end."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli.failure import NOTHING_FOUND, printable
from rmexif.cli.render import summary_line
from rmexif.errors import InputError

if TYPE_CHECKING:
    from rmexif.cli.progress import Bar

__all__ = ["OK", "SKIPPED", "RunReport"]

OK, SKIPPED = "ok", "skipped"
# Fields of the report of one image that a line of --json-lines carries.
FIELDS = (
    *("format", "output_format", "faces_detected", "findings_count", "original_size", "new_size"),
    *("original_hash", "new_hash", "processing_time_ms", "sandbox"),
)


class RunReport:
    """Prints and counts.

    Args:
        json_lines: print one line of JSON for each file.
        bar: a progress bar, or None.
        verbose: print a line for each file with a result.
        quiet: print none for a file without.
    """

    def __init__(self, json_lines: bool, bar: Bar | None, *, verbose: bool = False, quiet: bool = False) -> None:
        self._json_lines, self._bar = json_lines, bar
        self._verbose, self._quiet = verbose, quiet
        self._codes: Counter[str] = Counter()
        self._exit_codes: set[int] = set()
        self._warned = False

    def done(self, source: str, target: str, stats: Any) -> None:
        """A file has a result."""
        if not self._warned and not stats.get("sandbox", {"seccomp": True})["seccomp"]:
            self._warned = True
            click.echo("rmexif: this system has no sandbox for worker processes; going on without", err=True)
        figures = {name: stats[name] for name in FIELDS if name in stats}
        if self._verbose:
            self.say(source, summary_line(stats))
        self._count({"file": source, "output": target, "code": OK} | figures)

    def skipped(self, source: str, target: str) -> None:
        """A file had a clean result already."""
        self._count({"file": source, "output": target, "code": SKIPPED})

    def failed(self, source: str, code: str, why: str, exit_code: int) -> None:
        """A file has no result."""
        self._exit_codes.add(exit_code)
        if not self._quiet:
            self.say(source, why)
        self._count({"file": source, "code": code, "message": why})

    def say(self, source: str, text: str) -> None:
        """A line about a file, on standard error."""
        if self._bar is not None:
            self._bar.make_way()
        click.echo(f"rmexif: {printable(source)}: {text}", err=True)

    def finish(self) -> int:
        """Print how many files have no result, and why.

        Returns:
            The exit code: 65 where images were refused, else the largest that occurred, 0 where all went well.
        """
        if not self._codes and not self._quiet:
            click.echo(NOTHING_FOUND, err=True)
        bad = {code: count for code, count in sorted(self._codes.items()) if code not in (OK, SKIPPED)}
        if bad:
            why = ", ".join(f"{count} {code}" for code, count in bad.items())
            click.echo(f"rmexif: {sum(bad.values())} of {self._codes.total()} files have no result: {why}", err=True)
        refused = InputError.exit_code
        return refused if refused in self._exit_codes else max(self._exit_codes, default=0)

    def _count(self, row: dict[str, Any]) -> None:
        self._codes[row["code"]] += 1
        if self._json_lines:
            if self._bar is not None:
                self._bar.make_way()
            click.echo(json.dumps(row, ensure_ascii=True))
        if self._bar is not None:
            self._bar.advance(name=row["file"])
