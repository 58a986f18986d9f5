"""The options of a request, as query and as fields of its form: every value is parsed once, as it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif import detectors
from rmexif.errors import InvalidPolicy, RmexifError
from rmexif.options import Option, policy_options
from rmexif.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["OptionReader", "request_options"]

MAX_REGIONS = 500  # of one option: more would only make the search for overlaps slow
VALUES = Option("values", "boolean", False, "say what the findings hold: coordinates, names, dates")
PICTURE = Option("picture", "boolean", True, "answer with the picture; false: with the report alone")
FRAME = Option("frame", "integer", 0, "the frame that is drawn, from 0", range=(0, 65_535))

THOROUGH = Option("thorough", "boolean", False, "JPEG XL, AVIF, HEIC: find bytes behind the last codes, by decoding")
CANONICAL = Option("canonical", "boolean", False, "ask whether the file is, byte for byte, what strip would write")
# Of the routes without a policy: options of their own, and names of those that they share with it.
OWN: dict[str, tuple[tuple[Option, ...], tuple[str, ...]]] = {
    "inspect": ((VALUES,), ()),
    "strip": ((THOROUGH,), ("keep", "set")),
    "verify": ((THOROUGH, CANONICAL), ("keep",)),
}


def request_options(job: str) -> dict[str, Option]:
    """What a client may say to a route; the tables are asked anew at every call."""
    if job in ("scrub", "preview"):
        known = {name: option for name, option in policy_options().items() if not option.is_operators}
        known["detectors"] = _by_name_alone(known["detectors"])
        return known | ({PICTURE.name: PICTURE, FRAME.name: FRAME} if job == "preview" else {})
    own, shared = OWN.get(job, ((), ()))
    known = policy_options()
    return {option.name: option for option in (*own, *(known[name] for name in shared))}


class OptionReader:
    """Collects the values that a request gives to its options.

    Args:
        known: the options of the route.
    """

    def __init__(self, known: Mapping[str, Option]) -> None:
        self._known = known
        self._values: dict[str, Any] = {}

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take names and values out of a query or a form; empty values are left out.

        Raises:
            InvalidPolicy: an option is unknown, is given twice, or has a value that is not allowed.
        """
        for name, text in pairs:
            option = self._known.get(name)
            if option is None:
                known = f"one of {', '.join(self._known)}" if self._known else "left out: this route has none"
                raise InvalidPolicy(f"an option must be {known}")
            if not text.strip():
                continue
            value = option.parse(text.strip())
            if option.is_repeatable:
                value = (*self._values.get(name, ()), *value)
                if len(value) > MAX_REGIONS:
                    raise InvalidPolicy(f"{name} must hold at most {MAX_REGIONS}, got {len(value)}")
            elif name in self._values:
                raise InvalidPolicy(f"{name} must be given once, got two values")
            self._values[name] = value

    def values(self) -> dict[str, Any]:
        """What was given, by name."""
        return dict(self._values)


def _by_name_alone(option: Option) -> Option:
    """Without the detectors that need an argument: ``yunet:FILE`` would have the server open a client's file name."""
    names = tuple(name for name in option.choices if _needs_no_argument(name))
    return Option(option.name, option.kind, option.default, option.help, choices=names)


def _needs_no_argument(name: str) -> bool:
    try:
        detectors.build(name, Policy())
    except RmexifError:
        return False
    return True
