"""``rmexif inspect``: what a file would give away."""

from __future__ import annotations

import sys
from typing import Any

import click

from rmexif.cli import files, render
from rmexif.cli.failure import cli_errors, printable
from rmexif.cli.options import (
    SectionedCommand,
    json_lines_option,
    json_option,
    limit_options,
    limits_from,
    quiet_option,
    select_options,
    take,
)
from rmexif.cli.sources import is_many
from rmexif.cli.survey import LookSettings, Row, survey

__all__ = ["inspect_command"]


@click.command("inspect", cls=SectionedCommand)
@click.argument("sources", metavar="FILE|FOLDER...", nargs=-1, required=True)
@click.option("--values", is_flag=True, help="Show what the findings say: coordinates, names, dates.")
@json_option
@json_lines_option
@quiet_option
@select_options
@limit_options
def inspect_command(sources: tuple[str, ...], values: bool, as_json: bool, **options: Any) -> None:
    """Say what files would give away.

    It changes nothing, and prints values only with --values. To ask by exit code: rmexif verify.
    """
    from rmexif.lossless import inspect

    limits = limits_from(options)
    settings, _ = take(LookSettings, options)
    if not is_many(sources, None) and not settings.json_lines:
        with cli_errors(sources[0]):
            found = inspect(files.load(sources[0], limits.max_bytes), values=values, limits=limits)
        if as_json:
            click.echo(render.as_json(found.as_dict()))
        else:
            render.inspection(found)
        return

    def look(raw: bytes) -> Row:
        return inspect(raw, values=values, limits=limits).as_dict()

    def show(row: Row) -> None:
        categories = sorted({finding["category"] for finding in row["findings"]})
        click.echo(f"{printable(row['file'])}: {', '.join(categories) or 'nothing beside the picture'}")

    several = survey(sources, look, settings, limits.max_bytes, None if as_json else show)
    if not (as_json or settings.quiet or settings.json_lines):
        several.table()
    sys.exit(several.exit_code)
