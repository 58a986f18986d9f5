"""Options that several commands have; those of a policy are derived from its fields when a command is used."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rmexif.workers import POOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.options import Option
    from rmexif.policy import Policy
    from rmexif.types import Limits

__all__ = [
    "PolicyCommand",
    "SectionedCommand",
    "deadline_option",
    "force_option",
    "json_lines_option",
    "limit_options",
    "limits_from",
    "json_option",
    "keep_option",
    "output_option",
    "policy_from",
    "pool_option",
    "quiet_option",
    "repair_option",
    "sandbox_option",
    "select_options",
    "set_option",
    "take",
    "thorough_option",
    "verbose_option",
    "with_options",
]

Settings = TypeVar("Settings")

output_option = click.option("-o", "--output", metavar="FILE", help="Where the result goes; '-' is standard output.")
force_option = click.option("-f", "--force", is_flag=True, help="Replace an existing output.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
thorough_option = click.option(
    "--thorough", is_flag=True, help="JPEG XL, AVIF, HEIC: find bytes behind the last codes, by decoding."
)
repair_option = click.option(
    "--repair",
    type=click.Choice(("refuse", "complete")),
    default="refuse",
    show_default=True,
    help="Where rows are missing: refuse, or complete with grey if half are there.",
)
keep_option = click.option(
    "--keep",
    metavar="NAME[,NAME]",
    multiple=True,
    help="Metadata to keep, written anew from judged values (docs/credit.md); repeatable.",
)
set_option = click.option(
    "--set",
    "own",
    metavar="FIELD=TEXT",
    multiple=True,
    help="Metadata to write whatever the file says; repeatable.",
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say in one line what was done.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, and no line for each file.")
json_lines_option = click.option("--json-lines", is_flag=True, help="Print one line of JSON for each.")
pool_option = click.option(
    "--pool", type=click.Choice(POOLS), default=POOLS[0], show_default=True, help="What works on the images."
)
deadline_option = click.option(
    "--deadline", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For one image; implies processes."
)
sandbox_option = click.option(
    "--sandbox", is_flag=True, help="Work without files and network (Linux); implies processes, which do so anyway."
)


# Headings of --help, and the parameters that stand under each; all others stand under the first one.
OPTIONS, REDACTION, RESULT, MANY, LIMITS = "Options", "What is redacted", "What comes out", "Many images", "Limits"
SECTIONS: dict[str, tuple[str, ...]] = {
    REDACTION: (
        *("faces", "detectors", "codes", "documents", "text", "yunet", "models", "providers", "recall"),
        *("min_confidence", "margin", "style", "allow_weak", "regions", "keep_regions"),
    ),
    RESULT: ("output_format", "quality", "stealth", "frames", "repair", "keep", "own", "set", "seed", "thorough"),
    MANY: (
        *("include", "exclude", "quiet", "workers", "pool", "deadline", "sandbox", "lock_memory", "json_lines"),
        *("resume", "in_place", "keep_times", "neutral_names", "neutral_times"),
    ),
}


class SectionedCommand(click.Command):
    """A command whose help has its options under headings, the limits last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them."""
        rest = {str(param.name): param for param in self.get_params(ctx) if isinstance(param, click.Option)}
        sections = {heading: [rest.pop(name) for name in names if name in rest] for heading, names in SECTIONS.items()}
        limits = [rest.pop(name) for name in tuple(rest) if name.startswith("max_")]
        for heading, params in ((OPTIONS, rest.values()), *sections.items(), (LIMITS, limits)):
            if records := [record for param in params if (record := param.get_help_record(ctx))]:
                with formatter.section(heading):
                    formatter.write_dl(records)


class Region(click.ParamType[Any]):
    """``LEFT,TOP,RIGHT,BOTTOM`` in px of the upright picture, as the report and HTTP write it."""

    name = "LEFT,TOP,RIGHT,BOTTOM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """``(left, top, right, bottom)``."""
        if isinstance(value, tuple):
            return value
        try:
            left, top, right, bottom = (int(part) for part in str(value).split(","))
        except ValueError:
            self.fail("a region must be four whole numbers, LEFT,TOP,RIGHT,BOTTOM, in px", param, ctx)
        if left >= right or top >= bottom:
            self.fail("a region is LEFT,TOP,RIGHT,BOTTOM: RIGHT must be above LEFT, BOTTOM above TOP", param, ctx)
        return left, top, right, bottom


class TableName(click.Choice[str]):
    """A name of a table, which an argument may follow: ``yunet:FILE``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is, once the table knows its name, or each of those that commas separate."""
        if "," in str(value) and set(str(value).split(",")) <= set(self.choices):
            return str(value)
        super().convert(str(value).partition(":")[0], param, ctx)
        return str(value)


class PolicyCommand(SectionedCommand):
    """A command that takes the options of a policy beside its own.

    They are derived at every use, not when the module is imported: a new row of a table is a choice at once, and a
    command without a policy imports no table.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, those of the policy, and ``--help``."""
        own = super().get_params(ctx)
        derived = ctx.meta.setdefault(f"{__name__}.policy", _policy_parameters())
        return [*self.params, *derived, *own[len(self.params) :]]


def policy_from(options: dict[str, Any], output: str | None = None) -> Policy:
    """A policy out of parsed options.

    Args:
        options: values by the names of fields; ``output_format`` and ``max_...`` among them.
        output: the format where ``output_format`` is not given.

    Raises:
        InvalidPolicy: an option has a value that is not allowed.
    """
    from rmexif.policy import Policy

    values = dict(options)
    chosen = values.pop("output_format", None) or output
    limits = limits_from(values)
    return Policy(**values, output=chosen, limits=limits)


def limits_from(options: dict[str, Any]) -> Limits:
    """The limits among parsed options, which are taken out of them; the others have their defaults."""
    from rmexif.types import Limits

    names = [item.name for item in fields(Limits) if item.name in options]
    return Limits(**{name: value for name in names if (value := options.pop(name)) is not None})


def limit_options(command: Any) -> Any:
    """Decorate a command with an option for each limit."""
    return with_options(*(click.option(*words, **about) for words, about in _limits()))(command)


def with_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """One decorator of several, in the order in which ``--help`` lists them."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


select_options = with_options(
    click.option(
        "--include", metavar="PATTERN", multiple=True, help="Of a folder: only these files, as '*.jpg'; repeatable."
    ),
    click.option("--exclude", metavar="PATTERN", multiple=True, help="Of a folder: not these files; repeatable."),
)


def take(kind: type[Settings], options: dict[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """The options that are fields of the dataclass or named tuple ``kind``, as such, and the rest."""
    own = kind.__annotations__.keys()
    rest = {name: value for name, value in options.items() if name not in own}
    return kind(**{name: value for name, value in options.items() if name in own}), rest


def _policy_parameters() -> list[click.Parameter]:
    from rmexif.options import policy_options

    derived: list[click.Parameter] = [_parameter(option) for option in policy_options().values()]
    limits = [click.Option(list(words), **about) for words, about in _limits()]
    return [*derived, *limits]


def _limits() -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """What ``click.option`` takes for each limit."""
    from rmexif.types import Limits

    return [
        (
            (_flag(item.name),),
            {
                "type": click.IntRange(1),
                "metavar": "N",
                "show_default": str(item.default),
                "help": f"Most {item.metadata['help']}.",
            },
        )
        for item in fields(Limits)
    ]


def _parameter(option: Option) -> click.Option:
    """The command line's form of an option of the policy."""
    help_text = f"{option.description[:1].upper()}{option.description[1:]}."
    if option.kind == "boolean":
        flag = _flag(option.name)
        spelt = f"{flag}/--no-{flag[2:]}" if option.default else flag
        return click.Option([spelt], is_flag=True, default=option.default, show_default=option.default, help=help_text)
    if option.kind == "texts":
        help_text = f"{help_text[:-1]}; repeatable."
        return click.Option([_flag(option.name)], metavar=option.form, multiple=True, help=help_text)
    if option.is_repeatable:
        singular = _flag(option.name).removesuffix("s")
        one: click.ParamType[Any] = Region() if option.kind == "regions" else TableName(option.choices)
        return click.Option(
            [singular, option.name],
            type=one if option.choices or option.kind == "regions" else click.STRING,
            metavar=option.form,
            multiple=True,
            default=option.default,
            show_default=bool(option.default),
            help=f"{help_text[:-1]}; repeatable.",
        )
    names = ["--format", "output_format"] if option.name == "output" else [_flag(option.name)]
    metavar = {"integer": "N", "number": "NUMBER"}.get(option.kind)
    return click.Option(
        names, type=_type(option), metavar=metavar, default=option.default, show_default=True, help=help_text
    )


def _type(option: Option) -> click.ParamType[Any] | None:
    if option.choices:
        return click.Choice(option.choices)
    if option.kind == "integer":
        return click.IntRange(int(option.range[0]), int(option.range[1])) if option.range else click.INT
    if option.kind == "number":
        return click.FloatRange(*option.range) if option.range else click.FLOAT
    return None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
