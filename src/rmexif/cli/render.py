"""What a person sees: tables for a terminal, JSON for a script. Text from a file is escaped, never interpreted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.inspection import Inspection
    from rmexif.stats import Stats
    from rmexif.types import Finding

__all__ = ["as_json", "findings_table", "inspection", "report", "size", "summary_line"]


def as_json(value: Any) -> str:
    """Indented JSON, ASCII only: nothing from a file can move a cursor."""
    return json.dumps(value, indent=2, ensure_ascii=True)


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
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    with_values = any(item.value is not None for item in found)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("gives away", "place", "size", *(["value"] if with_values else [])):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    for item in sorted(found, key=lambda f: (f.category.value, f.where)):
        row = [Text(item.category.value), Text(item.where), Text(size(item.length))]
        table.add_row(*row, *([Text(item.value or "")] if with_values else []))
    Console(highlight=False, markup=False, emoji=False).print(table)


def inspection(report: Inspection) -> None:
    """Print what a file would give away."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    frames = f", {report.frames} frames" if report.frames > 1 else ""
    console.print(f"{report.format}, {report.width} x {report.height} px{frames}, {size(report.size)}")
    if report.findings:
        findings_table(report.findings)
    else:
        console.print("nothing beside the picture")


def report(stats: Stats, target: str, as_json_text: bool, verbose: bool) -> None:
    """Print what was done, if asked: on standard output, or on standard error where the picture goes there."""
    import click

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
    words.append(f"{stats['findings_count']} findings removed")
    words.append(f"{size(stats['original_size'])} -> {size(stats['new_size'])}")
    words.append(f"{stats['processing_time_ms']:.0f} ms")
    return ", ".join(words)
