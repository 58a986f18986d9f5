"""``rmexif batch SRC DST``: from one store to another, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli.failure import Failure
from rmexif.cli.options import policy_from, policy_options
from rmexif.errors import RmexifError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

__all__ = ["batch_command"]


@click.command("batch")
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option(
    "--engine",
    type=click.Choice(("local", "ray", "spark")),
    default="local",
    show_default=True,
    help="What carries the run.",
)
@click.option("--address", help="Ray cluster or Spark master; the engine's own default otherwise.")
@click.option("--workers", type=click.IntRange(1), help="Images at once; every core by default.")
@click.option("--gpus", type=click.FloatRange(0), default=0, help="Ray: share of a GPU booked for each worker.")
@click.option("--manifest", "at", metavar="PLACE", help="Where the manifest lies; DST/_rmexif by default.")
@click.option("--neutral-names", is_flag=True, help="Call outputs by names that say nothing.")
@click.option("--format", "output_format", metavar="NAME", help="Format of the results; each input's own by default.")
@click.option(
    "--rows", type=click.IntRange(1), default=256, show_default=True, help="Objects per part of the manifest."
)
@click.option(
    "--check/--no-check", default=True, show_default=True, help="Second run: compare outputs with their hashes."
)
@click.option(
    "--patience", type=click.FloatRange(0, min_open=True), default=300, show_default=True, help="Seconds for a store."
)
@click.option(
    "--pool", type=click.Choice(("thread", "process")), default="thread", show_default=True, help="What works."
)
@click.option("--deadline", type=click.FloatRange(0, min_open=True), help="Seconds for one image; implies processes.")
@click.option("--sandbox", is_flag=True, help="Work without network and writing (Linux); implies processes.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@policy_options
def batch_command(
    source: str,
    target: str,
    output_format: str | None,
    as_json: bool,
    pool: str,
    deadline: float | None,
    **options: Any,
) -> None:
    r"""Scrub every image of a folder or a bucket into another one; a second run does what is left.

    \b
    rmexif batch photos/ clean/
    rmexif batch s3://bucket/in s3://other/out --engine ray --address auto --manifest s3://private/manifest

    Every object gets a row in the manifest (Parquet): name, hashes, counts, and a code. The extras are rmexif[batch],
    and rmexif[ray] or rmexif[spark] for an engine.
    """
    from rmexif.cli import render

    names = ("engine", "address", "workers", "gpus", "at", "neutral_names", "rows", "check", "patience")
    settings = {name: options.pop(name) for name in names}
    if options.pop("sandbox"):
        settings["sandbox"] = True
    if deadline:
        settings["deadline"] = deadline
    settings["pool"] = "process" if deadline or "sandbox" in settings else pool
    try:
        from rmexif.batch import run

        policy = policy_from(options, output_format)
        with _progress() as tell:
            summary = run(source, target, policy, progress=tell, **settings)
    except RmexifError as error:
        raise Failure(f"batch: {error}", error.exit_code) from error
    except OSError as error:
        raise Failure(f"batch: a folder cannot be read or made: {error.strerror}", 66) from error
    if as_json:
        click.echo(render.as_json(dict(sorted(summary.codes.items()))))
    if bad := summary.failed:
        why = ", ".join(f"{count} {code}" for code, count in bad.items())
        click.echo(f"rmexif: {sum(bad.values())} of {summary.codes.total()} objects have no result: {why}", err=True)
    sys.exit(summary.exit_code)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Counter[str]], object] | None]:
    """A count on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:.0f} objects"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task("", total=None)
        yield lambda codes: bar.advance(bar.task_ids[0], codes.total())
