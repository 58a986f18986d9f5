"""``rmexif verify``: a gate for CI and pre-commit."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from rmexif.cli import files, render
from rmexif.cli.failure import Failure, cli_errors, printable
from rmexif.cli.options import json_option, thorough_option

__all__ = ["verify_command"]

NOT_CLEAN = 1  # exit code
SHOWN = 5  # findings of one file that a person gets to see


@click.command("verify")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@json_option
@thorough_option
@click.option("--canonical", is_flag=True, help="Ask for more: is it, to the byte, what rmexif would write?")
def verify_command(sources: tuple[str, ...], as_json: bool, **question: Any) -> None:
    """Exit with 1 where a file holds something that could identify somebody.

    It lists what, and says what to do. Made for CI and pre-commit.
    """
    rows, codes = zip(*(_verify(source, question) for source in sources), strict=True)
    if as_json:
        click.echo(render.as_json(rows))
    else:
        for row in rows:
            _print(row)
        if NOT_CLEAN in codes:
            named = " ".join(shlex.quote(row["file"]) for row in rows if row.get("findings"))
            click.echo(f"run: rmexif strip --in-place {printable(named)}")
    sys.exit(max(codes))


def _verify(source: str, question: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """What is left in a file, and its share of the exit code."""
    from rmexif.lossless import verify
    from rmexif.types import Limits

    try:
        with cli_errors(source):
            found = verify(files.load(source, Limits().max_bytes), **question)
            findings = [finding.as_dict() for finding in found]
    except Failure as failure:
        return {"file": source, "error": str(failure)}, failure.code
    return {"file": source, "findings": findings}, NOT_CLEAN if findings else 0


def _print(row: dict[str, Any]) -> None:
    found = row.get("findings", ())
    for finding in found[:SHOWN]:
        click.echo(f"{printable(row['file'])}: {finding['category']} in {finding['where']}, {finding['length']} bytes")
    if len(found) > SHOWN:
        click.echo(f"{printable(row['file'])}: and {len(found) - SHOWN} more; rmexif inspect lists them")
    if "error" in row:
        click.echo(f"rmexif: {row['error']}", err=True)
