"""Chromium shows what comes out as it showed what went in: strip to the last bit, scrub within 3 of 255.

``python -m pytest tests/shown -m slow`` tries 200 files of each kind. A file is named by its kind and number:
``judge.made("png", 71)``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rmexif import Policy, RmexifError, Scrubber, strip
from tests.shown import exceptions, judge
from tests.shown.chromium import Shown, viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.shown.chromium import Viewer

PLAIN = Policy(faces=False, stealth=False)
FEW, MANY = range(10), range(200)


def scrubbed(raw: bytes) -> bytes:
    """Through ``scrub`` without a search and without stealth."""
    return Scrubber(raw, PLAIN).process()[0]


MODES: dict[str, Callable[[bytes], bytes]] = {"strip": lambda raw: strip(raw)[0], "scrub": scrubbed}


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Viewer]:
    with viewer(browser) as found:
        yield found


def outcome(clean: Callable[[bytes], bytes], raw: bytes) -> bytes | str:
    """What comes out, or the refusal."""
    try:
        return clean(raw)
    except RmexifError as error:
        return f"refused: {error}"


def complaints(page: Viewer, kind: str, mode: str, numbers: range) -> list[str]:
    """What Chromium shows otherwise, of files of a kind."""
    files = {number: judge.made(kind, number) for number in numbers}
    show = partial(_shown, page, judge.KINDS[kind].format)
    before = show({number: file.data for number, file in files.items()})
    wanted = [number for number in files if before[number] is not None]  # what it does not show, it cannot judge
    assert len(wanted) >= 0.9 * len(files)
    results = {number: outcome(MODES[mode], files[number].data) for number in wanted}
    after = show({number: data for number, data in results.items() if isinstance(data, bytes)})
    found = []
    for number in wanted:
        traits, result = files[number].traits, results[number]
        if isinstance(result, str):
            found.append(f"{number} {sorted(traits)} {result}")
        elif exceptions.reason(kind, mode, traits) is None:
            allowed = judge.tolerance(kind, mode, traits)
            if text := judge.difference(before[number], after[number], allowed):
                found.append(f"{number} {sorted(traits)} {text}")
    return found


def _shown(page: Viewer, name: str, files: dict[int, bytes]) -> dict[int, Shown | None]:
    return dict(zip(files, page.show([(data, name) for data in files.values()]), strict=True))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", judge.KINDS)
def test_a_few_files_look_as_they_did(page: Viewer, kind: str, mode: str) -> None:
    """The first files of each kind."""
    assert complaints(page, kind, mode, FEW) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", judge.KINDS)
def test_many_files_look_as_they_did(page: Viewer, kind: str, mode: str) -> None:
    """200 files of each kind."""
    assert complaints(page, kind, mode, MANY) == []


def test_the_judge_sees_what_differs() -> None:
    """A sample, a size, a duration, the repetitions, a frame."""
    still = np.zeros((2, 4, 4, 3), np.uint8)
    other = still.copy()
    other[0, 0, 0, 0] = 1
    shown = Shown(still, (still, still), (10.0, 20.0), "3")
    exact, three = judge.Tolerance(0, 0), judge.Tolerance(3, 3)

    assert judge.difference(shown, shown, exact) is None
    assert judge.difference(None, None, exact) is None
    assert judge.difference(shown, None, exact) == "one is broken"
    for changed in (
        Shown(other, shown.frames, shown.durations, "3"),
        Shown(still, (still, other), shown.durations, "3"),
    ):
        assert judge.difference(shown, changed, exact)
        assert judge.difference(shown, changed, three) is None
    for changed in (
        Shown(still[:, :2], shown.frames, shown.durations, "3"),
        Shown(still, (still,), (10.0,), "3"),
        Shown(still, shown.frames, (10.0, 30.0), "3"),
        Shown(still, shown.frames, shown.durations, "Infinity"),
        Shown(still + np.uint8(4), shown.frames, shown.durations, "3"),
    ):
        assert judge.difference(shown, changed, three)


def test_every_exception_is_met() -> None:
    """A row that no generated file meets would hide a fault one day."""
    traits = {kind: [judge.made(kind, number).traits for number in MANY] for kind in judge.KINDS}

    for row in exceptions.EXCEPTIONS:
        assert any(row.traits <= found for kind in row.kinds for found in traits[kind]), row
