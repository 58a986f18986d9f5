"""``rmexif batch report`` and ``rmexif batch audit``: what a manifest says, and whether it is so."""

from __future__ import annotations

import html
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from rmexif.cli import render
from rmexif.cli.failure import NO_INPUT, Failure, cli_errors, printable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

    from rmexif.batch.audit import Audit
    from rmexif.batch.report import Report

__all__ = ["audit_command", "report_command"]

FOUND = 1  # exit code, as of verify
FOLDERS = 60  # drawn on the page, those with most refusals first
COLOURS = {"ok": "#3a7d44", "gone": "#8a8a8a"}  # all other codes are refusals
REFUSED = "#b3261e"
STYLE = """body{font:15px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr));gap:1rem}
figure{margin:0}figcaption{overflow-wrap:anywhere}svg{width:100%;height:14px;display:block}"""

manifest_option = click.option("--manifest", "at", metavar="PLACE", help="Where it lies; TARGET/_rmexif by default.")


@click.command("report")
@click.argument("target")
@manifest_option
@click.option("--json", "form", flag_value="json", help="As JSON.")
@click.option("--html", "form", flag_value="html", help="As a page.")
@click.option("--most", type=click.IntRange(0), default=100, show_default=True, help="Rows of each kind to name.")
def report_command(target: str, at: str | None, form: str | None, most: int) -> None:
    """Say what was refused and why, what changed, and totals by code."""
    with _batch_errors():
        from rmexif.batch.report import report

        made = report(target, at=at, most=most)
    text = {"json": lambda: render.as_json(made.as_dict()), "html": lambda: page(made)}
    click.echo(text.get(form or "", lambda: table(made))())


@click.command("audit")
@click.argument("target")
@click.option("--sample", type=click.IntRange(1), default=1000, show_default=True, help="Outputs to draw.")
@manifest_option
@click.option(
    "--smallest", type=click.IntRange(0), default=32, show_default=True, help="Faces below it: no matter (px)."
)
@click.option(
    "--confidence", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True,
    help="Of the bound.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1), help="Outputs at once.")
@click.option("--seed", type=int, help="Draws the same sample again.")
@click.option("--pictures", metavar="FOLDER", help="Copy outputs with faces there, for human review.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def audit_command(target: str, sample: int, as_json: bool, **options: Any) -> None:
    """Verify and search outputs drawn at random, and say what that means for all.

    Exit code 1 if anything was found.
    """
    with _batch_errors():
        from rmexif.batch.audit import audit

        made = audit(target, sample, **options)
    click.echo(render.as_json(made.as_dict()) if as_json else audit_text(made))
    sys.exit(FOUND if made.findings else 0)


@contextmanager
def _batch_errors() -> Iterator[None]:
    """``cli_errors``, and a folder that cannot be read.

    Raises:
        Failure: with one line for a person.
    """
    try:
        with cli_errors("batch"):
            yield
    except OSError as error:
        raise Failure(f"batch: a folder cannot be read or made: {error.strerror}", NO_INPUT) from error


def table(made: Report) -> str:
    """A report for a terminal."""
    sizes = f"{render.size(made.original_bytes)} to {render.size(made.new_bytes)}"
    lines = [f"{made.codes.total()} {_what(made)}, {sizes}, {made.changed} changed"]
    for title, counts in _sums(made).items():
        lines += ["", title, *(f"  {count:>9}  {name}" for name, count in counts.most_common())]
    for title, rows in (("refused", made.refused_rows), ("changed", made.changed_rows), ("gone", made.gone_rows)):
        lines += ["", title] if rows else []
        lines += ["  " + "  ".join(printable(str(value)) for value in row.values() if value) for row in rows]
    return "\n".join(lines)


def page(made: Report) -> str:
    """A report as a page of its own: totals, a bar for every folder, and the rows to look at; no script, no address."""
    worst = sorted(made.folders.items(), key=lambda item: (-_refused(item[1]), item[0]))
    figures = "".join(
        f"<figure>{_bar(codes)}<figcaption>{html.escape(printable(name))}: {codes['ok']} of {codes.total()}"
        "</figcaption></figure>"
        for name, codes in worst[:FOLDERS]
    )
    totals = "".join(_totals(title.capitalize(), counts) for title, counts in _sums(made).items())
    rows = "".join(
        _rows(title, rows)
        for title, rows in (("Refused", made.refused_rows), ("Changed", made.changed_rows), ("Gone", made.gone_rows))
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>rmexif batch report</title>'
        f"<style>{STYLE}</style></head><body><h1>{made.codes.total()} {_what(made)}</h1>"
        f"<p>{render.size(made.original_bytes)} to {render.size(made.new_bytes)}; {made.changed} changed.</p>"
        f'<h2>Folders</h2><div class="multiples">{figures}</div>{totals}{rows}</body></html>'
    )


def _what(made: Report) -> str:
    """What the codes count."""
    return f"images in {made.shards.total()} shards" if made.shards else "objects"


def _sums(made: Report) -> dict[str, Counter[str]]:
    """The tables of a report; that of shards only where there are any."""
    shards = {"shards": made.shards} if made.shards else {}
    return {"code": made.codes, **shards, "format": made.formats, "found": made.findings}


def _refused(codes: Counter[str]) -> int:
    return sum(count for code, count in codes.items() if code not in COLOURS)


def _bar(codes: Counter[str]) -> str:
    total, left, parts = codes.total(), 0.0, []
    for colour, count in ((COLOURS["ok"], codes["ok"]), (REFUSED, _refused(codes)), (COLOURS["gone"], codes["gone"])):
        width = 100 * count / total
        parts.append(f'<rect x="{left:.3f}" width="{width:.3f}" height="14" fill="{colour}"/>')
        left += width
    label = f"{codes['ok']} ok, {_refused(codes)} refused, {codes['gone']} gone"
    return (
        f'<svg viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _totals(title: str, counts: Counter[str]) -> str:
    body = "".join(
        f'<tr><td class="n">{count}</td><td>{html.escape(printable(name))}</td></tr>'
        for name, count in counts.most_common()
    )
    return f"<h2>{title}</h2><table>{body}</table>"


def _rows(title: str, rows: Iterable[dict[str, Any]]) -> str:
    body = "".join(_cells(rows))
    return f"<h2>{title}</h2><table>{body}</table>" if body else ""


def _cells(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        cells = "".join(f"<td>{html.escape(printable(str(value)))}</td>" for value in row.values() if value)
        yield f"<tr>{cells}</tr>"


def audit_text(made: Audit) -> str:
    """An audit for a person."""
    lines = [f"{made.sample} of {made.outputs} outputs drawn"]
    for problem, words in (
        ("faces", f"hold a face of {made.smallest} px or more that the widest search finds"),
        ("unclean", "are not what a canonical rewrite would be"),
        ("altered", "are not what the manifest says"),
        ("missing", "are missing"),
        ("unsearched", "cannot be searched"),
    ):
        hits = made.as_dict()["counts"][problem]
        lines.append(
            f"  {hits} {words}: at most {100 * made.share(problem):.2g} % of all, {100 * made.confidence:g} % sure"
        )
    lines += [f"  {item.problem}: {printable(item.output)}" for item in made.findings]
    return "\n".join(lines)
