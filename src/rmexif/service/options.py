"""Options of a request: the fields of ``Policy``, by their names, as text; one reader for query, form and API page."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from rmexif.containers import FORMATS
from rmexif.errors import InvalidPolicy
from rmexif.policy import Policy
from rmexif.styles import STYLES
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HELP", "Option", "options", "policy_from"]

SET_BY_OPERATOR = ("detectors", "limits")
MOST_REGIONS = 500
HELP = {
    "faces": "search for faces and redact them",
    "recall": "how much is searched",
    "min_confidence": "lowest score of a face, 0-1; the plan's own by default",
    "margin": "added around a face, as a fraction of its size, 0-4",
    "style": "how faces are redacted",
    "allow_weak": "allow a style that a recogniser may see through",
    "regions": "to redact too: left,top,right,bottom in px of the upright picture; repeat, or separate by ';'",
    "keep_regions": "to leave: faces whose centre lies inside; written as regions",
    "stealth": "0.99x with a fresh crop on every run",
    "quality": "1-100, for lossy formats",
    "output": "format of the result; the input's by default",
    "frames": "of an animation or of pages",
    "seed": "make a run repeatable; without it every run is different",
}
CHOICES = {"style": tuple(STYLES), "output": tuple(row.format.name for row in FORMATS)}
RANGES = {"min_confidence": (0, 1), "margin": (0, 4), "quality": (1, 100), "seed": (0, (1 << 64) - 1)}


@dataclass(frozen=True, slots=True)
class Option:
    """One field of Policy, as a client sees it."""

    name: str
    kind: str  # "boolean", "integer", "number", "string", "regions"
    default: Any
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    @property
    def help(self) -> str:
        """What it does, in half a sentence."""
        return HELP.get(self.name, "")

    def read(self, texts: list[str]) -> Any:
        """The value that ``texts`` say.

        Raises:
            InvalidPolicy: they say none that is allowed.
        """
        if self.kind == "regions":
            return tuple(_region(self.name, part) for text in texts for part in text.split(";") if part.strip())
        if len(texts) > 1:
            raise InvalidPolicy(f"{self.name}: it is given once")
        text = texts[0].strip()
        if self.kind == "boolean":
            if text.lower() not in ("true", "false", "1", "0"):
                raise InvalidPolicy(f"{self.name}: it is true or false")
            return text.lower() in ("true", "1")
        if self.choices and text not in self.choices:
            raise InvalidPolicy(f"{self.name}: it is one of {', '.join(self.choices)}")
        if self.kind == "string":
            return text
        try:
            return int(text) if self.kind == "integer" else float(text)
        except ValueError as error:
            raise InvalidPolicy(f"{self.name}: it is a number") from error


@cache
def options() -> dict[str, Option]:
    """Every option, in the order of Policy's fields."""
    hints = get_type_hints(Policy)
    table = {}
    for item in fields(Policy):
        if item.name in SET_BY_OPERATOR:
            continue
        hint, choices = hints[item.name], CHOICES.get(item.name, ())
        if get_origin(hint) is Literal:
            hint, choices = str, get_args(hint)
        if get_origin(hint) is types.UnionType:
            hint = next(arm for arm in get_args(hint) if arm is not type(None))
        kinds = {bool: "boolean", int: "integer", float: "number"}
        kind = "regions" if item.name.endswith("regions") else kinds.get(hint, "string")
        least, most = RANGES.get(item.name, (None, None))
        default = [] if kind == "regions" else item.default
        table[item.name] = Option(item.name, kind, default, tuple(choices), least, most)
    return table


def policy_from(said: Iterable[tuple[str, str]], limits: Limits) -> Policy:
    """A policy out of the fields of a query or a form.

    Args:
        said: names and values, in any order; empty values are left out.
        limits: what one image may cost; the operator's, not the client's.

    Raises:
        InvalidPolicy: an option is unknown or has a value that is not allowed.
    """
    texts: dict[str, list[str]] = {}
    for name, text in said:
        if name not in options():
            raise InvalidPolicy(f"an option is not known; there are {', '.join(options())}")
        if text.strip():
            texts.setdefault(name, []).append(text)
    values = {name: options()[name].read(found) for name, found in texts.items()}
    for name in ("regions", "keep_regions"):
        if len(values.get(name, ())) > MOST_REGIONS:
            raise InvalidPolicy(f"{name}: {MOST_REGIONS} at the most")
    return Policy(**values, limits=limits)


def _region(name: str, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidPolicy(f"{name}: a region is left,top,right,bottom in px") from error
    if len(numbers) != 4 or max(abs(number) for number in numbers) > 1 << 31:
        raise InvalidPolicy(f"{name}: a region is left,top,right,bottom in px")
    return numbers
