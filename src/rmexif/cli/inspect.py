"""``rmexif inspect``: what a file would give away."""

from __future__ import annotations

import click

from rmexif.cli import files, render
from rmexif.cli.failure import cli_errors
from rmexif.cli.options import json_option

__all__ = ["inspect_command"]


@click.command("inspect")
@click.argument("source", metavar="FILE")
@click.option("--values", is_flag=True, help="Show what the findings say: coordinates, names, dates.")
@json_option
def inspect_command(source: str, values: bool, as_json: bool) -> None:
    """Say what a file would give away."""
    from rmexif.lossless import inspect
    from rmexif.types import Limits

    with cli_errors(source):
        found = inspect(files.load(source, Limits().max_bytes), values=values)
    if as_json:
        click.echo(render.as_json(found.as_dict()))
    else:
        render.inspection(found)
