"""``rmexif verify``: a gate for CI and pre-commit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import files, render
from rmexif.cli.failure import Failure, cli_errors
from rmexif.cli.options import json_option, keep_option, limit_options, limits_from, thorough_option

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["verify_command"]

NOT_CLEAN = 1  # exit code


@click.command("verify")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@json_option
@thorough_option
@keep_option
@limit_options
def verify_command(
    sources: tuple[str, ...], as_json: bool, thorough: bool, keep: tuple[str, ...], **options: Any
) -> None:
    """Exit with 1 and list what is left, unless every file is clean: a gate for CI and pre-commit."""
    limits = limits_from(options)
    rows, codes = zip(*(_verify(source, limits, thorough, keep) for source in sources), strict=True)
    if as_json:
        click.echo(render.as_json(rows))
    else:
        for row in rows:
            _print(row)
    sys.exit(max(codes))


def _verify(source: str, limits: Limits, thorough: bool, keep: tuple[str, ...]) -> tuple[dict[str, Any], int]:
    """What is left in a file, and its share of the exit code."""
    from rmexif.lossless import verify

    try:
        with cli_errors(source):
            found = verify(files.load(source, limits.max_bytes), limits=limits, thorough=thorough, keep=keep)
            findings = [finding.as_dict() for finding in found]
    except Failure as failure:
        return {"file": source, "error": str(failure)}, failure.code
    return {"file": source, "findings": findings}, NOT_CLEAN if findings else 0


def _print(row: dict[str, Any]) -> None:
    for finding in row.get("findings", ()):
        click.echo(f"{row['file']}: {finding['category']} in {finding['where']}, {finding['length']} bytes")
    if "error" in row:
        click.echo(f"rmexif: {row['error']}", err=True)
