"""What a person sees: tables for a terminal, JSON for a script. Text from a file is escaped, never interpreted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rmexif.inspection import Inspection
    from rmexif.stats import Stats
    from rmexif.types import Finding

__all__ = ["as_json", "findings_table", "inspection", "json_array", "report", "size", "summary_line"]


def as_json(value: Any) -> str:
    """Indented JSON, ASCII only: nothing from a file can move a cursor."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=True)


@contextmanager
def json_array() -> Iterator[Callable[[Any], None]]:
    """Takes values one after the other, and prints them as one array, as ``as_json`` would print all of them."""
    before = "["

    def add(value: Any) -> None:
        nonlocal before
        click.echo(f"{before}\n{as_json(value)}".replace("\n", "\n  "), nl=False)
        before = ","

    try:
        yield add
    finally:
        click.echo("[]" if before == "[" else "\n]")


def size(count: int) -> str:
    """Bytes for a person."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count_f = count / 1024
        count = count_f  # type: ignore[assignment]
    return f"{count:.1f} GiB"


def findings_table(found: Sequence[Finding]) -> None:
    """Print findings, grouped by what they give away, to standard output."""
    rows = [("gives away", "place", "size", "value")]
    rows += [
        (item.category.value, item.where, size(item.length), item.value or "")
        for item in sorted(found, key=lambda f: (f.category.value, f.where))
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    with_values = any(item.value is not None for item in found)
    for category, where, length, value in rows:
        line = f"{category:{widths[0]}}  {where:{widths[1]}}  {length:>{widths[2]}}"
        click.echo(f"{line}  {value}".rstrip() if with_values else line)


def inspection(report: Inspection) -> None:
    """Print what a file would give away."""
    frames = f", {report.frames} frames" if report.frames > 1 else ""
    click.echo(f"{report.format}, {report.width} x {report.height} px{frames}, {size(report.size)}")
    if report.findings:
        findings_table(report.findings)
    else:
        click.echo("nothing beside the picture")


def report(stats: Stats, target: str, as_json_text: bool, verbose: bool) -> None:
    """Print what was done, if asked: on standard output, or on standard error where the picture goes there."""
    if as_json_text:
        click.echo(as_json(stats), err=target == "-")
    elif verbose:
        click.echo(summary_line(stats), err=True)


def summary_line(stats: Stats) -> str:
    """One line on what was done, for ``-v``."""
    faces = stats.get("faces_detected")
    words = [f"{stats['format']} -> {stats['output_format']}"]
    if faces is not None:
        words.append(f"{faces} face{'' if faces == 1 else 's'} redacted")
    count = stats["findings_count"]
    words.append(f"{count} finding{'' if count == 1 else 's'} removed")
    words.append(f"{size(stats['original_size'])} -> {size(stats['new_size'])}")
    words.append(f"{stats['processing_time_ms']:.0f} ms")
    return ", ".join(words)
