"""The command line: ``rmexif input.jpg -o output.png``.

Silent on success unless asked; one line on standard error and an exit code from sysexits.h otherwise:
64 usage, 65 the image, 66 no such input, 70 ours, 73 the output, 78 the setup; ``verify`` answers 1 for "not clean".
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rmexif import __version__
from rmexif.cli.batch import batch_command
from rmexif.cli.failure import CANNOT_CREATE, NO_INPUT, USAGE, Failure
from rmexif.cli.options import folder_options, folder_settings, policy_from, policy_options
from rmexif.errors import RmexifError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cli", "main"]

MODEL_LIMIT = 64 << 20  # byte
DEFAULT = "scrub"


class Group(click.Group):
    """A group whose bare form is a command: ``rmexif photo.jpg`` is ``rmexif scrub photo.jpg``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the bare form's name in front of anything that is no command and no option of the group."""
        own = {"--help", "-h", "--version"}
        if args and args[0] not in self.commands and args[0] not in own:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


@contextmanager
def told(source: str) -> Iterator[None]:
    """Turn errors into one line that names the input as the user typed it."""
    from rmexif.cli.files import OutputExists

    try:
        yield
    except RmexifError as error:
        raise Failure(f"{source}: {error}", error.exit_code) from error
    except OutputExists as error:
        raise Failure(f"{source}: {error.strerror}", CANNOT_CREATE) from error


def load(source: str, limit: int) -> bytes:
    """Read an input."""
    from rmexif.cli import files

    try:
        return files.read(source, limit)
    except OSError as error:
        raise Failure(f"{source}: cannot be read: {error.strerror}", NO_INPUT) from error


def store(target: str, data: bytes, force: bool) -> None:
    """Write an output, whole or not at all."""
    from rmexif.cli import files

    try:
        files.write(target, data, force)
    except files.OutputExists as error:
        raise Failure(f"{target}: {error.strerror}", CANNOT_CREATE) from error
    except OSError as error:
        raise Failure(f"{target}: cannot be written: {error.strerror}", CANNOT_CREATE) from error


def format_of(target: str | None) -> str | None:
    """The format that an output's extension asks for; None keeps the input's."""
    from rmexif.containers import FORMATS

    if target in (None, "-"):
        return None
    extension = Path(str(target)).suffix.lower()
    for row in FORMATS:
        if extension in row.format.extensions:
            return row.format.name
    known = " ".join(row.format.extensions[0] for row in FORMATS)
    raise Failure(f"{target}: the extension names no format; known are {known}", USAGE)


def extension_of(name: str) -> str:
    """The default extension of a format."""
    from rmexif.containers import by_name

    return by_name(name).format.extensions[0]


def choose(source: str, output: str | None, word: str, extension: str) -> str:
    """Where the result goes: as said, to standard output for standard input, or beside the input."""
    from rmexif.cli import files

    if output is not None:
        return output
    return "-" if source == "-" else files.beside(source, word, extension)


def report(stats: dict[str, Any], target: str, as_json: bool, verbose: bool) -> None:
    """Say what was done, if asked: on standard output, or on standard error where the picture goes there."""
    from rmexif.cli import render

    if as_json:
        click.echo(render.as_json(stats), err=target == "-")
    elif verbose:
        click.echo(render.summary_line(stats), err=True)


output_option = click.option("-o", "--output", metavar="FILE", help="Where the result goes; '-' is standard output.")
force_option = click.option("-f", "--force", is_flag=True, help="Replace an existing output.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say in one line what was done.")
source_argument = click.argument("source", metavar="FILE")
sources_argument = click.argument("sources", metavar="FILE|FOLDER|URL...", nargs=-1, required=True)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rmexif")
def cli() -> None:
    r"""Make images safe to hand out: metadata gone, faces redacted, in memory.

    \b
    rmexif photo.jpg                    writes photo.scrubbed.jpg
    rmexif photo.jpg -o clean.png       converts on the way
    rmexif photos/ -o clean/            a folder and all below it, keeping the tree
    rmexif --dry-run photo.jpg          says what would be found, writes nothing
    rmexif strip photo.jpg              metadata only, pixels untouched
    rmexif verify photo.jpg             exit code 1 if anything is left

    What it cannot remove: what the scene itself shows, watermarks in the pixels, the noise of the sensor.
    """


@cli.command(DEFAULT)
@sources_argument
@output_option
@force_option
@click.option("--format", "output_format", metavar="NAME", help="Format of the result, where no extension says it.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be found, as JSON; write nothing.")
@click.option(
    "--preview", metavar="FILE", help="With --dry-run: write the picture with outlines and scores, uncovered."
)
@click.option("--codes", is_flag=True, help="Cover QR codes and barcodes too (extra: codes).")
@click.option("--text", is_flag=True, help="Cover text too (extra: text).")
@click.option("--yunet", metavar="FILE", help="Search with OpenCV's YuNet too, from this model file.")
@json_option
@verbose_option
@folder_options
@policy_options
def scrub_command(
    sources: tuple[str, ...],
    output: str | None,
    force: bool,
    output_format: str | None,
    dry_run: bool,
    preview: str | None,
    codes: bool,
    text: bool,
    yunet: str | None,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Remove metadata, redact faces, and re-encode images ('-' is standard input)."""
    many, options = folder_settings(options)
    several = many.wanted(sources, output)
    if several and (dry_run or as_json):
        raise Failure("many images: --dry-run and --json are for one; --json-lines is for many", USAGE)
    source = "policy" if several else sources[0]
    with told(source):
        if preview and not dry_run:
            raise Failure("--preview goes with --dry-run", USAGE)
        policy = policy_from(options, output_format or (None if several else format_of(preview or output)))
        finders = [name for name, wanted in (("codes", codes), ("text", text)) if wanted]
        policy = replace(policy, detectors=(*policy.detectors, *finders))
        if yunet:
            from rmexif.detectors import YuNet

            policy = replace(policy, detectors=(*policy.detectors, YuNet(load(yunet, MODEL_LIMIT))))
        if several:
            from rmexif.cli import folder

            sys.exit(folder.run(policy, sources, output, force, many))
        raw = load(source, policy.limits.max_bytes)
        from rmexif.scrubber import Scrubber

        scrubber = Scrubber(raw, policy)
        if dry_run:
            from rmexif.cli import render

            if preview:
                picture, stats = scrubber.preview()
                store(preview, picture, force)
            else:
                stats = scrubber.dry_run()
            click.echo(render.as_json(stats))
            return
        data, stats = scrubber.process()
        target = choose(source, output, "scrubbed", extension_of(stats["output_format"]))
        store(target, data, force)
        report(stats, target, as_json, verbose)


@cli.command("strip")
@sources_argument
@output_option
@force_option
@json_option
@verbose_option
@folder_options
def strip_command(
    sources: tuple[str, ...], output: str | None, force: bool, as_json: bool, verbose: bool, **options: Any
) -> None:
    """Remove metadata without touching a pixel; faces stay."""
    from rmexif.lossless import strip
    from rmexif.types import Limits

    many, _ = folder_settings(options)
    if many.wanted(sources, output):
        from rmexif.cli import folder

        if as_json:
            raise Failure("many images: --json is for one; --json-lines is for many", USAGE)
        with told("strip"):
            sys.exit(folder.run(Limits(), sources, output, force, many))
    source = sources[0]
    with told(source):
        raw = load(source, Limits().max_bytes)
        data, stats = strip(raw)
        target = choose(source, output, "stripped", extension_of(stats["output_format"]))
        store(target, data, force)
        report(stats, target, as_json, verbose)


@cli.command("inspect")
@source_argument
@click.option("--values", is_flag=True, help="Show what the findings say: coordinates, names, dates.")
@json_option
def inspect_command(source: str, values: bool, as_json: bool) -> None:
    """Say what a file would give away."""
    from rmexif.cli import render
    from rmexif.inspection import inspect
    from rmexif.types import Limits

    with told(source):
        found = inspect(load(source, Limits().max_bytes), values=values)
    if as_json:
        click.echo(render.as_json(found.as_dict()))
    else:
        render.inspection(found)


@cli.command("verify")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@json_option
def verify_command(sources: tuple[str, ...], as_json: bool) -> None:
    """Exit with 1 and list what is left, unless every file is clean: a gate for CI and pre-commit."""
    from rmexif.cli import render
    from rmexif.lossless import verify
    from rmexif.types import Limits

    rows, code = [], 0
    for source in sources:
        row: dict[str, Any] = {"file": source}
        try:
            with told(source):
                row["findings"] = [finding.as_dict() for finding in verify(load(source, Limits().max_bytes))]
                code = max(code, 1 if row["findings"] else 0)
        except Failure as failure:
            row["error"] = str(failure)
            code = max(code, failure.code)
        rows.append(row)
    if as_json:
        click.echo(render.as_json(rows))
    else:
        for row in rows:
            for finding in row.get("findings", ()):
                click.echo(f"{row['file']}: {finding['category']} in {finding['where']}, {finding['length']} bytes")
            if "error" in row:
                click.echo(f"rmexif: {row['error']}", err=True)
    sys.exit(code)


@cli.command("serve")
@click.option("--host", help="Address to listen on; RMEXIF_HOST or 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; RMEXIF_PORT or 8000 by default.")
@click.option("--workers", type=click.IntRange(0), help="Worker processes; as many as processors by default.")
def serve_command(**options: Any) -> None:
    """Run the HTTP service and its page; settings come from RMEXIF_* variables (docs/http.md)."""
    from rmexif.service import serve
    from rmexif.service.settings import Settings

    with told("serve"):
        serve(Settings.from_environment(**options))


cli.add_command(batch_command)


def main() -> None:
    """Run the command line and exit."""
    from rmexif.io.quiet_stderr import silence_stderr

    try:
        with silence_stderr():
            cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.UsageError as error:
        error.show()
        sys.exit(USAGE)
    except Failure as failure:
        click.echo(f"rmexif: {failure}", err=True)
        sys.exit(failure.code)
    except BrokenPipeError:
        sys.exit(74)
