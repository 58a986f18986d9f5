"""The tables of the reference, made from what the code itself says: a field that is new is in them."""

from __future__ import annotations

import ast
import inspect
import re
import tokenize
from dataclasses import fields
from io import StringIO
from typing import TYPE_CHECKING, Any

from rmexif import containers, detectors, errors, policy, residuals, stats, styles, types
from rmexif.cli.commands import cli
from rmexif.service.openapi import document
from rmexif.service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

__all__ = ["TABLES"]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in lines
    )


def policy_table() -> str:
    """Every field of ``Policy``."""
    rows = []
    for item in fields(policy.Policy):
        about = item.metadata
        allowed = ", ".join(f"`{name}`" for name in about.get("choices") or ())
        if (bounds := about.get("range")) is not None:
            allowed = f"{bounds[0]} to {bounds[1]}"
        default = "`Limits()`" if item.name == "limits" else f"`{item.default!r}`"
        unit = f" ({about['unit']})" if about.get("unit") else ""
        rows.append((f"`{item.name}`", default, allowed or about.get("form") or "", about["help"] + unit))
    return _table(("field", "default", "allowed", "what"), rows)


def limits_table() -> str:
    """Every field of ``Limits``."""
    rows = ((f"`{item.name}`", f"{item.default:,}", item.metadata["help"]) for item in fields(types.Limits))
    return _table(("field", "default", "what it counts"), rows)


def stats_tables() -> str:
    """Every key of a report, with the comment that stands beside it in the source."""
    tables = []
    for name in (
        "Stats",
        "FindingStats",
        "FaceStats",
        "ResidualStats",
        "RepairStats",
        "CreditStats",
        "KeptStats",
        "DroppedStats",
    ):
        rows = [(f"`{key}`", f"`{kind}`", text) for key, kind, text in _fields_with_comments(getattr(stats, name))]
        summary = inspect.getdoc(getattr(stats, name)) or ""
        tables.append(f"### {name}\n\n{summary}\n\n{_table(('key', 'type', 'what'), rows)}")
    return "\n\n".join(tables)


def _fields_with_comments(cls: type) -> list[tuple[str, str, str]]:
    """Name, annotation and trailing comment of each annotated name in a class."""
    source = inspect.getsource(cls)
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    return [
        (item.target.id, ast.unparse(item.annotation), comments.get(item.end_lineno or item.lineno, ""))
        for item in body.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


def findings_table() -> str:
    """Every category of a finding."""
    rows = _members_with_comments(types.Category)
    return _table(("category", "what"), [(f"`{value}`", text) for value, text in rows])


def _members_with_comments(cls: type) -> list[tuple[str, str]]:
    """Value and trailing comment of each member of an enumeration of texts."""
    found = re.findall(r'^    [A-Z_]+ = "([a-z_]+)"(?:  # (.*))?$', inspect.getsource(cls), re.MULTILINE)
    return [(str(value), str(text)) for value, text in found]


def residuals_table() -> str:
    """Every residual."""
    rows = ((f"`{item.value}`", "yes" if item.bounded else "no", item.text) for item in residuals.Residual)
    return _table(("code", "bounded", "what stays"), rows)


def errors_table() -> str:
    """Every class of the error tree."""
    classes = [(name, getattr(errors, name)) for name in errors.__all__ if name[0].isupper()]
    rows = (
        (
            f"`{name}`",
            f"`{cls.code}`",
            str(cls.exit_code),
            str(cls.status_hint),
            str(inspect.getdoc(cls)).split("\n")[0],
        )
        for name, cls in classes
    )
    return _table(("class", "code", "exit", "HTTP", "when"), rows)


def names_table() -> str:
    """The names of the tables of extension points."""
    rows = [
        *(("format", f"`{row.format.name}`", ", ".join(row.format.extensions)) for row in containers.FORMATS),
        *(("detector", f"`{name}`", row.help) for name, row in detectors.DETECTORS.items()),
        *(("style", f"`{name}`", row.help) for name, row in styles.STYLES.items()),
    ]
    return _table(("table", "name", "what"), rows)


def commands() -> str:
    """Every command with its options, as click knows them."""
    import click

    def described(group: click.Group, context: click.Context) -> list[str]:
        """The commands of a group, each before those below it."""
        found = []
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context) as inner:
                found.append(_command(command, inner))
                found += described(command, inner) if isinstance(command, click.Group) else []
        return found

    with click.Context(cli, info_name="rmexif") as context:
        return "\n\n".join(described(cli, context))


def _command(command: click.Command, context: click.Context) -> str:
    formatter = context.make_formatter()
    command.format_help_text(context, formatter)
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    options = (item for item in command.get_params(context) if item.param_type_name == "option")
    records = (option.get_help_record(context) for option in options)
    rows = [(f"`{record[0]}`", record[1].replace("<", "&lt;")) for record in records if record is not None]
    text = "\n".join(line[2:] for line in formatter.getvalue().strip("\n").splitlines())
    return f"## {context.command_path}\n\n```text\n{usage}\n\n{text}\n```\n\n{_table(('option', 'what'), rows)}"


def routes() -> str:
    """Every route with its options, answers and errors, out of the OpenAPI description."""
    description: dict[str, Any] = document(Settings())
    parts = [f"OpenAPI {description['openapi']}, version {description['info']['version']} of the service."]
    for path, methods in description["paths"].items():
        for method, about in methods.items():
            parts.append(f"## {method.upper()} {path}\n\n{about['summary']}.")
            if options := about.get("parameters"):
                rows = [(f"`{item['name']}`", _schema_text(item["schema"]), item["description"]) for item in options]
                parts.append(_table(("option", "values", "what"), rows))
            answers = [
                (code, answer["description"], ", ".join(f"`{kind}`" for kind in answer.get("content", {})))
                for code, answer in about["responses"].items()
            ]
            parts.append(_table(("status", "when", "body"), answers))
    return "\n\n".join(parts)


def _schema_text(schema: dict[str, Any]) -> str:
    values = ", ".join(f"`{value}`" for value in schema.get("enum", ())) or str(schema["type"])
    if "minimum" in schema:
        values += f", {schema['minimum']} to {schema['maximum']}"
    return values + (f"; default `{schema['default']}`" if schema.get("default") is not None else "")


TABLES: dict[str, Callable[[], str]] = {
    "policy": policy_table,
    "limits": limits_table,
    "stats": stats_tables,
    "findings": findings_table,
    "residuals": residuals_table,
    "errors": errors_table,
    "names": names_table,
    "commands": commands,
    "routes": routes,
}
