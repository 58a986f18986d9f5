"""Documents that list what the code has: a code, a class or an option without its line fails."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from rmexif import errors
from rmexif.containers import FORMATS
from rmexif.credit.table import FIELDS, KEEP_NAMES
from rmexif.residuals import Residual
from rmexif.types import Limits

DOCS = Path(__file__).parents[2] / "docs"


def rows_of(document: str, first_cell: str) -> dict[str, list[str]]:
    """The rows of a table whose first cell matches, by the code in it."""
    found = {}
    for line in (DOCS / document).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and (match := re.fullmatch(first_cell, cells[0])):
            found[match[1]] = cells[1:]
    return found


def test_every_residual_has_its_row_with_its_bound() -> None:
    """``docs/formats.md``: code, formats, carrier, and whether a bound is known."""
    rows = rows_of("formats.md", r"`([a-z0-9-]+)`")

    assert set(rows) == {residual.value for residual in Residual}
    for residual in Residual:
        bound = rows[residual.value][-1]
        assert bound.startswith("unbounded") is not residual.bounded or residual is Residual.PIXELS, residual


def test_every_error_has_its_row() -> None:
    """``docs/errors.md``: class, code, exit code and HTTP status."""
    rows = rows_of("errors.md", r"`([A-Z][A-Za-z]+)`")
    classes = {name: getattr(errors, name) for name in errors.__all__ if name[0].isupper() and name != "RmexifError"}

    assert set(rows) == set(classes)
    for name, cls in classes.items():
        assert rows[name][:3] == [f"`{cls.code}`", str(cls.exit_code), str(cls.status_hint)], name


def test_every_format_has_its_row() -> None:
    """``docs/formats.md`` speaks of each."""
    text = (DOCS / "formats.md").read_text().lower().replace("jpeg xl", "jxl")

    assert all(row.format.name in text for row in FORMATS)


def test_every_limit_has_its_row() -> None:
    """``docs/errors.md``: field and default."""
    rows = rows_of("errors.md", r"`(max_[a-z_]+)`")

    assert {name: int(cells[0]) for name, cells in rows.items()} == {
        field.name: field.default for field in fields(Limits)
    }


def test_every_layer_is_in_the_picture() -> None:
    """``docs/architecture.md`` names the rooms that the contract orders, top to bottom."""
    contracts = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "layers")
    rooms = [name for layer in layers for name in re.findall(r"[a-z_]+", layer) if name != "__main__"]
    picture = (DOCS / "architecture.md").read_text().split("```")[1]
    words = [word for line in picture.splitlines() for word in re.split(r"\s{3,}", line.strip())[0].split()]

    assert set(rooms) <= set(re.findall(r"[a-z_]+", picture)), set(rooms) - set(words)


def test_every_field_of_a_credit_has_its_row() -> None:
    """``docs/credit.md``: names of ``keep`` and of fields, properties and data sets, lengths."""
    text = (DOCS / "credit.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|")]

    for name in set(KEEP_NAMES) - {"date=day"}:
        assert f"`{name}`" in text, name
    for item in FIELDS:
        row = next(row for row in rows if f"`{item.name}`" in row.split("|")[2])
        assert f"`{item.xmp}`" in row, item.name
        assert item.iim is None or f"2:{item.iim[0]}" in row, item.name
    for length in {item.most for item in FIELDS if item.judge.__name__ == "plain_text"}:
        assert str(length) in text, length
