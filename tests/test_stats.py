"""The report's fields: documented, typed, and the same as in the last release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from rmexif import Policy, Scrubber, strip
from rmexif.stats import VERSION, Stats
from tests import samples

GOLDEN = Path(__file__).parent / "goldens" / "stats.json"


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what a type hint says."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return fits(value, args[0])
    if is_typeddict(hint):
        hints = get_type_hints(hint, include_extras=True)
        required = {name for name, kind in hints.items() if get_origin(kind) is not NotRequired}
        return required <= set(value) <= set(hints) and all(fits(value[name], hints[name]) for name in value)
    if origin is list:
        return isinstance(value, list) and all(fits(item, args[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, args[0]) and fits(v, args[1]) for k, v in value.items())
    if origin is Literal:
        return value in args
    if origin is Union or (args and type(None) in args):
        return any(fits(value, arm) for arm in args)
    if hint is Any:
        return True
    return isinstance(value, (int, float) if hint is float else hint) and (hint is bool or not isinstance(value, bool))


def reports() -> dict[str, Any]:
    """A report of every mode."""
    raw = samples.of("gif")["plain"] if "plain" in samples.of("gif") else next(iter(samples.of("gif").values()))
    return {
        "scrub": Scrubber(raw).process()[1],
        "scrub with regions": Scrubber(raw, Policy(regions=((0, 0, 4, 4),), stealth=False)).process()[1],
        "dry run": Scrubber(raw).dry_run(),
        "preview": Scrubber(raw).preview()[1],
        "strip": strip(raw)[1],
    }


@pytest.mark.parametrize("mode", ["scrub", "scrub with regions", "dry run", "preview", "strip"])
def test_reports_are_what_they_say(mode: str, astronaut: bytes) -> None:
    """Every field is documented with its type, and plain JSON."""
    stats = reports()[mode]

    assert fits(stats, Stats), stats
    assert json.loads(json.dumps(stats)) == stats
    assert stats["stats_version"] == VERSION
    assert stats["mode"] in mode


def test_a_report_with_faces_is_what_it_says(astronaut: bytes) -> None:
    """Detections with their boxes."""
    stats = Scrubber(astronaut).dry_run()

    assert stats["faces"]
    assert fits(stats, Stats), stats


def test_the_schema_is_that_of_the_last_release() -> None:
    """A field that goes or changes its meaning takes a new version; the snapshot is renewed on purpose."""
    hints = get_type_hints(Stats, include_extras=True)
    schema = {"version": VERSION, "fields": {name: str(hint).replace("typing.", "") for name, hint in hints.items()}}

    assert schema == json.loads(GOLDEN.read_text())
