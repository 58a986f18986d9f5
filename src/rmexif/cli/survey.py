"""A look at many files that changes none: for ``inspect``, ``verify`` and ``--dry-run`` over folders."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import places, render
from rmexif.cli.failure import NO_INPUT, NOTHING_FOUND, Failure, cli_errors, printable
from rmexif.cli.progress import progress_bar
from rmexif.cli.sources import is_remote
from rmexif.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["LookSettings", "Row", "Survey", "survey"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSettings:
    """Options of a look at many files."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    json_lines: bool
    quiet: bool


@dataclass(slots=True)
class Survey:
    """What a look at many files found.

    Attributes:
        exit_codes: of the files that could not be read.
    """

    files: int = 0
    with_findings: int = 0
    exit_codes: set[int] = field(default_factory=set)
    found: Counter[str] = field(default_factory=Counter)  # findings by category
    files_by_category: Counter[str] = field(default_factory=Counter)
    faces: int = 0

    def add(self, row: Row) -> None:
        """Count one file."""
        self.files += 1
        categories = Counter[str]()
        for finding in row.get("findings", ()):
            categories[finding["category"]] += finding.get("count", 1)
        self.with_findings += bool(categories)
        self.found += categories
        self.files_by_category.update(categories.keys())
        self.faces += row.get("faces_detected", 0)

    @property
    def exit_code(self) -> int:
        """65 where images were refused, else the largest that occurred."""
        refused = InputError.exit_code
        return refused if refused in self.exit_codes else max(self.exit_codes, default=0)

    def table(self) -> None:
        """Print the summary."""
        click.echo(
            f"{self.files} file{'' if self.files == 1 else 's'}, {self.with_findings} with findings"
            + f", {self.faces} faces" * bool(self.faces)
        )
        for category, count in sorted(self.found.items()):
            click.echo(f"  {category:<16} {count:>8} findings in {self.files_by_category[category]} files")


def survey(
    sources: Sequence[str],
    look: Callable[[bytes], Row],
    settings: Any,
    limit: int,
    show: Callable[[Row], None] | None = None,
) -> Survey:
    """Look at every file that the sources name; one that cannot be read costs itself only.

    Args:
        sources: files, folders, patterns, URLs.
        look: what is to be known of a file, by its bytes.
        settings: ``include``, ``exclude``, ``json_lines``, ``quiet`` of the command line.
        limit: byte: the largest file.
        show: prints a row for a person; None prints all rows as one JSON array.
    """
    found = Survey()
    selection = places.Selection(settings.include, settings.exclude)
    with ExitStack() as stack:
        bar = stack.enter_context(progress_bar("files", lambda: _count(sources, selection), settings.quiet))
        array = stack.enter_context(render.json_array()) if show is None else None
        for row in _rows(sources, selection, look, limit, found):
            found.add(row)
            if bar is not None:
                bar.make_way()
            _tell(row, settings, show)
            if array is not None:
                array(row)
            if bar is not None:
                bar.advance(name=row["file"])
    if not found.files and not settings.quiet:
        click.echo(NOTHING_FOUND, err=True)
    return found


def _rows(
    sources: Sequence[str], selection: places.Selection, look: Callable[[bytes], Row], limit: int, found: Survey
) -> Iterator[Row]:
    """One row for each file."""
    skipped: list[Row] = []

    def skip(place: str, why: str) -> None:
        if "cannot" in why:
            found.exit_codes.add(NO_INPUT)
            skipped.append({"file": place, "error": f"{printable(place)}: {why}"})
        else:
            click.echo(f"rmexif: {printable(place)}: left out: it is {why}", err=True)

    for entry in places.entries(sources, selection=selection, skip=skip):
        yield from skipped
        skipped.clear()
        try:
            with cli_errors(entry.source):
                yield {"file": entry.source} | look(places.read(entry.source, limit, pipes=entry.is_named))
        except Failure as failure:
            found.exit_codes.add(failure.code)
            yield {"file": entry.source, "error": str(failure)}
        except OSError as error:
            found.exit_codes.add(NO_INPUT)
            yield {"file": entry.source, "error": f"{printable(entry.source)}: cannot be read: {error.strerror}"}
    yield from skipped


def _tell(row: Row, settings: Any, show: Callable[[Row], None] | None) -> None:
    """Print what is to be known of a file at once."""
    if settings.json_lines:
        click.echo(json.dumps(row, ensure_ascii=True))
    elif "error" in row and not settings.quiet:
        click.echo(f"rmexif: {row['error']}", err=True)
    elif show is not None and not settings.quiet:
        show(row)


def _count(sources: Sequence[str], selection: places.Selection) -> int | None:
    if any(map(is_remote, sources)):
        return None
    return sum(1 for _ in places.entries(sources, selection=selection))
