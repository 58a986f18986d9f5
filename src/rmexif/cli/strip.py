"""``rmexif strip``: metadata gone, pixels untouched."""

from __future__ import annotations

import sys
from typing import Any, Literal

import click

from rmexif.cli import files, folder, render
from rmexif.cli.failure import USAGE, Failure, cli_errors
from rmexif.cli.options import (
    force_option,
    json_option,
    limit_options,
    limits_from,
    output_option,
    repair_option,
    take,
    thorough_option,
    verbose_option,
)

__all__ = ["strip_command"]


@click.command("strip")
@click.argument("sources", metavar="FILE|FOLDER|URL...", nargs=-1, required=True)
@output_option
@force_option
@json_option
@verbose_option
@thorough_option
@repair_option
@folder.folder_options
@limit_options
def strip_command(
    sources: tuple[str, ...],
    output: str | None,
    force: bool,
    as_json: bool,
    verbose: bool,
    thorough: bool,
    repair: Literal["refuse", "complete"],
    **options: Any,
) -> None:
    """Remove metadata without touching a pixel; faces stay."""
    from rmexif.lossless import strip

    limits = limits_from(options)
    many, _ = take(folder.FolderSettings, options)
    if many.wanted(sources, output):
        if as_json:
            raise Failure("many images: --json is for one; --json-lines is for many", USAGE)
        with cli_errors("strip"):
            from rmexif.bulk import StripTask

            task = StripTask(limits, thorough, repair)
            sys.exit(folder.run(task, sources, output, force, many, verbose))
    source = sources[0]
    with cli_errors(source):
        data, stats = strip(files.load(source, limits.max_bytes), limits=limits, thorough=thorough, repair=repair)
        if output is not None:
            files.check_extension(output, stats["output_format"])
        target = files.target_of(source, output, "stripped", stats["output_format"])
        files.store(target, data, force)
        render.report(stats, target, as_json, verbose)
