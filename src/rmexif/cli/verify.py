"""``rmexif verify``: a gate for CI and pre-commit."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from rmexif.cli import files
from rmexif.cli.failure import printable
from rmexif.cli.options import (
    SectionedCommand,
    json_lines_option,
    json_option,
    keep_option,
    limit_options,
    limits_from,
    quiet_option,
    select_options,
    take,
    thorough_option,
)
from rmexif.cli.sources import is_many
from rmexif.cli.survey import LookSettings, Row, survey

__all__ = ["verify_command"]

NOT_CLEAN = 1  # exit code
MAX_NAMED = 20  # files in the command that is proposed; more are meant by their folder


@click.command("verify", cls=SectionedCommand)
@click.argument("sources", metavar="FILE|FOLDER...", nargs=-1, required=True)
@json_option
@json_lines_option
@quiet_option
@thorough_option
@click.option("--canonical", is_flag=True, help="Ask for more: whether it is, to the byte, what rmexif would write.")
@keep_option
@select_options
@limit_options
def verify_command(sources: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Exit with 1 where a file could identify somebody.

    It lists by what, and the command that puts it right. Faces are no finding: rmexif --dry-run finds those. Exit code:
    0 nothing was found, 1 something was, 65 where a file is no image that can be checked, 66 where it cannot be read.
    """
    from rmexif.lossless import verify

    limits = limits_from(options)
    settings, question = take(LookSettings, options)
    dirty: list[str] = []

    def look(raw: bytes) -> Row:
        return {"findings": [finding.as_dict() for finding in verify(raw, limits=limits, **question)]}

    def show(row: Row) -> None:
        for finding in row["findings"]:
            where = f"{finding['category']} in {finding['where']}, {finding['length']} bytes"
            click.echo(f"{printable(row['file'])}: {where}")
        if row["findings"] and row["file"] != files.STDIO and len(dirty) <= MAX_NAMED:
            dirty.append(row["file"])

    found = survey(sources, look, settings, limits.max_bytes, None if as_json else show)
    if not (as_json or settings.quiet or settings.json_lines):
        if is_many(sources, None) and found.with_findings:
            found.table()
        if dirty:
            named = dirty if len(dirty) <= MAX_NAMED else sources
            click.echo(f"run: rmexif strip --in-place {printable(' '.join(map(shlex.quote, named)))}")
    sys.exit(found.exit_code or (NOT_CLEAN if found.with_findings else 0))
