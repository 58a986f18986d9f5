"""``rmexif scrub``, and ``rmexif`` alone: metadata gone, faces redacted, re-encoded."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import files, render
from rmexif.cli.failure import USAGE, Failure, cli_errors, printable
from rmexif.cli.folder_settings import FolderSettings, folder_options
from rmexif.cli.options import (
    PolicyCommand,
    force_option,
    json_option,
    output_option,
    policy_from,
    take,
    verbose_option,
)

if TYPE_CHECKING:
    from rmexif.cli.survey import Row
    from rmexif.policy import Policy

__all__ = ["scrub_command"]

MAX_MODEL = 64 << 20  # byte: the published files of YuNet have less than 1 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one result is wanted for."""

    output: str | None
    force: bool
    dry_run: bool
    preview: str | None
    as_json: bool
    verbose: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraDetectors:
    """Short forms of ``--detector NAME`` that add to the others."""

    codes: bool
    documents: bool
    text: bool
    yunet: str | None

    def add_to(self, policy: Policy) -> Policy:
        """The policy with them."""
        extra: list[Any] = [name for name in ("codes", "documents", "text") if getattr(self, name)]
        if self.yunet:
            from rmexif.detectors import YuNet

            extra.append(YuNet(files.load(self.yunet, MAX_MODEL)))
        return replace(policy, detectors=(*policy.detectors, *extra)) if extra else policy


@click.command("scrub", cls=PolicyCommand)
@click.argument("sources", metavar="FILE|FOLDER|URL...", nargs=-1, required=True)
@output_option
@force_option
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be found; write nothing.")
@click.option(
    "--preview", metavar="FILE", help="With --dry-run: write the picture with outlines and scores, uncovered."
)
@click.option("--codes", is_flag=True, help="Cover QR codes and barcodes too (extra: codes).")
@click.option(
    "--documents", is_flag=True, help="Cover lines that identify: mail, phone, IBAN, cards, passports (text)."
)
@click.option("--text", is_flag=True, help="Cover text too (extra: text).")
@click.option("--yunet", metavar="FILE", help="Search with OpenCV's YuNet too, from this model file.")
@json_option
@verbose_option
@folder_options
def scrub_command(sources: tuple[str, ...], **options: Any) -> None:
    """Remove metadata, redact faces and encode again.

    \b
    rmexif photo.jpg                       writes photo.scrubbed.jpg beside it
    rmexif photo.jpg -o clean.png          converts on the way
    rmexif photos/ -o clean/ --workers 4   a folder, keeping the tree
    rmexif - -o - < photo.jpg > out.jpg    a pipe

    It is the command that runs where none is named. Exit code: 0, or 65 where an image is refused, 66 where it cannot
    be read, 73 where the result cannot be written, 64 for a wrong command line, 78 for the installation.
    """  # noqa: D301 - \b is click's mark of a paragraph that is not wrapped
    target, options = take(Target, options)
    extra, options = take(ExtraDetectors, options)
    many, options = take(FolderSettings, options)
    several = many.wanted(sources, target.output)
    _check(target, several)
    with cli_errors("policy" if several else sources[0]):
        wanted = None if several else files.format_of(target.preview or target.output)
        policy = extra.add_to(policy_from(options, None if options["output_format"] else wanted))
        if several and target.dry_run:
            sys.exit(_dry_runs(sources, policy, many))
        if several:
            from rmexif.cli import folder

            sys.exit(folder.run(policy, sources, target.output, target.force, many, target.verbose))
        (_dry_run if target.dry_run else _scrub)(sources[0], policy, target)


def _check(target: Target, several: bool) -> None:
    if several and (target.as_json or target.preview):
        raise Failure("many images: --json and --preview are for one; --json-lines is for many", USAGE)
    if target.preview and not target.dry_run:
        raise Failure("--preview goes with --dry-run", USAGE)


def _scrub(source: str, policy: Policy, target: Target) -> None:
    from rmexif.scrubber import scrub

    data, stats = scrub(files.load(source, policy.limits.max_bytes), policy)
    place = files.target_of(source, target.output, "scrubbed", stats["output_format"])
    files.store(place, data, target.force)
    render.report(stats, place, target.as_json, target.verbose)


def _dry_runs(sources: tuple[str, ...], policy: Policy, settings: FolderSettings) -> int:
    """What many files hold, file by file and in sum; the exit code."""
    from rmexif.cli.survey import survey
    from rmexif.scrubber import Scrubber

    def look(raw: bytes) -> Row:
        return dict(Scrubber(raw, policy).dry_run())

    def show(row: Row) -> None:
        click.echo(f"{printable(row['file'])}: {row['faces_detected']} faces, {row['findings_count']} findings")

    found = survey(sources, look, settings, policy.limits.max_bytes, show)
    if not (settings.quiet or settings.json_lines):
        found.table()
    return found.exit_code


def _dry_run(source: str, policy: Policy, target: Target) -> None:
    from rmexif.scrubber import Scrubber

    scrubber = Scrubber(files.load(source, policy.limits.max_bytes), policy)
    if target.preview:
        picture, stats = scrubber.preview()
        files.store(target.preview, picture, target.force)
    else:
        stats = scrubber.dry_run()
    click.echo(render.as_json(stats))
