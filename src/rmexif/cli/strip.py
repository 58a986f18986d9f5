"""``rmexif strip``: metadata gone, pixels untouched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import files, render
from rmexif.cli.failure import USAGE, Failure, cli_errors
from rmexif.cli.folder_settings import FolderSettings, folder_options
from rmexif.cli.options import (
    SectionedCommand,
    force_option,
    json_option,
    keep_option,
    limit_options,
    limits_from,
    output_option,
    repair_option,
    set_option,
    take,
    thorough_option,
    verbose_option,
)

if TYPE_CHECKING:
    from rmexif.bulk import StripTask
    from rmexif.types import Limits

__all__ = ["strip_command"]


@click.command("strip", cls=SectionedCommand)
@click.argument("sources", metavar="FILE|FOLDER|URL...", nargs=-1, required=True)
@output_option
@force_option
@json_option
@verbose_option
@thorough_option
@repair_option
@keep_option
@set_option
@folder_options
@limit_options
def strip_command(
    sources: tuple[str, ...],
    output: str | None,
    force: bool,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Remove metadata without touching a pixel; faces stay.

    \b
    rmexif strip photo.jpg                 writes photo.stripped.jpg beside it
    rmexif strip photos/ -o clean/         a folder, keeping the tree
    rmexif strip --in-place photos/        replaces each file; no way back
    """  # noqa: D301 - \b is click's mark of a paragraph that is not wrapped
    from rmexif.lossless import strip

    limits = limits_from(options)
    many, options = take(FolderSettings, options)
    if many.wanted(sources, output):
        if as_json:
            raise Failure("many images: --json is for one; --json-lines is for many", USAGE)
        with cli_errors("strip"):
            from rmexif.cli import folder

            sys.exit(folder.run(_task(limits, **options), sources, output, force, many, verbose))
    source = sources[0]
    with cli_errors(source):
        own = options.pop("own")
        data, stats = strip(files.load(source, limits.max_bytes), limits=limits, set=own, **options)
        if output is not None:
            files.check_extension(output, stats["output_format"])
        target = files.target_of(source, output, "stripped", stats["output_format"])
        files.store(target, data, force)
        render.report(stats, target, as_json, verbose)


def _task(limits: Limits, *, own: tuple[str, ...], keep: tuple[str, ...], **options: Any) -> StripTask:
    """The options as a task for many images.

    Raises:
        InvalidPolicy: a name of ``keep`` or ``set`` is unknown, or a value may not be written.
    """
    from rmexif import credit
    from rmexif.bulk import StripTask

    return StripTask(limits, keep=credit.names_of(keep), set=credit.own_texts(own), **options)
