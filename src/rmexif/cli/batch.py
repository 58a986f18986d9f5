"""``rmexif batch SRC DST``: from one store to another, on this machine or on a cluster."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rmexif.cli import render
from rmexif.cli.failure import NO_INPUT, USAGE, Failure, cli_errors
from rmexif.cli.manifest import audit_command, report_command
from rmexif.cli.options import PolicyCommand, deadline_option, policy_from, pool_option, sandbox_option
from rmexif.cli.progress import progress_bar

if TYPE_CHECKING:
    from rmexif.batch import Summary
    from rmexif.batch.progress import Progress
    from rmexif.bulk import StripTask
    from rmexif.policy import Policy

__all__ = ["batch_command"]

ENGINES = ("local", "ray", "spark")
# Options that run() takes by the same names; those of the policy are the rest.
SETTINGS = (
    "engine",
    "address",
    "workers",
    "gpus",
    "at",
    "neutral_names",
    "rows",
    "check",
    "patience",
    "hidden",
    "prune",
    "stale",
)


class BatchGroup(click.Group):
    """A group whose bare form is a command: ``rmexif batch SRC DST`` is ``rmexif batch run SRC DST``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` in front of anything that is no command; a folder called like one is ``./report``."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [str(run_command.name), *args]
        return super().parse_args(ctx, args)


@click.group("batch", cls=BatchGroup)
def batch_command() -> None:
    """Scrub a folder or a bucket into another one, with a manifest.

    \b
    rmexif batch photos/ clean/         run again, it does what is left
    rmexif batch run --help             every option of it
    rmexif batch report clean/          refused and why, changed, gone, totals
    rmexif batch audit clean/           a sample verified and searched again
    """  # noqa: D301 - \b is click's mark of a paragraph that is not wrapped


@click.command("run", cls=PolicyCommand)
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default=ENGINES[0],
    show_default=True,
    help="What carries out the run.",
)
@click.option("--address", metavar="ADDRESS", help="Ray cluster or Spark master; the engine's own default otherwise.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Images at once; every core by default.")
@click.option(
    "--gpus",
    type=click.FloatRange(0),
    metavar="NUMBER",
    default=0,
    help="Ray: share of a GPU booked for each worker.",
)
@click.option("--manifest", "at", metavar="PLACE", help="Where the manifest lies; DST/_rmexif by default.")
@click.option("--neutral-names", is_flag=True, help="Call outputs by names that say nothing.")
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="N",
    help="Objects per part of the manifest, and piece of work of an engine; by default 256, more while much is left.",
)
@click.option(
    "--check/--no-check", default=True, show_default=True, help="When run again: compare outputs with their hashes."
)
@click.option(
    "--patience",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=300,
    show_default=True,
    help="How long a store may stay silent.",
)
@click.option("--shards", is_flag=True, help="Objects are archives or tables: tar, zip, Parquet, LMDB.")
@click.option(
    "--others",
    type=click.Choice(("drop", "pass")),
    default="drop",
    show_default=True,
    help="Other members and columns of shards; passed ones are not looked into.",
)
@click.option("--column", metavar="NAME", help="Of tables: the column of images, where there are several.")
@click.option("--hidden", is_flag=True, help="Take hidden files and folders too (names that begin with a dot).")
@click.option("--prune", is_flag=True, help="Remove outputs whose originals are gone.")
@click.option(
    "--stale",
    type=click.Choice(("remove", "quarantine")),
    default="remove",
    show_default=True,
    help="Outputs that are out of date: remove, or move beside the manifest.",
)
@click.option("--strip", "strips", is_flag=True, help="Metadata only: pixels untouched, faces stay.")
@pool_option
@deadline_option
@sandbox_option
@click.option("--json-lines", "as_lines", is_flag=True, help="Print progress as lines of JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def run_command(source: str, target: str, as_json: bool, as_lines: bool, strips: bool, **options: Any) -> None:
    """Scrub every image of a folder or a bucket into another one; a second run does what is left.

    \b
    rmexif batch photos/ clean/
    rmexif batch s3://bucket/in s3://other/out --engine ray --address auto

    Every object gets a row in the manifest (Parquet): name, hashes, counts, and a code. The extras are rmexif[batch],
    and rmexif[ray] or rmexif[spark] for an engine.
    """  # noqa: D301 - \b is click's mark of a paragraph that is not wrapped
    settings = {name: options.pop(name) for name in SETTINGS} | _worker_options(options)
    how = {name: options.pop(name) for name in ("others", "column")}
    shards = options.pop("shards")
    try:
        with cli_errors("batch"), progress_bar("objects") as bar:
            from rmexif.batch import Shards, run

            def advance(progress: Progress) -> None:
                if as_lines:
                    click.echo(json.dumps(progress.as_dict()))
                elif bar is not None:
                    words = f"{progress.refused} refused {progress.last_refused}" if progress.refused else ""
                    bar.advance(progress.codes.total(), words, progress.total.listed)

            summary = run(
                source,
                target,
                _task(options, strips),
                shards=Shards(**how) if shards else None,
                progress=advance,
                **settings,
            )
    except OSError as error:
        raise Failure(f"batch: a folder cannot be read or made: {error.strerror}", NO_INPUT) from error
    _report(summary, as_json)
    sys.exit(summary.exit_code)


def _task(options: dict[str, Any], strips: bool) -> Policy | StripTask:
    """What to do with every image."""
    from rmexif.bulk import StripTask

    policy = policy_from(options)
    if not strips:
        return policy
    context = click.get_current_context()
    given = [name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if others := [name for name in given if not name.startswith("max_") and name not in ("keep", "set")]:
        raise Failure(f"--strip: it leaves pixels alone; leave out {others[0].replace('_', '-')}", USAGE)
    return StripTask(limits=policy.limits, keep=tuple(policy.keep), set=tuple(policy.set))


def _worker_options(options: dict[str, Any]) -> dict[str, Any]:
    """``--pool``, ``--deadline`` and ``--sandbox``, taken out of the options; the last two imply processes."""
    pool, deadline, sandbox = (options.pop(name) for name in ("pool", "deadline", "sandbox"))
    return {"pool": "process" if deadline or sandbox else pool, "deadline": deadline, "sandbox": sandbox or "auto"}


def _report(summary: Summary, as_json: bool) -> None:
    if as_json:
        click.echo(render.as_json(dict(sorted(summary.codes.items()))))
    if gone := summary.codes["gone"]:
        click.echo(f"rmexif: {gone} originals of earlier runs are gone", err=True)
    if bad := summary.failed:
        why = ", ".join(f"{count} {code}" for code, count in bad.items())
        click.echo(f"rmexif: {sum(bad.values())} of {summary.codes.total()} objects have no result: {why}", err=True)


for command in (run_command, report_command, audit_command):
    batch_command.add_command(command)
