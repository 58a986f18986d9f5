"""The options of a policy as every edge offers them: derived from the fields of ``Policy``, written nowhere else.

A field says its default, its help, its range and its choices; a table that it names is asked anew each time, so that a
new row of ``STYLES``, ``DETECTORS`` or ``FORMATS`` is an option value without another line. How an option is spelt is
the edge's own affair: ``--keep-region`` at the command line, ``keep_regions=`` over HTTP.
"""

from __future__ import annotations

import re
from dataclasses import Field, dataclass, fields
from typing import Any, Literal

from rmexif.errors import InvalidPolicy
from rmexif.policy import Policy

__all__ = ["Kind", "Option", "policy_options"]

Kind = Literal["boolean", "integer", "number", "string", "names", "regions", "texts"]

KINDS: dict[str, Kind] = {"bool": "boolean", "int": "integer", "float": "number"}
MAX_QUOTED = 40  # characters of a wrong value that an error repeats
MAX_COORDINATE = 1 << 31  # px: far beyond any format's width


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a policy, or an option beside them that an edge adds.

    Args:
        name: of the field.
        kind: what a value is; ``names``, ``regions`` and ``texts`` may be given several times.
        default: of the field; None where there is none.
        help: half a sentence.
        range: least and most value, both included.
        choices: the values that are allowed.
        unit: of a number or a box.
        form: how a value is written, where no choices say so.
        is_operators: no client of a service may set it.
    """

    name: str
    kind: Kind
    default: Any
    help: str = ""
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    unit: str | None = None
    form: str | None = None
    is_operators: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be given several times; its value is a tuple then."""
        return self.kind in ("names", "regions", "texts")

    @property
    def description(self) -> str:
        """Help and unit in one phrase."""
        return f"{self.help} ({self.unit})" if self.unit else self.help

    def parse(self, text: str) -> Any:
        """The value that ``text`` stands for; of a repeatable option a tuple of those that ``;`` separates.

        Where there are choices, commas separate them too; texts are taken as they stand.

        Raises:
            InvalidPolicy: it stands for none that is allowed.
        """
        if self.kind == "texts":
            return (text,)
        if self.is_repeatable:
            one = self._parse_region if self.kind == "regions" else self._parse_choice
            return tuple(one(part.strip()) for part in re.split("[;,]" if self.choices else ";", text) if part.strip())
        if self.kind == "boolean":
            if text.lower() not in ("true", "false", "1", "0"):
                raise self._refusal("true or false", text)
            return text.lower() in ("true", "1")
        if self.kind == "string":
            return self._parse_choice(text)
        return self._parse_number(text)

    def _parse_choice(self, text: str) -> str:
        if self.choices and text not in self.choices:
            raise self._refusal(f"one of {', '.join(self.choices)}", text)
        return text

    def _parse_number(self, text: str) -> int | float:
        try:
            number = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            raise self._refusal("a whole number" if self.kind == "integer" else "a number", text) from None
        if self.range is not None and not self.range[0] <= number <= self.range[1]:
            raise self._refusal(f"between {self.range[0]} and {self.range[1]}", text)
        return number

    def _parse_region(self, text: str) -> tuple[int, ...]:
        box, at, frame = text.partition("@")
        try:
            left, top, right, bottom = numbers = tuple(int(part) for part in box.split(","))
            of_frame = (int(frame),) if at else ()
        except ValueError:
            raise self._refusal("left,top,right,bottom[@frame] in px", text) from None
        if max(map(abs, (*numbers, *of_frame))) > MAX_COORDINATE or left >= right or top >= bottom:
            raise self._refusal("left,top,right,bottom in px, with left < right and top < bottom", text)
        return (*numbers, *of_frame)

    def _refusal(self, expected: str, text: str) -> InvalidPolicy:
        return InvalidPolicy(f"{self.name} must be {expected}, got {text[:MAX_QUOTED]!r}")


def policy_options() -> dict[str, Option]:
    """Every option that can be written as text, in the order of Policy's fields; limits are the operator's."""
    return {item.name: _option(item) for item in fields(Policy) if item.name != "limits"}


def _option(item: Field[Any]) -> Option:
    about = item.metadata
    choices = tuple(about.get("choices") or ())
    return Option(
        item.name,
        _kind(item),
        item.default,
        about.get("help", ""),
        about.get("range"),
        choices,
        about.get("unit"),
        about.get("form"),
        about.get("is_operators", False),
    )


def _kind(item: Field[Any]) -> Kind:
    """What the values of a field are; annotations are text, since the types that they name are not imported here."""
    annotation = str(item.type)
    if item.metadata.get("is_text"):
        return "texts"
    if annotation.startswith("tuple["):
        return "regions" if "Box" in annotation else "names"
    return KINDS.get(annotation.split("|")[0].strip(), "string")
